// SPDX-License-Identifier: GPL-2.0-or-later
/* A whole server of each model, with clients that come, ask and go at once, and
 * a stop in between: what ThreadSanitizer is to see. A worker it ends counts as
 * a death.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/engine.h"
#include "servers/server.h"

#define CLIENTS 8
#define CONNECTIONS 20
#define REQUESTS 10

/* Clients that go away, of which each asks for so much CPU time. */
#define GONE 40
#define GONE_WORK_MS 250

static const char request[] = "GET /bytes/100 HTTP/1.1\r\nHost: a\r\n\r\n";

static int ignore(const struct osc_server_start *start, struct osc_error *e)
{
	(void)start;
	(void)e;
	return 0;
}

/* A server in a process of its own. Its books come through a pipe at its end. */
struct server {
	pid_t pid; /* of its group, too */
	uint16_t port;
	int books_fd;
};

static void serve(const struct osc_server_config *config, int books_fd)
{
	struct osc_server_report report;
	struct osc_error e = { 0 };
	ssize_t n;

	if (osc_server_run(config, ignore, &report, &e)) {
		fprintf(stderr, "%s\n", e.text);
		_exit(OSC_EXIT_FAILED);
	}
	n = write(books_fd, &report.account, sizeof(report.account));
	_exit(n == sizeof(report.account) ? OSC_EXIT_OK : OSC_EXIT_FAILED);
}

static uint16_t read_port(int fd)
{
	char text[16];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return (uint16_t)atoi(text);
}

static struct server start_server(struct osc_server_config *config)
{
	struct server s;
	int ready[2], books[2];

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(books), 0);
	config->port = 0;
	config->ready_fd = ready[1];
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (!s.pid) {
		/* Stopped and continued whole; ends with the test. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(config, books[1]);
	}
	close(ready[1]);
	close(books[1]);
	s.books_fd = books[0];
	s.port = read_port(ready[0]);
	close(ready[0]);
	return s;
}

/* Ends it in order. `usage` is also of its workers. */
static void stop_server(const struct server *s,
			struct osc_account_snapshot *books,
			struct rusage *usage)
{
	int status;

	assert_int_equal(kill(s->pid, SIGTERM), 0);
	assert_int_equal(wait4(s->pid, &status, 0, usage), s->pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(s->books_fd, books, sizeof(*books)),
			 sizeof(*books));
	close(s->books_fd);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || !connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	close(fd);
	return -1;
}

/* 200, with a body of that length; reads no further. */
static bool is_answered(int fd, size_t body)
{
	char answer[1024], *end = NULL;
	size_t have = 0;

	while (!end || have < (size_t)(end + 4 - answer) + body) {
		ssize_t n =
			recv(fd, answer + have, sizeof(answer) - 1 - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
		answer[have] = '\0';
		end = strstr(answer, "\r\n\r\n");
	}
	return have == (size_t)(end + 4 - answer) + body &&
	       !strncmp(answer, "HTTP/1.1 200 ", 13);
}

static bool ask(int fd)
{
	return send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) >= 0 &&
	       is_answered(fd, 100);
}

struct client {
	pthread_t thread;
	uint16_t port;
	unsigned int answered;
};

static void *run_client(void *arg)
{
	struct client *c = arg;

	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = connect_to(c->port);

		if (fd < 0)
			continue;
		for (int r = 0; r < REQUESTS && ask(fd); r++)
			c->answered++;
		/* Every other is left to the server's time limit. */
		if (i % 2 && i > CONNECTIONS - 4) {
			char byte;

			while (recv(fd, &byte, 1, 0) > 0)
				;
		}
		close(fd);
	}
	return NULL;
}

static unsigned int run_clients(uint16_t port)
{
	struct client clients[CLIENTS] = { 0 };
	unsigned int answered = 0;

	for (int i = 0; i < CLIENTS; i++) {
		clients[i].port = port;
		assert_int_equal(pthread_create(&clients[i].thread, NULL,
						run_client, &clients[i]),
				 0);
	}
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
		answered += clients[i].answered;
	}
	return answered;
}

