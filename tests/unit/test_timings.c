// SPDX-License-Identifier: GPL-2.0-or-later
/* Timings and histograms: what is typed, computed, drawn and told as JSON. */
#include <errno.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/error.h"
#include "lib/output.h"
#include "lib/timings.h"
#include "lib/timings_output.h"

static struct osc_error e;

static void start(struct osc_histogram *h)
{
	*h = (struct osc_histogram){
		.name = "time_slice",
		.unit = "ns",
		.sub_bits = 2,
		.since_ns = 1000000000,
		.time_ns = 3000000000,
	};
}

static void record(struct osc_histogram *h, uint64_t value, uint64_t times)
{
	h->slots[osc_hist_slot(value, 2)] += times;
	h->count += times;
	h->sum += value * times;
}

static void every_histogram_belongs_to_a_timing(void **state)
{
	(void)state;
	assert_string_equal(osc_timing_kind_of("run_queue_wait")->name,
			    "sched");
	assert_string_equal(osc_timing_kind_of("fault_major")->name, "fault");
	assert_string_equal(osc_timing_kind_of("epoll_wake_to_return")->name,
			    "epoll_return");
	assert_string_equal(osc_timing_kind("off_cpu")->source, "sched");
	assert_null(osc_timing_kind_of("sched"));
	assert_null(osc_timing_kind("epol"));
	assert_null(osc_histogram_meaning("of a newer module"));
	assert_string_equal(osc_timing_level_name(OSC_TIMING_TARGETS),
			    "targets");
	assert_string_equal(osc_timing_level_name(3), "unknown");
}

static void a_set_has_timings_and_histograms(void **state)
{
	osc_histogram_set set;

	(void)state;
	assert_int_equal(osc_histogram_set_parse("--source",
						 "epoll,fault_major", &set, &e),
			 0);
	assert_true(osc_histogram_set_has(set, "epoll_wake_to_run"));
	assert_false(osc_histogram_set_has(set, "epoll_wake_to_return"));
	assert_true(osc_histogram_set_has(set, "fault_major"));
	assert_false(osc_histogram_set_has(set, "fault_minor"));
	assert_false(osc_histogram_set_has(set, "newer"));
	assert_true(osc_histogram_set_has_timing(set, "fault"));
	assert_false(osc_histogram_set_has_timing(set, "sched"));
	/* No set is all there are, those of a newer module too. */
	assert_true(osc_histogram_set_has(0, "newer"));
	assert_true(osc_histogram_set_has_timing(0, "newer"));
}

static void wrong_names_are_usage_errors(void **state)
{
	static const char *const wrong[] = { "",      "sched,",	  ",sched",
					     "sche",  "schedx",	  "sched fault",
					     "SCHED", "sched=all" };
	osc_histogram_set set;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(osc_histogram_set_parse("--source", wrong[i],
							 &set, &e),
				 -EINVAL);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		assert_non_null(strstr(e.text, "; try"));
	}
}

static void a_wish_has_a_name_and_a_level(void **state)
{
	struct osc_timing_wish wish;

	(void)state;
	assert_int_equal(
		osc_timing_wish_parse("x", "fault=targets", -1, &wish, &e), 0);
	assert_string_equal(wish.kind->name, "fault");
	assert_int_equal(wish.level, OSC_TIMING_TARGETS);
	assert_int_equal(osc_timing_wish_parse("x", "epoll", OSC_TIMING_ALL,
					       &wish, &e),
			 0);
	assert_int_equal(wish.level, OSC_TIMING_ALL);
	assert_int_equal(osc_timing_wish_parse("x", "epoll", -1, &wish, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "no level; try epoll=off"));
	assert_int_equal(osc_timing_wish_parse("x", "epoll=", OSC_TIMING_ALL,
					       &wish, &e),
			 -EINVAL);
	assert_string_equal(e.text, "x 'epoll=': no such level; try "
				    "epoll=targets or epoll=all");
	assert_int_equal(osc_timing_wish_parse("x", "epoll=of", OSC_TIMING_ALL,
					       &wish, &e),
			 -EINVAL);
	assert_null(strstr(e.text, "=off"));
	assert_int_equal(osc_timing_wish_parse("x", "=all", OSC_TIMING_ALL,
					       &wish, &e),
			 -EINVAL);
	assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
}

