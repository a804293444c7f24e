// SPDX-License-Identifier: GPL-2.0-or-later
/* When workers are replaced, in a time of the test's own: one that has served at
 * once, whatever kills it; one that cannot start more and more rarely.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/restart.h"

#define MINUTE (60 * OSC_NS_PER_S)

struct course {
	unsigned int starts;
	uint64_t alive_ns;
};

/* A minute in which each worker ends `life_ns` after its start. */
static struct course a_minute_of(enum osc_restart_end how, uint64_t life_ns)
{
	struct osc_restart r = { 0 };
	struct course c = { 0 };
	uint64_t now = 0;

	while (now < MINUTE) {
		r.started_ns = now;
		c.starts++;
		c.alive_ns += life_ns;
		now += life_ns;
		osc_restart_plan(&r, how, now);
		if (r.retry_ns > now)
			now = r.retry_ns;
	}
	return c;
}

static void
workers_that_are_killed_again_and_again_serve_all_the_time(void **state)
{
	(void)state;
	for (uint64_t ms = 20; ms < 2000; ms += 10) {
		struct course c =
			a_minute_of(OSC_RESTART_SERVED, ms * OSC_NS_PER_MS);

		assert_true(c.alive_ns >= MINUTE);
	}
}

static void
a_worker_that_dies_of_each_request_is_started_at_a_steady_rate(void **state)
{
	struct course c = a_minute_of(OSC_RESTART_SERVED, OSC_NS_PER_MS);

	(void)state;
	assert_int_equal(c.starts, MINUTE / OSC_RESTART_NS);
}

static void a_worker_that_cannot_start_is_tried_rarely(void **state)
{
	static const enum osc_restart_end ends[] = { OSC_RESTART_FAILED,
						     OSC_RESTART_KILLED };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct course c = a_minute_of(ends[i], OSC_NS_PER_MS);

		assert_true(c.starts >= MINUTE / OSC_RESTART_MAX_NS);
		assert_true(c.starts <= MINUTE / OSC_RESTART_MAX_NS + 10);
	}
}

static void the_first_replacement_comes_at_once(void **state)
{
	static const enum osc_restart_end ends[] = { OSC_RESTART_FAILED,
						     OSC_RESTART_KILLED };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct osc_restart r = { .started_ns = MINUTE };

		osc_restart_plan(&r, ends[i], MINUTE + 5);
		assert_int_equal(r.retry_ns, MINUTE + 5);
		osc_restart_plan(&r, ends[i], MINUTE + 5);
		assert_true(r.retry_ns > MINUTE + 5);
		/* One that has served is no failure any more. */
		osc_restart_plan(&r, OSC_RESTART_SERVED, MINUTE + 5);
		assert_int_equal(r.failures, 0);
		/* Nor does one count that comes long after the start. */
		osc_restart_plan(&r, ends[i], MINUTE + 5);
		osc_restart_plan(&r, ends[i], 2 * MINUTE);
		assert_int_equal(r.retry_ns, 2 * MINUTE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			workers_that_are_killed_again_and_again_serve_all_the_time),
		cmocka_unit_test(
			a_worker_that_dies_of_each_request_is_started_at_a_steady_rate),
		cmocka_unit_test(a_worker_that_cannot_start_is_tried_rarely),
		cmocka_unit_test(the_first_replacement_comes_at_once),
	};

	return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
