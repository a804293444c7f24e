// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/line.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

#include "correlate/stats.h"

#define CONFIDENCE 0.95
/* Halves whose slopes differ by less than this factor are one line. */
#define CURVE_FACTOR 1.5

/* A number of connections, over all runs that held it. */
struct level {
	double x;
	double n; /* runs */
	double y; /* mean, each run's own intercept taken away */
};

struct fit {
	struct level level[OSC_LINE_LEVELS_MAX];
	size_t nr_levels;
	double slope;
	double x; /* mean */
	double sxx; /* sum of the squared distances from the mean x */
	double of_run[OSC_SPREAD_MAX]; /* slopes */
	double bend_of_run[OSC_SPREAD_MAX]; /* second half less first half */
	double fixed[OSC_SPREAD_MAX];
	size_t nr_runs;
};

static double mean_of(const struct osc_line_point *p, size_t n, bool y)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += y ? p[i].y : p[i].x;
	return sum / (double)n;
}

static size_t length_of_run(const struct osc_line_point *p, size_t n)
{
	size_t length = 1;

	while (length < n && p[length].run == p->run)
		length++;
	return length;
}

static bool has_enough_levels(const struct osc_line_point *p, size_t n)
{
	size_t different = 0;

	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen |= p[j].x == p[i].x;
		different += !seen;
	}
	return different >= OSC_LINE_LEVELS_MIN;
}

/* How much steeper the second half of a run is than the first. */
static double bend_of(const struct osc_line_point *p, size_t n)
{
	const struct osc_line_point *a = p, *m = &p[n / 2], *b = &p[n - 1];

	if (a->x == m->x || b->x == m->x)
		return 0;
	return (b->y - m->y) / (b->x - m->x) - (m->y - a->y) / (m->x - a->x);
}

/* Each run's own line, and the slope of all: their mean, weighted. */
static void fit_runs(struct fit *f, const struct osc_line_point *p, size_t n)
{
	double sum = 0, points = 0;

	for (size_t i = 0, length; i < n; i += length) {
		double c0, c1, cov00, cov01, cov11, sumsq;
		double x = 0, sxx = 0;

		length = length_of_run(&p[i], n - i);
		if (!has_enough_levels(&p[i], length) ||
		    f->nr_runs == OSC_SPREAD_MAX)
			continue;
		gsl_fit_linear(&p[i].x, sizeof(*p) / sizeof(double), &p[i].y,
			       sizeof(*p) / sizeof(double), length, &c0, &c1,
			       &cov00, &cov01, &cov11, &sumsq);
		x = mean_of(&p[i], length, false);
		for (size_t j = i; j < i + length; j++)
			sxx += (p[j].x - x) * (p[j].x - x);
		sum += c1 * sxx;
		f->sxx += sxx;
		f->x += x * (double)length;
		points += (double)length;
		f->bend_of_run[f->nr_runs] = bend_of(&p[i], length);
		f->of_run[f->nr_runs++] = c1;
	}
	f->slope = f->sxx > 0 ? sum / f->sxx : 0;
	f->x /= fmax(points, 1);
}

static struct level *level_at(struct fit *f, double x)
{
	size_t at = 0;

	while (at < f->nr_levels && f->level[at].x < x)
		at++;
	if (at < f->nr_levels && f->level[at].x == x)
		return &f->level[at];
	if (f->nr_levels == OSC_LINE_LEVELS_MAX)
		return NULL;
	for (size_t i = f->nr_levels++; i > at; i--)
		f->level[i] = f->level[i - 1];
	f->level[at] = (struct level){ .x = x };
	return &f->level[at];
}

