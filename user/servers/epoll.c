// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll.c - the event loop on level-triggered epoll. A connection is registered
 * once, when it is accepted; in steady state a request costs one wait shared
 * with others, one read and one write.
 */
#include "servers/engine.h"
#include "servers/epoll_set.h"

static const struct osc_event_backend backend = {
	.open = osc_epoll_open,
	.watch = osc_epoll_watch,
	.wait = osc_epoll_wait,
};

int osc_engine_epoll(struct osc_server *server, unsigned int index,
		     struct osc_server_report *report, struct osc_error *e)
{
	/* Static: one loop in a process, and too large for a stack. */
	static struct osc_event_loop loop;

	(void)report; /* the master's: what is left open is what was cut */
	return osc_event_run(&loop, server, index, &backend, e);
}
