// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * select.c - the event loop on select. The kernel is handed a bit for every
 * descriptor up to the highest, and there are FD_SETSIZE of them: the model
 * ends there, by its interface.
 */
#include <errno.h>
#include <sys/select.h>

#include "servers/engine.h"
#include "servers/event.h"

_Static_assert(OSC_ENGINE_SELECT_FDS == FD_SETSIZE, "the bits of an fd_set");

/* One loop in a process. */
static fd_set readable, writable, watched;
static int highest = -1;

static int open_select(struct osc_event_loop *l)
{
	(void)l;
	return 0;
}

static void put(fd_set *set, int fd, bool in)
{
	if (in)
		FD_SET(fd, set);
	else
		FD_CLR(fd, set);
}

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	(void)l;
	(void)anew;
	if (fd >= FD_SETSIZE)
		return -EMFILE;
	FD_SET(fd, &watched);
	put(&readable, fd, interest & OSC_EVENT_IN);
	put(&writable, fd, interest & OSC_EVENT_OUT);
	if (fd > highest)
		highest = fd;
	return 0;
}

static void forget(struct osc_event_loop *l, int fd)
{
	(void)l;
	FD_CLR(fd, &watched);
	FD_CLR(fd, &readable);
	FD_CLR(fd, &writable);
	while (highest >= 0 && !FD_ISSET(highest, &watched))
		highest--;
}

/*
 * A peer that has gone makes a socket readable, and one that has broken
 * writable, too; select has no word for it where neither is asked for.
 */
static void tell(struct osc_event_loop *l, const fd_set *in, const fd_set *out,
		 int end, int left)
{
	for (int fd = 0; fd <= end && left > 0; fd++) {
		bool can_read = FD_ISSET(fd, in), can_write = FD_ISSET(fd, out);

		if (!can_read && !can_write)
			continue;
		left -= can_read + can_write;
		osc_event_ready(l, fd,
				(can_read ? OSC_EVENT_IN : 0) |
					(can_write ? OSC_EVENT_OUT : 0));
	}
}

static int wait_select(struct osc_event_loop *l, const struct timespec *timeout)
{
	fd_set in = readable, out = writable;
	int end = highest;
	int ready = pselect(end + 1, &in, &out, NULL, timeout, NULL);

	ready = osc_event_waited(l, timeout, ready);
	if (ready > 0)
		tell(l, &in, &out, end, ready);
	return ready < 0 ? ready : 0;
}

const struct osc_event_backend osc_event_select = {
	.open = open_select,
	.watch = watch,
	.forget = forget,
	.wait = wait_select,
};