static void gather_levels(struct fit *f, const struct osc_line_point *p,
			  size_t n)
{
	size_t run = 0;

	for (size_t i = 0, length; i < n; i += length) {
		double fixed;

		length = length_of_run(&p[i], n - i);
		if (!has_enough_levels(&p[i], length) || run == f->nr_runs)
			continue;
		fixed = mean_of(&p[i], length, true) -
			f->slope * mean_of(&p[i], length, false);
		f->fixed[run++] = fixed;
		for (size_t j = i; j < i + length; j++) {
			struct level *l = level_at(f, p[j].x);

			if (!l)
				continue;
			l->y = (l->y * l->n + p[j].y - fixed) / (l->n + 1);
			l->n++;
		}
	}
}

static double student(double degrees)
{
	return gsl_cdf_tdist_Pinv(1 - (1 - CONFIDENCE) / 2, degrees);
}

/* Half the interval, by how far the levels lie from the line. */
static double by_residuals(const struct fit *f)
{
	double degrees = (double)f->nr_levels - 2, sum = 0;

	for (size_t i = 0; i < f->nr_levels; i++) {
		const struct level *l = &f->level[i];

		sum += l->n * pow(l->y - f->slope * l->x, 2);
	}
	return student(degrees) * sqrt(sum / degrees / f->sxx);
}

/* Half the interval of the mean of one number per run. */
static double by_runs(const double *values, size_t n)
{
	if (n < 2)
		return 0;
	return student((double)n - 1) *
	       sqrt(gsl_stats_variance(values, 1, n) / (double)n);
}

/*
 * Half the interval, when each y may be wrong by half a quantum in either
 * direction; a step that the line does not explain counts as one.
 */
static double by_quantum(const struct fit *f, double quantum)
{
	double sum = 0, weights = 0, x = 0, sxx = 0;

	for (size_t i = 0; i < f->nr_levels; i++) {
		const struct level *l = &f->level[i];

		x += l->n * l->x;
		weights += l->n;
		if (i)
			quantum = fmax(quantum,
				       l->y - l[-1].y -
					       f->slope * (l->x - l[-1].x));
	}
	x /= weights;
	for (size_t i = 0; i < f->nr_levels; i++) {
		const struct level *l = &f->level[i];

		sum += l->n * fabs(l->x - x);
		sxx += l->n * (l->x - x) * (l->x - x);
	}
	return quantum / 2 * sum / sxx;
}

/*
 * Without its largest step, what grows steadily grows by as much per x as
 * with it. True, and the steepest slope that fits, where it does not.
 */
static bool grows_in_a_step(const struct fit *f, double *steepest)
{
	const struct level *first = f->level;
	const struct level *last = &f->level[f->nr_levels - 1];
	double growth = last->y - first->y, range = last->x - first->x;
	double step = 0, width = 0;

	for (size_t i = 1; i < f->nr_levels; i++) {
		const struct level *l = &f->level[i];

		if (l->y - l[-1].y <= step)
			continue;
		step = l->y - l[-1].y;
		width = l->x - l[-1].x;
	}
	*steepest = (growth + step) / range;
	return width < range &&
	       (growth - step) / (range - width) < growth / range / 2;
}

/* Whether the halves are no line; their slopes are added to the interval. */
static bool bends(const struct fit *f, double quantum, struct osc_line *out)
{
	const struct level *a = f->level, *m = &f->level[f->nr_levels / 2];
	const struct level *b = &f->level[f->nr_levels - 1];
	double first = (m->y - a->y) / (m->x - a->x);
	double second = (b->y - m->y) / (b->x - m->x);
	double bend = gsl_stats_mean(f->bend_of_run, 1, f->nr_runs);

	if (fmax(first, second) < CURVE_FACTOR * fmin(first, second))
		return false;
	if (fabs(bend) <= by_runs(f->bend_of_run, f->nr_runs) ||
	    fabs(bend) <= quantum / (m->x - a->x) + quantum / (b->x - m->x))
		return false;
	out->low = fmin(out->low, fmin(first, second));
	out->high = fmax(out->high, fmax(first, second));
	return true;
}

