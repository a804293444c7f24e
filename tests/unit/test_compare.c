// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "correlate/calls.h"
#include "correlate/compare.h"
#include "correlate/run.h"
#include "lib/error.h"

static double number(const json_t *o, const char *a, const char *b,
		     const char *c)
{
	const json_t *v = json_object_get(o, a);

	v = b ? json_object_get(v, b) : v;
	v = c ? json_object_get(v, c) : v;
	return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

/* A run of 100 requests with 2 switches each, but for what is asked. */
static json_t *a_run_judged(const char *model, const char *verdict, double rps,
			    double switches, bool audit_ok)
{
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:b, s:f, s:{s:f, s:n}, s:{}, s:{s:f},"
		" s:[{s:b}, {s:b}]}",
		"model", model, "mode", "close", "requests", 100, "verdict",
		verdict, "valid", strcmp(verdict, "invalid"), "rps", rps,
		"per_request", "context_switches_voluntary", switches,
		"epoll_wakeups", "per_connection", "latency_us", "p50",
		1e6 / rps, "audit", "ok", audit_ok, "ok", 1);
}

static json_t *a_run(const char *model, bool valid, double rps, double switches,
		     bool audit_ok)
{
	return a_run_judged(model, valid ? "valid" : "invalid", rps, switches,
			    audit_ok);
}

static json_t *some_runs(void)
{
	json_t *runs = json_array();

	json_array_append_new(runs, a_run("fork", true, 10, 2, true));
	json_array_append_new(runs, a_run("epoll", false, 99, 1, true));
	json_array_append_new(runs, a_run("fork", false, 500, 4, true));
	json_array_append_new(runs, a_run("fork", true, 20, 3, true));
	return runs;
}

static void a_row_is_made_of_its_runs_in_order_of_appearance(void **state)
{
	json_t *runs = some_runs(), *summary = osc_compare_summary(runs);
	const json_t *fork = json_array_get(summary, 0);

	(void)state;
	assert_int_equal(json_array_size(summary), 2);
	assert_string_equal(json_string_value(json_object_get(fork, "model")),
			    "fork");
	assert_true(near(number(fork, "runs", NULL, NULL), 3));
	assert_true(near(number(fork, "valid", NULL, NULL), 2));
	assert_true(near(number(fork, "requests", NULL, NULL), 300));
	assert_true(near(number(fork, "audits", NULL, NULL), 6));
	json_decref(summary);
	json_decref(runs);
}

/* Each member of the load parts them, and zero is not the same as absent. */
static void a_row_is_of_one_load(void **state)
{
	static const char *const loads[] = { "concurrency", "work_us",
					     "io_us" };
	json_t *runs = json_array(), *summary;

	(void)state;
	for (int i = 0; i < 8; i++) {
		json_t *run = a_run("fork", true, 10, 2, true);

		for (int bit = 0; bit < 3; bit++)
			json_object_set_new(run, loads[bit],
					    json_integer(i >> bit & 1));
		json_array_append(runs, run);
		json_array_append_new(runs, run);
	}
	summary = osc_compare_summary(runs);
	assert_int_equal(json_array_size(summary), 8);
	for (size_t i = 0; i < 8; i++) {
		const json_t *row = json_array_get(summary, i);

		assert_true(near(number(row, "runs", NULL, NULL), 2));
		assert_true(near(number(row, "io_us", NULL, NULL),
				 (double)(i >> 2)));
	}
	json_decref(summary);
	json_decref(runs);
}

static void counts_stand_where_times_are_withheld(void **state)
{
	json_t *runs = some_runs(), *summary = osc_compare_summary(runs);
	const json_t *fork = json_array_get(summary, 0);
	const json_t *epoll = json_array_get(summary, 1);
	static const char name[] = "context_switches_voluntary";

	(void)state;
	/* Counts of all three runs, rates of the two that are valid. */
	assert_true(near(number(fork, "per_request", name, "median"), 3));
	assert_true(near(number(fork, "per_request", name, "n"), 3));
	assert_true(near(number(fork, "rps", "median", NULL), 15));
	assert_true(near(number(fork, "rps", "high", NULL), 20));
	/* None is valid. */
	assert_true(near(number(epoll, "per_request", name, "median"), 1));
	assert_true(json_is_null(json_object_get(epoll, "rps")));
	assert_true(json_is_null(
		json_object_get(json_object_get(epoll, "latency_us"), "p50")));
	/* What nobody counted is null, not 0. */
	assert_true(json_is_null(json_object_get(
		json_object_get(fork, "per_request"), "epoll_wakeups")));
	json_decref(summary);
	json_decref(runs);
}

