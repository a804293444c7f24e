// SPDX-License-Identifier: GPL-2.0-or-later
/* event.c - the life of one connection in an event loop. */
#include "servers/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "servers/send.h"

/* A stream yields to the other connections after so much. */
#define STREAM_TURN (1 << 20)

enum written { WRITTEN, BLOCKED, BROKEN };

static uint32_t fd_of(const struct osc_event_loop *l,
		      const struct osc_event_connection *c)
{
	return (uint32_t)(c - l->table);
}

static void stop_lingering(struct osc_event_loop *l,
			   struct osc_event_connection *c)
{
	if (c->state != OSC_EVENT_LINGERING)
		return;
	osc_closing_leave(l->service.closing);
	c->state = OSC_EVENT_READING;
}

void osc_event_close(struct osc_event_loop *l, struct osc_event_connection *c)
{
	uint32_t fd = fd_of(l, c);

	osc_timers_clear(&l->timers, fd);
	if (c->kept && c->kept->work)
		l->backend->call_off(l, c->kept->work);
	stop_lingering(l, c);
	free(c->kept);
	memset(c, 0, sizeof(*c));
	osc_event_close_fd(l, (int)fd);
	l->open--;
	l->useful = true;
	l->pause_until_ns = 0;
	osc_event_count(l, OSC_ACCOUNT_CLOSES, 1);
}

/*
 * Mostly moves the deadline alone: the timer, set for an earlier one, finds
 * that when it fires and is set anew.
 */
static void set_deadline(struct osc_event_loop *l,
			 struct osc_event_connection *c, uint64_t ns)
{
	c->deadline_ns = ns;
	if (c->due_ns && c->due_ns <= ns)
		return;
	c->due_ns = ns;
	osc_timers_set(&l->timers, fd_of(l, c), ns);
}

static bool set_interest(struct osc_event_loop *l,
			 struct osc_event_connection *c,
			 enum osc_event_interest interest)
{
	bool same = c->interest == interest;

	c->interest = (uint8_t)interest;
	if (l->backend->edge) {
		if (c->ready & interest && !c->pending) {
			c->pending = true;
			l->pending[l->nr_pending++] = fd_of(l, c);
		}
		return true;
	}
	return same || !l->backend->watch(l, (int)fd_of(l, c), interest, false);
}

/*
 * What came back of a read of `size` bytes. A piece shorter than that is the last
 * there was; only the end of the input may be behind it.
 */
static void use_up_input(struct osc_event_connection *c, ssize_t n, size_t size)
{
	if (n != (ssize_t)size && (n <= 0 || !(c->ready & OSC_EVENT_HUP)))
		c->ready &= (uint8_t)~OSC_EVENT_IN;
}

static ssize_t get(struct osc_event_loop *l, struct osc_event_connection *c,
		   void *buf, size_t size)
{
	int fd = (int)fd_of(l, c);
	ssize_t n;

	if (l->backend->read) {
		n = l->backend->read(l, fd, buf, size);
	} else {
		n = read(fd, buf, size);
		osc_event_count(l, OSC_ACCOUNT_READS, 1);
		if (n < 0 && errno == EAGAIN)
			osc_event_count(l, OSC_ACCOUNT_READS_EMPTY, 1);
	}
	l->useful |= n >= 0;
	use_up_input(c, n, size);
	if (n > 0)
		osc_event_count(l, OSC_ACCOUNT_BYTES_IN, (uint64_t)n);
	return n;
}

/*
 * `passing`: the caller may change what iov[0] points to when it returns. *full: the
 * socket takes no more.
 */
static ssize_t put(struct osc_event_loop *l, struct osc_event_connection *c,
		   const struct osc_piece *p, bool passing, bool *full)
{
	int fd = (int)fd_of(l, c);
	ssize_t n;

	if (l->backend->write) {
		n = l->backend->write(l, fd, p->iov, p->nr, passing);
	} else {
		n = osc_piece_send(p, fd, &l->service.books);
		l->useful |= n > 0;
	}
	*full = osc_piece_fills(p, n);
	if (*full)
		c->ready &= (uint8_t)~OSC_EVENT_OUT;
	return n;
}

