// SPDX-License-Identifier: GPL-2.0-or-later
/* Which model wins is said only where it is sure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "correlate/verdict.h"

static json_t *spread(double low, double high, double coverage)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:i}", "median",
			 (low + high) / 2, "low", low, "high", high, "coverage",
			 coverage, "n", 6);
}

static json_t *least(const char *name)
{
	return json_pack("{s:{s:s, s:s}}", name, "standing", "lower-bound",
			 "why", "a test");
}

static json_t *row(const char *model, int connections, json_t *rps)
{
	json_t *o =
		json_pack("{s:s, s:s, s:i, s:o, s:{}, s:{}, s:{}, s:{}, s:{}}",
			  "model", model, "mode", "close", "concurrency",
			  connections, "rps", rps, "per_request",
			  "per_connection", "calls", "latency_us", "memory");

	/* Where a model has tasks, the C library makes further calls. */
	if (strcmp(model, "epoll"))
		json_object_set_new(o, "standing",
				    least("system_calls_per_request"));
	return o;
}

static void set(json_t *summary, size_t at, const char *group, const char *name,
		double low, double high)
{
	json_t *o = json_object_get(json_array_get(summary, at), group);

	json_object_set_new(o, name, spread(low, high, 0.96875));
}

static json_t *line(double low, double high, double fixed, int runs)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:i}", "slope",
			 (low + high) / 2, "low", low, "high", high, "fixed",
			 fixed, "fixed_low", fixed, "fixed_high", fixed,
			 "shape", "line", "runs", runs);
}

static void set_line(json_t *summary, size_t at, const char *group,
		     const char *name, double low, double high, double fixed)
{
	json_t *o = json_object_get(json_array_get(summary, at), group);

	json_object_set_new(o, name, line(low, high, fixed, 6));
}

/* Three models, of which the second answers the most. */
static json_t *a_summary(void)
{
	json_t *summary = json_array();

	json_array_append_new(summary, row("fork", 1, spread(10, 20, 0.96875)));
	json_array_append_new(summary,
			      row("epoll", 1, spread(100, 120, 0.96875)));
	json_array_append_new(summary,
			      row("thread", 1, spread(50, 60, 0.96875)));
	return summary;
}

/* Takes the summary; the texts of all verdicts, a line each, to be freed. */
static char *texts(json_t *summary, bool emulated)
{
	json_t *all = osc_verdicts(summary, emulated), *v, *why;
	char *text = NULL;
	size_t size, i, j;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(all);
	assert_non_null(out);
	json_array_foreach(all, i, v) {
		fprintf(out, "%s\n",
			json_string_value(json_object_get(v, "text")));
		json_array_foreach(json_object_get(v, "why"), j, why)
			fprintf(out, "- %s\n", json_string_value(why));
		json_array_foreach(json_object_get(v, "looked_at"), j, why)
			fprintf(out, "? %s\n", json_string_value(why));
	}
	fclose(out);
	json_decref(all);
	json_decref(summary);
	return text;
}

static void says(json_t *summary, bool emulated, const char *expected)
{
	char *text = texts(summary, emulated);

	assert_string_equal(text, expected);
	free(text);
}

#define WINS                                                                \
	"epoll answers the most requests at 1 connection: 110 per second. " \
	"The next is thread with 55.\n"

static void who_is_apart_from_all_others_wins(void **state)
{
	(void)state;
	says(a_summary(), false, WINS);
}

static void nothing_is_said_where_intervals_touch(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	/* At one point is enough. */
	json_object_set_new(json_array_get(summary, 2), "rps",
			    spread(50, 100, 0.96875));
	says(summary, false, "");
}

static void nothing_is_said_of_too_few_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *summary = a_summary();
		json_t *rps =
			json_object_get(json_array_get(summary, i), "rps");

		/* Five runs. */
		json_object_set_new(rps, "coverage", json_real(0.9375));
		says(summary, false, "");
	}
}

/* Where one is withheld it might have been the best. */
static void nothing_is_said_where_one_was_not_measured(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	json_object_set_new(json_array_get(summary, 0), "rps", json_null());
	says(summary, false, "");
}

