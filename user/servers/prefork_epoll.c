// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prefork_epoll.c - the shape of nginx: a master, a worker with a loop per CPU,
 * one listener that each worker waits for by EPOLLEXCLUSIVE, and connections
 * that are told of by edges.
 */
#include "servers/epoll_set.h"

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	switch (l->table[fd].state) {
	case OSC_EVENT_LISTENER:
		return osc_epoll_watch_exclusive(l, fd, interest);
	case OSC_EVENT_SIGNAL:
		return osc_epoll_watch(l, fd, interest, anew);
	default:
		return osc_epoll_watch_edges(l, fd);
	}
}

const struct osc_event_backend osc_event_prefork_epoll = {
	.edge = true,
	.open = osc_epoll_open,
	.watch = watch,
	.forget = osc_epoll_forget_exclusive,
	.wait = osc_epoll_wait,
};
