// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_shared.c - a loop per CPU, and one listener for all of them. Each loop
 * has it in its own epoll set with EPOLLEXCLUSIVE, so that a new connection
 * wakes one of those that sleep, the last to have fallen asleep first.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "servers/epoll_set.h"

/* One that is exclusive cannot be changed: it goes and comes again. */
static int watch_listener(struct osc_event_loop *l, int fd,
			  enum osc_event_interest interest)
{
	struct epoll_event event = {
		.data.fd = fd,
		.events = EPOLLIN | EPOLLEXCLUSIVE,
	};
	int op = interest ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	return epoll_ctl(l->wait_fd, op, fd, &event) ? -errno : 0;
}

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	if (l->table[fd].state == OSC_EVENT_LISTENER)
		return watch_listener(l, fd, interest);
	return osc_epoll_watch(l, fd, interest, anew);
}

/*
 * Other processes have the listener open, too, and while one of them has, a set
 * of which it was a member goes on telling of it.
 */
static void forget(struct osc_event_loop *l, int fd)
{
	if (l->table[fd].state == OSC_EVENT_LISTENER && l->listening)
		epoll_ctl(l->wait_fd, EPOLL_CTL_DEL, fd, NULL);
}

const struct osc_event_backend osc_event_epoll_shared = {
	.open = osc_epoll_open,
	.watch = watch,
	.forget = forget,
	.wait = osc_epoll_wait,
};
