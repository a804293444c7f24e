// SPDX-License-Identifier: GPL-2.0-or-later
/* When requests are due: each arrival by its properties, and how it is asked. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "load/arrivals.h"

#define START 1000
#define SHARES_MAX 5

static const struct osc_arrivals regular[] = {
	{ .rate = 7 },
	{ .rate = 1000 },
	{ .rate = 999999 },
	{ .rate = 100, .burst = 30, .kind = OSC_ARRIVAL_BURST },
	{ .rate = 100, .burst = 1, .kind = OSC_ARRIVAL_BURST },
	{ .rate = 1000, .ramp_from = 10, .ramp_ns = 3 * OSC_NS_PER_S },
	{ .rate = 1000, .ramp_from = 0, .ramp_ns = 3 * OSC_NS_PER_S },
	{ .rate = 1, .ramp_from = 1000, .ramp_ns = 3 * OSC_NS_PER_S },
	{ .rate = 50, .ramp_from = 50, .ramp_ns = 3 * OSC_NS_PER_S },
	{ .rate = 200,
	  .ramp_ns = 3 * OSC_NS_PER_S,
	  .burst = 16,
	  .kind = OSC_ARRIVAL_BURST },
};

#define NR_REGULAR (sizeof(regular) / sizeof(regular[0]))

/* The integral of the rate from the start to t seconds after it. */
static double expected(const struct osc_arrivals *a, double t)
{
	double ramp = (double)a->ramp_ns / OSC_NS_PER_S;
	double in = t < ramp ? t : ramp, from = (double)a->ramp_from;
	double slope = ramp > 0 ? ((double)a->rate - from) / ramp : 0;

	return from * in + slope * in * in / 2 + (t - in) * (double)a->rate;
}

/* All shares together, in the order of time. */
struct crowd {
	struct osc_schedule of[SHARES_MAX];
	uint64_t n;
};

static void gather(struct crowd *c, const struct osc_arrivals *a, uint64_t n)
{
	c->n = n;
	for (uint64_t i = 0; i < n; i++)
		osc_schedule_init(&c->of[i], a, i, n, START);
}

static uint64_t take_next(struct crowd *c)
{
	struct osc_schedule *first = &c->of[0];

	for (uint64_t i = 1; i < c->n; i++) {
		if (c->of[i].next_ns < first->next_ns)
			first = &c->of[i];
	}
	return osc_schedule_take(first);
}

/* In every interval, from the start on: what the integral says, to a request. */
static void counts_are_the_integral_of_the_rate(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NR_REGULAR; i++) {
		const struct osc_arrivals *a = &regular[i];
		double burst = a->burst > 1 ? (double)a->burst : 1;
		struct crowd c;

		gather(&c, a, 1 + i % SHARES_MAX);
		for (uint64_t n = 1; n < 20000; n++) {
			uint64_t at = take_next(&c) - START;
			double due = expected(a, (double)at / OSC_NS_PER_S);
			double behind = (double)n - due;

			/* The nanosecond is cut: at 999999/s 1e-3 requests. */
			if (behind < -0.01 || behind > burst + 0.01)
				fail_msg("row %zu: %d due, %f expected", i,
					 (int)n, due);
		}
	}
}

static void constant_gaps_do_not_drift(void **unused)
{
	static const struct osc_arrivals a = { .rate = 7 };
	struct osc_schedule s[3];

	(void)unused;
	for (uint64_t i = 0; i < 3; i++)
		osc_schedule_init(&s[i], &a, i, 3, START);
	/* Every request of all shares in its turn, an hour of them. */
	for (uint64_t k = 0; k < 7 * 3600; k++)
		assert_int_equal(osc_schedule_take(&s[k % 3]),
				 START + (uint64_t)((double)k * 1e9 / 7));
}

/* After an hour at the end of the ramp it is as late as at its beginning. */
static void a_ramp_leaves_no_drift(void **unused)
{
	static const struct osc_arrivals a = { .rate = 8,
					       .ramp_from = 2,
					       .ramp_ns = 10 * OSC_NS_PER_S };
	struct osc_schedule s;

	(void)unused;
	osc_schedule_init(&s, &a, 0, 1, 0);
	for (int i = 0; i < 50; i++)
		osc_schedule_take(&s);
	/* (2 + 8) / 2 * 10 s = 50 requests, then one each 125 ms. */
	for (uint64_t k = 0; k < UINT64_C(8) * 3600; k++)
		assert_int_equal(osc_schedule_take(&s),
				 10 * OSC_NS_PER_S + k * 125 * OSC_NS_PER_MS);
}

