/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held.h - what a server uses while it holds idle connections: readings at
 * rising numbers of them in; the readings as a document out, and from the
 * readings of several runs the fixed and the marginal cost of a connection.
 */
#ifndef OSC_CORRELATE_HELD_H
#define OSC_CORRELATE_HELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/counters.h"

/* Bytes. Of the processes of a tree, and of the whole system. */
struct osc_memory {
	uint64_t pss; /* not of files; shared pages in parts */
	uint64_t user_stacks; /* of pss, what its tasks have their stacks in */
	bool stacks_hidden; /* user_stacks is not known */
	uint64_t page_tables;
	uint64_t kernel_stacks; /* of its tasks */
	uint64_t system_slab;
	uint64_t huge; /* of pss, in transparent huge pages */
};

/* Different numbers of connections in a run, at the most. */
#define OSC_HELD_LEVELS 12
/* And at the least that is aimed at, however long it takes. */
#define OSC_HELD_LEVELS_MIN 4
/* Where a connection makes no task, so that many are quick to hold. */
#define OSC_HELD_LEVELS_LOOP 11

/*
 * Rising numbers of connections for a server whose load had `load` of them, up
 * to `most`; returns how many, 0 where there is no room for a line. Above those
 * of the load: what it left in caches, such as the stacks of its threads, would
 * serve the first ones.
 */
size_t osc_held_ladder(uint64_t load, uint64_t most,
		       uint64_t out[OSC_HELD_LEVELS]);

/* A reading, all connections idle and all tasks asleep. */
struct osc_held_point {
	uint64_t connections;
	struct osc_memory memory;
	struct osc_counts counts;
};

struct osc_held_facts {
	struct osc_held_point point[OSC_HELD_LEVELS];
	size_t n;
	const char *why; /* that there are no more of them */
	const char *memory_why; /* that memory could not be read */
	struct osc_memory fresh; /* before the load */
	uint64_t slab_before; /* the system's, at rest after the load */
	struct osc_counts before; /* the same */
};

enum osc_held_memory {
	OSC_HELD_PSS,
	OSC_HELD_USER_STACKS,
	OSC_HELD_PAGE_TABLES,
	OSC_HELD_KERNEL_STACKS,
	OSC_HELD_SLAB,
	OSC_HELD_OWN, /* PSS, page tables and kernel stacks */
	OSC_HELD_TOTAL, /* the same and slab */
	OSC_NR_HELD_MEMORY
};

extern const char *const osc_held_memory_names[OSC_NR_HELD_MEMORY];

/*
 * {points: [{connections, pss, …, counter, …}], absent: {name: why}}: bytes
 * since the server was fresh, slab and counters since the load was over.
 * NULL without memory.
 */
json_t *osc_held_document(const struct osc_held_facts *f);

/*
 * {name: a line (line.h) or null, …, absent: {name: why}}, of the "held" of n
 * runs of a row: memory, and counters. The slab of the system holds what others
 * do: it is in the slope of `total` and not in its fixed cost, which is that of
 * `own`. `widest` of `total` names the kind with the widest interval. NULL
 * without memory.
 */
json_t *osc_held_memory_lines(const json_t *const *runs, size_t n);
json_t *osc_held_counter_lines(const json_t *const *runs, size_t n);

#endif
