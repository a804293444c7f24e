/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send.h - the system calls that send what a conversation has to say. */
#ifndef OSC_SERVERS_SEND_H
#define OSC_SERVERS_SEND_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/account.h"
#include "servers/exchange.h"

/*
 * From so many bytes on a body is sent as a file's pages: below, a call of its own
 * for the head costs more than the copy that is spared.
 */
#define OSC_SEND_PAGES_MIN (32 << 10)

/* What one call is to send. */
struct osc_piece {
	size_t size;
	bool pages; /* of a file, and nothing of iov */
	int file;
	off_t at;
	bool more; /* follows at once, and may share the segment */
	int nr; /* of iov */
	struct iovec iov[OSC_EXCHANGE_IOV];
};

/*
 * The next of the output and the body behind it. `file` is osc_response_file();
 * -1: there is none. False: all is written.
 */
bool osc_piece_next(struct osc_piece *p, const struct osc_exchange *x,
		    const struct osc_output *out, int file);

/* These bytes. */
void osc_piece_text(struct osc_piece *p, char *data, size_t size);

/* One call, which returns as write() does, and its place in the books. */
ssize_t osc_piece_send(const struct osc_piece *p, int fd,
		       const struct osc_books *books);

/*
 * Of what that returned for a socket that does not block: it takes no more. That
 * a write was short tells so, but not of pages: a signal ends sendfile early.
 */
static inline bool osc_piece_fills(const struct osc_piece *p, ssize_t n)
{
	if (n < 0)
		return errno == EAGAIN;
	return p->pages ? !n : (size_t)n < p->size;
}

#endif
