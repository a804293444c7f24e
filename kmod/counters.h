/* SPDX-License-Identifier: GPL-2.0 */
/*
 * counters.h - the counters and their names, in the order of the ABI.
 * Every surface (proc.c, netlink.c) walks this list.
 */
#ifndef OSC_COUNTERS_H
#define OSC_COUNTERS_H

#include <linux/bits.h>
#include <linux/types.h>

enum osc_counter {
	OSC_VOLUNTARY,
	OSC_INVOLUNTARY,
	OSC_FAULTS_MINOR,
	OSC_FAULTS_MAJOR,
	OSC_EPOLL_CALLBACKS,
	OSC_EPOLL_WAKEUPS,
	OSC_CPU_NS,
	OSC_RUN_DELAY_NS,
	OSC_NR_COUNTERS,
};

/**
 * struct osc_counts - a reading of the counters
 * @value: cumulative; meaningful where the bit in @present is set
 * @present: bit per enum osc_counter
 */
struct osc_counts {
	u64 value[OSC_NR_COUNTERS];
	unsigned long present;
};

/**
 * osc_counts_set() - enter a counter
 * @counts: where it is counted from now on
 * @counter: which
 * @value: of it
 */
static inline void osc_counts_set(struct osc_counts *counts,
				  enum osc_counter counter, u64 value)
{
	counts->value[counter] = value;
	counts->present |= BIT(counter);
}

extern const char *const osc_counter_names[OSC_NR_COUNTERS];

#endif /* OSC_COUNTERS_H */
