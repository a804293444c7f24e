/* SPDX-License-Identifier: GPL-2.0-or-later */
/* response.h - what the server writes: heads, small texts, long bodies. */
#ifndef OSC_SERVERS_RESPONSE_H
#define OSC_SERVERS_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* Room that any single head with its small text fits into. */
#define OSC_RESPONSE_MAX 512

/* Bytes on their way out. */
struct osc_output {
	char *data;
	size_t len;
	size_t size;
};

/*
 * What is the same for all answers of one second: the Date field, and the
 * whole answer to "GET /" on a connection that stays.
 */
struct osc_response_cache {
	time_t second;
	size_t hello_len; /* 0: not made for this second */
	char date[30]; /* "Mon, 23 Nov 2026 21:28:06 GMT" */
	char hello[256];
};

/* Called at least once a second while answers are written, and cheap. */
void osc_response_tick(struct osc_response_cache *c);

struct osc_response {
	int status;
	uint64_t body_len; /* Content-Length */
	const char *body; /* NULL: the caller streams body_len bytes */
	bool close; /* say that the connection ends */
	bool keep_alive; /* say that it stays, which HTTP/1.0 must be told */
	bool head_only; /* the answer to HEAD */
};

/* out has room for OSC_RESPONSE_MAX. */
void osc_response_write(struct osc_output *out, struct osc_response_cache *c,
			const struct osc_response *r);

/* The 13 bytes of "/", "/work" and "/sleep". */
void osc_response_hello(struct osc_output *out, struct osc_response_cache *c,
			bool close, bool keep_alive, bool head_only);

/* The refusal `status` with its reason as text. */
void osc_response_error(struct osc_output *out, struct osc_response_cache *c,
			int status, bool close, bool keep_alive,
			bool head_only);

void osc_response_continue(struct osc_output *out);

/*
 * The body of /bytes/N is a pattern, never held whole. Points iov at the next
 * bytes of it, `left` before its end, and returns how many entries were used: so
 * many that bodies of 100 KiB take one write.
 */
#define OSC_RESPONSE_IOV 32
int osc_response_pattern(struct iovec iov[OSC_RESPONSE_IOV], uint64_t total,
			 uint64_t left);

/*
 * Makes a file in memory of the same pattern, whose pages can be sent without
 * being copied. Nobody can change it any more. Returns its descriptor, closed by
 * exec, or -errno.
 */
int osc_response_file(void);

/* Where in it those next bytes begin; it has so many of them from there on. */
#define OSC_RESPONSE_PAGES (128 << 10)
off_t osc_response_file_at(uint64_t total, uint64_t left);

#endif
