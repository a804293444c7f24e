// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bare - the bounds that servers are measured beside: a wait, a read and a write
 * of a fixed answer, with no parsing and no account. `bare epoll PORT BYTES` is
 * one level-triggered loop, `bare once PORT BYTES` likewise but closes after its
 * answer, and `bare fork PORT BYTES` forks for each connection, which gets one.
 * Each "\r\n\r\n" of a read is answered, so that pipelining can be compared.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_MAX 512
#define PIPELINE_MAX 64

static char input[1 << 16];
static char *answers;
static size_t answer_len;

static void make_answers(size_t body)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nServer: bare\r\n"
				   "Content-Type: text/plain\r\n"
				   "Content-Length: %zu\r\n\r\n";
	size_t head_len = (size_t)snprintf(NULL, 0, head, body);

	answer_len = head_len + body;
	answers = malloc(PIPELINE_MAX * answer_len + 1);
	if (!answers)
		exit(1);
	for (int i = 0; i < PIPELINE_MAX; i++) {
		char *at = answers + (size_t)i * answer_len;

		snprintf(at, head_len + 1, head, body);
		memset(at + head_len, 'x', body);
	}
}

static int open_listener(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4096)) {
		perror("bare: the port");
		exit(1);
	}
	return fd;
}

/* As many as there are ends of heads; at least one, for a head in pieces. */
static size_t requests_in(size_t len)
{
	const char *at = input, *end = input + len;
	size_t n = 0;

	while ((at = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) &&
	       n < PIPELINE_MAX) {
		at += 4;
		n++;
	}
	return n ? n : 1;
}

/* Blocks where the socket does: bodies longer than its buffer are sent whole. */
static bool serve_once(int fd)
{
	ssize_t n = read(fd, input, sizeof(input));
	size_t left, at = 0;

	if (n <= 0)
		return false;
	left = requests_in((size_t)n) * answer_len;
	while (left) {
		n = write(fd, answers + at, left);
		if (n < 0)
			return false;
		at += (size_t)n;
		left -= (size_t)n;
	}
	return true;
}

static void loop(int listener, bool once)
{
	struct epoll_event events[EVENTS_MAX];
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener };
	int set = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int nr = epoll_wait(set, events, EVENTS_MAX, -1);

		for (int i = 0; i < nr; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				if (!serve_once(fd) || once)
					close(fd);
				continue;
			}
			e.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			if (e.data.fd >= 0)
				epoll_ctl(set, EPOLL_CTL_ADD, e.data.fd, &e);
		}
	}
}

static void fork_each(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (!fork()) {
			serve_once(fd);
			_exit(0);
		}
		close(fd);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "Usage: bare epoll|once|fork PORT BYTES\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	make_answers((size_t)atol(argv[3]));
	if (!strcmp(argv[1], "fork"))
		fork_each(open_listener((uint16_t)atoi(argv[2])));
	loop(open_listener((uint16_t)atoi(argv[2])), !strcmp(argv[1], "once"));
}
