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
	return json_pack("{s:s, s:s, s:i, s:s, s:b, s:f, s:{s:f, s:n}, s:{s:f},"
			 " s:[{s:b}, {s:b}]}",
			 "model", model, "mode", "close", "requests", 100,
			 "verdict", verdict, "valid",
			 strcmp(verdict, "invalid"), "rps", rps, "per_request",
			 "context_switches_voluntary", switches,
			 "epoll_wakeups", "latency_us", "p50", 1e6 / rps,
			 "audit", "ok", audit_ok, "ok", 1);
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

/* An average among slopes would be the median of two different things. */
static void averages_and_slopes_are_not_mixed(void **state)
{
	static const char name[] = "context_switches_voluntary";
	json_t *runs = json_array(), *summary;
	const json_t *row;

	(void)state;
	for (int i = 0; i < 3; i++) {
		/* 300 switches for 100 requests, of which 100 once. */
		json_t *run = a_run("fork", true, 10, i ? 2 : 3, true);

		json_object_set_new(run, "marginal", json_boolean(i));
		json_object_set_new(run, "kernel",
				    json_pack("{s:i}", name, 300));
		json_object_set_new(run, "fixed",
				    i ? json_pack("{s:f}", name, 100.0) :
					json_pack("{s:n}", name));
		json_array_append_new(runs, run);
	}
	summary = osc_compare_summary(runs);
	row = json_array_get(summary, 0);
	assert_true(json_is_false(json_object_get(row, "marginal")));
	assert_true(near(number(row, "per_request", name, "low"), 3));
	assert_true(near(number(row, "per_request", name, "high"), 3));
	assert_true(json_is_null(
		json_object_get(json_object_get(row, "fixed"), name)));
	json_decref(summary);
	json_array_remove(runs, 0);
	summary = osc_compare_summary(runs);
	row = json_array_get(summary, 0);
	assert_true(json_is_true(json_object_get(row, "marginal")));
	assert_true(near(number(row, "per_request", name, "high"), 2));
	assert_true(near(number(row, "fixed", name, "median"), 100));
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
	json_t *o = osc_calls_document("epoll", booked, booked);

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
	json_t *o = osc_calls_document("pool", booked, booked);

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

/* A server that takes 5,000 bytes once, and so much for each connection. */
static struct osc_held_facts held(size_t points)
{
	struct osc_held_facts f = {
		.n = points,
		.fresh = { .pss = 1000,
			   .user_stacks = 500,
			   .page_tables = 5000,
			   .kernel_stacks = 100 },
		.slab_before = 100000,
	};

	osc_counts_set(&f.before, OSC_FAULTS_MINOR, 7);
	for (size_t i = 0; i < points; i++) {
		uint64_t n = 24 * (i + 1);

		f.point[i] = (struct osc_held_point){
			.connections = n,
			.memory = { .pss = 6000 + 300 * n,
				    .user_stacks = 500 + 200 * n,
				    .page_tables = 5000 - n,
				    .kernel_stacks = 100 + 2 * n,
				    .system_slab = 100000 + 7 * n },
		};
		osc_counts_set(&f.point[i].counts, OSC_FAULTS_MINOR,
			       18 + 2 * n);
	}
	return f;
}

/* The runs of a row, of which each held connections like this. */
static json_t *a_row_that_held(const struct osc_held_facts *f)
{
	json_t *runs = json_array(), *summary, *row;

	for (int i = 0; i < 6; i++) {
		json_t *run = a_run("fork", true, 10, 2, true);

		json_object_set_new(run, "held", osc_held_document(f));
		json_array_append_new(runs, run);
	}
	summary = osc_compare_summary(runs);
	row = json_incref(json_array_get(summary, 0));
	json_decref(summary);
	json_decref(runs);
	return row;
}

/* The server's own since it was fresh, the system's since just before. */
static void memory_has_a_fixed_and_a_marginal_part(void **state)
{
	static const struct {
		const char *name;
		double slope, fixed;
	} expected[] = {
		{ "pss", 300, 5000 },
		{ "user_stacks", 200, 0 },
		{ "page_tables", -1, 0 },
		{ "kernel_stacks", 2, 0 },
		{ "slab", 7, 0 },
		{ "own", 301, 5000 },
		/* All kinds, but for the fixed part of the system. */
		{ "total", 308, 5000 },
	};
	struct osc_held_facts f = held(5);
	json_t *row = a_row_that_held(&f);

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		const char *name = expected[i].name;
		double low = number(row, "memory", name, "low");
		double high = number(row, "memory", name, "high");

		assert_true(fabs(number(row, "memory", name, "slope") -
				 expected[i].slope) < 1e-6);
		/* What the whole system had before is nobody's cost. */
		if (!strcmp(name, "slab"))
			assert_true(json_is_null(json_object_get(
				json_object_get(json_object_get(row, "memory"),
						name),
				"fixed")));
		else
			assert_true(fabs(number(row, "memory", name, "fixed") -
					 expected[i].fixed) < 1e-6);
		assert_true(low <= expected[i].slope + 1e-6);
		assert_true(high >= expected[i].slope - 1e-6);
	}
	/* What was there before the first is none of theirs. */
	assert_true(fabs(number(row, "per_connection", "page_faults_minor",
				"slope") -
			 2) < 1e-6);
	assert_true(fabs(number(row, "per_connection", "page_faults_minor",
				"fixed") -
			 11) < 1e-6);
	json_decref(row);
}

