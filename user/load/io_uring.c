// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io_uring.c - the engine on io_uring: the kernel is asked once per connection
 * to receive, and brings what came in buffers that it was lent; all that a round
 * has to send is handed over by the call that waits for the next.
 *
 * A send is done while it is handed over or not at all, and tells only what it
 * did not do: so no two of a connection are ever under way, and their bytes
 * cannot get out of order. What it left goes back and waits for room.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/ring.h"
#include "load/loop.h"

#define SQ_ENTRIES 1024
#define CQ_ENTRIES 8192
/* Lent to the kernel, as many as it turns out to need. */
#define BUFFERS 4096
#define BUFFER_BYTES (16u << 10)

/* What a completion is of; SEND_CLOSE is the second part of a SEND. */
enum operation { WAKE, CONNECT, RECEIVE, SEND, SEND_CLOSE, ROOM };

struct ring_data {
	struct io_uring ring;
	struct osc_ring_lent lent;
	uint32_t *sending; /* connections that have something for this round */
	uint32_t nr_sending;
	bool open;
};

static uint64_t name_of(const struct osc_loop *loop, enum operation op,
			const struct osc_load_connection *c)
{
	return (uint64_t)op << 48 | (uint64_t)c->serial << 32 |
	       (uint32_t)(c - loop->connections);
}

static struct io_uring_sqe *request(struct osc_loop *loop, enum operation op,
				    const struct osc_load_connection *c)
{
	struct ring_data *d = loop->io_data;

	return osc_ring_request(&d->ring, name_of(loop, op, c));
}

static void shut_down(struct osc_loop *loop)
{
	struct ring_data *d = loop->io_data;

	if (!d)
		return;
	if (d->open)
		io_uring_queue_exit(&d->ring);
	osc_ring_unlend(&d->lent);
	free(d->sending);
	free(d);
	loop->io_data = NULL;
}

static int set_up(struct osc_loop *loop, struct osc_error *e)
{
	struct ring_data *d = calloc(1, sizeof(*d));

	loop->io_data = d;
	if (d)
		d->sending = calloc(loop->nr, sizeof(*d->sending));
	if (!d || !d->sending)
		return osc_error_set(e, ENOMEM,
				     "cannot set up a ring: out of memory");
	return 0;
}

/* By the thread that will use it: a ring belongs to the one that made it. */
static int begin(struct osc_loop *loop)
{
	struct ring_data *d = loop->io_data;
	struct io_uring_sqe *sqe;
	int ret = osc_ring_open(&d->ring, SQ_ENTRIES, CQ_ENTRIES);

	if (ret)
		return ret;
	d->open = true;
	ret = osc_ring_lend(&d->ring, &d->lent, BUFFERS, BUFFER_BYTES);
	if (ret)
		return ret;
	sqe = osc_ring_request(&d->ring, (uint64_t)WAKE << 48);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, loop->wake, POLLIN);
	return 0;
}

/* --- connecting */

static int connect_to(struct osc_loop *loop, struct osc_load_connection *c,
		      const struct sockaddr *to, socklen_t length)
{
	struct io_uring_sqe *sqe = request(loop, CONNECT, c);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_connect(sqe, c->fd, to, length);
	return 0;
}

/*
 * What TLS has packed is freed with the connection: if it is still to be handed over,
 * then now. Where that fails the socket is closed before it is tried again, and
 * nothing is read.
 */
static void flush(struct osc_loop *loop)
{
	struct ring_data *d = loop->io_data;

	if (d->open && io_uring_sq_ready(&d->ring))
		io_uring_submit(&d->ring);
}

/* Ends what is under way: it holds the socket open. */
static void forget(struct osc_loop *loop, struct osc_load_connection *c)
{
	(void)loop;
	shutdown(c->fd, SHUT_RDWR);
	c->waiting = false;
}

static void ask_to_receive(struct osc_loop *loop, struct osc_load_connection *c,
			   uint64_t now)
{
	struct io_uring_sqe *sqe = request(loop, RECEIVE, c);

	if (!sqe) {
		osc_connection_broken(loop, c, OSC_LOAD_READ, EAGAIN, now);
		return;
	}
	io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
}

static void on_connect(struct osc_loop *loop, struct osc_load_connection *c,
		       int res, uint64_t now)
{
	if (res < 0) {
		osc_connection_refused(loop, c, -res, now);
		return;
	}
	ask_to_receive(loop, c, now);
	if (c->fd >= 0)
		osc_connection_connected(loop, c, now);
}

/* --- sending */

static void send_later(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now)
{
	struct ring_data *d = loop->io_data;

	(void)now;
	if (c->sending || c->waiting)
		return;
	c->sending = true;
	d->sending[d->nr_sending++] = (uint32_t)(c - loop->connections);
}

static bool send_part(struct osc_loop *loop, struct osc_load_connection *c,
		      enum operation op, const struct iovec *iov)
{
	struct io_uring_sqe *sqe = request(loop, op, c);

