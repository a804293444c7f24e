// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/counters_output.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/standing.h"

static const struct osc_column columns[] = {
	{ "name", "NAME", OSC_COLUMN_TEXT },
	{ "count", "COUNT", OSC_COLUMN_COUNT },
	{ "pid", "PID", OSC_COLUMN_PLAIN },
	{ "rate", "RATE", OSC_COLUMN_REAL },
};

static struct osc_error e;

static struct osc_table *example(void)
{
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));

	osc_table_row(t);
	osc_table_text(t, "name", "a");
	osc_table_u64(t, "count", 1234567);
	osc_table_u64(t, "pid", 1234567);
	osc_table_real(t, "rate", 0.5);
	osc_table_row(t);
	osc_table_text(t, "name", NULL);
	osc_table_real(t, "rate", NAN);
	return t;
}

static char *text_of(const struct osc_table *t)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (osc_table_print(t, out, &e))
		fail_msg("%s", e.text);
	fclose(out);
	return text;
}

static void a_table_prints_for_people(void **state)
{
	struct osc_table *t = example();
	char *text = text_of(t);

	(void)state;
	assert_string_equal(text, "NAME     COUNT     PID   RATE\n"
				  "a    1,234,567 1234567 0.5000\n"
				  "-            -       -      -\n");
	free(text);
	osc_table_free(t);
}

static void the_same_table_is_an_array_for_programs(void **state)
{
	struct osc_table *t = example();
	json_t *json = osc_table_json(t);
	json_t *want = json_pack("[{s:s, s:i, s:i, s:f}, {s:n, s:n, s:n, s:n}]",
				 "name", "a", "count", 1234567, "pid", 1234567,
				 "rate", 0.5, "name", "count", "pid", "rate");

	(void)state;
	assert_true(json_equal(json, want));
	json_decref(json);
	json_decref(want);
	osc_table_free(t);
}

static void an_empty_table_has_headings_only(void **state)
{
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	json_t *json = osc_table_json(t);
	char *text = text_of(t);

	(void)state;
	assert_string_equal(text, "NAME COUNT PID RATE\n");
	assert_int_equal(json_array_size(json), 0);
	free(text);
	json_decref(json);
	osc_table_free(t);
}

static void a_cell_before_any_row_fails_the_table(void **state)
{
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	osc_table_text(t, "name", "before any row");
	assert_int_equal(osc_table_print(t, out, &e), -ENOMEM);
	assert_null(osc_table_json(t));
	fclose(out);
	osc_table_free(t);
}

/* "�" for each byte that is no part of a character. */
static void bytes_that_are_no_utf8_are_marked_one_by_one(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "", "" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "caf\xe9 \xff", "caf� �" },
		{ "\xc3\xa9 \xe9", "\xc3\xa9 �" },
		{ "\xe2\x82\xac\xe2\x82", "\xe2\x82\xac��" },
		{ "\xf0\x9f\x90\xa7\x80", "\xf0\x9f\x90\xa7�" },
		/* Overlong, a surrogate, beyond the last, no lead. */
		{ "\xc0\xaf", "��" },
		{ "\xed\xa0\x80", "���" },
		{ "\xf4\x90\x80\x80", "����" },
		{ "\xf8\x88", "��" },
		{ "\x01\x7f", "\x01\x7f" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *text = osc_json_text(rows[i].bytes);

		assert_string_equal(json_string_value(text), rows[i].text);
		json_decref(text);
	}
	assert_true(json_is_null(osc_json_text(NULL)));
}

/* Whatever two bytes there are, among others: jansson takes what is made of them. */
static void any_bytes_make_json(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 0x10000; i++) {
		char bytes[] = { 'a', (char)(i >> 8), (char)i, '\x80', 'b' };
		json_t *text = osc_json_bytes(bytes, sizeof(bytes));

		assert_non_null(text);
		json_decref(text);
	}
}

static void a_full_disk_is_an_error_of_the_printer(void **state)
{
	struct osc_table *t = example();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(osc_table_print(t, full, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "No space left"));
	assert_int_equal(osc_json_print(osc_table_json(t), full, &e), -ENOSPC);
	assert_int_equal(osc_json_print(NULL, full, &e), -ENOMEM);
	fclose(full);
	osc_table_free(t);
}

static void numbers_are_grouped(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(osc_format_count(0, buf, sizeof(buf)), "0");
	assert_string_equal(osc_format_count(999, buf, sizeof(buf)), "999");
	assert_string_equal(osc_format_count(1000, buf, sizeof(buf)), "1,000");
	assert_string_equal(osc_format_count(UINT64_MAX, buf, sizeof(buf)),
			    "18,446,744,073,709,551,615");
}

static void reals_have_four_digits_that_mean_something(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(osc_format_real(0, buf, sizeof(buf)), "0");
	assert_string_equal(osc_format_real(0.012345, buf, sizeof(buf)),
			    "0.01235");
	assert_string_equal(osc_format_real(1.5, buf, sizeof(buf)), "1.500");
	assert_string_equal(osc_format_real(123.456, buf, sizeof(buf)),
			    "123.5");
	assert_string_equal(osc_format_real(1234567.8, buf, sizeof(buf)),
			    "1,234,568");
	assert_string_equal(osc_format_real(-2.25, buf, sizeof(buf)), "-2.250");
	assert_string_equal(osc_format_real(INFINITY, buf, sizeof(buf)), "-");
	assert_string_equal(osc_format_real(1e300, buf, 8), "1000000");
}

