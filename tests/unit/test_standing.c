// SPDX-License-Identifier: GPL-2.0-or-later
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/counters.h"
#include "lib/standing.h"

static struct osc_counts counts_of(enum osc_backend backend)
{
	struct osc_counts c = { .backend = backend };

	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		osc_counts_set(&c, (enum osc_counter)i, 1000 + (uint64_t)i);
	return c;
}

static const char *text_of(const struct osc_counts *c, enum osc_counter n)
{
	static char text[OSC_STANDING_TEXT_SIZE];

	return osc_standing_text(c, n, text, sizeof(text));
}

static void a_number_of_which_nothing_is_missing_is_exact(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_MODULE);
	json_t *all = osc_standing_json(&c);

	(void)state;
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		struct osc_standing s = osc_standing(&c, (enum osc_counter)i);

		assert_int_equal(s.kind, OSC_EXACT);
		assert_null(s.why);
	}
	assert_string_equal(text_of(&c, OSC_SWITCHES), "1,000");
	assert_int_equal(json_object_size(all), 0);
	json_decref(all);
}

static void a_counter_that_missed_something_is_a_lower_bound(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_PROCFS);

	(void)state;
	c.missed[OSC_SWITCHES] = 1;
	assert_int_equal(osc_standing(&c, OSC_SWITCHES).kind, OSC_LOWER_BOUND);
	assert_int_equal(osc_standing(&c, OSC_FAULTS_MINOR).kind, OSC_EXACT);
	assert_string_equal(text_of(&c, OSC_SWITCHES), "\xe2\x89\xa5"
						       "1,000");
	setlocale(LC_CTYPE, "C");
	assert_string_equal(text_of(&c, OSC_SWITCHES), ">=1,000");
	setlocale(LC_CTYPE, "C.UTF-8");
	/* What was not proved is in doubt as a whole. */
	c.unproved = 1;
	assert_int_equal(osc_standing(&c, OSC_FAULTS_MINOR).kind,
			 OSC_LOWER_BOUND);
}

static void
what_a_module_that_has_gone_had_counted_is_a_lower_bound(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_MODULE);

	(void)state;
	c.cut_short = true;
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		assert_int_equal(osc_standing(&c, (enum osc_counter)i).kind,
				 OSC_LOWER_BOUND);
	assert_int_equal(osc_standing_of_tasks(&c).kind, OSC_LOWER_BOUND);
	assert_non_null(strstr(osc_standing(&c, OSC_SWITCHES).why, "unloaded"));
}

static void what_a_task_that_has_ended_had_done_is_a_lower_bound(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_PROCFS);

	(void)state;
	c.task_ended = true;
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		assert_int_equal(osc_standing(&c, (enum osc_counter)i).kind,
				 OSC_LOWER_BOUND);
	assert_non_null(
		strstr(osc_standing(&c, OSC_SWITCHES).why, "last look"));
}

static void callbacks_of_unknown_owners_make_an_interval(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_MODULE);
	struct osc_standing s;
	char text[OSC_STANDING_TEXT_SIZE];
	json_t *all;

	(void)state;
	c.callbacks_unknown = 5;
	s = osc_standing(&c, OSC_EPOLL_CALLBACKS);
	assert_int_equal(s.kind, OSC_INTERVAL);
	assert_int_equal(s.high - s.low, 5);
	assert_string_equal(text_of(&c, OSC_EPOLL_CALLBACKS), "1,005..1,010");
	assert_string_equal(osc_standing_scaled(&c, OSC_EPOLL_CALLBACKS, 0.001,
						text, sizeof(text)),
			    "1.005..1.010");
	assert_int_equal(osc_standing(&c, OSC_EPOLL_WAKEUPS).kind, OSC_EXACT);
	all = json_pack("{s:o}", "standing", osc_standing_json(&c));
	assert_int_equal(osc_standing_of(all, "epoll_callbacks"), OSC_INTERVAL);
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(json_object_get(all, "standing"),
					"epoll_callbacks"),
			"high")),
		1010);
	json_decref(all);
	/* With something missing no upper end is known. */
	c.missed[OSC_EPOLL_CALLBACKS] = 1;
	assert_int_equal(osc_standing(&c, OSC_EPOLL_CALLBACKS).kind,
			 OSC_LOWER_BOUND);
}

static const char *short_of(const struct osc_counts *c, enum osc_counter n,
			    double scale, int width)
{
	static char text[OSC_STANDING_TEXT_SIZE];

	return osc_standing_short(c, n, scale, width, text, sizeof(text));
}

