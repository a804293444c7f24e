// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_et.c - the event loop on edge-triggered epoll. A connection is
 * registered once, for both directions, and never again: the kernel tells what
 * changes, and the loop remembers what it has not used up.
 */
#include "servers/epoll_set.h"

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	/* Whoever cannot take all that is there wants to be told again. */
	if (l->table[fd].state >= OSC_EVENT_LISTENER)
		return osc_epoll_watch(l, fd, interest, anew);
	return osc_epoll_watch_edges(l, fd);
}

const struct osc_event_backend osc_event_epoll_et = {
	.edge = true,
	.open = osc_epoll_open,
	.watch = watch,
	.wait = osc_epoll_wait,
};