static void nobody_wins_alone(void **state)
{
	json_t *summary =
		json_pack("[o]", row("epoll", 1, spread(1, 2, 0.96875)));

	(void)state;
	says(summary, false, "");
}

static void loads_are_judged_apart(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	json_array_append_new(summary,
			      row("fork", 2, spread(500, 600, 0.96875)));
	json_array_append_new(summary,
			      row("epoll", 2, spread(300, 400, 0.96875)));
	json_array_append_new(summary,
			      row("thread", 2, spread(100, 200, 0.96875)));
	/* Each holds at its number of connections, and names the other. */
	says(summary, false,
	     "fork answers the most requests at 2 connections: 550 per second. "
	     "The next is epoll with 350. At 1 connection epoll does: 110 "
	     "against 55.\n"
	     "epoll answers the most requests at 1 connection: 110 per second. "
	     "The next is thread with 55. At 2 connections fork does: 550 "
	     "against 350.\n");
}

/* Three models at 1 and at 16 connections; epoll switches least at 16. */
static json_t *at_1_and_16(double low_at_1, double high_at_1)
{
	static const char *const models[] = { "fork", "epoll", "thread" };
	json_t *summary = json_array();

	for (size_t i = 0; i < 6; i++) {
		bool more = i > 2, loop = i % 3 == 1;

		json_array_append_new(summary, row(models[i % 3], more ? 16 : 1,
						   json_null()));
		set(summary, i, "per_request", "context_switches",
		    more ? (loop ? 0.06 : 1) : (loop ? low_at_1 : 1),
		    more ? (loop ? 0.08 : 1.02) : (loop ? high_at_1 : 1.02));
	}
	return summary;
}

#define SWITCHES                                                           \
	"epoll switches least at 16 connections: 0.07 times per request. " \
	"The next is fork with 1.01. At 1 connection"

static void a_finding_says_under_which_load_it_does_not_hold(void **state)
{
	(void)state;
	says(at_1_and_16(1, 1.01), true, SWITCHES ": they do not differ.\n");
	says(at_1_and_16(0.5, 1.5), true,
	     SWITCHES ": the intervals of epoll and fork overlap.\n");
	says(at_1_and_16(0.4, 0.6), true,
	     SWITCHES ", too: 0.5 against 1.01.\n");
	says(at_1_and_16(2, 3), true,
	     SWITCHES ": the intervals of fork and thread overlap.\n");
}

static void a_finding_says_who_is_left_out_elsewhere(void **state)
{
	json_t *summary = at_1_and_16(0.4, 0.6);

	(void)state;
	json_object_clear(
		json_object_get(json_array_get(summary, 0), "per_request"));
	says(summary, true,
	     SWITCHES ": no number for fork (it was not measured).\n");
}

/* Less is better of all but the rate; the reasons are by the same rule. */
static void reasons_are_what_is_apart_from_the_next(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		/* Apart from the next; in favour of another; not apart. */
		set(summary, i, "calls", "system_calls_per_request",
		    i == 1 ? 1 : 4, i == 1 ? 3 : 6);
		set(summary, i, "per_request", "page_faults_minor",
		    i == 1 ? 8 : 1, i == 1 ? 10 : 2);
		set(summary, i, "per_request", "context_switches_voluntary", 1,
		    2);
	}
	says(summary, false,
	     WINS "- 2 system calls per request against at least 5\n"
		  "? voluntary switches per request\n"
		  "? page faults per request\n"
		  "epoll makes the fewest system calls at 1 connection: 2 per "
		  "request. The next is fork with at least 5.\n"
		  "? voluntary switches per request\n"
		  "? page faults per request\n");
}

/* Of a count, too: a loop switches least since it takes several at once. */
static void counts_have_reasons(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		set(summary, i, "per_request", "context_switches",
		    i == 1 ? 0.06 : 1, i == 1 ? 0.08 : 1.02);
	set(summary, 1, "calls", "events_per_wait", 13, 15);
	says(summary, true,
	     "epoll switches least at 1 connection: 0.07 times per request. "
	     "The next is fork with 1.01.\n"
	     "- 14 events per return of its wait\n");
}

