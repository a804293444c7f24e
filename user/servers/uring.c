// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uring.c - an event loop on io_uring: the kernel is asked once to accept and
 * once per connection to receive, and tells of each connection and of each piece
 * that came, in buffers that it was lent. What is to be sent is queued; one
 * system call hands over all that a round has made, and waits.
 *
 * To the loop this looks like edges of readiness: a piece that has come makes a
 * connection readable and is read from memory; a write is taken as long as none
 * of the same connection is under way, whose end makes it writable.
 *
 * A request to the kernel holds the file open, and knows it by its number: so a
 * descriptor is closed when the last of its requests has ended.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/reserve.h"
#include "lib/ring.h"
#include "servers/accepted.h"
#include "servers/event.h"
#include "servers/listen.h"
#include "servers/uring_buffers.h"

/* A round submits at once what more than these would hold. */
#define SQ_ENTRIES 1024
/* Beyond these the kernel keeps completions, at some cost. */
#define CQ_ENTRIES 8192
/* Lent to the kernel, as many as it turns out to need. */
#define BUFFERS 1024 /* a power of two */
#define BUFFER_BYTES 2048
/* Nothing more is received while so much waits to be read. */
#define AHEAD_BYTES OSC_SERVER_INPUT

/* What a completion is of; its descriptor is in the lower half. */
enum operation { ACCEPT, RECEIVE, SEND, POLL, CANCEL };

struct descriptor {
	struct osc_ahead *ahead;
	struct osc_sending *sending; /* NULL: none is under way */
	int error; /* of a receive or send: it is broken */
	bool asked; /* to receive, accept or poll, until told otherwise */
	bool stopping; /* that was cancelled */
	bool ended; /* the client sends no more */
	bool finish; /* shut down when what is under way is sent */
	bool closing;
};

_Static_assert(sizeof(struct descriptor) + sizeof(struct osc_event_connection) +
			       sizeof(struct osc_timer_entry) +
			       sizeof(uint32_t) <=
		       128,
	       "an idle connection owns at most 128 bytes");

/*
 * One in a process, as the loop is. A round has a piece for each buffer at most,
 * and sends an answer to each: more than so many only slow clients keep.
 */
static struct {
	struct io_uring ring;
	struct osc_ring_lent lent;
	struct descriptor *table; /* by descriptor */
	struct osc_sendings sendings;
	/* What the completion being handled has brought, until it is read. */
	const char *piece;
	size_t piece_len;
	struct osc_accepted accepted;
	int accept_error;
	bool accepting; /* wanted */
	bool multishot; /* asked for as many as come */
} u = { .sendings.most = BUFFERS };

static uint64_t name_of(enum operation op, int fd)
{
	return (uint64_t)op << 32 | (uint32_t)fd;
}

static struct io_uring_sqe *request(enum operation op, int fd)
{
	return osc_ring_request(&u.ring, name_of(op, fd));
}

/* --- asking the kernel to go on telling */

static int ask(enum operation op, int fd)
{
	struct io_uring_sqe *sqe = request(op, fd);
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (!sqe)
		return -EAGAIN;
	if (op == ACCEPT && u.multishot) {
		io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, flags);
	} else if (op == ACCEPT) {
		io_uring_prep_accept(sqe, fd, NULL, NULL, flags);
	} else if (op == POLL) {
		io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	} else {
		io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
	}
	u.table[fd].asked = true;
	u.table[fd].stopping = false;
	return 0;
}

/* The last completion says that it has stopped. */
static int stop(enum operation op, int fd)
{
	struct io_uring_sqe *sqe = request(CANCEL, fd);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_cancel64(sqe, name_of(op, fd), 0);
	u.table[fd].stopping = true;
	return 0;
}

/*
 * As many as may wait in the backlog come at once. Where there is no room for them
 * all, one at a time is asked for, so that the others wait there.
 */
static bool fits_backlog(const struct osc_event_loop *l)
{
	return l->open + osc_accepted_left(&u.accepted) +
		       (size_t)l->config->backlog <
	       l->server->max_connections;
}

static int ask_accept(const struct osc_event_loop *l)
{
	u.multishot = fits_backlog(l);
	return ask(ACCEPT, l->listener);
}

