// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/rates.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* An interval of so many ticks is long against one. */
#define TICKS_MIN 5

static int by_time(const void *a, const void *b)
{
	const struct osc_reading *x = a, *y = b;

	if (x->t_s != y->t_s)
		return x->t_s < y->t_s ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* Returns how many are left. */
static size_t drop_unknown(struct osc_reading *r, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (isfinite(r[i].t_s) && isfinite(r[i].value))
			r[left++] = r[i];
	}
	return left;
}

/* Readings at the same moment, by a coarse clock, count once. */
static double mean_distance(const struct osc_reading *r, size_t n)
{
	size_t some = 0;

	for (size_t i = 1; i < n; i++)
		some += r[i].t_s > r[i - 1].t_s;
	return some ? (r[n - 1].t_s - r[0].t_s) / (double)some : 0;
}

static bool is_possible(double growth, double seconds, double most,
			double tick_s)
{
	return growth <= most * (seconds + tick_s);
}

/* What a tick explains is no growth of this interval. */
static double per_second(double growth, double seconds, double most)
{
	return growth < 0 ? NAN : fmin(growth / seconds, most);
}

static bool is_too_much(const struct osc_reading *r, const struct osc_rate *i,
			double tick_s)
{
	return !is_possible(r[i->to].value - r[i->from].value,
			    r[i->to].t_s - r[i->from].t_s, i->most, tick_s);
}

/* Into the ones before, as long as more has grown than is possible. */
static void merge_back(const struct osc_reading *r, double tick_s,
		       struct osc_rate *out, size_t *n, struct osc_rate *i)
{
	while (*n && is_too_much(r, i, tick_s)) {
		(*n)--;
		i->from = out[*n].from;
		i->most = fmax(i->most, out[*n].most);
	}
}

static void finish(const struct osc_reading *r, struct osc_rate *i)
{
	i->from_s = r[i->from].t_s;
	i->to_s = r[i->to].t_s;
	i->per_s = per_second(r[i->to].value - r[i->from].value,
			      i->to_s - i->from_s, i->most);
}

size_t osc_rates(struct osc_reading *r, size_t n, double tick_s,
		 struct osc_rate *out)
{
	struct osc_rate now = { 0 };
	double shortest;
	size_t done = 0;

	n = drop_unknown(r, n);
	if (n < 2)
		return 0;
	qsort(r, n, sizeof(*r), by_time);
	shortest = fmax(mean_distance(r, n) / 2, TICKS_MIN * tick_s);
	for (size_t to = 1; to < n; to++) {
		double seconds = r[to].t_s - r[now.from].t_s;

		now.to = to;
		now.most = fmax(now.most, r[to].most);
		if (seconds <= 0 || seconds < shortest)
			continue;
		merge_back(r, tick_s, out, &done, &now);
		if (is_too_much(r, &now, tick_s))
			continue;
		out[done++] = now;
		now = (struct osc_rate){ .from = to };
	}
	/* What is left at the end is too short to stand alone. */
	if (done && now.from < n - 1) {
		done--;
		now.from = out[done].from;
		now.most = fmax(now.most, out[done].most);
		merge_back(r, tick_s, out, &done, &now);
		if (!is_too_much(r, &now, tick_s))
			out[done++] = now;
	}
	for (size_t i = 0; i < done; i++)
		finish(r, &out[i]);
	return done;
}

double osc_rate_of_time(double growth_s, double seconds, double most)
{
	if (seconds < TICKS_MIN * OSC_TICK_S ||
	    !is_possible(growth_s, seconds, most, OSC_TICK_S))
		return NAN;
	return per_second(growth_s, seconds, most);
}