static void a_counter_that_is_not_counted_is_null(void **state)
{
	struct osc_counts c = { 0 };
	json_t *json;

	(void)state;
	osc_counts_set(&c, OSC_FAULTS_MINOR, 0);
	json = osc_counts_json(&c);
	assert_int_equal(json_object_size(json), OSC_NR_COUNTERS);
	assert_true(
		json_is_integer(json_object_get(json, "page_faults_minor")));
	assert_true(json_is_null(json_object_get(json, "epoll_wakeups")));
	json_decref(json);
}

static void a_target_is_told_whole_whatever_it_calls_itself(void **state)
{
	struct osc_target t = {
		.id = 3,
		.pid = 812,
		.flags = OSC_WATCH_BOUND,
		.uid = 1000,
		.comm = "caf\xe9",
		.exited = true,
		.counts = { .tasks_exited = 2, .lost = 1 },
	};
	json_t *json, *counters;
	json_t *want = json_pack(
		"{s:i, s:i, s:s, s:i, s:s, s:s, s:b, s:b, s:i, s:i, s:i}", "id",
		3, "pid", 812, "comm", "caf�", "uid", 1000, "state", "exited",
		"root_state", "exited", "bound", 1, "follow", 1, "tasks_live",
		0, "tasks_exited", 2, "lost", 1);
	char *text;

	(void)state;
	osc_counts_set(&t.counts, OSC_FAULTS_MAJOR, 4);
	json = osc_target_json(&t);
	assert_non_null(json);
	/* Every value can be written, too. */
	text = json_dumps(json, 0);
	assert_non_null(text);
	free(text);
	counters = json_object_get(json, "counters");
	assert_int_equal(json_integer_value(json_object_get(
				 counters, "page_faults_major")),
			 4);
	json_object_del(json, "counters");
	assert_int_equal(osc_standing_of(json, "page_faults_minor"),
			 OSC_ABSENT);
	assert_int_equal(osc_standing_of(json, "page_faults_major"), OSC_EXACT);
	json_object_del(json, "standing");
	assert_true(json_equal(json, want));
	json_decref(json);
	json_decref(want);
}

static void a_difference_has_what_both_have(void **state)
{
	struct osc_counts before = { .tasks_exited = 1, .lost = 1 };
	struct osc_counts now = { .tasks_exited = 3,
				  .tasks_live = 2,
				  .lost = 1 };
	struct osc_counts delta;
	json_t *rates;

	(void)state;
	osc_counts_set(&before, OSC_SWITCHES, 10);
	osc_counts_set(&now, OSC_SWITCHES, 30);
	osc_counts_set(&before, OSC_CPU_NS, 0);
	osc_counts_set(&now, OSC_CPU_NS, 1000000000);
	osc_counts_set(&now, OSC_FAULTS_MAJOR, 5);
	osc_counts_since(&now, &before, &delta);
	assert_int_equal(delta.value[OSC_SWITCHES], 20);
	assert_false(osc_counts_have(&delta, OSC_FAULTS_MAJOR));
	assert_int_equal(delta.tasks_exited, 2);
	assert_int_equal(delta.tasks_live, 2);
	assert_int_equal(delta.lost, 0);
	rates = osc_rates_json(&delta, 2);
	assert_true(json_real_value(json_object_get(rates, "cpu")) == 0.5);
	assert_true(json_real_value(
			    json_object_get(rates, "context_switches")) == 10);
	assert_true(json_is_null(json_object_get(rates, "page_faults_major")));
	json_decref(rates);
}

static void callbacks_since(uint64_t before, uint64_t before_unknown,
			    uint64_t now, uint64_t now_unknown, uint64_t least,
			    uint64_t most)
{
	struct osc_counts a = { .callbacks_unknown = before_unknown };
	struct osc_counts b = { .callbacks_unknown = now_unknown };
	struct osc_counts delta;

	osc_counts_set(&a, OSC_EPOLL_CALLBACKS, before);
	osc_counts_set(&b, OSC_EPOLL_CALLBACKS, now);
	osc_counts_since(&b, &a, &delta);
	assert_int_equal(delta.value[OSC_EPOLL_CALLBACKS], least);
	assert_int_equal(delta.value[OSC_EPOLL_CALLBACKS] +
				 delta.callbacks_unknown,
			 most);
}

static void a_difference_of_callbacks_holds_the_true_one(void **state)
{
	(void)state;
	callbacks_since(10, 0, 30, 0, 20, 20);
	callbacks_since(10, 0, 30, 5, 20, 25);
	/* The five may be among the twenty, or not ours, or still unknown. */
	callbacks_since(10, 5, 30, 0, 15, 20);
	callbacks_since(10, 5, 30, 8, 15, 28);
	callbacks_since(10, 5, 12, 0, 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_prints_for_people),
		cmocka_unit_test(the_same_table_is_an_array_for_programs),
		cmocka_unit_test(an_empty_table_has_headings_only),
		cmocka_unit_test(a_cell_before_any_row_fails_the_table),
		cmocka_unit_test(bytes_that_are_no_utf8_are_marked_one_by_one),
		cmocka_unit_test(any_bytes_make_json),
		cmocka_unit_test(a_full_disk_is_an_error_of_the_printer),
		cmocka_unit_test(numbers_are_grouped),
		cmocka_unit_test(reals_have_four_digits_that_mean_something),
		cmocka_unit_test(a_counter_that_is_not_counted_is_null),
		cmocka_unit_test(
			a_target_is_told_whole_whatever_it_calls_itself),
		cmocka_unit_test(a_difference_has_what_both_have),
		cmocka_unit_test(a_difference_of_callbacks_holds_the_true_one),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