static int listen_or_not(const struct osc_event_loop *l, bool want)
{
	const struct descriptor *d = &u.table[l->listener];

	u.accepting = want;
	if (want && !d->asked)
		return ask_accept(l);
	if (!want && d->asked && !d->stopping)
		return stop(ACCEPT, l->listener);
	return 0;
}

static int watch(struct osc_event_loop *l, int fd,
		 enum osc_event_interest interest, bool anew)
{
	(void)anew; /* connections only are */
	switch (l->table[fd].state) {
	case OSC_EVENT_LISTENER:
		return listen_or_not(l, interest & OSC_EVENT_IN);
	case OSC_EVENT_SIGNAL:
		return ask(POLL, fd);
	default:
		return ask(RECEIVE, fd);
	}
}

/* Closes what is ready to be closed, or receives as much as there is room for. */
static void settle(int fd)
{
	struct descriptor *d = &u.table[fd];
	bool full = osc_ahead_left(d->ahead) >= AHEAD_BYTES;
	int ret = 0;

	if (d->closing) {
		if (d->asked || d->sending)
			return;
		memset(d, 0, sizeof(*d));
		close(fd);
		return;
	}
	if (!d->asked && !d->ended && !d->error && !full)
		ret = ask(RECEIVE, fd);
	else if (d->asked && !d->stopping && full)
		ret = stop(RECEIVE, fd);
	if (ret)
		d->error = ENOBUFS;
}

static void close_later(struct osc_event_loop *l, int fd)
{
	struct descriptor *d = &u.table[fd];

	free(d->ahead);
	d->ahead = NULL;
	d->closing = true;
	if (l->table[fd].state == OSC_EVENT_LISTENER) {
		(void)listen_or_not(l, false);
		io_uring_submit(&u.ring);
	} else if (d->asked || d->sending) {
		/* Ends both. */
		shutdown(fd, SHUT_RDWR);
		osc_event_called(l);
	}
	settle(fd);
}

/* --- reading */

static ssize_t read_piece(struct osc_event_loop *l, int fd, void *buf,
			  size_t size)
{
	struct descriptor *d = &u.table[fd];
	size_t n;

	(void)l;
	if (d->ahead) {
		n = osc_ahead_read(&d->ahead, buf, size);
		settle(fd);
		return (ssize_t)n;
	}
	if (u.piece_len) {
		n = u.piece_len < size ? u.piece_len : size;
		memcpy(buf, u.piece, n);
		u.piece += n;
		u.piece_len -= n;
		return (ssize_t)n;
	}
	if (d->ended)
		return 0;
	errno = d->error ? d->error : EAGAIN;
	return -1;
}

/* The kernel adds what it has by now to the completions; those are looked through. */
static bool has_arrived(struct osc_event_loop *l, int fd)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	osc_event_called(l);
	io_uring_get_events(&u.ring);
	io_uring_for_each_cqe(&u.ring, head, cqe)
	{
		if (cqe->user_data == name_of(RECEIVE, fd) && cqe->res > 0)
			return true;
	}
	return false;
}

/* What the loop has not read is kept behind what it had not read before. */
static void keep_piece(int fd)
{
	struct descriptor *d = &u.table[fd];

	if (osc_ahead_add(&d->ahead, u.piece, u.piece_len))
		d->error = ENOMEM;
	else
		u.piece_len = 0;
}

static void on_piece(struct osc_event_loop *l, int fd,
		     const struct io_uring_cqe *cqe)
{
	unsigned int id = osc_ring_buffer_id(cqe);

	u.piece = osc_ring_buffer(&u.lent, id);
	u.piece_len = (size_t)cqe->res;
	if (!u.table[fd].closing) {
		if (u.table[fd].ahead)
			keep_piece(fd);
		osc_event_ready(l, fd, OSC_EVENT_IN);
		if (u.piece_len && l->table[fd].state != OSC_EVENT_FREE)
			keep_piece(fd);
	}
	u.piece_len = 0;
	osc_ring_return(&u.lent, id);
}

