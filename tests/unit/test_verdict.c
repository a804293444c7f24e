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
	json_t *o = json_pack("{s:s, s:s, s:i, s:o, s:{}, s:{}, s:{}, s:{}}",
			      "model", model, "mode", "close", "concurrency",
			      connections, "rps", rps, "per_request",
			      "per_connection", "calls", "latency_us");

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

#define WINS                                                             \
	"epoll answers the most requests: 110 per second against 55 of " \
	"thread, the next\n"

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
	says(summary, false,
	     WINS "fork answers the most requests: 550 per second against 350 "
		  "of epoll, the next\n");
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
		  "epoll makes the fewest system calls: 2 per request against "
		  "at least 5 of fork, the next\n");
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
		     "fork switches least: 0.75 times per request against 2.5 "
		     "of epoll, the next\n");
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
	     "poll makes the fewest system calls: 1.5 per request against at "
	     "least 4.5 of fork, the next\n");
}

/* fork faults least, and of one model there is some that was not seen. */
static json_t *faults_with_lost(size_t at)
{
	json_t *summary = a_summary();

	for (size_t i = 0; i < 3; i++)
		set(summary, i, "per_connection", "page_faults_minor",
		    i ? 20 : 1, i ? 30 : 2);
	json_object_set_new(json_array_get(summary, at), "standing",
			    least("page_faults_minor"));
	return summary;
}

static void what_was_lost_is_no_merit(void **state)
{
	json_t *summary = faults_with_lost(0);

	(void)state;
	says(json_deep_copy(summary), true, "");
	json_object_del(json_array_get(summary, 0), "standing");
	says(summary, true,
	     "fork faults least: 1.5 times per connection against 25 of "
	     "epoll, the next\n");
}

/* Nor is it held against who has less than the least of it. */
static void who_loses_by_the_least_of_a_number_loses(void **state)
{
	(void)state;
	says(faults_with_lost(1), true,
	     "fork faults least: 1.5 times per connection against at least 25 "
	     "of epoll, the next\n");
}

static void times_of_an_emulated_cpu_say_nothing(void **state)
{
	json_t *summary = a_summary();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		set(summary, i, "per_request", "context_switches", i ? 2 : 0.5,
		    i ? 3 : 1);
	says(summary, true,
	     "fork switches least: 0.75 times per request against 2.5 of "
	     "epoll, the next\n");
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
