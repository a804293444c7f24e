// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connection.c - a connection: open, send, receive, close, and again; by what
 * means is the engine's.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "load/loop.h"

/* Failures in a row wait 10 ms, 20 ms, 40 ms … up to 640 ms. */
#define BACKOFF_NS (10 * OSC_NS_PER_MS)
#define BACKOFF_DOUBLINGS 6
/* So often in a row may a connection end unused before its requests fail. */
#define UNUSED_MOST 3
/* An address that has not answered by then is passed over, if there is another. */
#define ADDRESS_NS OSC_NS_PER_S

/* The books of the URL that the i-th of those taken and not answered is of. */
static struct osc_load_url_stats *url_of(const struct osc_loop *loop,
					 const struct osc_load_connection *c,
					 uint32_t i)
{
	return &loop->stats->urls[osc_connection_turn(loop, c, i)->url];
}

/* Closes the socket; what was taken and not sent stays. */
static void close_socket(struct osc_loop *loop, struct osc_load_connection *c)
{
	if (c->fd >= 0) {
		if (loop->tls)
			osc_secure_end(loop, c);
		if (loop->io->forget)
			loop->io->forget(loop, c);
		close(c->fd);
		c->serial++;
	}
	c->fd = -1;
	c->state = OSC_LOAD_CLOSED;
	c->used = false;
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
	if (osc_connection_unbegun(loop, c)) {
		osc_connection_retire(loop, c);
		return;
	}
	osc_connection_expect(loop, c, now + (BACKOFF_NS << c->failures));
	if (c->failures < BACKOFF_DOUBLINGS)
		c->failures++;
}

/* Of the first `of` requests that were taken and not answered, those measured. */
static uint64_t count_measured(struct osc_loop *loop,
			       const struct osc_load_connection *c, uint32_t of)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < of; i++)
		n += osc_connection_stamp(loop, c, i)->intended_ns >=
		     loop->measure_ns;
	return n;
}

/*
 * The connection has ended. True: the server does not process the requests, so they go
 * to a new connection and are no failures. Of a server that only ever closes, requests
 * fail in the end.
 */
static bool goes_on(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now)
{
	if (!osc_connection_unprocessed(loop, c) ||
	    (!c->used && c->failures >= UNUSED_MOST))
		return false;
	c->failures += !c->used;
	close_socket(loop, c);
	osc_connection_rewind(loop, c);
	osc_connection_open(loop, c, now);
	return true;
}

/* The first n are over; the others stay due, and are sent on a new connection. */
static void drop_requests(struct osc_loop *loop, struct osc_load_connection *c,
			  uint32_t n)
{
	loop->outstanding -= n;
	c->head = (uint16_t)((c->head + n) % loop->config->pipeline);
	c->inflight = (uint16_t)(c->inflight - n);
	c->sent = (uint16_t)(c->sent - (c->sent < n ? c->sent : n));
	osc_connection_rewind(loop, c);
}

/*
 * The connection broke, and with it all requests that were on their way. If it never
 * brought a response, then also those that were about to be sent: else they might be
 * tried for ever.
 */
void osc_connection_broken(struct osc_loop *loop, struct osc_load_connection *c,
			   enum osc_load_phase phase, int code, uint64_t now)
{
	uint32_t failed;

	if (c->state == OSC_LOAD_HANDSHAKE) {
		osc_connection_failed(loop, c, phase, code, now);
		return;
	}
	if ((phase == OSC_LOAD_WRITE || c->state == OSC_LOAD_ENDING) &&
	    goes_on(loop, c, now))
		return;
	failed = c->used ? c->sent : c->inflight;
	if (failed)
		osc_failures_add(&loop->stats->failures, phase, code, failed,
				 now);
	else if (phase == OSC_LOAD_PARSE || loop->config->idle)
		osc_failures_add(&loop->stats->failures, phase, code, 1, now);
	for (uint32_t i = 0; loop->stats->urls && i < failed; i++)
		osc_failures_add(&url_of(loop, c, i)->failures, phase, code, 1,
				 now);
	loop->stats->missed += count_measured(loop, c, failed);
	close_socket(loop, c);
	drop_requests(loop, c, failed);
	after_failure(loop, c, now);
}

