// SPDX-License-Identifier: GPL-2.0-or-later
/* Deadlines of descriptors: the earliest comes first, whatever was set, moved
 * and cleared before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/timers.h"

#define IDS 200

static void the_earliest_is_first_after_any_changes(void **state)
{
	struct osc_timers t;
	uint64_t due[IDS] = { 0 }; /* 0: not set */

	(void)state;
	assert_int_equal(osc_timers_init(&t, IDS), 0);
	srand(1);
	for (int round = 0; round < 50000; round++) {
		uint32_t id = (uint32_t)rand() % IDS;
		uint64_t earliest = UINT64_MAX;
		uint32_t set = 0;

		if (rand() % 3) {
			due[id] = 1 + (uint64_t)rand() % 1000;
			osc_timers_set(&t, id, due[id]);
		} else {
			due[id] = 0;
			osc_timers_clear(&t, id);
		}
		for (int i = 0; i < IDS; i++) {
			set += due[i] != 0;
			if (due[i] && due[i] < earliest)
				earliest = due[i];
		}
		assert_int_equal(t.count, set);
		if (!set) {
			assert_null(osc_timers_first(&t));
			continue;
		}
		assert_int_equal(osc_timers_first(&t)->due_ns, earliest);
		assert_int_equal(due[osc_timers_first(&t)->id], earliest);
	}
	osc_timers_destroy(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_is_first_after_any_changes),
	};

	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
