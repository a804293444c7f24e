/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * response.h - the parser of HTTP/1.1 responses, as a client meets them.
 *
 * It is pure: no socket, no clock, no allocation. Bytes come in pieces of any
 * size and the outcome does not depend on the pieces. Most bytes are read where
 * they lie; only a line or an element that the end of a piece cuts is kept, so
 * that a connection needs no buffer of its own.
 */
#ifndef OSC_LOAD_RESPONSE_H
#define OSC_LOAD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes kept of a status line, of a chunk-size line, and of each list element of a
 * framing field ("close" in "Connection: upgrade, close").
 */
#define OSC_RESPONSE_LINE 64
/* Of a head, with its 1xx predecessors, and of trailers. */
#define OSC_RESPONSE_HEAD_MAX (64u << 10)
/* A longer head is not remembered, but read each time. */
#define OSC_RESPONSE_LAST_MAX 512

enum osc_response_error {
	OSC_RESPONSE_OK,
	OSC_RESPONSE_BAD_STATUS_LINE,
	OSC_RESPONSE_BAD_FIELD,
	OSC_RESPONSE_BAD_LENGTH,
	OSC_RESPONSE_BAD_CODING,
	OSC_RESPONSE_BAD_CHUNK,
	OSC_RESPONSE_HEAD_TOO_LONG,
	OSC_RESPONSE_UPGRADE,
	OSC_RESPONSE_TRUNCATED,
	OSC_RESPONSE_NO_CLOSE_NOTIFY, /* a body up to the end, and TLS has none */
	OSC_RESPONSE_UNSOLICITED, /* set by the caller: nothing was asked */
	OSC_NR_RESPONSE_ERRORS,
};

/* "bad-status-line", …: as in the results. */
const char *osc_response_error_name(enum osc_response_error error);

struct osc_response {
	uint64_t left; /* of the body or the chunk */
	uint64_t body_bytes;
	uint32_t head_bytes;
	uint16_t status;
	uint8_t state;
	uint8_t error;
	uint8_t minor; /* HTTP/1.minor */
	uint8_t carried; /* bytes in carry */
	uint8_t field; /* the row of the field that is being read, from 1 */
	bool head_only; /* the request was HEAD: no body follows */
	bool blank; /* an empty line came before it */
	bool may_fold; /* a field line can be continued */
	bool in_trailers;
	bool cut; /* the element is longer than carry */
	bool element; /* the field has one that is not empty */
	bool has_length, chunked;
	bool close, keep_alive; /* as the Connection field says */
	char carry[OSC_RESPONSE_LINE];
};

/* Before each response. */
void osc_response_init(struct osc_response *r, bool head_only);

enum osc_response_result {
	OSC_RESPONSE_MORE, /* all was used */
	OSC_RESPONSE_COMPLETE,
	OSC_RESPONSE_FAILED, /* see r->error */
};

/*
 * The last head that came in one piece, and what it said. A server's answers have
 * the same head, byte for byte, until its Date moves: what was read once need not
 * be read again to be known. Zeroed at first; of one thread.
 */
struct osc_response_last {
	struct osc_response said;
	size_t size; /* of the head, 0: there is none */
	char head[OSC_RESPONSE_LAST_MAX];
};

/* *used: bytes that belong to this response. last may be NULL. */
enum osc_response_result osc_response_feed(struct osc_response *r,
					   struct osc_response_last *last,
					   const char *data, size_t size,
					   size_t *used);

/*
 * The connection has ended: that completes a body without a length, if it ended
 * in good order. TLS without a close_notify did not (RFC 9112, 9.8).
 */
enum osc_response_result osc_response_end(struct osc_response *r,
					  bool in_order);

/*
 * One empty line may stand before a response (RFC 9112, 2.2). Returns how many of
 * these bytes belong to it.
 */
size_t osc_response_skip_blank(struct osc_response *r, const char *data,
			       size_t size);

/* Nothing of a response has come yet. */
bool osc_response_untouched(const struct osc_response *r);

/* After COMPLETE: the server will not answer more on this connection. */
bool osc_response_closes(const struct osc_response *r);

#endif