/* Where the runs were too short to tell what is done once from a request. */
static void averages_are_said_to_be_averages(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set(summary, i, "per_request", "context_switches",
		    i == 1 ? 0.06 : 1, i == 1 ? 0.08 : 1.02);
		json_object_set_new(json_array_get(summary, i), "marginal",
				    json_false());
	}
	says(summary, true,
	     "epoll switches least at 1 connection: 0.07 times per request. "
	     "The next is fork with 1.01. These are averages, with what a run "
	     "does once.\n");
}

static json_t *memory_of_three(void)
{
	json_t *summary = a_summary();

	set_line(summary, 0, "memory", "total", 108 * 1024, 110 * 1024, 4096);
	set_line(summary, 1, "memory", "total", -50, 1900, 2 << 20);
	set_line(summary, 2, "memory", "total", 28 * 1024, 30 * 1024, 8192);
	return summary;
}

static void fixed_and_marginal_memory_are_told_apart(void **state)
{
	(void)state;
	says(memory_of_three(), true,
	     "epoll takes the least memory per further idle connection after a "
	     "load of 1 connection: 2.0 MiB + at most 1.9 KiB. The next is "
	     "thread with 8.0 KiB + 29.0 KiB. With fewer than 79 connections "
	     "its fixed part may outweigh that.\n");
}

/* An interval is no interval of 95 % where the runs were too few. */
static void lines_of_too_few_runs_say_nothing(void **state)
{
	json_t *summary = memory_of_three();

	(void)state;
	json_object_set_new(json_object_get(json_array_get(summary, 2),
					    "memory"),
			    "total", line(28 * 1024, 30 * 1024, 8192, 5));
	says(summary, true, "");
}

/* --- no winner where a model that was run is missing */

static const struct {
	const char *group, *name;
	bool more, line;
} compared[] = {
	{ NULL, "rps", true, false },
	{ "per_request", "cpu_us", false, false },
	{ "latency_us", "p99", false, false },
	{ "calls", "system_calls_per_request", false, false },
	{ "per_request", "context_switches", false, false },
	{ "per_connection", "page_faults_minor", false, true },
	{ "memory", "total", false, true },
	{ "memory", "own", false, true },
};
#define NR_COMPARED (sizeof(compared) / sizeof(*compared))

/* poll, epoll and select, of which the second is the best by all. */
static json_t *the_second_wins_by_all(void)
{
	static const char *const models[] = { "poll", "epoll", "select" };
	json_t *summary = json_array();

	for (size_t i = 0; i < 3; i++) {
		json_array_append_new(summary, row(models[i], 4, json_null()));
		for (size_t m = 0; m < NR_COMPARED; m++) {
			double low = (i == 1) == compared[m].more ? 50 : 5;
			json_t *o = json_array_get(summary, i);

			o = compared[m].group ?
				    json_object_get(o, compared[m].group) :
				    o;
			json_object_set_new(o, compared[m].name,
					    compared[m].line ?
						    line(low, low + 1, 0, 6) :
						    spread(low, low + 1,
							   0.96875));
		}
	}
	return summary;
}

static const json_t *find(const json_t *list, const char *metric)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (!strcmp(json_string_value(json_object_get(one, "metric")),
			    metric))
			return one;
	}
	return NULL;
}

/* The metric has no winner, and `model` is left out for the reason. */
static void is_open(json_t *summary, size_t metric, const char *model,
		    const char *why)
{
	const char *name = compared[metric].name;
	json_t *verdicts = osc_verdicts(summary, false);
	json_t *undecided = osc_undecided(summary, false);
	const json_t *open = find(undecided, name), *out;
	char said[160];

	assert_null(find(verdicts, name));
	assert_non_null(open);
	out = json_array_get(json_object_get(open, "left_out"), 0);
	assert_int_equal(json_array_size(json_object_get(open, "left_out")), 1);
	assert_string_equal(json_string_value(json_object_get(out, "model")),
			    model);
	assert_string_equal(json_string_value(json_object_get(out, "why")),
			    why);
	snprintf(said, sizeof(said), "no number for %s (%s).", model, why);
	assert_non_null(
		strstr(json_string_value(json_object_get(open, "text")), said));
	json_decref(verdicts);
	json_decref(undecided);
}

