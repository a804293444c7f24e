// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/stats.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

/*
 * Each value lies below the median with probability 1/2, so the r-th smallest
 * and the r-th largest miss it with 2 P(Binomial(n, 1/2) < r).
 */
static double order_coverage(size_t n, size_t r)
{
	return 1 - 2 * gsl_cdf_binomial_P((unsigned int)r - 1, 0.5,
					  (unsigned int)n);
}

bool osc_spread(const double *values, size_t n, struct osc_spread *out)
{
	double sorted[OSC_SPREAD_MAX];
	size_t r = 1;

	if (!n || n > OSC_SPREAD_MAX)
		return false;
	memcpy(sorted, values, n * sizeof(*values));
	gsl_sort(sorted, 1, n);
	while (2 * (r + 1) <= n &&
	       order_coverage(n, r + 1) >= OSC_SPREAD_COVERAGE)
		r++;
	out->n = n;
	out->median = gsl_stats_median_from_sorted_data(sorted, 1, n);
	out->low = sorted[r - 1];
	out->high = sorted[n - r];
	out->coverage = fmax(order_coverage(n, r), 0);
	return true;
}

static bool varies(const double *v, size_t n)
{
	bool different = false;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			return false;
		different |= v[i] != v[0];
	}
	return different;
}

bool osc_correlation(const double *x, const double *y, size_t n, double *r)
{
	double value;

	if (n < OSC_CORRELATION_MIN || !varies(x, n) || !varies(y, n))
		return false;
	value = gsl_stats_correlation(x, 1, y, 1, n);
	if (!isfinite(value))
		return false;
	/* Rounding may carry a perfect correlation just past 1. */
	*r = fmin(1, fmax(-1, value));
	return true;
}