/* Others take slab and give it back; a process has its stack all the same. */
static void
what_others_do_to_the_slab_hides_no_memory_of_the_server(void **state)
{
	struct osc_held_facts f = held(5);
	json_t *row;

	(void)state;
	for (size_t i = 0; i < f.n; i++) {
		f.point[i].memory.kernel_stacks =
			16384 * f.point[i].connections;
		f.point[i].memory.system_slab = i % 2 ? 100000 : 9000000;
	}
	row = a_row_that_held(&f);
	assert_true(number(row, "memory", "slab", "low") < 0);
	assert_true(number(row, "memory", "own", "low") > 16384);
	assert_true(number(row, "memory", "total", "low") >=
		    number(row, "memory", "own", "low"));
	assert_true(number(row, "memory", "total", "high") >
		    number(row, "memory", "total", "low"));
	json_decref(row);
	/* Others give back more than the connections take. */
	for (size_t i = 0; i < f.n; i++) {
		f.point[i].memory.kernel_stacks += i % 2 * 100000;
		f.point[i].memory.system_slab = 9000000 - 1000000 * i;
	}
	row = a_row_that_held(&f);
	for (int i = 0; i < 3; i++) {
		static const char *const keys[] = { "low", "slope", "high" };

		assert_true(number(row, "memory", "total", keys[i]) >=
			    number(row, "memory", "own", keys[i]));
	}
	json_decref(row);
}

/* A huge page has room that no page of it shows to be used. */
static void growth_inside_huge_pages_widens_the_bound(void **state)
{
	struct osc_held_facts f = held(5);
	json_t *row = a_row_that_held(&f);
	double before = number(row, "memory", "total", "high");

	(void)state;
	json_decref(row);
	for (size_t i = 0; i < f.n; i++)
		f.point[i].memory.huge = 1200000;
	row = a_row_that_held(&f);
	assert_true(fabs(number(row, "memory", "total", "high") - before -
			 1200000.0 / 120) < 1e-6);
	json_decref(row);
}

static void is_absent(const json_t *row, const char *group, const char *name,
		      const char *why)
{
	const json_t *o = json_object_get(row, group);

	assert_true(json_is_null(json_object_get(o, name)));
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(o, "absent"), name)),
			    why);
}

