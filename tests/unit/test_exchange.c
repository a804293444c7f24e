// SPDX-License-Identifier: GPL-2.0-or-later
/* The conversation on one connection, without a socket: answers, pipelining in
 * pieces of every size, a small output, and the books.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/account.h"
#include "servers/exchange.h"

/* An engine made of memory: writes what it is told, and never waits. */
struct engine {
	struct osc_account *account;
	struct osc_service service;
	struct osc_exchange exchange;
	atomic_bool draining;
	char input[4096];
	size_t have;
	char room[4096];
	struct osc_output out;
	char sent[65536];
	size_t sent_len;
	enum osc_next last;
	unsigned int sleeps, works;
};

static int set_up(void **state)
{
	struct engine *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	assert_int_equal(osc_account_create(NULL, "test", &g->account, NULL),
			 0);
	g->service.books = osc_account_books(g->account, 0, true);
	g->service.limits = (struct osc_http_limits){
		.line_bytes = 1024,
		.head_bytes = 2048,
		.fields = 20,
		.body_bytes = 1000,
	};
	g->service.draining = &g->draining;
	g->out =
		(struct osc_output){ .data = g->room, .size = sizeof(g->room) };
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	struct engine *g = *state;

	osc_account_destroy(g->account);
	free(g);
	return 0;
}

static void restart(struct engine *g)
{
	memset(&g->exchange, 0, sizeof(g->exchange));
	g->have = 0;
	g->sent_len = 0;
	g->sleeps = 0;
	g->works = 0;
}

static void send_bytes(struct engine *g, const void *data, size_t len)
{
	assert_true(g->sent_len + len < sizeof(g->sent));
	memcpy(g->sent + g->sent_len, data, len);
	g->sent_len += len;
	g->sent[g->sent_len] = '\0';
}

/* Takes what is to be written in odd pieces, as a slow socket would. */
static void write_out(struct engine *g)
{
	struct iovec iov[OSC_EXCHANGE_IOV];
	size_t size;
	int nr;

	while ((nr = osc_exchange_pieces(&g->exchange, &g->out, iov, &size))) {
		size_t room = 777;

		for (int i = 0; i < nr && room; i++) {
			size_t n = iov[i].iov_len < room ? iov[i].iov_len :
							   room;

			send_bytes(g, iov[i].iov_base, n);
			room -= n;
		}
		osc_exchange_written(&g->exchange, &g->out, 777 - room);
	}
}

static void feed(struct engine *g, const char *data, size_t len)
{
	size_t used;

	memcpy(g->input + g->have, data, len);
	g->have += len;
	do {
		g->last = osc_exchange_run(&g->exchange, &g->service, g->input,
					   g->have, &used, &g->out);
		g->have -= used;
		memmove(g->input, g->input + used, g->have);
		write_out(g);
		if (g->last == OSC_NEXT_SLEEP) {
			g->sleeps++;
			g->exchange.waited = true;
		}
		if (g->last == OSC_NEXT_WORK) {
			g->works++;
			g->exchange.waited = true;
		}
	} while (g->last == OSC_NEXT_SLEEP || g->last == OSC_NEXT_WORK ||
		 g->last == OSC_NEXT_WRITE);
}

static void feed_text(struct engine *g, const char *text)
{
	restart(g);
	feed(g, text, strlen(text));
}

