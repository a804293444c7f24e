// SPDX-License-Identifier: GPL-2.0-or-later
/* The load generator against a server whose faults are known. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/ring.h"
#include "load/load.h"
#include "load/loop.h"
#include "load/outcome.h"
#include "load/response.h"
#include "load/series.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

/* Every connection has its place; one thread serves them all. */
#define PLACES 64

struct fake {
	const char *path; /* of a socket in the file system; NULL: a port */
	int listener;
	uint16_t port;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint accepts, requests;
	unsigned int letters[3]; /* requests for /a…, /b… and /c… */
	/* Faults, in requests since the start; 0: none. */
	unsigned int stall_at, close_at, cut_at, mute_from;
	unsigned int close_all; /* every connection, before its answer */
	unsigned int stall_ms;
	unsigned int late_ms; /* takes nobody in, and has no backlog */
	const char *answer;
	struct pollfd fds[PLACES + 1];
	unsigned int newlines[PLACES + 1];
};

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
			       .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* False when the connection is to be closed. */
static bool answer(struct fake *f, int fd)
{
	unsigned int nth = atomic_fetch_add(&f->requests, 1) + 1;
	const char *text = f->answer ? f->answer : ANSWER;
	size_t size = strlen(text);

	if (nth == f->stall_at)
		sleep_ms(f->stall_ms);
	if (nth == f->close_at || f->close_all)
		return false;
	if (f->mute_from && nth >= f->mute_from)
		return true;
	if (nth == f->cut_at)
		size--;
	if (send(fd, text, size, MSG_NOSIGNAL) != (ssize_t)size)
		return false;
	return nth != f->cut_at;
}

/* A short request is sent at once, and so comes whole. */
static void count_letters(struct fake *f, const char *text)
{
	while ((text = strstr(text, "GET /"))) {
		text += strlen("GET /");
		if (*text >= 'a' && *text <= 'c')
			f->letters[*text - 'a']++;
	}
}

/* A request ends with an empty line: "\r\n\r\n" in whatever pieces. */
static bool serve(struct fake *f, unsigned int place)
{
	int fd = f->fds[place].fd;
	bool closes = false;
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	closes = strstr(text, "Connection: close");
	count_letters(f, text);
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] == '\r')
			continue;
		f->newlines[place] = text[i] == '\n' ? f->newlines[place] + 1 :
						       0;
		if (f->newlines[place] < 2)
			continue;
		f->newlines[place] = 0;
		if (!answer(f, fd))
			return false;
	}
	return !closes;
}

static void take_connection(struct fake *f)
{
	int fd = accept(f->listener, NULL, NULL);

	for (unsigned int i = 1; i <= PLACES && fd >= 0; i++) {
		if (f->fds[i].fd >= 0)
			continue;
		f->fds[i].fd = fd;
		f->newlines[i] = 0;
		atomic_fetch_add(&f->accepts, 1);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void *run_fake(void *arg)
{
	struct fake *f = arg;

	sleep_ms(f->late_ms);
	while (!atomic_load(&f->stop)) {
		if (poll(f->fds, PLACES + 1, 20) <= 0)
			continue;
		for (unsigned int i = 1; i <= PLACES; i++) {
			if (f->fds[i].fd < 0 || !f->fds[i].revents)
				continue;
			if (!serve(f, i)) {
				close(f->fds[i].fd);
				f->fds[i].fd = -1;
			}
		}
		if (f->fds[0].revents)
			take_connection(f);
	}
	for (unsigned int i = 0; i <= PLACES; i++) {
		if (f->fds[i].fd >= 0)
			close(f->fds[i].fd);
	}
	return NULL;
}

static void listen_at_path(struct fake *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)),
			 0);
	assert_int_equal(listen(f->listener, f->late_ms ? 0 : 128), 0);
}

static void listen_at_port(struct fake *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);

	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(f->listener, 128), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &size),
			 0);
	f->port = ntohs(a.sin_port);
}

static void start_fake(struct fake *f)
{
	if (f->path)
		listen_at_path(f);
	else
		listen_at_port(f);
	for (unsigned int i = 0; i <= PLACES; i++)
		f->fds[i] = (struct pollfd){ .fd = i ? -1 : f->listener,
					     .events = POLLIN };
	assert_int_equal(pthread_create(&f->thread, NULL, run_fake, f), 0);
}

static void stop_fake(struct fake *f)
{
	atomic_store(&f->stop, true);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
}

