// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/blocking.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "servers/closing.h"
#include "servers/send.h"

/* The buffers live on the stack: a page that is never used costs nothing. */
struct connection {
	struct osc_blocking *b;
	struct osc_service *service;
	struct osc_exchange exchange;
	struct osc_output out;
	uint64_t deadline_ns; /* of the request being read; 0: none begun */
	size_t have; /* bytes of input not yet used */
	char input[OSC_SERVER_INPUT];
	char output[OSC_SERVER_OUTPUT];
};

/*
 * idle is raised before hang_up is looked at, and hang_up before idle: so
 * either we see that we shall not wait, or the waker sees that we do, and its
 * shutdown ends our read. What has arrived by then is still read.
 */
void osc_blocking_wake(struct osc_blocking *b)
{
	if (atomic_load(&b->idle))
		shutdown(b->fd, SHUT_RD);
}

static void count(const struct connection *c, enum osc_account_field field,
		  uint64_t n)
{
	osc_books_add(&c->service->books, field, n);
}

/* A recv() and what came of it; errno stays. */
static ssize_t booked_read(const struct connection *c, ssize_t n)
{
	count(c, OSC_ACCOUNT_READS, 1);
	if (n < 0 && errno == EAGAIN)
		count(c, OSC_ACCOUNT_READS_EMPTY, 1);
	return n;
}

static int wait_readable(const struct connection *c, int timeout_ms)
{
	struct pollfd pfd = { .fd = c->b->fd, .events = POLLIN };

	count(c, OSC_ACCOUNT_CALLS, 1);
	return poll(&pfd, 1, timeout_ms);
}

/*
 * SO_RCVTIMEO, inherited from the listener, bounds the wait; for a connection
 * that was not told that it is to end before it was to, the last call does.
 */
static ssize_t read_first(struct connection *c)
{
	bool last_call;
	ssize_t n;

	do {
		atomic_store(&c->b->idle, true);
		last_call = atomic_load(c->b->hang_up);
		if (last_call)
			wait_readable(c, (int)(OSC_SERVER_LAST_CALL_NS /
					       OSC_NS_PER_MS));
		n = booked_read(c, recv(c->b->fd, c->input, sizeof(c->input),
					last_call ? MSG_DONTWAIT : 0));
		atomic_store(&c->b->idle, false);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN && !last_call)
		count(c, OSC_ACCOUNT_TIMEOUTS, 1);
	return n;
}

/* The rest of a request, which must be here at the deadline. */
static ssize_t read_more(struct connection *c)
{
	for (;;) {
		uint64_t now = osc_clock_ns();
		ssize_t n = booked_read(c, recv(c->b->fd, c->input + c->have,
						sizeof(c->input) - c->have,
						MSG_DONTWAIT));

		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n;
		if (now >= c->deadline_ns) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (wait_readable(
			    c, (int)((c->deadline_ns - now) / OSC_NS_PER_MS) +
				       1) < 0 &&
		    errno != EINTR)
			return -1;
	}
}

/* How a client takes what is written: it has the write timeout for each good piece. */
struct pace {
	uint64_t since_ns; /* of the piece; 0: it was never waited for */
	uint64_t taken; /* since then */
	bool slow; /* it had to be waited for */
};

/* After a call in which it had to be waited for. */
static bool is_late(const struct connection *c, struct pace *pace)
{
	const struct osc_server_config *config = c->b->server->config;
	uint64_t pieces = pace->taken / OSC_SERVER_PROGRESS;
	uint64_t now = osc_clock_ns();

	if (!pace->since_ns)
		pace->since_ns = now - osc_server_write_wait(config);
	if (now - pace->since_ns >
	    config->write_timeout_ns * (pieces ? pieces : 1))
		return true;
	if (pieces) {
		pace->since_ns = now;
		pace->taken = 0;
	}
	return false;
}

/*
 * False: it took too long. SO_SNDTIMEO bounds a call that writes, but of pages each
 * part that the kernel passes on, so that a trickle prolongs it: a slow client has
 * no more of these.
 */
static bool send_next(struct connection *c, const struct osc_piece *p,
		      struct pace *pace)
{
	ssize_t n;

	if (p->pages)
		*pace = (struct pace){ .since_ns = osc_clock_ns() };
	n = osc_piece_send(p, c->b->fd, &c->service->books);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0) {
		osc_exchange_written(&c->exchange, &c->out, (size_t)n);
		pace->taken += (uint64_t)n;
	}
	if (n == (ssize_t)p->size &&
	    (!p->pages ||
	     osc_clock_ns() - pace->since_ns <
		     2 * osc_server_write_wait(c->b->server->config)))
		return true;
	pace->slow = true;
	if (!is_late(c, pace))
		return true;
	count(c, OSC_ACCOUNT_TIMEOUTS, 1);
	return false;
}

