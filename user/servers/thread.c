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
	struct osc_thread_connection *c = connection;
	struct osc_service service;

	osc_threads_service(c->threads, &service);
	osc_threads_serve(c, &service);
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

int osc_engine_thread(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e)
{
	/* Static: after the grace, threads may still be at work as we exit. */
	static struct osc_threads t;
	int ret = osc_threads_set_up(&t, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	return ret ? ret :
		     osc_threads_run(&t, osc_server_listener(server, index),
				     server->workers, start, e);
}