static void aim(struct osc_load_config *c, uint16_t port)
{
	static struct osc_url url;
	char text[64];

	osc_load_defaults(c);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u/",
		 (unsigned int)port);
	assert_int_equal(osc_url_parse(text, &url, NULL), 0);
	c->mix = (struct osc_mix){ .urls = &url, .n = 1 };
	c->connections = 8;
}

static struct osc_load_result result;
/* A slice, and the sum of all of a load. */
static struct osc_load_interval now, all;

static void collect(struct osc_load *load)
{
	osc_load_collect(load, &now);
	osc_load_interval_add(&all, &now);
	osc_load_so_far(load);
}

/* Waits for the end as the command does: looking on. */
static void await_end(struct osc_load *load)
{
	struct pollfd fd = { .fd = osc_load_fd(load), .events = POLLIN };

	osc_load_stats_init(&all.stats);
	for (int tries = 0; tries < 6000; tries++) {
		if (poll(&fd, 1, 10) == 1) {
			osc_load_wait(load);
			collect(load);
			return;
		}
		collect(load);
	}
	fail_msg("the load does not end");
}

static void load(const struct osc_load_config *c)
{
	struct osc_error e = { 0 };
	struct osc_load *l;

	if (osc_load_start(c, &l, &e))
		fail_msg("%s", e.text);
	await_end(l);
	if (osc_load_finish(l, &result, &e))
		fail_msg("%s", e.text);
}

/* A fake server, and a load aimed at it. */
static void attend(struct fake *f, struct osc_load_config *c)
{
	start_fake(f);
	aim(c, f->port);
}

/* After which the server is not needed any more. */
static void load_all(struct fake *f, const struct osc_load_config *c)
{
	load(c);
	stop_fake(f);
}

static uint64_t failed(enum osc_load_phase phase, int code)
{
	const struct osc_failures *f = &result.stats.failures;

	for (unsigned int i = 0; i < f->n; i++) {
		if (f->rows[i].phase == phase && f->rows[i].code == code)
			return f->rows[i].count;
	}
	return 0;
}

/* The run is what its intervals are, to the last slot. */
static void intervals_add_up(void)
{
	const struct osc_load_stats *r = &result.stats, *i = &all.stats;

	assert_int_equal(i->requests, r->requests);
	assert_int_equal(i->warmup_requests, r->warmup_requests);
	assert_int_equal(i->bytes, r->bytes);
	assert_int_equal(i->attempts, r->attempts);
	assert_int_equal(i->connections_opened, r->connections_opened);
	assert_int_equal(osc_failures_total(&i->failures),
			 osc_failures_total(&r->failures));
	assert_memory_equal(&i->latency, &r->latency, sizeof(r->latency));
	assert_memory_equal(&i->service, &r->service, sizeof(r->service));
	assert_memory_equal(&i->connect, &r->connect, sizeof(r->connect));
	assert_memory_equal(&i->lag, &r->lag, sizeof(r->lag));
	assert_int_equal(r->latency.count, r->requests);
}

static void counts_are_those_of_the_server(void **unused)
{
	static const struct {
		uint32_t threads, pipeline, per_connection;
		uint64_t requests, rate;
	} rows[] = {
		{ 1, 1, 0, 1000, 0 },	 { 3, 1, 0, 1001, 0 },
		{ 2, 1, 1, 501, 0 },	 { 1, 7, 0, 1003, 0 },
		{ 2, 5, 13, 1001, 0 },	 { 2, 1, 0, 1001, 20000 },
		{ 1, 4, 1, 300, 20000 }, { 2, 3, 10, 1000, 20000 },
		{ 1, 16, 3, 1000, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = { 0 };
		struct osc_load_config c;

		attend(&f, &c);
		c.threads = rows[i].threads;
		c.pipeline = rows[i].pipeline;
		c.requests_per_connection = rows[i].per_connection;
		c.requests = rows[i].requests;
		c.arrivals.rate = rows[i].rate;
		c.slice_ns = 10 * OSC_NS_PER_MS;
		load_all(&f, &c);
		assert_int_equal(osc_failures_total(&result.stats.failures), 0);
		assert_int_equal(result.stats.requests, c.requests);
		assert_int_equal(result.stats.latency.count, c.requests);
		assert_int_equal(result.stats.unsent, 0);
		assert_int_equal(atomic_load(&f.requests), c.requests);
		assert_int_equal(result.stats.connections_opened,
				 atomic_load(&f.accepts));
		intervals_add_up();
		if (rows[i].per_connection == 1)
			assert_int_equal(atomic_load(&f.accepts), c.requests);
	}
}

/* Errors too; whether somebody looks on, and how often, changes nothing. */
static void nothing_is_lost_between_intervals(void **unused)
{
	static const uint64_t slices[] = { 0, OSC_NS_PER_MS,
					   3600 * OSC_NS_PER_S };

	(void)unused;
	for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
		struct fake f = { .close_at = 500 };
		struct osc_load_config c;

		attend(&f, &c);
		c.threads = 2;
		c.requests = 3000;
		c.slice_ns = slices[i];
		load_all(&f, &c);
		assert_int_equal(result.stats.requests, 2999);
		assert_int_equal(failed(OSC_LOAD_READ, 0), 1);
		assert_int_equal(atomic_load(&f.requests), 3000);
		intervals_add_up();
	}
}

