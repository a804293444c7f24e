// SPDX-License-Identifier: GPL-2.0-or-later
/* osconceptsd - see user/daemon/reactor.h for the tour, osconceptsd(8) for use. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "daemon/exercise.h"
#include "daemon/run.h"
#include "lib/bars.h"
#include "lib/control.h"
#include "lib/error.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/program.h"
#include "lib/signals.h"
#include "lib/streams.h"
#include "lib/version.h"

struct options {
	char socket[108];
	bool has_socket;
	int client_fd; /* -1: listen */
	mode_t mode;
};

static void usage(FILE *out)
{
	fputs("Usage: osconceptsd [OPTIONS]\n"
	      "\n"
	      "Runs servers as targets of the osconcepts kernel module, samples\n"
	      "their counters and measures runs for osconcepts compare.\n"
	      "\n"
	      "Options:\n"
	      "      --socket PATH     the control socket (default for root\n"
	      "                        /run/osconcepts/control.sock, else\n"
	      "                        $XDG_RUNTIME_DIR/osconcepts/control.sock)\n"
	      "      --group GROUP     members may connect, too\n"
	      "      --backend KIND    auto, module or procfs (default auto)\n"
	      "      --osconcepts PATH the program that serves and loads\n"
	      "                        (default: beside this one, then by PATH)\n"
	      "      --client-fd FD    no socket: serve the client at the other\n"
	      "                        end of FD, and end with it\n"
	      "  -h, --help            show this help\n"
	      "  -V, --version         show the version\n"
	      "\n"
	      "It stays in the foreground. SIGTERM, SIGINT and SIGHUP end it and\n"
	      "all it started.\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, 2 usage, 77 something needed is\n"
	      "missing here. See osconceptsd(8).\n",
	      out);
}

static int fail(const struct osc_error *e)
{
	osc_text_say(stderr, "osconceptsd: %s", e->text);
	return e->exit_code ? (int)e->exit_code : OSC_EXIT_FAILED;
}

void osc_daemon_check_end(struct osc_daemon *d)
{
	if (d->ending && !d->run && !d->hosted)
		d->loop.done = true;
}

void osc_daemon_end(struct osc_daemon *d)
{
	if (d->ending)
		return;
	d->ending = true;
	if (d->run)
		osc_run_cancel(d->run, "osconceptsd is ending");
	for (struct osc_hosted *s = d->hosted; s; s = s->next)
		osc_hosted_stop(s);
	osc_daemon_check_end(d);
}

static void on_signal(void *arg, uint32_t events)
{
	struct osc_daemon *d = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(d->signals.fd, &info, sizeof(info)) == sizeof(info))
		osc_daemon_end(d);
}

static void between(void *arg)
{
	osc_clients_sweep(arg);
}

static int open_signals(struct osc_daemon *d, struct osc_error *e)
{
	int fd = osc_signals_open(e), ret;

	if (fd < 0)
		return fd;
	ret = osc_reactor_add(&d->loop, &d->signals, fd, EPOLLIN, on_signal, d,
			      e);
	if (ret)
		close(fd);
	return ret;
}

static int take_group(struct osc_daemon *d, const char *name,
		      struct osc_error *e)
{
	struct group *g = getgrnam(name);

	if (!g)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ENOENT,
					  "--group '%s': there is no such "
					  "group; see 'getent group'",
					  name);
	d->group = g->gr_gid;
	return 0;
}

static int take_text(char *out, size_t size, const char *what, const char *text,
		     struct osc_error *e)
{
	if (strlen(text) >= size)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ENAMETOOLONG,
					  "%s '%.60s...': longer than %zu "
					  "bytes",
					  what, text, size - 1);
	strcpy(out, text);
	return 0;
}

enum {
	SOCKET = 256,
	GROUP,
	BACKEND,
	OSCONCEPTS,
	CLIENT_FD,
	FOREGROUND,
	EXERCISE
};

