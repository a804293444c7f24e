/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slo.h - thresholds of latency that a run has to keep: p99=5ms. */
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
 * The latency that the threshold is about, in nanoseconds. Requests that failed
 * are among all and were never answered: UINT64_MAX where it is theirs.
 */
static inline uint64_t osc_slo_value(const struct osc_slo *slo,
				     const struct osc_hist *latency,
				     uint64_t failed)
{
	return osc_hist_value(latency, osc_hist_rank(latency->count + failed,
						     slo->percent));
}

#endif
