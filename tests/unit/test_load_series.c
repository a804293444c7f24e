// SPDX-License-Identifier: GPL-2.0-or-later
/* What the threads of a load tell while it runs: nothing lost, nothing twice. */
#include <jansson.h>
#include <pthread.h>
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
#include "load/handover.h"
#include "load/series.h"

/* A quarter of a megabyte each. */
static struct osc_load_stats books[2], sum;
static struct osc_load_interval slice;

static void open_books(struct osc_handover *h, struct osc_load_stats **at)
{
	*h = (struct osc_handover){ .other = &books[1] };
	*at = &books[0];
	osc_load_stats_init(&books[0]);
	osc_load_stats_init(&books[1]);
	osc_load_stats_init(&sum);
}

static void book(struct osc_load_stats *s, uint64_t ns)
{
	s->requests++;
	osc_hist_record(&s->latency, ns);
}

static void what_is_not_taken_comes_with_the_next(void **unused)
{
	static const struct osc_load_gauges gauges = { .at_ns = 7, .open = 3 };
	struct osc_handover h;
	struct osc_load_stats *at;

	(void)unused;
	open_books(&h, &at);
	assert_false(osc_handover_take(&h, &at, &sum));
	book(at, 100);
	assert_true(osc_handover_possible(&h));
	osc_handover_give(&h, &at, &gauges);
	assert_int_equal(at->requests, 0);
	/* The reader is late: the thread goes on where it is. */
	book(at, 200);
	assert_false(osc_handover_possible(&h));
	book(at, 300);
	assert_true(osc_handover_take(&h, &at, &sum));
	assert_int_equal(sum.requests, 1);
	assert_int_equal(sum.latency.max, 100);
	assert_int_equal(h.seen.open, 3);
	assert_true(osc_handover_possible(&h));
	osc_handover_give(&h, &at, &gauges);
	assert_true(osc_handover_take(&h, &at, &sum));
	assert_int_equal(sum.requests, 3);
	assert_int_equal(sum.latency.max, 300);
}

static void an_ended_thread_leaves_both_books(void **unused)
{
	static const struct osc_load_gauges gauges = { .at_ns = 7, .open = 3 };
	static const struct osc_load_gauges last = { .at_ns = 9 };
	struct osc_handover h;
	struct osc_load_stats *at;

	(void)unused;
	open_books(&h, &at);
	book(at, 100);
	osc_handover_give(&h, &at, &gauges);
	book(at, 200);
	osc_handover_end(&h, &last);
	assert_true(osc_handover_take(&h, &at, &sum));
	assert_int_equal(sum.requests, 2);
	assert_int_equal(h.seen.at_ns, 9);
	/* And once only; it is not late either. */
	assert_true(osc_handover_take(&h, &at, &sum));
	assert_int_equal(sum.requests, 2);
}

struct writer {
	struct osc_handover h;
	struct osc_load_stats *at;
};

#define RECORDS 300000

static void *write_books(void *arg)
{
	static const struct osc_load_gauges gauges = { .at_ns = 1 };
	struct writer *w = arg;

	for (uint64_t i = 1; i <= RECORDS; i++) {
		book(w->at, i);
		if (i % 16 == 0 && osc_handover_possible(&w->h))
			osc_handover_give(&w->h, &w->at, &gauges);
	}
	osc_handover_end(&w->h, &gauges);
	return NULL;
}

static void each_record_is_taken_once_while_it_runs(void **unused)
{
	struct writer w;
	pthread_t thread;
	unsigned __int128 all = (unsigned __int128)RECORDS * (RECORDS + 1) / 2;

	(void)unused;
	open_books(&w.h, &w.at);
	assert_int_equal(pthread_create(&thread, NULL, write_books, &w), 0);
	while (!w.h.drained)
		osc_handover_take(&w.h, &w.at, &sum);
	pthread_join(thread, NULL);
	assert_int_equal(sum.requests, RECORDS);
	assert_int_equal(sum.latency.count, RECORDS);
	assert_true(sum.latency.sum == all);
	assert_int_equal(sum.latency.min, 1);
	assert_int_equal(sum.latency.max, RECORDS);
}

