// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/handover.h"

#include "load/load.h"

void osc_handover_give(struct osc_handover *h, struct osc_load_stats **stats,
		       const struct osc_load_gauges *gauges)
{
	struct osc_load_stats *done = *stats;

	*stats = h->other;
	h->other = done;
	h->gauges = *gauges;
	atomic_store_explicit(&h->full, true, memory_order_release);
}

void osc_handover_end(struct osc_handover *h,
		      const struct osc_load_gauges *gauges)
{
	h->last = *gauges;
	atomic_store_explicit(&h->ended, true, memory_order_release);
}

bool osc_handover_take(struct osc_handover *h,
		       struct osc_load_stats *const *rest,
		       struct osc_load_stats *sum)
{
	/* First this one: of an ended thread nothing comes any more. */
	bool ended = atomic_load_explicit(&h->ended, memory_order_acquire);
	bool full = atomic_load_explicit(&h->full, memory_order_acquire);

	if (full) {
		osc_load_stats_merge(sum, h->other);
		osc_load_stats_clear(h->other);
		h->seen = h->gauges;
		atomic_store_explicit(&h->full, false, memory_order_release);
	}
	if (ended && !h->drained) {
		osc_load_stats_merge(sum, *rest);
		h->seen = h->last;
		h->drained = true;
	}
	return full || ended;
}