/*
 * A server that stops for a while: all that were due meanwhile have waited,
 * and only the one it was at was served slowly.
 */
static void a_stall_is_felt_by_all_that_were_due(void **unused)
{
	struct fake f = { .stall_at = 100, .stall_ms = 400 };
	struct osc_load_config c;
	uint64_t waited = 0, slow = 0;

	(void)unused;
	attend(&f, &c);
	c.connections = 1;
	c.arrivals.rate = 500;
	c.requests = 1000;
	load_all(&f, &c);
	for (unsigned int i = 0; i < OSC_HIST_NR; i++) {
		if (osc_hist_lower(i, OSC_HIST_SUB_BITS) < 200000000)
			continue;
		waited += result.stats.latency.slots[i];
		slow += result.stats.service.slots[i];
	}
	assert_int_equal(result.stats.requests, 1000);
	/* Some 100 were due in the first 200 ms of the 400. */
	assert_true(slow >= 1);
	assert_true(waited >= 20 * slow);
}

static void early_closes_are_errors_of_reading(void **unused)
{
	struct fake f = { .close_at = 50 };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.requests = 200;
	load_all(&f, &c);
	assert_int_equal(failed(OSC_LOAD_READ, 0), 1);
	assert_int_equal(result.stats.requests, 199);
	assert_int_equal(atomic_load(&f.requests), 200);
}

static void cut_answers_are_errors_of_parsing(void **unused)
{
	struct fake f = { .cut_at = 50 };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.requests = 200;
	load_all(&f, &c);
	assert_int_equal(failed(OSC_LOAD_PARSE, OSC_RESPONSE_TRUNCATED), 1);
	assert_int_equal(result.stats.requests, 199);
}

static void answers_nobody_asked_for_are_errors(void **unused)
{
	struct fake f = { .answer = ANSWER ANSWER };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.requests = 8;
	load_all(&f, &c);
	assert_true(osc_failures_total(&result.stats.failures) > 0);
	assert_int_equal(result.validity.verdict, OSC_INVALID);
}

static void silence_ends_at_the_timeout(void **unused)
{
	struct fake f = { .mute_from = 90 };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.requests = 100;
	c.timeout_ns = 100 * OSC_NS_PER_MS;
	load_all(&f, &c);
	assert_int_equal(failed(OSC_LOAD_TIMEOUT, OSC_TIMEOUT_RESPONSE), 11);
	assert_int_equal(result.stats.requests, 89);
	assert_int_equal(atomic_load(&f.requests), 100);
}

/* Neither a busy loop nor an endless one. */
static void a_server_that_only_closes_is_not_hammered(void **unused)
{
	struct fake f = { .close_all = 1 };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.duration_ns = 500 * OSC_NS_PER_MS;
	load_all(&f, &c);
	/* 10, 30, 70, 150, 310 ms: six times each, if it is that quick. */
	assert_in_range(atomic_load(&f.accepts), 8, 6 * 8);
	assert_int_equal(result.stats.requests, 0);
	assert_int_equal(result.validity.verdict, OSC_INVALID);
}

