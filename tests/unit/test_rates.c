// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates of readings as machines give them: late, twice, out of order, by a clock
 * that steps and of a counter that steps. The generator's seeds are fixed: a failure
 * comes again.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/counters_output.h"
#include "lib/rates.h"
#include "lib/standing.h"

#define READINGS 400
#define SEEDS 500

/* xorshift64*; 0 up to 1. */
static double next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (double)((*state * 0x2545f4914f6cdd1dull) >> 11) / 0x1p53;
}

static double round_down(double value, double step)
{
	return step > 0 ? floor(value / step) * step : value;
}

struct machine {
	double interval_s; /* asked of the sampler */
	double late_s; /* it is up to so late */
	double lag_s; /* between what the clock says and the reading */
	double clock_s, tick_s; /* steps of the clock and of the counter */
	double cpus; /* that are used at most */
};

static struct machine machine_of(uint64_t *seed)
{
	static const double clocks[] = { 0, 0.001, 0.004, 0.01 };
	struct machine m = {
		.interval_s = 0.01 + 0.2 * next(seed),
		.cpus = 1 + floor(4 * next(seed)),
	};

	m.late_s = 3 * m.interval_s * next(seed);
	m.clock_s = clocks[(int)(4 * next(seed))];
	m.tick_s = clocks[(int)(4 * next(seed))];
	m.lag_s = OSC_TICK_S * next(seed);
	return m;
}

/* A busy server: CPU time grows by as much as it can, or less. */
static size_t sample(const struct machine *m, uint64_t *seed,
		     struct osc_reading *r, size_t room)
{
	double now = 0, cpu = 0;
	size_t n = 0;

	for (size_t i = 0; n < room; i++) {
		double at = (double)i * m->interval_s + m->late_s * next(seed);
		double lag = m->lag_s * next(seed);

		at = fmax(at, now);
		cpu += (at - now) * m->cpus *
		       (next(seed) < 0.8 ? 1 : next(seed));
		now = at;
		r[n++] = (struct osc_reading){
			.t_s = round_down(at - lag, m->clock_s),
			.value = round_down(cpu, m->tick_s),
			.most = m->cpus,
		};
		if (n < room && next(seed) < 0.1) {
			r[n] = r[n - 1];
			n++;
		}
	}
	return n;
}

static void swap_some(struct osc_reading *r, size_t n, uint64_t *seed)
{
	for (size_t i = 1; i < n; i++) {
		struct osc_reading kept = r[i];

		if (next(seed) >= 0.1)
			continue;
		r[i] = r[i - 1];
		r[i - 1] = kept;
	}
}

static double least(const struct osc_reading *r, size_t n)
{
	double value = INFINITY;

	for (size_t i = 0; i < n; i++)
		value = fmin(value, r[i].value);
	return value;
}

static double greatest(const struct osc_reading *r, size_t n)
{
	double value = -INFINITY;

	for (size_t i = 0; i < n; i++)
		value = fmax(value, r[i].value);
	return value;
}

static void no_rate_is_more_than_is_possible(void **state)
{
	static struct osc_reading r[READINGS];
	static struct osc_rate out[READINGS];
	size_t intervals = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t random = seed * 0x9e3779b97f4a7c15ull;
		struct machine m = machine_of(&random);
		size_t n = sample(&m, &random, r,
				  2 + (size_t)(next(&random) * (READINGS - 2)));
		double all, growth = greatest(r, n) - least(r, n), end = -1;

		swap_some(r, n, &random);
		n = osc_rates(r, n, OSC_TICK_S, out);
		all = 0;
		for (size_t i = 0; i < n; i++) {
			double seconds = out[i].to_s - out[i].from_s;

			assert_true(seconds >= 5 * OSC_TICK_S);
			assert_true(out[i].from_s >= end);
			end = out[i].to_s;
			assert_true(out[i].per_s >= 0);
			assert_true(out[i].per_s <= m.cpus);
			all += out[i].per_s * seconds;
		}
		/* Nothing is counted twice; a tick an interval may be cut. */
		assert_true(all <= growth + 1e-6);
		if (n)
			assert_true(all >=
				    growth - (double)n * m.cpus * OSC_TICK_S -
					    1e-6);
		intervals += n;
	}
	/* The rule does not hold because nothing is left. */
	assert_true(intervals > 20 * SEEDS);
}

static void what_is_steady_stays_as_it_is(void **state)
{
	struct osc_reading r[21];
	struct osc_rate out[21];

	(void)state;
	for (size_t i = 0; i < 21; i++)
		r[i] = (struct osc_reading){ (double)i / 10, (double)i * 7,
					     INFINITY };
	assert_int_equal(osc_rates(r, 21, 0, out), 20);
	for (size_t i = 0; i < 20; i++)
		assert_true(fabs(out[i].per_s - 70) < 1e-9);
}

