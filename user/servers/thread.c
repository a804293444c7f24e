// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thread.c - a thread per connection, detached, on a small stack. All threads
 * share one process, which a crash of any ends: a master replaces it.
 */
#include <errno.h>

#include "servers/engine.h"
#include "servers/threads.h"

static void *serve(void *connection)
{
	osc_threads_serve(connection);
	return NULL;
}

static int start(void *threads, int fd)
{
	struct osc_thread_connection *c = osc_threads_enter(threads, fd);
	int ret;

	if (!c)
		return -ENOMEM;
	ret = osc_threads_create(threads, serve, c);
	if (ret)
		osc_threads_cancel(c);
	return ret;
}

static unsigned int active(void *threads)
{
	struct osc_threads *t = threads;

	return osc_threads_active(t, t->server->workers);
}

/* Threads see to their own end. */
static void tend(void *threads)
{
	(void)threads;
}

int osc_engine_thread(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e)
{
	/* Static: after the grace, threads may still be at work as we exit. */
	static struct osc_threads t;
	struct osc_acceptor a = {
		.server = server,
		.service = &t.service,
		.listener = osc_server_listener(server, index),
		.limit = server->workers,
		.stop = &osc_threads_stopped,
		.engine = &t,
		.active = active,
		.start = start,
		.tend = tend,
	};
	int ret = osc_threads_set_up(&t, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	if (ret)
		return ret;
	a.wake_fd = t.wake_fd;
	osc_threads_waiting_mask(&a.waiting_mask);
	ret = osc_acceptor_run(&a, e);
	osc_threads_drain(&t);
	return ret;
}