void osc_connection_failed(struct osc_loop *loop, struct osc_load_connection *c,
			   enum osc_load_phase phase, int code, uint64_t now)
{
	if (!loop->connect_error)
		loop->connect_error = EPROTO;
	c->waits = false;
	close_socket(loop, c);
	osc_loop_tried(loop, c, now);
	osc_failures_add(&loop->stats->failures, phase, code, 1, now);
	after_failure(loop, c, now);
}

static void try_address(struct osc_loop *loop, struct osc_load_connection *c,
			uint64_t now);

/* Another address may work: this failure is not one of our own limits. */
static bool may_try_next(const struct osc_loop *loop,
			 const struct osc_load_connection *c, int err)
{
	if (c->attempts + 1u >= loop->addresses->n)
		return false;
	switch (err) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
		return false;
	case EADDRNOTAVAIL: /* all ports are taken; or there is no IPv6 here */
	case ETIMEDOUT: /* a full backlog; or there is no such host */
		return !loop->reached;
	default:
		return true;
	}
}

/*
 * An address did not accept the connection: the next one is tried. After the last,
 * one failure is counted, and requests that were taken wait for the next attempt.
 * The failure is that of the last address, or of the first if connections to it
 * have been made before.
 */
void osc_connection_refused(struct osc_loop *loop,
			    struct osc_load_connection *c, int err,
			    uint64_t now)
{
	/*
	 * The backlog of a socket in the file system is full. TCP would have
	 * gone on asking, within the timeout: so do we.
	 */
	c->waits = err == EAGAIN &&
		   now - c->opened_ns < loop->config->timeout_ns;
	close_socket(loop, c);
	if (c->waits) {
		after_failure(loop, c, now);
		return;
	}
	if (err == EAGAIN)
		err = ETIMEDOUT;
	if (!c->attempts)
		c->first_error = err;
	if (may_try_next(loop, c, err)) {
		c->attempts++;
		c->address = (uint8_t)((c->address + 1u) % loop->addresses->n);
		try_address(loop, c, now);
		return;
	}
	if (loop->reached)
		err = c->first_error;
	loop->connect_error = err;
	osc_connection_failed(
		loop, c, err == ETIMEDOUT ? OSC_LOAD_TIMEOUT : OSC_LOAD_CONNECT,
		err == ETIMEDOUT ? OSC_TIMEOUT_CONNECT : err, now);
}

/* Until when the address may answer: while it is not known which one does, briefly. */
static uint64_t deadline_of(const struct osc_loop *loop,
			    const struct osc_load_connection *c, uint64_t now)
{
	uint64_t end = c->opened_ns + loop->config->timeout_ns, share;
	unsigned int left = loop->addresses->n - c->attempts;

	if (now >= end || left == 1 || loop->reached)
		return end;
	share = (end - now) / left;
	return now + (share < ADDRESS_NS ? share : ADDRESS_NS);
}

static void try_address(struct osc_loop *loop, struct osc_load_connection *c,
			uint64_t now)
{
	const struct osc_addresses *a = loop->addresses;
	const struct sockaddr *to =
		(const struct sockaddr *)&a->address[c->address];
	int one = 1, err;

	c->fd = socket(to->sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		osc_connection_refused(loop, c, errno, now);
		return;
	}
	/* A request is written whole: there is nothing to wait for. It can
	 * only fail on what is not TCP, and then it does no harm.
	 */
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	err = osc_sources_bind(&loop->config->sources,
			       (uint64_t)(c - loop->connections) *
					       loop->config->threads +
				       loop->index,
			       c->fd);
	if (!err)
		err = loop->io->connect(loop, c, to, a->length[c->address]);
	if (err) {
		osc_connection_refused(loop, c, -err, now);
		return;
	}
	c->state = OSC_LOAD_CONNECTING;
	osc_connection_expect(loop, c, deadline_of(loop, c, now));
}