/* True: what was written is not all sent, and a close would lose it. */
static bool is_unsent(struct osc_event_loop *l, struct osc_event_connection *c)
{
	if (!l->backend->unsent || !l->backend->unsent(l, (int)fd_of(l, c)))
		return false;
	c->ready &= (uint8_t)~OSC_EVENT_OUT;
	return true;
}

/*
 * Copies aside what the connection needs when it goes on: the exchange, the
 * input not yet used and the output not yet taken. Old contents are replaced.
 */
static bool keep(struct osc_event_loop *l, struct osc_event_connection *c,
		 const struct osc_exchange *x, const char *in, size_t in_len)
{
	struct osc_event_kept *k = malloc(sizeof(*k) + l->out.len + in_len);

	if (!k)
		return false;
	k->exchange = *x;
	k->work = NULL;
	k->progress = 0;
	k->in_len = (uint32_t)in_len;
	k->out_len = (uint32_t)l->out.len;
	k->out_at = 0;
	memcpy(k->data, l->out.data, l->out.len);
	memcpy(k->data + l->out.len, in, in_len);
	free(c->kept);
	c->kept = k;
	l->out.len = 0;
	return true;
}

/* Puts kept input back to the front of the loop's buffer. */
static size_t restore(struct osc_event_loop *l,
		      const struct osc_event_connection *c,
		      struct osc_exchange *x)
{
	const struct osc_event_kept *k = c->kept;

	if (!k) {
		memset(x, 0, sizeof(*x));
		return 0;
	}
	*x = k->exchange;
	memcpy(l->input, k->data + k->out_len, k->in_len);
	return k->in_len;
}

/*
 * Writes the loop's output and the body behind it as far as the socket takes
 * them, *bytes in all; what it does not take is left in both.
 */
static enum written write_out(struct osc_event_loop *l,
			      struct osc_event_connection *c,
			      struct osc_exchange *x, uint64_t *bytes)
{
	struct osc_piece p;
	bool full;
	ssize_t n;

	*bytes = 0;
	while (osc_piece_next(&p, x, &l->out, l->service.body_file)) {
		if (*bytes >= STREAM_TURN)
			return BLOCKED;
		n = put(l, c, &p, l->out.len, &full);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			l->out.len = 0;
			return BROKEN;
		}
		if (n > 0) {
			osc_exchange_written(x, &l->out, (size_t)n);
			*bytes += (uint64_t)n;
		}
		if (full)
			return BLOCKED;
	}
	return WRITTEN;
}

/* With k, the client has time to take what it has not acknowledged yet. */
static bool begin_linger(struct osc_event_loop *l,
			 struct osc_event_connection *c,
			 struct osc_event_kept *k)
{
	if (!osc_closing_enter(l->service.closing)) {
		free(k);
		return false;
	}
	if (l->backend->finish) {
		l->backend->finish(l, (int)fd_of(l, c));
	} else {
		shutdown((int)fd_of(l, c), SHUT_WR);
		osc_event_called(l);
	}
	free(c->kept);
	c->kept = k;
	c->state = OSC_EVENT_LINGERING;
	set_deadline(l, c,
		     k ? osc_linger_until(&k->linger) :
			 l->now_ns + OSC_SERVER_LINGER_NS);
	return set_interest(l, c, OSC_EVENT_IN);
}

/* All has been written; to_end: the client may well be sending. */
static void close_in_stages(struct osc_event_loop *l,
			    struct osc_event_connection *c, bool to_end)
{
	struct osc_event_kept *k;

	if (!to_end &&
	    osc_closing_is_safe((int)fd_of(l, c), &l->service.books)) {
		osc_event_close(l, c);
		return;
	}
	k = calloc(1, sizeof(*k));
	if (k)
		osc_linger_begin(&k->linger, l->now_ns,
				 l->config->write_timeout_ns, to_end);
	if (!begin_linger(l, c, k))
		osc_event_end(l, c);
}