static void shares_make_up_the_whole(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NR_REGULAR; i++) {
		for (uint64_t shares = 1; shares <= SHARES_MAX; shares++) {
			struct crowd all, one;

			gather(&all, &regular[i], shares);
			gather(&one, &regular[i], 1);
			for (int n = 0; n < 2000; n++)
				assert_int_equal(take_next(&all),
						 take_next(&one));
		}
	}
}

static void bursts_come_at_once(void **unused)
{
	static const struct osc_arrivals a = { .rate = 100,
					       .burst = 25,
					       .kind = OSC_ARRIVAL_BURST };
	struct crowd c;

	(void)unused;
	gather(&c, &a, 3);
	for (uint64_t n = 0; n < 1000; n++)
		assert_int_equal(take_next(&c),
				 START + n / 25 * (OSC_NS_PER_S / 4));
}

static void poisson_gaps_have_their_mean_and_spread(void **unused)
{
	static const struct osc_arrivals a = { .rate = 1000,
					       .kind = OSC_ARRIVAL_POISSON };
	struct osc_schedule s;
	double sum = 0, squares = 0;
	uint64_t last = 0;
	const int n = 200000;

	(void)unused;
	osc_schedule_init(&s, &a, 0, 1, 0);
	for (int i = 0; i < n; i++) {
		uint64_t at = osc_schedule_take(&s);
		double gap = (double)(at - last) / 1e6;

		assert_true(at >= last);
		sum += gap;
		squares += gap * gap;
		last = at;
	}
	/* Exponential: the deviation is the mean. The seed is fixed. */
	assert_true(fabs(sum / n - 1) < 0.02);
	assert_true(fabs(sqrt(squares / n - 1) - 1) < 0.03);
}

/* Each second has what the integral says, within five deviations of it. */
static void poisson_follows_a_ramp(void **unused)
{
	static const struct osc_arrivals a = { .rate = 10000,
					       .ramp_ns = 10 * OSC_NS_PER_S,
					       .kind = OSC_ARRIVAL_POISSON };
	struct crowd c;
	uint64_t next;

	(void)unused;
	gather(&c, &a, 3);
	next = take_next(&c);
	for (int second = 1; second <= 20; second++) {
		double mean = expected(&a, second) - expected(&a, second - 1);
		uint64_t end = START + (uint64_t)second * OSC_NS_PER_S;
		double n = 0;

		for (; next < end; next = take_next(&c))
			n++;
		assert_true(fabs(n - mean) < 5 * sqrt(mean));
	}
}

static void the_same_arguments_give_the_same_times(void **unused)
{
	struct osc_arrivals a = { .rate = 5000, .kind = OSC_ARRIVAL_POISSON };
	struct osc_schedule one, two;

	(void)unused;
	for (uint64_t share = 0; share < 3; share++) {
		osc_schedule_init(&one, &a, share, 3, START);
		osc_schedule_init(&two, &a, share, 3, START);
		for (int n = 0; n < 1000; n++)
			assert_int_equal(osc_schedule_take(&one),
					 osc_schedule_take(&two));
	}
}

/* "" or the error; the trace is freed but its length stays. */
static const char *read_text(const char *text, size_t len,
			     struct osc_arrivals *a)
{
	static struct osc_error e;
	FILE *in = fmemopen((char *)text, len, "r");
	int ret;

	assert_non_null(in);
	e = (struct osc_error){ 0 };
	ret = osc_arrivals_read_trace(in, "T", a, &e);
	fclose(in);
	assert_int_equal(ret, -e.err);
	return e.text;
}

static void a_trace_is_followed_to_the_nanosecond(void **unused)
{
	static const char text[] = "# when\n0\n0.000000001\n1.5\n\n1.5\n20m";
	static const uint64_t want[] = { 0, 1, 1500000000, 1500000000,
					 1200000000000 };
	struct osc_arrivals a = { 0 };
	struct crowd c;

	(void)unused;
	assert_string_equal(read_text(text, strlen(text), &a), "");
	assert_int_equal(a.nr_trace, 5);
	for (uint64_t shares = 1; shares <= SHARES_MAX; shares++) {
		gather(&c, &a, shares);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(take_next(&c), START + want[i]);
		/* Then there are no more, for anybody. */
		for (uint64_t i = 0; i < shares; i++)
			assert_int_equal(c.of[i].next_ns, UINT64_MAX);
	}
	assert_int_equal(osc_arrivals_span_ns(&a, 0), 0);
	assert_int_equal(osc_arrivals_span_ns(&a, 2), 1);
	assert_int_equal(osc_arrivals_span_ns(&a, 5), want[4]);
	free((void *)a.trace_ns);
}