/* A marked number says more than none; a number of something else does not. */
static void suspect_times_stand_and_are_counted(void **state)
{
	static const char *const verdicts[] = { "suspect", "invalid", "valid",
						"suspect" };
	json_t *runs = json_array(), *summary;
	const json_t *row;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		json_array_append_new(runs, a_run_judged("fork", verdicts[i],
							 (double)(10 * i + 1),
							 2, true));
	summary = osc_compare_summary(runs);
	row = json_array_get(summary, 0);
	assert_true(near(number(row, "valid", NULL, NULL), 3));
	assert_true(near(number(row, "suspect", NULL, NULL), 2));
	/* Of 1, 21 and 31, not of the 11 that is invalid. */
	assert_true(near(number(row, "rps", "n", NULL), 3));
	assert_true(near(number(row, "rps", "median", NULL), 21));
	assert_true(near(number(row, "latency_us", "p50", "n"), 3));
	json_decref(summary);
	json_decref(runs);
}

/* Its rows count, and one that does not hold fails the whole. */
static void a_calibration_is_part_of_the_verdict(void **state)
{
	json_t *runs = json_pack("[{s:[{s:b}]}]", "audit", "ok", 1);
	json_t *good = json_pack("[{s:b}, {s:b}]", "ok", 1, "ok", 1);
	json_t *bad = json_pack("[{s:b}, {s:b}]", "ok", 1, "ok", 0);
	json_t *overall = osc_compare_overall(runs, good);

	(void)state;
	assert_true(near(number(overall, "audits", NULL, NULL), 3));
	assert_true(json_is_true(json_object_get(overall, "ok")));
	json_decref(overall);
	overall = osc_compare_overall(runs, bad);
	assert_true(near(number(overall, "failed", NULL, NULL), 1));
	assert_false(json_is_true(json_object_get(overall, "ok")));
	json_decref(overall);
	json_decref(bad);
	json_decref(good);
	json_decref(runs);
}

static int code_of(json_t *runs, bool emulated)
{
	json_t *summary = osc_compare_summary(runs);
	json_t *overall = osc_compare_overall(runs, NULL);
	int code = osc_compare_exit_code(overall, summary, emulated);

	json_decref(summary);
	json_decref(overall);
	json_decref(runs);
	return code;
}

static void the_exit_code_follows_the_audit_and_then_validity(void **state)
{
	json_t *runs = some_runs();

	(void)state;
	assert_int_equal(code_of(some_runs(), false), OSC_EXIT_INVALID);
	assert_int_equal(code_of(some_runs(), true), OSC_EXIT_OK);
	json_array_append_new(runs,
			      a_run_judged("epoll", "suspect", 1, 1, true));
	assert_int_equal(code_of(json_deep_copy(runs), false), OSC_EXIT_OK);
	json_array_append_new(runs, a_run("epoll", true, 1, 1, false));
	assert_int_equal(code_of(json_deep_copy(runs), false), OSC_EXIT_FAILED);
	assert_int_equal(code_of(runs, true), OSC_EXIT_FAILED);
	/* Where nothing was compared, nothing is ok. */
	assert_int_equal(code_of(json_array(), false), OSC_EXIT_FAILED);
}

static struct osc_sample sample(uint64_t ms, uint64_t requests,
				uint64_t switches)
{
	struct osc_sample s = { .time_ns = ms * 1000000, .requests = requests };

	osc_counts_set(&s.counts, OSC_SWITCHES_VOLUNTARY, switches);
	return s;
}

static void add(struct osc_samples *s, struct osc_sample one)
{
	assert_int_equal(osc_samples_add(s, &one), 0);
}

