// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll.c - the event loop on level-triggered epoll. A connection is registered
 * once, when it is accepted; in steady state a request costs one wait shared
 * with others, one read and one write.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "lib/clock.h"
#include "servers/engine.h"
#include "servers/event.h"

#define EVENTS_MAX 512

static int open_epoll(struct osc_event_loop *l)
{
	l->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	return l->wait_fd < 0 ? -errno : 0;
}

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	struct epoll_event event = { .data.fd = fd };

	if (interest & OSC_EVENT_IN)
		event.events |= EPOLLIN;
	if (interest & OSC_EVENT_OUT)
		event.events |= EPOLLOUT;
	return epoll_ctl(l->wait_fd, anew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
			 &event) ?
		       -errno :
		       0;
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

static int wait_epoll(struct osc_event_loop *l, const struct timespec *timeout)
{
	struct epoll_event events[EVENTS_MAX];
	int nr = wait_for(l, events, timeout);
	int err = nr < 0 ? errno : 0;

	osc_event_waited(l);
	osc_event_count(l, OSC_ACCOUNT_WAITS, 1);
	osc_event_count(l, OSC_ACCOUNT_WAITS_BLOCKED, 1);
	if (err)
		return err == EINTR ? 0 : -err;
	osc_event_count(l, OSC_ACCOUNT_WAIT_EVENTS, (uint64_t)nr);
	for (int i = 0; i < nr; i++) {
		unsigned int broken = events[i].events & (EPOLLERR | EPOLLHUP);

		osc_event_ready(
			l, events[i].data.fd,
			(events[i].events & EPOLLIN ? OSC_EVENT_IN : 0) |
				(events[i].events & EPOLLOUT ? OSC_EVENT_OUT :
							       0) |
				(broken ? OSC_EVENT_BROKEN : 0));
	}
	return 0;
}

static const struct osc_event_backend backend = {
	.open = open_epoll,
	.watch = watch,
	.wait = wait_epoll,
};

int osc_engine_epoll(struct osc_server *server, unsigned int index,
		     struct osc_server_report *report, struct osc_error *e)
{
	/* Static: one loop in a process, and too large for a stack. */
	static struct osc_event_loop loop;

	(void)report; /* the master's: what is left open is what was cut */
	return osc_event_run(&loop, server, index, &backend, e);
}
