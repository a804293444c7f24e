// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "correlate/audit.h"

static bool holds(enum osc_relation r, uint64_t kernel, uint64_t independent,
		  uint64_t exited)
{
	struct osc_audit_row row = { kernel, independent, exited };

	return osc_audit_holds(r, &row);
}

static void relations_hold_up_to_their_edge(void **state)
{
	(void)state;
	assert_true(holds(OSC_EQUAL, 5, 5, 9));
	assert_false(holds(OSC_EQUAL, 6, 5, 9));
	assert_true(holds(OSC_AT_LEAST, 5, 5, 0));
	assert_false(holds(OSC_AT_LEAST, 4, 5, 9));
	assert_true(holds(OSC_AT_MOST, 7, 5, 2));
	assert_true(holds(OSC_AT_MOST, 0, 5, 0));
	assert_false(holds(OSC_AT_MOST, 8, 5, 2));
	assert_true(holds(OSC_WITHIN, 5, 5, 0));
	assert_true(holds(OSC_WITHIN, 7, 5, 2));
	assert_false(holds(OSC_WITHIN, 4, 5, 2));
	assert_false(holds(OSC_WITHIN, 8, 5, 2));
}

static void a_relation_does_not_wrap_around(void **state)
{
	(void)state;
	assert_true(holds(OSC_AT_MOST, UINT64_MAX, UINT64_MAX, 5));
	assert_true(holds(OSC_AT_MOST, UINT64_MAX, 5, UINT64_MAX - 5));
	assert_false(holds(OSC_AT_MOST, UINT64_MAX, 5, UINT64_MAX - 6));
}

static void set(struct osc_counts *c, enum osc_counter n, uint64_t value)
{
	osc_counts_set(c, n, value);
}

/* An epoll server of 2 tasks that served 10 requests on 3 connections. */
static struct osc_audit_facts good(void)
{
	struct osc_audit_facts f = {
		.model = "epoll",
		.module = true,
		.base = { .voluntary = 2,
			  .involuntary = 1,
			  .minor = 30,
			  .cpu_ns = 50000,
			  .tasks = 1 },
		.rested = true,
		.rest_tree = { .voluntary = 22,
			       .involuntary = 4,
			       .minor = 130,
			       .major = 1,
			       .tasks = 2 },
		.switches = { 90, 100, 110, true },
		.faults = { 40, 40, 40, true },
		.faults_major = { 0, 1, 1, true },
		.load = { .requests = 10,
			  .connections_opened = 3,
			  .unanswered = 3 },
	};
	uint64_t *a = f.rest_account.value;

	set(&f.rest, OSC_SWITCHES_VOLUNTARY, 20);
	set(&f.rest, OSC_SWITCHES_INVOLUNTARY, 3);
	set(&f.rest, OSC_FAULTS_MINOR, 100);
	set(&f.rest, OSC_FAULTS_MAJOR, 1);
	set(&f.rest, OSC_EPOLL_CALLBACKS, 12);
	set(&f.rest, OSC_EPOLL_WAKEUPS, 8);
	f.rest.tasks_live = 2;
	a[OSC_ACCOUNT_FORKS] = 1;
	a[OSC_ACCOUNT_ACCEPTS] = 3;
	a[OSC_ACCOUNT_REQUESTS] = 10;
	a[OSC_ACCOUNT_WAITS] = 9;
	f.last_account = f.rest_account;
	f.last = f.rest;
	set(&f.last, OSC_SWITCHES_VOLUNTARY, 26);
	set(&f.last, OSC_FAULTS_MINOR, 105);
	set(&f.last, OSC_CPU_NS, 960000);
	f.last.tasks_live = 0;
	f.last.tasks_exited = 2;
	f.usage.ru_nvcsw = 26;
	f.usage.ru_nivcsw = 4;
	f.usage.ru_minflt = 135;
	f.usage.ru_majflt = 1;
	f.usage.ru_utime.tv_usec = 400;
	f.usage.ru_stime.tv_usec = 600;
	return f;
}

/* The rows for a counter, and in *ok whether all of them hold. */
static size_t rows_of(const struct osc_audit_facts *f, const char *counter,
		      bool *ok)
{
	json_t *audit = osc_audit(f), *row;
	size_t i, n = 0;

	assert_non_null(audit);
	*ok = true;
	json_array_foreach(audit, i, row) {
		const char *name =
			json_string_value(json_object_get(row, "counter"));

		if (strcmp(name, counter))
			continue;
		n++;
		*ok &= json_is_true(json_object_get(row, "ok"));
	}
	json_decref(audit);
	return n;
}

