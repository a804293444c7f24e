/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crowd.h - many sleeping processes, some of them targets for good, the others
 * added and removed all the time by a process of its own.
 */
#ifndef OSC_TEST_CROWD_H
#define OSC_TEST_CROWD_H

#include <stdint.h>
#include <sys/types.h>

#include "nl.h"

#define CROWD_FIXED 200
#define CROWD_CHANGING 20

struct crowd {
	struct nl nl;
	pid_t pids[CROWD_FIXED + CROWD_CHANGING];
	uint32_t ids[CROWD_FIXED]; /* growing */
	pid_t changer;
};

/* Ends the program when it cannot be made. */
void crowd_start(struct crowd *crowd);
/* Start and stop the additions and removals. */
void crowd_change(struct crowd *crowd);
void crowd_rest(struct crowd *crowd);
void crowd_end(struct crowd *crowd);

/*
 * Whether ids, count of them, are growing and hold every fixed target. What is
 * wrong is noted.
 */
bool crowd_is_in(const struct crowd *crowd, const uint32_t *ids, int count);

#endif