/* The slot of the value that the rank falls on, for every rank. */
static void a_percentile_is_the_slot_of_its_value(void **state)
{
	static struct osc_histogram h;
	uint64_t value = 1;

	(void)state;
	start(&h);
	assert_int_equal(osc_histogram_percentile(&h, 50), -1);
	for (int i = 0; i < 50; i++, value += value / 3 + 1)
		record(&h, value, 2);
	value = 1;
	for (int i = 0; i < 50; i++, value += value / 3 + 1) {
		int slot = (int)osc_hist_slot(value, 2);

		assert_int_equal(osc_histogram_percentile(&h, i * 2 + 1), slot);
		assert_int_equal(osc_histogram_percentile(&h, i * 2 + 2), slot);
	}
	start(&h);
	record(&h, UINT64_MAX, 1);
	assert_int_equal(osc_histogram_percentile(&h, 50), OSC_TIMES_SLOTS - 1);
	assert_int_equal(osc_histogram_percentile(&h, 100),
			 OSC_TIMES_SLOTS - 1);
}

static void a_span_is_the_difference_of_its_ends(void **state)
{
	static struct osc_histogram before, now, span;

	(void)state;
	start(&before);
	record(&before, 100, 3);
	before.useless = 1;
	now = before;
	now.time_ns = 9000000000;
	now.useless = 6;
	record(&now, 100, 2);
	record(&now, 7000, 1);
	osc_histogram_since(&now, &before, &span);
	assert_int_equal(span.count, 3);
	assert_int_equal(span.sum, 7200);
	assert_int_equal(span.useless, 5);
	assert_int_equal(span.slots[osc_hist_slot(100, 2)], 2);
	assert_int_equal(span.slots[osc_hist_slot(7000, 2)], 1);
	assert_true(span.time_ns - span.since_ns == 6000000000);
}

static void one_that_is_new_is_taken_whole(void **state)
{
	static struct osc_histogram before, now, span;

	(void)state;
	start(&before);
	record(&before, 100, 30);
	start(&now);
	record(&now, 100, 2);
	osc_histogram_since(&now, NULL, &span);
	assert_int_equal(span.count, 2);
	/* Switched off and on again in between: it began anew. */
	now.since_ns = before.time_ns + 5;
	osc_histogram_since(&now, &before, &span);
	assert_int_equal(span.count, 2);
	assert_true(span.since_ns == now.since_ns);
}

static void times_have_three_digits_and_the_unit_that_fits(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} times[] = {
		{ 0, "0 ns" },	       { 3, "3 ns" },
		{ 2.5, "2.50 ns" },    { 999, "999 ns" },
		{ 999.6, "1.00 us" },  { 1024, "1.02 us" },
		{ 12345, "12.3 us" },  { 999499, "999 us" },
		{ 999500, "1.00 ms" }, { 1048576, "1.05 ms" },
		{ 5e9, "5.00 s" },     { 99.96e9, "100 s" },
		{ 3.6e12, "3600 s" },
	};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		assert_string_equal(osc_format_ns(times[i].ns, buf,
						  sizeof(buf)),
				    times[i].text);
}

