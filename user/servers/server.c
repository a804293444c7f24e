// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/error.h"
#include "lib/signals.h"
#include "servers/board.h"
#include "servers/closing.h"
#include "servers/engine.h"
#include "servers/listen.h"
#include "servers/supervise.h"

/* Descriptors that one process needs beside its connections. */
#define OTHER_DESCRIPTORS 32
/* Without so many more than the listeners there is nothing to serve with. */
#define LEAST_DESCRIPTORS 6
/* What a process takes on at most, unless --max-connections says more. */
#define CONNECTIONS_DEFAULT (1u << 20)

void osc_server_defaults(struct osc_server_config *config)
{
	*config = (struct osc_server_config){
		.address = "127.0.0.1",
		.port = 8080,
		.backlog = 4096,
		.limits = {
			.line_bytes = 4 << 10,
			.head_bytes = 8 << 10,
			.fields = 100,
			.body_bytes = 1 << 20,
		},
		.header_timeout_ns = 10 * OSC_NS_PER_S,
		.idle_timeout_ns = 60 * OSC_NS_PER_S,
		.write_timeout_ns = 30 * OSC_NS_PER_S,
		.grace_ns = 10 * OSC_NS_PER_S,
		.spare_min = 5,
		.spare_max = 10,
		.ready_fd = -1,
	};
}

int osc_server_listener(const struct osc_server *server, unsigned int index)
{
	return server
		->listeners[server->config->engine->listener_each ? index : 0];
}

int osc_server_no_page(struct osc_error *e)
{
	return osc_error_set(
		e, errno,
		"cannot share a page: %s; see the limits of 'ulimit -a'",
		strerror(errno));
}

void osc_server_service(const struct osc_server *server, unsigned int slot,
			bool exclusive, const atomic_bool *draining,
			struct osc_service *out)
{
	memset(out, 0, sizeof(*out));
	out->limits = server->config->limits;
	out->books = osc_account_books(server->account, slot, exclusive);
	out->draining = draining;
	out->closing = server->closing;
	out->body_file = server->body_file;
	out->one_request = server->config->engine->one_at_a_time;
}

/* As many descriptors as we may have: a connection costs one. */
static unsigned int raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { limit.rlim_max, limit.rlim_max };

		if (!setrlimit(RLIMIT_NOFILE, &raised))
			limit = raised;
	}
	return limit.rlim_cur < CONNECTIONS_DEFAULT ?
		       (unsigned int)limit.rlim_cur :
		       CONNECTIONS_DEFAULT;
}

static unsigned int default_workers(const struct osc_server_config *config)
{
	cpu_set_t cpus = config->cpus;
	int n;

	if (config->engine->workers_default)
		return config->engine->workers_default;
	if (!config->has_cpus && osc_cpus_allowed(&cpus, NULL))
		return 1;
	n = CPU_COUNT(&cpus);
	return n < (int)config->engine->workers_max ?
		       (unsigned int)n :
		       config->engine->workers_max;
}

static int check_sizes(const struct osc_server_config *config,
		       struct osc_error *e)
{
	unsigned int most = config->engine->descriptors_max;

	if (!most || config->max_connections <= most - OTHER_DESCRIPTORS)
		return 0;
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--max-connections %u: %s has descriptors up "
				  "to %u; try %u, or --model poll",
				  config->max_connections, config->engine->name,
				  most, most - OTHER_DESCRIPTORS);
}

static void set_sizes(struct osc_server *s)
{
	const struct osc_server_config *config = s->config;
	const struct osc_engine *engine = config->engine;
	unsigned int descriptors = raise_descriptors();

	if (engine->descriptors_max && descriptors > engine->descriptors_max)
		descriptors = engine->descriptors_max;
	s->workers = config->workers ? config->workers :
				       default_workers(config);
	s->max_connections = config->max_connections;
	if (!s->max_connections && engine->shares_descriptors)
		s->max_connections = descriptors > 2 * OTHER_DESCRIPTORS ?
					     descriptors - OTHER_DESCRIPTORS :
					     descriptors / 2;
	/* A worker that serves one connection is one connection. */
	if ((!engine->process_each || !engine->shares_descriptors) &&
	    s->max_connections && s->workers > s->max_connections)
		s->workers = s->max_connections;
	if (!s->max_connections)
		s->max_connections = s->workers;
	s->nr_listeners = engine->listener_each ? s->workers : 1;
}

static int set_affinity(const struct osc_server_config *config,
			struct osc_error *e)
{
	if (!config->has_cpus ||
	    !sched_setaffinity(0, sizeof(config->cpus), &config->cpus))
		return 0;
	return osc_error_set(e, errno,
			     "--cpus: %s; try CPUs that this process may use, "
			     "see 'taskset -p $$'",
			     strerror(errno));
}

