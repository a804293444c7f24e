// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"

#define READ_SIZE 65536
/* A document with its histograms is some tens of kilobytes. */
#define DOCUMENT_MAX (16u << 20)
#define WORDS 16

struct words {
	const char *argv[WORDS];
	char connections[24], amount[40];
};

static void compose(const struct osc_daemon *d,
		    const struct osc_loader_options *o, struct words *w)
{
	size_t n = 0;

	snprintf(w->connections, sizeof(w->connections), "%" PRIu64,
		 o->connections);
	w->argv[n++] = d->osconcepts;
	w->argv[n++] = "load";
	w->argv[n++] = o->url;
	w->argv[n++] = "--connections";
	w->argv[n++] = w->connections;
	if (o->requests) {
		snprintf(w->amount, sizeof(w->amount), "%" PRIu64, o->requests);
		w->argv[n++] = "--requests";
	} else {
		snprintf(w->amount, sizeof(w->amount), "%" PRIu64 "ns",
			 o->duration_ns);
		w->argv[n++] = "--duration";
	}
	w->argv[n++] = w->amount;
	if (o->close) {
		w->argv[n++] = "--requests-per-connection";
		w->argv[n++] = "1";
	}
	w->argv[n++] = "--json";
	w->argv[n++] = "--no-progress";
	w->argv[n] = NULL;
}

static void unwatch_events(struct osc_loader *l)
{
	osc_reactor_remove(&l->d->loop, &l->out);
	osc_reactor_remove(&l->d->loop, &l->death);
	osc_timer_close(&l->d->loop, &l->timer);
}

static void check_end(struct osc_loader *l)
{
	if (!l->output_ended || !l->child.ended)
		return;
	unwatch_events(l);
	l->ended(l->arg);
}

static bool make_room(struct osc_loader *l)
{
	size_t capacity = l->capacity + READ_SIZE;
	char *text;

	if (l->capacity - l->length >= READ_SIZE)
		return true;
	if (capacity > DOCUMENT_MAX)
		return false;
	text = realloc(l->text, capacity);
	if (!text)
		return false;
	l->text = text;
	l->capacity = capacity;
	return true;
}

static void on_output(void *arg, uint32_t events)
{
	struct osc_loader *l = arg;
	ssize_t n = -1;

	(void)events;
	if (make_room(l)) {
		n = read(l->child.out, l->text + l->length,
			 l->capacity - l->length);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
	}
	if (n > 0) {
		l->length += (size_t)n;
		return;
	}
	/* Too much or broken is cut off, and then not a document. */
	if (n < 0)
		osc_child_kill(&l->child, SIGKILL, NULL);
	osc_reactor_remove(&l->d->loop, &l->out);
	l->output_ended = true;
	check_end(l);
}

static void on_death(void *arg, uint32_t events)
{
	struct osc_loader *l = arg;

	(void)events;
	osc_reactor_remove(&l->d->loop, &l->death);
	/* It is dead: this does not block, and cannot fail but by a bug. */
	if (osc_child_wait(&l->child, 0, NULL))
		l->child.ended = true;
	check_end(l);
}

static void on_late(void *arg)
{
	struct osc_loader *l = arg;

	l->late = true;
	osc_child_kill(&l->child, SIGKILL, NULL);
	/* Another process may have its end of the pipe. */
	osc_reactor_remove(&l->d->loop, &l->out);
	l->output_ended = true;
	check_end(l);
}

static int start(struct osc_daemon *d, struct osc_loader *l,
		 const struct osc_loader_options *o, struct osc_error *e)
{
	struct words w;
	struct osc_child_options child = {
		.flags = OSC_CHILD_STDIN_NULL | OSC_CHILD_CAPTURE |
			 OSC_CHILD_GROUP | OSC_CHILD_PDEATHSIG,
		.cpus = o->cpus,
	};
	int ret;

	compose(d, o, &w);
	child.argv = w.argv;
	ret = osc_child_start(&l->child, &child, e);
	if (!ret && fcntl(l->child.out, F_SETFL, O_NONBLOCK))
		ret = osc_error_set(e, errno, "cannot use a pipe: %s",
				    strerror(errno));
	if (!ret)
		ret = osc_reactor_add(&d->loop, &l->out, l->child.out, EPOLLIN,
				      on_output, l, e);
	if (!ret)
		ret = osc_reactor_add(&d->loop, &l->death, l->child.pidfd,
				      EPOLLIN, on_death, l, e);
	if (!ret)
		ret = osc_timer_open(&d->loop, &l->timer, on_late, l, e);
	if (!ret)
		ret = osc_timer_set(&l->timer, o->limit_ns, 0, e);
	return ret;
}

int osc_loader_start(struct osc_daemon *d, struct osc_loader *l,
		     const struct osc_loader_options *o,
		     void (*ended)(void *arg), void *arg, struct osc_error *e)
{
	int ret;

	*l = (struct osc_loader)OSC_LOADER_NONE;
	l->d = d;
	l->ended = ended;
	l->arg = arg;
	ret = start(d, l, o, e);
	if (ret)
		osc_loader_close(l);
	return ret;
}

int osc_loader_result(struct osc_loader *l, json_t **document,
		      struct osc_error *e)
{
	int code = osc_child_exit_code(&l->child);

	*document = NULL;
	if (l->late)
		return osc_error_set(e, ETIMEDOUT,
				     "the load generator did not end in time "
				     "and was killed; try fewer --requests");
	if (WIFSIGNALED(l->child.status))
		return osc_error_set(e, ECHILD,
				     "the load generator was killed by signal "
				     "%d (%s); see whether memory ran out",
				     WTERMSIG(l->child.status),
				     strsignal(WTERMSIG(l->child.status)));
	/* Not valid is a result: its document says why. */
	if (code != OSC_EXIT_OK && code != OSC_EXIT_INVALID)
		return osc_error_set(e, ECHILD,
				     "the load generator failed with exit code "
				     "%d; see its message on the daemon's "
				     "standard error",
				     code);
	*document = json_loadb(l->text ?: "", l->length, 0, NULL);
	if (!json_is_object(*document)) {
		json_decref(*document);
		*document = NULL;
		return osc_error_set(e, EPROTO,
				     "cannot read what the load generator "
				     "wrote: it is no JSON object; see whether "
				     "it is of the same version");
	}
	return 0;
}

void osc_loader_close(struct osc_loader *l)
{
	if (l->d)
		unwatch_events(l);
	osc_child_close(&l->child);
	free(l->text);
	*l = (struct osc_loader)OSC_LOADER_NONE;
}
