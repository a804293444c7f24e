/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover.h - what a thread of the load has counted goes to the main thread
 * while it runs, without a lock and without a copy.
 *
 * There are two books. The thread writes in one; when its time has come and the
 * other is empty, it hands over the one and goes on in the other, which costs it
 * two pointers. The reader adds what it got to the run's sum, empties the book
 * and gives it back. When the reader is late the thread goes on in the same
 * book: nothing is lost, it comes with the next. So the books of a thread,
 * handed over or left when it ends, are the whole of what it counted.
 */
#ifndef OSC_LOAD_HANDOVER_H
#define OSC_LOAD_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/usage.h"

struct osc_load_stats;

/* How things stood with a thread at a moment. */
struct osc_load_gauges {
	uint64_t at_ns;
	uint64_t measure_ns; /* since when it measures; UINT64_MAX: not yet */
	uint32_t open; /* connections */
	uint64_t in_flight; /* requests sent, not answered */
	struct osc_usage usage;
	struct osc_shares shares; /* of the time measured, until then */
};

struct osc_handover {
	/* The thread's; the reader's while full, that is their one contract. */
	struct osc_load_stats *other;
	struct osc_load_gauges gauges;
	atomic_bool full;

	/* The thread's until it has ended, then the reader's. */
	struct osc_load_gauges last;
	atomic_bool ended;

	/* The reader's. */
	struct osc_load_gauges seen;
	bool drained; /* all that an ended thread has left */
};

/* Called by the thread, each time before it hands over. */
static inline bool osc_handover_possible(const struct osc_handover *h)
{
	return h->other &&
	       !atomic_load_explicit(&h->full, memory_order_acquire);
}

/* Hands over *stats and sets it to an empty one. */
void osc_handover_give(struct osc_handover *h, struct osc_load_stats **stats,
		       const struct osc_load_gauges *gauges);
/* The last that a thread does with its books. */
void osc_handover_end(struct osc_handover *h,
		      const struct osc_load_gauges *gauges);

/*
 * Called by the reader: adds to *sum what was handed over and, when the thread
 * has ended, the book at which it was. That is looked up through `rest` only
 * then: until then the thread may change over to the other. False: there was
 * nothing, though the thread runs.
 */
bool osc_handover_take(struct osc_handover *h,
		       struct osc_load_stats *const *rest,
		       struct osc_load_stats *sum);

#endif
