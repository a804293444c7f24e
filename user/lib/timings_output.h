/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timings_output.h - histograms of the module drawn as bars, and as JSON. */
#ifndef OSC_LIB_TIMINGS_OUTPUT_H
#define OSC_LIB_TIMINGS_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "lib/bars.h"
#include "lib/timings.h"

/*
 * A line of what it is, one of mean and percentiles, and a bar for each slot.
 * Where these would be too many, two slots or all of a power of two share one.
 * whose is "the whole system" or names the target. Errors stay in the stream.
 */
void osc_histogram_draw(const struct osc_histogram *h, const char *whose,
			const struct osc_bars *bars, FILE *out);

/*
 * {name, timing, unit, sub_bits, span_s, count, sum, mean, useless,
 * percentiles: [{percent, lower, upper}], slots: [{lower, upper, count}]}:
 * bounds belong to the slot; mean is null when nothing was recorded. NULL
 * without memory, as the next.
 */
json_t *osc_histogram_json(const struct osc_histogram *h);

/* [{name, level, state, lost, why}, …] */
json_t *osc_timings_json(const struct osc_timing *timings, size_t n);

#endif
