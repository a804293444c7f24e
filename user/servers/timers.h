/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timers.h - one deadline for each of many small numbers (descriptors): a heap
 * in two arrays whose pages are touched as they are needed. Setting a deadline
 * later than all others, the common case of a constant timeout, moves nothing.
 */
#ifndef OSC_SERVERS_TIMERS_H
#define OSC_SERVERS_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_timer_entry {
	uint64_t due_ns;
	uint32_t id;
};

struct osc_timers {
	struct osc_timer_entry *heap;
	uint32_t *position; /* by id: index in the heap + 1; 0: not set */
	uint32_t count;
	uint32_t size;
};

/* For ids below size. Returns 0 or -errno. */
int osc_timers_init(struct osc_timers *t, uint32_t size);
void osc_timers_destroy(struct osc_timers *t);

/* Sets or moves the deadline of id. */
void osc_timers_set(struct osc_timers *t, uint32_t id, uint64_t due_ns);
void osc_timers_clear(struct osc_timers *t, uint32_t id);

/* The earliest, or NULL. */
static inline const struct osc_timer_entry *
osc_timers_first(const struct osc_timers *t)
{
	return t->count ? t->heap : NULL;
}

#endif
