// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"
#include "lib/parse.h"

static void numbers_are_decimal_digits_in_range(void **state)
{
	static const char *const bad[] = {
		"",    " 1",  "1 ",  "+1",  "-1",
		"0x1", "1.0", "1e3", "101", "18446744073709551616",
	};
	struct osc_error e;
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		e = (struct osc_error){ 0 };
		assert_true(osc_parse_u64("--n", bad[i], 0, 100, &v, &e) < 0);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		assert_non_null(strstr(e.text, "--n"));
		assert_int_equal(v, 7);
	}
	assert_int_equal(osc_parse_u64("--n", "0", 0, 100, &v, &e), 0);
	assert_int_equal(v, 0);
	assert_int_equal(osc_parse_u64("--n", "007", 0, 100, &v, &e), 0);
	assert_int_equal(v, 7);
	assert_int_equal(osc_parse_u64("--n", "18446744073709551615", 0,
				       UINT64_MAX, &v, &e),
			 0);
	assert_true(v == UINT64_MAX);
	assert_true(osc_parse_u64("--n", "1", 2, 3, &v, &e) < 0);
}

static void durations_take_a_unit_and_a_fraction(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "10", 10000000000 },
		{ "1.5s", 1500000000 },
		{ "500ms", 500000000 },
		{ "20us", 20000 },
		{ "7ns", 7 },
		{ "2m", 120000000000 },
		{ "1h", 3600000000000 },
		{ "0.25", 250000000 },
		{ "0.0000000019s", 1 },
		{ "0.5ns", 0 },
	};
	struct osc_error e;
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(osc_parse_duration_ns("--d", good[i].text, 0,
						       UINT64_MAX, &ns, &e),
				 0);
		assert_true(ns == good[i].ns);
	}
}

static void durations_refuse_what_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"s",
		"1.",
		".5",
		"1 s",
		"1x",
		"-1",
		"1sx",
		"1..5",
		"99999999999999999999",
		"18446744073709551615h",
	};
	struct osc_error e;
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		e = (struct osc_error){ 0 };
		assert_true(osc_parse_duration_ns("--d", bad[i], 0, UINT64_MAX,
						  &ns, &e) < 0);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
	}
	assert_int_equal(osc_parse_duration_ns("--d", "5s", 0, 1000000000, &ns,
					       &e),
			 -ERANGE);
}

static void sizes_are_powers_of_1024(void **state)
{
	struct osc_error e;
	uint64_t v;

	(void)state;
	assert_int_equal(osc_parse_size("--s", "4k", 0, UINT64_MAX, &v, &e), 0);
	assert_int_equal(v, 4096);
	assert_int_equal(osc_parse_size("--s", "1.5M", 0, UINT64_MAX, &v, &e),
			 0);
	assert_int_equal(v, 1572864);
	assert_int_equal(osc_parse_size("--s", "2G", 0, UINT64_MAX, &v, &e), 0);
	assert_true(v == 2ull << 30);
	assert_true(osc_parse_size("--s", "4kB", 0, UINT64_MAX, &v, &e) < 0);
	assert_true(osc_parse_size("--s", "4k", 0, 4095, &v, &e) < 0);
}

static int word(const char *text, struct osc_error *e)
{
	static const char *const words[] = { "prefork", "prefork-epoll",
					     "epoll-et", "epoll", NULL };

	*e = (struct osc_error){ 0 };
	return osc_parse_word("--w", text, words, e);
}

static void words_are_of_a_list_and_the_nearest_is_suggested(void **state)
{
	static const struct {
		const char *typed, *hint;
	} wrong[] = {
		{ "eopll", "; try epoll" },
		{ "EPOLL", "; try epoll" },
		{ "Epoll-ET", "; try epoll-et" },
		/* Of two that begin alike, the one that is nearer. */
		{ "epolll", "; try epoll" },
		{ "prefork-epol", "; try prefork-epoll" },
		{ "prefork-x", "; try prefork" },
		{ "thread", "; try prefork, prefork-epoll, epoll-et or epoll" },
		{ "", "; try prefork, prefork-epoll, epoll-et or epoll" },
		{ "epoll-and-more-letters-than-any-word-has",
		  "; try prefork, prefork-epoll, epoll-et or epoll" },
	};
	struct osc_error e;

	(void)state;
	assert_int_equal(word("epoll", &e), 3);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *hint;

		assert_int_equal(word(wrong[i].typed, &e), -EINVAL);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		hint = strstr(e.text, "; try ");
		assert_non_null(hint);
		assert_string_equal(hint, wrong[i].hint);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_decimal_digits_in_range),
		cmocka_unit_test(durations_take_a_unit_and_a_fraction),
		cmocka_unit_test(durations_refuse_what_is_none),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(
			words_are_of_a_list_and_the_nearest_is_suggested),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