static void try_engine(const struct osc_engine *engine)
{
	struct osc_account_snapshot books;
	const uint64_t *v = books.value;
	struct osc_server_config config;
	unsigned int answered;
	struct server s;

	osc_server_defaults(&config);
	config.engine = engine;
	/* Threads also wait for each other's end, and time out. */
	config.max_connections = CLIENTS / 2;
	config.idle_timeout_ns = 50 * OSC_NS_PER_MS;
	s = start_server(&config);
	answered = run_clients(s.port);
	stop_server(&s, &books, NULL);

	assert_string_equal(books.model, engine->name);
	assert_int_equal(v[OSC_ACCOUNT_WORKER_DEATHS], 0);
	assert_int_equal(v[OSC_ACCOUNT_ACCEPTS], CLIENTS * CONNECTIONS);
	assert_int_equal(v[OSC_ACCOUNT_CLOSES], CLIENTS * CONNECTIONS);
	assert_true(answered >= CLIENTS * CONNECTIONS);
	assert_int_equal(v[OSC_ACCOUNT_REQUESTS], answered);
	assert_int_equal(v[OSC_ACCOUNT_RESPONSES_2XX], answered);
	assert_int_equal(v[OSC_ACCOUNT_FORKS], v[OSC_ACCOUNT_WORKER_EXITS]);
	/* One that closes each itself keeps nobody waiting for it. */
	assert_true(engine->one_at_a_time || v[OSC_ACCOUNT_TIMEOUTS] > 0);
}

static void every_model_serves_concurrent_clients_and_ends(void **state)
{
	(void)state;
	for (const struct osc_engine *m = osc_engines; m->name; m++)
		try_engine(m);
}

static uint64_t cpu_ms(const struct rusage *u)
{
	return (uint64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 +
	       (uint64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

/* The first answer shows that the work behind it has been read as well. */
static int ask_for_work(uint16_t port)
{
	static const char text[] =
		"GET /bytes/100 HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /work/250000 HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = connect_to(port);

	assert_true(fd >= 0);
	assert_true(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) > 0);
	assert_true(is_answered(fd, 100));
	return fd;
}

/* One thread, with far more to do than it would get done in the meantime. */
static void nobody_works_for_who_has_gone(void **state)
{
	static const char work[] = "GET /work/1 HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct linger at_once = { .l_onoff = 1 };
	struct osc_server_config config;
	struct osc_account_snapshot books;
	struct rusage usage;
	struct server s;
	int fds[GONE], fd;

	(void)state;
	osc_server_defaults(&config);
	config.engine = osc_engine_find("epoll-offload");
	config.workers = 1;
	s = start_server(&config);
	for (int i = 0; i < GONE; i++)
		fds[i] = ask_for_work(s.port);
	/* All at once, for the server. */
	assert_int_equal(kill(-s.pid, SIGSTOP), 0);
	for (int i = 0; i < GONE; i++) {
		assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_LINGER,
					    &at_once, sizeof(at_once)),
				 0);
		close(fds[i]);
	}
	assert_int_equal(kill(-s.pid, SIGCONT), 0);
	/* Whoever is there has his turn when those had theirs. */
	fd = connect_to(s.port);
	assert_true(fd >= 0);
	assert_true(send(fd, work, sizeof(work) - 1, MSG_NOSIGNAL) > 0);
	assert_true(is_answered(fd, 13));
	close(fd);
	stop_server(&s, &books, &usage);
	assert_true(cpu_ms(&usage) < GONE * GONE_WORK_MS / 2);
	assert_int_equal(books.value[OSC_ACCOUNT_CLOSES], GONE + 1);
}

static void every_model_is_found_by_its_name(void **state)
{
	(void)state;
	for (const struct osc_engine *m = osc_engines; m->name; m++)
		assert_ptr_equal(osc_engine_find(m->name), m);
	assert_null(osc_engine_find("none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_is_found_by_its_name),
		cmocka_unit_test(nobody_works_for_who_has_gone),
		cmocka_unit_test(
			every_model_serves_concurrent_clients_and_ends),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
