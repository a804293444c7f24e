/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hist.h - a histogram of nanoseconds that keeps every recorded value to
 * within 0.8 %: the slots of linux/osconcepts_hist.h with 7 sub-bits. Recording
 * is one increment; two histograms add up to what one of both would hold, so a
 * thread keeps its own and they are merged at the end.
 */
#ifndef OSC_LIB_HIST_H
#define OSC_LIB_HIST_H

#include <jansson.h>
#include <linux/osconcepts_hist.h>
#include <stdint.h>

#define OSC_HIST_SUB_BITS 7
#define OSC_HIST_NR OSC_HIST_SLOTS(OSC_HIST_SUB_BITS)

struct osc_hist {
	uint64_t count;
	uint64_t min, max; /* exact; of no value: UINT64_MAX and 0 */
	unsigned __int128 sum; /* exact, however long the run */
	uint64_t slots[OSC_HIST_NR];
};

/* A zeroed histogram is not an empty one: its min would be wrong. */
void osc_hist_init(struct osc_hist *h);

static inline void osc_hist_record(struct osc_hist *h, uint64_t value)
{
	h->slots[osc_hist_slot(value, OSC_HIST_SUB_BITS)]++;
	h->count++;
	h->sum += value;
	if (value > h->max)
		h->max = value;
	if (value < h->min)
		h->min = value;
}

void osc_hist_merge(struct osc_hist *to, const struct osc_hist *from);

/* Takes away what is part of it; min and max stay, as bounds. */
void osc_hist_subtract(struct osc_hist *from, const struct osc_hist *part);

/* Which of `count` values in rising order that is, from 1. */
uint64_t osc_hist_rank(uint64_t count, double percent);

/*
 * The least recorded value that at least `percent` of all values do not
 * exceed, as the upper bound of its slot, never beyond the maximum: 0 to 0.8 %
 * too much. 0 when nothing was recorded.
 */
uint64_t osc_hist_percentile(const struct osc_hist *h, double percent);

/* The value of that rank, likewise; of none, 0 or beyond the count, UINT64_MAX. */
uint64_t osc_hist_value(const struct osc_hist *h, uint64_t rank);

/* 0 when nothing was recorded. */
double osc_hist_mean(const struct osc_hist *h);

/*
 * {p50, p90, p99, p999, max, mean} in microseconds, each null when nothing was
 * recorded. NULL without memory.
 */
json_t *osc_hist_summary_us(const struct osc_hist *h);

/*
 * Everything: {unit: "ns", sub_bits, count, min, max, sum, slots: [[slot, n]]},
 * rising, without the empty ones. NULL without memory.
 */
json_t *osc_hist_json(const struct osc_hist *h);

#endif
