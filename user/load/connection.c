// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connection.c - a connection: open, send, receive, close, and again. It is
 * registered with epoll once, edge-triggered for everything, so each answer
 * costs one receive and each request one send and nothing else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "load/loop.h"

/* Failures in a row wait 10 ms, 20 ms, 40 ms … up to 640 ms. */
#define BACKOFF_NS (10 * OSC_NS_PER_MS)
#define BACKOFF_DOUBLINGS 6

static struct osc_load_stamp *
stamp(struct osc_loop *loop, const struct osc_load_connection *c, uint32_t i)
{
	uint32_t p = loop->config->pipeline;
	size_t of = (size_t)(c - loop->connections) * p;

	return &loop->stamps[of + (c->head + i) % p];
}

static void expect_by(struct osc_loop *loop, struct osc_load_connection *c,
		      uint64_t deadline_ns)
{
	c->deadline_ns = deadline_ns;
	osc_loop_expect(loop, deadline_ns);
}

/* Closes the socket; what was taken and not sent stays. */
static void close_socket(struct osc_load_connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = OSC_LOAD_CLOSED;
	c->answered = 0;
}

static void forget_requests(struct osc_loop *loop,
			    struct osc_load_connection *c)
{
	loop->outstanding -= c->inflight;
	c->inflight = c->sent = 0;
	c->taken = 0;
	c->unsent_keep = c->unsent_close = 0;
}

/* Whoever only ever fails must wait longer and longer. */
static void after_failure(struct osc_loop *loop, struct osc_load_connection *c,
			  uint64_t now)
{
	c->state = OSC_LOAD_BACKOFF;
	expect_by(loop, c, now + (BACKOFF_NS << c->failures));
	if (c->failures < BACKOFF_DOUBLINGS)
		c->failures++;
}

/* The connection broke, and with it all requests that were on their way. */
static void broken(struct osc_loop *loop, struct osc_load_connection *c,
		   enum osc_load_phase phase, int code, uint64_t now)
{
	if (c->sent)
		osc_failures_add(&loop->stats->failures, phase, code, c->sent,
				 now);
	else if (phase == OSC_LOAD_PARSE)
		osc_failures_add(&loop->stats->failures, phase, code, 1, now);
	loop->stats->unsent += (uint64_t)c->inflight - c->sent;
	forget_requests(loop, c);
	close_socket(c);
	after_failure(loop, c, now);
}

/* What was taken and not begun stays due, on the next attempt. */
static void cannot_connect(struct osc_loop *loop, struct osc_load_connection *c,
			   int err, uint64_t now)
{
	bool ever = loop->stats->connections_opened;

	loop->connect_error = err;
	close_socket(c);
	if (!ever && loop->address + 1 < loop->addresses->n) {
		/* "localhost" may mean ::1 where nobody listens. */
		loop->address++;
		c->state = OSC_LOAD_BACKOFF;
		expect_by(loop, c, now);
		return;
	}
	osc_failures_add(&loop->stats->failures,
			 err == ETIMEDOUT ? OSC_LOAD_TIMEOUT : OSC_LOAD_CONNECT,
			 err == ETIMEDOUT ? 1 : err, 1, now);
	after_failure(loop, c, now);
}

void osc_connection_open(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now)
{
	const struct osc_addresses *a = loop->addresses;
	const struct sockaddr *to =
		(const struct sockaddr *)&a->address[loop->address];
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP |
					       EPOLLET };
	int one = 1, err;

	c->opened_ns = now;
	c->fd = socket(to->sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		cannot_connect(loop, c, errno, now);
		return;
	}
	/* A request is written whole: there is nothing to wait for. It can
	 * only fail on what is not TCP, and then it does no harm.
	 */
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.u32 = (uint32_t)(c - loop->connections);
	err = osc_sources_bind(&loop->config->sources,
			       (uint64_t)(c - loop->connections) *
					       loop->config->threads +
				       loop->index,
			       c->fd);
	if (err) {
		cannot_connect(loop, c, -err, now);
		return;
	}
	if ((connect(c->fd, to, a->length[loop->address]) &&
	     errno != EINPROGRESS) ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, c->fd, &event)) {
		cannot_connect(loop, c, errno, now);
		return;
	}
	c->state = OSC_LOAD_CONNECTING;
	expect_by(loop, c, now + loop->config->timeout_ns);
}

