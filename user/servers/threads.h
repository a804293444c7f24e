/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * threads.h - what the engines share that serve each connection in a thread
 * which sleeps in read and write: records, counting, and the orderly end.
 */
#ifndef OSC_SERVERS_THREADS_H
#define OSC_SERVERS_THREADS_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "servers/accept.h"
#include "servers/blocking.h"
#include "servers/server.h"

struct osc_error;

struct osc_thread_connection {
	struct osc_blocking blocking;
	struct osc_threads *threads;
	struct osc_thread_connection *next, **link;
	/* In a queue of the engine's; the deadline, if that has one. */
	TAILQ_ENTRY(osc_thread_connection) queued;
	uint64_t deadline_ns;
};

TAILQ_HEAD(osc_thread_queue, osc_thread_connection);

struct osc_threads {
	struct osc_server *server;
	unsigned int index; /* of the worker */
	struct osc_service service; /* of the first thread */
	atomic_bool draining;
	atomic_bool hang_up;
	pthread_attr_t attributes;
	unsigned int limit; /* of connections at once, where one accepts */
	unsigned int next_slot; /* under lock, like all that follows it */
	int wake_fd; /* told when the first thread may be waiting for an end */
	pthread_mutex_t lock;
	struct osc_thread_connection *connections;
	struct osc_thread_connection *spare;
	unsigned int active; /* connections, and whatever else is held */
	bool waiting_for_end;
};

/* SIGTERM has come. */
extern volatile sig_atomic_t osc_threads_stopped;

/* `t` is zero and outlives the threads: static, in the process of an engine. */
int osc_threads_set_up(struct osc_threads *t, struct osc_server *server,
		       unsigned int index, struct osc_error *e);

/* Detached, on a small stack; counted. Returns 0 or -errno. */
int osc_threads_create(struct osc_threads *t, void *(*run)(void *), void *arg);

/* A record for a connection, of those being served from now on. NULL: memory
 * has run out, and fd is the caller's still.
 */
struct osc_thread_connection *osc_threads_enter(struct osc_threads *t, int fd);

/* Undoes it, for a connection that was never served; fd stays open. */
void osc_threads_cancel(struct osc_thread_connection *c);

/* For a thread that serves: it lends this to one connection at a time. */
void osc_threads_service(struct osc_threads *t, struct osc_service *out);

/* Serves it to its end, and ends it. True: it was handed back, idle. */
bool osc_threads_serve(struct osc_thread_connection *c,
		       struct osc_service *service);

/* Closes it. The record is gone. */
void osc_threads_end(struct osc_thread_connection *c,
		     const struct osc_service *service);

/* Something else than a connection that the end has to wait for. */
void osc_threads_hold(struct osc_threads *t);
void osc_threads_release(struct osc_threads *t);

/* How many are held; from the limit on, the next end will be told. */
unsigned int osc_threads_active(struct osc_threads *t, unsigned int limit);

/* The signals to wait with: SIGTERM comes through. */
void osc_threads_waiting_mask(sigset_t *mask);

/*
 * Until nothing is held, or the grace is over; those of the acceptor's (NULL:
 * there is none) that came late are served meanwhile.
 */
void osc_threads_drain(struct osc_threads *t, struct osc_acceptor *a);

/*
 * From accepting to the end, for an engine whose first thread accepts: start(t,
 * fd) is that of a struct osc_acceptor, and `limit` its connections at once.
 */
int osc_threads_run(struct osc_threads *t, int listener, unsigned int limit,
		    int (*start)(void *t, int fd), struct osc_error *e);

#endif
