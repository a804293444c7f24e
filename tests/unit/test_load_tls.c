// SPDX-License-Identifier: GPL-2.0-or-later
/* TLS by memory: what a client says before a server has said anything. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"
#include "load/failures.h"
#include "load/tls.h"

static struct osc_tls *opened(const char *name, bool insecure)
{
	struct osc_tls_config config = { .name = name, .insecure = insecure };
	struct osc_tls *tls;

	assert_int_equal(osc_tls_open(&config, &tls, NULL), 0);
	return tls;
}

/* What it sends first waits in the session. */
static void greet(struct osc_tls *tls, struct osc_tls_session *s)
{
	int code = 0;

	assert_int_equal(osc_tls_begin(tls, s), 0);
	assert_int_equal(osc_tls_handshake(s, &code), OSC_TLS_WAITS);
	assert_true(s->size > 0);
}

static bool is_in(const struct osc_tls_session *s, const void *bytes,
		  size_t size)
{
	return memmem(s->out, s->size, bytes, size);
}

/* The first of all: the library is not loaded yet. */
static void a_reason_without_the_library_is_a_number(void **unused)
{
	struct osc_failure f = { .phase = OSC_LOAD_TLS, .code = 7 };
	char name[64];

	(void)unused;
	assert_string_equal(osc_failure_name(&f, name, sizeof(name)), "tls.7");
	f.code = OSC_TLS_CLOSED;
	assert_string_equal(osc_failure_name(&f, name, sizeof(name)),
			    "tls.closed");
}

static void a_reason_is_in_the_librarys_words_as_one(void **unused)
{
	struct osc_tls *tls = opened("a.test", true);
	struct osc_failure f = { .phase = OSC_LOAD_CERTIFICATE, .code = 10 };
	char name[64];

	(void)unused;
	assert_string_equal(osc_failure_name(&f, name, sizeof(name)),
			    "certificate.certificate-has-expired");
	f = (struct osc_failure){ .phase = OSC_LOAD_TLS,
				  .code = OSC_TLS_NO_TLS };
	assert_string_equal(osc_failure_name(&f, name, sizeof(name)),
			    "tls.wrong-version-number");
	assert_non_null(strstr(osc_failure_hint(&f), "http://"));
	osc_tls_close(tls);
}

static void a_server_is_asked_for_by_name_and_not_by_address(void **unused)
{
	static const struct {
		const char *name;
		bool is_said;
	} rows[] = { { "a.test", true },
		     { "127.0.0.1", false },
		     { "::1", false },
		     { "fe80::1", false },
		     /* A dot at the end is not part of it (RFC 6066, 3). */
		     { "a.test.", false } };
	/* RFC 7301, 3.1: type, length, length of the list, the one name. The
	 * lengths say that there is no other, such as h2; two bytes alone may
	 * turn up in the hello's random field.
	 */
	static const char alpn[] = { 0,	  16,  0,   11,	 0,   9,   8,  'h',
				     't', 't', 'p', '/', '1', '.', '1' };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_tls *tls = opened(rows[i].name, false);
		struct osc_tls_session s = { 0 };

		greet(tls, &s);
		assert_int_equal(s.out[0], 22); /* a handshake */
		assert_int_equal(is_in(&s, rows[i].name, strlen(rows[i].name)),
				 rows[i].is_said);
		assert_true(is_in(&s, alpn, sizeof(alpn)));
		osc_tls_end(&s);
		assert_null(s.ssl);
		assert_null(s.out);
		osc_tls_close(tls);
	}
}

static void a_name_that_is_none_is_a_usage_error(void **unused)
{
	static const char *const names[] = { "",    ".",    "%lo",
					     " ",   "a b",  "a\tb",
					     "a\n", "\x01", "a\x7f" };

	(void)unused;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct osc_tls_config config = { .name = names[i],
						 .insecure = true };
		struct osc_error e = { 0 };
		struct osc_tls *tls;

		assert_true(osc_tls_open(&config, &tls, &e) < 0);
		assert_null(tls);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		assert_non_null(strstr(e.text, "--servername"));
	}
}

static void a_name_from_the_root_is_said_without_its_dot(void **unused)
{
	struct osc_tls *tls = opened("a.test.", false);
	struct osc_tls_session s = { 0 };

	(void)unused;
	greet(tls, &s);
	assert_true(is_in(&s, "a.test", 6));
	osc_tls_end(&s);
	osc_tls_close(tls);
	/* Nor is the zone of an address. */
	tls = opened("fe80::1%lo", false);
	greet(tls, &s);
	assert_false(is_in(&s, "fe80", 4));
	osc_tls_end(&s);
	osc_tls_close(tls);
}

static void what_is_sent_makes_room_and_the_rest_stays(void **unused)
{
	struct osc_tls *tls = opened("a.test", true);
	struct osc_tls_session s = { 0 };
	char last;
	size_t all;

	(void)unused;
	greet(tls, &s);
	all = s.size;
	last = s.out[all - 1];
	osc_tls_forget_sent(&s);
	assert_int_equal(s.size, all);
	s.sent = all - 1;
	osc_tls_forget_sent(&s);
	assert_int_equal(s.sent, 0);
	assert_int_equal(s.size, 1);
	assert_int_equal(s.out[0], last);
	osc_tls_end(&s);
	osc_tls_close(tls);
}

static void a_server_that_speaks_no_tls_is_known_for_it(void **unused)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct osc_tls *tls = opened("a.test", true);
	struct osc_tls_session s = { 0 };
	int code = 0;

	(void)unused;
	greet(tls, &s);
	assert_int_equal(osc_tls_feed(&s, answer, sizeof(answer) - 1), 0);
	assert_int_equal(osc_tls_handshake(&s, &code), OSC_TLS_FAILED);
	assert_int_equal(code, OSC_TLS_NO_TLS);
	osc_tls_end(&s);
	osc_tls_close(tls);
}

static void authorities_that_cannot_be_had_are_told(void **unused)
{
	static const struct {
		const char *file, *why;
	} rows[] = {
		{ "/nonexistent", "cannot read /nonexistent: No such file" },
		{ "/dev/null", "no certificate in /dev/null; try" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_tls_config config = { .name = "a.test",
						 .authorities = rows[i].file };
		struct osc_error e = { 0 };
		struct osc_tls *tls;

		assert_true(osc_tls_open(&config, &tls, &e) < 0);
		assert_null(tls);
		assert_int_equal(e.exit_code, OSC_EXIT_FAILED);
		assert_non_null(strstr(e.text, rows[i].why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_without_the_library_is_a_number),
		cmocka_unit_test(a_reason_is_in_the_librarys_words_as_one),
		cmocka_unit_test(
			a_server_is_asked_for_by_name_and_not_by_address),
		cmocka_unit_test(a_name_that_is_none_is_a_usage_error),
		cmocka_unit_test(a_name_from_the_root_is_said_without_its_dot),
		cmocka_unit_test(what_is_sent_makes_room_and_the_rest_stays),
		cmocka_unit_test(a_server_that_speaks_no_tls_is_known_for_it),
		cmocka_unit_test(authorities_that_cannot_be_had_are_told),
	};

	return cmocka_run_group_tests_name("load_tls", tests, NULL, NULL);
}
