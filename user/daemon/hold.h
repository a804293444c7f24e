/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hold.h - connections that are opened and then left alone, and the memory that
 * a tree of processes has meanwhile.
 */
#ifndef OSC_DAEMON_HOLD_H
#define OSC_DAEMON_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "correlate/held.h"

struct osc_error;

struct osc_hold {
	int *fd;
	size_t n;
};

/*
 * Opens more towards n, as many as a turn of the loop allows and one at least,
 * without waiting for any. One that cannot be had is an error; those before it
 * stay. `h` begins as zeros.
 */
int osc_hold_open(struct osc_hold *h, const char *address, unsigned int port,
		  size_t n, struct osc_error *e);
/* Closes as many as a turn of the loop allows; true when none is left. */
bool osc_hold_close_some(struct osc_hold *h);
/* Fine where nothing is open. */
void osc_hold_close(struct osc_hold *h);

int osc_slab_read(uint64_t *bytes, struct osc_error *e);
/* A process and its descendants, and the system. */
int osc_memory_read(pid_t pid, struct osc_memory *out, struct osc_error *e);

#endif
