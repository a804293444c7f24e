/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accepted.h - connections that are accepted and have to wait for room: those
 * that the kernel accepts before its completions are read, and those that are
 * there at the stop, when the listener goes and would reset them.
 */
#ifndef OSC_SERVERS_ACCEPTED_H
#define OSC_SERVERS_ACCEPTED_H

#include <stdbool.h>
#include <stddef.h>

/* Descriptors, first come first served. */
struct osc_accepted {
	int *fd;
	size_t first, last, room;
};

/*
 * With room for as many descriptors as the process may have, there always is some.
 * Given back by the end of the process. Returns 0 or -errno.
 */
int osc_accepted_open(struct osc_accepted *a, size_t room);
void osc_accepted_put(struct osc_accepted *a, int fd);
/* There is one. */
int osc_accepted_take(struct osc_accepted *a);

static inline size_t osc_accepted_left(const struct osc_accepted *a)
{
	return a->last - a->first;
}

#endif
