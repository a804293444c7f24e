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

static const char request[] = "GET /bytes/100 HTTP/1.1\r\nHost: a\r\n\r\n";

static int ignore(const struct osc_server_start *start, struct osc_error *e)
{
	(void)start;
	(void)e;
	return 0;
}

/* The server's process; its books go through the pipe when it has ended. */
static void serve(const struct osc_engine *engine, int ready_fd, int books_fd)
{
	struct osc_server_config config;
	struct osc_server_report report;
	struct osc_error e = { 0 };
	ssize_t n;

	osc_server_defaults(&config);
	config.engine = engine;
	config.port = 0;
	config.ready_fd = ready_fd;
	/* Threads also wait for each other's end, and time out. */
	config.max_connections = CLIENTS / 2;
	config.idle_timeout_ns = 50 * OSC_NS_PER_MS;
	if (osc_server_run(&config, ignore, &report, &e)) {
		fprintf(stderr, "%s\n", e.text);
		_exit(OSC_EXIT_FAILED);
	}
	n = write(books_fd, &report.account, sizeof(report.account));
	_exit(n == sizeof(report.account) ? OSC_EXIT_OK : OSC_EXIT_FAILED);
}

static bool ask(int fd)
{
	size_t body = 100, have = 0;
	char answer[1024], *end;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		return false;
	for (;;) {
		ssize_t n =
			recv(fd, answer + have, sizeof(answer) - 1 - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
		answer[have] = '\0';
		end = strstr(answer, "\r\n\r\n");
		if (end && have == (size_t)(end + 4 - answer) + body)
			return !strncmp(answer, "HTTP/1.1 200 ", 13);
	}
}

struct client {
	pthread_t thread;
	uint16_t port;
	unsigned int answered;
};

static void *run_client(void *arg)
{
	struct client *c = arg;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(c->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0)
			return NULL;
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to))) {
			for (int r = 0; r < REQUESTS && ask(fd); r++)
				c->answered++;
		}
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

static uint16_t read_port(int fd)
{
	char text[16];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_true(n > 0);
	text[n] = '\0';
	return (uint16_t)atoi(text);
}

static void try_engine(const struct osc_engine *engine)
{
	struct osc_account_snapshot books;
	const uint64_t *v = books.value;
	int ready[2], book[2], status;
	unsigned int answered;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(book), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		serve(engine, ready[1], book[1]);
	close(ready[1]);
	close(book[1]);
	answered = run_clients(read_port(ready[0]));
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(book[0], &books, sizeof(books)), sizeof(books));
	close(ready[0]);
	close(book[0]);

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
		cmocka_unit_test(
			every_model_serves_concurrent_clients_and_ends),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
