// SPDX-License-Identifier: GPL-2.0-or-later
/* epoll_set.c - registration in an epoll set, and the wait. */
#include "servers/epoll_set.h"

#include <errno.h>
#include <sys/epoll.h>

#include "lib/clock.h"

#define EVENTS_MAX 512

int osc_epoll_open(struct osc_event_loop *l)
{
	l->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->wait_fd < 0 ? -errno : 0;
}

int osc_epoll_watch(struct osc_event_loop *l, int fd,
		    enum osc_event_interest interest, bool anew)
{
	struct epoll_event event = { .data.fd = fd };

	if (interest & OSC_EVENT_IN)
		event.events |= EPOLLIN;
	if (interest & OSC_EVENT_OUT)
		event.events |= EPOLLOUT;
	osc_event_called(l);
	return epoll_ctl(l->wait_fd, anew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
			 &event) ?
		       -errno :
		       0;
}

int osc_epoll_watch_edges(struct osc_event_loop *l, int fd)
{
	struct epoll_event event = {
		.data.fd = fd,
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	};

	osc_event_called(l);
	return epoll_ctl(l->wait_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* One that is exclusive cannot be changed: it goes and comes again. */
int osc_epoll_watch_exclusive(struct osc_event_loop *l, int fd,
			      enum osc_event_interest interest)
{
	struct epoll_event event = {
		.data.fd = fd,
		.events = EPOLLIN | EPOLLEXCLUSIVE,
	};
	int op = interest ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	osc_event_called(l);
	return epoll_ctl(l->wait_fd, op, fd, &event) ? -errno : 0;
}

/*
 * Other processes have the listener open, too, and while one of them has, a set
 * of which it was a member goes on telling of it.
 */
void osc_epoll_forget_exclusive(struct osc_event_loop *l, int fd)
{
	if (l->table[fd].state != OSC_EVENT_LISTENER || !l->listening)
		return;
	osc_event_called(l);
	epoll_ctl(l->wait_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* To the nanosecond where the kernel can (5.11), or else to the next ms. */
static int wait_for(struct osc_event_loop *l, struct epoll_event *events,
		    const struct timespec *timeout)
{
	int nr = epoll_pwait2(l->wait_fd, events, EVENTS_MAX, timeout, NULL);

	if (nr >= 0 || errno != ENOSYS)
		return nr;
	return epoll_wait(
		l->wait_fd, events, EVENTS_MAX,
		timeout ? (int)(timeout->tv_sec * 1000 +
				timeout->tv_nsec / (long)OSC_NS_PER_MS) +
				  1 :
			  -1);
}

int osc_epoll_wait(struct osc_event_loop *l, const struct timespec *timeout)
{
	struct epoll_event events[EVENTS_MAX];
	int nr = wait_for(l, events, timeout);

	nr = osc_event_waited(l, timeout, nr);
	for (int i = 0; i < nr; i++) {
		uint32_t told = events[i].events;

		osc_event_ready(l, events[i].data.fd,
				(told & EPOLLIN ? OSC_EVENT_IN : 0) |
					(told & EPOLLOUT ? OSC_EVENT_OUT : 0) |
					(told & EPOLLRDHUP ? OSC_EVENT_HUP :
							     0) |
					(told & (EPOLLERR | EPOLLHUP) ?
						 OSC_EVENT_BROKEN :
						 0));
	}
	return nr < 0 ? nr : 0;
}
