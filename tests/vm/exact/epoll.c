// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll.c - ways to wait. Waiters have a higher priority than who makes the
 * events and the same CPU, so that each event finds them waiting; how many
 * callbacks and wakeups that is, follows from fs/eventpoll.c and is told to the
 * test.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../lib/tap.h"
#include "exact.h"

#define ROUNDS 1000
#define WAITERS 4
#define TIMEOUTS 50

/* What all waiters of one workload share. */
static struct {
	int event;
	int epolls[WAITERS];
	uint32_t flags;
	bool reads; /* takes the event, so that it is not ready any more */
	bool rearms;
	volatile bool ends;
} set;

static int new_epoll(int fd, uint32_t flags)
{
	struct epoll_event want = { .events = EPOLLIN | flags };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	exact_check(epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want),
		    "epoll");
	return epoll;
}

static void new_event(void)
{
	memset(&set, 0, sizeof(set));
	set.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	exact_check(set.event < 0, "eventfd");
}

static void signal_event(void)
{
	const uint64_t one = 1;

	exact_check(write(set.event, &one, sizeof(one)) != sizeof(one),
		    "eventfd");
}

static void *wait_for_events(void *arg)
{
	const int epoll = *(const int *)arg;
	struct epoll_event event, again = { .events = EPOLLIN | set.flags };
	uint64_t value;

	while (!set.ends) {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			continue;
		if (set.reads && !set.ends)
			(void)!read(set.event, &value, sizeof(value));
		if (set.rearms)
			epoll_ctl(epoll, EPOLL_CTL_MOD, set.event, &again);
	}
	return NULL;
}

static void told(struct work_shared *shared, unsigned long callbacks,
		 unsigned long wakeups)
{
	atomic_store(&shared->value[CALLBACKS], callbacks);
	atomic_store(&shared->value[WAKEUPS], wakeups);
}

/* Threads that wait until the process ends: each of the priority above ours. */
static void start_waiters(int count)
{
	for (int i = 0; i < count; i++)
		work_thread(wait_for_events, &set.epolls[i], WORK_PRIORITY + 1);
}

static void make_events(void)
{
	for (int i = 0; i < ROUNDS; i++)
		signal_event();
}

static void edge(struct work_shared *shared)
{
	new_event();
	set.epolls[0] = new_epoll(set.event, EPOLLET);
	start_waiters(1);
	make_events();
	told(shared, ROUNDS, ROUNDS);
}

/* The read makes room in the counter, which is an event too, for nobody. */
static void level(struct work_shared *shared)
{
	new_event();
	set.reads = true;
	set.epolls[0] = new_epoll(set.event, 0);
	start_waiters(1);
	make_events();
	told(shared, 2 * ROUNDS, ROUNDS);
}

static void oneshot(struct work_shared *shared)
{
	new_event();
	set.reads = true;
	set.rearms = true;
	set.flags = EPOLLONESHOT;
	set.epolls[0] = new_epoll(set.event, EPOLLONESHOT);
	start_waiters(1);
	make_events();
	told(shared, 2 * ROUNDS, ROUNDS);
}

/* Not armed again: the callback comes, and wakes nobody. */
static void oneshot_once(struct work_shared *shared)
{
	new_event();
	set.epolls[0] = new_epoll(set.event, EPOLLONESHOT);
	start_waiters(1);
	make_events();
	told(shared, ROUNDS, 1);
}

/* One of several instances has the event to itself. */
static void exclusive(struct work_shared *shared)
{
	new_event();
	for (int i = 0; i < WAITERS; i++)
		set.epolls[i] = new_epoll(set.event, EPOLLEXCLUSIVE | EPOLLET);
	start_waiters(WAITERS);
	make_events();
	told(shared, ROUNDS, ROUNDS);
}

static void herd(struct work_shared *shared)
{
	new_event();
	for (int i = 0; i < WAITERS; i++)
		set.epolls[i] = new_epoll(set.event, EPOLLET);
	start_waiters(WAITERS);
	make_events();
	told(shared, WAITERS * ROUNDS, WAITERS * ROUNDS);
}

/* On one instance: its waiters are woken one at a time. */
static void many_waiters(struct work_shared *shared)
{
	new_event();
	set.epolls[0] = new_epoll(set.event, EPOLLET);
	for (int i = 1; i < WAITERS; i++)
		set.epolls[i] = set.epolls[0];
	start_waiters(WAITERS);
	make_events();
	told(shared, ROUNDS, ROUNDS);
}

/* The inner instance's readiness is an event of the outer. */
static void nested(struct work_shared *shared)
{
	int inner;

	new_event();
	inner = new_epoll(set.event, EPOLLET);
	set.epolls[0] = new_epoll(inner, EPOLLET);
	start_waiters(1);
	make_events();
	told(shared, 2 * ROUNDS, ROUNDS);
}

static void timeouts(struct work_shared *shared)
{
	struct epoll_event event;
	int epoll;

	new_event();
	epoll = new_epoll(set.event, 0);
	for (int i = 0; i < TIMEOUTS; i++)
		exact_check(epoll_wait(epoll, &event, 1, 1), "epoll_wait");
	told(shared, 0, 0);
}

static void ignore(int signal)
{
	(void)signal;
}

static void *interrupt(void *arg)
{
	pthread_t waiter = *(const pthread_t *)arg;

	/* Below the waiter's priority: it waits again before the next one. */
	for (int i = 0; i < TIMEOUTS; i++)
		pthread_kill(waiter, SIGUSR1);
	set.ends = true;
	for (;;)
		pause();
	return NULL;
}

static void interrupted(struct work_shared *shared)
{
	struct sigaction action = { .sa_handler = ignore };
	struct epoll_event event;
	pthread_t self = pthread_self();
	int epoll;

	new_event();
	epoll = new_epoll(set.event, 0);
	sigaction(SIGUSR1, &action, NULL);
	work_thread(interrupt, &self, WORK_PRIORITY - 1);
	for (int i = 0; i < TIMEOUTS; i++)
		exact_check(epoll_wait(epoll, &event, 1, -1) != -1 ||
				    errno != EINTR,
			    "epoll_wait");
	/* It runs while we sleep, and is in pause() when we look at the books. */
	do {
		usleep(20000);
	} while (!set.ends);
	told(shared, 0, 0);
}

/* An event that is there already wakes nobody. */
static void ready_at_once(struct work_shared *shared)
{
	struct epoll_event event;
	int epoll;

	new_event();
	epoll = new_epoll(set.event, EPOLLET);
	for (int i = 0; i < ROUNDS; i++) {
		signal_event();
		exact_check(epoll_wait(epoll, &event, 1, -1) != 1,
			    "epoll_wait");
	}
	told(shared, ROUNDS, 0);
}

const struct workload exact_epoll[] = {
	{ "epoll edge", edge, 0, 0 },
	{ "epoll level", level, 0, 0 },
	{ "epoll oneshot", oneshot, 0, 0 },
	{ "oneshot, not rearmed", oneshot_once, 0, 0 },
	{ "epoll exclusive", exclusive, 0, 0 },
	{ "epoll herd", herd, 0, 0 },
	{ "epoll many waiters", many_waiters, 0, 0 },
	{ "epoll nested", nested, 0, 0 },
	{ "epoll timeouts", timeouts, 0, 0 },
	{ "epoll signals", interrupted, 0, 0 },
	{ "epoll ready at once", ready_at_once, 0, 0 },
	{}
};
