/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - one thread of the load: its connections, its share of the schedule
 * and its books. Nothing here is shared but the atomics at the end.
 */
#ifndef OSC_LOAD_LOOP_H
#define OSC_LOAD_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "load/handover.h"
#include "load/load.h"
#include "load/request.h"
#include "load/response.h"
#include "load/tls.h"

enum osc_load_state {
	OSC_LOAD_CLOSED,
	OSC_LOAD_BACKOFF, /* closed; deadline_ns says until when */
	OSC_LOAD_CONNECTING,
	OSC_LOAD_HANDSHAKE, /* of TLS */
	OSC_LOAD_OPEN,
	OSC_LOAD_ENDING, /* all answered; the server closes */
};

/* A request of a connection: when it was meant to start, when it did. */
struct osc_load_stamp {
	uint64_t intended_ns;
	uint64_t sent_ns;
};

/* What the kernel has been asked for, and has not told the end of. */
struct osc_load_ring_part {
	uint32_t keep; /* bytes of the last send … */
	uint32_t close; /* … and of its second half */
};

struct osc_load_connection {
	int fd;
	uint8_t state;
	bool listed : 1; /* in the queue of those with room */
	bool used : 1; /* it has brought an answer */
	bool waits : 1; /* it was told to ask again; opened_ns stays */
	bool tried : 1; /* an attempt to open it has ended, one way or another */
	/* The io_uring engine's: */
	bool sending : 1; /* to be sent in this round */
	bool waiting : 1; /* for room in the socket */
	uint8_t failures; /* in a row, without an answer between */
	uint16_t head; /* the oldest in the ring of stamps */
	uint16_t inflight; /* taken from the schedule, not answered */
	uint16_t sent; /* of these, given to the socket */
	uint16_t serial; /* of the socket: so many have been closed */
	uint32_t taken; /* requests on this connection */
	uint32_t unsent_keep; /* bytes of requests still to write … */
	uint32_t unsent_close; /* … and of the last, which says close */
	struct osc_load_ring_part ring; /* the io_uring engine's */
	uint16_t turn; /* of the last that was taken */
	uint64_t deadline_ns;
	union {
		struct { /* until it is connected */
			uint64_t opened_ns; /* when it was first tried */
			int first_error; /* that of the first address */
			uint8_t address; /* the one that is tried */
			uint8_t attempts; /* addresses tried before it */
		};
		struct osc_response response;
	};
};

/* With the stamp of a request and its place in the queues, all it costs. */
_Static_assert(sizeof(struct osc_load_connection) +
			       sizeof(struct osc_load_stamp) +
			       2 * sizeof(uint32_t) <=
		       200,
	       "a connection must stay small: there may be a million");

struct osc_loop;

/*
 * An engine: how bytes get to the kernel and back. It calls osc_connection_*
 * with what has happened; those may close and open connections meanwhile.
 */
struct osc_load_io {
	int (*open)(struct osc_loop *loop, struct osc_error *e);
	/* By the thread itself, before all that follows. Returns 0 or -errno. */
	int (*begin)(struct osc_loop *loop);
	/* Also after an open that failed, or was never called. */
	void (*close)(struct osc_loop *loop);
	/* Begins to connect c->fd and to watch it. Returns 0 or -errno. */
	int (*connect)(struct osc_loop *loop, struct osc_load_connection *c,
		       const struct sockaddr *to, socklen_t length);
	/* Sends what osc_connection_output() has, now or in this round. */
	void (*send)(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now);
	/* What was left for the end of the round; NULL: nothing ever is. */
	void (*send_all)(struct osc_loop *loop);
	/* What was given to the engine goes to the kernel; NULL: it is there. */
	void (*flush)(struct osc_loop *loop);
	/* c->fd is about to be closed; NULL: the kernel notices. */
	void (*forget)(struct osc_loop *loop, struct osc_load_connection *c);
	/*
	 * Waits, at most until then (UINT64_MAX: for ever), for what happens to
	 * connections or to loop->wake, and tells; of what can be received some
	 * OSC_ROUND_BYTES. Returns 0 or -errno.
	 */
	int (*wait)(struct osc_loop *loop, uint64_t now, uint64_t until);
};

extern const struct osc_load_io osc_load_io_epoll, osc_load_io_uring;

/*
 * A round of wait() receives about this much. Then the loop looks at timers and the
 * stop flag, even if the server sends faster than we parse.
 */
#define OSC_ROUND_BYTES (4u << 20)

/* What one record of TLS can hold. */
#define OSC_SECURE_BYTES (16u << 10)

/* Connections are held from one moment on, when no thread opens any more. */
struct osc_holding {
	atomic_uint opening; /* threads that have some left to try */
	atomic_uint_least64_t since_ns; /* 0: some have */
};

struct osc_loop {
	const struct osc_load_config *config;
	const struct osc_load_text *text;
	const struct osc_addresses *addresses;
	uint32_t index; /* of this thread */

