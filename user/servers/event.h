/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.h - one loop over many connections: what all event engines share. An
 * engine adds how to wait (its backend), and no more.
 *
 * An idle connection is a record in a table by descriptor and owns no buffer:
 * the loop has one for input and one for output, and only what is left over
 * when a connection has to wait in mid-request is copied aside.
 */
#ifndef OSC_SERVERS_EVENT_H
#define OSC_SERVERS_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "servers/accepted.h"
#include "servers/closing.h"
#include "servers/exchange.h"
#include "servers/server.h"
#include "servers/timers.h"

struct osc_event_loop;

/* What to wait for on a descriptor, and what has come. Errors and hang-ups
 * always come, asked for or not.
 */
enum osc_event_interest {
	OSC_EVENT_NONE = 0,
	OSC_EVENT_IN = 1,
	OSC_EVENT_OUT = 2,
	OSC_EVENT_BROKEN = 4,
	OSC_EVENT_HUP = 8, /* edges: no more input comes after what is there */
};

struct osc_event_backend {
	/*
	 * Edge-triggered: both directions are watched from the beginning, what
	 * has come is told once, and the connection remembers it until a read
	 * or write finds it used up.
	 */
	bool edge;
	/* Prepares the loop for waiting. Returns 0 or -errno. */
	int (*open)(struct osc_event_loop *l);
	/* `anew`: the descriptor is not known yet. Returns 0 or -errno. */
	int (*watch)(struct osc_event_loop *l, int fd,
		     enum osc_event_interest interest, bool anew);
	/* The descriptor is about to be closed; NULL: the kernel notices. Not
	 * called from wait() but for the descriptor that is ready.
	 */
	void (*forget)(struct osc_event_loop *l, int fd);
	/*
	 * Waits for at most `timeout` (NULL: for ever), calls
	 * osc_event_waited() and then osc_event_ready() for each descriptor.
	 * Returns 0 or -errno.
	 */
	int (*wait)(struct osc_event_loop *l, const struct timespec *timeout);
	/*
	 * Where the kernel completes instead of telling that it could, for
	 * accepting, reading and writing; NULL: system calls. Each is like the
	 * call that it stands for. What iov of write points to lasts, but for
	 * the first entry where it is `passing`; the backend books what was sent.
	 */
	int (*accept)(struct osc_event_loop *l);
	ssize_t (*read)(struct osc_event_loop *l, int fd, void *buf,
			size_t size);
	/* Input has come that the loop has not been told of. NULL: read it. */
	bool (*arrived)(struct osc_event_loop *l, int fd);
	ssize_t (*write)(struct osc_event_loop *l, int fd,
			 const struct iovec *iov, int nr, bool passing);
	/* What write has taken is not all sent: OSC_EVENT_OUT will tell. */
	bool (*unsent)(struct osc_event_loop *l, int fd);
	/* shutdown(SHUT_WR) after that. */
	void (*finish)(struct osc_event_loop *l, int fd);
	/* Drops that, and closes. */
	void (*close)(struct osc_event_loop *l, int fd);
	/*
	 * Has osc_route_work(us) done by another thread, and then calls
	 * osc_event_worked(l, fd) in the loop's. Returns what to call it off
	 * by until then, or NULL: memory has run out. Itself NULL: the loop
	 * works.
	 */
	void *(*work)(struct osc_event_loop *l, uint32_t fd, uint64_t us);
	/* The connection has ended: it is not told, and begins no more. */
	void (*call_off)(struct osc_event_loop *l, void *work);
	/* The backend's own descriptor, of OSC_EVENT_BACKEND, is readable. */
	void (*ready)(struct osc_event_loop *l);
};

enum osc_event_state {
	OSC_EVENT_FREE,
	OSC_EVENT_READING, /* a request, or for one to begin */
	OSC_EVENT_WRITING, /* an answer that the socket does not take at once */
	OSC_EVENT_SLEEPING, /* in /sleep/N */
	OSC_EVENT_WORKING, /* in /work/N, which another thread does */
	OSC_EVENT_LINGERING, /* discarding input after the last answer */
	OSC_EVENT_LISTENER,
	OSC_EVENT_SIGNAL,
	OSC_EVENT_BACKEND,
};