/* Each metric, each model, in each way to be missing. */
static void no_model_wins_where_one_is_missing(void **state)
{
	static const char *const models[] = { "poll", "epoll", "select" };
	json_t *all = the_second_wins_by_all();

	(void)state;
	for (size_t m = 0; m < NR_COMPARED; m++) {
		json_t *verdicts = osc_verdicts(all, false);
		json_t *undecided = osc_undecided(all, false);

		/* Memory of its own is part of all memory. */
		if (strcmp(compared[m].name, "own"))
			assert_string_equal(
				json_string_value(json_object_get(
					find(verdicts, compared[m].name),
					"model")),
				"epoll");
		assert_int_equal(json_array_size(undecided), 0);
		json_decref(verdicts);
		json_decref(undecided);
		for (size_t i = 0; i < 3; i++) {
			json_t *summary = json_deep_copy(all);
			json_t *o = json_array_get(summary, i);
			bool client = m == 0 || m == 2;

			if (compared[m].group)
				o = json_object_get(o, compared[m].group);
			json_object_set_new(o, compared[m].name, json_null());
			is_open(summary, m, models[i],
				client ? "none of its runs is valid" :
					 "it was not measured");
			json_object_set_new(o, "absent",
					    json_pack("{s:s}", compared[m].name,
						      "a reason"));
			if (compared[m].group)
				is_open(summary, m, models[i], "a reason");
			json_decref(summary);
		}
	}
	json_decref(all);
}

/* As when the comparison was stopped: it has a row under another load alone. */
static void a_model_without_a_run_under_this_load_is_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *summary = the_second_wins_by_all();
		json_t *o = json_array_get(summary, i);
		json_object_set_new(o, "mode", json_string("keepalive"));
		for (size_t m = 0; m < NR_COMPARED; m++) {
			json_t *verdicts = osc_verdicts(summary, false);
			json_t *undecided = osc_undecided(summary, false);

			assert_int_equal(json_array_size(verdicts), 0);
			assert_true(find(undecided, compared[m].name) ||
				    !strcmp(compared[m].name, "own"));
			json_decref(verdicts);
			json_decref(undecided);
		}
		json_decref(summary);
	}
}

/* The slab of a busy system hides what the servers' own memory shows. */
static void a_part_is_told_where_the_whole_is_not(void **state)
{
	json_t *summary = memory_of_three();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set_line(summary, i, "memory", "own", i == 1 ? -1 : 9000,
			 i == 1 ? 60 : 9100, 0);
		set_line(summary, i, "memory", "total", 0, 100000, 0);
	}
	says(summary, true,
	     "epoll takes the least own memory (without slab) per further idle "
	     "connection after a load of 1 connection: 0 B + at most 60 B. The "
	     "next is fork with 0 B + 8.8 KiB.\n");
}

static void what_no_model_has_is_open(void **state)
{
	json_t *summary = a_summary(), *undecided;

	(void)state;
	/* All but the rate; what is part of the whole is not said again. */
	undecided = osc_undecided(summary, false);
	assert_int_equal(json_array_size(undecided), NR_COMPARED - 2);
	assert_string_equal(
		json_string_value(
			json_object_get(find(undecided, "p99"), "text")),
		"99th percentile of latency at 1 connection: no number for any "
		"model (none of its runs is valid).");
	json_decref(undecided);
	json_decref(summary);
}

/* Each sentence of a text; a point within a number ends none. */
static void is_short(const char *text)
{
	int words = 0;

	for (const char *p = text; *p; p++) {
		words += *p != ' ' && (p == text || p[-1] == ' ');
		if (words > 25)
			fail_msg("too long: %s", text);
		if (*p == '.' && p[1] == ' ')
			words = 0;
	}
}

static void are_short(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		is_short(json_string_value(json_object_get(one, "text")));
}