static void on_receive(struct osc_event_loop *l, int fd,
		       const struct io_uring_cqe *cqe)
{
	struct descriptor *d = &u.table[fd];

	if (!(cqe->flags & IORING_CQE_F_MORE))
		d->asked = d->stopping = false;
	if (cqe->res > 0) {
		on_piece(l, fd, cqe);
	} else if (cqe->res == 0) {
		d->ended = true;
		if (!d->closing)
			osc_event_ready(l, fd, OSC_EVENT_IN | OSC_EVENT_HUP);
	} else if (cqe->res == -ENOBUFS) {
		osc_ring_lend_more(&u.lent);
	} else if (cqe->res != -ECANCELED) {
		d->error = -cqe->res;
		if (!d->closing)
			osc_event_ready(l, fd, OSC_EVENT_IN | OSC_EVENT_BROKEN);
	}
	/* It may be gone already: then its last completion was this one. */
	if (l->table[fd].state != OSC_EVENT_FREE || d->closing)
		settle(fd);
}

/* --- writing */

static int send_rest(int fd, struct osc_sending *s)
{
	struct io_uring_sqe *sqe = request(SEND, fd);
	const int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (!sqe)
		return -EAGAIN;
	if (s->message.msg_iovlen == 1)
		io_uring_prep_send(sqe, fd, s->message.msg_iov->iov_base,
				   s->message.msg_iov->iov_len, flags);
	else
		io_uring_prep_sendmsg(sqe, fd, &s->message, (unsigned)flags);
	u.table[fd].sending = s;
	return 0;
}

/* Without memory to queue it: what the socket takes now, or an end. */
static ssize_t write_at_once(struct osc_event_loop *l, int fd,
			     const struct iovec *iov, int nr)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = (size_t)nr };
	ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	osc_event_count(l, OSC_ACCOUNT_WRITES, 1);
	if (n > 0)
		osc_event_count(l, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
	else if (errno == EAGAIN)
		errno = ENOBUFS; /* nothing would tell of room */
	return n;
}

static ssize_t write_later(struct osc_event_loop *l, int fd,
			   const struct iovec *iov, int nr, bool passing)
{
	const struct descriptor *d = &u.table[fd];
	struct osc_sending *s;
	size_t n;

	errno = d->error ? d->error : EAGAIN;
	if (d->error || d->sending)
		return -1;
	s = osc_sendings_take(&u.sendings);
	if (!s)
		return write_at_once(l, fd, iov, nr);
	n = osc_sending_fill(s, iov, nr, passing);
	if (!send_rest(fd, s))
		return (ssize_t)n;
	osc_sendings_put(&u.sendings, s);
	errno = ENOBUFS;
	return -1;
}

static bool unsent(struct osc_event_loop *l, int fd)
{
	(void)l;
	return u.table[fd].sending;
}

static void shut_down(struct osc_event_loop *l, int fd, int how)
{
	shutdown(fd, how);
	osc_event_called(l);
}

static void finish(struct osc_event_loop *l, int fd)
{
	if (u.table[fd].sending)
		u.table[fd].finish = true;
	else
		shut_down(l, fd, SHUT_WR);
}

static void on_sent(struct osc_event_loop *l, int fd,
		    const struct io_uring_cqe *cqe)
{
	struct descriptor *d = &u.table[fd];
	struct osc_sending *s = d->sending;
	int ret = cqe->res < 0 ? cqe->res : 0;

	if (!ret) {
		osc_event_count(l, OSC_ACCOUNT_BYTES_OUT, (uint64_t)cqe->res);
		if (!osc_sending_sent(s, (size_t)cqe->res) && !d->closing) {
			ret = send_rest(fd, s);
			if (!ret)
				return;
		}
	}
	d->sending = NULL;
	osc_sendings_put(&u.sendings, s);
	if (ret)
		d->error = -ret;
	if (d->finish)
		shut_down(l, fd, SHUT_WR);
	if (d->closing)
		settle(fd);
	else
		osc_event_ready(l, fd,
				ret ? OSC_EVENT_OUT | OSC_EVENT_BROKEN :
				      OSC_EVENT_OUT);
}

/* --- accepting */

