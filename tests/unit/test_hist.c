// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hist.h"

#define N 20000

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Spread over many powers of two, as latencies are. */
static uint64_t latency(uint64_t *state)
{
	unsigned int shift = 24 + (unsigned int)(next(state) % 40);

	return next(state) >> shift;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void percentiles_are_those_of_the_sorted_values(void **unused)
{
	static const double points[] = { 0, 0.01, 10, 50, 90, 99, 99.9, 100 };
	static uint64_t values[N];
	static struct osc_hist h;
	uint64_t state = 42;

	(void)unused;
	osc_hist_init(&h);
	for (size_t i = 0; i < N; i++) {
		values[i] = latency(&state);
		osc_hist_record(&h, values[i]);
	}
	qsort(values, N, sizeof(values[0]), ascending);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		/* Tenths of a per mille, so that the rank is exact. */
		uint64_t rank =
			((uint64_t)(points[i] * 100) * N + 9999) / 10000;
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t got = osc_hist_percentile(&h, points[i]);

		assert_true(got >= exact);
		assert_true(got - exact <= exact / 128);
	}
	assert_int_equal(osc_hist_percentile(&h, 100), values[N - 1]);
	assert_int_equal(h.min, values[0]);
}

static void the_rank_is_exact_where_it_can_be(void **unused)
{
	static struct osc_hist h;

	(void)unused;
	for (uint64_t n = 1000; n <= 100000; n += 1000) {
		osc_hist_init(&h);
		for (uint64_t i = 0; i < n - n / 1000; i++)
			osc_hist_record(&h, 1);
		for (uint64_t i = 0; i < n / 1000; i++)
			osc_hist_record(&h, 2);
		assert_int_equal(osc_hist_percentile(&h, 99.9), 1);
	}
}

static void merged_halves_are_the_whole(void **unused)
{
	static struct osc_hist whole, half[2], first, parted;
	uint64_t state = 7;

	(void)unused;
	osc_hist_init(&whole);
	osc_hist_init(&half[0]);
	osc_hist_init(&half[1]);
	for (size_t i = 0; i < N; i++) {
		uint64_t v = latency(&state);

		osc_hist_record(&whole, v);
		osc_hist_record(&half[next(&state) % 2], v);
	}
	first = half[0];
	osc_hist_merge(&half[0], &half[1]);
	assert_memory_equal(&half[0], &whole, sizeof(whole));
	/* And may be taken apart again. */
	parted = whole;
	osc_hist_subtract(&parted, &half[1]);
	assert_int_equal(parted.count, first.count);
	assert_true(parted.sum == first.sum);
	assert_memory_equal(parted.slots, first.slots, sizeof(first.slots));
	/* And nothing is neutral. */
	osc_hist_init(&half[1]);
	osc_hist_merge(&half[0], &half[1]);
	assert_memory_equal(&half[0], &whole, sizeof(whole));
}

static void extreme_values_have_a_slot(void **unused)
{
	static struct osc_hist h;

	(void)unused;
	osc_hist_init(&h);
	osc_hist_record(&h, 0);
	osc_hist_record(&h, UINT64_MAX);
	osc_hist_record(&h, UINT64_MAX);
	assert_int_equal(osc_hist_percentile(&h, 1), 0);
	assert_true(osc_hist_percentile(&h, 99) == UINT64_MAX);
	assert_true(h.sum == (unsigned __int128)UINT64_MAX * 2);
}

static void nothing_recorded_is_null(void **unused)
{
	static struct osc_hist h;
	json_t *o;

	(void)unused;
	osc_hist_init(&h);
	assert_int_equal(osc_hist_percentile(&h, 99), 0);
	o = osc_hist_summary_us(&h);
	assert_true(json_is_null(json_object_get(o, "p99")));
	assert_true(json_is_null(json_object_get(o, "mean")));
	json_decref(o);
}

static void json_slots_add_up_to_the_count(void **unused)
{
	static struct osc_hist h;
	json_int_t sum = 0;
	uint64_t state = 3;
	json_t *o, *pair;
	size_t i;

	(void)unused;
	osc_hist_init(&h);
	for (i = 0; i < N; i++)
		osc_hist_record(&h, latency(&state));
	o = osc_hist_json(&h);
	assert_int_equal(json_integer_value(json_object_get(o, "sub_bits")), 7);
	json_array_foreach(json_object_get(o, "slots"), i, pair) {
		json_int_t slot = json_integer_value(json_array_get(pair, 0));

		sum += json_integer_value(json_array_get(pair, 1));
		assert_true(slot < (json_int_t)OSC_HIST_NR);
	}
	assert_int_equal(sum, N);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
		cmocka_unit_test(the_rank_is_exact_where_it_can_be),
		cmocka_unit_test(merged_halves_are_the_whole),
		cmocka_unit_test(extreme_values_have_a_slot),
		cmocka_unit_test(nothing_recorded_is_null),
		cmocka_unit_test(json_slots_add_up_to_the_count),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
