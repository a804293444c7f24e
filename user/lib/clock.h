/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h - the one clock: CLOCK_MONOTONIC in nanoseconds. */
#ifndef OSC_LIB_CLOCK_H
#define OSC_LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define OSC_NS_PER_S 1000000000ull
#define OSC_NS_PER_MS 1000000ull
#define OSC_NS_PER_US 1000ull

/* Never fails: CLOCK_MONOTONIC is always there and the pointer is ours. */
static inline uint64_t osc_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * OSC_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Seconds from one moment to another; 0 where that is not later. */
static inline double osc_clock_seconds(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) / OSC_NS_PER_S : 0;
}

#endif
