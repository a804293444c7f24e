/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - one thread of the load: its connections, its share of the schedule
 * and its books. Nothing here is shared but the atomics at the end.
 */
#ifndef OSC_LOAD_LOOP_H
#define OSC_LOAD_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/error.h"
#include "load/load.h"
#include "load/response.h"

#define OSC_LOOP_BUFFER (64u << 10)

enum osc_load_state {
	OSC_LOAD_CLOSED,
	OSC_LOAD_BACKOFF, /* closed; deadline_ns says until when */
	OSC_LOAD_CONNECTING,
	OSC_LOAD_OPEN,
	OSC_LOAD_ENDING, /* all answered; the server closes */
};

/* A request of a connection: when it was meant to start, when it did. */
struct osc_load_stamp {
	uint64_t intended_ns;
	uint64_t sent_ns;
};

struct osc_load_connection {
	int fd;
	uint8_t state;
	bool listed; /* in the queue of those with room */
	uint8_t failures; /* in a row, without an answer between */
	uint16_t head; /* the oldest in the ring of stamps */
	uint16_t inflight; /* taken from the schedule, not answered */
	uint16_t sent; /* of these, given to the socket */
	uint32_t taken; /* requests on this connection */
	uint32_t answered; /* on this connection */
	uint32_t unsent_keep; /* bytes of requests still to write … */
	uint32_t unsent_close; /* … and of the last, which says close */
	uint64_t deadline_ns;
	uint64_t opened_ns;
	struct osc_response response;
};

/* The memory that a connection costs, but for its stamps (16 a request). */
_Static_assert(sizeof(struct osc_load_connection) <= 200,
	       "a connection must stay small: there may be a million");

/* What is written, prepared once for all. */
struct osc_load_text {
	char *keep; /* `pipeline` requests, one after another */
	char *close; /* one that ends the connection */
	uint32_t keep_len, close_len; /* of one */
};

/* What the scheduler says of this thread. */
struct osc_loop_usage {
	bool taken, has_wait;
	uint64_t at_ns, cpu_ns, wait_ns;
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

	unsigned int address; /* the one in use */
	bool head_only;
	bool retired; /* no more requests are taken */
	bool concluded; /* and what the load cost us is known */
	uint64_t budget; /* requests still to take; UINT64_MAX: no limit */
	uint64_t outstanding; /* taken, not answered */
	struct osc_schedule schedule;
	struct osc_schedule openings; /* of those that were never open */
	uint32_t opened; /* which the first so many are not */
	uint64_t room_since_ns; /* when the queue last ceased to be empty */

	uint64_t start_ns, measure_ns, end_ns; /* end UINT64_MAX: none */
	uint64_t last_success_ns;
	uint64_t scan_ns; /* no deadline is before */
	uint64_t publish_ns;
	struct osc_loop_usage from; /* at measure_ns */

	int epoll;
	int wake; /* eventfd: stop has been set */
	char *buffer;
	int connect_error; /* of the last attempt; 0 since one succeeded */
	struct osc_error error; /* ours, not the server's: the run fails */
	struct osc_load_stats *stats;

	/* Read by the main thread. */
	atomic_bool *stop;
	_Atomic uint64_t live_requests, live_errors, live_p99_ns;
};

int osc_loop_init(struct osc_loop *loop, struct osc_error *e);
void osc_loop_free(struct osc_loop *loop);
/* Until the budget is answered, the time is over or stop is set. */
void osc_loop_run(struct osc_loop *loop);

/* connection.c: one connection's life, called by the loop alone. */

/* Takes a request that is meant to start at intended_ns; does not send. */
void osc_connection_take(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t intended_ns);
bool osc_connection_has_room(const struct osc_loop *loop,
			     const struct osc_load_connection *c);
/* Sends what was taken, opening the connection where needed. */
void osc_connection_go(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now);
void osc_connection_open(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now);
void osc_connection_event(struct osc_loop *loop, struct osc_load_connection *c,
			  uint32_t events);
/* Its deadline has passed. */
void osc_connection_late(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now);
/* At the end of the run. */
void osc_connection_retire(struct osc_loop *loop,
			   struct osc_load_connection *c);

/* loop.c: c may take a request (again); asks for none when it has no room. */
void osc_loop_offer(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now);
void osc_loop_expect(struct osc_loop *loop, uint64_t deadline_ns);

#endif