static const struct option longs[] = {
	{ "socket", required_argument, NULL, SOCKET },
	{ "group", required_argument, NULL, GROUP },
	{ "backend", required_argument, NULL, BACKEND },
	/* Its name until 0.1. */
	{ "counters", required_argument, NULL, BACKEND },
	{ "osconcepts", required_argument, NULL, OSCONCEPTS },
	{ "client-fd", required_argument, NULL, CLIENT_FD },
	{ "foreground", no_argument, NULL, FOREGROUND },
	/* What the daemon calls itself with, to be counted: calibrate.c. */
	{ "exercise", no_argument, NULL, EXERCISE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int take_option(int c, struct osc_daemon *d, struct options *o,
		       struct osc_error *e)
{
	uint64_t fd = 0;
	int ret;

	switch (c) {
	case SOCKET:
		o->has_socket = true;
		return take_text(o->socket, sizeof(o->socket), "--socket",
				 optarg, e);
	case GROUP:
		o->mode = 0660;
		return take_group(d, optarg, e);
	case BACKEND:
		return osc_counters_kind_parse(optarg, &d->kind, e);
	case OSCONCEPTS:
		return take_text(d->osconcepts, sizeof(d->osconcepts),
				 "--osconcepts", optarg, e);
	case CLIENT_FD:
		ret = osc_parse_u64("--client-fd", optarg, 3, 65535, &fd, e);
		o->client_fd = (int)fd;
		return ret;
	default: /* --foreground: it always is */
		return 0;
	}
}

/* -1: go on, else the exit code. */
static int parse(int argc, char **argv, struct osc_daemon *d, struct options *o)
{
	struct osc_error e;
	int c;

	while ((c = osc_options_next(argc, argv, "hV", longs, &e)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return OSC_EXIT_OK;
		}
		if (c == 'V') {
			puts("osconceptsd " OSC_VERSION);
			return OSC_EXIT_OK;
		}
		if (c == EXERCISE)
			return osc_exercise_run();
		if (c == '?') {
			fail(&e);
			fprintf(stderr, "Try '%s --help'.\n",
				osc_program_daemon());
			return OSC_EXIT_USAGE;
		}
		if (take_option(c, d, o, &e))
			return fail(&e);
	}
	if (optind < argc) {
		osc_text_say(stderr,
			     "osconceptsd: '%s' is not an option; try "
			     "'%s --help'",
			     argv[optind], osc_program_daemon());
		return OSC_EXIT_USAGE;
	}
	return -1;
}

/* Servers with many connections need what the limit allows. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		/* Refused, they meet their limit and say so themselves. */
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int open_all(struct osc_daemon *d, struct options *o,
		    struct osc_error *e)
{
	struct osc_counters *probe;
	int ret = osc_reactor_open(&d->loop, e);

	d->loop.between = between;
	d->loop.arg = d;
	if (!*d->osconcepts)
		osc_program_beside("osconcepts", d->osconcepts,
				   sizeof(d->osconcepts));
	/* A source that is not there is better known now than at a run. */
	if (!ret)
		ret = osc_counters_open(&probe, d->kind, e);
	if (ret)
		return ret;
	osc_counters_close(probe);
	ret = open_signals(d, e);
	if (!ret && o->client_fd >= 0)
		return osc_clients_adopt(d, o->client_fd, e);
	if (!ret && !o->has_socket)
		ret = osc_control_path(o->socket, sizeof(o->socket), e);
	if (!ret)
		ret = osc_listen_on(d, o->socket, o->mode, e);
	if (!ret)
		osc_text_say(stderr, "osconceptsd: listening on %s", o->socket);
	return ret;
}

static void close_all(struct osc_daemon *d)
{
	osc_clients_close(d);
	osc_listen_end(d);
	if (d->signals.fd >= 0)
		close(d->signals.fd);
	osc_reactor_close(&d->loop);
}

static int run(int argc, char **argv)
{
	static struct osc_daemon d = {
		.loop = { .epoll = -1 },
		.listener = OSC_SOURCE_NONE,
		.resume = OSC_TIMER_NONE,
		.signals = OSC_SOURCE_NONE,
		.lock = -1,
		.group = (gid_t)-1,
	};
	struct options o = { .client_fd = -1, .mode = 0600 };
	struct osc_error e;
	int code = parse(argc, argv, &d, &o);
	int ret;

	if (code >= 0)
		return code;
	raise_descriptors();
	ret = open_all(&d, &o, &e);
	if (!ret)
		ret = osc_reactor_run(&d.loop, &e);
	close_all(&d);
	return ret ? fail(&e) : OSC_EXIT_OK;
}

int main(int argc, char **argv)
{
	struct osc_error e;
	int code;

	/* Before anything else opens a descriptor. */
	if (osc_streams_open())
		return OSC_EXIT_FAILED;
	osc_signals_start();
	code = osc_streams_finish(run(argc, argv), &e);
	return e.err ? fail(&e) : code;
}
