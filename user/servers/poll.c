// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * poll.c - the event loop on poll. The kernel is handed the whole list at each
 * wait, and looks at every entry: a request costs more the more connections
 * are idle.
 */
#include <errno.h>
#include <poll.h>

#include "lib/reserve.h"
#include "servers/event.h"

/* One loop in a process. */
static struct pollfd *list;
static nfds_t nr;
static uint32_t *place; /* by descriptor: index in the list + 1; 0: not there */

static int open_poll(struct osc_event_loop *l)
{
	list = osc_reserve(l->table_size * sizeof(*list));
	place = osc_reserve(l->table_size * sizeof(*place));
	return list && place ? 0 : -ENOMEM;
}

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	(void)l;
	if (anew) {
		list[nr].fd = fd;
		place[fd] = (uint32_t)++nr;
	}
	list[place[fd] - 1].events =
		(short)((interest & OSC_EVENT_IN ? POLLIN : 0) |
			(interest & OSC_EVENT_OUT ? POLLOUT : 0));
	return 0;
}

/* The last one takes its place. */
static void forget(struct osc_event_loop *l, int fd)
{
	uint32_t at = place[fd] - 1;

	(void)l;
	list[at] = list[--nr];
	place[list[at].fd] = at + 1;
	place[fd] = 0;
}

/* From the end: the one that takes a forgotten one's place has had its turn. */
static void tell(struct osc_event_loop *l, int left)
{
	for (nfds_t i = nr; i-- && left;) {
		short events = list[i].revents;

		if (!events)
			continue;
		left--;
		osc_event_ready(l, list[i].fd,
				(events & POLLIN ? OSC_EVENT_IN : 0) |
					(events & POLLOUT ? OSC_EVENT_OUT : 0) |
					(events & (POLLERR | POLLHUP) ?
						 OSC_EVENT_BROKEN :
						 0));
	}
}

static int wait_poll(struct osc_event_loop *l, const struct timespec *timeout)
{
	int ready = ppoll(list, nr, timeout, NULL);

	ready = osc_event_waited(l, timeout, ready);
	if (ready > 0)
		tell(l, ready);
	return ready < 0 ? ready : 0;
}

const struct osc_event_backend osc_event_poll = {
	.open = open_poll,
	.watch = watch,
	.forget = forget,
	.wait = wait_poll,
};
