// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_shared.c - a loop per CPU, and one listener for all of them. Each loop
 * has it in its own epoll set with EPOLLEXCLUSIVE, so that a new connection
 * wakes one of those that sleep, the last to have fallen asleep first.
 */
#include "servers/epoll_set.h"

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	if (l->table[fd].state == OSC_EVENT_LISTENER)
		return osc_epoll_watch_exclusive(l, fd, interest);
	return osc_epoll_watch(l, fd, interest, anew);
}

const struct osc_event_backend osc_event_epoll_shared = {
	.open = osc_epoll_open,
	.watch = watch,
	.forget = osc_epoll_forget_exclusive,
	.wait = osc_epoll_wait,
};
