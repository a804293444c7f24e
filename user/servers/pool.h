/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.h - threads that stay, and a queue of connections that wait for one.
 * Shared by the engines that differ in what comes into the queue, and when.
 */
#ifndef OSC_SERVERS_POOL_H
#define OSC_SERVERS_POOL_H

#include "servers/threads.h"

struct osc_pool {
	struct osc_threads threads; /* the first: start() is handed it */
	/* What a thread, whose service that is, does with a connection. */
	void (*serve)(struct osc_pool *p, struct osc_thread_connection *c,
		      struct osc_service *service);
	unsigned int nr_threads; /* alone of the thread that puts */
	/* Under the lock of threads. */
	pthread_cond_t work;
	struct osc_thread_queue queue;
	unsigned int nr_queued;
	unsigned int idle;
};

/* `p` is static and zero, but for `serve`. */
int osc_pool_set_up(struct osc_pool *p, struct osc_server *server,
		    unsigned int index, struct osc_error *e);

/* One more thread. Returns 0 or -errno. */
int osc_pool_grow(struct osc_pool *p);

/*
 * For the next thread that is free. Grows where none is, up to the workers of
 * the server. Returns 0, or -errno when there is no thread at all; the
 * connection is then the caller's still. One thread puts.
 */
int osc_pool_put(struct osc_pool *p, struct osc_thread_connection *c);

#endif
