/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send.h - the system calls that send what a conversation has to say. */
#ifndef OSC_SERVERS_SEND_H
#define OSC_SERVERS_SEND_H

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
/* The kernel passes them on 64 KiB at a time, each within SO_SNDTIMEO. */
#define OSC_SEND_PAGES_MAX (128 << 10)

/* What one call is to send. */
struct osc_piece {
	struct iovec iov[OSC_EXCHANGE_IOV];
	int nr; /* entries; 0: bytes of the file */
	int file;
	off_t at;
	size_t size;
	bool more; /* follows at once, and may share the segment */
};

/*
 * The next of the output and the body behind it. `file` holds the body's pattern,
 * OSC_RESPONSE_FILE bytes of it; -1: there is none. False: all is written.
 */
bool osc_piece_next(struct osc_piece *p, const struct osc_exchange *x,
		    const struct osc_output *out, int file);

/* One call, which returns as write() does, and its place in the books. */
ssize_t osc_piece_send(const struct osc_piece *p, int fd,
		       const struct osc_books *books);

#endif
