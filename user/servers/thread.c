// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thread.c - a thread per connection, detached, on a small stack. All threads
 * share one process, which a crash of any ends: a master replaces it.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/accept.h"
#include "servers/blocking.h"
#include "servers/engine.h"

/* The buffers of a connection, the frames beneath, and room for a handler. */
#define STACK_BYTES (OSC_SERVER_INPUT + OSC_SERVER_OUTPUT + (80 << 10))

struct thread_connection {
	struct osc_blocking blocking;
	struct thread_engine *engine;
	struct thread_connection *next, **link;
};

struct thread_engine {
	struct osc_server *server;
	struct osc_service service;
	atomic_bool draining;
	atomic_bool hang_up;
	pthread_attr_t attributes;
	unsigned int next_slot;
	int wake_fd; /* told when the acceptor may be waiting for an end */
	pthread_mutex_t lock;
	/* Under lock. */
	struct thread_connection *connections;
	struct thread_connection *spare;
	unsigned int active;
	bool waiting_for_end;
};

static volatile sig_atomic_t stopped;

static void on_stop(int signo)
{
	(void)signo;
	stopped = 1;
}

/*
 * Records of ended threads are used again, and not freed by these: a thread's
 * first call of free() would set up an arena that its few microseconds of life
 * have no use for.
 */
static struct thread_connection *take_spare(struct thread_engine *t)
{
	struct thread_connection *c;

	pthread_mutex_lock(&t->lock);
	c = t->spare;
	if (c)
		t->spare = c->next;
	pthread_mutex_unlock(&t->lock);
	return c ? c : malloc(sizeof(*c));
}

static void join(struct thread_engine *t, struct thread_connection *c)
{
	pthread_mutex_lock(&t->lock);
	c->next = t->connections;
	c->link = &t->connections;
	if (c->next)
		c->next->link = &c->next;
	t->connections = c;
	t->active++;
	pthread_mutex_unlock(&t->lock);
}

/* Closes under the lock, so that a waker never meets a reused descriptor. */
static void leave(struct thread_engine *t, struct thread_connection *c)
{
	static const uint64_t one = 1;
	bool tell;

	pthread_mutex_lock(&t->lock);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	close(c->blocking.fd);
	osc_books_add(&c->blocking.service.books, OSC_ACCOUNT_CLOSES, 1);
	t->active--;
	tell = t->waiting_for_end;
	/* Cannot fail: the count of ended threads does not reach 2^64. */
	if (tell && write(t->wake_fd, &one, sizeof(one)) < 0)
		t->waiting_for_end = true;
	c->next = t->spare;
	t->spare = c;
	pthread_mutex_unlock(&t->lock);
}

static void *serve(void *arg)
{
	struct thread_connection *c = arg;

	osc_blocking_serve(&c->blocking);
	leave(c->engine, c);
	return NULL;
}

static int start(void *engine, int fd)
{
	struct thread_engine *t = engine;
	struct thread_connection *c = take_spare(t);
	pthread_t thread;
	int err;

	if (!c)
		return -ENOMEM;
	*c = (struct thread_connection){
		.engine = t,
		.blocking = {
			.server = t->server,
			.service = t->service,
			.hang_up = &t->hang_up,
			.fd = fd,
		},
	};
	c->blocking.service.books =
		osc_account_books(t->server->account, t->next_slot++, false);
	join(t, c);
	err = pthread_create(&thread, &t->attributes, serve, c);
	if (err) {
		pthread_mutex_lock(&t->lock);
		*c->link = c->next;
		if (c->next)
			c->next->link = c->link;
		t->active--;
		pthread_mutex_unlock(&t->lock);
		free(c);
		return -err;
	}
	osc_books_add(&t->service.books, OSC_ACCOUNT_THREADS_CREATED, 1);
	return 0;
}

/* When the limit is reached, says that the next end is to be told. */
static unsigned int active(void *engine)
{
	struct thread_engine *t = engine;
	unsigned int n;

	pthread_mutex_lock(&t->lock);
	n = t->active;
	t->waiting_for_end = n >= t->server->workers ||
			     atomic_load(&t->draining);
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* Threads see to their own end. */
static void tend(void *engine)
{
	(void)engine;
}

static void wake_idle(struct thread_engine *t)
{
	atomic_store(&t->hang_up, true);
	pthread_mutex_lock(&t->lock);
	for (struct thread_connection *c = t->connections; c; c = c->next)
		osc_blocking_wake(&c->blocking);
	pthread_mutex_unlock(&t->lock);
}

/* Until no thread is left, or the grace is over. */
static void drain(struct thread_engine *t)
{
	uint64_t now = osc_clock_ns();
	uint64_t last_call = now + OSC_SERVER_LAST_CALL_NS;
	uint64_t end = now + t->server->config->grace_ns;
	struct pollfd pfd = { .fd = t->wake_fd, .events = POLLIN };
	uint64_t ended;

	atomic_store(&t->draining, true);
	while (active(t)) {
		uint64_t until = last_call && last_call < end ? last_call : end;

		now = osc_clock_ns();
		if (now >= end)
			return;
		if (last_call && now >= last_call) {
			wake_idle(t);
			last_call = 0;
			continue;
		}
		if (poll(&pfd, 1, (int)((until - now) / OSC_NS_PER_MS) + 1) >
			    0 &&
		    read(t->wake_fd, &ended, sizeof(ended)) < 0)
			return;
	}
}

static int set_up(struct thread_engine *t, struct osc_error *e)
{
	struct sigaction action = { .sa_handler = on_stop };
	int err;

	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (t->wake_fd < 0)
		return osc_error_set(e, errno, "cannot make an eventfd: %s",
				     strerror(errno));
	sigemptyset(&action.sa_mask);
	err = sigaction(SIGTERM, &action, NULL) ? errno : 0;
	if (!err)
		err = pthread_mutex_init(&t->lock, NULL);
	if (!err)
		err = pthread_attr_init(&t->attributes);
	if (!err)
		err = pthread_attr_setdetachstate(&t->attributes,
						  PTHREAD_CREATE_DETACHED);
	if (!err)
		err = pthread_attr_setstacksize(&t->attributes, STACK_BYTES);
	if (err) {
		close(t->wake_fd);
		return osc_error_set(e, err, "cannot set up threads: %s",
				     strerror(err));
	}
	return 0;
}

int osc_engine_thread(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e)
{
	/* Static: after the grace, threads may still be at work as we exit. */
	static struct thread_engine t;
	struct osc_acceptor a = {
		.server = server,
		.service = &t.service,
		.listener = server->listeners[0],
		.limit = server->workers,
		.stop = &stopped,
		.engine = &t,
		.active = active,
		.start = start,
		.tend = tend,
	};
	int ret;

	(void)report; /* the master's: what is left open is what was cut */
	t.server = server;
	ret = set_up(&t, e);
	if (ret)
		return ret;
	a.wake_fd = t.wake_fd;
	osc_server_service(server, index, false, &t.draining, &t.service);
	sigprocmask(SIG_SETMASK, NULL, &a.waiting_mask);
	sigdelset(&a.waiting_mask, SIGTERM);
	ret = osc_acceptor_run(&a, e);
	drain(&t);
	return ret;
}