static size_t failures(const struct osc_audit_facts *f)
{
	json_t *audit = osc_audit(f);
	size_t rows, failed;

	osc_audit_count(audit, &rows, &failed);
	json_decref(audit);
	return failed;
}

static void exact_books_pass(void **state)
{
	struct osc_audit_facts f = good();
	json_t *audit = osc_audit(&f);
	size_t rows, failed;

	(void)state;
	osc_audit_count(audit, &rows, &failed);
	json_decref(audit);
	assert_int_equal(failed, 0);
	assert_true(rows >= 20);
}

/* One more or less of anything is found. */
static void every_rule_can_fail(void **state)
{
	static const struct {
		size_t at; /* of a 64-bit number in the facts */
		int64_t by;
	} wrong[] = {
#define AT(member) offsetof(struct osc_audit_facts, member)
		{ AT(rest.value[OSC_SWITCHES_VOLUNTARY]), 1 },
		{ AT(rest.value[OSC_SWITCHES_VOLUNTARY]), -1 },
		{ AT(rest.value[OSC_SWITCHES_INVOLUNTARY]), 1 },
		{ AT(rest.value[OSC_FAULTS_MINOR]), -1 },
		{ AT(rest.value[OSC_FAULTS_MAJOR]), 1 },
		{ AT(rest.value[OSC_EPOLL_WAKEUPS]), 2 },
		{ AT(rest.value[OSC_EPOLL_CALLBACKS]), -6 },
		{ AT(rest.tasks_live), 1 },
		{ AT(rest.tasks_live), -1 },
		{ AT(last.value[OSC_SWITCHES_VOLUNTARY]), 1 },
		{ AT(last.value[OSC_SWITCHES_VOLUNTARY]), -3 },
		{ AT(last.value[OSC_SWITCHES_INVOLUNTARY]), 3 },
		{ AT(last.value[OSC_SWITCHES_INVOLUNTARY]), -1 },
		{ AT(last.value[OSC_FAULTS_MINOR]), 1 },
		{ AT(last.value[OSC_FAULTS_MAJOR]), -1 },
		{ AT(last.value[OSC_CPU_NS]), -10001 },
		{ AT(last.tasks_exited), 1 },
		{ AT(last.lost), 1 },
		{ AT(switches.inner), 11 },
		{ AT(switches.outer), -11 },
		{ AT(faults.inner), 1 },
		{ AT(faults.outer), -1 },
		{ AT(faults_major.inner), 2 },
		{ AT(faults_major.outer), -1 },
		{ AT(last_account.value[OSC_ACCOUNT_ACCEPTS]), 1 },
		{ AT(last_account.value[OSC_ACCOUNT_ACCEPTS]), -1 },
		{ AT(last_account.value[OSC_ACCOUNT_REQUESTS]), -1 },
		{ AT(last_account.value[OSC_ACCOUNT_REQUESTS]), 4 },
		{ AT(decreases), 1 },
#undef AT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct osc_audit_facts f = good();
		uint64_t v;

		memcpy(&v, (char *)&f + wrong[i].at, sizeof(v));
		v += (uint64_t)wrong[i].by;
		memcpy((char *)&f + wrong[i].at, &v, sizeof(v));
		if (!failures(&f))
			fail_msg("case %zu was not found", i);
	}
}

static void what_was_on_its_way_is_on_either_side(void **state)
{
	struct osc_audit_facts f = good();

	(void)state;
	f.load.unopened = 2;
	f.last_account.value[OSC_ACCOUNT_ACCEPTS] = 5;
	f.last_account.value[OSC_ACCOUNT_REQUESTS] = 13;
	assert_int_equal(failures(&f), 0);
	f.last_account.value[OSC_ACCOUNT_ACCEPTS] = 6;
	assert_int_equal(failures(&f), 1);
}

static void a_server_that_never_rests_fails(void **state)
{
	struct osc_audit_facts f = good();
	bool ok;

	(void)state;
	f.rested = false;
	assert_int_equal(rows_of(&f, "quiescent_points", &ok), 1);
	assert_false(ok);
	/* And what was read in motion is not compared. */
	assert_int_equal(rows_of(&f, "tasks_live", &ok), 0);
}

