// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the shell tests need and no shell can do:
 *
 *	helper storm	fork, fault, switch and epoll until killed
 *	helper events N	N readiness callbacks, and no wakeup
 *	helper wake	a waiter is woken by an event
 *	helper busy	register a descriptor when a line is read, then callbacks
 *			until killed
 *	helper watch	be subscribed to the notifications until killed
 *	helper family	0 when the netlink family is there, 1 when it is not
 *	helper add PID	add a target; prints its id, or the error and its text
 *	helper del ID	remove a target
 *	helper churn PID N  add and remove a target N times
 *	helper source NAME  prints its state and via, as numbers, and why
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"

#define FAULTED_BYTES (64 * 1024)

static int event_fd, epoll_fd;

static void *take_events(void *arg)
{
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, -1) >= 0)
		;
	return arg;
}

static void fault_and_fork(void)
{
	char *memory = mmap(NULL, FAULTED_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (memory != MAP_FAILED) {
		memset(memory, 1, FAULTED_BYTES);
		munmap(memory, FAULTED_BYTES);
	}
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static int storm(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };
	const uint64_t one = 1;
	pthread_t thread;

	event_fd = eventfd(0, EFD_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (event_fd < 0 || epoll_fd < 0 ||
	    pthread_create(&thread, NULL, take_events, NULL)) {
		perror("helper storm");
		return 1;
	}
	/* Registered anew each time: the hook on registrations works too. */
	for (;;) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want) ||
		    write(event_fd, &one, sizeof(one)) != sizeof(one) ||
		    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, event_fd, NULL)) {
			perror("helper storm");
			return 1;
		}
		fault_and_fork();
	}
}

/* The family comes and goes with the module: joined anew each time. */
static _Noreturn void watch(void)
{
	struct target target;
	struct nl nl;

	for (;;) {
		if (!nl_try_open(&nl)) {
			for (int i = 0; i < 10 && nl_subscribe(&nl) == 0; i++)
				nl_notified(&nl, 20, &target);
			nl_close(&nl);
		}
		usleep(1000);
	}
}

static int family(void)
{
	struct nl nl;

	return nl_try_open(&nl) ? 1 : 0;
}

static int add(const char *pid)
{
	struct target target;
	struct nl nl;
	int rc = nl_try_open(&nl);

	if (!rc)
		rc = nl_target_add(&nl, atoi(pid), 0, &target);
	if (rc) {
		printf("%s: %s\n", strerror(-rc), nl.message);
		return 1;
	}
	printf("%u\n", target.id);
	return 0;
}

static int del(const char *id)
{
	struct nl nl;
	int rc = nl_try_open(&nl);

	if (!rc)
		rc = nl_target_del(&nl, (uint32_t)atoi(id), NULL);
	if (rc)
		printf("%s: %s\n", strerror(-rc), nl.message);
	return !!rc;
}

/* Over one socket: notifications come as fast as they can. */
static int churn(const char *pid, const char *times)
{
	struct target target;
	struct nl nl;

	nl_open(&nl);
	for (int i = atoi(times); i > 0; i--) {
		if (nl_target_add(&nl, atoi(pid), 0, &target) ||
		    nl_target_del(&nl, target.id, NULL))
			return 1;
	}
	return 0;
}

static int source(const char *name)
{
	struct source got;
	struct nl nl;
	int rc = nl_try_open(&nl);

	if (!rc)
		rc = nl_source_get(&nl, name, &got);
	if (rc) {
		printf("%s\n", strerror(-rc));
		return 1;
	}
	printf("%u %u %s\n", got.state, got.via, got.why);
	return 0;
}

/* Each is ready before it is waited for. */
static int make_events(long count, unsigned int pause_us)
{
	struct epoll_event want = { .events = EPOLLIN }, got;
	int epoll = epoll_create1(0), ends[2];
	char byte = 0;

	if (epoll < 0 || pipe(ends) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &want)) {
		perror("helper events");
		return 1;
	}
	for (; count; count--) {
		if (write(ends[1], &byte, 1) != 1 ||
		    epoll_wait(epoll, &got, 1, 0) != 1 ||
		    read(ends[0], &byte, 1) != 1) {
			perror("helper events");
			return 1;
		}
		if (pause_us)
			usleep(pause_us);
	}
	return 0;
}

/* Whoever is not asleep yet is not woken: often enough that some are. */
static int wake(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };
	const uint64_t one = 1;
	pthread_t thread;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	event_fd = eventfd(0, EFD_CLOEXEC);
	if (epoll_fd < 0 || event_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want) ||
	    pthread_create(&thread, NULL, take_events, NULL)) {
		perror("helper wake");
		return 1;
	}
	for (int i = 0; i < 10; i++) {
		usleep(1000);
		if (write(event_fd, &one, sizeof(one)) != sizeof(one)) {
			perror("helper wake");
			return 1;
		}
	}
	return 0;
}

static int busy(void)
{
	char byte;

	return read(STDIN_FILENO, &byte, 1) == 1 ? make_events(-1, 1000) : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "storm"))
		return storm();
	if (!strcmp(what, "events") && argc == 3)
		return make_events(atol(argv[2]), 0);
	if (!strcmp(what, "wake"))
		return wake();
	if (!strcmp(what, "busy"))
		return busy();
	if (!strcmp(what, "watch"))
		watch();
	if (!strcmp(what, "family"))
		return family();
	if (!strcmp(what, "add") && argc == 3)
		return add(argv[2]);
	if (!strcmp(what, "del") && argc == 3)
		return del(argv[2]);
	if (!strcmp(what, "churn") && argc == 4)
		return churn(argv[2], argv[3]);
	if (!strcmp(what, "source") && argc == 3)
		return source(argv[2]);
	fprintf(stderr,
		"usage: helper storm|events N|wake|busy|watch|family|add PID|del ID|churn PID N|source NAME\n");
	return 2;
}