/* What is wrong with a number of the second model, and what is said of it. */
static const struct {
	const char *reason, *text;
} reasons[] = {
	{ "too-few-runs", " runs of epoll." },
	{ "overlap", " overlap." },
	{ "alike", ": they do not differ." },
	{ "left-out", ": no number for epoll (a reason)." },
	{ "lower-bound", ": the best number is a lower bound, of epoll." },
	{ "suspect", ": suspect runs of epoll." },
};

static void spoil(json_t *row, size_t metric, const char *reason)
{
	const char *name = compared[metric].name;
	bool line_of = compared[metric].line;
	json_t *group = compared[metric].group ?
				json_object_get(row, compared[metric].group) :
				row;
	json_t *number = json_object_get(group, name);

	if (!strcmp(reason, "too-few-runs")) {
		json_object_set_new(number, "coverage", json_real(0.5));
		json_object_set_new(number, "runs", json_integer(5));
	} else if (!strcmp(reason, "overlap")) {
		json_object_set_new(group, name,
				    line_of ? line(1, 90, 0, 6) :
					      spread(1, 90, 0.96875));
	} else if (!strcmp(reason, "alike")) {
		json_object_set_new(group, name,
				    line_of ? line(50, 51, 0, 6) :
				    compared[metric].more ?
					      spread(5, 5.1, 0.96875) :
					      spread(50, 51, 0.96875));
	} else if (!strcmp(reason, "left-out")) {
		json_object_set_new(group, name, json_null());
		json_object_set_new(group, "absent",
				    json_pack("{s:s}", name, "a reason"));
	} else if (!strcmp(reason, "lower-bound")) {
		json_object_set_new(row, "standing",
				    least(strcmp(name, "cpu_us") ? name :
								   "cpu_ns"));
	} else {
		json_object_set_new(row, "suspect", json_integer(1));
	}
}

/* Some cannot be wrong with some numbers. */
static bool can_be(size_t metric, const char *reason)
{
	bool client = metric == 0 || metric == 2;

	if (!strcmp(reason, "suspect"))
		return client;
	if (!strcmp(reason, "lower-bound"))
		return !client && !compared[metric].line;
	/* What is a lower bound may differ; the poorest of a rate does. */
	return strcmp(reason, "alike") ||
	       (metric != 3 && !compared[metric].more);
}

/* By each metric a model wins, or it is open and the reason is said. */
static void each_metric_has_a_finding_or_a_reason(void **state)
{
	json_t *all = the_second_wins_by_all();

	(void)state;
	for (size_t m = 0; m < NR_COMPARED; m++) {
		for (size_t r = 0; r < sizeof(reasons) / sizeof(*reasons);
		     r++) {
			json_t *summary = json_deep_copy(all), *verdicts;
			json_t *undecided;
			const json_t *open;

			spoil(json_array_get(summary, 1), m, reasons[r].reason);
			/* A model that wins by it may be another. */
			if (!strcmp(reasons[r].reason, "alike"))
				json_array_remove(summary, 0);
			verdicts = osc_verdicts(summary, false);
			undecided = osc_undecided(summary, false);
			open = find(undecided, compared[m].name);
			are_short(verdicts);
			are_short(undecided);
			if (can_be(m, reasons[r].reason)) {
				assert_null(find(verdicts, compared[m].name));
				assert_non_null(open);
				assert_string_equal(
					json_string_value(json_object_get(
						open, "reason")),
					reasons[r].reason);
				assert_non_null(strstr(
					json_string_value(
						json_object_get(open, "text")),
					reasons[r].text));
			}
			for (size_t i = 0; i < NR_COMPARED; i++)
				assert_true(!find(verdicts, compared[i].name) ==
						    !!find(undecided,
							   compared[i].name) ||
					    !strcmp(compared[i].name, "own"));
			json_decref(verdicts);
			json_decref(undecided);
			json_decref(summary);
		}
	}
	json_decref(all);
}

