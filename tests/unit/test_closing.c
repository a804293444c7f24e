// SPDX-License-Identifier: GPL-2.0-or-later
/* Closing in stages: when a close is safe, and the bounds of what lingers. The
 * time is an argument, the sockets are a connection over loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/account.h"
#include "lib/clock.h"
#include "servers/closing.h"
#include "servers/server.h"

/* More than the client's side takes before it reads. */
#define MUCH (256 << 10)

static struct pair {
	struct osc_account *account;
	struct osc_books books;
	int server, client;
} pair;

static int set_up(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), room = 4096;
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pair.client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(osc_account_create(NULL, "test", &pair.account, NULL),
			 0);
	pair.books = osc_account_books(pair.account, 0, true);
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_RCVBUF, &room,
				    sizeof(room)),
			 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(connect(pair.client, (struct sockaddr *)&a, len), 0);
	pair.server = accept(listener, NULL, NULL);
	assert_true(pair.server >= 0);
	close(listener);
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(pair.server);
	close(pair.client);
	osc_account_destroy(pair.account);
	return 0;
}

static void wait_until_safe(void)
{
	while (!osc_closing_is_safe(pair.server, &pair.books))
		poll(NULL, 0, 1);
}

/* `n` bytes, as far as the socket takes them at once. */
static void respond(size_t n)
{
	static const char body[MUCH];

	assert_true(send(pair.server, body, n, MSG_DONTWAIT) > 0);
}

static void take(size_t n)
{
	static char body[MUCH];

	while (n) {
		ssize_t got = recv(pair.client, body, n, 0);

		assert_true(got > 0);
		n -= (size_t)got;
	}
}

static void a_close_is_safe_when_all_is_acknowledged_and_read(void **state)
{
	char in[10];

	(void)state;
	assert_true(osc_closing_is_safe(pair.server, &pair.books));
	respond(10);
	wait_until_safe();
	assert_int_equal(send(pair.client, "late", 4, 0), 4);
	assert_false(osc_closing_is_safe(pair.server, &pair.books));
	assert_int_equal(recv(pair.server, in, sizeof(in), 0), 4);
	assert_true(osc_closing_is_safe(pair.server, &pair.books));
	/* More than the client has room for cannot be acknowledged. */
	respond(MUCH);
	assert_false(osc_closing_is_safe(pair.server, &pair.books));
}

/* System calls to find out, which is `safe`. */
static uint64_t calls_to_see(bool safe)
{
	_Atomic uint64_t *calls = &pair.books.slot->value[OSC_ACCOUNT_CALLS];
	uint64_t before = *calls;

	assert_int_equal(osc_closing_is_safe(pair.server, &pair.books), safe);
	return *calls - before;
}

static void one_call_tells_whether_an_ordinary_close_is_safe(void **state)
{
	(void)state;
	respond(10);
	wait_until_safe();
	assert_int_equal(calls_to_see(true), 1);
	respond(MUCH);
	assert_int_equal(calls_to_see(false), 1);
}

static void the_end_of_the_input_is_no_input(void **state)
{
	struct pollfd end = { .fd = pair.server, .events = POLLRDHUP };

	(void)state;
	assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
	assert_int_equal(poll(&end, 1, -1), 1);
	assert_true(osc_closing_is_safe(pair.server, &pair.books));
}

static bool goes_on(struct osc_linger *g, uint64_t now)
{
	return osc_linger_goes_on(g, pair.server, now, &pair.books);
}

static void it_lingers_until_all_is_acknowledged_and_read(void **state)
{
	struct osc_linger g;

	(void)state;
	respond(10);
	wait_until_safe();
	osc_linger_begin(&g, 0, 60 * OSC_NS_PER_S, false);
	assert_false(goes_on(&g, 0));
	assert_int_equal(send(pair.client, "late", 4, 0), 4);
	assert_true(goes_on(&g, 0));
	/* Where the client may still be sending, that is not enough. */
	osc_linger_begin(&g, 0, 60 * OSC_NS_PER_S, true);
	assert_true(goes_on(&g, OSC_SERVER_LINGER_NS - 1));
	assert_false(goes_on(&g, OSC_SERVER_LINGER_NS));
}

static void it_lingers_while_the_client_takes_the_response(void **state)
{
	const uint64_t step = OSC_SERVER_LINGER_NS - 1, most = 10 * step;
	struct osc_linger g;
	uint64_t now = 0;

	(void)state;
	respond(MUCH);
	osc_linger_begin(&g, 0, most, false);
	assert_true(goes_on(&g, 0));
	for (int i = 0; i < 3; i++) {
		uint32_t before = g.unsent;

		now += step;
		/* The acknowledgement may take its time. */
		take(16 << 10);
		do {
			assert_true(goes_on(&g, now));
		} while (g.unsent == before);
	}
	assert_int_equal(osc_linger_until(&g), now + OSC_SERVER_LINGER_NS);
	assert_false(goes_on(&g, now + OSC_SERVER_LINGER_NS));
	/* In any case not for ever. */
	take(16 << 10);
	assert_false(goes_on(&g, most));
}

static void the_number_of_discarded_bytes_is_bounded(void **state)
{
	struct osc_linger g;

	(void)state;
	osc_linger_begin(&g, 0, 60 * OSC_NS_PER_S, true);
	g.discarded = OSC_SERVER_LINGER_BYTES - 1;
	assert_true(goes_on(&g, 0));
	g.discarded++;
	assert_false(goes_on(&g, 0));
}

static void the_number_that_linger_at_once_is_bounded(void **state)
{
	static const struct {
		unsigned int connections, most;
	} cases[] = {
		{ 1, 1 },	{ 4, 1 },	   { 40, 10 },
		{ 4096, 1024 }, { 1 << 20, 1024 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct osc_closing *c = osc_closing_new(cases[i].connections);

		assert_non_null(c);
		for (unsigned int n = 0; n < cases[i].most; n++)
			assert_true(osc_closing_enter(c));
		assert_false(osc_closing_enter(c));
		osc_closing_leave(c);
		assert_true(osc_closing_enter(c));
		assert_false(osc_closing_enter(c));
		osc_closing_free(c);
	}
}

/* Its place is free again, and those that live give back what they do not have. */
static void a_dead_worker_keeps_no_place(void **state)
{
	struct osc_closing *c = osc_closing_new(8);
	pid_t pid;

	(void)state;
	assert_non_null(c);
	assert_true(osc_closing_enter(c));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(osc_closing_enter(c) ? 0 : 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(osc_closing_enter(c));
	osc_closing_reset(c);
	osc_closing_leave(c);
	assert_true(osc_closing_enter(c));
	assert_true(osc_closing_enter(c));
	assert_false(osc_closing_enter(c));
	osc_closing_free(c);
}

#define CONNECTED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED(a_close_is_safe_when_all_is_acknowledged_and_read),
		CONNECTED(one_call_tells_whether_an_ordinary_close_is_safe),
		CONNECTED(the_end_of_the_input_is_no_input),
		CONNECTED(it_lingers_until_all_is_acknowledged_and_read),
		CONNECTED(it_lingers_while_the_client_takes_the_response),
		CONNECTED(the_number_of_discarded_bytes_is_bounded),
		cmocka_unit_test(the_number_that_linger_at_once_is_bounded),
		cmocka_unit_test(a_dead_worker_keeps_no_place),
	};

	return cmocka_run_group_tests_name("closing", tests, NULL, NULL);
}
