// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_offload.c - the loop of epoll.c, which hands what takes the CPU to
 * threads: it goes on, and an eventfd tells it what is done. The threads know
 * nothing of connections. A piece of work carries the number of one, and a
 * serial by which the loop sees whether that is still the one that asked.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "servers/epoll_set.h"

struct job {
	STAILQ_ENTRY(job) next;
	uint64_t us;
	uint32_t fd;
	uint32_t serial;
};

STAILQ_HEAD(job_queue, job);

/* One in a process, as the loop is; its threads end with the process. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_queue queue, done;
	int done_fd; /* readable: some are done */
} offload = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.queue = STAILQ_HEAD_INITIALIZER(offload.queue),
	.done = STAILQ_HEAD_INITIALIZER(offload.done),
};

static struct job *take(void)
{
	struct job *job;

	pthread_mutex_lock(&offload.lock);
	while (!(job = STAILQ_FIRST(&offload.queue)))
		pthread_cond_wait(&offload.work, &offload.lock);
	STAILQ_REMOVE_HEAD(&offload.queue, next);
	pthread_mutex_unlock(&offload.lock);
	return job;
}

/* The loop is told of the first; it takes all that there are by then. */
static void give_back(struct job *job)
{
	static const uint64_t one = 1;
	bool tell;

	pthread_mutex_lock(&offload.lock);
	tell = STAILQ_EMPTY(&offload.done);
	STAILQ_INSERT_TAIL(&offload.done, job, next);
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

static int hand_over(struct osc_event_loop *l, uint32_t fd, uint32_t serial,
		     uint64_t us)
{
	struct job *job = malloc(sizeof(*job));

	(void)l;
	if (!job)
		return -ENOMEM;
	*job = (struct job){ .us = us, .fd = fd, .serial = serial };
	pthread_mutex_lock(&offload.lock);
	STAILQ_INSERT_TAIL(&offload.queue, job, next);
	pthread_cond_signal(&offload.work);
	pthread_mutex_unlock(&offload.lock);
	return 0;
}

static void take_done(struct osc_event_loop *l)
{
	struct job_queue done = STAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint64_t told;

	/* Before the list, of which we would else not be told again. */
	if (read(offload.done_fd, &told, sizeof(told)) < 0)
		return;
	pthread_mutex_lock(&offload.lock);
	STAILQ_CONCAT(&done, &offload.done);
	pthread_mutex_unlock(&offload.lock);
	while ((job = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, next);
		osc_event_worked(l, job->fd, job->serial);
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
	.ready = take_done,
};
