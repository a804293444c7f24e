// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/response.h"

struct sample {
	const char *text;
	enum osc_response_result result; /* MORE: completed by the end */
	enum osc_response_error error;
	unsigned int status;
	uint64_t body;
	bool head, closes;
	size_t rest; /* bytes behind it */
};

#define LONG_VALUE                                                         \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_BLANK                                                       \
	"                                                              " \
	"                                                              "
#define LONG_ZERO                                                        \
	"00000000000000000000000000000000000000000000000000000000000000" \
	"00000000000000000000000000000000000000000000000000000000000000"
#define DONE OSC_RESPONSE_COMPLETE
#define BAD OSC_RESPONSE_FAILED
#define REFUSED(text, error)                            \
	{                                               \
		text, BAD, error, 0, 0, false, false, 0 \
	}

static const struct sample samples[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", DONE, 0, 200, 5,
	  false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", DONE, 0, 200,
	  5, false, false, 4 },
	{ "HTTP/1.1 200\ncontent-LENGTH:\t3 \n\nabc", DONE, 0, 200, 3, false,
	  false, 0 },
	{ "HTTP/1.1 204 No Content\r\n\r\n", DONE, 0, 204, 0, false, false, 0 },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", DONE, 0,
	  304, 0, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", DONE, 0, 200, 0, true,
	  false, 0 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "5;name=x\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
	  DONE, 0, 200, 15, false, false, 0 },
	{ "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n"
	  "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
	  DONE, 0, 404, 2, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nConnection: upgrade , Close\r\n"
	  "Content-Length: 0\r\n\r\n",
	  DONE, 0, 200, 0, false, true, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", DONE, 0, 200, 1,
	  false, true, 0 },
	{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	  "Content-Length: 1\r\n\r\nx",
	  DONE, 0, 200, 1, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end", OSC_RESPONSE_MORE, 0,
	  200, 13, false, true, 0 },
	{ "HTTP/1.1 200 OK\r\nSet-Cookie: " LONG_VALUE "\r\n"
	  "Connection-Id: close\r\nContent-Length: 1\r\n\r\nx",
	  DONE, 0, 200, 1, false, false, 0 },
	{ "HTTP/1.1 200 " LONG_VALUE "\r\nContent-Length: 1\r\n\r\nx", DONE, 0,
	  200, 1, false, false, 0 },
	/* Folded fields: each fold is a blank (RFC 9112, 5.2). */
	{ "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\t\r\n"
	  "Content-Length: 1\r\n\r\nx",
	  DONE, 0, 200, 1, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length:\r\n \t5\r\n\r\nhello", DONE, 0,
	  200, 5, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nConnection: upgrade,\r\n  Close\r\n ,x\r\n"
	  "Content-Length: 0\n\n",
	  DONE, 0, 200, 0, false, true, 0 },
	{ "HTTP/1.1 200 OK\r\nConnection: clo\r\n se\r\n"
	  "Content-Length: 0\r\n\r\n",
	  DONE, 0, 200, 0, false, false, 0 },
	/* Long lines. */
	{ "HTTP/1.1 200 OK\r\nConnection: " LONG_VALUE ", " LONG_VALUE ",close"
	  "\r\nContent-Length: 0\r\n\r\n",
	  DONE, 0, 200, 0, false, true, 0 },
	{ "HTTP/1.1 200 OK\r\nConnection: close" LONG_VALUE "\r\n"
	  "Content-Length:" LONG_BLANK "1" LONG_BLANK "\r\n\r\nx",
	  DONE, 0, 200, 1, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\n" LONG_VALUE
	  ": y\r\nTransfer-Encoding:" LONG_BLANK
	  "chunked\r\n\r\n0\r\n" LONG_VALUE ": y\r\n z\r\n\r\n",
	  DONE, 0, 200, 0, false, false, 0 },
	/* Equal lengths (RFC 9112, 6.3). */
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 05\r\n"
	  "\r\nhello",
	  DONE, 0, 200, 5, false, false, 0 },
	/* Empty elements are passed over (RFC 9110, 5.6.1.2). */
	{ "HTTP/1.1 200 OK\r\nContent-Length: ,5,,5 , \r\n\r\nhello", DONE, 0,
	  200, 5, false, false, 0 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked,\r\n\r\n0\r\n\r\n",
	  DONE, 0, 200, 0, false, false, 0 },
	/* One empty line before (RFC 9112, 2.2). */
	{ "\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", DONE, 0, 200, 1,
	  false, false, 0 },
	{ "\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx\r\n", DONE, 0, 200,
	  1, false, false, 2 },
	/* A later minor version (RFC 9110, 2.5). */
	{ "HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\nx", DONE, 0, 200, 1,
	  false, false, 0 },
	/* HTTP/1.0 has no codings: the connection ends (RFC 9112, 6.1). */
	{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  DONE, 0, 200, 0, false, true, 0 },
	/* CR in a value is a blank (RFC 9110, 5.5). */
	{ "HTTP/1.1 200 OK\r\nConnection: x,\rclose\r\r\n"
	  "Content-Length: 0\r\n\r\n",
	  DONE, 0, 200, 0, false, true, 0 },
	REFUSED("HTTP/1.x 200 OK\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("HTTP/2 200 OK\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("HTTP/1.1 2000\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("HTTP/1.1 20\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("\r\n\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("\rHTTP/1.1 200 OK\r\n", OSC_RESPONSE_BAD_STATUS_LINE),
	REFUSED("HTTP/1.1 101 Switching\r\n\r\n", OSC_RESPONSE_UPGRADE),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		OSC_RESPONSE_BAD_CODING),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n 6\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 6\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: , ,\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length:\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding:,\r\n\r\n",
		OSC_RESPONSE_BAD_CODING),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,,chunked\r\n\r\n",
		OSC_RESPONSE_BAD_CODING),
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length: 1" LONG_BLANK "1\r\n\r\n",
		OSC_RESPONSE_BAD_LENGTH),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" LONG_VALUE
		"\r\n\r\n",
		OSC_RESPONSE_BAD_CODING),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
		OSC_RESPONSE_BAD_CODING),
	/* A continuation of no field. */
	REFUSED("HTTP/1.1 200 OK\r\n folded: y\r\n", OSC_RESPONSE_BAD_FIELD),
	/* A blank before the colon, no colon, no name (RFC 9112, 5.1). */
	REFUSED("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n",
		OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\nX\t: 5\r\n", OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\nX\r\n", OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\n: y\r\n", OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\n\rX: y\r\n", OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"0\r\nTrailer : t\r\n",
		OSC_RESPONSE_BAD_FIELD),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		OSC_RESPONSE_BAD_CHUNK),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		OSC_RESPONSE_BAD_CHUNK),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"11111111111111111\r\n",
		OSC_RESPONSE_BAD_CHUNK),
	REFUSED("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" LONG_ZERO
		"5\r\n",
		OSC_RESPONSE_BAD_CHUNK),
};

