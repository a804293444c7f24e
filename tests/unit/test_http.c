// SPDX-License-Identifier: GPL-2.0-or-later
/* The parser of request heads: what it takes, what it refuses, and that the
 * pieces in which a request arrives make no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/http.h"

static const struct osc_http_limits limits = {
	.line_bytes = 64,
	.head_bytes = 256,
	.fields = 6,
	.body_bytes = 1000,
};

#define H "Host: a\r\n"

static const struct request {
	const char *text;
	int result; /* OSC_HTTP_* or a status */
} requests[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.1\n"
	  "Host: a\n\n",
	  OSC_HTTP_COMPLETE },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "HEAD /x?y HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "GET http://a/b HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.0\r\n\r\n", OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.9\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 7\r\n\r\n",
	  OSC_HTTP_COMPLETE },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "CONNECT a:80 HTTP/1.1\r\n" H "\r\n", OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.1\r\n" H "X: \t a b\xc3\xa9 \t\r\n\r\n",
	  OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	  "Content-Length: 5\r\n\r\n",
	  OSC_HTTP_COMPLETE },
	{ "GET / HTTP/1.1\r\n" H, OSC_HTTP_MORE },
	{ "GET / HTTP/1.1\r\n" H "\r", OSC_HTTP_MORE },
	{ "GET /", OSC_HTTP_MORE },
	{ "\r\n", OSC_HTTP_MORE },
	{ "", OSC_HTTP_MORE },
	/* Request lines. */
	{ "GET /\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n", 400 },
	{ " GET / HTTP/1.1\r\n", 400 },
	{ "GET x HTTP/1.1\r\n", 400 },
	{ "GET * HTTP/1.1\r\n", 400 },
	{ "GET /\x7f HTTP/1.1\r\n", 400 },
	{ "GET /\xff HTTP/1.1\r\n", 400 },
	{ "GET /\r HTTP/1.1\r\n", 400 },
	{ "GET / http/1.1\r\n", 400 },
	{ "GET / HTTP/1.\r\n", 400 },
	{ "GET / HTTP/11.1\r\n", 400 },
	{ "G(T / HTTP/1.1\r\n", 400 },
	{ "\x16\x03\x01\x02", 400 },
	{ "GET / HTTP/2.0\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
	{ "BREW / HTTP/1.1\r\n" H "\r\n", 501 },
	{ "get / HTTP/1.1\r\n" H "\r\n", 501 },
	{ "GET /0123456789012345678901234567890123456789012345678901234567890",
	  414 },
	/* Fields. */
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X y\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X : y\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H ": y\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	  "Content-Length: 6\r\n\r\n",
	  400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  400 },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n", 413 },
	{ "GET / HTTP/1.1\r\n" H
	  "Content-Length: 99999999999999999999999999999\r\n\r\n",
	  413 },
	{ "GET / HTTP/1.1\r\n" H "Expect: a-miracle\r\n\r\n", 417 },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 501 },
	{ "GET / HTTP/1.1\r\n" H "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n",
	  431 },
};

#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static int parse_whole(struct osc_http_parser *p, const char *text, size_t len)
{
	memset(p, 0, sizeof(*p));
	return osc_http_parse(p, text, len, &limits);
}

/* A copy that ends where the input does, for the sanitizer to guard. */
static char *exact_copy(const char *text, size_t len)
{
	char *copy = malloc(len + !len);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

static void same(const struct osc_http_parser *a, int ra,
		 const struct osc_http_parser *b, int rb, const char *text,
		 size_t split)
{
	if (ra != rb)
		fail_msg("'%s' cut at %zu: %d instead of %d", text, split, rb,
			 ra);
	if (ra != OSC_HTTP_COMPLETE)
		return;
	assert_int_equal(a->pos, b->pos);
	assert_int_equal(a->target, b->target);
	assert_int_equal(a->target_len, b->target_len);
	assert_int_equal(a->method, b->method);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->content_length, b->content_length);
	assert_int_equal(osc_http_persists(a), osc_http_persists(b));
}

