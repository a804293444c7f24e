// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"

static void records_and_returns_the_negative_errno(void **state)
{
	struct osc_error e = { 0 };

	(void)state;
	assert_int_equal(osc_error_set(&e, ENOENT, "cannot open %s", "x"),
			 -ENOENT);
	assert_int_equal(e.err, ENOENT);
	assert_int_equal(e.exit_code, OSC_EXIT_FAILED);
	assert_string_equal(e.text, "cannot open x");
}

static void never_turns_a_failure_into_success(void **state)
{
	struct osc_error e = { 0 };

	(void)state;
	assert_int_equal(osc_error_set(&e, 0, "nothing is wrong"), -EIO);
	assert_int_equal(osc_error_set(&e, -ENOMEM, "a negative errno"), -EIO);
}

static void does_without_a_place_for_the_text(void **state)
{
	(void)state;
	assert_int_equal(osc_error_set(NULL, EPERM, "unheard"), -EPERM);
}

static void keeps_the_exit_code_it_is_given(void **state)
{
	struct osc_error e = { 0 };

	(void)state;
	assert_int_equal(osc_error_set_exit(&e, OSC_EXIT_MISSING, ENOENT,
					    "not here"),
			 -ENOENT);
	assert_int_equal(e.exit_code, OSC_EXIT_MISSING);
}

static void cuts_a_text_that_is_too_long(void **state)
{
	struct osc_error e = { 0 };
	char text[2 * sizeof(e.text)];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	osc_error_set(&e, EIO, "%s", text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void says_what_to_try_where_descriptors_have_run_out(void **state)
{
	struct osc_error e = { 0 };

	(void)state;
	osc_error_set(&e, EMFILE, "cannot write 'x': %s; try another path",
		      strerror(EMFILE));
	assert_string_equal(e.text, "cannot write 'x': Too many open files; "
				    "try a higher 'ulimit -n'");
	osc_error_set(&e, EMFILE, "cannot wait: %s", strerror(EMFILE));
	assert_string_equal(e.text, "cannot wait: Too many open files; try a "
				    "higher 'ulimit -n'");
	osc_error_set(&e, ENFILE, "cannot read x: %s; is /proc mounted?",
		      strerror(ENFILE));
	assert_string_equal(e.text,
			    "cannot read x: Too many open files in system; try "
			    "again when fewer files are open");
	/* What knows how many are needed says so itself. */
	osc_error_set(&e, EMFILE, "%s; try 'ulimit -n 27'", strerror(EMFILE));
	assert_non_null(strstr(e.text, "27"));
	osc_error_set(&e, EMFILE, "64 servers run already; try to stop one");
	assert_non_null(strstr(e.text, "stop one"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_returns_the_negative_errno),
		cmocka_unit_test(never_turns_a_failure_into_success),
		cmocka_unit_test(does_without_a_place_for_the_text),
		cmocka_unit_test(keeps_the_exit_code_it_is_given),
		cmocka_unit_test(cuts_a_text_that_is_too_long),
		cmocka_unit_test(
			says_what_to_try_where_descriptors_have_run_out),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