#define NR_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void check_outcome(const struct sample *s, struct osc_response *r,
			  enum osc_response_result got, size_t used)
{
	if (got != s->result || r->error != s->error)
		print_error("%s: result %d, error %s\n", s->text, (int)got,
			    osc_response_error_name(r->error));
	assert_int_equal(got, s->result);
	assert_int_equal(r->error, s->error);
	if (s->result == BAD)
		return;
	if (s->result == OSC_RESPONSE_MORE)
		assert_int_equal(osc_response_end(r, true), DONE);
	assert_int_equal(r->status, s->status);
	assert_int_equal(r->body_bytes, s->body);
	assert_int_equal(osc_response_closes(r), s->closes);
	assert_int_equal(used, strlen(s->text) - s->rest);
}

/*
 * Feeds pieces that end at a, at b and at the end, each in memory of its own
 * size, so that a sanitizer sees a byte too far.
 */
static void feed_in_pieces(const struct sample *s, size_t a, size_t b,
			   struct osc_response_last *last)
{
	size_t ends[] = { a, b, strlen(s->text) }, at = 0, total = 0;
	enum osc_response_result got = OSC_RESPONSE_MORE;
	struct osc_response r;

	osc_response_init(&r, s->head);
	for (size_t i = 0; i < 3 && got == OSC_RESPONSE_MORE; i++) {
		size_t n = ends[i] - at, used;
		char *piece = malloc(n ? n : 1);

		assert_non_null(piece);
		memcpy(piece, s->text + at, n);
		got = osc_response_feed(&r, last, piece, n, &used);
		free(piece);
		total += used;
		at = ends[i];
	}
	check_outcome(s, &r, got, total);
}