/* What a connection keeps while it waits in the middle of something. */
struct osc_event_kept {
	struct osc_exchange exchange;
	void *work; /* what another thread does; NULL: nothing */
	uint64_t progress; /* bytes taken since the write deadline was set */
	uint32_t in_len;
	uint32_t out_len;
	uint32_t out_at;
	struct osc_linger linger; /* of a connection that does */
	char data[]; /* output, then input */
};

struct osc_event_connection {
	uint64_t deadline_ns; /* moved with each request, at no cost */
	uint64_t due_ns; /* when the timer looks at deadline_ns; <= it */
	struct osc_event_kept *kept;
	uint8_t interest; /* enum osc_event_interest, as the backend has it */
	uint8_t state; /* enum osc_event_state */
	uint8_t ready; /* edges: what has been told and is not used up */
	bool pending; /* in the loop's list of these */
};

/* With its timer's 16 + 4 bytes, all the memory of an idle connection. */
_Static_assert(sizeof(struct osc_event_connection) == 32,
	       "two to a cache line");
_Static_assert(sizeof(struct osc_event_connection) +
			       sizeof(struct osc_timer_entry) +
			       sizeof(uint32_t) <=
		       128,
	       "an idle connection owns at most 128 bytes");

struct osc_event_loop {
	const struct osc_event_backend *backend;
	struct osc_server *server;
	const struct osc_server_config *config;
	struct osc_service service;
	atomic_bool draining;
	int wait_fd; /* the backend's, if it has one */
	int listener; /* -1: closed */
	int signal_fd;
	bool listening; /* the listener's events are asked for */
	bool accept_ready; /* seen in this round */
	bool stop_ready;
	bool told; /* the last wait returned events */
	bool useful; /* and something came of it */
	uint64_t now_ns; /* when the last wait ended */
	uint64_t pause_until_ns; /* no accepting before; 0: no pause */
	uint64_t last_call_ns; /* then idle connections end; 0: not draining */
	uint64_t end_ns; /* then all do */
	struct osc_accepted late; /* were there at the stop, and wait for room */
	struct osc_event_connection *table; /* by descriptor */
	uint32_t table_size;
	uint32_t open; /* connections */
	uint32_t *pending; /* can go on, and will not be told so again */
	uint32_t nr_pending;
	struct osc_timers timers;
	struct osc_output out;
	char input[OSC_SERVER_INPUT];
	char output[OSC_SERVER_OUTPUT];
};

/* Those of the table of engines. */
extern const struct osc_event_backend osc_event_select, osc_event_poll,
	osc_event_epoll, osc_event_epoll_et, osc_event_epoll_shared,
	osc_event_epoll_offload, osc_event_prefork_epoll, osc_event_uring;

/*
 * Called by a backend when its wait has returned, with the number of events or -1
 * and errno: takes the time and books the wait. Returns the number, 0 where a
 * signal ended the wait, or -errno.
 */
int osc_event_waited(struct osc_event_loop *l, const struct timespec *timeout,
		     int events);

/* Called by a backend for each descriptor with what has come. */
void osc_event_ready(struct osc_event_loop *l, int fd, unsigned int events);

/* Called by a backend when the work is done. */
void osc_event_worked(struct osc_event_loop *l, uint32_t fd);

/* A descriptor of the loop's own, watched for input. Returns 0 or -errno. */
int osc_event_watch_special(struct osc_event_loop *l, int fd,
			    enum osc_event_state state);

/* In place of close(), for every descriptor that was watched. */
void osc_event_close_fd(struct osc_event_loop *l, int fd);

/* Between loop.c and event.c: the life of one connection. */
void osc_event_begin(struct osc_event_loop *l, int fd);
void osc_event_go_on(struct osc_event_loop *l, struct osc_event_connection *c);
void osc_event_readable(struct osc_event_loop *l,
			struct osc_event_connection *c);
void osc_event_deadline(struct osc_event_loop *l,
			struct osc_event_connection *c);
void osc_event_end(struct osc_event_loop *l, struct osc_event_connection *c);
void osc_event_close(struct osc_event_loop *l, struct osc_event_connection *c);

/* A system call that is no read, write or wait. */
static inline void osc_event_called(const struct osc_event_loop *l)
{
	osc_books_add(&l->service.books, OSC_ACCOUNT_CALLS, 1);
}

static inline void osc_event_count(const struct osc_event_loop *l,
				   enum osc_account_field field, uint64_t n)
{
	osc_books_add(&l->service.books, field, n);
}

#endif
