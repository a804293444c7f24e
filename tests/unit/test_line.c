// SPDX-License-Identifier: GPL-2.0-or-later
/* Fixed and marginal cost: a slope is told only where the data have one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "correlate/line.h"

#define RUNS 6
#define LEVELS 6
#define N (RUNS * LEVELS)

static const double levels[LEVELS] = { 24, 36, 48, 72, 96, 144 };

typedef double cost(double x, unsigned int run);

/* A number in [-1, 1) that is the same in each run of the test. */
static double noise(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return (double)*state / 2147483648.0 - 1;
}

static struct osc_line line_of(cost *f, double quantum, double hidden)
{
	const struct osc_line_error error = { quantum, hidden };
	struct osc_line_point p[N];
	struct osc_line line;

	for (size_t i = 0; i < N; i++)
		p[i] = (struct osc_line_point){
			.run = (unsigned int)(i / LEVELS),
			.x = levels[i % LEVELS],
			.y = f(levels[i % LEVELS], (unsigned int)(i / LEVELS)),
		};
	assert_true(osc_line_fit(p, N, &error, &line));
	assert_int_equal(line.runs, RUNS);
	assert_int_equal(line.levels, LEVELS);
	assert_true(line.low <= line.slope && line.slope <= line.high);
	return line;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fmax(1, fabs(b));
}

static double a_line(double x, unsigned int run)
{
	return 5000 + 62 * x + run;
}

static void fixed_and_marginal_cost_stand_apart(void **state)
{
	struct osc_line l = line_of(a_line, 0, 0);

	(void)state;
	assert_true(near(l.slope, 62) && near(l.low, 62) && near(l.high, 62));
	assert_true(near(l.fixed, 5002.5));
	assert_true(l.fixed_low < l.fixed && l.fixed < l.fixed_high);
	assert_int_equal(l.shape, OSC_LINE_STRAIGHT);
	assert_true(near(l.least, 24) && near(l.most, 144));
}

#define MIB 1048576.0

/* A pool of one huge page is no cost of the connections that it has room for. */
static double a_pool(double x, unsigned int run)
{
	(void)run;
	(void)x;
	return 2 * MIB;
}

static void
a_pool_is_fixed_and_its_connections_cost_at_most_a_bound(void **state)
{
	struct osc_line l = line_of(a_pool, 4096, 2 * MIB / 144);

	(void)state;
	assert_true(near(l.fixed, 2 * MIB) && near(l.slope, 0));
	assert_true(l.low <= 0);
	assert_true(l.high >= 2 * MIB / 144 && l.high < 2 * MIB / 100);
	l = line_of(a_pool, 4096, 0);
	/* A page may be about to be needed. */
	assert_true(l.high > 0 && l.high < 4096.0 / 24);
}

/* In each run at the same place, so that the runs agree on a false slope. */
static double a_step(double x, unsigned int run)
{
	(void)run;
	return x >= 72 ? 4 * MIB : 2 * MIB;
}

static double a_step_at_the_end(double x, unsigned int run)
{
	(void)run;
	return x >= 144 ? 4 * MIB : 2 * MIB;
}

static void a_step_gives_a_bound_and_no_slope(void **state)
{
	static cost *const steps[] = { a_step, a_step_at_the_end };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct osc_line l = line_of(steps[i], 4096, 0);

		assert_true(l.low <= 0);
		/* The next step might be due at once. */
		assert_true(l.high >= 2 * MIB / 120);
	}
}

/* Among many numbers of connections the line seems to fit one step well. */
static void a_step_among_many_levels_is_marked(void **state)
{
	const struct osc_line_error page = { .quantum = 4096 };
	struct osc_line_point p[RUNS * 8];
	struct osc_line l;

	(void)state;
	for (size_t i = 0; i < RUNS * 8; i++) {
		double x = 10.0 * (double)(i % 8 + 1);

		p[i] = (struct osc_line_point){ (unsigned int)(i / 8), x,
						x > 45 ? 2 * MIB : 0 };
	}
	assert_true(osc_line_fit(p, RUNS * 8, &page, &l));
	assert_int_equal(l.shape, OSC_LINE_STEPS);
	assert_true(l.low <= 0 && l.high >= 2 * MIB / 70);
}

/* Growing in chunks of 24 connections, which is steady in the long run. */
static double chunks(double x, unsigned int run)
{
	(void)run;
	return 24 * 100 * ceil(x / 24);
}

static void chunks_widen_the_interval(void **state)
{
	struct osc_line l = line_of(chunks, 0, 0);

	(void)state;
	assert_true(l.low < 100 && 100 < l.high);
	assert_true(l.high - l.low > 10);
}

static double a_square(double x, unsigned int run)
{
	return x * x + run;
}

static void a_curve_is_marked_and_has_the_slopes_of_both_halves(void **state)
{
	struct osc_line l = line_of(a_square, 0, 0);

	(void)state;
	assert_int_equal(l.shape, OSC_LINE_CURVE);
	assert_true(l.low <= 24 + 72 && l.high >= 72 + 144);
}

/* What some runs take and others do not is no cost of a connection. */
static double runs_differ(double x, unsigned int run)
{
	return (run % 2 ? 62 : 0) * x;
}

static void runs_that_disagree_widen_the_interval(void **state)
{
	struct osc_line l = line_of(runs_differ, 0, 0);

	(void)state;
	assert_true(near(l.slope, 31));
	assert_true(l.low <= 0 && l.high >= 62);
}

