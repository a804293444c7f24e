// SPDX-License-Identifier: GPL-2.0-or-later
#include "pingpong.h"

#include <unistd.h>

#include "tap.h"

static int ping[2], pong[2];

static void *answer(void *arg)
{
	char byte;

	while (read(ping[0], &byte, 1) == 1 && write(pong[1], &byte, 1) == 1)
		;
	return arg;
}

/* The same priority: neither preempts the other. */
void pingpong_start(struct work_shared *shared)
{
	if (pipe(ping) || pipe(pong))
		tap_bail("pipe");
	work_thread(answer, shared, WORK_PRIORITY);
}

void pingpong_play(struct work_shared *shared)
{
	char byte = 'p';

	(void)shared;
	for (int i = 0; i < PINGPONG_ROUNDS; i++) {
		if (write(ping[1], &byte, 1) != 1 ||
		    read(pong[0], &byte, 1) != 1)
			tap_bail("ping-pong");
	}
}
