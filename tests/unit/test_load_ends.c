// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where connections of a load begin and end: which address of a name they are
 * made to, and that they are closed when they have nothing more to send.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/ring.h"
#include "load/load.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* Serves one connection at a time, until the client closes it or asks for that. */
struct server {
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	unsigned int accepts;
};

static void serve(int fd)
{
	unsigned int newlines = 0;
	bool closes = false;
	char text[4096];
	ssize_t n;

	while (!closes && (n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		closes = strstr(text, "Connection: close");
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] == '\r')
				continue;
			newlines = text[i] == '\n' ? newlines + 1 : 0;
			if (newlines < 2)
				continue;
			newlines = 0;
			send(fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL);
		}
	}
}

static void *run_server(void *arg)
{
	struct server *s = arg;

	for (;;) {
		int fd = accept(s->listener, NULL, NULL);

		if (fd < 0 || atomic_load(&s->stop)) {
			close(fd);
			return NULL;
		}
		s->accepts++;
		serve(fd);
		close(fd);
	}
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
	return a;
}

static int listen_at(struct sockaddr_in *a, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*a);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)a, size), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &size), 0);
	return fd;
}

static void start_server(struct server *s)
{
	struct sockaddr_in a = address("127.0.0.1", 0);

	*s = (struct server){ .listener = listen_at(&a, 1024) };
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, run_server, s), 0);
}

/* Wakes it from accept(). */
static void stop_server(struct server *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	close(s->listener);
}

static void add_address(struct osc_load_config *c, const char *text,
			uint16_t port)
{
	struct osc_addresses *a = &c->addresses;
	struct sockaddr_in in = address(text, port);

	memcpy(&a->address[a->n], &in, sizeof(in));
	a->length[a->n++] = sizeof(in);
}

static void aim(struct osc_load_config *c, enum osc_load_engine engine)
{
	static struct osc_url url;

	osc_load_defaults(c);
	assert_int_equal(osc_url_parse("http://two.test/", &url, NULL), 0);
	c->mix = (struct osc_mix){ .urls = &url, .n = 1 };
	c->engine = engine;
}

static struct osc_load_result result;

static int try_load(const struct osc_load_config *c, struct osc_error *e)
{
	struct osc_load *l;

	*e = (struct osc_error){ 0 };
	if (osc_load_start(c, &l, e))
		fail_msg("%s", e->text);
	return osc_load_finish(l, &result, e);
}

static void load(const struct osc_load_config *c)
{
	struct osc_error e;

	if (try_load(c, &e))
		fail_msg("%s", e.text);
}

/* The first, or both where the kernel has io_uring. */
static unsigned int nr_engines(void)
{
	struct osc_error why = { 0 };

	return osc_ring_check(&why) ? 1 : 2;
}

/*
 * Nobody listens at the first address, at several ports of it: the one that
 * answers is found by the first connection of each thread.
 */
static void connections_are_made_to_the_address_that_answers(void **unused)
{
	(void)unused;
	for (unsigned int engine = 0; engine < nr_engines(); engine++) {
		struct osc_load_config c;
		struct server s;

		start_server(&s);
		aim(&c, engine);
		add_address(&c, "127.0.0.2", s.port);
		add_address(&c, "127.0.0.3", s.port);
		add_address(&c, "127.0.0.1", s.port);
		c.connections = 300;
		c.threads = 3;
		c.requests = 300;
		c.requests_per_connection = 1;
		load(&c);
		stop_server(&s);
		assert_int_equal(result.stats.requests, 300);
		assert_int_equal(osc_failures_total(&result.stats.failures), 0);
		assert_int_equal(result.stats.opened_to[2], 300);
		assert_int_equal(result.addresses.n, 3);
		assert_int_equal(s.accepts, 300);
	}
}

/* The first address is silent: it has its part of the timeout, once. */
static void a_silent_address_has_its_part_of_the_timeout(void **unused)
{
	(void)unused;
	for (unsigned int engine = 0; engine < nr_engines(); engine++) {
		int silent, fillers[4];
		struct osc_load_config c;
		struct sockaddr_in a;
		struct server s;

		start_server(&s);
		/* Its backlog is full. */
		a = address("127.0.0.2", s.port);
		silent = listen_at(&a, 0);
		for (unsigned int i = 0; i < 4; i++) {
			fillers[i] = socket(
				AF_INET,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			assert_true(fillers[i] >= 0);
			(void)connect(fillers[i], (struct sockaddr *)&a,
				      sizeof(a));
		}
		aim(&c, engine);
		add_address(&c, "127.0.0.2", s.port);
		add_address(&c, "127.0.0.1", s.port);
		c.connections = 8;
		c.requests = 40;
		c.requests_per_connection = 1;
		c.timeout_ns = 4 * OSC_NS_PER_S;
		load(&c);
		stop_server(&s);
		close(silent);
		for (unsigned int i = 0; i < 4; i++)
			close(fillers[i]);
		assert_int_equal(result.stats.requests, 40);
		assert_int_equal(osc_failures_total(&result.stats.failures), 0);
		assert_int_equal(result.stats.opened_to[1], 40);
	}
}

/* Of an attempt on all addresses one failure is counted, the last one's. */
static void only_the_last_address_fails(void **unused)
{
	(void)unused;
	for (unsigned int engine = 0; engine < nr_engines(); engine++) {
		struct osc_load_config c;
		struct osc_error e;

		aim(&c, engine);
		add_address(&c, "127.0.0.2", 1);
		/* No route: a socket of ours may not broadcast. */
		add_address(&c, "255.255.255.255", 1);
		c.connections = 8;
		c.requests = 8;
		assert_true(try_load(&c, &e) < 0);
		assert_non_null(
			strstr(e.text, "cannot connect to two.test:80"));
		assert_null(strstr(e.text, "ECONNREFUSED"));
	}
}

/* One connection is served at a time: each ends when it is done. */
static void connections_with_nothing_to_send_are_closed(void **unused)
{
	static const struct {
		uint64_t requests, duration_ns, rate;
		uint32_t threads;
	} rows[] = {
		{ 100, 0, 0, 1 },
		{ 100, 0, 0, 4 },
		{ 0, 200 * OSC_NS_PER_MS, 0, 2 },
		{ 8, 0, 1000, 1 },
	};

	(void)unused;
	for (unsigned int i = 0; i < 4 * nr_engines(); i++) {
		struct osc_load_config c;
		struct server s;

		start_server(&s);
		aim(&c, i / 4);
		add_address(&c, "127.0.0.1", s.port);
		c.connections = 8;
		c.requests = rows[i % 4].requests;
		c.duration_ns = rows[i % 4].duration_ns;
		c.arrivals.rate = rows[i % 4].rate;
		c.threads = rows[i % 4].threads;
		c.timeout_ns = 60 * OSC_NS_PER_S;
		load(&c);
		stop_server(&s);
		assert_int_equal(osc_failures_total(&result.stats.failures), 0);
		assert_int_equal(result.stats.unanswered, 0);
		assert_int_equal(result.stats.unsent, 0);
		if (c.requests)
			assert_int_equal(result.stats.requests, c.requests);
		else
			assert_true(result.stats.requests >= 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			connections_are_made_to_the_address_that_answers),
		cmocka_unit_test(a_silent_address_has_its_part_of_the_timeout),
		cmocka_unit_test(only_the_last_address_fails),
		cmocka_unit_test(connections_with_nothing_to_send_are_closed),
	};

	return cmocka_run_group_tests_name("load_ends", tests, NULL, NULL);
}