static void a_long_trace_is_read_whole(void **unused)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct osc_arrivals a = { 0 };

	(void)unused;
	assert_non_null(out);
	for (int i = 0; i < 5000; i++)
		fprintf(out, "%d.%03d\n", i / 1000, i % 1000);
	fclose(out);
	assert_string_equal(read_text(text, len, &a), "");
	assert_int_equal(a.nr_trace, 5000);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(a.trace_ns[i], i * OSC_NS_PER_MS);
	free((void *)a.trace_ns);
	free(text);
}

static void a_wrong_line_is_named(void **unused)
{
	static const struct {
		const char *text;
		size_t len;
		const char *error;
	} rows[] = {
		{ "0\n1\nx\n", 6, "--trace T, line 3: not a time" },
		{ "#\n\n-1\n", 6, "--trace T, line 3: not a time" },
		{ "1\n 2\n", 5, "--trace T, line 2: not a time" },
		{ "1\r\n", 3, "--trace T, line 1: not a time" },
		{ "1\0002\n", 4, "--trace T, line 1: not a time" },
		/* Since 1970, and not since the start. */
		{ "1764000000.5\n", 13, "--trace T, line 1: not a time" },
		{ "0.5\n0.4\n", 8, "--trace T, line 2: earlier than" },
		{ "#\n", 2, "--trace T: no time is in it" },
	};
	struct osc_arrivals a = { 0 };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = read_text(rows[i].text, rows[i].len, &a);

		if (!strstr(text, rows[i].error))
			fail_msg("'%s' gives '%s'", rows[i].text, text);
		assert_non_null(strstr(text, "try "));
		assert_int_equal(a.nr_trace, 0);
	}
}

static void rates_and_kinds_are_read(void **unused)
{
	struct osc_arrivals a = { 0 };
	char text[128];

	(void)unused;
	assert_false(osc_arrivals_any(&a));
	assert_int_equal(osc_arrivals_parse_rate("100:1000:1.5s", &a, NULL), 0);
	assert_int_equal(osc_arrivals_parse_kind("burst:20", &a, NULL), 0);
	assert_true(osc_arrivals_any(&a));
	assert_string_equal(osc_arrivals_text(&a, text, sizeof(text)),
			    "from 100 to 1000 requests/s within 1.50 s (bursts "
			    "of 20)");
	/* The last that is said is meant. */
	assert_int_equal(osc_arrivals_parse_rate("50", &a, NULL), 0);
	assert_int_equal(osc_arrivals_parse_kind("poisson", &a, NULL), 0);
	assert_string_equal(osc_arrivals_text(&a, text, sizeof(text)),
			    "at 50 requests/s (poisson)");
}

static void wrong_rates_and_kinds_are_usage_errors(void **unused)
{
	static const char *const rates[] = {
		"",	   "0",	     "x",      "1:",	   "1:2",
		"1:2:",	   ":1:1s",  "1:0:1s", "1:2:1s:",  "1:2:3:4",
		"-1:1:1s", "1:2:0s", "1:2:1x", "10000001", "1.5"
	};
	static const char *const kinds[] = { "",	"often",   "burst",
					     "burst:",	"burst:0", "burst:-1",
					     "burst:x", "Poisson" };

	(void)unused;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct osc_arrivals a = { 0 };
		struct osc_error e = { 0 };

		if (!osc_arrivals_parse_rate(rates[i], &a, &e))
			fail_msg("'%s' was taken", rates[i]);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct osc_arrivals a = { 0 };
		struct osc_error e = { 0 };

		if (!osc_arrivals_parse_kind(kinds[i], &a, &e))
			fail_msg("'%s' was taken", kinds[i]);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_the_integral_of_the_rate),
		cmocka_unit_test(constant_gaps_do_not_drift),
		cmocka_unit_test(a_ramp_leaves_no_drift),
		cmocka_unit_test(shares_make_up_the_whole),
		cmocka_unit_test(bursts_come_at_once),
		cmocka_unit_test(poisson_gaps_have_their_mean_and_spread),
		cmocka_unit_test(poisson_follows_a_ramp),
		cmocka_unit_test(the_same_arguments_give_the_same_times),
		cmocka_unit_test(a_trace_is_followed_to_the_nanosecond),
		cmocka_unit_test(a_long_trace_is_read_whole),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(rates_and_kinds_are_read),
		cmocka_unit_test(wrong_rates_and_kinds_are_usage_errors),
	};

	return cmocka_run_group_tests_name("load_schedule", tests, NULL, NULL);
}