/* What the loop's output holds is the last that the client gets. */
static void say_last(struct osc_event_loop *l, struct osc_event_connection *c)
{
	struct osc_exchange none = { 0 };
	uint64_t bytes;

	/* It is short, and there may be no memory. */
	if (write_out(l, c, &none, &bytes) == WRITTEN) {
		if (!begin_linger(l, c, NULL))
			osc_event_end(l, c);
	} else {
		l->out.len = 0;
		osc_event_close(l, c);
	}
}

/* There is no memory for it to wait in the middle of this request. */
static void refuse(struct osc_event_loop *l, struct osc_event_connection *c,
		   const struct osc_exchange *x)
{
	osc_exchange_refuse(x, &l->service, &l->out);
	say_last(l, c);
}

/*
 * Waits for the socket to take more. The deadline moves only when a good piece
 * was taken, so that a client cannot buy time byte by byte.
 */
static void wait_writable(struct osc_event_loop *l,
			  struct osc_event_connection *c,
			  const struct osc_exchange *x, const char *in,
			  size_t in_len, uint64_t progress)
{
	bool anew = c->state != OSC_EVENT_WRITING;

	if (!anew)
		progress += c->kept->progress;
	if (!keep(l, c, x, in, in_len)) {
		/* In the middle of an answer nothing else can be said. */
		l->out.len = 0;
		osc_event_count(l, OSC_ACCOUNT_REFUSED, 1);
		osc_event_close(l, c);
		return;
	}
	if (!set_interest(l, c, OSC_EVENT_OUT)) {
		osc_event_close(l, c);
		return;
	}
	c->state = OSC_EVENT_WRITING;
	if (anew || progress >= OSC_SERVER_PROGRESS)
		set_deadline(l, c, l->now_ns + l->config->write_timeout_ns);
	else
		c->kept->progress = progress;
}

/*
 * In a drain an idle connection is one whose last answer began before: it was
 * not told that it would be the last, and gets the last call.
 */
static uint64_t idle_time(const struct osc_event_loop *l)
{
	return atomic_load_explicit(&l->draining, memory_order_relaxed) ?
		       OSC_SERVER_LAST_CALL_NS :
		       l->config->idle_timeout_ns;
}

static void wait_readable(struct osc_event_loop *l,
			  struct osc_event_connection *c,
			  const struct osc_exchange *x, const char *in,
			  size_t in_len)
{
	/* A request that was being read already keeps its deadline. */
	bool anew = c->state != OSC_EVENT_READING || !c->kept || x->renewed;

	if (in_len || !osc_exchange_is_idle(x)) {
		if (!keep(l, c, x, in, in_len)) {
			refuse(l, c, x);
			return;
		}
		if (anew)
			set_deadline(l, c,
				     l->now_ns + l->config->header_timeout_ns);
	} else {
		free(c->kept);
		c->kept = NULL;
		set_deadline(l, c, l->now_ns + idle_time(l));
	}
	c->state = OSC_EVENT_READING;
	if (!set_interest(l, c, OSC_EVENT_IN))
		osc_event_close(l, c);
}

static void begin_sleep(struct osc_event_loop *l,
			struct osc_event_connection *c,
			const struct osc_exchange *x, const char *in,
			size_t in_len)
{
	if (!keep(l, c, x, in, in_len)) {
		refuse(l, c, x);
		return;
	}
	c->state = OSC_EVENT_SLEEPING;
	set_deadline(l, c, osc_clock_ns() + x->route.n * OSC_NS_PER_US);
}

/* The loop goes on; osc_event_worked() follows. */
static void begin_work(struct osc_event_loop *l, struct osc_event_connection *c,
		       const struct osc_exchange *x, const char *in,
		       size_t in_len)
{
	if (keep(l, c, x, in, in_len))
		c->kept->work = l->backend->work(l, fd_of(l, c), x->route.n);
	if (!c->kept || !c->kept->work) {
		refuse(l, c, x);
		return;
	}
	c->state = OSC_EVENT_WORKING;
	/* As long as it takes. */
	c->deadline_ns = UINT64_MAX;
}

/* The client sends no more, but gets what it has asked for. */
void osc_event_end(struct osc_event_loop *l, struct osc_event_connection *c)
{
	struct osc_exchange over = { .phase = OSC_EXCHANGE_OVER,
				     .parser.close = true };

	if (is_unsent(l, c)) {
		stop_lingering(l, c);
		wait_writable(l, c, &over, l->input, 0, 0);
	} else {
		osc_event_close(l, c);
	}
}