static void takes_and_refuses_as_listed(void **state)
{
	struct osc_http_parser p;

	(void)state;
	for (size_t i = 0; i < NR_REQUESTS; i++) {
		size_t len = strlen(requests[i].text);
		char *copy = exact_copy(requests[i].text, len);
		int result = parse_whole(&p, copy, len);

		free(copy);
		if (result != requests[i].result)
			fail_msg("'%s': %d instead of %d", requests[i].text,
				 result, requests[i].result);
	}
}

static void any_cut_gives_the_same_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_REQUESTS; i++) {
		const char *text = requests[i].text;
		size_t len = strlen(text);
		struct osc_http_parser whole, cut;
		int result = parse_whole(&whole, text, len);

		for (size_t at = 0; at <= len; at++) {
			char *head = exact_copy(text, at);
			int r = parse_whole(&cut, head, at);

			free(head);
			if (r == OSC_HTTP_MORE)
				r = osc_http_parse(&cut, text, len, &limits);
			same(&whole, result, &cut, r, text, at);
		}
	}
}

static void byte_by_byte_gives_the_same_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_REQUESTS; i++) {
		const char *text = requests[i].text;
		size_t len = strlen(text);
		struct osc_http_parser whole, cut = { 0 };
		int result = parse_whole(&whole, text, len);
		int r = OSC_HTTP_MORE;

		for (size_t at = 0; at <= len && r == OSC_HTTP_MORE; at++)
			r = osc_http_parse(&cut, text, at, &limits);
		same(&whole, result, &cut, r, text, 1);
	}
}

static void any_bytes_in_any_pieces_give_the_same_result(void **state)
{
	/* What a request is made of, so that chance gets somewhere. */
	static const char *const parts[] = {
		"GET", " ",	"/",	"HTTP/1.1", "\r\n",  "\n",
		"\r",  "Host:", "a",	":",	    "HEAD",  "HTTP/1.0",
		"\t",  "\x01",	"\xff", "Expect",   "close", "Connection: ",
		"0",   "7",	"X",	"?",	    ",",     "Content-Length: "
	};
	char text[512];

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct osc_http_parser whole, cut = { 0 };
		size_t len = 0, at = 0;
		int nr = rand() % 40, result, r = OSC_HTTP_MORE;

		if (rand() % 2)
			len = (size_t)sprintf(text,
					      "GET / HTTP/1.1\r\nHost: b");
		while (nr--)
			len += (size_t)sprintf(
				text + len, "%s",
				parts[(size_t)rand() %
				      (sizeof(parts) / sizeof(parts[0]))]);
		result = parse_whole(&whole, text, len);
		while (at < len && r == OSC_HTTP_MORE) {
			at += 1 + (size_t)rand() % 9;
			if (at > len)
				at = len;
			r = osc_http_parse(&cut, text, at, &limits);
		}
		same(&whole, result, &cut, r, text, at);
	}
}

static int with_value(const char *value, size_t len)
{
	static const char before[] = "GET / HTTP/1.1\r\n" H "X:";
	struct osc_http_parser p = { 0 };
	char text[200];
	size_t n = sizeof(before) - 1;

	memcpy(text, before, n);
	memcpy(text + n, value, len);
	memcpy(text + n + len, "\r\n\r\n", 4);
	return osc_http_parse(&p, text, n + len + 4, &limits);
}

static void each_byte_of_a_value_is_judged_wherever_it_stands(void **state)
{
	char value[30];

	(void)state;
	for (size_t len = 1; len <= sizeof(value); len++) {
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				bool good = byte == '\t' ||
					    (byte >= ' ' && byte != 0x7f);

				/* That would be the line's end. */
				if (byte == '\n')
					continue;
				memset(value, at % 2 ? 0xe9 : 'v', len);
				/* After a tab the others count still. */
				if (at % 3 == 2)
					value[len / 2] = '\t';
				value[at] = (char)byte;
				assert_int_equal(with_value(value, len),
						 good ? OSC_HTTP_COMPLETE :
							400);
			}
		}
	}
}