static char *drawn(const struct osc_histogram *h, const struct osc_bars *bars)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	osc_histogram_draw(h, "target 3", bars, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void draws_bars_to_scale(void **state)
{
	static const struct osc_bars bars = { .columns = 78 };
	static struct osc_histogram h;
	char *text;

	(void)state;
	start(&h);
	record(&h, 1024, 200);
	record(&h, 1300, 100);
	record(&h, 1800, 1);
	h.has_useless = true;
	h.useless = 1234;
	text = drawn(&h, &bars);
	assert_string_equal(
		text,
		"time_slice of target 3: from switched in to switched out\n"
		"  301 events in 2 s, and 1,234 useless wakeups, mean 1.12 us, "
		"sum 337 us\n"
		"  p50 1.02 us .. 1.28 us,  p90 1.28 us .. 1.54 us\n"
		"  p99 1.28 us .. 1.54 us,  p99.9 1.79 us .. 2.05 us\n"
		"  1.02 us ..   1.28 us          200 |"
		"########################################\n"
		"  1.28 us ..   1.54 us          100 |"
		"####################\n"
		"  1.54 us ..   1.79 us            0 |\n"
		"  1.79 us ..   2.05 us            1 |#\n");
	free(text);
}

static void blocks_are_finer_and_color_is_put_back(void **state)
{
	static const struct osc_bars bars = { .columns = 78,
					      .utf8 = true,
					      .color = true };
	static struct osc_histogram h;
	char *text;

	(void)state;
	start(&h);
	record(&h, 1024, 320);
	record(&h, 1300, 20);
	text = drawn(&h, &bars);
	assert_non_null(strstr(text, "|\033[36m██"));
	assert_non_null(strstr(text, " 20 |\033[36m██▌\033[0m\n"));
	assert_non_null(strstr(text, "p50 1.02 us … 1.28 us"));
	free(text);
}

/* Letters, not bytes: 0x80 to 0xbf go on with one. */
static size_t widest(const char *text)
{
	size_t most = 0, n = 0;

	for (; *text; text++) {
		if (*text == '\n')
			n = 0;
		else if ((*text & 0xc0) != 0x80 && ++n > most)
			most = n;
	}
	return most;
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	static struct osc_histogram h;

	(void)state;
	start(&h);
	/* Up to a day. */
	for (unsigned int i = 0; i < 47; i++)
		record(&h, 1ull << i, i + 1);
	h.has_useless = true;
	for (unsigned int columns = 46; columns < 130; columns += 7) {
		struct osc_bars bars = { .columns = columns, .utf8 = true };
		char *text = drawn(&h, &bars);

		assert_true(widest(text) <= columns);
		assert_true(widest(text) >= columns - 2);
		/* What is broken is all there. */
		assert_non_null(strstr(text, "p99.9 "));
		assert_non_null(strstr(text, "sum"));
		free(text);
	}
}

static void many_slots_share_lines(void **state)
{
	static const struct osc_bars bars = { .columns = 80 };
	static struct osc_histogram h;
	char *text;

	(void)state;
	start(&h);
	/* Ten powers of two: 40 slots, 20 lines of two. */
	for (uint64_t v = 1 << 10; v < 1 << 20; v += v / 8)
		record(&h, v, 1);
	text = drawn(&h, &bars);
	assert_int_equal(lines(text), 4 + 20);
	assert_non_null(strstr(text, "\n  1.02 us ..   1.54 us"));
	free(text);
	/* All 64: a line each, with the last bound beyond every integer. */
	start(&h);
	for (unsigned int i = 0; i < 64; i++)
		record(&h, 1ull << i, 1);
	text = drawn(&h, &bars);
	assert_int_equal(lines(text), 4 + 63);
	free(text);
}

static void an_empty_one_is_drawn_without_bars(void **state)
{
	static const struct osc_bars bars = { .columns = 80 };
	static struct osc_histogram h;
	char *text;

	(void)state;
	start(&h);
	text = drawn(&h, &bars);
	assert_string_equal(
		text,
		"time_slice of target 3: from switched in to switched out\n"
		"  0 events in 2 s\n");
	free(text);
}

static void json_has_bounds_of_slots(void **state)
{
	static struct osc_histogram h;
	json_t *json, *slot;

	(void)state;
	start(&h);
	record(&h, 1024, 3);
	h.slots[OSC_TIMES_SLOTS - 1] = 1;
	h.count++;
	json = osc_histogram_json(&h);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "timing")),
			    "sched");
	assert_int_equal(json_array_size(json_object_get(json, "slots")), 2);
	slot = json_array_get(json_object_get(json, "slots"), 0);
	assert_int_equal(json_integer_value(json_object_get(slot, "lower")),
			 1024);
	assert_int_equal(json_integer_value(json_object_get(slot, "upper")),
			 1279);
	assert_int_equal(json_integer_value(json_object_get(slot, "count")), 3);
	/* Beyond the integers of JSON. */
	slot = json_array_get(json_object_get(json, "slots"), 1);
	assert_true(json_is_real(json_object_get(slot, "upper")));
	assert_true(json_is_null(json_object_get(json, "useless")));
	json_decref(json);
	start(&h);
	json = osc_histogram_json(&h);
	assert_true(json_is_null(json_object_get(json, "mean")));
	assert_int_equal(json_array_size(json_object_get(json, "percentiles")),
			 0);
	json_decref(json);
}

