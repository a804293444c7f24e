// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/memory.h"

#include <stddef.h>

enum { PSS, USER_STACKS, PAGE_TABLES, KERNEL_STACKS, SLAB };

const char *const osc_memory_names[OSC_NR_MEMORY] = {
	[PSS] = "pss",
	[USER_STACKS] = "user_stacks",
	[PAGE_TABLES] = "page_tables",
	[KERNEL_STACKS] = "kernel_stacks",
	[SLAB] = "slab",
};

/* What a server has given back meanwhile is no merit of its connections. */
static double growth(uint64_t from, uint64_t to, uint64_t by)
{
	return to > from ? (double)(to - from) / (double)by : 0;
}

static const char *why_absent(const struct osc_memory_facts *f, int n)
{
	if (!f->connections)
		return f->why ? f->why : "no connections were held";
	if (n == SLAB && f->connections < OSC_MEMORY_SYSTEM_MIN)
		return "too few connections to be seen in a number of the "
		       "whole system";
	if (n == USER_STACKS &&
	    (f->fresh.stacks_hidden || f->held.stacks_hidden))
		return "a task ran, or /proc does not show where its stack is";
	return NULL;
}

static double value(const struct osc_memory_facts *f, int n)
{
	uint64_t by = f->connections;

	/*
	 * Of the server's own, since it was fresh: what the load made it take
	 * it holds connections with. The system's moves with all that runs:
	 * since just before.
	 */
	switch (n) {
	case PSS:
		return growth(f->fresh.pss, f->held.pss, by);
	case USER_STACKS:
		return growth(f->fresh.user_stacks, f->held.user_stacks, by);
	case PAGE_TABLES:
		return growth(f->fresh.page_tables, f->held.page_tables, by);
	case KERNEL_STACKS:
		return growth(f->fresh.kernel_stacks, f->held.kernel_stacks,
			      by);
	default:
		return growth(f->slab_before, f->held.system_slab, by);
	}
}

json_t *osc_memory_document(const struct osc_memory_facts *f)
{
	json_t *o = json_pack("{s:I, s:{}}", "connections",
			      (json_int_t)f->connections, "absent");
	json_t *absent = json_object_get(o, "absent");
	int ret = 0;

	for (int n = 0; n < OSC_NR_MEMORY; n++) {
		const char *name = osc_memory_names[n];
		const char *why = why_absent(f, n);

		if (why)
			ret |= json_object_set_new(absent, name,
						   json_string(why));
		ret |= json_object_set_new(
			o, name, why ? json_null() : json_real(value(f, n)));
	}
	if (!ret)
		return o;
	json_decref(o);
	return NULL;
}
