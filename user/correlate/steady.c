// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/steady.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>

bool osc_steady_find(const struct osc_samples *s, struct osc_steady *out)
{
	const struct osc_sample *at = s->at;
	uint64_t warm;

	if (s->n < OSC_STEADY_MIN + 1)
		return false;
	/* The last one was taken when connections were being closed. */
	*out = (struct osc_steady){ .first = 0, .last = s->n - 2 };
	warm = (at[out->last].requests - at[0].requests) / 4;
	while (out->first < out->last &&
	       at[out->first].requests - at[0].requests <= warm)
		out->first++;
	return out->last - out->first + 1 >= OSC_STEADY_MIN &&
	       at[out->last].requests - at[out->first].requests >=
		       OSC_STEADY_REQUESTS_MIN;
}

double osc_steady_slope(const struct osc_samples *s,
			const struct osc_steady *steady, enum osc_counter c)
{
	size_t n = steady->last - steady->first + 1;
	const struct osc_sample *from = &s->at[steady->first];
	double *x = calloc(2 * n, sizeof(*x)), *y = x + n;
	double c0, c1 = NAN, cov00, cov01, cov11, sumsq;

	if (!x)
		return NAN;
	for (size_t i = 0; i < n; i++) {
		x[i] = (double)(from[i].requests - from->requests);
		y[i] = (double)from[i].counts.value[c] -
		       (double)from->counts.value[c];
	}
	gsl_fit_linear(x, 1, y, 1, n, &c0, &c1, &cov00, &cov01, &cov11, &sumsq);
	free(x);
	return fmax(c1, 0);
}