static void correlation_is_of_rates_not_of_totals(void **state)
{
	struct osc_samples s = { 0 };
	uint64_t requests = 0, switches = 0, ms = 0;
	json_t *c;

	(void)state;
	/* Both grow, but the more of one the less of the other. */
	for (uint64_t i = 0; i < 12; i++) {
		add(&s, sample(ms, requests, switches));
		ms += 50;
		requests += 100 + 10 * (i % 3);
		switches += 500 - 20 * (i % 3);
	}
	c = osc_samples_correlation(&s);
	assert_true(
		near(number(c, "context_switches_voluntary", NULL, NULL), -1));
	assert_true(near(number(c, "n", NULL, NULL), 11));
	assert_true(json_is_null(json_object_get(c, "epoll_wakeups")));
	json_decref(c);
	s.n = 8; /* 7 intervals */
	c = osc_samples_correlation(&s);
	assert_true(
		json_is_null(json_object_get(c, "context_switches_voluntary")));
	json_decref(c);
	osc_samples_free(&s);
}

static void a_counter_that_ran_backwards_is_noticed(void **state)
{
	struct osc_samples s = { 0 };

	(void)state;
	add(&s, sample(0, 10, 5));
	add(&s, sample(1, 10, 5));
	add(&s, sample(2, 11, 9));
	assert_int_equal(osc_samples_decreases(&s), 0);
	add(&s, sample(3, 12, 8));
	assert_int_equal(osc_samples_decreases(&s), 1);
	add(&s, sample(4, 11, 8));
	assert_int_equal(osc_samples_decreases(&s), 2);
	osc_samples_free(&s);
}