static void outcome_is_the_same_for_any_two_cuts(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		size_t length = strlen(samples[i].text);

		for (size_t a = 0; a <= length; a++) {
			for (size_t b = a; b <= length; b++)
				feed_in_pieces(&samples[i], a, b, NULL);
		}
	}
}

static void outcome_is_the_same_after_any_other(void **unused)
{
	struct osc_response_last last = { 0 };

	(void)unused;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		for (size_t j = 0; j < NR_SAMPLES; j++) {
			size_t length = strlen(samples[j].text);

			feed_in_pieces(&samples[i], 0, 0, &last);
			for (size_t a = 0; a <= length; a++)
				feed_in_pieces(&samples[j], a, length, &last);
		}
	}
}

/* What it says is taken from the last head: said otherwise, it is believed. */
static void a_head_is_read_once(void **unused)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	struct osc_response_last last = { 0 };
	struct osc_response r;
	size_t used;

	(void)unused;
	for (int i = 0; i < 2; i++) {
		osc_response_init(&r, false);
		assert_int_equal(osc_response_feed(&r, &last, text,
						   sizeof(text) - 1, &used),
				 DONE);
		assert_int_equal(used, sizeof(text) - 1);
		assert_int_equal(r.status, i ? 299 : 200);
		last.said.status = 299;
	}
	/* An answer to HEAD has the same head, and no body. */
	osc_response_init(&r, true);
	assert_int_equal(osc_response_feed(&r, &last, text, sizeof(text) - 1,
					   &used),
			 DONE);
	assert_int_equal(used, sizeof(text) - 1 - strlen("hello"));
	assert_int_equal(r.status, 200);
}

/* A body that looks like one is none, and the end of a head is not all of it. */
static void only_a_head_is_a_head(void **unused)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n";
	const size_t length = sizeof(text) - 1;
	struct osc_response_last last = { 0 };
	struct osc_response r;
	size_t used;

	(void)unused;
	assert_int_equal(length, 39);
	for (size_t cut = 0; cut < length; cut++) {
		osc_response_init(&r, false);
		osc_response_feed(&r, &last, text, cut, &used);
		osc_response_feed(&r, &last, text + cut, length - cut, &used);
		assert_int_equal(osc_response_feed(&r, &last, text, length,
						   &used),
				 DONE);
		assert_int_equal(used, length);
		assert_int_equal(r.body_bytes, 39);
		osc_response_init(&r, false);
		/* An empty line is none, but may stand before one. */
		assert_int_equal(osc_response_feed(&r, &last, text + cut,
						   length - cut, &used),
				 cut && cut < length - 2 ? BAD :
							   OSC_RESPONSE_MORE);
	}
}

static void outcome_is_the_same_byte_by_byte(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		const struct sample *s = &samples[i];
		enum osc_response_result got = OSC_RESPONSE_MORE;
		struct osc_response r;
		size_t total = 0;

		osc_response_init(&r, s->head);
		for (const char *p = s->text; *p && got == OSC_RESPONSE_MORE;
		     p++) {
			size_t used;

			got = osc_response_feed(&r, NULL, p, 1, &used);
			total += used;
		}
		check_outcome(s, &r, got, total);
	}
}

static void an_end_in_the_middle_is_truncated(void **unused)
{
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

	(void)unused;
	for (size_t n = 1; n < strlen(text); n++) {
		struct osc_response r;
		size_t used;

		osc_response_init(&r, false);
		assert_true(osc_response_untouched(&r));
		assert_int_equal(osc_response_feed(&r, NULL, text, n, &used),
				 OSC_RESPONSE_MORE);
		assert_false(osc_response_untouched(&r));
		assert_int_equal(osc_response_end(&r, true), BAD);
		assert_int_equal(r.error, OSC_RESPONSE_TRUNCATED);
	}
}