static void the_dead_are_compared_at_the_end_only(void **state)
{
	struct osc_audit_facts f = good();
	bool ok;

	(void)state;
	f.model = "fork";
	f.rest.tasks_exited = 2;
	f.rest_account.value[OSC_ACCOUNT_FORKS] = 3;
	f.rest_account.value[OSC_ACCOUNT_WORKER_EXITS] = 1;
	f.rest_account.value[OSC_ACCOUNT_WORKER_DEATHS] = 1;
	f.last_account.value[OSC_ACCOUNT_FORKS] = 3;
	f.last.tasks_exited = 4;
	set(&f.last, OSC_EPOLL_CALLBACKS, 0);
	set(&f.last, OSC_EPOLL_WAKEUPS, 0);
	/* More than those alive have switched, which /proc cannot deny. */
	set(&f.rest, OSC_SWITCHES_VOLUNTARY, 25);
	assert_int_equal(failures(&f), 0);
	assert_int_equal(rows_of(&f, "tasks_exited", &ok), 2);
	assert_int_equal(rows_of(&f, "context_switches_involuntary", &ok), 1);
	/* One child too many or too few is found. */
	f.rest.tasks_exited = 3;
	assert_true(failures(&f) > 0);
	f.rest.tasks_exited = 1;
	assert_true(failures(&f) > 0);
}

static void without_the_module_its_rows_are_absent(void **state)
{
	struct osc_audit_facts f = good();
	bool ok;

	(void)state;
	f.module = false;
	assert_int_equal(rows_of(&f, "context_switches_voluntary", &ok), 0);
	assert_int_equal(rows_of(&f, "lost", &ok), 0);
	assert_int_equal(rows_of(&f, "system_context_switches_inner", &ok), 0);
	assert_int_equal(rows_of(&f, "server_accepts", &ok), 1);
	assert_int_equal(rows_of(&f, "server_requests", &ok), 1);
}

static void a_counter_that_is_not_counted_is_not_ok(void **state)
{
	struct osc_audit_facts f = good();
	bool ok;

	(void)state;
	f.rest.present &= ~(1u << OSC_EPOLL_WAKEUPS);
	assert_int_equal(rows_of(&f, "epoll_wakeups", &ok), 0);
	f.switches.present = false;
	assert_int_equal(rows_of(&f, "system_context_switches_outer", &ok), 0);
}

static void a_model_without_epoll_has_none(void **state)
{
	static const char *const models[] = { "fork",	"thread", "prefork",
					      "leader", "poll",	  "uring" };

	(void)state;
	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		struct osc_audit_facts f = good();
		size_t others;
		bool ok;

		f.model = models[i];
		set(&f.last, OSC_EPOLL_CALLBACKS, 0);
		set(&f.last, OSC_EPOLL_WAKEUPS, 0);
		others = failures(&f);
		assert_int_equal(rows_of(&f, "epoll_callbacks", &ok), 1);
		assert_true(ok);
		assert_int_equal(rows_of(&f, "epoll_wakeups", &ok), 1);
		assert_true(ok);
		set(&f.last, OSC_EPOLL_CALLBACKS, 1);
		assert_int_equal(failures(&f), others + 1);
		set(&f.last, OSC_EPOLL_WAKEUPS, 1);
		assert_int_equal(failures(&f), others + 2);
	}
}

static size_t failures_of_calibration(uint64_t callbacks, uint64_t wakeups)
{
	struct osc_counts counted = { 0 };
	size_t rows, failed;
	json_t *audit;

	set(&counted, OSC_EPOLL_CALLBACKS, callbacks);
	set(&counted, OSC_EPOLL_WAKEUPS, wakeups);
	audit = osc_audit_calibration(&counted, 200);
	osc_audit_count(audit, &rows, &failed);
	json_decref(audit);
	assert_int_equal(rows, 2);
	return failed;
}

static void a_calibration_is_exact(void **state)
{
	(void)state;
	assert_int_equal(failures_of_calibration(200, 200), 0);
	assert_int_equal(failures_of_calibration(199, 200), 1);
	assert_int_equal(failures_of_calibration(201, 200), 1);
	assert_int_equal(failures_of_calibration(200, 199), 1);
	assert_int_equal(failures_of_calibration(200, 201), 1);
	assert_int_equal(failures_of_calibration(200, 0), 1);
	assert_int_equal(failures_of_calibration(0, 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relations_hold_up_to_their_edge),
		cmocka_unit_test(a_relation_does_not_wrap_around),
		cmocka_unit_test(exact_books_pass),
		cmocka_unit_test(every_rule_can_fail),
		cmocka_unit_test(what_was_on_its_way_is_on_either_side),
		cmocka_unit_test(a_server_that_never_rests_fails),
		cmocka_unit_test(the_dead_are_compared_at_the_end_only),
		cmocka_unit_test(without_the_module_its_rows_are_absent),
		cmocka_unit_test(a_counter_that_is_not_counted_is_not_ok),
		cmocka_unit_test(a_model_without_epoll_has_none),
		cmocka_unit_test(a_calibration_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