static void on_accept(struct osc_event_loop *l, int fd,
		      const struct io_uring_cqe *cqe)
{
	struct descriptor *d = &u.table[fd];

	if (!(cqe->flags & IORING_CQE_F_MORE))
		d->asked = d->stopping = false;
	if (cqe->res >= 0)
		osc_accepted_put(d->closing ? &l->late : &u.accepted, cqe->res);
	else if (cqe->res != -ECANCELED)
		u.accept_error = osc_listen_error(-cqe->res);
	if (u.accept_error == -EAGAIN)
		u.accept_error = 0;
	if (d->closing) {
		settle(fd);
		return;
	}
	if (d->asked && !d->stopping && u.multishot && !fits_backlog(l))
		u.accept_error = stop(ACCEPT, fd);
	/* It takes those that have come, and asks for more. */
	osc_event_ready(l, fd, OSC_EVENT_IN);
}

static void reap(struct osc_event_loop *l);

/* The last ones: what the kernel has accepted for us, and what it has not. */
static int accept_last(struct osc_event_loop *l)
{
	if (u.accepting) {
		(void)listen_or_not(l, false);
		io_uring_submit_and_get_events(&u.ring);
		reap(l);
	}
	return osc_accepted_left(&u.accepted) ?
		       osc_accepted_take(&u.accepted) :
		       osc_listen_accept(l->listener, SOCK_NONBLOCK);
}

static int accept_next(struct osc_event_loop *l)
{
	int error = u.accept_error;

	if (osc_accepted_left(&u.accepted))
		return osc_accepted_take(&u.accepted);
	if (atomic_load_explicit(&l->draining, memory_order_relaxed))
		return accept_last(l);
	u.accept_error = 0;
	/* Where descriptors have run out, the loop pauses first. */
	if (!error && u.accepting && !u.table[l->listener].asked)
		error = ask_accept(l);
	return error ? error : -EAGAIN;
}

/* --- rounds */

static void reap(struct osc_event_loop *l)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&u.ring, head, cqe)
	{
		int fd = (int)(uint32_t)cqe->user_data;

		n++;
		switch (cqe->user_data >> 32) {
		case ACCEPT:
			on_accept(l, fd, cqe);
			break;
		case RECEIVE:
			on_receive(l, fd, cqe);
			break;
		case SEND:
			on_sent(l, fd, cqe);
			break;
		case POLL:
			osc_event_ready(l, fd, OSC_EVENT_IN);
			break;
		default:
			break;
		}
	}
	io_uring_cq_advance(&u.ring, n);
	osc_ring_lend_again(&u.lent);
}

static int wait_completions(struct osc_event_loop *l,
			    const struct timespec *timeout)
{
	static const struct timespec at_once;
	/* Of these no completion will tell again. */
	bool queued = osc_accepted_left(&u.accepted) && l->listener >= 0 &&
		      l->listening && l->open < l->server->max_connections;
	int ret;

	if (queued)
		timeout = &at_once;
	ret = osc_ring_wait(&u.ring, timeout);
	errno = -ret;
	ret = osc_event_waited(l, timeout,
			       ret < 0 ? -1 : (int)io_uring_cq_ready(&u.ring));
	if (ret < 0)
		return ret;
	reap(l);
	if (queued)
		osc_event_ready(l, l->listener, OSC_EVENT_IN);
	return 0;
}

/* --- setting up */

static int set_up(struct osc_event_loop *l)
{
	/* As many as there can be descriptors. */
	long most = sysconf(_SC_OPEN_MAX);
	int ret = osc_ring_open(&u.ring, SQ_ENTRIES, CQ_ENTRIES);

	if (ret)
		return ret;
	u.table = osc_reserve(l->table_size * sizeof(*u.table));
	if (!u.table)
		return -ENOMEM;
	ret = osc_accepted_open(&u.accepted, (size_t)most);
	if (ret)
		return ret;
	return osc_ring_lend(&u.ring, &u.lent, BUFFERS, BUFFER_BYTES);
}

const struct osc_event_backend osc_event_uring = {
	.edge = true,
	.open = set_up,
	.watch = watch,
	.wait = wait_completions,
	.accept = accept_next,
	.read = read_piece,
	.arrived = has_arrived,
	.write = write_later,
	.unsent = unsent,
	.finish = finish,
	.close = close_later,
};