static void nobody_listening_is_a_failure_to_connect(void **unused)
{
	struct fake f = { 0 };
	struct osc_load_config c;
	struct osc_error e = { 0 };
	struct osc_load *l;

	(void)unused;
	start_fake(&f);
	stop_fake(&f);
	aim(&c, f.port);
	c.duration_ns = 60 * OSC_NS_PER_S;
	assert_int_equal(osc_load_start(&c, &l, &e), 0);
	await_end(l);
	assert_int_equal(osc_load_finish(l, &result, &e), -ENOTCONN);
	assert_non_null(strstr(e.text, "ECONNREFUSED"));
}

/* A thread whose first attempt comes late has not waited since the start. */
static void the_wait_for_a_server_begins_with_a_refusal(void **unused)
{
	static const struct osc_load_config config = {
		.timeout_ns = 10 * OSC_NS_PER_S
	};
	const uint64_t ms = OSC_NS_PER_MS, late = 3600 * OSC_NS_PER_S;
	atomic_bool found = false;
	struct osc_loop l = { .config = &config,
			      .found = &found,
			      .refused_ns = UINT64_MAX,
			      .end_ns = UINT64_MAX };

	(void)unused;
	assert_false(osc_loop_hopeless(&l, late));
	l.connect_error = ECONNREFUSED;
	assert_false(osc_loop_hopeless(&l, late));
	assert_false(osc_loop_hopeless(&l, late + 250 * ms));
	assert_true(osc_loop_hopeless(&l, late + 251 * ms));
	/* Another thread was let in: it is there, and may come back. */
	atomic_store(&found, true);
	assert_false(osc_loop_hopeless(&l, late + 251 * ms));
	assert_false(osc_loop_hopeless(&l, late + 10000 * ms));
	assert_true(osc_loop_hopeless(&l, late + 10001 * ms));
	/* An answer on another connection says that it lives. */
	l.last_success_ns = late + 5000 * ms;
	assert_false(osc_loop_hopeless(&l, late + 15000 * ms));
	assert_true(osc_loop_hopeless(&l, late + 15001 * ms));
	/* A run that ends by itself is not given up. */
	l.end_ns = 2 * late;
	assert_false(osc_loop_hopeless(&l, late + 15001 * ms));
	/* Let in, and refused again: from then on. */
	l.end_ns = UINT64_MAX;
	l.connect_error = 0;
	assert_false(osc_loop_hopeless(&l, late + 20000 * ms));
	l.connect_error = ECONNREFUSED;
	assert_false(osc_loop_hopeless(&l, late + 30000 * ms));
	assert_false(osc_loop_hopeless(&l, late + 40000 * ms));
	assert_true(osc_loop_hopeless(&l, late + 40001 * ms));
}

/* It is not to be found when the second thread comes, a second later. */
static void
a_thread_does_not_give_up_a_server_that_others_reached(void **unused)
{
	char dir[] = "/tmp/osc-test-load-XXXXXX", path[64], away[64];
	struct fake f = { .path = path };
	struct osc_load_config c;
	struct osc_error e = { 0 };
	struct osc_load *l;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(away, sizeof(away), "%s/away", dir);
	start_fake(&f);
	aim(&c, 1);
	c.unix_path = path;
	c.threads = c.connections = 2;
	c.openings.rate = 1;
	c.requests = 20;
	c.timeout_ns = 60 * OSC_NS_PER_S;
	c.slice_ns = 10 * OSC_NS_PER_MS;
	assert_int_equal(osc_load_start(&c, &l, &e), 0);
	while (!atomic_load(&f.accepts))
		sleep_ms(1);
	assert_int_equal(rename(path, away), 0);
	osc_load_stats_init(&all.stats);
	for (int tries = 0; tries < 6000 && !all.stats.failures.n; tries++) {
		struct pollfd fd = { .fd = osc_load_fd(l), .events = POLLIN };

		if (poll(&fd, 1, 10) == 1)
			break;
		collect(l);
	}
	/* Longer than it may be away at the start. */
	sleep_ms(400);
	assert_int_equal(rename(away, path), 0);
	await_end(l);
	assert_int_equal(osc_load_finish(l, &result, &e), 0);
	stop_fake(&f);
	unlink(path);
	rmdir(dir);
	assert_false(result.stats.gave_up);
	assert_int_equal(result.stats.requests, 20);
}