static void a_file_has_the_width_of_columns_and_no_color(void **state)
{
	struct osc_bars bars;
	FILE *out = tmpfile();

	(void)state;
	assert_non_null(out);
	setenv("COLUMNS", "97", 1);
	setenv("TERM", "xterm", 1);
	bars = osc_bars_for(out);
	assert_int_equal(bars.columns, 97);
	assert_false(bars.color);
	setenv("COLUMNS", "many", 1);
	bars = osc_bars_for(out);
	assert_int_equal(bars.columns, 80);
	fclose(out);
}

static void a_terminal_has_its_width_and_color(void **state)
{
	struct winsize size = { .ws_row = 24, .ws_col = 123 };
	int control, terminal;
	struct osc_bars bars;
	FILE *out;

	(void)state;
	if (openpty(&control, &terminal, NULL, NULL, &size)) {
		print_message("no terminal can be opened: %s\n",
			      strerror(errno));
		skip();
	}
	out = fdopen(terminal, "w");
	assert_non_null(out);
	setenv("COLUMNS", "97", 1);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	bars = osc_bars_for(out);
	assert_int_equal(bars.columns, 123);
	assert_true(bars.color);
	setenv("NO_COLOR", "1", 1);
	assert_false(osc_bars_for(out).color);
	/* As no-color.org has it: empty is not set. */
	setenv("NO_COLOR", "", 1);
	assert_true(osc_bars_for(out).color);
	setenv("TERM", "dumb", 1);
	assert_false(osc_bars_for(out).color);
	fclose(out);
	close(control);
}

static char *sparks(const struct osc_bars *bars)
{
	static const uint64_t values[] = { 0, 1, 29, 50, 70, 100, 7000 };
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	osc_spark_draw(bars, values, sizeof(values) / sizeof(*values), 100,
		       out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void sparks_rise_with_their_values(void **state)
{
	static const struct osc_bars plain = { .columns = 80 };
	static const struct osc_bars utf8 = { .columns = 80, .utf8 = true };
	char *text = sparks(&plain);

	(void)state;
	assert_string_equal(text, " .-+*@@");
	free(text);
	text = sparks(&utf8);
	assert_string_equal(text, " ▁▃▅▆██");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_histogram_belongs_to_a_timing),
		cmocka_unit_test(a_set_has_timings_and_histograms),
		cmocka_unit_test(wrong_names_are_usage_errors),
		cmocka_unit_test(a_wish_has_a_name_and_a_level),
		cmocka_unit_test(a_percentile_is_the_slot_of_its_value),
		cmocka_unit_test(a_span_is_the_difference_of_its_ends),
		cmocka_unit_test(one_that_is_new_is_taken_whole),
		cmocka_unit_test(
			times_have_three_digits_and_the_unit_that_fits),
		cmocka_unit_test(sparks_rise_with_their_values),
		cmocka_unit_test(draws_bars_to_scale),
		cmocka_unit_test(blocks_are_finer_and_color_is_put_back),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(many_slots_share_lines),
		cmocka_unit_test(an_empty_one_is_drawn_without_bars),
		cmocka_unit_test(json_has_bounds_of_slots),
		cmocka_unit_test(a_file_has_the_width_of_columns_and_no_color),
		cmocka_unit_test(a_terminal_has_its_width_and_color),
	};

	return cmocka_run_group_tests_name("timings", tests, NULL, NULL);
}
