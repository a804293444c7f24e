/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/servers - one HTTP/1.1 server under several engines. Same parser, same
 * answers, same limits, same accept policy; only the engine differs, so that
 * what the kernel counts is the engine's doing.
 *
 * In reading order: http (parser), route (what a path means), response (what
 * is written), exchange (bytes in, bytes out, no sockets), accept and blocking
 * or event and loop (sockets), fork, thread, select … (the engines), supervise
 * (a master and its workers), server (start to stop). The room calls user/lib
 * only; the command line and the daemon call it.
 *
 * http.h - the parser of request heads. It is pure: no socket, no allocation,
 * no clock. It takes a line at a time and resumes where it stopped, so the
 * result cannot depend on the pieces in which a request arrived.
 */
#ifndef OSC_SERVERS_HTTP_H
#define OSC_SERVERS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum osc_http_method {
	OSC_HTTP_GET,
	/* Also while the line is incomplete and may turn out to be HEAD. */
	OSC_HTTP_HEAD,
	OSC_HTTP_NOT_ALLOWED, /* another method of RFC 9110: 405 */
};

struct osc_http_limits {
	uint32_t line_bytes; /* of the request line: 414 beyond */
	uint32_t head_bytes; /* of line and fields together: 431 beyond */
	uint32_t fields; /* number of fields: 431 beyond */
	uint64_t body_bytes; /* a longer body: 413 */
};

enum osc_http_phase { OSC_HTTP_LINE, OSC_HTTP_FIELDS, OSC_HTTP_END };

/*
 * Zeroed before each request. The target is an offset into the request, since
 * the bytes may move between two calls.
 */
struct osc_http_parser {
	uint32_t pos; /* bytes of the head consumed, in whole lines */
	uint32_t scanned; /* no line end lies before this offset */
	uint32_t target;
	uint32_t target_len;
	uint32_t fields;
	uint8_t phase;
	uint8_t method;
	uint8_t minor; /* HTTP/1.minor */
	bool has_host, has_length, has_coding;
	bool close, keep_alive; /* as the Connection field says */
	bool expect_continue, expect_unknown;
	uint64_t content_length;
};

#define OSC_HTTP_MORE 0
#define OSC_HTTP_COMPLETE 1

/*
 * buf starts with the request's first byte and holds all that has arrived.
 * Returns OSC_HTTP_MORE, OSC_HTTP_COMPLETE (p->pos is then the head's length),
 * or the status to refuse it with: 400, 413, 414, 417, 431, 501, 505. The method
 * is set in either case, since a response to HEAD has no body.
 */
int osc_http_parse(struct osc_http_parser *p, const char *buf, size_t len,
		   const struct osc_http_limits *limits);

/* Whether the connection may live on after this request. */
static inline bool osc_http_persists(const struct osc_http_parser *p)
{
	return !p->close && (p->minor >= 1 || p->keep_alive);
}

#endif
