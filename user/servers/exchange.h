/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exchange.h - the conversation on one connection: bytes in, bytes out, no
 * socket and no waiting. Every engine runs this and does what it returns.
 */
#ifndef OSC_SERVERS_EXCHANGE_H
#define OSC_SERVERS_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "servers/http.h"
#include "servers/response.h"
#include "servers/route.h"

struct osc_closing;

/* What the conversations of one process or one loop have in common. */
struct osc_service {
	struct osc_http_limits limits;
	struct osc_books books;
	struct osc_response_cache cache;
	struct osc_closing *closing;
	int body_file; /* osc_response_file(); negative: bodies are written */
	/* True: each answer says that it is the connection's last. */
	const atomic_bool *draining;
	bool one_request; /* likewise, always: others wait for the server */
	bool work_apart; /* the engine sees to /work/N, as OSC_NEXT_WORK says */
};

enum osc_exchange_phase {
	OSC_EXCHANGE_HEAD,
	OSC_EXCHANGE_BODY,
	OSC_EXCHANGE_ANSWER,
	OSC_EXCHANGE_STREAM,
	OSC_EXCHANGE_OVER,
};

/* Holds nothing between two requests: an idle connection need not keep one. */
struct osc_exchange {
	struct osc_http_parser parser;
	struct osc_route route;
	uint64_t body_left; /* of the request, to be passed over */
	uint64_t stream_left; /* of the answer's body, to be written */
	uint8_t phase;
	bool waited; /* for what the request asks: sleep, or work elsewhere */
	bool renewed; /* the last run finished a request: time limits restart */
};

/* What the engine does next, after it has written all there is to write. */
enum osc_next {
	OSC_NEXT_READ, /* get more input */
	OSC_NEXT_WRITE, /* nothing: there was too much to write; call again */
	OSC_NEXT_SLEEP, /* wait for route.n us, set waited; call again */
	OSC_NEXT_WORK, /* have osc_route_work(route.n) done; likewise */
	OSC_NEXT_CLOSE, /* close, without a reset that takes the answer: closing.h */
	OSC_NEXT_LINGER, /* likewise; the client may well be sending */
};

/*
 * Runs as far as the input goes. in[0..len) is what has arrived and not yet
 * been used; *used is how much of it was. The rest is to be passed again, with
 * more behind it. Between two calls nothing points into the input. A call
 * without new input repeats its answer and writes nothing.
 */
enum osc_next osc_exchange_run(struct osc_exchange *x, struct osc_service *s,
			       const char *in, size_t len, size_t *used,
			       struct osc_output *out);

/* The output is one piece, the body behind it the others. */
#define OSC_EXCHANGE_IOV (1 + OSC_RESPONSE_IOV)

/*
 * What is to be written next: the output, and behind it in the same write as much
 * of the body as iov has room for, so that a head has no segment of its own.
 * Returns how many entries were used, 0 when all is written, and their bytes in
 * *size. The output may be changed once it is written; the body lasts.
 */
int osc_exchange_pieces(const struct osc_exchange *x,
			const struct osc_output *out,
			struct iovec iov[OSC_EXCHANGE_IOV], size_t *size);

/* n bytes of these have been written: they are to be written no more. */
void osc_exchange_written(struct osc_exchange *x, struct osc_output *out,
			  size_t n);

/* Between two requests, with nothing half read. */
static inline bool osc_exchange_is_idle(const struct osc_exchange *x)
{
	return x->phase == OSC_EXCHANGE_HEAD && !x->parser.pos &&
	       !x->parser.scanned;
}

/* The 408 for a request that did not arrive in time. */
void osc_exchange_timeout(const struct osc_exchange *x, struct osc_service *s,
			  struct osc_output *out);

/*
 * The 503 for a request that there is no memory for, or, with x NULL, for a
 * connection that no child or thread could be had for.
 */
void osc_exchange_refuse(const struct osc_exchange *x, struct osc_service *s,
			 struct osc_output *out);

#endif