static void a_number_is_cut_to_its_column_and_stays_true(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_PROCFS);

	(void)state;
	c.value[OSC_SWITCHES] = 1234999;
	assert_string_equal(short_of(&c, OSC_SWITCHES, 1, 9), "1,234,999");
	assert_string_equal(short_of(&c, OSC_SWITCHES, 1, 7), "1234999");
	assert_string_equal(short_of(&c, OSC_SWITCHES, 1, 6), "1234k");
	c.missed[OSC_SWITCHES] = 1;
	assert_string_equal(short_of(&c, OSC_SWITCHES, 1, 7), "\xe2\x89\xa5"
							      "1234k");
	/* No number of 64 bits is wider than the narrowest column. */
	c.value[OSC_SWITCHES] = UINT64_MAX;
	assert_true(strlen(short_of(&c, OSC_SWITCHES, 1, 7)) < 20);
	/* An interval is rounded to both sides. */
	c.value[OSC_CPU_NS] = 1234567890;
	c.cpu_grain_ns = 20000000;
	assert_string_equal(short_of(&c, OSC_CPU_NS, 1e-9, 12), "1.215..1.255");
	assert_string_equal(short_of(&c, OSC_CPU_NS, 1e-9, 10), "1.21..1.26");
	assert_string_equal(short_of(&c, OSC_CPU_NS, 1e-9, 9), "1.2..1.3");
	assert_string_equal(short_of(&c, OSC_CPU_NS, 1e-9, 5), "1..2");
	c.callbacks_unknown = 5;
	assert_string_equal(short_of(&c, OSC_EPOLL_CALLBACKS, 1, 7), "1k..2k");
}

static void what_the_rusage_proves_is_exact(void **state)
{
	struct osc_counts c = counts_of(OSC_BACKEND_PROCFS);

	(void)state;
	c.unproved = 1;
	c.missed[OSC_SWITCHES] = 1;
	c.proved = 1u << OSC_SWITCHES;
	assert_int_equal(osc_standing(&c, OSC_SWITCHES).kind, OSC_EXACT);
	assert_int_equal(osc_standing(&c, OSC_RUN_DELAY_NS).kind,
			 OSC_LOWER_BOUND);
	c.cut_short = true;
	assert_int_equal(osc_standing(&c, OSC_SWITCHES).kind, OSC_LOWER_BOUND);
}

static void what_is_not_counted_is_absent_and_says_why(void **state)
{
	struct osc_counts c = { .backend = OSC_BACKEND_PROCFS };

	(void)state;
	for (int b = OSC_BACKEND_MODULE; b <= OSC_BACKEND_PROCFS; b++) {
		c.backend = (enum osc_backend)b;
		for (int i = 0; i < OSC_NR_COUNTERS; i++) {
			struct osc_standing s =
				osc_standing(&c, (enum osc_counter)i);

			assert_int_equal(s.kind, OSC_ABSENT);
			assert_true(strlen(s.why) > 10);
			assert_string_equal(text_of(&c, (enum osc_counter)i),
					    "-");
		}
	}
}

static void a_difference_lacks_what_was_missed_in_between(void **state)
{
	struct osc_counts before = counts_of(OSC_BACKEND_MODULE), now = before;
	struct osc_counts delta;

	(void)state;
	before.lost = now.lost = 2;
	osc_counts_missed(&before, 2);
	osc_counts_missed(&now, 2);
	osc_counts_since(&now, &before, &delta);
	assert_int_equal(osc_standing(&delta, OSC_SWITCHES).kind, OSC_EXACT);
	osc_counts_missed(&now, 1);
	now.callbacks_unknown = 3;
	osc_counts_since(&now, &before, &delta);
	assert_int_equal(osc_standing(&delta, OSC_SWITCHES).kind,
			 OSC_LOWER_BOUND);
	assert_int_equal(delta.callbacks_unknown, 3);
	assert_int_equal(delta.backend, OSC_BACKEND_MODULE);
}

static void the_worst_of_several_standings_is_kept(void **state)
{
	json_t *all = json_object();
	json_t *document = json_pack("{s:o}", "standing", all);

	(void)state;
	assert_int_equal(osc_standing_put(all, "cpu_ns", OSC_EXACT, NULL), 0);
	assert_int_equal(json_object_size(all), 0);
	assert_int_equal(osc_standing_put(all, "cpu_ns", OSC_LOWER_BOUND, "a"),
			 0);
	assert_int_equal(osc_standing_put(all, "cpu_ns", OSC_ABSENT, "b"), 0);
	/* The time is shown in another unit; it stands as it does. */
	assert_int_equal(osc_standing_of(document, "cpu_us"), OSC_LOWER_BOUND);
	assert_string_equal(osc_standing_why(document, "cpu_us"), "a");
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_of_which_nothing_is_missing_is_exact),
		cmocka_unit_test(
			a_counter_that_missed_something_is_a_lower_bound),
		cmocka_unit_test(
			what_a_module_that_has_gone_had_counted_is_a_lower_bound),
		cmocka_unit_test(
			what_a_task_that_has_ended_had_done_is_a_lower_bound),
		cmocka_unit_test(callbacks_of_unknown_owners_make_an_interval),
		cmocka_unit_test(a_number_is_cut_to_its_column_and_stays_true),
		cmocka_unit_test(what_the_rusage_proves_is_exact),
		cmocka_unit_test(what_is_not_counted_is_absent_and_says_why),
		cmocka_unit_test(a_difference_lacks_what_was_missed_in_between),
		cmocka_unit_test(the_worst_of_several_standings_is_kept),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("standing", tests, NULL, NULL);
}
