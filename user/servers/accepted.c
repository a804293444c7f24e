// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/accepted.h"

#include <errno.h>
#include <string.h>

#include "lib/reserve.h"

int osc_accepted_open(struct osc_accepted *a, size_t room)
{
	*a = (struct osc_accepted){
		.fd = osc_reserve(room * sizeof(*a->fd)),
		.room = room,
	};
	return a->fd ? 0 : -ENOMEM;
}

void osc_accepted_put(struct osc_accepted *a, int fd)
{
	if (a->last == a->room) {
		a->last -= a->first;
		memmove(a->fd, a->fd + a->first, a->last * sizeof(*a->fd));
		a->first = 0;
	}
	a->fd[a->last++] = fd;
}

int osc_accepted_take(struct osc_accepted *a)
{
	int fd = a->fd[a->first++];

	if (a->first == a->last)
		a->first = a->last = 0;
	return fd;
}
