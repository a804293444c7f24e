// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pool.c - threads that stay, and a queue of connections between them and the
 * one that accepts. A connection has its thread until it ends; the pool grows
 * when none is free, and those beyond it wait in the queue.
 */
#include <errno.h>
#include <string.h>

#include "lib/error.h"
#include "servers/engine.h"
#include "servers/threads.h"

struct pool {
	struct osc_threads threads; /* the first: start() is handed it */
	unsigned int nr_threads; /* the acceptor's alone */
	/* Under the lock of threads. */
	pthread_cond_t work;
	struct osc_thread_connection *first, **last; /* accepted, not begun */
	unsigned int queued;
	unsigned int idle;
};

static struct osc_thread_connection *take(struct pool *p)
{
	struct osc_thread_connection *c;

	pthread_mutex_lock(&p->threads.lock);
	p->idle++;
	while (!p->first)
		pthread_cond_wait(&p->work, &p->threads.lock);
	p->idle--;
	p->queued--;
	c = p->first;
	p->first = c->behind;
	if (!p->first)
		p->last = &p->first;
	pthread_mutex_unlock(&p->threads.lock);
	return c;
}

/* Ends with the process. */
static void *work(void *pool)
{
	for (;;)
		osc_threads_serve(take(pool));
	return NULL;
}

static void put(struct pool *p, struct osc_thread_connection *c)
{
	pthread_mutex_lock(&p->threads.lock);
	*p->last = c;
	p->last = &c->behind;
	p->queued++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->threads.lock);
}

/* For one more connection: as many are idle as will have work already. */
static bool needs_thread(struct pool *p)
{
	bool needed;

	pthread_mutex_lock(&p->threads.lock);
	needed = p->queued >= p->idle;
	pthread_mutex_unlock(&p->threads.lock);
	return needed && p->nr_threads < p->threads.server->workers;
}

static int start(void *pool, int fd)
{
	struct pool *p = pool;
	struct osc_thread_connection *c = osc_threads_enter(&p->threads, fd);
	int ret = 0;

	if (!c)
		return -ENOMEM;
	if (needs_thread(p)) {
		ret = osc_threads_create(&p->threads, work, p);
		if (!ret)
			p->nr_threads++;
	}
	/* Where there is a thread, it can wait for that one. */
	if (p->nr_threads) {
		put(p, c);
		return 0;
	}
	osc_threads_cancel(c);
	return ret;
}

int osc_engine_pool(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e)
{
	/* Static: threads are there until the process ends. */
	static struct pool p = { .work = PTHREAD_COND_INITIALIZER,
				 .last = &p.first };
	int ret = osc_threads_set_up(&p.threads, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	return ret ? ret :
		     osc_threads_run(&p.threads,
				     osc_server_listener(server, index),
				     server->max_connections, start, e);
}
