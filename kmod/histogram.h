/* SPDX-License-Identifier: GPL-2.0 */
/*
 * histogram.h - times of one kind of event, on one CPU: log2 slots with two
 * sub-bits (linux/osconcepts_hist.h), so that a slot is at most a quarter of
 * its values wide.
 */
#ifndef OSC_HISTOGRAM_H
#define OSC_HISTOGRAM_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/osconcepts_hist.h>
#include <linux/types.h>

#define OSC_TIME_SUB_BITS 2
#define OSC_TIME_SLOTS OSC_HIST_SLOTS(OSC_TIME_SUB_BITS)

/**
 * struct osc_histogram - written by hooks of one CPU
 * @sum: of the times
 * @useless: events without a time
 * @slots: events by their time; they add up to the count
 */
struct osc_histogram {
	u64 sum;
	u64 useless;
	u64 slots[OSC_TIME_SLOTS];
};

/**
 * osc_histogram_add() - book an event
 * @histogram: of this CPU
 * @ns: its time
 *
 * Context: any; no other writer on this CPU may come in between.
 */
static __always_inline void osc_histogram_add(struct osc_histogram *histogram,
					      u64 ns)
{
	/* One writer a CPU, and readers that take what a word has just then. */
	data_race(histogram->sum += ns);
	/* Likewise. */
	data_race(histogram->slots[osc_hist_slot(ns, OSC_TIME_SUB_BITS)]++);
}

#endif /* OSC_HISTOGRAM_H */
