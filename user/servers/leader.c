// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * leader.c - leader and followers: of the threads without a connection one, the
 * leader, waits for the next, and the others wait to succeed it. Whoever gets a
 * connection hands the lead on and serves it: nothing is queued, and no
 * connection changes its thread.
 *
 * D. Schmidt et al., "Leader/Followers", 2000.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/error.h"
#include "servers/engine.h"
#include "servers/listen.h"
#include "servers/threads.h"

struct leadership {
	struct osc_threads threads;
	int stop_fd; /* readable from the stop on */
	atomic_uint followers;
	pthread_mutex_t lead;
	/* The leader's alone. */
	int listener; /* -1: closed */
	int error; /* what broke it, or -errno */
	unsigned int nr_threads;
};

static void *follow(void *leadership);

static void count(const struct leadership *l, enum osc_account_field field)
{
	osc_books_add(&l->threads.service.books, field, 1);
}

/* No more come. */
static void close_listener(struct leadership *l, int error)
{
	static const uint64_t one = 1;

	close(l->listener);
	l->listener = -1;
	l->error = error;
	/* Tells the first thread; cannot fail, as nobody else writes to it. */
	if (error && write(l->threads.wake_fd, &one, sizeof(one)) < 0)
		l->error = -errno;
}

/* Waits until there is something to accept, or the end of a pause. */
static bool wait_for_connection(const struct leadership *l, bool pause)
{
	struct pollfd pfd[2] = {
		{ .fd = pause ? -1 : l->listener, .events = POLLIN },
		/* From the stop on it would cut every pause short. */
		{ .fd = pause ? -1 : l->stop_fd, .events = POLLIN },
	};

	poll(pfd, 2, pause ? OSC_SERVER_PAUSE_MS : -1);
	count(l, OSC_ACCOUNT_CALLS);
	if (pfd[0].revents)
		count(l, OSC_ACCOUNT_ACCEPT_WAKES);
	return pfd[1].revents;
}

/* The next connection; -1: there is none, and will not be. */
static int next_connection(struct leadership *l)
{
	bool pause = false;

	while (l->listener >= 0) {
		bool stopping = wait_for_connection(l, pause);
		int fd = osc_listen_accept(l->listener, 0);

		count(l, OSC_ACCOUNT_CALLS);
		if (fd >= 0)
			return fd;
		pause = fd == -EMFILE;
		if (pause)
			count(l, OSC_ACCOUNT_ACCEPT_PAUSES);
		else if (fd != -EAGAIN)
			close_listener(l, fd);
		else if (stopping)
			close_listener(l, 0);
	}
	return -1;
}

/* With the lead held. */
static int add_follower(struct leadership *l)
{
	int ret;

	osc_threads_hold(&l->threads);
	ret = osc_threads_create(&l->threads, follow, l);
	if (ret)
		osc_threads_release(&l->threads);
	else
		l->nr_threads++;
	return ret;
}

/* The thread that it makes may lead before this one goes on. */
static int add_first(struct leadership *l)
{
	int ret;

	pthread_mutex_lock(&l->lead);
	ret = add_follower(l);
	pthread_mutex_unlock(&l->lead);
	return ret;
}

/* Sees to it that somebody leads after us. */
static void hand_on(struct leadership *l)
{
	if (atomic_load(&l->followers))
		return;
	if (l->nr_threads == l->threads.server->workers || add_follower(l))
		count(l, OSC_ACCOUNT_ACCEPT_PAUSES);
}

/* Leads until it has a connection. NULL: there will be none. */
static struct osc_thread_connection *lead(struct leadership *l)
{
	struct osc_thread_connection *c = NULL;
	int fd;

	atomic_fetch_add(&l->followers, 1);
	pthread_mutex_lock(&l->lead);
	atomic_fetch_sub(&l->followers, 1);
	while (!c && (fd = next_connection(l)) >= 0) {
		count(l, OSC_ACCOUNT_ACCEPTS);
		c = osc_threads_enter(&l->threads, fd);
		if (!c)
			osc_accept_refuse(&l->threads.service, fd);
	}
	if (c)
		hand_on(l);
	pthread_mutex_unlock(&l->lead);
	return c;
}

static void *follow(void *leadership)
{
	struct leadership *l = leadership;
	struct osc_thread_connection *c;
	struct osc_service service;

	osc_threads_service(&l->threads, &service);
	while ((c = lead(l)))
		osc_threads_serve(c, &service);
	osc_threads_release(&l->threads);
	return NULL;
}

/* Until the stop, or the listener is broken. */
static void wait_for_stop(struct leadership *l)
{
	struct pollfd pfd = { .fd = l->threads.wake_fd, .events = POLLIN };
	static const uint64_t one = 1;
	sigset_t mask;

	osc_threads_waiting_mask(&mask);
	while (!osc_threads_stopped && ppoll(&pfd, 1, NULL, &mask) <= 0)
		;
	/* Before who is accepted now is answered. */
	atomic_store(&l->threads.draining, true);
	/* Cannot fail: nobody has written to it. */
	if (write(l->stop_fd, &one, sizeof(one)) < 0)
		close(l->stop_fd);
}

/* Those for whom no thread was free within the grace are cut, as others are. */
static void cut_backlog(struct leadership *l)
{
	pthread_mutex_lock(&l->lead);
	while (l->listener >= 0 && osc_listen_accept(l->listener, 0) >= 0) {
		count(l, OSC_ACCOUNT_CALLS);
		count(l, OSC_ACCOUNT_ACCEPTS);
	}
	pthread_mutex_unlock(&l->lead);
}

int osc_engine_leader(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e)
{
	/* Static: after the grace, threads may still be at work as we exit. */
	static struct leadership l = { .lead = PTHREAD_MUTEX_INITIALIZER };
	int ret = osc_threads_set_up(&l.threads, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	if (ret)
		return ret;
	l.listener = osc_server_listener(server, index);
	l.stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = l.stop_fd < 0 ? -errno : add_first(&l);
	if (ret)
		return osc_error_set(e, -ret, "cannot set up threads: %s",
				     strerror(-ret));
	osc_server_is_set_up(server, index);
	wait_for_stop(&l);
	osc_threads_drain(&l.threads, NULL);
	cut_backlog(&l);
	return l.error ? osc_error_set(e, -l.error,
				       "cannot accept connections: %s",
				       strerror(-l.error)) :
			 0;
}