	uint32_t nr; /* connections */
	struct osc_load_connection *connections;
	struct osc_load_stamp *stamps; /* nr * pipeline */
	uint32_t *room; /* ring of connections that can take a request */
	uint32_t room_head, nr_room;

	struct osc_tls *tls; /* NULL: plain text */
	struct osc_tls_session *sessions; /* nr */
	char *secure; /* OSC_SECURE_BYTES, for what TLS has unpacked */

	uint16_t turn; /* of the next request */
	uint8_t address; /* the last that a connection was made to */
	bool head_only;
	bool retired; /* no more requests are taken */
	bool concluded; /* and what the load cost us is known */
	bool reached; /* a connection was made, ever */
	uint64_t budget; /* requests still to take; UINT64_MAX: no limit */
	uint64_t outstanding; /* taken, not answered */
	struct osc_schedule schedule;
	struct osc_schedule openings; /* of those that were never open */
	uint32_t opened; /* which the first so many are not */
	uint32_t untried; /* connections that no attempt has ended of */
	uint64_t room_since_ns; /* when the queue last ceased to be empty */
	uint64_t late_until_ns; /* what was due before has waited for the thread */

	uint64_t start_ns, measure_ns, end_ns; /* end UINT64_MAX: none */
	uint64_t grace_ns; /* until when what was due before the end is sent */
	uint64_t last_success_ns;
	uint64_t scan_ns; /* no deadline is before */
	uint64_t publish_ns;
	struct osc_usage from; /* at measure_ns */
	struct osc_shares shares; /* since then, when concluded */

	const struct osc_load_io *io;
	void *io_data; /* the engine's own */
	int wake; /* eventfd: stop has been set */
	int connect_error; /* of the last attempt; 0 since one succeeded */
	uint64_t refused_ns; /* since when that is seen; UINT64_MAX: it is 0 */
	struct osc_error error; /* ours, not the server's: the run fails */
	struct osc_load_stats *stats; /* since they were last handed over */
	struct osc_response_last last_head; /* of any of its connections */

	/* The idle run's: when to see whether others are ready, too. */
	uint64_t look_ns; /* UINT64_MAX: ours are not tried, or all are held */
	struct osc_holding *holding; /* of all threads */
	atomic_bool *found; /* of all threads: a connection was made, ever */
	atomic_bool *stop; /* set by the main thread */
	struct osc_handover handover;
};

int osc_loop_init(struct osc_loop *loop, struct osc_error *e);
void osc_loop_free(struct osc_loop *loop);
/* Until the budget is answered, the time is over or stop is set. */
void osc_loop_run(struct osc_loop *loop);

/*
 * Nobody listens: no thread was ever let in and this one has been refused for
 * a while, or the run has no end of its own and this thread has been refused
 * for as long as the timeout. Counted from its first attempt, which may be
 * late: by --connect-rate, or because nothing was due.
 */
bool osc_loop_hopeless(struct osc_loop *loop, uint64_t now);

/* connection.c: one connection's life, called by the loop and its engine. */

/* Takes a request that is meant to start at intended_ns; does not send. */
void osc_connection_take(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t intended_ns);
/* Sends what was taken, opening the connection where needed. */
void osc_connection_go(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now);
void osc_connection_open(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now);
/*
 * By the engine: its attempt to connect has ended, with an error or without;
 * bytes came (true: it is still open); the server sends no more; it broke.
 */
void osc_connection_connected(struct osc_loop *loop,
			      struct osc_load_connection *c, uint64_t now);
void osc_connection_refused(struct osc_loop *loop,
			    struct osc_load_connection *c, int err,
			    uint64_t now);
bool osc_connection_received(struct osc_loop *loop,
			     struct osc_load_connection *c, const char *data,
			     size_t size, uint64_t now);
void osc_connection_ended(struct osc_loop *loop, struct osc_load_connection *c,
			  uint64_t now);
void osc_connection_broken(struct osc_loop *loop, struct osc_load_connection *c,
			   enum osc_load_phase phase, int code, uint64_t now);
/*
 * What is to be sent next, in iov; the number of its parts, of which only the
 * first is of requests that keep the connection. All that was taken counts as
 * sent at `now` from here on; what really was goes to osc_connection_wrote().
 * Whether that was all osc_connection_unsent() says.
 */
unsigned int osc_connection_output(struct osc_loop *loop,
				   struct osc_load_connection *c,
				   struct iovec iov[2], uint64_t now);
void osc_connection_wrote(struct osc_loop *loop, struct osc_load_connection *c,
			  size_t size);
/* Of the last that it was told of, in its two parts, so much was not. */
void osc_connection_unwrote(struct osc_loop *loop,
			    struct osc_load_connection *c, uint32_t keep,
			    uint32_t close);