	if (!sqe)
		return false;
	io_uring_prep_send(sqe, c->fd, iov->iov_base, iov->iov_len,
			   MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	return true;
}

static void wait_for_room(struct osc_loop *loop, struct osc_load_connection *c,
			  uint64_t now)
{
	struct io_uring_sqe *sqe;

	if (c->waiting)
		return;
	sqe = request(loop, ROOM, c);
	if (!sqe) {
		osc_connection_broken(loop, c, OSC_LOAD_WRITE, EAGAIN, now);
		return;
	}
	io_uring_prep_poll_add(sqe, c->fd, POLLOUT);
	c->waiting = true;
}

/* Both of two are handed over at once, the second if the first is all sent. */
static void send_one(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now)
{
	struct ring_data *d = loop->io_data;
	struct iovec iov[2];
	unsigned int parts, first;
	bool ok = true;

	c->sending = false;
	/* Closed since, and perhaps being opened again. */
	if (c->fd < 0 || c->state == OSC_LOAD_CONNECTING)
		return;
	parts = osc_connection_output(loop, c, iov, now);
	if (!parts)
		return;
	/* Of TLS there is one part, whatever is in it. */
	first = loop->tls || c->unsent_keep;
	c->ring.keep = first ? (uint32_t)iov[0].iov_len : 0;
	c->ring.close = parts > first ? c->unsent_close : 0;
	if (parts == 2 && io_uring_sq_space_left(&d->ring) < 2)
		ok = io_uring_submit(&d->ring) >= 0;
	if (ok && c->ring.keep)
		ok = send_part(loop, c, SEND, &iov[0]);
	if (ok && parts == 2)
		d->ring.sq
			.sqes[(d->ring.sq.sqe_tail - 1) & d->ring.sq.ring_mask]
			.flags |= IOSQE_IO_LINK;
	if (ok && c->ring.close)
		ok = send_part(loop, c, SEND_CLOSE, &iov[parts - 1]);
	if (!ok) {
		osc_connection_broken(loop, c, OSC_LOAD_WRITE, EAGAIN, now);
		return;
	}
	osc_connection_wrote(loop, c, (size_t)c->ring.keep + c->ring.close);
	if (osc_connection_unsent(loop, c))
		wait_for_room(loop, c, now);
}

static void send_all(struct osc_loop *loop)
{
	struct ring_data *d = loop->io_data;
	uint64_t now;

	if (!d->nr_sending)
		return;
	now = osc_clock_ns();
	for (uint32_t i = 0; i < d->nr_sending; i++)
		send_one(loop, &loop->connections[d->sending[i]], now);
	d->nr_sending = 0;
}

/* It was not all sent. */
static void on_unsent(struct osc_loop *loop, struct osc_load_connection *c,
		      enum operation op, int res, uint64_t now)
{
	uint32_t sent = res > 0 ? (uint32_t)res : 0;

	if (op == SEND)
		osc_connection_unwrote(loop, c, c->ring.keep - sent, 0);
	else
		osc_connection_unwrote(loop, c, 0, c->ring.close - sent);
	if (res < 0 && res != -EAGAIN && res != -ECANCELED) {
		osc_connection_broken(loop, c, OSC_LOAD_WRITE, -res, now);
		return;
	}
	wait_for_room(loop, c, now);
}

/* --- receiving */

static void on_receive(struct osc_loop *loop, struct osc_load_connection *c,
		       const struct io_uring_cqe *cqe, uint64_t now)
{
	struct ring_data *d = loop->io_data;
	bool more = cqe->flags & IORING_CQE_F_MORE;

	if (!cqe->res) {
		osc_connection_ended(loop, c, now);
	} else if (cqe->res > 0) {
		const char *data =
			osc_ring_buffer(&d->lent, osc_ring_buffer_id(cqe));

		if (osc_connection_received(loop, c, data, (size_t)cqe->res,
					    now) &&
		    !more)
			ask_to_receive(loop, c, now);
	} else if (cqe->res == -ENOBUFS) {
		osc_ring_lend_more(&d->lent);
		ask_to_receive(loop, c, now);
	} else {
		osc_connection_broken(loop, c, OSC_LOAD_READ, -cqe->res, now);
	}
}

/* --- rounds */

static void on_completion(struct osc_loop *loop, const struct io_uring_cqe *cqe,
			  uint64_t now)
{
	enum operation op = (enum operation)(cqe->user_data >> 48);
	struct osc_load_connection *c =
		&loop->connections[(uint32_t)cqe->user_data];

	/* Of a socket that has been closed since. */
	if (op == WAKE || c->fd < 0 ||
	    c->serial != (uint16_t)(cqe->user_data >> 32))
		return;
	switch (op) {
	case CONNECT:
		on_connect(loop, c, cqe->res, now);
		break;
	case RECEIVE:
		on_receive(loop, c, cqe, now);
		break;
	case ROOM:
		c->waiting = false;
		send_later(loop, c, now);
		break;
	default:
		on_unsent(loop, c, op, cqe->res, now);
	}
}

static void reap(struct osc_loop *loop)
{
	struct ring_data *d = loop->io_data;
	uint64_t now = osc_clock_ns();
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	size_t received = 0;

	io_uring_for_each_cqe(&d->ring, head, cqe)
	{
		on_completion(loop, cqe, now);
		if (cqe->flags & IORING_CQE_F_BUFFER) {
			osc_ring_return(&d->lent, osc_ring_buffer_id(cqe));
			received += (size_t)cqe->res;
		}
		/* The other completions stay in the queue for the next round. */
		if (++n == CQ_ENTRIES || received >= OSC_ROUND_BYTES)
			break;
	}
	io_uring_cq_advance(&d->ring, n);
	osc_ring_lend_again(&d->lent);
}

static int wait_completions(struct osc_loop *loop, uint64_t now, uint64_t until)
{
	struct ring_data *d = loop->io_data;
	struct timespec ts = osc_loop_time_left(now, until);
	int ret;

	send_all(loop);
	ret = osc_ring_wait(&d->ring, until == UINT64_MAX ? NULL : &ts);
	if (ret && ret != -EINTR)
		return ret;
	osc_loop_woke(loop, until);
	reap(loop);
	osc_loop_dispatch(loop);
	return 0;
}

const struct osc_load_io osc_load_io_uring = {
	.open = set_up,
	.begin = begin,
	.close = shut_down,
	.connect = connect_to,
	.send = send_later,
	.send_all = send_all,
	.flush = flush,
	.forget = forget,
	.wait = wait_completions,
};
