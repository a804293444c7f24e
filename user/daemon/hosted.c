// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server's life: the child stands at its gate, is made a target, is let go,
 * says which port it has, serves, is told to stop, is a zombie whose books can
 * still be read, is reaped. Each step is an event of the loop.
 */
#include "daemon/hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/books.h"
#include "daemon/follow.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/procfs.h"
#include "servers/listen.h"

#define START_S 20u
#define GRACE_S 10u
/* Where the server finds its end of the pipe. */
#define READY_FD 3

const char *osc_hosted_state_name(const struct osc_hosted *s)
{
	static const char *const names[] = { "starting", "ready", "stopping",
					     "ended" };

	return names[s->state];
}

struct osc_hosted *osc_hosted_find(struct osc_daemon *d, unsigned int number)
{
	struct osc_hosted *s = d->hosted;

	while (s && s->number != number)
		s = s->next;
	return s;
}

static void account_path(const struct osc_hosted *s, char *path, size_t size)
{
	snprintf(path, size, "%s/account", s->directory);
}

/* Once the account is open its file has no more use. */
static void remove_directory(struct osc_hosted *s)
{
	char path[80];

	if (!*s->directory)
		return;
	account_path(s, path, sizeof(path));
	unlink(path);
	rmdir(s->directory);
	*s->directory = '\0';
}

static int make_directory(struct osc_hosted *s, struct osc_error *e)
{
	snprintf(s->directory, sizeof(s->directory), "/tmp/osconceptsd.XXXXXX");
	if (mkdtemp(s->directory))
		return 0;
	*s->directory = '\0';
	return osc_error_set(e, errno,
			     "cannot make a directory in /tmp: %s; see whether "
			     "it is full",
			     strerror(errno));
}

/* Takes it out of the loop; what it did can still be read. */
static void unwatch_events(struct osc_hosted *s)
{
	osc_reactor_remove(&s->d->loop, &s->ready_source);
	osc_reactor_remove(&s->d->loop, &s->death);
	osc_timer_close(&s->d->loop, &s->timer);
}

static void on_death(void *arg, uint32_t events)
{
	struct osc_hosted *s = arg;

	(void)events;
	/* The zombie still holds its group's number: workers that outlived it
   * serve nobody.
   */
	osc_child_kill(&s->child, SIGKILL, NULL);
	s->state = OSC_HOSTED_ENDED;
	unwatch_events(s);
	s->ended(s, s->arg);
}

/* It starts too slowly or does not stop. Its death is the next event. */
static void on_late(void *arg)
{
	struct osc_hosted *s = arg;

	if (s->state == OSC_HOSTED_STARTING)
		osc_error_set(
			&s->why, ETIMEDOUT,
			"the %s server did not start within %u s; try a less busy machine",
			s->options.model, START_S);
	else
		osc_error_set(
			&s->why, ETIMEDOUT,
			"the %s server did not stop within %u s of SIGTERM and was killed",
			s->options.model, GRACE_S);
	osc_child_kill(&s->child, SIGKILL, NULL);
}

void osc_hosted_stop(struct osc_hosted *s)
{
	if (s->state >= OSC_HOSTED_STOPPING)
		return;
	s->state = OSC_HOSTED_STOPPING;
	/* Not its group: how its workers end is the server's own affair. */
	pidfd_send_signal(s->child.pidfd, SIGTERM, NULL, 0);
	if (osc_timer_set(&s->timer, GRACE_S * OSC_NS_PER_S, 0, &s->why))
		osc_child_kill(&s->child, SIGKILL, NULL);
}

static int open_account(struct osc_hosted *s, struct osc_error *e)
{
	char path[80];
	int ret;

	account_path(s, path, sizeof(path));
	ret = osc_account_open(path, &s->account, e);
	remove_directory(s);
	return ret;
}

/* The line is whole: the server listens. */
static void become_ready(struct osc_hosted *s)
{
	uint64_t port;
	int ret;

	osc_reactor_remove(&s->d->loop, &s->ready_source);
	ret = osc_parse_u64("the server's port", s->line, 1, 65535, &port,
			    &s->why);
	if (!ret)
		ret = open_account(s, &s->why);
	if (!ret)
		ret = osc_timer_set(&s->timer, 0, 0, &s->why);
	if (ret) {
		osc_hosted_stop(s);
		return;
	}
	s->port = (unsigned int)port;
	s->state = OSC_HOSTED_READY;
	osc_listen_url(s->options.address, s->port, "", s->url, sizeof(s->url));
	s->ready(s, s->arg);
}