/* Of any of them: the client may have held one back, or others have been lucky. */
static void who_wins_by_what_the_client_saw_takes_no_suspect_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *summary = a_summary();

		json_object_set_new(json_array_get(summary, i), "suspect",
				    json_integer(1));
		/* What the kernel counted is no matter of the client's. */
		for (size_t j = 0; j < 3; j++)
			set(summary, j, "per_request", "context_switches",
			    j ? 2 : 0.5, j ? 3 : 1);
		says(summary, false,
		     "fork switches least at 1 connection: 0.75 times per "
		     "request. The next is epoll with 2.5.\n");
	}
}

/* Who makes calls that nobody counts may have the least, and does not win. */
static void the_least_of_a_number_does_not_win(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		set(summary, i, "calls", "system_calls_per_request",
		    i == 2 ? 1 : 4, i == 2 ? 2 : 5);
	says(json_deep_copy(summary), true, "");
	/* It would be all that a loop makes. */
	json_object_set_new(json_array_get(summary, 2), "model",
			    json_string("poll"));
	json_object_del(json_array_get(summary, 2), "standing");
	says(summary, true,
	     "poll makes the fewest system calls at 1 connection: 1.5 per "
	     "request. The next is fork with at least 4.5.\n");
}

/* fork switches least, and of one model there is some that was not seen. */
static json_t *switches_with_lost(size_t at)
{
	json_t *summary = a_summary();

	for (size_t i = 0; i < 3; i++)
		set(summary, i, "per_request", "context_switches", i ? 20 : 1,
		    i ? 30 : 2);
	json_object_set_new(json_array_get(summary, at), "standing",
			    least("context_switches"));
	return summary;
}

static void what_was_lost_is_no_merit(void **state)
{
	json_t *summary = switches_with_lost(0);

	(void)state;
	says(json_deep_copy(summary), true, "");
	json_object_del(json_array_get(summary, 0), "standing");
	says(summary, true,
	     "fork switches least at 1 connection: 1.5 times per request. "
	     "The next is epoll with 25.\n");
}

/* Nor is it held against who has less than the least of it. */
static void who_loses_by_the_least_of_a_number_loses(void **state)
{
	(void)state;
	says(switches_with_lost(1), true,
	     "fork switches least at 1 connection: 1.5 times per request. "
	     "The next is epoll with at least 25.\n");
}

static void times_of_an_emulated_cpu_say_nothing(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		set(summary, i, "per_request", "context_switches", i ? 2 : 0.5,
		    i ? 3 : 1);
	says(summary, true,
	     "fork switches least at 1 connection: 0.75 times per request. "
	     "The next is epoll with 2.5.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_apart_from_all_others_wins),
		cmocka_unit_test(nothing_is_said_where_intervals_touch),
		cmocka_unit_test(nothing_is_said_of_too_few_runs),
		cmocka_unit_test(nothing_is_said_where_one_was_not_measured),
		cmocka_unit_test(nobody_wins_alone),
		cmocka_unit_test(loads_are_judged_apart),
		cmocka_unit_test(
			a_finding_says_under_which_load_it_does_not_hold),
		cmocka_unit_test(a_finding_says_who_is_left_out_elsewhere),
		cmocka_unit_test(counts_have_reasons),
		cmocka_unit_test(averages_are_said_to_be_averages),
		cmocka_unit_test(fixed_and_marginal_memory_are_told_apart),
		cmocka_unit_test(a_part_is_told_where_the_whole_is_not),
		cmocka_unit_test(lines_of_too_few_runs_say_nothing),
		cmocka_unit_test(no_model_wins_where_one_is_missing),
		cmocka_unit_test(
			a_model_without_a_run_under_this_load_is_missing),
		cmocka_unit_test(what_no_model_has_is_open),
		cmocka_unit_test(each_metric_has_a_finding_or_a_reason),
		cmocka_unit_test(reasons_are_what_is_apart_from_the_next),
		cmocka_unit_test(the_least_of_a_number_does_not_win),
		cmocka_unit_test(what_was_lost_is_no_merit),
		cmocka_unit_test(who_loses_by_the_least_of_a_number_loses),
		cmocka_unit_test(times_of_an_emulated_cpu_say_nothing),
		cmocka_unit_test(
			who_wins_by_what_the_client_saw_takes_no_suspect_run),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
