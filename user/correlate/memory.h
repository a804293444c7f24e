/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.h - what a connection that is open and idle takes: two readings of the
 * memory of a server, fresh and holding a number of connections, in; bytes per
 * connection out.
 */
#ifndef OSC_CORRELATE_MEMORY_H
#define OSC_CORRELATE_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes. Of the processes of a tree, and of the whole system. */
struct osc_memory {
	uint64_t pss; /* not of files; shared pages in parts */
	uint64_t user_stacks; /* of pss, what its tasks have their stacks in */
	bool stacks_hidden; /* it could not be told */
	uint64_t page_tables;
	uint64_t kernel_stacks; /* of its tasks */
	uint64_t system_slab;
};

/*
 * With fewer connections than this a number of the whole system says more of
 * the others that run.
 */
#define OSC_MEMORY_SYSTEM_MIN 256

struct osc_memory_facts {
	uint64_t connections; /* that were held; 0: see why */
	const char *why; /* that they were not */
	struct osc_memory fresh; /* before the load */
	uint64_t slab_before; /* the system's, rested after the load */
	struct osc_memory held;
};

#define OSC_NR_MEMORY 5
extern const char *const osc_memory_names[OSC_NR_MEMORY];

/*
 * {connections, pss, user_stacks, page_tables, kernel_stacks, slab,
 * absent: {name: why}}, bytes per connection or null. NULL without memory.
 */
json_t *osc_memory_document(const struct osc_memory_facts *f);

#endif