/* Only of a body that ends with the connection does it matter how that ended. */
static void an_end_out_of_order_cuts_a_body_without_length(void **unused)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\nhello";
	struct osc_response r;
	size_t used;

	(void)unused;
	osc_response_init(&r, false);
	assert_int_equal(osc_response_feed(&r, NULL, text, strlen(text), &used),
			 OSC_RESPONSE_MORE);
	assert_int_equal(osc_response_end(&r, false), BAD);
	assert_int_equal(r.error, OSC_RESPONSE_NO_CLOSE_NOTIFY);
	osc_response_init(&r, false);
	assert_int_equal(osc_response_feed(&r, NULL, text, 18, &used),
			 OSC_RESPONSE_MORE);
	assert_int_equal(osc_response_end(&r, false), BAD);
	assert_int_equal(r.error, OSC_RESPONSE_TRUNCATED);
}

/* One empty line may come when nothing is asked; not a second, nor part of one. */
static void one_empty_line_is_passed_over(void **unused)
{
	struct osc_response r;

	(void)unused;
	osc_response_init(&r, false);
	assert_int_equal(osc_response_skip_blank(&r, "\r", 1), 1);
	assert_int_equal(osc_response_skip_blank(&r, "\r", 1), 0);
	assert_int_equal(osc_response_skip_blank(&r, "\n\r\n", 3), 1);
	assert_int_equal(osc_response_skip_blank(&r, "\r\n", 2), 0);
	assert_true(osc_response_untouched(&r));
	osc_response_init(&r, false);
	assert_int_equal(osc_response_skip_blank(&r, "H", 1), 0);
	assert_int_equal(osc_response_skip_blank(&r, "\r\nH", 3), 2);
}

static void a_head_without_end_is_refused(void **unused)
{
	static const char field[] = "X: y\r\n";
	enum osc_response_result got;
	struct osc_response r;
	size_t used, lines = 0;

	(void)unused;
	osc_response_init(&r, false);
	got = osc_response_feed(&r, NULL, "HTTP/1.1 200 OK\r\n", 17, &used);
	for (; got == OSC_RESPONSE_MORE && lines < 20000; lines++)
		got = osc_response_feed(&r, NULL, field, strlen(field), &used);
	assert_int_equal(got, BAD);
	assert_int_equal(r.error, OSC_RESPONSE_HEAD_TOO_LONG);
}

/* Chunk lines are no head: their number is not limited. */
static void a_body_of_many_chunks_is_taken(void **unused)
{
	enum osc_response_result got;
	struct osc_response r;
	size_t used;

	(void)unused;
	osc_response_init(&r, false);
	got = osc_response_feed(
		&r, NULL,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47,
		&used);
	for (int i = 0; i < 50000; i++) {
		assert_int_equal(got, OSC_RESPONSE_MORE);
		got = osc_response_feed(&r, NULL, "1\r\nx\r\n", 6, &used);
	}
	got = osc_response_feed(&r, NULL, "0\r\n\r\n", 5, &used);
	assert_int_equal(got, DONE);
	assert_int_equal(r.body_bytes, 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcome_is_the_same_for_any_two_cuts),
		cmocka_unit_test(outcome_is_the_same_byte_by_byte),
		cmocka_unit_test(outcome_is_the_same_after_any_other),
		cmocka_unit_test(a_head_is_read_once),
		cmocka_unit_test(only_a_head_is_a_head),
		cmocka_unit_test(an_end_in_the_middle_is_truncated),
		cmocka_unit_test(
			an_end_out_of_order_cuts_a_body_without_length),
		cmocka_unit_test(one_empty_line_is_passed_over),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(a_body_of_many_chunks_is_taken),
	};

	return cmocka_run_group_tests_name("load_response", tests, NULL, NULL);
}