static void judge(const struct fit *f, const struct osc_line_error *error,
		  struct osc_line *out)
{
	double half =
		fmax(fmax(by_residuals(f), by_runs(f->of_run, f->nr_runs)),
		     by_quantum(f, error->quantum));
	double steepest;

	out->slope = f->slope;
	out->low = f->slope - half;
	/* What shrinks with connections does not show that none costs more. */
	out->high = fmax(f->slope, 0) + half;
	if (out->low > 0 && grows_in_a_step(f, &steepest)) {
		out->shape = OSC_LINE_STEPS;
		out->low = 0;
		out->high = fmax(out->high, steepest);
	} else if (out->low > 0 && bends(f, error->quantum, out)) {
		out->shape = OSC_LINE_CURVE;
	}
	/* A steeper line through the middle of the points begins lower. */
	out->fixed_low = fmin(out->fixed_low,
			      out->fixed - (out->high - out->slope) * f->x);
	out->fixed_high = fmax(out->fixed_high,
			       out->fixed + (out->slope - out->low) * f->x);
	out->high += error->hidden;
}

bool osc_line_fit(const struct osc_line_point *p, size_t n,
		  const struct osc_line_error *error, struct osc_line *out)
{
	static_assert(sizeof(*p) % sizeof(double) == 0, "a stride for GSL");
	struct fit f = { .nr_runs = 0 };
	struct osc_spread fixed;

	fit_runs(&f, p, n);
	if (!f.nr_runs)
		return false;
	gather_levels(&f, p, n);
	if (!osc_spread(f.fixed, f.nr_runs, &fixed))
		return false;
	*out = (struct osc_line){
		.fixed = fixed.median,
		.fixed_low = fixed.low,
		.fixed_high = fixed.high,
		.shape = OSC_LINE_STRAIGHT,
		.runs = f.nr_runs,
		.levels = f.nr_levels,
		.least = f.level[0].x,
		.most = f.level[f.nr_levels - 1].x,
		.hidden = error->hidden,
	};
	judge(&f, error, out);
	return true;
}

json_t *osc_line_document(const struct osc_line *line)
{
	static const char *const shapes[] = {
		[OSC_LINE_STRAIGHT] = "line",
		[OSC_LINE_STEPS] = "steps",
		[OSC_LINE_CURVE] = "curve",
	};

	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:i, s:i, s:f,"
			 " s:f, s:f}",
			 "slope", line->slope, "low", line->low, "high",
			 line->high, "fixed", line->fixed, "fixed_low",
			 line->fixed_low, "fixed_high", line->fixed_high,
			 "shape", shapes[line->shape], "runs", (int)line->runs,
			 "levels", (int)line->levels, "least", line->least,
			 "most", line->most, "hidden", line->hidden);
}

bool osc_interval_is_wide(double value, double low, double high)
{
	return high > low &&
	       fmax(value - low, high - value) >= OSC_INTERVAL_WIDE * value;
}

bool osc_line_cost(const json_t *line, enum osc_line_part part,
		   struct osc_cost *out)
{
	static const char *const keys[][3] = {
		[OSC_LINE_SLOPE] = { "slope", "low", "high" },
		[OSC_LINE_FIXED] = { "fixed", "fixed_low", "fixed_high" },
	};
	const char *shape = json_string_value(json_object_get(line, "shape"));
	double number[3];

	for (size_t i = 0; i < 3; i++) {
		const json_t *v = json_object_get(line, keys[part][i]);

		if (!json_is_number(v))
			return false;
		number[i] = fmax(json_number_value(v), 0);
	}
	*out = (struct osc_cost){
		.value = fmin(fmax(number[0], number[1]), number[2]),
		.low = number[1],
		.high = number[2],
		.at_most = !(number[1] > 0) && number[2] > 0,
		.about = part == OSC_LINE_SLOPE && shape &&
			 strcmp(shape, "line"),
	};
	return true;
}