void osc_connection_open(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now)
{
	if (!c->waits) {
		c->opened_ns = now;
		c->address = loop->address;
		c->attempts = 0;
	}
	try_address(loop, c, now);
}

/*
 * What it has yet to send must be neighbours in the prepared text, so it keeps
 * to the order by itself while it is busy; a free one takes the thread's turn.
 * Without pipelining that is always so: the thread's requests are as ordered.
 */
static void take_turn(struct osc_loop *loop, struct osc_load_connection *c)
{
	uint32_t n = loop->text->nr_turns;

	if (c->inflight || c->unsent_keep)
		c->turn = (uint16_t)((c->turn + 1u) % n);
	else
		c->turn = loop->turn;
	loop->turn = (uint16_t)((loop->turn + 1u) % n);
}

void osc_connection_take(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t intended_ns)
{
	const struct osc_load_turn *turn;

	if (loop->text->nr_turns > 1)
		take_turn(loop, c);
	turn = &loop->text->turns[c->turn];
	osc_connection_stamp(loop, c, c->inflight)->intended_ns = intended_ns;
	c->inflight++;
	c->taken++;
	loop->outstanding++;
	if (osc_connection_at_last(loop, c))
		c->unsent_close = turn->close_len;
	else
		c->unsent_keep += turn->keep_len;
}

void osc_connection_go(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now)
{
	if (c->state == OSC_LOAD_OPEN)
		loop->io->send(loop, c, now);
	else
		osc_connection_open(loop, c, now);
}

static bool status_expected(const struct osc_load_config *config,
			    uint16_t status)
{
	if (config->expect_status)
		return status == config->expect_status;
	return status < 400;
}

/* What is wrong with a whole answer, if anything. */
struct fault {
	bool any;
	enum osc_load_phase phase;
	int code;
};

static struct fault fault_of(const struct osc_load_config *config,
			     const struct osc_response *r)
{
	if (!status_expected(config, r->status))
		return (struct fault){ true, OSC_LOAD_STATUS, r->status };
	if (config->expect_length != UINT64_MAX &&
	    config->expect_length != r->body_bytes)
		return (struct fault){ true, OSC_LOAD_LENGTH,
				       r->body_bytes < INT_MAX ?
					       (int)r->body_bytes :
					       INT_MAX };
	return (struct fault){ .any = false };
}

/* The same in the books of its URL. */
static void answered_url(struct osc_loop *loop,
			 const struct osc_load_connection *c,
			 struct fault fault, uint64_t now)
{
	const struct osc_load_stamp *s = osc_connection_stamp(loop, c, 0);
	struct osc_load_url_stats *url = url_of(loop, c, 0);

	if (s->intended_ns < loop->measure_ns)
		return;
	url->requests++;
	osc_hist_record(&url->latency, now - s->intended_ns);
	osc_hist_record(&url->service, now - s->sent_ns);
	if (fault.any)
		osc_failures_add(&url->failures, fault.phase, fault.code, 1,
				 now);
}

static void answered_wrong(struct osc_load_stats *stats, struct fault fault,
			   uint64_t latency_ns, uint64_t now)
{
	stats->missed++;
	osc_hist_record(&stats->wrong, latency_ns);
	osc_failures_add(&stats->failures, fault.phase, fault.code, 1, now);
}