/* Of a text that repeats every `period` bytes, the last `left` bytes. */
static ssize_t send_tail(int fd, const char *text, uint32_t period,
			 uint32_t left)
{
	uint32_t from = (period - left % period) % period;

	return send(fd, text + from, left, MSG_NOSIGNAL);
}

static bool send_some(struct osc_loop *loop, struct osc_load_connection *c,
		      uint32_t *left, const char *text, uint32_t period)
{
	while (*left) {
		ssize_t n = send_tail(c->fd, text, period, *left);

		if (n > 0) {
			*left -= (uint32_t)n;
		} else if (errno == EAGAIN) {
			return false; /* an event says when there is room */
		} else if (errno != EINTR) {
			broken(loop, c, OSC_LOAD_WRITE, errno, osc_clock_ns());
			return false;
		}
	}
	return true;
}

/* Writes what was taken; stamps it as sent before the first byte leaves. */
static void flush(struct osc_loop *loop, struct osc_load_connection *c,
		  uint64_t now)
{
	const struct osc_load_text *t = loop->text;

	if (c->sent < c->inflight) {
		if (!c->sent)
			expect_by(loop, c, now + loop->config->timeout_ns);
		loop->stats->attempts += (uint64_t)c->inflight - c->sent;
		loop->stats->last_sent_ns = now;
		while (c->sent < c->inflight)
			stamp(loop, c, c->sent++)->sent_ns = now;
	}
	if (send_some(loop, c, &c->unsent_keep, t->keep, t->keep_len))
		send_some(loop, c, &c->unsent_close, t->close, t->close_len);
}

bool osc_connection_has_room(const struct osc_loop *loop,
			     const struct osc_load_connection *c)
{
	uint32_t most = loop->config->requests_per_connection;

	return (c->state == OSC_LOAD_CLOSED || c->state == OSC_LOAD_OPEN) &&
	       c->inflight < loop->config->pipeline &&
	       (!most || c->taken < most);
}

void osc_connection_take(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t intended_ns)
{
	stamp(loop, c, c->inflight)->intended_ns = intended_ns;
	c->inflight++;
	c->taken++;
	loop->outstanding++;
	if (c->taken == loop->config->requests_per_connection)
		c->unsent_close = loop->text->close_len;
	else
		c->unsent_keep += loop->text->keep_len;
}

void osc_connection_go(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now)
{
	if (c->state == OSC_LOAD_OPEN)
		flush(loop, c, now);
	else
		osc_connection_open(loop, c, now);
}

static bool as_expected(const struct osc_load_config *config, uint16_t status)
{
	if (config->expect_status)
		return status == config->expect_status;
	return status < 400;
}

/* The oldest request is answered. */
static void answered(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now)
{
	const struct osc_load_stamp *s = stamp(loop, c, 0);
	struct osc_load_stats *stats = loop->stats;
	const struct osc_response *r = &c->response;

	if (s->intended_ns >= loop->measure_ns) {
		stats->requests++;
		osc_hist_record(&stats->latency, now - s->intended_ns);
		osc_hist_record(&stats->service, now - s->sent_ns);
	} else {
		stats->warmup_requests++;
	}
	stats->body_bytes += r->body_bytes;
	if (!as_expected(loop->config, r->status))
		osc_failures_add(&stats->failures, OSC_LOAD_STATUS, r->status,
				 1, now);
	stats->last_answer_ns = loop->last_success_ns = now;
	c->head = (uint16_t)((c->head + 1u) % loop->config->pipeline);
	c->inflight--;
	c->sent--;
	c->answered++;
	c->failures = 0;
	loop->outstanding--;
	c->deadline_ns = now + loop->config->timeout_ns;
	if (osc_response_closes(r) ||
	    (!c->inflight && c->taken == loop->config->requests_per_connection))
		c->state = OSC_LOAD_ENDING;
	osc_response_init(&c->response, loop->head_only);
}

/* False when the connection is gone. */
static bool received(struct osc_loop *loop, struct osc_load_connection *c,
		     size_t size, uint64_t now)
{
	const char *p = loop->buffer;

	loop->stats->bytes += size;
	while (size) {
		enum osc_response_result result;
		size_t used;

		if (!c->sent) {
			broken(loop, c, OSC_LOAD_PARSE,
			       OSC_RESPONSE_UNSOLICITED, now);
			return false;
		}
		result = osc_response_feed(&c->response, p, size, &used);
		p += used;
		size -= used;
		if (result == OSC_RESPONSE_FAILED) {
			broken(loop, c, OSC_LOAD_PARSE, c->response.error, now);
			return false;
		}
		if (result == OSC_RESPONSE_COMPLETE)
			answered(loop, c, now);
	}
	return true;
}

