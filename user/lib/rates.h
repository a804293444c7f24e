/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rates.h - growth per second of a counter that is read now and then.
 *
 * A reading is not taken at the very moment that its time says, and the kernel
 * adds the CPU time of a running task to its counter only at ticks. Over an
 * interval that is short against these two, growth over time is noise, and may
 * be more than is possible. So readings are merged until it is not.
 */
#ifndef OSC_LIB_RATES_H
#define OSC_LIB_RATES_H

#include <stddef.h>

/* The longest tick of a kernel: CPU time may be that old when it is read. */
#define OSC_TICK_S 0.01

struct osc_reading {
	double t_s;
	double value; /* of a counter that only grows; NaN: not known */
	double most; /* it cannot have grown faster before this; INFINITY: any */
};

struct osc_rate {
	size_t from, to; /* the readings at its two ends */
	double from_s, to_s;
	double most; /* that was possible in it */
	double per_s; /* NaN: the counter was lower at the end */
};

/*
 * Sorts the readings by time and leaves out those without a time or a value; *out
 * has room for n. The intervals rise in time, each begins where the one before
 * ends or later, is at least half of the mean distance between two readings long,
 * and five ticks where the counter has the grain of ticks (tick_s, else 0). No rate is
 * above `most`: where the growth is, by more than a tick explains, intervals are
 * merged, and there are none where all of them together are. Returns how many.
 */
size_t osc_rates(struct osc_reading *readings, size_t n, double tick_s,
		 struct osc_rate *out);

/*
 * Of one interval that cannot be merged with another: NaN when it is too short for
 * a counter with the grain of ticks, or grew by more than is possible.
 */
double osc_rate_of_time(double growth_s, double seconds, double most);

#endif