static void samples_are_thinned_between_their_ends(void **state)
{
	struct osc_samples s = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		add(&s, sample(i, i, i));
	osc_samples_thin(&s);
	assert_int_equal(s.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(s.at[i].requests, i < 3 ? 2 * i : 5);
	osc_samples_thin(&s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.at[2].requests, 5);
	osc_samples_free(&s);
}

/* A load of 8 requests over 2 connections, which began at 3 and 1. */
static struct osc_run_facts facts(json_t *load, json_t *audit)
{
	struct osc_run_facts f = {
		.model = "fork", .mode = "close", .load = load, .audit = audit
	};

	osc_counts_set(&f.before, OSC_SWITCHES_VOLUNTARY, 100);
	osc_counts_set(&f.after, OSC_SWITCHES_VOLUNTARY, 132);
	osc_counts_set(&f.before, OSC_CPU_NS, 1000);
	osc_counts_set(&f.after, OSC_CPU_NS, 17000);
	f.after.tasks_exited = 2;
	f.account_before.value[OSC_ACCOUNT_REQUESTS] = 3;
	f.account_after.value[OSC_ACCOUNT_REQUESTS] = 11;
	f.account_before.value[OSC_ACCOUNT_ACCEPTS] = 1;
	f.account_after.value[OSC_ACCOUNT_ACCEPTS] = 3;
	return f;
}

static json_t *a_load(const char *verdict)
{
	return json_pack("{s:f, s:{s:f}, s:{s:s, s:[]},"
			 " s:{s:i, s:[[i, i], [i, i]]}}",
			 "rps", 8.0, "latency_us", "p50", 7.0, "validity",
			 "verdict", verdict, "why", "histogram", "sub_bits", 7,
			 "slots", 5, 6, 300, 2);
}

static void a_run_counts_from_before_the_load_to_after_it(void **state)
{
	json_t *load = a_load("valid"), *audit = json_array();
	struct osc_run_facts f = facts(load, audit);
	struct osc_error e;
	json_t *run = osc_run_document(&f, &e);

	(void)state;
	assert_non_null(run);
	assert_true(near(number(run, "requests", NULL, NULL), 8));
	assert_true(near(number(run, "connections", NULL, NULL), 2));
	assert_true(near(
		number(run, "kernel", "context_switches_voluntary", NULL), 32));
	assert_true(near(number(run, "per_request",
				"context_switches_voluntary", NULL),
			 4));
	assert_true(near(number(run, "per_connection",
				"context_switches_voluntary", NULL),
			 16));
	assert_true(near(number(run, "per_request", "cpu_us", NULL), 2));
	assert_true(json_is_null(json_object_get(
		json_object_get(run, "per_request"), "epoll_wakeups")));
	assert_true(json_is_true(json_object_get(run, "valid")));
	assert_string_equal(json_string_value(json_object_get(run, "verdict")),
			    "valid");
	assert_int_equal(json_array_size(json_object_get(run, "why")), 0);
	json_decref(run);
	json_decref(load);
	json_decref(audit);
}

static void ratios_of_calls_are_of_what_was_booked(void **state)
{
	const uint64_t booked[OSC_NR_ACCOUNT] = {
		[OSC_ACCOUNT_REQUESTS] = 10,	 [OSC_ACCOUNT_ACCEPTS] = 4,
		[OSC_ACCOUNT_BYTES_IN] = 100,	 [OSC_ACCOUNT_BYTES_OUT] = 50,
		[OSC_ACCOUNT_READS] = 16,	 [OSC_ACCOUNT_READS_EMPTY] = 4,
		[OSC_ACCOUNT_WRITES] = 10,	 [OSC_ACCOUNT_WAITS] = 8,
		[OSC_ACCOUNT_WAITS_USELESS] = 2, [OSC_ACCOUNT_CALLS] = 6,
		[OSC_ACCOUNT_WAIT_EVENTS] = 12,	 [OSC_ACCOUNT_ACCEPT_WAKES] = 5,
		[OSC_ACCOUNT_ACCEPT_VAIN] = 3,	 [OSC_ACCOUNT_BYTES_PAGES] = 30,
	};
	static const double expected[OSC_NR_CALLS_RATIOS] = {
		4, 0.25, 1.5, 0.25, 12, 1.25, 0.6,
	};
	json_t *o = osc_calls_document("epoll", booked);

	(void)state;
	assert_true(json_is_true(json_object_get(o, "all")));
	for (size_t i = 0; i < OSC_NR_CALLS_RATIOS; i++)
		assert_true(
			near(number(o, osc_calls_ratios[i].name, NULL, NULL),
			     expected[i]));
	assert_int_equal(json_object_size(json_object_get(o, "absent")), 0);
	json_decref(o);
}

/* What cannot be told is null and says why, never a zero. */
static void ratios_of_nothing_are_absent_with_a_reason(void **state)
{
	uint64_t booked[OSC_NR_ACCOUNT] = { [OSC_ACCOUNT_ACCEPTS] = 1 };
	json_t *o = osc_calls_document("pool", booked);

	(void)state;
	assert_true(json_is_false(json_object_get(o, "all")));
	for (size_t i = 0; i < OSC_NR_CALLS_RATIOS; i++) {
		const char *name = osc_calls_ratios[i].name;

		assert_true(json_is_null(json_object_get(o, name)));
		assert_true(json_is_string(
			json_object_get(json_object_get(o, "absent"), name)));
	}
	json_decref(o);
}

static struct osc_memory_facts held(uint64_t connections)
{
	return (struct osc_memory_facts){
		.connections = connections,
		.fresh = { .pss = 1000,
			   .user_stacks = 500,
			   .page_tables = 5000,
			   .kernel_stacks = 100,
			   .system_slab = 1 },
		.slab_before = 100000,
		.held = { .pss = 1000 + 300 * connections,
			  .user_stacks = 500 + 200 * connections,
			  .page_tables = 4000,
			  .kernel_stacks = 100 + 2 * connections,
			  .system_slab = 100000 + 7 * connections },
	};
}

/* The server's own since it was fresh, the system's since just before. */
static void memory_is_what_grew_for_each_connection(void **state)
{
	struct osc_memory_facts f = held(OSC_MEMORY_SYSTEM_MIN);
	json_t *o = osc_memory_document(&f);

	(void)state;
	assert_true(near(number(o, "pss", NULL, NULL), 300));
	assert_true(near(number(o, "user_stacks", NULL, NULL), 200));
	assert_true(near(number(o, "kernel_stacks", NULL, NULL), 2));
	assert_true(near(number(o, "slab", NULL, NULL), 7));
	/* Given back, it is nothing, and not less. */
	assert_true(near(number(o, "page_tables", NULL, NULL), 0));
	assert_int_equal(json_object_size(json_object_get(o, "absent")), 0);
	json_decref(o);
}

static void memory_that_cannot_be_told_is_absent(void **state)
{
	struct osc_memory_facts f = held(OSC_MEMORY_SYSTEM_MIN - 1);
	json_t *o = osc_memory_document(&f);

	(void)state;
	assert_true(json_is_null(json_object_get(o, "slab")));
	assert_true(json_is_string(
		json_object_get(json_object_get(o, "absent"), "slab")));
	assert_true(near(number(o, "pss", NULL, NULL), 300));
	json_decref(o);
	f = held(OSC_MEMORY_SYSTEM_MIN);
	f.fresh.stacks_hidden = true;
	o = osc_memory_document(&f);
	assert_true(json_is_null(json_object_get(o, "user_stacks")));
	assert_true(json_is_string(
		json_object_get(json_object_get(o, "absent"), "user_stacks")));
	assert_int_equal(json_object_size(json_object_get(o, "absent")), 1);
	json_decref(o);
	f = (struct osc_memory_facts){ .why = "a reason" };
	o = osc_memory_document(&f);
	for (size_t i = 0; i < OSC_NR_MEMORY; i++) {
		assert_true(
			json_is_null(json_object_get(o, osc_memory_names[i])));
		assert_string_equal(json_string_value(json_object_get(
					    json_object_get(o, "absent"),
					    osc_memory_names[i])),
				    "a reason");
	}
	json_decref(o);
}

static void a_run_without_requests_divides_by_nothing(void **state)
{
	json_t *load = a_load("valid"), *audit = json_array();
	struct osc_run_facts f = facts(load, audit);
	struct osc_error e;
	json_t *run;

	(void)state;
	f.account_after.value[OSC_ACCOUNT_REQUESTS] = 3;
	run = osc_run_document(&f, &e);
	assert_true(json_is_null(
		json_object_get(json_object_get(run, "per_request"),
				"context_switches_voluntary")));
	json_decref(run);
	json_decref(load);
	json_decref(audit);
}

static void a_doubtful_run_says_why(void **state)
{
	static const struct {
		const char *said, *verdict;
		bool valid;
		int deaths, partial;
	} cases[] = {
		{ "suspect", "suspect", true, 0, 0 },
		{ "invalid", "invalid", false, 0, 0 },
		{ "?", "invalid", false, 0, 0 },
		{ "valid", "invalid", false, 1, 0 },
		{ "suspect", "invalid", false, 0, 1 },
	};
	json_t *audit = json_array(), *load, *run;
	struct osc_run_facts f;
	struct osc_error e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		load = a_load(cases[i].said);
		json_object_set_new(load, "partial",
				    json_boolean(cases[i].partial));
		f = facts(load, audit);
		f.account_after.value[OSC_ACCOUNT_WORKER_DEATHS] =
			(uint64_t)cases[i].deaths;
		run = osc_run_document(&f, &e);
		assert_string_equal(
			json_string_value(json_object_get(run, "verdict")),
			cases[i].verdict);
		assert_int_equal(json_is_true(json_object_get(run, "valid")),
				 cases[i].valid);
		assert_int_equal(json_array_size(json_object_get(run, "why")),
				 1);
		json_decref(run);
		json_decref(load);
	}
	json_decref(audit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_row_is_made_of_its_runs_in_order_of_appearance),
		cmocka_unit_test(a_row_is_of_one_load),
		cmocka_unit_test(counts_stand_where_times_are_withheld),
		cmocka_unit_test(suspect_times_stand_and_are_counted),
		cmocka_unit_test(
			the_exit_code_follows_the_audit_and_then_validity),
		cmocka_unit_test(correlation_is_of_rates_not_of_totals),
		cmocka_unit_test(a_counter_that_ran_backwards_is_noticed),
		cmocka_unit_test(samples_are_thinned_between_their_ends),
		cmocka_unit_test(a_run_counts_from_before_the_load_to_after_it),
		cmocka_unit_test(ratios_of_calls_are_of_what_was_booked),
		cmocka_unit_test(ratios_of_nothing_are_absent_with_a_reason),
		cmocka_unit_test(memory_is_what_grew_for_each_connection),
		cmocka_unit_test(memory_that_cannot_be_told_is_absent),
		cmocka_unit_test(a_run_without_requests_divides_by_nothing),
		cmocka_unit_test(a_doubtful_run_says_why),
		cmocka_unit_test(a_calibration_is_part_of_the_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