/* The server has closed: as agreed, between two requests, or too early. */
static void ended(struct osc_loop *loop, struct osc_load_connection *c,
		  uint64_t now)
{
	if (c->sent && !osc_response_untouched(&c->response)) {
		if (osc_response_end(&c->response) == OSC_RESPONSE_COMPLETE) {
			answered(loop, c, now);
		} else {
			broken(loop, c, OSC_LOAD_PARSE, c->response.error, now);
			return;
		}
	}
	if (c->inflight || !c->answered) {
		broken(loop, c, OSC_LOAD_READ, 0, now);
		return;
	}
	forget_requests(loop, c);
	close_socket(c);
}

static void receive(struct osc_loop *loop, struct osc_load_connection *c,
		    bool hung_up)
{
	for (;;) {
		ssize_t n = recv(c->fd, loop->buffer, OSC_LOOP_BUFFER, 0);
		uint64_t now;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		now = osc_clock_ns();
		if (n > 0 && !received(loop, c, (size_t)n, now))
			return;
		if (n < 0) {
			broken(loop, c, OSC_LOAD_READ, errno, now);
			return;
		}
		if (!n) {
			ended(loop, c, now);
			osc_loop_offer(loop, c, now);
			return;
		}
		/* Less than asked for: that was all, unless the end follows. */
		if (!hung_up && (size_t)n < OSC_LOOP_BUFFER) {
			osc_loop_offer(loop, c, now);
			return;
		}
	}
}

static void connected(struct osc_loop *loop, struct osc_load_connection *c,
		      uint64_t now)
{
	c->state = OSC_LOAD_OPEN;
	loop->stats->connections_opened++;
	loop->last_success_ns = now;
	loop->connect_error = 0;
	if (c->opened_ns >= loop->measure_ns)
		osc_hist_record(&loop->stats->connect, now - c->opened_ns);
	osc_response_init(&c->response, loop->head_only);
	c->deadline_ns = UINT64_MAX;
	if (c->inflight)
		flush(loop, c, now);
	osc_loop_offer(loop, c, now);
}

/* Why a connection attempt failed. */
static int socket_error(int fd)
{
	socklen_t length = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length))
		return errno;
	return err ? err : ECONNABORTED;
}

void osc_connection_event(struct osc_loop *loop, struct osc_load_connection *c,
			  uint32_t events)
{
	/* Closed since, while this batch of events was worked on. */
	if (c->fd < 0)
		return;
	if (c->state == OSC_LOAD_CONNECTING) {
		uint64_t now = osc_clock_ns();

		if (events & EPOLLERR) {
			cannot_connect(loop, c, socket_error(c->fd), now);
			return;
		}
		if (!(events & (EPOLLOUT | EPOLLIN | EPOLLHUP)))
			return;
		connected(loop, c, now);
	} else if (events & EPOLLOUT && (c->unsent_keep || c->unsent_close)) {
		flush(loop, c, osc_clock_ns());
	}
	if (c->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		receive(loop, c, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
}

void osc_connection_late(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now)
{
	switch (c->state) {
	case OSC_LOAD_BACKOFF:
		c->state = OSC_LOAD_CLOSED;
		if (c->inflight)
			osc_connection_open(loop, c, now);
		else
			osc_loop_offer(loop, c, now);
		break;
	case OSC_LOAD_CONNECTING:
		cannot_connect(loop, c, ETIMEDOUT, now);
		break;
	case OSC_LOAD_OPEN:
	case OSC_LOAD_ENDING:
		if (c->inflight) {
			broken(loop, c, OSC_LOAD_TIMEOUT, 0, now);
		} else if (c->state == OSC_LOAD_ENDING) {
			/* It promised to close and does not: then we do. */
			forget_requests(loop, c);
			close_socket(c);
			osc_loop_offer(loop, c, now);
		} else {
			c->deadline_ns = UINT64_MAX;
		}
		break;
	default:
		break;
	}
}

void osc_connection_retire(struct osc_loop *loop, struct osc_load_connection *c)
{
	loop->stats->unanswered += c->sent;
	loop->stats->unsent += (uint64_t)c->inflight - c->sent;
	forget_requests(loop, c);
	close_socket(c);
}