static void what_was_not_held_is_absent_with_the_reason(void **state)
{
	struct osc_held_facts f = held(2);
	json_t *row;

	(void)state;
	/* Two numbers of connections are no line. */
	f.why = "it took 30 of 72 connections";
	row = a_row_that_held(&f);
	for (int i = 0; i < OSC_NR_HELD_MEMORY; i++)
		is_absent(row, "memory", osc_held_memory_names[i], f.why);
	is_absent(row, "per_connection", "page_faults_minor", f.why);
	json_decref(row);
	/* It ended early, and has enough of them all the same. */
	f = held(3);
	f.why = "it took 80 of 96 connections";
	row = a_row_that_held(&f);
	assert_true(number(row, "memory", "pss", "slope") > 0);
	is_absent(row, "per_connection", "epoll_wakeups",
		  "it is not counted here");
	json_decref(row);
}

static void memory_that_cannot_be_read_leaves_the_counters(void **state)
{
	struct osc_held_facts f = held(4);
	json_t *row;

	(void)state;
	f.memory_why = "a reason";
	row = a_row_that_held(&f);
	is_absent(row, "memory", "total", "a reason");
	assert_true(number(row, "per_connection", "page_faults_minor",
			   "slope") > 0);
	json_decref(row);
	f = held(4);
	f.point[3].memory.stacks_hidden = true;
	row = a_row_that_held(&f);
	assert_true(json_is_null(json_object_get(json_object_get(row, "memory"),
						 "user_stacks")));
	assert_true(number(row, "memory", "total", "slope") > 0);
	json_decref(row);
}

/* What it did would be missing in what the others seem to cost. */
static void a_task_that_ended_unseen_leaves_no_counter(void **state)
{
	struct osc_held_facts f = held(4);
	json_t *row;

	(void)state;
	f.point[3].counts.lost = 1;
	row = a_row_that_held(&f);
	is_absent(row, "per_connection", "page_faults_minor",
		  "a task ended unseen while connections were held");
	assert_true(number(row, "memory", "total", "slope") > 0);
	json_decref(row);
}

/* Above what the load left in caches, and never beyond the descriptors. */
static void numbers_to_hold_rise_above_those_of_the_load(void **state)
{
	uint64_t n[OSC_HELD_LEVELS];

	(void)state;
	for (uint64_t load = 1; load < 100000; load = load * 3 + 1) {
		for (uint64_t most = 9; most < 200000; most *= 7) {
			size_t levels = osc_held_ladder(load, most, n);

			assert_in_range(levels, 3, OSC_HELD_LEVELS);
			assert_true(n[0] > 0 && n[levels - 1] <= most);
			for (size_t i = 1; i < levels; i++)
				assert_true(n[i] > n[i - 1]);
			if (most >= 6 * load + 64)
				assert_true(n[0] > load &&
					    n[levels - 1] >= 4 * n[0]);
		}
	}
	assert_int_equal(osc_held_ladder(16, 0, n), 0);
	assert_int_equal(osc_held_ladder(16, 2, n), 0);
}

/* 20 samples of a load: set up at first, then so much for each request. */
static void sample_a_load(struct osc_run_facts *f, size_t n, uint64_t each)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t requests = each * i;
		struct osc_sample s =
			sample(20 * i, requests, (i ? 450 : 0) + 2 * requests);

		s.account[OSC_ACCOUNT_REQUESTS] = requests;
		s.account[OSC_ACCOUNT_READS] = (i ? 77 : 0) + requests;
		/* At the end connections are closed. */
		if (i == n - 1)
			osc_counts_set(&s.counts, OSC_SWITCHES_VOLUNTARY,
				       500 + 2 * requests);
		add(&f->samples, s);
	}
	f->before = f->samples.at[0].counts;
	f->after = f->samples.at[n - 1].counts;
	f->account_before = f->account_after =
		(struct osc_account_snapshot){ 0 };
	f->account_after.value[OSC_ACCOUNT_REQUESTS] = each * (n - 1);
	f->account_after.value[OSC_ACCOUNT_ACCEPTS] = 16;
	f->account_after.value[OSC_ACCOUNT_ACCEPT_WAKES] = 8;
	f->account_after.value[OSC_ACCOUNT_READS] = each * (n - 1) + 77;
}

