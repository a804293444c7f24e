// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pool.c - threads that stay, and a queue of connections between them and the
 * one that accepts. A connection has its thread until it ends; the pool grows
 * when none is free, and those beyond it wait in the queue.
 */
#include "servers/pool.h"

#include <errno.h>
#include <string.h>

#include "lib/error.h"
#include "servers/engine.h"

static struct osc_thread_connection *take(struct osc_pool *p)
{
	struct osc_thread_connection *c;

	pthread_mutex_lock(&p->threads.lock);
	p->idle++;
	while (!(c = TAILQ_FIRST(&p->queue)))
		pthread_cond_wait(&p->work, &p->threads.lock);
	p->idle--;
	p->nr_queued--;
	TAILQ_REMOVE(&p->queue, c, queued);
	pthread_mutex_unlock(&p->threads.lock);
	return c;
}

/* Ends with the process. */
static void *work(void *pool)
{
	struct osc_pool *p = pool;
	struct osc_service service;

	osc_threads_service(&p->threads, &service);
	for (;;)
		p->serve(p, take(p), &service);
	return NULL;
}

int osc_pool_grow(struct osc_pool *p)
{
	int ret = osc_threads_create(&p->threads, work, p);

	if (!ret)
		p->nr_threads++;
	return ret;
}

/* For one more connection: as many are idle as will have work already. */
static bool needs_thread(struct osc_pool *p)
{
	bool needed;

	pthread_mutex_lock(&p->threads.lock);
	needed = p->nr_queued >= p->idle;
	pthread_mutex_unlock(&p->threads.lock);
	return needed && p->nr_threads < p->threads.server->workers;
}

int osc_pool_put(struct osc_pool *p, struct osc_thread_connection *c)
{
	int ret = needs_thread(p) ? osc_pool_grow(p) : 0;

	/* Where there is a thread, it can wait for that one. */
	if (!p->nr_threads)
		return ret;
	pthread_mutex_lock(&p->threads.lock);
	TAILQ_INSERT_TAIL(&p->queue, c, queued);
	p->nr_queued++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->threads.lock);
	return 0;
}

int osc_pool_set_up(struct osc_pool *p, struct osc_server *server,
		    unsigned int index, struct osc_error *e)
{
	int err = pthread_cond_init(&p->work, NULL);

	if (err)
		return osc_error_set(e, err, "cannot set up threads: %s",
				     strerror(err));
	TAILQ_INIT(&p->queue);
	return osc_threads_set_up(&p->threads, server, index, e);
}

static int start(void *pool, int fd)
{
	struct osc_pool *p = pool;
	struct osc_thread_connection *c = osc_threads_enter(&p->threads, fd);
	int ret;

	if (!c)
		return -ENOMEM;
	ret = osc_pool_put(p, c);
	if (ret)
		osc_threads_cancel(c);
	return ret;
}

static void serve(struct osc_pool *p, struct osc_thread_connection *c,
		  struct osc_service *service)
{
	(void)p;
	osc_threads_serve(c, service);
}

int osc_engine_pool(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e)
{
	/* Static: threads are there until the process ends. */
	static struct osc_pool p = { .serve = serve };
	int ret = osc_pool_set_up(&p, server, index, e);

	(void)report; /* the master's: what is left open is what was cut */
	return ret ? ret :
		     osc_threads_run(&p.threads,
				     osc_server_listener(server, index),
				     server->max_connections, start, e);
}