static void on_ready_line(void *arg, uint32_t events)
{
	struct osc_hosted *s = arg;
	ssize_t n = read(s->ready_fd, s->line + s->line_length,
			 sizeof(s->line) - 1 - s->line_length);
	char *end;

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		s->line_length += (size_t)n;
		s->line[s->line_length] = '\0';
		end = strchr(s->line, '\n');
		if (end) {
			*end = '\0';
			become_ready(s);
			return;
		}
		if (s->line_length < sizeof(s->line) - 1)
			return;
		osc_error_set(&s->why, EPROTO,
			      "the %s server did not say its port",
			      s->options.model);
		osc_hosted_stop(s);
	}
	/* Closed without a line: its death tells the rest. */
	osc_reactor_remove(&s->d->loop, &s->ready_source);
}

/* argv of the child: at most this many words. */
#define WORDS 20

struct words {
	const char *argv[WORDS];
	char port[12], workers[12], ready[12], account[80];
};

static void compose(const struct osc_hosted *s, struct words *w)
{
	const struct osc_hosted_options *o = &s->options;
	size_t n = 0;

	snprintf(w->port, sizeof(w->port), "%u", o->port);
	snprintf(w->workers, sizeof(w->workers), "%u", o->workers);
	snprintf(w->ready, sizeof(w->ready), "%d", READY_FD);
	account_path(s, w->account, sizeof(w->account));
	w->argv[n++] = s->d->osconcepts;
	w->argv[n++] = "serve";
	w->argv[n++] = "--model";
	w->argv[n++] = o->model;
	w->argv[n++] = "--address";
	w->argv[n++] = o->address;
	w->argv[n++] = "--port";
	w->argv[n++] = w->port;
	if (o->workers) {
		w->argv[n++] = "--workers";
		w->argv[n++] = w->workers;
	}
	w->argv[n++] = "--account";
	w->argv[n++] = w->account;
	w->argv[n++] = "--ready-fd";
	w->argv[n++] = w->ready;
	w->argv[n++] = "--quiet";
	w->argv[n] = NULL;
}

/* The child at its gate, with the pipe on which it will say its port. */
static int start_child(struct osc_hosted *s, struct osc_error *e)
{
	struct osc_child_fd fd = { .child = READY_FD };
	struct osc_child_options o = {
		.flags = OSC_CHILD_GATE | OSC_CHILD_STDIN_NULL |
			 OSC_CHILD_GROUP | OSC_CHILD_PDEATHSIG,
		.fds = &fd,
		.nr_fds = 1,
		.cpus = s->options.pinned ? &s->options.cpus : NULL,
	};
	struct words w;
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC))
		return osc_error_set(e, errno, "cannot make a pipe: %s",
				     strerror(errno));
	compose(s, &w);
	o.argv = w.argv;
	fd.parent = ends[1];
	s->ready_fd = ends[0];
	ret = osc_child_start(&s->child, &o, e);
	close(ends[1]);
	if (!ret && fcntl(s->ready_fd, F_SETFL, O_NONBLOCK))
		ret = osc_error_set(e, errno, "cannot use a pipe: %s",
				    strerror(errno));
	return ret;
}

static int start(struct osc_hosted *s, struct osc_error *e)
{
	int ret = osc_counters_open(&s->counters, s->options.source, e);

	if (!ret && !osc_counters_module(s->counters))
		osc_procfs_limit(s->counters, OSC_TREE_TASKS_MAX);
	if (!ret)
		ret = make_directory(s, e);
	if (!ret)
		ret = start_child(s, e);
	if (!ret)
		ret = osc_tree_watch(s->counters, s->child.pid, &s->target,
				     &s->base, e);
	if (!ret)
		ret = osc_child_release(&s->child, e);
	if (!ret)
		ret = osc_reactor_add(&s->d->loop, &s->ready_source,
				      s->ready_fd, EPOLLIN, on_ready_line, s,
				      e);
	if (!ret)
		ret = osc_reactor_add(&s->d->loop, &s->death, s->child.pidfd,
				      EPOLLIN, on_death, s, e);
	if (!ret)
		ret = osc_timer_open(&s->d->loop, &s->timer, on_late, s, e);
	if (!ret)
		ret = osc_timer_set(&s->timer, START_S * OSC_NS_PER_S, 0, e);
	return ret;
}