static void a_late_sample_makes_no_peak(void **state)
{
	/* The third is 99 ms late, the fourth comes 1 ms behind it. */
	struct osc_reading r[] = { { 0, 0, 1 },
				   { 0.1, 0.1, 1 },
				   { 0.299, 0.296, 1 },
				   { 0.3, 0.3, 1 },
				   { 0.4, 0.4, 1 } };
	struct osc_rate out[5];
	size_t n = osc_rates(r, 5, OSC_TICK_S, out);

	(void)state;
	assert_int_equal(n, 3);
	assert_true(out[2].from_s < 0.2995 && out[2].to_s > 0.3995);
	for (size_t i = 0; i < n; i++)
		assert_true(out[i].per_s <= 1);
}

static void growth_of_the_past_is_spread_over_it(void **state)
{
	/* A wait for the CPU is added when it is over. */
	struct osc_reading r[] = {
		{ 0, 0, 1 }, { 1, 0, 1 }, { 2, 0, 1 }, { 3, 2.4, 1 }
	};
	struct osc_rate out[4];

	(void)state;
	assert_int_equal(osc_rates(r, 4, OSC_TICK_S, out), 1);
	assert_true(fabs(out[0].per_s - 0.8) < 1e-9);
}

static void what_cannot_be_is_left_out(void **state)
{
	struct osc_reading r[] = { { 0, 0, 1 }, { 1, 0.5, 1 }, { 2, 9, 1 } };
	struct osc_reading none[] = { { NAN, 0, 1 }, { 1, NAN, 1 } };
	struct osc_reading less[] = { { 0, 5, 1 }, { 1, 4, 1 } };
	struct osc_rate out[3];

	(void)state;
	assert_int_equal(osc_rates(r, 3, OSC_TICK_S, out), 0);
	assert_int_equal(osc_rates(none, 2, 0, out), 0);
	assert_int_equal(osc_rates(r, 0, 0, out), 0);
	assert_int_equal(osc_rates(less, 2, 0, out), 1);
	assert_true(isnan(out[0].per_s));
}

static void one_interval_is_judged_alone(void **state)
{
	(void)state;
	assert_true(fabs(osc_rate_of_time(0.5, 1, 2) - 0.5) < 1e-9);
	/* By less than a tick too much: all of what is possible. */
	assert_true(fabs(osc_rate_of_time(1.005, 1, 1) - 1) < 1e-9);
	assert_true(isnan(osc_rate_of_time(3.1, 1, 1)));
	assert_true(isnan(osc_rate_of_time(0.001, 0.01, 1)));
	assert_true(isnan(osc_rate_of_time(0, 0, 1)));
}

static void a_time_that_cannot_be_is_withheld(void **state)
{
	struct osc_counts all = { .tasks_live = 2 }, c;

	(void)state;
	osc_counts_set(&all, OSC_CPU_NS, 3100000000);
	osc_counts_set(&all, OSC_RUN_DELAY_NS, 1900000000);
	osc_counts_set(&all, OSC_SWITCHES, 7);
	c = all;
	osc_counts_check_times(&c, 1, 4);
	assert_true(osc_counts_have(&c, OSC_CPU_NS));
	assert_true(osc_counts_have(&c, OSC_RUN_DELAY_NS));
	/* One CPU, two tasks that waited. */
	c = all;
	osc_counts_check_times(&c, 1, 1);
	assert_false(osc_counts_have(&c, OSC_CPU_NS));
	assert_non_null(strstr(osc_standing(&c, OSC_CPU_NS).why, "interval"));
	assert_true(osc_counts_have(&c, OSC_RUN_DELAY_NS));
	assert_true(osc_counts_have(&c, OSC_SWITCHES));
	/* An interval that is short against a tick has counts, and no times. */
	c = all;
	osc_counts_check_times(&c, 0.02, 4);
	assert_false(osc_counts_have(&c, OSC_CPU_NS));
	assert_false(osc_counts_have(&c, OSC_RUN_DELAY_NS));
	assert_true(osc_counts_have(&c, OSC_SWITCHES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rate_is_more_than_is_possible),
		cmocka_unit_test(what_is_steady_stays_as_it_is),
		cmocka_unit_test(a_late_sample_makes_no_peak),
		cmocka_unit_test(growth_of_the_past_is_spread_over_it),
		cmocka_unit_test(what_cannot_be_is_left_out),
		cmocka_unit_test(one_interval_is_judged_alone),
		cmocka_unit_test(a_time_that_cannot_be_is_withheld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