/* Of 95 in 100 comparisons the true slope is in the interval, or of more. */
static void the_interval_holds_the_true_slope(void **state)
{
	const struct osc_line_error none = { 0 };
	uint32_t seed = 1;
	int held = 0, told = 0;

	(void)state;
	for (int t = 0; t < 1000; t++) {
		struct osc_line_point p[N];
		struct osc_line l;
		double y = 0;

		for (size_t i = 0; i < N; i++) {
			size_t at = i % LEVELS;
			double dx = levels[at] - (at ? levels[at - 1] : 0);

			/* Each connection costs 100, give or take. */
			y = at ? y : 1000 * noise(&seed);
			for (double c = 0; c < dx; c++)
				y += 100 + 80 * noise(&seed);
			p[i] = (struct osc_line_point){
				(unsigned int)(i / LEVELS), levels[at], y
			};
		}
		assert_true(osc_line_fit(p, N, &none, &l));
		held += l.low <= 100 && 100 <= l.high;
		told += l.low > 0;
		assert_int_equal(l.shape, OSC_LINE_STRAIGHT);
	}
	assert_true(held >= 950);
	assert_int_equal(told, 1000);
}

/*
 * The fixed cost is where the line begins, so what is not known of the slope is
 * not known of it: here all runs agree on a slope that is a little wrong.
 */
static void the_interval_holds_the_true_fixed_cost(void **state)
{
	const struct osc_line_error none = { 0 };
	uint32_t seed = 7;
	int held = 0;

	(void)state;
	for (int t = 0; t < 1000; t++) {
		struct osc_line_point p[N];
		double same[LEVELS];
		struct osc_line l;

		for (size_t i = 0; i < LEVELS; i++)
			same[i] = 500 * noise(&seed);
		for (size_t i = 0; i < N; i++)
			p[i] = (struct osc_line_point){
				(unsigned int)(i / LEVELS), levels[i % LEVELS],
				2000 + 100 * levels[i % LEVELS] +
					same[i % LEVELS] + noise(&seed)
			};
		assert_true(osc_line_fit(p, N, &none, &l));
		assert_true(l.fixed_low <= l.fixed && l.fixed <= l.fixed_high);
		held += l.fixed_low <= 2000 && 2000 <= l.fixed_high;
	}
	assert_true(held >= 900);
}

/* Both parts of a line are shown by the same rule. */
static void a_cost_that_may_be_zero_is_told_by_its_upper_end(void **state)
{
	static const struct {
		double value, low, high;
		struct osc_cost expected;
	} c[] = {
		{ 10, -220, 317, { 10, 0, 317, true, false } },
		{ -50, -220, 317, { 0, 0, 317, true, false } },
		{ -50, -220, -7, { 0, 0, 0, false, false } },
		{ 0, 0, 0, { 0, 0, 0, false, false } },
		{ 62, 60, 70, { 62, 60, 70, false, false } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct osc_line l = {
			.slope = c[i].value,
			.low = c[i].low,
			.high = c[i].high,
			.fixed = c[i].value,
			.fixed_low = c[i].low,
			.fixed_high = c[i].high,
		};
		json_t *line = osc_line_document(&l);

		for (int part = OSC_LINE_SLOPE; part <= OSC_LINE_FIXED;
		     part++) {
			const struct osc_cost *x = &c[i].expected;
			struct osc_cost got;

			assert_true(osc_line_cost(line, part, &got));
			assert_true(near(got.value, x->value));
			assert_true(near(got.low, x->low));
			assert_true(near(got.high, x->high));
			assert_int_equal(got.at_most, x->at_most);
		}
		json_decref(line);
	}
}

static void two_numbers_of_connections_are_no_line(void **state)
{
	static const struct osc_line_point two[] = {
		{ 0, 8, 1 },
		{ 0, 16, 2 },
		{ 0, 16, 2 },
		{ 1, 24, 3 },
	};
	const struct osc_line_error none = { 0 };
	struct osc_line l = { .slope = 7 };

	(void)state;
	assert_false(osc_line_fit(two, 4, &none, &l));
	assert_false(osc_line_fit(two, 0, &none, &l));
	assert_true(near(l.slope, 7));
}

/* What a server gives back while it takes connections is no merit of them. */
static double shrinking(double x, unsigned int run)
{
	return 1000 - x + (run % 2);
}

static void a_falling_line_gives_no_negative_cost(void **state)
{
	struct osc_line l = line_of(shrinking, 1, 0);

	(void)state;
	assert_true(l.low < 0 && l.high > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_and_marginal_cost_stand_apart),
		cmocka_unit_test(
			a_pool_is_fixed_and_its_connections_cost_at_most_a_bound),
		cmocka_unit_test(a_step_gives_a_bound_and_no_slope),
		cmocka_unit_test(a_step_among_many_levels_is_marked),
		cmocka_unit_test(chunks_widen_the_interval),
		cmocka_unit_test(
			a_curve_is_marked_and_has_the_slopes_of_both_halves),
		cmocka_unit_test(runs_that_disagree_widen_the_interval),
		cmocka_unit_test(the_interval_holds_the_true_slope),
		cmocka_unit_test(the_interval_holds_the_true_fixed_cost),
		cmocka_unit_test(
			a_cost_that_may_be_zero_is_told_by_its_upper_end),
		cmocka_unit_test(two_numbers_of_connections_are_no_line),
		cmocka_unit_test(a_falling_line_gives_no_negative_cost),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