/* connect() says EAGAIN then, where TCP says nothing. */
static void a_full_backlog_is_waited_for(void **unused)
{
	char dir[] = "/tmp/osc-test-load-XXXXXX", path[64];
	struct fake f = { .path = path, .late_ms = 100 };
	struct osc_load_config c;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	start_fake(&f);
	aim(&c, 1);
	c.unix_path = path;
	c.connections = 32;
	c.requests = 320;
	c.timeout_ns = 60 * OSC_NS_PER_S;
	load(&c);
	assert_int_equal(osc_failures_total(&result.stats.failures), 0);
	assert_int_equal(result.stats.requests, 320);
	assert_int_equal(result.stats.connections_opened, 32);
	stop_fake(&f);
	/* It has an end: here nobody takes them in, ever. */
	unlink(path);
	listen_at_path(&f);
	c.timeout_ns = 100 * OSC_NS_PER_MS;
	c.requests = 0;
	c.duration_ns = 500 * OSC_NS_PER_MS;
	load(&c);
	close(f.listener);
	unlink(path);
	rmdir(dir);
	assert_true(failed(OSC_LOAD_TIMEOUT, OSC_TIMEOUT_CONNECT) > 0);
}

static void ask_for(struct osc_load_config *c, const char *slo)
{
	assert_int_equal(osc_slo_parse(slo, &c->slos[c->nr_slos++], NULL), 0);
}

/* They come at once, and are counted once. */
static void wrong_answers_are_not_served_in_time(void **unused)
{
	struct fake f = { .answer = "HTTP/1.1 404 Not Found\r\n"
				    "Content-Length: 0\r\n\r\n" };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.requests = 200;
	ask_for(&c, "p1=3600s");
	load(&c);
	assert_int_equal(result.stats.missed, 200);
	assert_int_equal(result.stats.requests, 200);
	assert_int_equal(result.stats.latency.count, 200);
	assert_int_equal(result.slo_ns[0], UINT64_MAX);
	assert_false(result.slos_met);
	c.expect_status = 404;
	load_all(&f, &c);
	assert_int_equal(result.stats.missed, 0);
	assert_true(result.slos_met);
}

