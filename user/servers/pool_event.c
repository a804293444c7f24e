// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pool_event.c - a pool for requests instead of connections. Who waits for a
 * request is kept by one thread with an epoll set, and takes no other; one that
 * has something to read goes into the queue of the pool, has a thread until it
 * waits for its next request, and comes back.
 *
 * A connection is either in the set, armed for one event and in the list by
 * deadline, or in the queue, or a thread's. So no event of it can come while a
 * thread has it, and it has one owner at its end.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/engine.h"
#include "servers/pool.h"

#define EVENTS_MAX 256

/* The allocator adds 8 bytes, and rounds up to 16. */
_Static_assert(sizeof(struct osc_thread_connection) + 8 <= 80,
	       "an idle connection owns 80 bytes");

struct keeper {
	struct osc_pool pool; /* the first */
	int epoll_fd;
	/* Under the lock of threads: all have the same time, so the first that
	 * came is the first to go.
	 */
	struct osc_thread_queue idle;
};

static void count(struct keeper *k, enum osc_account_field field, uint64_t n)
{
	osc_books_add(&k->pool.threads.service.books, field, n);
}

/* Under the lock: into the list, with the whole time from now. */
static void list_idle(struct keeper *k, struct osc_thread_connection *c)
{
	c->deadline_ns = osc_clock_ns() +
			 k->pool.threads.server->config->idle_timeout_ns;
	TAILQ_INSERT_TAIL(&k->idle, c, queued);
}

/* Until it has something to read, or its time is over. */
static int keep(struct keeper *k, struct osc_thread_connection *c, int op)
{
	struct osc_threads *t = &k->pool.threads;
	struct epoll_event event = {
		.data.ptr = c,
		.events = EPOLLIN | EPOLLONESHOT,
	};
	int ret;

	count(k, OSC_ACCOUNT_CALLS, 1);
	pthread_mutex_lock(&t->lock);
	ret = epoll_ctl(k->epoll_fd, op, c->blocking.fd, &event) ? -errno : 0;
	if (!ret)
		list_idle(k, c);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static void serve(struct osc_pool *p, struct osc_thread_connection *c,
		  struct osc_service *service)
{
	if (osc_threads_serve(c, service) &&
	    keep((struct keeper *)p, c, EPOLL_CTL_MOD))
		osc_threads_end(c, service);
}

static int start(void *keeper, int fd)
{
	struct keeper *k = keeper;
	struct osc_thread_connection *c =
		osc_threads_enter(&k->pool.threads, fd);
	int ret;

	if (!c)
		return -ENOMEM;
	c->blocking.hands_back = true;
	atomic_store(&c->blocking.idle, true);
	ret = keep(k, c, EPOLL_CTL_ADD);
	if (ret)
		osc_threads_cancel(c);
	return ret;
}

static void dispatch(struct keeper *k, struct osc_thread_connection *c)
{
	pthread_mutex_lock(&k->pool.threads.lock);
	TAILQ_REMOVE(&k->idle, c, queued);
	/* It has sent something: the last call is not for it. */
	atomic_store(&c->blocking.idle, false);
	pthread_mutex_unlock(&k->pool.threads.lock);
	/* Cannot fail: there is a thread from the beginning. */
	(void)osc_pool_put(&k->pool, c);
}

/* The first whose time is over by now. */
static struct osc_thread_connection *take_expired(struct keeper *k,
						  uint64_t now)
{
	struct osc_thread_connection *c;

	pthread_mutex_lock(&k->pool.threads.lock);
	c = TAILQ_FIRST(&k->idle);
	if (c && c->deadline_ns > now)
		c = NULL;
	if (c)
		TAILQ_REMOVE(&k->idle, c, queued);
	pthread_mutex_unlock(&k->pool.threads.lock);
	return c;
}

/* A request has come since the last wait: the next one tells of it. */
static bool has_request(struct keeper *k, struct osc_thread_connection *c)
{
	char byte;

	count(k, OSC_ACCOUNT_CALLS, 1);
	if (recv(c->blocking.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		return false;
	pthread_mutex_lock(&k->pool.threads.lock);
	list_idle(k, c);
	pthread_mutex_unlock(&k->pool.threads.lock);
	return true;
}

/* After the events of a wait, whose connections are then no longer listed. */
static void expire(struct keeper *k)
{
	uint64_t now = osc_clock_ns();
	struct osc_thread_connection *c;

	while ((c = take_expired(k, now))) {
		if (has_request(k, c))
			continue;
		count(k, OSC_ACCOUNT_TIMEOUTS, 1);
		osc_threads_end(c, &k->pool.threads.service);
	}
}

/*
 * Until the first deadline. Where there is none, no connection that comes after
 * the wait has begun can have one that is earlier than a whole time limit.
 */
static int wait_ms(struct keeper *k)
{
	uint64_t left = k->pool.threads.server->config->idle_timeout_ns;
	const struct osc_thread_connection *c;
	uint64_t now = osc_clock_ns();

	pthread_mutex_lock(&k->pool.threads.lock);
	c = TAILQ_FIRST(&k->idle);
	if (c)
		left = c->deadline_ns > now ? c->deadline_ns - now : 0;
	pthread_mutex_unlock(&k->pool.threads.lock);
	left /= OSC_NS_PER_MS;
	return left < INT32_MAX ? (int)left + 1 : INT32_MAX;
}

/* Ends with the process. */
static void *run_keeper(void *keeper)
{
	struct epoll_event events[EVENTS_MAX];
	struct keeper *k = keeper;

	for (;;) {
		int nr =
			epoll_wait(k->epoll_fd, events, EVENTS_MAX, wait_ms(k));

		count(k, OSC_ACCOUNT_WAITS, 1);
		count(k, OSC_ACCOUNT_WAITS_BLOCKED, 1);
		if (nr > 0)
			count(k, OSC_ACCOUNT_WAIT_EVENTS, (uint64_t)nr);
		for (int i = 0; i < nr; i++)
			dispatch(k, events[i].data.ptr);
		expire(k);
	}
	return NULL;
}

static int set_up(struct keeper *k)
{
	int ret;

	TAILQ_INIT(&k->idle);
	k->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll_fd < 0)
		return -errno;
	ret = osc_pool_grow(&k->pool);
	return ret ? ret : osc_threads_create(&k->pool.threads, run_keeper, k);
}

int osc_engine_pool_event(struct osc_server *server, unsigned int index,
			  struct osc_server_report *report, struct osc_error *e)
{
	/* Static: threads are there until the process ends. */
	static struct keeper k = { .pool.serve = serve };
	int ret = osc_pool_set_up(&k.pool, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	if (ret)
		return ret;
	ret = set_up(&k);
	if (ret)
		return osc_error_set(e, -ret, "cannot set up threads: %s",
				     strerror(-ret));
	return osc_threads_run(&k.pool.threads,
			       osc_server_listener(server, index),
			       server->max_connections, start, e);
}