/* The oldest request is answered. */
static void answered(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now)
{
	const struct osc_load_stamp *s = osc_connection_stamp(loop, c, 0);
	struct osc_load_stats *stats = loop->stats;
	const struct osc_response *r = &c->response;
	struct fault fault = fault_of(loop->config, r);

	if (stats->urls)
		answered_url(loop, c, fault, now);
	if (s->intended_ns >= loop->measure_ns) {
		stats->requests++;
		osc_hist_record(&stats->latency, now - s->intended_ns);
		osc_hist_record(&stats->service, now - s->sent_ns);
		if (fault.any)
			answered_wrong(stats, fault, now - s->intended_ns, now);
	} else {
		stats->warmup_requests++;
	}
	stats->body_bytes += r->body_bytes;
	stats->last_answer_ns = loop->last_success_ns = now;
	c->head = (uint16_t)((c->head + 1u) % loop->config->pipeline);
	c->inflight--;
	c->sent--;
	c->used = true;
	c->failures = 0;
	loop->outstanding--;
	c->deadline_ns = now + loop->config->timeout_ns;
	if (osc_response_closes(r) ||
	    (!c->inflight && c->taken == loop->config->requests_per_connection))
		c->state = OSC_LOAD_ENDING;
	osc_response_init(&c->response, loop->head_only);
}

bool osc_connection_read(struct osc_loop *loop, struct osc_load_connection *c,
			 const char *p, size_t size, uint64_t now)
{
	if (now >= loop->measure_ns)
		loop->stats->bytes += size;
	while (size) {
		enum osc_response_result result;
		size_t used;

		if (!c->sent) {
			used = osc_response_skip_blank(&c->response, p, size);
			if (used == size)
				return true;
			osc_connection_broken(loop, c, OSC_LOAD_PARSE,
					      OSC_RESPONSE_UNSOLICITED, now);
			return false;
		}
		result = osc_response_feed(&c->response, &loop->last_head, p,
					   size, &used);
		p += used;
		size -= used;
		if (result == OSC_RESPONSE_FAILED) {
			osc_connection_broken(loop, c, OSC_LOAD_PARSE,
					      c->response.error, now);
			return false;
		}
		if (result == OSC_RESPONSE_COMPLETE)
			answered(loop, c, now);
	}
	return true;
}

bool osc_connection_received(struct osc_loop *loop,
			     struct osc_load_connection *c, const char *data,
			     size_t size, uint64_t now)
{
	if (loop->tls)
		return osc_secure_received(loop, c, data, size, now);
	if (osc_connection_read(loop, c, data, size, now))
		osc_loop_offer(loop, c, now);
	return c->fd >= 0;
}

/* The server has closed: as agreed, between two requests, or too early. */
static void close_ended(struct osc_loop *loop, struct osc_load_connection *c,
			bool in_order, uint64_t now)
{
	if (c->sent && !osc_response_untouched(&c->response)) {
		if (osc_response_end(&c->response, in_order) ==
		    OSC_RESPONSE_COMPLETE) {
			answered(loop, c, now);
		} else {
			osc_connection_broken(loop, c, OSC_LOAD_PARSE,
					      c->response.error, now);
			return;
		}
	}
	if (goes_on(loop, c, now))
		return;
	/*
	 * Between requests a server may close: it has an idle time-out. A
	 * connection of --idle must stay open.
	 */
	if (c->inflight || loop->config->idle) {
		osc_connection_broken(loop, c, OSC_LOAD_READ, 0, now);
		return;
	}
	forget_requests(loop, c);
	close_socket(loop, c);
}

void osc_connection_closed(struct osc_loop *loop, struct osc_load_connection *c,
			   bool in_order, uint64_t now)
{
	if (c->state == OSC_LOAD_HANDSHAKE) {
		osc_connection_failed(loop, c, OSC_LOAD_TLS, OSC_TLS_CLOSED,
				      now);
		return;
	}
	close_ended(loop, c, in_order, now);
	osc_loop_offer(loop, c, now);
}

void osc_connection_ended(struct osc_loop *loop, struct osc_load_connection *c,
			  uint64_t now)
{
	osc_connection_closed(loop, c, !loop->tls, now);
}