/* Of 60 requests 40 are meant to start in the warm-up of 400 ms. */
static void failures_of_the_warm_up_are_not_held_against_it(void **unused)
{
	static const struct {
		unsigned int close_at;
		uint64_t missed;
	} rows[] = { { 5, 0 }, { 39, 0 }, { 42, 1 }, { 60, 1 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = { .close_at = rows[i].close_at };
		struct osc_load_config c;

		attend(&f, &c);
		/* In their order, one at a time. */
		c.connections = 1;
		c.arrivals.rate = 100;
		c.requests = 60;
		c.warmup_ns = 400 * OSC_NS_PER_MS;
		ask_for(&c, "max=3600s");
		load_all(&f, &c);
		assert_int_equal(osc_failures_total(&result.stats.failures), 1);
		assert_int_equal(result.stats.missed, rows[i].missed);
		assert_int_equal(result.stats.requests, 20 - rows[i].missed);
		assert_int_equal(result.slos_met, !rows[i].missed);
	}
}

/* The host's TCP says nothing of who uses none. */
static void what_tcp_sent_again_is_no_unix_sockets(void **unused)
{
	static const char *const paths[] = { NULL, "/a/socket" };
	struct osc_load_config c;

	(void)unused;
	osc_load_defaults(&c);
	for (int i = 0; i < 2; i++) {
		struct osc_load_result r = {
			.config = &c,
			.host = { .segments_sent = 100, .retransmits = 50 },
		};
		unsigned int again = 0;

		c.unix_path = paths[i];
		osc_load_stats_init(&r.stats);
		osc_load_judge(&r, 1);
		for (unsigned int k = 0; k < r.validity.n; k++)
			again += strstr(r.validity.why[k], "again") != NULL;
		assert_int_equal(again, !paths[i]);
		osc_load_result_free(&r);
	}
}

static void what_a_stop_leaves_is_counted(void **unused)
{
	struct fake f = { .mute_from = 20 };
	struct osc_load_config c;
	struct osc_error e = { 0 };
	struct osc_load *l;

	(void)unused;
	attend(&f, &c);
	c.requests = 100;
	c.threads = 2;
	c.slice_ns = 10 * OSC_NS_PER_MS;
	assert_int_equal(osc_load_start(&c, &l, &e), 0);
	while (atomic_load(&f.requests) < 19 + 8)
		sleep_ms(1);
	osc_load_stop(l);
	await_end(l);
	assert_int_equal(osc_load_finish(l, &result, &e), 0);
	stop_fake(&f);
	assert_true(result.partial);
	assert_int_equal(result.stats.requests, 19);
	assert_int_equal(result.stats.unanswered, 8);
	assert_int_equal(result.stats.missed, 8);
}

static void the_open_loop_counts_what_it_could_not_send(void **unused)
{
	struct fake f = { .mute_from = 1 };
	struct osc_load_config c;

	(void)unused;
	attend(&f, &c);
	c.connections = 1;
	c.arrivals.rate = 1000;
	c.duration_ns = 200 * OSC_NS_PER_MS;
	/* Far beyond the moment at which the others are given up. */
	c.timeout_ns = OSC_NS_PER_S;
	load_all(&f, &c);
	/* 200 were due: one waits for ever, the others never had their turn. */
	assert_int_equal(result.stats.attempts + result.stats.unsent, 200);
	assert_int_equal(result.stats.attempts, 1);
	assert_int_equal(result.stats.missed, 200);
	assert_int_equal(result.validity.verdict, OSC_INVALID);
}

/* Writes down the letter that each request is for, of one client at a time. */
struct scribe {
	struct fake fake;
	unsigned int expected, n;
	char letters[1024];
};

/* All requests that lie there whole; returns how many bytes they have. */
static size_t write_down(struct scribe *s, int fd, char *text, bool *closes)
{
	char *at = text, *end;

	while ((end = strstr(at, "\r\n\r\n"))) {
		char letter = at[strlen("GET /")];
		const char *what = letter == 'c' ? "HTTP/1.1 404 No\r\n"
						   "Content-Length: 0\r\n\r\n" :
						   ANSWER;

		*end = '\0';
		*closes = strstr(at, "Connection: close");
		s->letters[s->n++] = letter;
		at = end + 4;
		if (send(fd, what, strlen(what), MSG_NOSIGNAL) < 0)
			break;
	}
	return (size_t)(at - text);
}

static void *run_scribe(void *arg)
{
	struct scribe *s = arg;

	while (s->n < s->expected) {
		int fd = accept(s->fake.listener, NULL, NULL);
		char text[8192];
		size_t have = 0, used;
		bool closes = false;
		ssize_t r;

		while (!closes && s->n < s->expected &&
		       (r = recv(fd, text + have, sizeof(text) - 1 - have, 0)) >
			       0) {
			have += (size_t)r;
			text[have] = '\0';
			used = write_down(s, fd, text, &closes);
			memmove(text, text + used, have - used);
			have -= used;
		}
		close(fd);
	}
	return NULL;
}

/* Where it is written when three are asked by these weights. */
static void several_urls(struct osc_load_config *c, struct osc_url urls[3],
			 uint16_t port)
{
	char text[64];

	aim(c, port);
	for (unsigned int i = 0; i < 3; i++) {
		/* Of different lengths, so that no offset is right by luck. */
		snprintf(text, sizeof(text), "http://127.0.0.1:%u/%c%.*s",
			 (unsigned int)port, 'a' + (int)i, (int)(7 * i),
			 "????????????????????");
		assert_int_equal(osc_url_parse(text, &urls[i], NULL), 0);
	}
	c->mix = (struct osc_mix){
		.urls = urls, .n = 3, .weights = { 5, 3, 2 }, .nr_weights = 3
	};
}

static void urls_are_asked_in_the_order_of_their_weights(void **unused)
{
	static const struct {
		enum osc_load_engine engine;
		uint32_t pipeline, per_connection;
		uint64_t rate;
	} rows[] = {
		{ OSC_LOAD_EPOLL, 1, 0, 0 },   { OSC_LOAD_EPOLL, 1, 1, 0 },
		{ OSC_LOAD_EPOLL, 7, 0, 0 },   { OSC_LOAD_EPOLL, 16, 23, 0 },
		{ OSC_LOAD_EPOLL, 4, 3, 0 },   { OSC_LOAD_EPOLL, 4, 0, 5000 },
		{ OSC_LOAD_URING, 1, 0, 0 },   { OSC_LOAD_URING, 1, 1, 0 },
		{ OSC_LOAD_URING, 16, 23, 0 }, { OSC_LOAD_URING, 4, 3, 5000 },
	};
	struct osc_error e = { 0 };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scribe s = { .expected = 200 };
		uint8_t order[OSC_MIX_TURNS];
		struct osc_load_config c;
		struct osc_url urls[3];

		if (rows[i].engine == OSC_LOAD_URING && osc_ring_check(&e))
			continue;
		listen_at_port(&s.fake);
		several_urls(&c, urls, s.fake.port);
		c.engine = rows[i].engine;
		c.pipeline = rows[i].pipeline;
		c.requests_per_connection = rows[i].per_connection;
		c.arrivals.rate = rows[i].rate;
		c.connections = 1;
		c.requests = s.expected;
		assert_int_equal(pthread_create(&s.fake.thread, NULL,
						run_scribe, &s),
				 0);
		load(&c);
		assert_int_equal(pthread_join(s.fake.thread, NULL), 0);
		close(s.fake.listener);
		assert_int_equal(osc_mix_order(&c.mix, order), 10);
		for (unsigned int n = 0; n < s.expected; n++)
			assert_int_equal(s.letters[n], order[n % 10] + 'a');
		osc_load_result_free(&result);
	}
}

