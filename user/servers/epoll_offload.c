// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_offload.c - the loop of epoll.c, which hands what takes the CPU to
 * threads: it goes on, and an eventfd tells it what is done. The threads know
 * nothing of connections.
 *
 * A connection has one piece of work at most, and takes it along when it ends:
 * out of the queue, or, where a thread has it, by a mark. So no more wait than
 * there are connections, which have their limit, and nobody waits for what was
 * of use to those only who have gone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "servers/epoll_set.h"

struct job {
	TAILQ_ENTRY(job) next;
	uint64_t us;
	uint32_t fd;
	bool queued; /* under the lock */
	bool off; /* the loop's alone: nobody is to be told */
};

TAILQ_HEAD(job_queue, job);

/* One in a process, as the loop is; its threads end with the process. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_queue queue, done;
	int done_fd; /* readable: some are done */
} offload = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.queue = TAILQ_HEAD_INITIALIZER(offload.queue),
	.done = TAILQ_HEAD_INITIALIZER(offload.done),
};

static struct job *take(void)
{
	struct job *job;

	pthread_mutex_lock(&offload.lock);
	while (!(job = TAILQ_FIRST(&offload.queue)))
		pthread_cond_wait(&offload.work, &offload.lock);
	TAILQ_REMOVE(&offload.queue, job, next);
	job->queued = false;
	pthread_mutex_unlock(&offload.lock);
	return job;
}

/* The loop is told of the first; it takes all that there are by then. */
static void give_back(struct job *job)
{
	static const uint64_t one = 1;
	bool tell;

	pthread_mutex_lock(&offload.lock);
	tell = TAILQ_EMPTY(&offload.done);
	TAILQ_INSERT_TAIL(&offload.done, job, next);
	pthread_mutex_unlock(&offload.lock);
	/* Cannot fail: it is read before the next is the first. */
	if (tell && write(offload.done_fd, &one, sizeof(one)) < 0)
		abort();
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		struct job *job = take();

		osc_route_work(job->us);
		give_back(job);
	}
	return NULL;
}

static void *hand_over(struct osc_event_loop *l, uint32_t fd, uint64_t us)
{
	struct job *job = malloc(sizeof(*job));

	(void)l;
	if (!job)
		return NULL;
	*job = (struct job){ .us = us, .fd = fd, .queued = true };
	pthread_mutex_lock(&offload.lock);
	TAILQ_INSERT_TAIL(&offload.queue, job, next);
	pthread_cond_signal(&offload.work);
	pthread_mutex_unlock(&offload.lock);
	return job;
}

static void call_off(struct osc_event_loop *l, void *work)
{
	struct job *job = work;
	bool queued;

	(void)l;
	pthread_mutex_lock(&offload.lock);
	queued = job->queued;
	if (queued)
		TAILQ_REMOVE(&offload.queue, job, next);
	pthread_mutex_unlock(&offload.lock);
	if (queued)
		free(job);
	else
		job->off = true;
}

static void take_done(struct osc_event_loop *l)
{
	struct job_queue done = TAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint64_t told;

	/* This and the write. */
	osc_event_count(l, OSC_ACCOUNT_CALLS, 2);
	/* Before the list, of which we would else not be told again. */
	if (read(offload.done_fd, &told, sizeof(told)) < 0)
		return;
	pthread_mutex_lock(&offload.lock);
	TAILQ_CONCAT(&done, &offload.done, next);
	pthread_mutex_unlock(&offload.lock);
	while ((job = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, job, next);
		if (!job->off)
			osc_event_worked(l, job->fd);
		free(job);
	}
}

static int start_threads(struct osc_event_loop *l)
{
	for (unsigned int i = 0; i < l->server->workers; i++) {
		pthread_t thread;
		int err = pthread_create(&thread, NULL, work, NULL);

		if (!err)
			err = pthread_detach(thread);
		if (err)
			return -err;
		osc_event_count(l, OSC_ACCOUNT_THREADS_CREATED, 1);
	}
	return 0;
}

static int open_with_threads(struct osc_event_loop *l)
{
	int ret = osc_epoll_open(l);

	if (ret)
		return ret;
	offload.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (offload.done_fd < 0)
		return -errno;
	ret = osc_event_watch_special(l, offload.done_fd, OSC_EVENT_BACKEND);
	return ret ? ret : start_threads(l);
}

const struct osc_event_backend osc_event_epoll_offload = {
	.open = open_with_threads,
	.watch = osc_epoll_watch,
	.wait = osc_epoll_wait,
	.work = hand_over,
	.call_off = call_off,
	.ready = take_done,
};