/* Its deadline has passed. */
void osc_connection_late(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now);
/* The load is over, and no request of this connection will be sent. */
bool osc_connection_unbegun(const struct osc_loop *loop,
			    const struct osc_load_connection *c);
/* Closes it at the end of the run, or when it has nothing more to send. */
void osc_connection_retire(struct osc_loop *loop,
			   struct osc_load_connection *c);

/* Within connection.c, output.c, resend.c and secure.c. */

/* It has ended, and the server processes none of the requests not answered. */
bool osc_connection_unprocessed(const struct osc_loop *loop,
				const struct osc_load_connection *c);
/* These are to be sent from the start. */
void osc_connection_rewind(struct osc_loop *loop,
			   struct osc_load_connection *c);

/* It was not to be had; what was taken stays due. */
void osc_connection_failed(struct osc_loop *loop, struct osc_load_connection *c,
			   enum osc_load_phase phase, int code, uint64_t now);
void osc_connection_established(struct osc_loop *loop,
				struct osc_load_connection *c, uint64_t now);
/* The server sends no more. in_order: not TLS, or it sent close_notify. */
void osc_connection_closed(struct osc_loop *loop, struct osc_load_connection *c,
			   bool in_order, uint64_t now);
/* Answers came, as text; false when the connection is gone. */
bool osc_connection_read(struct osc_loop *loop, struct osc_load_connection *c,
			 const char *p, size_t size, uint64_t now);
/* It is connected: the handshake begins. */
void osc_secure_begin(struct osc_loop *loop, struct osc_load_connection *c,
		      uint64_t now);
/* Says so to the server, if that can be sent at once, and ends the session. */
void osc_secure_end(struct osc_loop *loop, struct osc_load_connection *c);
bool osc_secure_received(struct osc_loop *loop, struct osc_load_connection *c,
			 const char *data, size_t size, uint64_t now);

static inline struct osc_tls_session *
osc_connection_session(const struct osc_loop *loop,
		       const struct osc_load_connection *c)
{
	return &loop->sessions[c - loop->connections];
}

static inline bool osc_connection_unsent(const struct osc_loop *loop,
					 const struct osc_load_connection *c)
{
	const struct osc_tls_session *s;

	if (c->unsent_keep || c->unsent_close || !loop->tls)
		return c->unsent_keep || c->unsent_close;
	s = osc_connection_session(loop, c);
	return s->sent < s->size;
}

/* Of its i-th request that was taken and not answered. */
static inline struct osc_load_stamp *
osc_connection_stamp(struct osc_loop *loop, const struct osc_load_connection *c,
		     uint32_t i)
{
	uint32_t p = loop->config->pipeline;
	size_t of = (size_t)(c - loop->connections) * p;

	return &loop->stamps[of + (c->head + i) % p];
}

/* That of its i-th request that was taken and not answered. */
static inline const struct osc_load_turn *
osc_connection_turn(const struct osc_loop *loop,
		    const struct osc_load_connection *c, uint32_t i)
{
	uint32_t n = loop->text->nr_turns;
	uint32_t back = (c->inflight - 1 - i) % n;

	return &loop->text->turns[(c->turn + n - back) % n];
}

/* It can take a request. */
static inline bool osc_connection_has_room(const struct osc_loop *loop,
					   const struct osc_load_connection *c)
{
	uint32_t most = loop->config->requests_per_connection;

	return (c->state == OSC_LOAD_CLOSED || c->state == OSC_LOAD_OPEN) &&
	       c->inflight < loop->config->pipeline &&
	       (!most || c->taken < most);
}

/* The last that it will have taken: it says close. */
static inline bool osc_connection_at_last(const struct osc_loop *loop,
					  const struct osc_load_connection *c)
{
	return c->taken && c->taken == loop->config->requests_per_connection;
}

/* From now until then, as those who wait want it. */
static inline struct timespec osc_loop_time_left(uint64_t now, uint64_t until)
{
	uint64_t ns = until > now ? until - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(ns / OSC_NS_PER_S),
				  .tv_nsec = (long)(ns % OSC_NS_PER_S) };
}

/* loop.c: c may take a request (again); asks for none when it has no room. */
void osc_loop_offer(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now);
/* An attempt to open c has ended. */
void osc_loop_tried(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now);
void osc_loop_expect(struct osc_loop *loop, uint64_t deadline_ns);

static inline void osc_connection_expect(struct osc_loop *loop,
					 struct osc_load_connection *c,
					 uint64_t deadline_ns)
{
	c->deadline_ns = deadline_ns;
	osc_loop_expect(loop, deadline_ns);
}

/*
 * By the engine, as soon as its wait has ended: it was to end at `until`, and what
 * has come due since then with room for it could have been sent.
 */
void osc_loop_woke(struct osc_loop *loop, uint64_t until);
/* Starts what is due in the open loop: it does not wait for the engine's batch. */
void osc_loop_dispatch(struct osc_loop *loop);

#endif