/* Of all threads and connections, whatever becomes of the last round. */
static void urls_have_their_share_of_the_requests(void **unused)
{
	static const struct {
		uint32_t threads, per_connection;
		uint64_t requests, rate, share[3];
	} rows[] = {
		{ 1, 0, 1000, 0, { 500, 300, 200 } },
		{ 3, 0, 1000, 0, { 500, 300, 200 } },
		{ 3, 0, 1004, 0, { 502, 301, 201 } },
		{ 3, 1, 500, 0, { 250, 150, 100 } },
		{ 2, 3, 500, 20000, { 250, 150, 100 } },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake f = { .answer = "HTTP/1.1 404 No\r\n"
					    "Content-Length: 0\r\n\r\n" };
		struct osc_load_config c;
		struct osc_url urls[3];

		start_fake(&f);
		several_urls(&c, urls, f.port);
		c.threads = rows[i].threads;
		c.requests_per_connection = rows[i].per_connection;
		c.requests = rows[i].requests;
		c.arrivals.rate = rows[i].rate;
		c.slice_ns = 10 * OSC_NS_PER_MS;
		load_all(&f, &c);
		intervals_add_up();
		assert_int_equal(result.stats.nr_urls, 3);
		for (unsigned int u = 0; u < 3; u++) {
			const struct osc_load_url_stats *url =
				&result.stats.urls[u];

			assert_int_equal(url->requests, rows[i].share[u]);
			assert_int_equal(url->latency.count, url->requests);
			assert_int_equal(url->service.count, url->requests);
			assert_int_equal(osc_failures_total(&url->failures),
					 url->requests);
		}
		osc_load_result_free(&result);
	}
}

/* Busy connections keep to the order each by itself. */
static void answers_are_booked_to_the_url_that_was_asked(void **unused)
{
	static const uint32_t per_connection[] = { 0, 7 };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct fake f = { 0 };
		struct osc_load_config c;
		struct osc_url urls[3];

		start_fake(&f);
		several_urls(&c, urls, f.port);
		c.pipeline = 4;
		c.requests_per_connection = per_connection[i];
		c.requests = 2000;
		load_all(&f, &c);
		assert_int_equal(result.stats.requests, 2000);
		for (unsigned int u = 0; u < 3; u++)
			assert_int_equal(result.stats.urls[u].requests,
					 f.letters[u]);
		/* By some for each of 8 connections, as their last round ends. */
		assert_true(abs((int)f.letters[0] - 1000) <= 8 * 3);
		osc_load_result_free(&result);
	}
}

/* What broke is of the URL that was on its way, also of those behind it. */
static void failures_are_of_the_urls_that_failed(void **unused)
{
	/* The fourth is never answered, nor are the three sent behind it. */
	struct fake f = { .close_at = 4 };
	struct osc_load_config c;
	struct osc_url urls[3];
	uint64_t failures[3];

	(void)unused;
	start_fake(&f);
	several_urls(&c, urls, f.port);
	c.connections = 1;
	c.pipeline = 4;
	c.requests = 100;
	load_all(&f, &c);
	for (unsigned int u = 0; u < 3; u++)
		failures[u] =
			osc_failures_total(&result.stats.urls[u].failures);
	assert_int_equal(failures[0] + failures[1] + failures[2],
			 osc_failures_total(&result.stats.failures));
	assert_true(failures[0] + failures[1] + failures[2] > 0);
	for (unsigned int u = 0; u < 3; u++) {
		static const unsigned int share[] = { 50, 30, 20 };

		assert_int_equal(result.stats.urls[u].requests + failures[u],
				 share[u]);
	}
	osc_load_result_free(&result);
}

