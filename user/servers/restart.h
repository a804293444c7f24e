/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restart.h - when a worker that has ended is replaced. One that has served is
 * replaced at once, so that a client that makes workers crash does not close the
 * server; one that fails as it starts is tried more and more rarely.
 */
#ifndef OSC_SERVERS_RESTART_H
#define OSC_SERVERS_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"

/* A worker that has served starts again this long after its start, or later. */
#define OSC_RESTART_NS (20 * OSC_NS_PER_MS)
/* The longest that one that fails waits. */
#define OSC_RESTART_MAX_NS (5 * OSC_NS_PER_S)

enum osc_restart_end {
	OSC_RESTART_SERVED, /* set up, then ended by a signal or in order */
	OSC_RESTART_KILLED, /* by a signal before it was set up */
	OSC_RESTART_FAILED, /* by an error of its own */
};

struct osc_restart {
	uint64_t started_ns;
	uint64_t retry_ns; /* when to start the next one */
	unsigned int failures; /* in a row, each soon after the start */
};

/* The worker that was started at r->started_ns has ended. */
void osc_restart_plan(struct osc_restart *r, enum osc_restart_end how,
		      uint64_t now_ns);

#endif
