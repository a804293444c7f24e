/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slo.h - thresholds of latency that a run has to keep: p99=5ms.
 *
 * They are about requests that were meant to start after the warm-up, each
 * counted once. An answer with the status that is wanted took its latency. All
 * others were not served in time, however long that took: those with a wrong
 * status, those that failed on their way, and those never sent or still on their
 * way at the end. What is no request does not count: a connection refused, as
 * its request stays due, or an answer nobody asked for.
 */
#ifndef OSC_LOAD_SLO_H
#define OSC_LOAD_SLO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/hist.h"

struct osc_error;

#define OSC_SLO_MAX 8

struct osc_slo {
	char name[8]; /* "p99.9", as it was written; "max" */
	double percent; /* of all answers; 100: max */
	uint64_t limit_ns; /* that they may take */
};

/* "p50=800us", "p99.9=5ms", "max=1s". */
int osc_slo_parse(const char *text, struct osc_slo *slo, struct osc_error *e);

/*
 * The latency that the threshold is about, in nanoseconds, of those served and
 * those missed: UINT64_MAX where it is one of the latter.
 */
static inline uint64_t osc_slo_value(const struct osc_slo *slo,
				     const struct osc_hist *served,
				     uint64_t missed)
{
	return osc_hist_value(served, osc_hist_rank(served->count + missed,
						    slo->percent));
}

#endif
