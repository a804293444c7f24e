// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/reactor.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"

int osc_reactor_open(struct osc_reactor *l, struct osc_error *e)
{
	*l = (struct osc_reactor){ .epoll = -1 };
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return osc_error_set(e, errno,
				     "cannot make an epoll instance: %s",
				     strerror(errno));
	return 0;
}

void osc_reactor_close(struct osc_reactor *l)
{
	if (l->epoll >= 0)
		close(l->epoll);
	l->epoll = -1;
}

int osc_reactor_run(struct osc_reactor *l, struct osc_error *e)
{
	while (!l->done) {
		struct epoll_event ev;
		/* One at a time: a handler may remove, and free, any other
     * source, whose event must then not be in our hands.
     */
		int n = epoll_wait(l->epoll, &ev, 1, -1);
		struct osc_source *s;

		if (n < 0 && errno != EINTR)
			return osc_error_set(e, errno,
					     "cannot wait for events: %s",
					     strerror(errno));
		if (n <= 0)
			continue;
		s = ev.data.ptr;
		s->fn(s->arg, ev.events);
		if (l->between)
			l->between(l->arg);
	}
	return 0;
}

int osc_reactor_add(struct osc_reactor *l, struct osc_source *s, int fd,
		    uint32_t events, osc_reactor_fn *fn, void *arg,
		    struct osc_error *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev))
		return osc_error_set(e, errno, "cannot watch a descriptor: %s",
				     strerror(errno));
	*s = (struct osc_source){ .fd = fd, .fn = fn, .arg = arg };
	return 0;
}

int osc_reactor_change(struct osc_reactor *l, struct osc_source *s,
		       uint32_t events, struct osc_error *e)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, s->fd, &ev))
		return osc_error_set(e, errno, "cannot watch a descriptor: %s",
				     strerror(errno));
	return 0;
}

void osc_reactor_remove(struct osc_reactor *l, struct osc_source *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
}

static void timer_fired(void *arg, uint32_t events)
{
	struct osc_timer *t = arg;
	uint64_t times;

	(void)events;
	/* Nothing to read when it was set anew since it fired. */
	if (read(t->source.fd, &times, sizeof(times)) == sizeof(times))
		t->fn(t->arg);
}

int osc_timer_open(struct osc_reactor *l, struct osc_timer *t,
		   void (*fn)(void *arg), void *arg, struct osc_error *e)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int ret;

	t->source.fd = -1;
	t->fn = fn;
	t->arg = arg;
	if (fd < 0)
		return osc_error_set(e, errno, "cannot make a timer: %s",
				     strerror(errno));
	ret = osc_reactor_add(l, &t->source, fd, EPOLLIN, timer_fired, t, e);
	if (ret)
		close(fd);
	return ret;
}

static struct timespec span(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / OSC_NS_PER_S),
				  (long)(ns % OSC_NS_PER_S) };
}

int osc_timer_set(struct osc_timer *t, uint64_t first_ns, uint64_t every_ns,
		  struct osc_error *e)
{
	struct itimerspec when = { .it_value = span(first_ns),
				   .it_interval = span(every_ns) };

	if (timerfd_settime(t->source.fd, 0, &when, NULL))
		return osc_error_set(e, errno, "cannot set a timer: %s",
				     strerror(errno));
	return 0;
}

void osc_timer_close(struct osc_reactor *l, struct osc_timer *t)
{
	int fd = t->source.fd;

	if (fd < 0)
		return;
	osc_reactor_remove(l, &t->source);
	close(fd);
}