/* The output and the body behind it. */
static bool write_out(struct connection *c)
{
	struct pace pace = { 0 };
	struct osc_piece p;

	while (osc_piece_next(&p, &c->exchange, &c->out,
			      pace.slow ? -1 : c->service->body_file)) {
		if (!send_next(c, &p, &pace))
			return false;
	}
	return true;
}

static void sleep_us(uint64_t us)
{
	uint64_t end = osc_clock_ns() + us * OSC_NS_PER_US;
	const struct timespec until = {
		.tv_sec = (time_t)(end / OSC_NS_PER_S),
		.tv_nsec = (long)(end % OSC_NS_PER_S),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

/*
 * Until the client closes, which its input tells, or until it has acknowledged
 * all, of which nothing tells: looked at more and more rarely.
 */
static void discard_input(struct connection *c, struct osc_linger *g)
{
	uint64_t now = osc_clock_ns(), look_ns = OSC_NS_PER_MS;

	do {
		uint64_t left = osc_linger_until(g) - now;
		bool look = !g->to_end && look_ns < left;
		int ms = (int)((look ? look_ns : left) / OSC_NS_PER_MS) + 1;
		ssize_t n;

		if (!wait_readable(c, ms)) {
			look_ns *= 2;
			now = osc_clock_ns();
			continue;
		}
		n = booked_read(c, recv(c->b->fd, c->input, sizeof(c->input),
					MSG_DONTWAIT));
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
		if (n > 0) {
			count(c, OSC_ACCOUNT_BYTES_IN, (uint64_t)n);
			g->discarded += (uint64_t)n;
		}
		now = osc_clock_ns();
	} while (osc_linger_goes_on(g, c->b->fd, now, &c->service->books));
}

static void linger(struct connection *c, bool to_end)
{
	struct osc_closing *closing = c->service->closing;
	struct osc_linger g;

	if (!to_end && osc_closing_is_safe(c->b->fd, &c->service->books))
		return;
	if (!osc_closing_enter(closing))
		return;
	shutdown(c->b->fd, SHUT_WR);
	count(c, OSC_ACCOUNT_CALLS, 1);
	osc_linger_begin(&g, osc_clock_ns(),
			 c->b->server->config->write_timeout_ns, to_end);
	discard_input(c, &g);
	osc_closing_leave(closing);
}

static bool read_input(struct connection *c)
{
	bool first = !c->have && osc_exchange_is_idle(&c->exchange);
	ssize_t n;

	if (first) {
		n = read_first(c);
		c->deadline_ns = 0;
	} else {
		if (!c->deadline_ns)
			c->deadline_ns =
				osc_clock_ns() +
				c->b->server->config->header_timeout_ns;
		n = read_more(c);
	}
	if (n > 0) {
		count(c, OSC_ACCOUNT_BYTES_IN, (uint64_t)n);
		c->have += (size_t)n;
		return true;
	}
	if (n < 0 && errno == ETIMEDOUT && !first) {
		count(c, OSC_ACCOUNT_TIMEOUTS, 1);
		osc_exchange_timeout(&c->exchange, c->service, &c->out);
		if (write_out(c))
			linger(c, true);
	}
	return false;
}

/* idle and hang_up in this order, for osc_blocking_wake(). */
static bool hand_back(struct connection *c)
{
	if (!c->b->hands_back || c->have || !osc_exchange_is_idle(&c->exchange))
		return false;
	atomic_store(&c->b->idle, true);
	return !atomic_load(c->b->hang_up);
}

bool osc_blocking_serve(struct osc_blocking *b, struct osc_service *service)
{
	struct connection c;
	enum osc_next next;
	bool alive = true;
	size_t used;

	/* Not the buffers: clearing them would touch their pages. */
	c.b = b;
	c.service = service;
	memset(&c.exchange, 0, sizeof(c.exchange));
	c.out = (struct osc_output){ .data = c.output,
				     .size = sizeof(c.output) };
	c.deadline_ns = 0;
	c.have = 0;

	alive = read_input(&c);
	while (alive) {
		next = osc_exchange_run(&c.exchange, service, c.input, c.have,
					&used, &c.out);
		c.have -= used;
		if (used && c.have)
			memmove(c.input, c.input + used, c.have);
		if (c.exchange.renewed)
			c.deadline_ns = 0;
		if (!write_out(&c))
			return false;
		switch (next) {
		case OSC_NEXT_READ:
			if (hand_back(&c))
				return true;
			alive = read_input(&c);
			break;
		case OSC_NEXT_WRITE:
			break;
		case OSC_NEXT_SLEEP:
			sleep_us(c.exchange.route.n);
			count(&c, OSC_ACCOUNT_CALLS, 1);
			c.exchange.waited = true;
			break;
		case OSC_NEXT_WORK: /* not asked for */
			break;
		case OSC_NEXT_CLOSE:
		case OSC_NEXT_LINGER:
			linger(&c, next == OSC_NEXT_LINGER);
			return false;
		}
	}
	return false;
}