struct osc_hosted *osc_hosted_start(struct osc_daemon *d,
				    const struct osc_hosted_options *o,
				    void (*ready)(struct osc_hosted *, void *),
				    void (*ended)(struct osc_hosted *, void *),
				    void *arg, struct osc_error *e)
{
	struct osc_hosted *s = calloc(1, sizeof(*s));

	if (!s) {
		osc_error_set(e, ENOMEM,
			      "cannot start a server: out of memory");
		return NULL;
	}
	s->d = d;
	s->options = *o;
	if (s->options.source == OSC_COUNTERS_AUTO)
		s->options.source = d->kind;
	s->number = ++d->last_hosted;
	s->child = (struct osc_child)OSC_CHILD_NONE;
	s->ready_fd = s->account.fd = -1;
	s->ready_source.fd = s->death.fd = s->timer.source.fd = -1;
	s->ready = ready;
	s->ended = ended;
	s->arg = arg;
	s->next = d->hosted;
	d->hosted = s;
	if (start(s, e)) {
		osc_hosted_free(s);
		return NULL;
	}
	return s;
}

int osc_hosted_reap(struct osc_hosted *s, struct osc_error *e)
{
	return osc_child_wait(&s->child, 0, e);
}

static uint64_t tasks_made(const struct osc_account_snapshot *a)
{
	return 1 + a->value[OSC_ACCOUNT_FORKS] +
	       a->value[OSC_ACCOUNT_THREADS_CREATED];
}

static void prove(struct osc_counts *c, uint64_t made)
{
	uint64_t seen = c->tasks_live + c->tasks_exited;

	c->unproved = 0;
	if (made <= seen)
		return;
	c->lost += made - seen;
	osc_counts_missed(c, made - seen);
}

int osc_hosted_read(struct osc_hosted *s, struct osc_account_snapshot *account,
		    struct osc_counts *counts, struct osc_error *e)
{
	struct osc_account_snapshot after;
	int ret = osc_account_read(&s->account, account, e);

	if (!ret)
		ret = osc_counters_read(s->counters, s->target, counts, e);
	if (ret || counts->backend != OSC_BACKEND_PROCFS)
		return ret;
	ret = osc_account_read(&s->account, &after, e);
	/* One that was made meanwhile may stand for one that was not seen. */
	if (!ret && tasks_made(&after) == tasks_made(account))
		prove(counts, tasks_made(account));
	return ret;
}

int osc_hosted_sample(struct osc_hosted *s, struct osc_sample *out,
		      struct osc_error *e)
{
	struct osc_account_snapshot before, a;
	int ret;

	*out = (struct osc_sample){ 0 };
	ret = osc_hosted_read(s, &before, &out->counts, e);
	if (!ret)
		ret = osc_account_read(&s->account, &a, e);
	if (ret)
		return ret;
	out->time_ns = osc_clock_ns();
	/* The counters were read between the two. */
	for (int i = 0; i < OSC_NR_ACCOUNT; i++)
		out->account[i] =
			before.value[i] + (a.value[i] - before.value[i]) / 2;
	out->requests = out->account[OSC_ACCOUNT_REQUESTS];
	out->accepts = out->account[OSC_ACCOUNT_ACCEPTS];
	out->bytes_out = out->account[OSC_ACCOUNT_BYTES_OUT];
	return 0;
}

void osc_sample_announce(struct osc_daemon *d, const struct osc_ticket *t,
			 const struct osc_samples *samples)
{
	json_t *event = osc_sample_document(&samples->at[samples->n - 1],
					    samples->at[0].time_ns);

	if (event &&
	    !json_object_set_new(event, "event", osc_json_text("sample")))
		osc_client_event(d, t, event);
	else
		json_decref(event);
}

void osc_hosted_obituary(const struct osc_hosted *s, struct osc_error *e)
{
	const struct osc_child *c = &s->child;

	if (*s->why.text) {
		*e = s->why;
		return;
	}
	if (c->ended && WIFSIGNALED(c->status))
		osc_error_set(e, ECHILD,
			      "the %s server was killed by signal %d (%s); see "
			      "whether memory ran out",
			      s->options.model, WTERMSIG(c->status),
			      strsignal(WTERMSIG(c->status)));
	else
		osc_error_set(e, ECHILD,
			      "the %s server ended with exit code %d%s; see "
			      "its message on the daemon's standard error",
			      s->options.model,
			      c->ended ? osc_child_exit_code(c) : -1,
			      s->port ? "" : " before it listened");
	/* What it says is missing here is missing for us. */
	if (c->ended && osc_child_exit_code(c) == OSC_EXIT_MISSING)
		e->exit_code = OSC_EXIT_MISSING;
}

void osc_hosted_free(struct osc_hosted *s)
{
	struct osc_hosted **link = &s->d->hosted;

	osc_follow_end(s);
	unwatch_events(s);
	osc_child_close(&s->child);
	/* Its target vanishes with the handle that added it. */
	osc_counters_close(s->counters);
	osc_account_reader_close(&s->account);
	remove_directory(s);
	if (s->ready_fd >= 0)
		close(s->ready_fd);
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	free(s);
}