static void limits_hold_to_the_byte(void **state)
{
	char text[300];
	struct osc_http_parser p;
	int len;

	(void)state;
	/* A line of 64 bytes with its end is taken, one of 65 is not. */
	len = sprintf(text, "GET /%0*d HTTP/1.1\r\n" H "\r\n", 64 - 16, 0);
	assert_int_equal(parse_whole(&p, text, (size_t)len), OSC_HTTP_COMPLETE);
	len = sprintf(text, "GET /%0*d HTTP/1.1\r\n" H "\r\n", 65 - 16, 0);
	assert_int_equal(parse_whole(&p, text, (size_t)len), 414);
	/* A head of 256 bytes is taken, one of 257 is not. */
	len = sprintf(text, "GET / HTTP/1.1\r\n" H "X: %0*d\r\n\r\n",
		      256 - 16 - 9 - 7, 0);
	assert_int_equal(len, 256);
	assert_int_equal(parse_whole(&p, text, (size_t)len), OSC_HTTP_COMPLETE);
	len = sprintf(text, "GET / HTTP/1.1\r\n" H "X: %0*d\r\n\r\n",
		      257 - 16 - 9 - 7, 0);
	assert_int_equal(parse_whole(&p, text, (size_t)len), 431);
	/* Refused as soon as it cannot come right, end or no end. */
	assert_int_equal(parse_whole(&p, text, 255), OSC_HTTP_MORE);
	assert_int_equal(parse_whole(&p, text, 256), 431);
}

