// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bare_client - the bound that load generators are measured beside: a wait, a
 * write of a fixed request and a read per answer, on keep-alive connections in
 * one epoll loop, with no parsing, no clock and no histogram.
 * `bare_client PORT CONNECTIONS SECONDS` prints the answers and the nanoseconds.
 * One read is taken for one answer, which holds for short ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 512

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static char input[1 << 16];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void ask(int fd)
{
	if (write(fd, request, sizeof(request) - 1) != sizeof(request) - 1) {
		perror("bare_client: write");
		exit(1);
	}
}

static void open_one(int set, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
		perror("bare_client: connect");
		exit(1);
	}
	e.data.fd = fd;
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
	ask(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t answers = 0, start, end;
	int set = epoll_create1(0);

	if (argc != 4) {
		fprintf(stderr,
			"Usage: bare_client PORT CONNECTIONS SECONDS\n");
		return 2;
	}
	for (int i = atoi(argv[2]); i; i--)
		open_one(set, (uint16_t)atoi(argv[1]));
	start = now_ns();
	end = start + (uint64_t)(atof(argv[3]) * 1e9);
	while (now_ns() < end) {
		int nr = epoll_wait(set, events, EVENTS_MAX, 100);

		for (int i = 0; i < nr; i++) {
			if (read(events[i].data.fd, input, sizeof(input)) <=
			    0) {
				perror("bare_client: read");
				return 1;
			}
			answers++;
			ask(events[i].data.fd);
		}
	}
	printf("%" PRIu64 " %" PRIu64 "\n", answers, now_ns() - start);
	return 0;
}