/* One connection of two requests with long bodies, and what it brought. */
struct early {
	struct fake fake;
	size_t expected;
	char *got;
	size_t size;
};

static void *answer_early(void *arg)
{
	struct early *s = arg;
	int fd = accept(s->fake.listener, NULL, NULL);
	size_t n = strlen(ANSWER);
	bool first = true;
	ssize_t r;

	while (s->size < s->expected &&
	       (r = recv(fd, s->got + s->size, s->expected - s->size, 0)) > 0) {
		s->size += (size_t)r;
		if (first && send(fd, ANSWER, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		/* Time to ask again before the rest of the first has left. */
		if (first)
			sleep_ms(300);
		first = false;
	}
	if (send(fd, ANSWER, n, MSG_NOSIGNAL) < 0)
		s->size = 0;
	close(fd);
	return NULL;
}

#define EARLY_BODY (8u << 20)
#define EARLY_HEAD                                  \
	"POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n" \
	"Content-Length: %u\r\n\r\n"

static void an_answer_before_its_request_has_left_spoils_nothing(void **unused)
{
	static const enum osc_load_engine engines[] = { OSC_LOAD_EPOLL,
							OSC_LOAD_URING };
	struct osc_error e = { 0 };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct early s = { 0 };
		struct osc_load_config c;
		char head[128];
		size_t one;

		if (engines[i] == OSC_LOAD_URING && osc_ring_check(&e))
			continue;
		listen_at_port(&s.fake);
		aim(&c, s.fake.port);
		c.engine = engines[i];
		c.method = "POST";
		c.body = memset(malloc(EARLY_BODY), 'b', EARLY_BODY);
		c.body_len = EARLY_BODY;
		c.connections = 1;
		c.requests = 2;
		one = EARLY_BODY +
		      (size_t)snprintf(head, sizeof(head), EARLY_HEAD,
				       (unsigned int)s.fake.port, EARLY_BODY);
		s.expected = 2 * one;
		s.got = calloc(1, s.expected);
		assert_int_equal(pthread_create(&s.fake.thread, NULL,
						answer_early, &s),
				 0);
		load(&c);
		assert_int_equal(pthread_join(s.fake.thread, NULL), 0);
		close(s.fake.listener);
		assert_int_equal(result.stats.requests, 2);
		assert_int_equal(s.size, s.expected);
		for (size_t at = 0; at < s.expected; at += one) {
			assert_memory_equal(s.got + at, head, strlen(head));
			assert_memory_equal(s.got + at + strlen(head), c.body,
					    EARLY_BODY);
		}
		free(s.got);
		free((char *)c.body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_those_of_the_server),
		cmocka_unit_test(nothing_is_lost_between_intervals),
		cmocka_unit_test(a_stall_is_felt_by_all_that_were_due),
		cmocka_unit_test(early_closes_are_errors_of_reading),
		cmocka_unit_test(cut_answers_are_errors_of_parsing),
		cmocka_unit_test(answers_nobody_asked_for_are_errors),
		cmocka_unit_test(silence_ends_at_the_timeout),
		cmocka_unit_test(a_server_that_only_closes_is_not_hammered),
		cmocka_unit_test(nobody_listening_is_a_failure_to_connect),
		cmocka_unit_test(the_wait_for_a_server_begins_with_a_refusal),
		cmocka_unit_test(
			a_thread_does_not_give_up_a_server_that_others_reached),
		cmocka_unit_test(a_full_backlog_is_waited_for),
		cmocka_unit_test(wrong_answers_are_not_served_in_time),
		cmocka_unit_test(
			failures_of_the_warm_up_are_not_held_against_it),
		cmocka_unit_test(what_tcp_sent_again_is_no_unix_sockets),
		cmocka_unit_test(what_a_stop_leaves_is_counted),
		cmocka_unit_test(the_open_loop_counts_what_it_could_not_send),
		cmocka_unit_test(urls_are_asked_in_the_order_of_their_weights),
		cmocka_unit_test(urls_have_their_share_of_the_requests),
		cmocka_unit_test(answers_are_booked_to_the_url_that_was_asked),
		cmocka_unit_test(failures_are_of_the_urls_that_failed),
		cmocka_unit_test(
			an_answer_before_its_request_has_left_spoils_nothing),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