static void fill_slice(unsigned int nth, uint64_t latency_ns)
{
	slice.from_ns = nth * OSC_NS_PER_S;
	slice.to_ns = slice.from_ns + OSC_NS_PER_S;
	slice.open = nth;
	slice.in_flight = 2;
	slice.cpu_share = nth == 1 ? -1 : 0.1 * nth;
	slice.late_threads = nth;
	osc_load_stats_init(&slice.stats);
	book(&slice.stats, latency_ns);
	osc_failures_add(&slice.stats.failures, OSC_LOAD_STATUS, 404, nth, 1);
}

static json_t *next_line(char **text)
{
	char *line = strsep(text, "\n");
	json_t *o = line ? json_loads(line, 0, NULL) : NULL;

	assert_non_null(o);
	return o;
}

static double real(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	assert_true(json_is_number(value));
	return json_number_value(value);
}

/* Two slices an interval, and one that is left. */
static void slices_make_intervals(void **unused)
{
	static struct osc_load_config config;
	static struct osc_load_result so_far;
	static struct osc_series series;
	char *text = NULL, *at;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct osc_error e = { 0 };
	json_t *o;

	(void)unused;
	assert_non_null(out);
	so_far.config = &config;
	osc_series_begin(&series, out, 2 * OSC_NS_PER_S, 0);
	for (unsigned int i = 0; i < 4; i++) {
		fill_slice(i, (i + 1) * OSC_NS_PER_US);
		assert_int_equal(osc_series_add(&series, &slice, &so_far,
						slice.to_ns, &e),
				 0);
	}
	fill_slice(4, 9000);
	slice.to_ns -= OSC_NS_PER_S / 2;
	assert_int_equal(osc_series_end(&series, &slice, &so_far, &e), 0);
	fclose(out);

	at = text;
	o = next_line(&at);
	assert_float_equal(real(o, "t_s"), 2, 1e-9);
	assert_float_equal(real(o, "seconds"), 2, 1e-9);
	assert_float_equal(real(o, "rps"), 1, 1e-9);
	assert_float_equal(real(o, "requests"), 2, 1e-9);
	/* One of two is unknown: that of the other. */
	assert_float_equal(real(o, "client_cpu_share"), 0, 1e-9);
	assert_float_equal(real(json_object_get(o, "latency_us"), "max"), 2,
			   1e-9);
	assert_true(json_is_null(json_object_get(o, "lag_us")));
	json_decref(o);
	o = next_line(&at);
	assert_float_equal(real(o, "t_s"), 4, 1e-9);
	assert_float_equal(real(o, "client_cpu_share"), 0.25, 1e-9);
	assert_float_equal(real(o, "connections_open"), 3, 1e-9);
	assert_float_equal(real(o, "late_threads"), 3, 1e-9);
	assert_float_equal(real(json_object_get(o, "errors"), "status.404"), 5,
			   1e-9);
	json_decref(o);
	o = next_line(&at);
	assert_float_equal(real(o, "t_s"), 4.5, 1e-9);
	assert_float_equal(real(o, "seconds"), 0.5, 1e-9);
	assert_float_equal(real(o, "requests"), 1, 1e-9);
	/* What is left is too short for a rate. */
	assert_true(json_is_null(json_object_get(o, "rps")));
	json_decref(o);
	assert_string_equal(at, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_taken_comes_with_the_next),
		cmocka_unit_test(an_ended_thread_leaves_both_books),
		cmocka_unit_test(each_record_is_taken_once_while_it_runs),
		cmocka_unit_test(slices_make_intervals),
	};

	return cmocka_run_group_tests_name("load_series", tests, NULL, NULL);
}
