/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uring_buffers.h - what uring.c keeps between the kernel, which completes, and
 * the loop, which asks: input that came early, and output until it is sent, which
 * outlasts the loop's buffer.
 */
#ifndef OSC_SERVERS_URING_BUFFERS_H
#define OSC_SERVERS_URING_BUFFERS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "servers/exchange.h"

/* Input that came while the loop waited for something else of the connection. */
struct osc_ahead {
	size_t len, at;
	char data[];
};

/* Takes up to `size` bytes; what is used up is freed, and *a is NULL then. */
size_t osc_ahead_read(struct osc_ahead **a, void *buf, size_t size);
/* Adds behind what is there, or was NULL. Returns 0 or -ENOMEM. */
int osc_ahead_add(struct osc_ahead **a, const char *data, size_t len);

static inline size_t osc_ahead_left(const struct osc_ahead *a)
{
	return a ? a->len - a->at : 0;
}

/* Most answers fit; of longer output a write takes so much. */
#define OSC_SENDING_BYTES 4096

/* What message points to is here, or lasts. */
struct osc_sending {
	struct osc_sending *next; /* spare */
	struct msghdr message;
	struct iovec iov[OSC_EXCHANGE_IOV];
	char data[OSC_SENDING_BYTES];
};

/*
 * Those that are not in use, `most` of them: what a round takes at once need not
 * be allocated, and what many slow clients had is given back.
 */
struct osc_sendings {
	unsigned int most;
	unsigned int nr_spare;
	struct osc_sending *spare;
};

/* NULL: memory has run out. */
struct osc_sending *osc_sendings_take(struct osc_sendings *all);
void osc_sendings_put(struct osc_sendings *all, struct osc_sending *s);

/*
 * Fills it from nr entries: copies the first where it is `passing`, as far as there
 * is room, and points to the others, in all as much as a client is given a time
 * limit for. Returns the number of bytes.
 */
size_t osc_sending_fill(struct osc_sending *s, const struct iovec *iov, int nr,
			bool passing);

/* n bytes of it have been sent. True: nothing is left. */
bool osc_sending_sent(struct osc_sending *s, size_t n);

#endif