void osc_connection_connected(struct osc_loop *loop,
			      struct osc_load_connection *c, uint64_t now)
{
	loop->address = c->address;
	loop->stats->opened_to[c->address]++;
	if (loop->tls) {
		osc_connection_expect(loop, c,
				      c->opened_ns + loop->config->timeout_ns);
		osc_secure_begin(loop, c, now);
	} else {
		osc_connection_established(loop, c, now);
	}
}

void osc_connection_established(struct osc_loop *loop,
				struct osc_load_connection *c, uint64_t now)
{
	uint64_t opened_ns = c->opened_ns;

	c->state = OSC_LOAD_OPEN;
	c->waits = false;
	loop->stats->connections_opened++;
	loop->reached = true;
	loop->last_success_ns = now;
	loop->connect_error = 0;
	osc_loop_tried(loop, c, now);
	if (loop->config->idle || opened_ns >= loop->measure_ns)
		osc_hist_record(&loop->stats->connect, now - opened_ns);
	osc_response_init(&c->response, loop->head_only);
	c->deadline_ns = UINT64_MAX;
	if (c->inflight)
		loop->io->send(loop, c, now);
	osc_loop_offer(loop, c, now);
}

void osc_connection_late(struct osc_loop *loop, struct osc_load_connection *c,
			 uint64_t now)
{
	switch (c->state) {
	case OSC_LOAD_BACKOFF:
		c->state = OSC_LOAD_CLOSED;
		if (c->inflight || loop->config->idle)
			osc_connection_open(loop, c, now);
		else
			osc_loop_offer(loop, c, now);
		break;
	case OSC_LOAD_CONNECTING:
		osc_connection_refused(loop, c, ETIMEDOUT, now);
		break;
	case OSC_LOAD_HANDSHAKE:
		loop->connect_error = ETIMEDOUT;
		osc_connection_failed(loop, c, OSC_LOAD_TIMEOUT,
				      OSC_TIMEOUT_TLS, now);
		break;
	case OSC_LOAD_OPEN:
	case OSC_LOAD_ENDING:
		if (c->state == OSC_LOAD_ENDING) {
			/* It promised to close and does not: then we do. */
			osc_failures_add(&loop->stats->failures,
					 OSC_LOAD_TIMEOUT, OSC_TIMEOUT_CLOSE, 1,
					 now);
			if (goes_on(loop, c, now))
				break;
			forget_requests(loop, c);
			close_socket(loop, c);
			osc_loop_offer(loop, c, now);
		} else if (c->inflight) {
			osc_connection_broken(loop, c, OSC_LOAD_TIMEOUT,
					      OSC_TIMEOUT_RESPONSE, now);
		} else {
			c->deadline_ns = UINT64_MAX;
		}
		break;
	default:
		break;
	}
}

bool osc_connection_unbegun(const struct osc_loop *loop,
			    const struct osc_load_connection *c)
{
	if (!loop->concluded || loop->end_ns == UINT64_MAX || !c->inflight ||
	    c->sent)
		return false;
	/* A connection that is being made still sends what was due. */
	return !osc_load_is_open(loop->config) ||
	       (c->state == OSC_LOAD_BACKOFF && !c->waits);
}

/* In the closed loop nothing is due, and the time to connect was too short. */
static bool had_no_time(const struct osc_loop *loop,
			const struct osc_load_connection *c)
{
	return !osc_load_is_open(loop->config) && loop->end_ns != UINT64_MAX &&
	       (c->state == OSC_LOAD_CONNECTING ||
		c->state == OSC_LOAD_HANDSHAKE);
}

void osc_connection_retire(struct osc_loop *loop, struct osc_load_connection *c)
{
	if (!had_no_time(loop, c)) {
		loop->stats->missed += count_measured(loop, c, c->inflight);
		loop->stats->unanswered += c->sent;
		loop->stats->unsent += (uint64_t)c->inflight - c->sent;
	}
	forget_requests(loop, c);
	close_socket(loop, c);
}