static int with_host(const char *host)
{
	struct osc_http_parser p;
	char text[200];
	int len = snprintf(text, sizeof(text),
			   "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);

	return parse_whole(&p, text, (size_t)len);
}

/* RFC 9112, 3.2; RFC 3986, 3.2.2 and 3.2.3. */
static void a_host_is_what_the_rfc_allows(void **state)
{
	static const char *const good[] = {
		"",
		"a",
		"a:80",
		"a:",
		"a:0",
		"a:65535",
		"a:00080",
		"a_b",
		"a.b.",
		"127.0.0.1",
		"127.0.0.1:8080",
		"1.2.3.4.5",
		"a%20b",
		"%41%7a:1",
		"xn--bcher-kva.example",
		"-!$&'()*+,;=._~",
		"[::1]",
		"[::1]:80",
		"[::1]:",
		"[::]",
		"[1:2:3:4:5:6:7:8]",
		"[::ffff:1.2.3.4]",
		"[fe80::A:b]",
		"[v1.x:y]",
		"[vF.a]:9",
		" a ",
		"\ta:80\t",
	};
	static const char *const bad[] = {
		"a b",
		"a/b",
		"a@b",
		"[::1",
		"::1",
		"a:b",
		"a:80x",
		"a:-1",
		"a:+1",
		"a: 80",
		"a :80",
		"a:65536",
		"a:99999999999999999999",
		"a:80:80",
		":",
		":80",
		"[]",
		"[]:80",
		"[::1]x",
		"[::1]8",
		"[::1]]",
		"[[::1]",
		"a[::1]",
		"]",
		"[1.2.3.4]",
		"[1:2:3]",
		"[:::]",
		"[12345::]",
		"[g::]",
		"[::1%25lo]",
		"[::1%lo]",
		"[::1 ]",
		"[v.a]",
		"[v1.]",
		"[v1a]",
		"[vg.a]",
		"[v1.a/b]",
		"a%",
		"a%2",
		"a%2g",
		"%",
		"%zz",
		"a\"b",
		"a#b",
		"a?b",
		"a\\b",
		"<a>",
		"a^b",
		"a`b",
		"{a}",
		"a|b",
		"a, b",
		"a\tb",
		"http://a",
		"user:secret@a",
		"a\x80",
		"\xc3\xa9",
		"a\x01b",
		"a\x7f",
		"a\rb",
		"/",
		"?",
		"a/",
		"a:80/",
		"[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (with_host(good[i]) != OSC_HTTP_COMPLETE)
			fail_msg("'%s' is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (with_host(bad[i]) != 400)
			fail_msg("'%s' is taken", bad[i]);
	}
}

/* The same host in an absolute target, where it must not be empty. */
static void an_absolute_target_has_an_authority(void **state)
{
	static const struct {
		const char *target;
		int result;
	} cases[] = {
		{ "http://a", OSC_HTTP_COMPLETE },
		{ "http://a/", OSC_HTTP_COMPLETE },
		{ "http://a?x", OSC_HTTP_COMPLETE },
		{ "http://a:80?x@y", OSC_HTTP_COMPLETE },
		{ "http://a:/b", OSC_HTTP_COMPLETE },
		{ "HTTP://[::1]:8080/b", OSC_HTTP_COMPLETE },
		{ "http://a/x@y:z", OSC_HTTP_COMPLETE },
		{ "http://", 400 },
		{ "http:///", 400 },
		{ "http://?x", 400 },
		{ "http://:80/", 400 },
		{ "http://u@a/", 400 },
		{ "http://a:b/", 400 },
		{ "http://a:65536/", 400 },
		{ "http://[::1/", 400 },
		{ "http://[::1]x/", 400 },
		{ "http://a#x", 400 },
		{ "http://a%2/", 400 },
		{ "http:/a", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct osc_http_parser p;
		char text[100];
		int len = snprintf(text, sizeof(text),
				   "GET %s HTTP/1.1\r\n" H "\r\n",
				   cases[i].target);
		int result = parse_whole(&p, text, (size_t)len);

		if (result != cases[i].result)
			fail_msg("%s: %d", cases[i].target, result);
	}
}

static bool persists(const char *text)
{
	struct osc_http_parser p;

	assert_int_equal(parse_whole(&p, text, strlen(text)),
			 OSC_HTTP_COMPLETE);
	return osc_http_persists(&p);
}

static void a_connection_persists_as_its_version_says(void **state)
{
	(void)state;
	assert_true(persists("GET / HTTP/1.1\r\n" H "\r\n"));
	assert_false(persists("GET / HTTP/1.1\r\n" H
			      "Connection: x, CLOSE\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.0\r\n\r\n"));
	assert_true(persists("GET / HTTP/1.0\r\n"
			     "Connection: Keep-Alive\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.0\r\nConnection: keep-alive\r\n"
			      "Connection: close\r\n\r\n"));
}

static void only_http_1_1_may_wait_for_100(void **state)
{
	struct osc_http_parser p;
	const char *one = "POST / HTTP/1.1\r\n" H
			  "Expect: 100-Continue\r\n\r\n";
	const char *zero = "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";

	(void)state;
	parse_whole(&p, one, strlen(one));
	assert_true(p.expect_continue);
	parse_whole(&p, zero, strlen(zero));
	assert_false(p.expect_continue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_and_refuses_as_listed),
		cmocka_unit_test(any_cut_gives_the_same_result),
		cmocka_unit_test(byte_by_byte_gives_the_same_result),
		cmocka_unit_test(any_bytes_in_any_pieces_give_the_same_result),
		cmocka_unit_test(
			each_byte_of_a_value_is_judged_wherever_it_stands),
		cmocka_unit_test(limits_hold_to_the_byte),
		cmocka_unit_test(a_host_is_what_the_rfc_allows),
		cmocka_unit_test(an_absolute_target_has_an_authority),
		cmocka_unit_test(a_connection_persists_as_its_version_says),
		cmocka_unit_test(only_http_1_1_may_wait_for_100),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
