/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * closing.h - closing in stages (RFC 9112, 9.6). A socket that is closed while
 * input is unread, or that gets input after that, sends a reset, which may take
 * the last response from the client. So the server closes at once only when the
 * client has acknowledged everything and nothing is unread. Otherwise it lingers:
 * it ends its own side and discards input, bounded in time, in bytes, and in the
 * number of connections that linger at once.
 */
#ifndef OSC_SERVERS_CLOSING_H
#define OSC_SERVERS_CLOSING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct osc_books;

/* How many of a server's connections linger: shared by all its processes. */
struct osc_closing {
	atomic_uint lingering;
	unsigned int most;
};

/* One connection that lingers. */
struct osc_linger {
	uint64_t quiet_ns; /* ends then, unless the client takes more */
	uint64_t end_ns; /* ends then in any case */
	uint64_t discarded; /* bytes of input */
	uint32_t unsent; /* bytes not acknowledged when last seen */
	bool to_end; /* until the client closes: it may still be sending */
};

/* In shared memory, for a server that serves `connections` at once. NULL: errno. */
struct osc_closing *osc_closing_new(unsigned int connections);
void osc_closing_free(struct osc_closing *c);

/* All is acknowledged and nothing is unread: close() loses nothing. */
bool osc_closing_is_safe(int fd, const struct osc_books *books);

/* False: too many linger already, and the connection is to be closed at once. */
bool osc_closing_enter(struct osc_closing *c);
void osc_closing_leave(struct osc_closing *c);
/* A worker has died, perhaps with connections that lingered. */
void osc_closing_reset(struct osc_closing *c);

/* `most_ns` is the longest that a client may take for a response. */
void osc_linger_begin(struct osc_linger *g, uint64_t now_ns, uint64_t most_ns,
		      bool to_end);

/* Whether the connection is to linger on, at `now_ns`. */
bool osc_linger_goes_on(struct osc_linger *g, int fd, uint64_t now_ns,
			const struct osc_books *books);

/* When to ask again. */
static inline uint64_t osc_linger_until(const struct osc_linger *g)
{
	return g->quiet_ns < g->end_ns ? g->quiet_ns : g->end_ns;
}

#endif
