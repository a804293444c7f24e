/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steady.h - what one request more costs, from the samples of a load.
 *
 * A total divided by the requests has what was done once in it: connections
 * that were set up, memory that was touched for the first time. The samples of
 * the load without its first quarter and its end have only what each request
 * costs: the slope of a line through them.
 */
#ifndef OSC_CORRELATE_STEADY_H
#define OSC_CORRELATE_STEADY_H

#include <stdbool.h>
#include <stddef.h>

#include "correlate/run.h"

/* With fewer samples there is no line. */
#define OSC_STEADY_MIN 5
/* With fewer requests those under way at a sample are too large a part. */
#define OSC_STEADY_REQUESTS_MIN 64

struct osc_steady {
	size_t first, last; /* samples; those between belong to it */
};

/* False where the load was too short for its samples. */
bool osc_steady_find(const struct osc_samples *s, struct osc_steady *out);

/* Of a counter that every sample has, per request. */
double osc_steady_slope(const struct osc_samples *s,
			const struct osc_steady *steady, enum osc_counter c);

#endif
