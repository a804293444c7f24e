// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/threads.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/board.h"

/* The buffers of a connection, the frames beneath, and room for a handler. */
#define STACK_BYTES (OSC_SERVER_INPUT + OSC_SERVER_OUTPUT + (80 << 10))

volatile sig_atomic_t osc_threads_stopped;

static void on_stop(int signo)
{
	(void)signo;
	osc_threads_stopped = 1;
}

/*
 * Records of ended connections are used again, and not freed by their threads:
 * a thread's first call of free() would set up an arena that a few microseconds
 * of life have no use for.
 */
static struct osc_thread_connection *take_spare(struct osc_threads *t)
{
	struct osc_thread_connection *c;

	pthread_mutex_lock(&t->lock);
	c = t->spare;
	if (c)
		t->spare = c->next;
	pthread_mutex_unlock(&t->lock);
	return c ? c : malloc(sizeof(*c));
}

struct osc_thread_connection *osc_threads_enter(struct osc_threads *t, int fd)
{
	struct osc_thread_connection *c = take_spare(t);

	if (!c)
		return NULL;
	pthread_mutex_lock(&t->lock);
	*c = (struct osc_thread_connection){
		.threads = t,
		.blocking = {
			.server = t->server,
			.hang_up = &t->hang_up,
			.fd = fd,
		},
		.next = t->connections,
		.link = &t->connections,
	};
	if (c->next)
		c->next->link = &c->next;
	t->connections = c;
	t->active++;
	pthread_mutex_unlock(&t->lock);
	return c;
}

/* Under the lock. */
static void remove_connection(struct osc_threads *t,
			      struct osc_thread_connection *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->next = t->spare;
	t->spare = c;
}

/* Under the lock. */
static void end_one(struct osc_threads *t)
{
	static const uint64_t one = 1;

	t->active--;
	if (!t->waiting_for_end)
		return;
	osc_books_add(&t->service.books, OSC_ACCOUNT_CALLS, 1);
	/* Cannot fail: the count of what has ended does not reach 2^64. */
	if (write(t->wake_fd, &one, sizeof(one)) < 0)
		t->waiting_for_end = true;
}

void osc_threads_cancel(struct osc_thread_connection *c)
{
	struct osc_threads *t = c->threads;

	pthread_mutex_lock(&t->lock);
	remove_connection(t, c);
	end_one(t);
	pthread_mutex_unlock(&t->lock);
}

/* Closes under the lock, so that a waker never meets a reused descriptor. */
void osc_threads_end(struct osc_thread_connection *c,
		     const struct osc_service *service)
{
	struct osc_threads *t = c->threads;

	pthread_mutex_lock(&t->lock);
	close(c->blocking.fd);
	osc_books_add(&service->books, OSC_ACCOUNT_CALLS, 1);
	osc_books_add(&service->books, OSC_ACCOUNT_CLOSES, 1);
	remove_connection(t, c);
	end_one(t);
	pthread_mutex_unlock(&t->lock);
}

/* Slots of the books are shared, where there are more threads than those. */
void osc_threads_service(struct osc_threads *t, struct osc_service *out)
{
	unsigned int slot;

	pthread_mutex_lock(&t->lock);
	slot = t->next_slot++;
	pthread_mutex_unlock(&t->lock);
	osc_server_service(t->server, slot, false, &t->draining, out);
}

bool osc_threads_serve(struct osc_thread_connection *c,
		       struct osc_service *service)
{
	if (osc_blocking_serve(&c->blocking, service))
		return true;
	osc_threads_end(c, service);
	return false;
}

void osc_threads_hold(struct osc_threads *t)
{
	pthread_mutex_lock(&t->lock);
	t->active++;
	pthread_mutex_unlock(&t->lock);
}

void osc_threads_release(struct osc_threads *t)
{
	pthread_mutex_lock(&t->lock);
	end_one(t);
	pthread_mutex_unlock(&t->lock);
}

unsigned int osc_threads_active(struct osc_threads *t, unsigned int limit)
{
	unsigned int n;

	pthread_mutex_lock(&t->lock);
	n = t->active;
	t->waiting_for_end = n >= limit || atomic_load(&t->draining);
	pthread_mutex_unlock(&t->lock);
	return n;
}

