// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "correlate/stats.h"

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static void nothing_has_no_spread(void **state)
{
	static double many[OSC_SPREAD_MAX + 1];
	struct osc_spread s = { .median = 7 };

	(void)state;
	assert_false(osc_spread(many, 0, &s));
	assert_false(osc_spread(many, OSC_SPREAD_MAX + 1, &s));
	assert_true(near(s.median, 7));
	assert_true(osc_spread(many, OSC_SPREAD_MAX, &s));
}

static void few_values_give_their_range_and_say_what_it_is_worth(void **state)
{
	static const double five[] = { 5, 1, 4, 2, 3 };
	struct osc_spread s;

	(void)state;
	assert_true(osc_spread(five, 1, &s));
	assert_true(near(s.median, 5) && near(s.low, 5) && near(s.high, 5));
	assert_true(near(s.coverage, 0));
	assert_true(osc_spread(five, 2, &s));
	assert_true(near(s.median, 3));
	assert_true(near(s.coverage, 0.5));
	assert_true(osc_spread(five, 5, &s));
	assert_true(near(s.median, 3) && near(s.low, 1) && near(s.high, 5));
	assert_true(near(s.coverage, 1 - 2.0 / 32));
	assert_int_equal(s.n, 5);
}

/* The ranks of the textbook's table for the sign test. */
static void the_interval_is_the_narrowest_of_95_percent(void **state)
{
	static const struct {
		size_t n, r;
	} ranks[] = { { 6, 1 },	 { 8, 1 },  { 9, 2 },  { 11, 2 }, { 12, 3 },
		      { 15, 4 }, { 20, 6 }, { 25, 8 }, { 30, 10 } };
	double v[30];
	struct osc_spread s;

	(void)state;
	for (size_t i = 0; i < 30; i++)
		v[i] = (double)(30 - i);
	for (size_t k = 0; k < sizeof(ranks) / sizeof(*ranks); k++) {
		size_t n = ranks[k].n, r = ranks[k].r;
		double least = v[n - 1];

		assert_true(osc_spread(v, n, &s));
		assert_true(s.coverage >= 0.95);
		assert_true(near(s.low, least + (double)r - 1));
		assert_true(near(s.high, 30 - (double)r + 1));
	}
	/* What it was given stays in its order. */
	assert_true(near(v[0], 30));
}

static void correlation_is_pearsons(void **state)
{
	static const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const double up[] = { 3, 5, 7, 9, 11, 13, 15, 17 };
	static const double down[] = { 8, 7, 6, 5, 4, 3, 2, 1 };
	static const double some[] = { 2, 1, 4, 3, 6, 5, 8, 7 };
	double r;

	(void)state;
	assert_true(osc_correlation(x, up, 8, &r) && near(r, 1));
	assert_true(osc_correlation(x, down, 8, &r) && near(r, -1));
	/* 1 - 6 * 8 / (8 * 63), as ranks without ties. */
	assert_true(osc_correlation(x, some, 8, &r) && near(r, 1 - 48.0 / 504));
	assert_true(r <= 1);
}

static void a_correlation_of_too_little_is_withheld(void **state)
{
	static const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const double flat[] = { 4, 4, 4, 4, 4, 4, 4, 4 };
	double odd[] = { 1, 2, 3, 4, 5, 6, 7, NAN };
	double r = 9;

	(void)state;
	assert_false(osc_correlation(x, x, 7, &r));
	assert_false(osc_correlation(x, flat, 8, &r));
	assert_false(osc_correlation(flat, x, 8, &r));
	assert_false(osc_correlation(x, odd, 8, &r));
	odd[7] = INFINITY;
	assert_false(osc_correlation(odd, x, 8, &r));
	assert_true(near(r, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_has_no_spread),
		cmocka_unit_test(
			few_values_give_their_range_and_say_what_it_is_worth),
		cmocka_unit_test(the_interval_is_the_narrowest_of_95_percent),
		cmocka_unit_test(correlation_is_pearsons),
		cmocka_unit_test(a_correlation_of_too_little_is_withheld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
