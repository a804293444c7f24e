/* SPDX-License-Identifier: GPL-2.0 */
/*
 * source.h - event sources. Each is a file (sched.c, fault.c, epoll.c) with
 * this small interface and one row in the table of source.c.
 */
#ifndef OSC_SOURCE_H
#define OSC_SOURCE_H

#include <linux/osconcepts.h>
#include "counters.h"

/**
 * struct osc_source_status - how a source does
 * @state: counting, off, unavailable or silenced
 * @via: how it gets at its events
 * @why: what there is to say about the two above; empty when nothing
 * @hits: events counted since the module was loaded
 * @lost: events known to have been missed since then
 * @gaps: how often its hooks were taken from it since then; what passed
 *	meanwhile was not counted, and nobody knows how much it was
 * @gap_since_ns: when the last of these was noticed, boot time
 */
struct osc_source_status {
	enum osconcepts_source_state state;
	enum osconcepts_via via;
	char why[160];
	u64 hits;
	u64 lost;
	u64 gaps;
	u64 gap_since_ns;
};

/**
 * struct osc_source - an event source
 * @name: as shown by every surface
 * @attach: start to count; may sleep. An error is not fatal for the module: the
 *	source says in its status what is missing.
 * @detach: stop, and wait until no event is being counted; may sleep. Called
 *	whether or not @attach succeeded.
 * @read: add the source's counters to @counts, of one CPU or (@cpu < 0) of all
 *	since the module was loaded; may sleep
 * @status: fill in all of @status; may sleep
 */
struct osc_source {
	const char *name;
	int (*attach)(void);
	void (*detach)(void);
	void (*read)(struct osc_counts *counts, int cpu);
	void (*status)(struct osc_source_status *status);
};

extern const struct osc_source osc_sched_source;
extern const struct osc_source osc_fault_source;
extern const struct osc_source osc_epoll_source;

void osc_sources_attach(void);
void osc_sources_detach(void);
const struct osc_source *osc_source_at(unsigned int index);
void osc_totals_read(struct osc_counts *counts, int cpu);

#endif /* OSC_SOURCE_H */