/* Runs the exchange over l->input[0..have) until the connection must wait. */
static void drive(struct osc_event_loop *l, struct osc_event_connection *c,
		  struct osc_exchange *x, size_t have)
{
	const char *in = l->input;
	enum written written = WRITTEN;
	enum osc_next next;
	uint64_t progress = 0;
	size_t used;

	for (;;) {
		next = osc_exchange_run(x, &l->service, in, have, &used,
					&l->out);
		in += used;
		have -= used;
		written = write_out(l, c, x, &progress);
		if (written == WRITTEN &&
		    (next == OSC_NEXT_CLOSE || next == OSC_NEXT_LINGER) &&
		    is_unsent(l, c))
			written = BLOCKED;
		if (written == BROKEN) {
			osc_event_close(l, c);
			return;
		}
		if (written == BLOCKED) {
			wait_writable(l, c, x, in, have, progress);
			return;
		}
		switch (next) {
		case OSC_NEXT_READ:
			wait_readable(l, c, x, in, have);
			return;
		case OSC_NEXT_SLEEP:
			begin_sleep(l, c, x, in, have);
			return;
		case OSC_NEXT_WORK:
			begin_work(l, c, x, in, have);
			return;
		case OSC_NEXT_CLOSE:
		case OSC_NEXT_LINGER:
			close_in_stages(l, c, next == OSC_NEXT_LINGER);
			return;
		case OSC_NEXT_WRITE:
			break;
		}
	}
}

void osc_event_readable(struct osc_event_loop *l,
			struct osc_event_connection *c)
{
	struct osc_exchange x;
	size_t have = restore(l, c, &x);
	ssize_t n = get(l, c, l->input + have, sizeof(l->input) - have);

	if (n == 0)
		osc_event_end(l, c);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		osc_event_close(l, c);
	if (n > 0)
		drive(l, c, &x, have + (size_t)n);
}

static void on_writable(struct osc_event_loop *l,
			struct osc_event_connection *c)
{
	struct osc_event_kept *k = c->kept;
	struct osc_exchange x;
	size_t have;

	if (k->out_at < k->out_len) {
		struct osc_piece p;
		bool full;
		ssize_t n;

		osc_piece_text(&p, k->data + k->out_at, k->out_len - k->out_at);
		n = put(l, c, &p, true, &full);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				osc_event_close(l, c);
			return;
		}
		k->out_at += (uint32_t)n;
		/* At most OSC_SERVER_OUTPUT, within one write timeout. */
		if (k->out_at < k->out_len)
			return;
	}
	have = restore(l, c, &x);
	drive(l, c, &x, have);
}

static void on_lingering(struct osc_event_loop *l,
			 struct osc_event_connection *c)
{
	ssize_t n = get(l, c, l->input, sizeof(l->input));
	bool enough = false;

	if (n > 0 && c->kept) {
		c->kept->linger.discarded += (uint64_t)n;
		enough = c->kept->linger.discarded >= OSC_SERVER_LINGER_BYTES;
	}
	if (n == 0)
		osc_event_end(l, c);
	else if ((n < 0 && errno != EAGAIN && errno != EINTR) || enough ||
		 !set_interest(l, c, OSC_EVENT_IN))
		osc_event_close(l, c);
}

static void linger_on(struct osc_event_loop *l, struct osc_event_connection *c)
{
	struct osc_linger *g = c->kept ? &c->kept->linger : NULL;

	if (g && osc_linger_goes_on(g, (int)fd_of(l, c), l->now_ns,
				    &l->service.books))
		set_deadline(l, c, osc_linger_until(g));
	else
		osc_event_close(l, c);
}

void osc_event_go_on(struct osc_event_loop *l, struct osc_event_connection *c)
{
	/* The descriptor may be another connection's by now. */
	if (!c->pending)
		return;
	c->pending = false;
	if (c->ready & c->interest)
		osc_event_ready(l, (int)fd_of(l, c), c->ready);
}

