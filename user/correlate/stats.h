/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/correlate - pure logic that joins what the kernel counted with what
 * the servers and the load generator counted: medians and their spread,
 * correlation over time, the audit, and the documents made of them. It does
 * no I/O, calls only user/lib, and is called by the daemon and by compare.
 *
 * stats.h - a few measurements in, one honest statement out.
 */
#ifndef OSC_CORRELATE_STATS_H
#define OSC_CORRELATE_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* With what probability an interval is to hold the median, at the least. */
#define OSC_SPREAD_COVERAGE 0.95
/* The fewest values that can give it. */
#define OSC_SPREAD_MIN 6
/* The most values one spread is made of: models are compared by few runs. */
#define OSC_SPREAD_MAX 1000

struct osc_spread {
	double median;
	/*
	 * The interval between two order statistics that holds the median of
	 * what was sampled with a probability of at least
	 * OSC_SPREAD_COVERAGE, whatever its distribution. Fewer than
	 * OSC_SPREAD_MIN values cannot give that: then it is their
	 * whole range, and coverage says how much that is.
	 */
	double low, high;
	double coverage;
	size_t n;
};

/* False, with *out untouched, for no values or more than OSC_SPREAD_MAX. */
bool osc_spread(const double *values, size_t n, struct osc_spread *out);

/* With fewer intervals than this a correlation says nothing. */
#define OSC_CORRELATION_MIN 8

/*
 * Pearson's r of n pairs. False (withheld) with fewer than
 * OSC_CORRELATION_MIN, or when x or y did not vary, or is not finite.
 */
bool osc_correlation(const double *x, const double *y, size_t n, double *r);

#endif
