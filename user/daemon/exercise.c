// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One thread blocks in epoll_wait on an eventfd, the other writes to it, but
 * only when it sees the first asleep: each write is exactly one callback and
 * one wakeup. The eventfd is edge-triggered and never read, as a read would be
 * an event of its own.
 */
#include "daemon/exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"

struct exercise {
	int event, epoll;
	atomic_int waiter; /* its thread's number, once it runs */
	atomic_uint taken; /* returns of epoll_wait */
	atomic_bool broken;
};

static void *wait_for_events(void *arg)
{
	struct exercise *x = arg;
	struct epoll_event event;

	atomic_store(&x->waiter, gettid());
	/* From here on it sleeps nowhere but in epoll_wait. */
	for (unsigned int i = 1; i <= OSC_EXERCISE_ROUNDS; i++) {
		if (epoll_wait(x->epoll, &event, 1, -1) != 1) {
			atomic_store(&x->broken, true);
			break;
		}
		atomic_store(&x->taken, i);
	}
	return NULL;
}

static void pause_shortly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

/*
 * Its state is set with the lock of the epoll instance held, up to when it is
 * in the queue: an event that comes now finds it there.
 */
static bool asleep(int stat)
{
	char text[256];
	ssize_t n = pread(stat, text, sizeof(text) - 1, 0);
	const char *end;

	if (n <= 0)
		return false;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && !strncmp(end, ") S", 3);
}

static int open_stat(struct exercise *x)
{
	char path[64];
	int tid;

	while (!(tid = atomic_load(&x->waiter)))
		pause_shortly();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Who waits for us ends us, should the other thread hang. */
static bool write_events(struct exercise *x, int stat)
{
	const uint64_t one = 1;

	for (unsigned int i = 1; i <= OSC_EXERCISE_ROUNDS; i++) {
		while (!asleep(stat) && !atomic_load(&x->broken))
			pause_shortly();
		if (atomic_load(&x->taken) != i - 1 ||
		    write(x->event, &one, sizeof(one)) != sizeof(one))
			return false;
		while (atomic_load(&x->taken) != i && !atomic_load(&x->broken))
			pause_shortly();
	}
	return !atomic_load(&x->broken);
}

/* The registration belongs to this process, and must be its own doing. */
static bool open_epoll(struct exercise *x)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	x->event = eventfd(0, EFD_CLOEXEC);
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	return x->event >= 0 && x->epoll >= 0 &&
	       !epoll_ctl(x->epoll, EPOLL_CTL_ADD, x->event, &want);
}

int osc_exercise_run(void)
{
	static struct exercise x;
	pthread_t waiter;
	bool good;
	int stat;

	if (!open_epoll(&x) ||
	    pthread_create(&waiter, NULL, wait_for_events, &x))
		return OSC_EXIT_FAILED;
	stat = open_stat(&x);
	good = stat >= 0 && write_events(&x, stat);
	/* A waiter that nobody wakes any more ends with the process. */
	if (good)
		pthread_join(waiter, NULL);
	return good ? OSC_EXIT_OK : OSC_EXIT_FAILED;
}
