// SPDX-License-Identifier: GPL-2.0-or-later
/* Which target a word names: an ID, a PID, or the name of the root process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"
#include "lib/target_find.h"

static struct osc_error e;

static struct osc_target make(uint32_t id, pid_t pid, const char *comm,
			      bool root_lives)
{
	struct osc_target t = { .id = id,
				.pid = pid,
				.root_lives = root_lives,
				.exited = !root_lives };

	strncpy(t.comm, comm, sizeof(t.comm) - 1);
	return t;
}

/* The ID of the one that is found, or -errno. */
static int find(const struct osc_target *targets, size_t n, const char *word,
		bool pid_is_used)
{
	const struct osc_target *found;
	int ret;

	e = (struct osc_error){ 0 };
	ret = osc_target_match(targets, n, word, pid_is_used, &found, &e);
	if (ret) {
		assert_null(found);
		return ret;
	}
	return (int)found->id;
}

#define FIND(targets, word, used) \
	find(targets, sizeof(targets) / sizeof(*(targets)), word, used)

static void the_live_one_comes_before_one_that_had_the_pid_once(void **state)
{
	struct osc_target t[] = {
		make(1, 812, "old", false),
		make(2, 812, "new", true),
		make(3, 812, "older", false),
	};

	(void)state;
	assert_int_equal(FIND(t, "812", true), 2);
}

static void a_tree_that_lives_on_does_not_keep_its_roots_pid(void **state)
{
	struct osc_target t[] = {
		make(1, 812, "old", false),
		make(2, 812, "new", true),
	};

	(void)state;
	/* Children of the first root live; its PID is another's all the same. */
	t[0].exited = false;
	assert_int_equal(FIND(t, "812", true), 2);
}

static void a_pid_of_another_process_names_no_ended_target(void **state)
{
	struct osc_target t[] = { make(7, 812, "old", false) };

	(void)state;
	assert_int_equal(FIND(t, "812", true), -ENOENT);
	assert_non_null(strstr(e.text, "had it in target 7"));
	assert_int_equal(FIND(t, "812", false), 7);
	/* By its ID it is found in either case, and by its name. */
	assert_int_equal(FIND(t, "7", true), 7);
	assert_int_equal(FIND(t, "old", true), 7);
}

static void the_live_one_comes_first_by_name_too(void **state)
{
	struct osc_target t[] = {
		make(1, 812, "nginx", false),
		make(2, 900, "nginx", true),
	};

	(void)state;
	assert_int_equal(FIND(t, "nginx", true), 2);
	assert_int_equal(FIND(t, "redis", true), -ENOENT);
	assert_non_null(strstr(e.text, "'redis': none has this name"));
}

static void an_id_comes_before_a_pid(void **state)
{
	struct osc_target t[] = {
		make(5, 812, "a", true),
		make(812, 900, "b", true),
	};

	(void)state;
	assert_int_equal(FIND(t, "812", true), 812);
}

static void of_two_that_are_alike_none_is_picked(void **state)
{
	struct osc_target t[] = {
		make(5, 812, "nginx", true),
		make(6, 812, "nginx", true),
		make(7, 813, "nginx", false),
	};

	(void)state;
	assert_int_equal(FIND(t, "812", true), -EEXIST);
	assert_non_null(strstr(e.text, "5, 6 all have this PID"));
	assert_int_equal(FIND(t, "nginx", true), -EEXIST);
	assert_non_null(strstr(e.text, "5, 6 all have this name"));
}

static void one_that_stays_comes_before_a_running_commands(void **state)
{
	struct osc_target t[] = {
		make(5, 812, "nginx", true),
		make(6, 812, "nginx", true),
	};

	(void)state;
	t[0].flags = OSC_WATCH_BOUND;
	assert_int_equal(FIND(t, "812", true), 6);
	assert_int_equal(FIND(t, "nginx", true), 6);
}

static void numbers_that_are_none_are_usage_errors(void **state)
{
	static const char *const wrong[] = { "0", "", "99999999999" };
	uint32_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_true(osc_target_word("target", wrong[i], &number, &e) <
			    0);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
	}
	assert_int_equal(osc_target_word("target", "1x", &number, &e), 0);
	assert_int_equal(number, 0);
	assert_int_equal(osc_target_word("target", "42", &number, &e), 0);
	assert_int_equal(number, 42);
}

/* The list of a hundred IDs is cut, not written past its end. */
static void many_that_are_alike_fit_the_error(void **state)
{
	struct osc_target t[100];

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		t[i] = make(1000 + i, 812, "nginx", true);
	assert_int_equal(FIND(t, "nginx", true), -EEXIST);
	assert_non_null(strstr(e.text, "1000, 1001"));
}

static void a_name_that_is_misspelt_is_suggested(void **state)
{
	struct osc_target t[] = {
		make(1, 812, "redis-server", true),
		make(2, 813, "nginx", true),
	};

	(void)state;
	assert_int_equal(FIND(t, "nginks", false), -ENOENT);
	assert_non_null(strstr(e.text, "; try nginx"));
	assert_int_equal(FIND(t, "redis", false), -ENOENT);
	assert_non_null(strstr(e.text, "; try redis-server"));
	assert_int_equal(FIND(t, "haproxy", false), -ENOENT);
	assert_non_null(strstr(e.text, " targets"));
	assert_int_equal(FIND(t, "8123", false), -ENOENT);
	assert_non_null(strstr(e.text, " targets"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_live_one_comes_before_one_that_had_the_pid_once),
		cmocka_unit_test(
			a_tree_that_lives_on_does_not_keep_its_roots_pid),
		cmocka_unit_test(
			a_pid_of_another_process_names_no_ended_target),
		cmocka_unit_test(the_live_one_comes_first_by_name_too),
		cmocka_unit_test(an_id_comes_before_a_pid),
		cmocka_unit_test(of_two_that_are_alike_none_is_picked),
		cmocka_unit_test(
			one_that_stays_comes_before_a_running_commands),
		cmocka_unit_test(numbers_that_are_none_are_usage_errors),
		cmocka_unit_test(many_that_are_alike_fit_the_error),
		cmocka_unit_test(a_name_that_is_misspelt_is_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