/*
 * A server that cannot open what its engine needs would die, worker by worker,
 * after it has told where it is. Tried, since how many are open is not known.
 */
static int try_descriptors(int listener, struct osc_error *e)
{
	int fds[LEAST_DESCRIPTORS];
	int n = 0, err = 0;

	while (!err && n < LEAST_DESCRIPTORS) {
		fds[n] = fcntl(listener, F_DUPFD_CLOEXEC, 0);
		if (fds[n] < 0)
			err = errno;
		else
			n++;
	}
	while (n)
		close(fds[--n]);
	if (!err)
		return 0;
	return osc_error_set(e, err, "cannot serve: %s; try 'ulimit -n %d'",
			     strerror(err), 2 * OTHER_DESCRIPTORS);
}

int osc_server_ready(struct osc_server *s, struct osc_error *e)
{
	int fd = s->config->ready_fd;
	char text[8];
	int len = snprintf(text, sizeof(text), "%u\n", s->start.port);
	int ret;

	atomic_store(&s->account->state, OSC_ACCOUNT_SERVING);
	ret = s->started(&s->start, e);
	if (ret || fd < 0)
		return ret;
	if (write(fd, text, (size_t)len) != len)
		return osc_error_set(e, errno,
				     "--ready-fd %d: %s; try the "
				     "write end of an open pipe",
				     fd, strerror(errno));
	close(fd);
	return 0;
}

/* Stop signals wait until the engine, or its master, asks for them. */
static void block_signals(struct osc_server *s)
{
	sigset_t set;

	osc_signals_of_end(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, OSC_BOARD_ASK);
	sigprocmask(SIG_BLOCK, &set, &s->old_mask);
	/* Inherited from a nohup, say, it would hide the ends of children. */
	signal(SIGCHLD, SIG_DFL);
	/* Of the timers of workers; a stray one harms nobody. */
	signal(SIGALRM, SIG_IGN);
	osc_signals_start();
}

static int share_closing(struct osc_server *s, struct osc_error *e)
{
	const struct osc_engine *engine = s->config->engine;

	s->closing = osc_closing_new(
		engine->shares_descriptors ? s->max_connections : s->workers);
	return s->closing ? 0 : osc_server_no_page(e);
}

static int serve(struct osc_server *s, struct osc_server_report *report,
		 struct osc_error *e)
{
	const struct osc_engine *engine = s->config->engine;
	int ret;

	s->start.workers = s->workers;
	s->start.max_connections = s->max_connections;
	if (engine->supervised) {
		ret = osc_supervise(s, engine->process_each ? s->workers : 1,
				    report, e);
	} else {
		ret = osc_server_ready(s, e);
		if (ret)
			return ret;
		ret = engine->run(s, 0, report, e);
	}
	if (!ret)
		atomic_store(&s->account->state, OSC_ACCOUNT_STOPPED);
	osc_account_sum(s->account, &report->account);
	report->account_lost = !osc_account_is_intact(s->account);
	return ret;
}

int osc_server_run(const struct osc_server_config *config,
		   int (*started)(const struct osc_server_start *start,
				  struct osc_error *e),
		   struct osc_server_report *report, struct osc_error *e)
{
	struct osc_server s = {
		.config = config,
		.start = { .config = config },
		.started = started,
		.accept_lock = -1,
	};
	int ret;

	memset(report, 0, sizeof(*report));
	ret = check_sizes(config, e);
	if (ret)
		return ret;
	set_sizes(&s);
	ret = set_affinity(config, e);
	if (ret)
		return ret;
	s.listeners = calloc(s.nr_listeners, sizeof(*s.listeners));
	if (!s.listeners)
		return osc_error_set(e, ENOMEM,
				     "cannot keep %u listeners: out of memory",
				     s.nr_listeners);
	ret = osc_listen_open(config, s.nr_listeners, s.listeners,
			      &s.start.port, e);
	if (ret)
		goto out_free;
	osc_listen_url(config->address, s.start.port, "/", s.start.url,
		       sizeof(s.start.url));
	ret = try_descriptors(s.listeners[0], e);
	if (!ret)
		ret = osc_account_create(config->account_path,
					 config->engine->name, &s.account, e);
	if (ret)
		goto out_free;
	ret = share_closing(&s, e);
	if (ret)
		goto out_account;
	block_signals(&s);
	/* A limit of files' sizes, say, is in the way: they are written then. */
	s.body_file = osc_response_file();
	ret = serve(&s, report, e);
	if (s.body_file >= 0)
		close(s.body_file);
	osc_closing_free(s.closing);
out_account:
	osc_account_destroy(s.account);
out_free:
	free(s.listeners);
	return ret;
}