int osc_threads_create(struct osc_threads *t, void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int err = pthread_create(&thread, &t->attributes, run, arg);

	if (!err)
		osc_books_add(&t->service.books, OSC_ACCOUNT_THREADS_CREATED,
			      1);
	osc_books_add(&t->service.books, OSC_ACCOUNT_CALLS, 1);
	return -err;
}

void osc_threads_waiting_mask(sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, NULL, mask);
	sigdelset(mask, SIGTERM);
	sigdelset(mask, OSC_BOARD_RETIRE);
}

static void wake_idle(struct osc_threads *t)
{
	atomic_store(&t->hang_up, true);
	pthread_mutex_lock(&t->lock);
	for (struct osc_thread_connection *c = t->connections; c; c = c->next)
		osc_blocking_wake(&c->blocking);
	pthread_mutex_unlock(&t->lock);
}

static bool goes_on(struct osc_threads *t, struct osc_acceptor *a)
{
	bool late = a && osc_acceptor_finish(a);

	return osc_threads_active(t, 0) || late;
}

void osc_threads_drain(struct osc_threads *t, struct osc_acceptor *a)
{
	uint64_t now = osc_clock_ns();
	uint64_t last_call = now + OSC_SERVER_LAST_CALL_NS;
	uint64_t end = now + t->server->config->grace_ns;
	struct pollfd pfd = { .fd = t->wake_fd, .events = POLLIN };
	uint64_t ended;

	atomic_store(&t->draining, true);
	while (goes_on(t, a)) {
		uint64_t until = last_call && last_call < end ? last_call : end;

		now = osc_clock_ns();
		if (now >= end)
			break;
		if (last_call && now >= last_call) {
			wake_idle(t);
			last_call = 0;
			continue;
		}
		if (poll(&pfd, 1, (int)((until - now) / OSC_NS_PER_MS) + 1) >
			    0 &&
		    read(t->wake_fd, &ended, sizeof(ended)) < 0)
			break;
	}
}

static int set_up_threads(struct osc_threads *t)
{
	int err = pthread_mutex_init(&t->lock, NULL);

	if (!err)
		err = pthread_attr_init(&t->attributes);
	if (!err)
		err = pthread_attr_setdetachstate(&t->attributes,
						  PTHREAD_CREATE_DETACHED);
	if (!err)
		err = pthread_attr_setstacksize(&t->attributes, STACK_BYTES);
	return err;
}

int osc_threads_set_up(struct osc_threads *t, struct osc_server *server,
		       unsigned int index, struct osc_error *e)
{
	struct sigaction action = { .sa_handler = on_stop };
	int err;

	t->server = server;
	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (t->wake_fd < 0)
		return osc_error_set(e, errno, "cannot make an eventfd: %s",
				     strerror(errno));
	sigemptyset(&action.sa_mask);
	err = sigaction(SIGTERM, &action, NULL) ||
			      sigaction(OSC_BOARD_RETIRE, &action, NULL) ?
		      errno :
		      set_up_threads(t);
	if (err) {
		close(t->wake_fd);
		return osc_error_set(e, err, "cannot set up threads: %s",
				     strerror(err));
	}
	osc_server_service(server, index, false, &t->draining, &t->service);
	t->index = index;
	return 0;
}

static unsigned int active(void *threads)
{
	struct osc_threads *t = threads;

	return osc_threads_active(t, t->limit);
}

/* Threads see to their own end. */
static void tend(void *threads)
{
	(void)threads;
}

int osc_threads_run(struct osc_threads *t, int listener, unsigned int limit,
		    int (*start)(void *t, int fd), struct osc_error *e)
{
	struct osc_acceptor a = {
		.server = t->server,
		.service = &t->service,
		.listener = listener,
		.wake_fd = t->wake_fd,
		.limit = limit,
		.stop = &osc_threads_stopped,
		.engine = t,
		.active = active,
		.start = start,
		.tend = tend,
	};
	int ret;

	t->limit = limit;
	osc_server_is_set_up(t->server, t->index);
	osc_threads_waiting_mask(&a.waiting_mask);
	ret = osc_acceptor_run(&a, e);
	osc_threads_drain(t, &a);
	return ret;
}