static uint64_t booked(struct engine *g, enum osc_account_field field)
{
	struct osc_account_snapshot s;

	osc_account_sum(g->account, &s);
	return s.value[field];
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static const char pipeline[] = GET(
	"/") "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET("/bytes/5000")
	GET("/none") "POST / HTTP/1.1\r\nHost: a\r\n"
		     "Content-Length: 11\r\n\r\nGET / HTTP/" GET(
			     "/sleep/7") "\r\n"
					 "GET /work/1 HTTP/1.1\r\nHost: a\r\n"
					 "Connection: close\r\n\r\n";

/* Date fields differ from second to second: they are cut out. */
static void without_dates(struct engine *g)
{
	char *at = g->sent;

	while ((at = strstr(at, "\r\nDate: "))) {
		char *end = strstr(at + 2, "\r\n");

		memmove(at, end, strlen(end) + 1);
	}
	g->sent_len = strlen(g->sent);
}

static void work_is_the_engines_where_it_asks_for_it(void **state)
{
	static const char twice[] = GET("/work/1000000") GET("/work/1000000");
	struct engine *g = *state;

	feed_text(g, GET("/work/1"));
	assert_int_equal(g->works, 0);
	g->service.work_apart = true;
	feed_text(g, twice);
	assert_int_equal(g->works, 2);
	assert_int_equal(booked(g, OSC_ACCOUNT_RESPONSES_2XX), 3);
}

/* Whoever does the work, the engine then sleeps, once. */
static void work_and_sleep_come_one_after_the_other(void **state)
{
	static const char both[] = GET("/work/1/sleep/7");
	struct engine *g = *state;

	feed_text(g, both);
	assert_int_equal(g->works, 0);
	assert_int_equal(g->sleeps, 1);
	g->service.work_apart = true;
	feed_text(g, both);
	assert_int_equal(g->works, 1);
	assert_int_equal(g->sleeps, 1);
	assert_int_equal(booked(g, OSC_ACCOUNT_RESPONSES_2XX), 2);
	/* No sleep, as with a zero alone. */
	feed_text(g, GET("/work/1/sleep/0"));
	assert_int_equal(g->sleeps, 0);
}

static void pieces_of_every_size_give_the_same_answers(void **state)
{
	struct engine *g = *state;
	size_t len = sizeof(pipeline) - 1;
	char *whole;

	feed_text(g, pipeline);
	assert_int_equal(g->last, OSC_NEXT_CLOSE);
	assert_int_equal(g->sleeps, 1);
	without_dates(g);
	whole = strdup(g->sent);
	assert_non_null(whole);
	for (size_t piece = 1; piece <= len; piece++) {
		restart(g);
		for (size_t at = 0; at < len; at += piece)
			feed(g, pipeline + at,
			     at + piece < len ? piece : len - at);
		assert_int_equal(g->last, OSC_NEXT_CLOSE);
		without_dates(g);
		assert_string_equal(g->sent, whole);
	}
	free(whole);
	assert_int_equal(booked(g, OSC_ACCOUNT_REQUESTS), 7 * (len + 1));
	assert_int_equal(booked(g, OSC_ACCOUNT_RESPONSES_2XX), 5 * (len + 1));
	assert_int_equal(booked(g, OSC_ACCOUNT_RESPONSES_4XX), 2 * (len + 1));
}

static void a_small_output_gives_the_same_answers(void **state)
{
	struct engine *g = *state;
	char *whole;

	feed_text(g, pipeline);
	without_dates(g);
	whole = strdup(g->sent);
	assert_non_null(whole);
	g->out.size = OSC_RESPONSE_MAX;
	feed_text(g, pipeline);
	without_dates(g);
	assert_string_equal(g->sent, whole);
	free(whole);
}

static void the_answer_is_13_bytes_of_text(void **state)
{
	struct engine *g = *state;

	feed_text(g, GET("/"));
	assert_int_equal(g->last, OSC_NEXT_READ);
	assert_true(osc_exchange_is_idle(&g->exchange));
	assert_non_null(strstr(g->sent, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(g->sent, "\r\nContent-Length: 13\r\n"));
	assert_non_null(strstr(g->sent, "\r\n\r\nHello, world\n"));
	assert_null(strstr(g->sent, "Connection:"));
}

static void a_head_and_its_body_are_written_together(void **state)
{
	struct engine *g = *state;
	struct iovec iov[OSC_EXCHANGE_IOV];
	size_t used, size, head;

	restart(g);
	assert_int_equal(
		osc_exchange_run(&g->exchange, &g->service, GET("/bytes/5000"),
				 strlen(GET("/bytes/5000")), &used, &g->out),
		OSC_NEXT_WRITE);
	head = g->out.len;
	assert_int_equal(osc_exchange_pieces(&g->exchange, &g->out, iov, &size),
			 3);
	assert_int_equal(size, head + 5000);
	/* The socket has taken the head but for its last byte, … */
	osc_exchange_written(&g->exchange, &g->out, head - 1);
	assert_int_equal(osc_exchange_pieces(&g->exchange, &g->out, iov, &size),
			 3);
	assert_int_equal(size, 5001);
	assert_memory_equal(iov[0].iov_base, "\n", 1);
	/* … and now that and one of the body. */
	osc_exchange_written(&g->exchange, &g->out, 2);
	assert_int_equal(osc_exchange_pieces(&g->exchange, &g->out, iov, &size),
			 2);
	assert_memory_equal(iov[0].iov_base, "123", 3);
	osc_exchange_written(&g->exchange, &g->out, 4999);
	assert_int_equal(osc_exchange_pieces(&g->exchange, &g->out, iov, &size),
			 0);
}

static void http_1_0_is_told_that_the_connection_stays(void **state)
{
	struct engine *g = *state;

	feed_text(g, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(g->last, OSC_NEXT_READ);
	assert_non_null(strstr(g->sent, "\r\nConnection: keep-alive\r\n"));
	feed_text(g, "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(g->last, OSC_NEXT_CLOSE);
	assert_non_null(strstr(g->sent, "\r\nConnection: close\r\n"));
}

static void a_refused_request_ends_the_connection(void **state)
{
	struct engine *g = *state;

	feed_text(g, "GET / HTTP/1.1\r\n\r\n" GET("/"));
	assert_int_equal(g->last, OSC_NEXT_LINGER);
	assert_non_null(strstr(g->sent, "HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(g->sent, "\r\nConnection: close\r\n"));
	assert_null(strstr(g->sent, "200 OK"));
	/* Asked again, it says the same and writes nothing. */
	g->sent_len = 0;
	feed(g, "", 0);
	assert_int_equal(g->last, OSC_NEXT_LINGER);
	assert_int_equal(g->sent_len, 0);
	/* Nothing behind it yet, but something may be on its way. */
	feed_text(g, "GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(g->last, OSC_NEXT_LINGER);
}

static void statuses_are_as_documented(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} cases[] = {
		{ GET("/none"), "404 Not Found" },
		{ GET("/bytes/"), "400 Bad Request" },
		{ GET("/bytes/x"), "400 Bad Request" },
		{ GET("/bytes/1073741825"), "400 Bad Request" },
		{ GET("/work/1000001"), "400 Bad Request" },
		{ GET("/sleep/60000001"), "400 Bad Request" },
		{ GET("/work/1/sleep/"), "400 Bad Request" },
		{ GET("/work//sleep/1"), "400 Bad Request" },
		{ GET("/work/1/sleep/60000001"), "400 Bad Request" },
		{ GET("/work/1/sleep/1/sleep/1"), "400 Bad Request" },
		{ GET("/bytes/0"), "200 OK" },
		{ GET("/?q"), "200 OK" },
		{ GET("http://h/none"), "404 Not Found" },
		{ GET("http://host"), "200 OK" },
		{ GET("http://host?q"), "200 OK" },
		{ GET("http://host?q=/none"), "200 OK" },
		{ GET("http://host/none?q=/"), "404 Not Found" },
		{ GET("http://host/bytes/0?q=/none"), "200 OK" },
	};
	struct engine *g = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		feed_text(g, cases[i].request);
		assert_int_equal(g->last, OSC_NEXT_READ);
		if (!strstr(g->sent, cases[i].status))
			fail_msg("%s: %s", cases[i].request, g->sent);
	}
	feed_text(g, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(strstr(g->sent, "405 Method Not Allowed"));
	assert_non_null(strstr(g->sent, "\r\nAllow: GET, HEAD\r\n"));
}

/* The rest of a request, behind its method, and the status that it gets. */
static const struct {
	const char *rest;
	const char *status;
} outcomes[] = {
	{ " / HTTP/1.1\r\nHost: a\r\n\r\n", "200" },
	{ " / HTTP/1.0\r\n\r\n", "200" },
	{ " /bytes/500 HTTP/1.1\r\nHost: a\r\n\r\n", "200" },
	{ " /work/1 HTTP/1.1\r\nHost: a\r\n\r\n", "200" },
	{ " /sleep/1 HTTP/1.1\r\nHost: a\r\n\r\n", "200" },
	{ " /none HTTP/1.1\r\nHost: a\r\n\r\n", "404" },
	{ " /bytes/x HTTP/1.1\r\nHost: a\r\n\r\n", "400" },
	{ " / HTTP/1.1\r\n\r\n", "400" },
	{ " / HTTP/1.1\r\nHost: a b\r\n\r\n", "400" },
	{ " / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "400" },
	{ " /\x7f HTTP/1.1\r\n\r\n", "400" },
	{ " x HTTP/1.1\r\n\r\n", "400" },
	{ " / HTTP/1\r\n\r\n", "400" },
	{ " /\r\n", "400" },
	{ " \r\n", "400" },
	{ "\r\n", "400" },
	{ " / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413" },
	{ " / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n", "417" },
	{ " / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "501" },
	{ " / HTTP/2.0\r\n\r\n", "505" },
};

static const char *body_of(const struct engine *g)
{
	const char *end = strstr(g->sent, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* Without its body, and the date cut out. */
static char *head_of(struct engine *g)
{
	without_dates(g);
	return strndup(g->sent, (size_t)(body_of(g) - g->sent));
}

/* Of `length` bytes: 414 where they are no line, 431 where they are fields. */
static void too_long(char *text, const char *method, const char *before,
		     size_t length)
{
	size_t n = (size_t)sprintf(text, "%s%s", method, before);

	memset(text + n, 'x', length - n);
	text[length] = '\0';
}

static void same_but_no_body(struct engine *g, const char *get,
			     const char *head, const char *status)
{
	char *as_get, *as_head;

	feed_text(g, get);
	as_get = head_of(g);
	if (strncmp(as_get + strlen("HTTP/1.1 "), status, 3))
		fail_msg("%s: %s instead of %s", get, as_get, status);
	assert_true(*body_of(g));
	feed_text(g, head);
	as_head = head_of(g);
	if (*body_of(g))
		fail_msg("%s: a body: %s", head, g->sent);
	assert_string_equal(as_head, as_get);
	free(as_head);
	free(as_get);
}

static void head_is_answered_as_get_without_a_body(void **state)
{
	struct engine *g = *state;
	char get[2100], head[2100];

	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		snprintf(get, sizeof(get), "GET%s", outcomes[i].rest);
		snprintf(head, sizeof(head), "HEAD%s", outcomes[i].rest);
		same_but_no_body(g, get, head, outcomes[i].status);
	}
	too_long(get, "GET", " /", 1024);
	too_long(head, "HEAD", " /", 1024);
	same_but_no_body(g, get, head, "414");
	too_long(get, "GET", " / HTTP/1.1\r\nX: ", 2048);
	too_long(head, "HEAD", " / HTTP/1.1\r\nX: ", 2048);
	same_but_no_body(g, get, head, "431");
}

/* Nor when the time or the memory runs out in the middle of it. */
static void a_head_that_is_cut_short_gets_no_body(void **state)
{
	static const char text[] = "HEAD / HTTP/1.1\r\nHost: a\r\n";
	struct engine *g = *state;

	for (size_t len = 1; len < sizeof(text); len++) {
		restart(g);
		feed(g, text, len);
		assert_int_equal(g->last, OSC_NEXT_READ);
		osc_exchange_timeout(&g->exchange, &g->service, &g->out);
		write_out(g);
		assert_non_null(strstr(g->sent, "408 Request Timeout"));
		assert_string_equal(body_of(g), "");
		g->sent_len = 0;
		osc_exchange_refuse(&g->exchange, &g->service, &g->out);
		write_out(g);
		assert_non_null(strstr(g->sent, "503 Service Unavailable"));
		assert_string_equal(body_of(g), "");
	}
	restart(g);
	feed(g, "HEX", 3);
	osc_exchange_timeout(&g->exchange, &g->service, &g->out);
	write_out(g);
	assert_string_equal(body_of(g), "Request Timeout\n");
	/* What was not read at all may be a HEAD. */
	g->sent_len = 0;
	osc_exchange_refuse(NULL, &g->service, &g->out);
	write_out(g);
	assert_non_null(strstr(g->sent, "\r\nContent-Length: 0\r\n"));
	assert_string_equal(body_of(g), "");
}

static void a_client_that_waits_for_100_gets_it(void **state)
{
	struct engine *g = *state;
	const char *head = "POST / HTTP/1.1\r\nHost: a\r\n"
			   "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";

	feed_text(g, head);
	assert_string_equal(g->sent, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(g->last, OSC_NEXT_READ);
	assert_false(osc_exchange_is_idle(&g->exchange));
	feed(g, "abc", 3);
	assert_non_null(strstr(g->sent, "405 Method Not Allowed"));
	assert_true(osc_exchange_is_idle(&g->exchange));
}

static void draining_makes_each_answer_the_last(void **state)
{
	struct engine *g = *state;

	atomic_store(&g->draining, true);
	feed_text(g, GET("/") GET("/"));
	assert_int_equal(g->last, OSC_NEXT_LINGER);
	assert_non_null(strstr(g->sent, "\r\nConnection: close\r\n"));
	assert_int_equal(booked(g, OSC_ACCOUNT_REQUESTS), 1);
}

static void a_long_body_is_the_pattern_to_the_byte(void **state)
{
	struct engine *g = *state;
	const char *body;

	feed_text(g, GET("/bytes/9000"));
	body = strstr(g->sent, "\r\n\r\n") + 4;
	assert_int_equal(strlen(body), 9000);
	for (size_t i = 64; i < 9000; i++)
		assert_int_equal(body[i], body[i - 64]);
	assert_memory_equal(body, "0123456789abc", 13);
}

/* `date -u` prints the same. */
static void dates_are_right(void **state)
{
	struct osc_response_cache c = { 0 };
	char expected[40];
	time_t second;
	struct tm tm;

	(void)state;
	osc_response_tick(&c);
	second = c.second;
	assert_non_null(gmtime_r(&second, &tm));
	strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	assert_string_equal(c.date, expected);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_is_the_engines_where_it_asks_for_it),
		TEST(work_and_sleep_come_one_after_the_other),
		TEST(pieces_of_every_size_give_the_same_answers),
		TEST(a_small_output_gives_the_same_answers),
		TEST(the_answer_is_13_bytes_of_text),
		TEST(a_head_and_its_body_are_written_together),
		TEST(http_1_0_is_told_that_the_connection_stays),
		TEST(a_refused_request_ends_the_connection),
		TEST(statuses_are_as_documented),
		TEST(head_is_answered_as_get_without_a_body),
		TEST(a_head_that_is_cut_short_gets_no_body),
		TEST(a_client_that_waits_for_100_gets_it),
		TEST(draining_makes_each_answer_the_last),
		TEST(a_long_body_is_the_pattern_to_the_byte),
		TEST(dates_are_right),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