static void what_is_done_once_is_no_cost_of_a_request(void **state)
{
	static const char name[] = "context_switches_voluntary";
	json_t *load = a_load("valid"), *audit = json_array();
	struct osc_run_facts f = facts(load, audit);
	struct osc_error e;
	json_t *run;

	(void)state;
	sample_a_load(&f, 20, 100);
	run = osc_run_document(&f, &e);
	assert_true(json_is_true(json_object_get(run, "marginal")));
	assert_true(near(number(run, "per_request", name, NULL), 2));
	assert_true(near(number(run, "fixed", name, NULL), 500));
	assert_true(near(number(run, "calls", "system_calls_per_request", NULL),
			 1));
	/* All connections were accepted at first. */
	assert_true(near(number(run, "calls", "wakes_per_accept", NULL), 0.5));
	json_decref(run);
	osc_samples_free(&f.samples);
	json_decref(load);
	json_decref(audit);
}

/* Then they are the average of the run, which has it in, and say so. */
static void too_few_samples_tell_nothing_apart(void **state)
{
	static const char name[] = "context_switches_voluntary";
	json_t *load = a_load("valid"), *audit = json_array();
	struct osc_run_facts f;
	struct osc_error e;
	json_t *run;

	(void)state;
	for (size_t n = 2; n <= 6; n++) {
		/* Too few samples, and in the last of them too few requests. */
		uint64_t each = n < 6 ? 100 : 12;

		f = facts(load, audit);
		sample_a_load(&f, n, each);
		run = osc_run_document(&f, &e);
		assert_true(json_is_false(json_object_get(run, "marginal")));
		assert_true(near(number(run, "per_request", name, NULL),
				 2 + 500.0 / (double)(each * (n - 1))));
		assert_true(json_is_null(
			json_object_get(json_object_get(run, "fixed"), name)));
		json_decref(run);
		osc_samples_free(&f.samples);
	}
	json_decref(load);
	json_decref(audit);
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
		cmocka_unit_test(averages_and_slopes_are_not_mixed),
		cmocka_unit_test(suspect_times_stand_and_are_counted),
		cmocka_unit_test(
			the_exit_code_follows_the_audit_and_then_validity),
		cmocka_unit_test(correlation_is_of_rates_not_of_totals),
		cmocka_unit_test(a_counter_that_ran_backwards_is_noticed),
		cmocka_unit_test(samples_are_thinned_between_their_ends),
		cmocka_unit_test(a_run_counts_from_before_the_load_to_after_it),
		cmocka_unit_test(ratios_of_calls_are_of_what_was_booked),
		cmocka_unit_test(ratios_of_nothing_are_absent_with_a_reason),
		cmocka_unit_test(memory_has_a_fixed_and_a_marginal_part),
		cmocka_unit_test(
			what_others_do_to_the_slab_hides_no_memory_of_the_server),
		cmocka_unit_test(growth_inside_huge_pages_widens_the_bound),
		cmocka_unit_test(what_was_not_held_is_absent_with_the_reason),
		cmocka_unit_test(
			memory_that_cannot_be_read_leaves_the_counters),
		cmocka_unit_test(a_task_that_ended_unseen_leaves_no_counter),
		cmocka_unit_test(numbers_to_hold_rise_above_those_of_the_load),
		cmocka_unit_test(what_is_done_once_is_no_cost_of_a_request),
		cmocka_unit_test(too_few_samples_tell_nothing_apart),
		cmocka_unit_test(a_run_without_requests_divides_by_nothing),
		cmocka_unit_test(a_doubtful_run_says_why),
		cmocka_unit_test(a_calibration_is_part_of_the_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