void osc_event_ready(struct osc_event_loop *l, int fd, unsigned int events)
{
	struct osc_event_connection *c = &l->table[fd];

	if (l->backend->edge) {
		c->ready |= (uint8_t)events;
		/* Of the listener and the signals levels are told. */
		if (!(events & (c->interest | OSC_EVENT_BROKEN)) &&
		    c->state < OSC_EVENT_LISTENER)
			return;
	}
	switch (c->state) {
	case OSC_EVENT_READING:
		osc_event_readable(l, c);
		break;
	case OSC_EVENT_WRITING:
		on_writable(l, c);
		break;
	case OSC_EVENT_LINGERING:
		on_lingering(l, c);
		break;
	case OSC_EVENT_SLEEPING:
	case OSC_EVENT_WORKING:
		/* Level-triggered input would wake us again and again. */
		if (events & OSC_EVENT_BROKEN ||
		    !set_interest(l, c, OSC_EVENT_NONE))
			osc_event_close(l, c);
		break;
	case OSC_EVENT_LISTENER:
		l->accept_ready = true;
		break;
	case OSC_EVENT_SIGNAL:
		l->stop_ready = true;
		l->useful = true;
		break;
	case OSC_EVENT_BACKEND:
		l->useful = true;
		l->backend->ready(l);
		break;
	case OSC_EVENT_FREE:
		break;
	}
}

/* What the connection waited for has been done or has passed. */
static void answer(struct osc_event_loop *l, struct osc_event_connection *c)
{
	struct osc_exchange x;
	size_t have = restore(l, c, &x);

	x.waited = true;
	drive(l, c, &x, have);
}

void osc_event_worked(struct osc_event_loop *l, uint32_t fd)
{
	struct osc_event_connection *c = &l->table[fd];

	c->kept->work = NULL;
	answer(l, c);
}

/*
 * Its time between two requests is over. A request may have come while the loop served
 * others, and be unread: that is answered. False: none has.
 */
static bool serve_at_last(struct osc_event_loop *l,
			  struct osc_event_connection *c)
{
	if (c->state != OSC_EVENT_READING || c->kept)
		return false;
	if (l->backend->arrived) {
		if (!l->backend->arrived(l, (int)fd_of(l, c)))
			return false;
		/* The next round begins with it. */
		set_deadline(l, c, l->now_ns + 1);
		return true;
	}
	osc_event_readable(l, c);
	return c->state != OSC_EVENT_READING || c->kept ||
	       c->deadline_ns > l->now_ns;
}

void osc_event_deadline(struct osc_event_loop *l,
			struct osc_event_connection *c)
{
	if (serve_at_last(l, c))
		return;
	if (c->state == OSC_EVENT_SLEEPING) {
		answer(l, c);
		return;
	}
	if (c->state == OSC_EVENT_LINGERING) {
		linger_on(l, c);
		return;
	}
	if (!l->last_call_ns)
		osc_event_count(l, OSC_ACCOUNT_TIMEOUTS, 1);
	if (c->state == OSC_EVENT_READING && is_unsent(l, c)) {
		/* The client has been getting its answer all the while. */
		osc_event_end(l, c);
		return;
	}
	if (c->state != OSC_EVENT_READING || !c->kept) {
		osc_event_close(l, c);
		return;
	}
	osc_exchange_timeout(&c->kept->exchange, &l->service, &l->out);
	say_last(l, c);
}

void osc_event_begin(struct osc_event_loop *l, int fd)
{
	struct osc_event_connection *c;

	osc_event_count(l, OSC_ACCOUNT_ACCEPTS, 1);
	if ((uint32_t)fd >= l->table_size ||
	    l->backend->watch(l, fd, OSC_EVENT_IN, true)) {
		close(fd);
		osc_event_called(l);
		osc_event_count(l, OSC_ACCOUNT_CLOSES, 1);
		osc_event_count(l, OSC_ACCOUNT_REFUSED, 1);
		return;
	}
	l->open++;
	c = &l->table[fd];
	c->state = OSC_EVENT_READING;
	c->interest = OSC_EVENT_IN;
	set_deadline(l, c, l->now_ns + l->config->idle_timeout_ns);
}
