// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/exchange.h"

#include <string.h>

static void count_response(struct osc_service *s, int status)
{
	osc_books_add(&s->books, OSC_ACCOUNT_REQUESTS, 1);
	osc_books_add(&s->books,
		      status < 400 ? OSC_ACCOUNT_RESPONSES_2XX :
		      status < 500 ? OSC_ACCOUNT_RESPONSES_4XX :
				     OSC_ACCOUNT_RESPONSES_5XX,
		      1);
}

static bool is_head(const struct osc_exchange *x)
{
	return x->parser.method == OSC_HTTP_HEAD;
}

static void refuse(const struct osc_exchange *x, struct osc_service *s,
		   struct osc_output *out, int status)
{
	osc_response_tick(&s->cache);
	osc_response_error(out, &s->cache, status, true, false, is_head(x));
	count_response(s, status);
}

void osc_exchange_timeout(const struct osc_exchange *x, struct osc_service *s,
			  struct osc_output *out)
{
	refuse(x, s, out, 408);
}

/* Without a text where nothing has been read: the request may be a HEAD. */
static void refuse_unread(struct osc_service *s, struct osc_output *out)
{
	osc_response_tick(&s->cache);
	osc_response_write(out, &s->cache,
			   &(struct osc_response){ .status = 503,
						   .close = true });
	count_response(s, 503);
}

void osc_exchange_refuse(const struct osc_exchange *x, struct osc_service *s,
			 struct osc_output *out)
{
	if (x)
		refuse(x, s, out, 503);
	else
		refuse_unread(s, out);
	osc_books_add(&s->books, OSC_ACCOUNT_REFUSED, 1);
}

/* Parses the head; false when the engine has to act first, as *next says. */
static bool take_head(struct osc_exchange *x, struct osc_service *s,
		      const char *in, size_t len, size_t *used,
		      struct osc_output *out, enum osc_next *next)
{
	int status = osc_http_parse(&x->parser, in, len, &s->limits);

	if (status == OSC_HTTP_MORE) {
		*next = OSC_NEXT_READ;
		return false;
	}
	if (status != OSC_HTTP_COMPLETE) {
		/* Where the next request would begin is unknown: the input
		 * stays unused.
		 */
		refuse(x, s, out, status);
		x->parser.close = true;
		x->phase = OSC_EXCHANGE_OVER;
		return true;
	}
	*used = x->parser.pos;
	x->body_left = x->parser.content_length;
	x->route = x->parser.method == OSC_HTTP_NOT_ALLOWED ?
			   (struct osc_route){ .status = 405,
					       .kind = OSC_ROUTE_ERROR } :
			   osc_route_find(in + x->parser.target,
					  x->parser.target_len);
	x->phase = OSC_EXCHANGE_BODY;
	if (x->parser.expect_continue && x->body_left && len == *used)
		osc_response_continue(out);
	return true;
}

static bool closes(const struct osc_exchange *x, const struct osc_service *s)
{
	return !osc_http_persists(&x->parser) || s->one_request ||
	       atomic_load_explicit(s->draining, memory_order_relaxed);
}

static void write_answer(struct osc_exchange *x, struct osc_service *s,
			 struct osc_output *out)
{
	bool head_only = is_head(x);
	bool keep_alive = !x->parser.minor;

	/* Settles what was said, also if the server begins to drain now. */
	x->parser.close = closes(x, s);
	osc_response_tick(&s->cache);
	switch (x->route.kind) {
	case OSC_ROUTE_BYTES:
		osc_response_write(out, &s->cache,
				   &(struct osc_response){
					   .status = 200,
					   .body_len = x->route.n,
					   .close = x->parser.close,
					   .keep_alive = keep_alive,
				   });
		x->stream_left = head_only ? 0 : x->route.n;
		break;
	case OSC_ROUTE_ERROR:
		osc_response_error(out, &s->cache, x->route.status,
				   x->parser.close, keep_alive, head_only);
		break;
	default:
		osc_response_hello(out, &s->cache, x->parser.close, keep_alive,
				   head_only);
		break;
	}
	count_response(s, x->route.status);
}

/* Runs what the request asked for, up to the head of the answer. */
static bool take_answer(struct osc_exchange *x, struct osc_service *s,
			struct osc_output *out, enum osc_next *next)
{
	if (out->size - out->len < OSC_RESPONSE_MAX) {
		*next = OSC_NEXT_WRITE;
		return false;
	}
	if (x->route.kind == OSC_ROUTE_SLEEP && !x->waited) {
		*next = OSC_NEXT_SLEEP;
		return false;
	}
	if (x->route.kind == OSC_ROUTE_WORK && !x->waited) {
		if (s->work_apart) {
			*next = OSC_NEXT_WORK;
			return false;
		}
		osc_route_work(x->route.n);
	}
	if (x->route.then_sleep_us) {
		x->route.kind = OSC_ROUTE_SLEEP;
		x->route.n = x->route.then_sleep_us;
		x->route.then_sleep_us = 0;
		x->waited = false;
		*next = OSC_NEXT_SLEEP;
		return false;
	}
	write_answer(x, s, out);
	x->phase = OSC_EXCHANGE_STREAM;
	return true;
}

/* A client told to close in mid-drain may have sent more than was read. */
static bool unread_likely(const struct osc_service *s, bool more)
{
	return more || atomic_load_explicit(s->draining, memory_order_relaxed);
}

enum osc_next osc_exchange_run(struct osc_exchange *x, struct osc_service *s,
			       const char *in, size_t len, size_t *used,
			       struct osc_output *out)
{
	enum osc_next next;
	size_t n;

	*used = 0;
	x->renewed = false;
	for (;;) {
		switch (x->phase) {
		case OSC_EXCHANGE_HEAD:
			n = 0;
			if (len == *used)
				return OSC_NEXT_READ;
			if (out->size - out->len < OSC_RESPONSE_MAX)
				return OSC_NEXT_WRITE;
			if (!take_head(x, s, in + *used, len - *used, &n, out,
				       &next))
				return next;
			*used += n;
			break;
		case OSC_EXCHANGE_BODY:
			n = len - *used;
			if (n > x->body_left)
				n = x->body_left;
			*used += n;
			x->body_left -= n;
			if (x->body_left)
				return OSC_NEXT_READ;
			x->phase = OSC_EXCHANGE_ANSWER;
			break;
		case OSC_EXCHANGE_ANSWER:
			if (!take_answer(x, s, out, &next))
				return next;
			break;
		case OSC_EXCHANGE_STREAM:
			if (x->stream_left)
				return OSC_NEXT_WRITE;
			x->phase = OSC_EXCHANGE_OVER;
			break;
		case OSC_EXCHANGE_OVER:
			if (x->parser.close)
				return unread_likely(s, len > *used) ?
					       OSC_NEXT_LINGER :
					       OSC_NEXT_CLOSE;
			memset(x, 0, sizeof(*x));
			x->renewed = true;
			break;
		}
	}
}

int osc_exchange_pieces(const struct osc_exchange *x,
			const struct osc_output *out,
			struct iovec iov[OSC_EXCHANGE_IOV], size_t *size)
{
	int nr = 0;

	if (out->len)
		iov[nr++] = (struct iovec){ out->data, out->len };
	if (x->stream_left)
		nr += osc_response_pattern(iov + nr, x->route.n,
					   x->stream_left);
	*size = 0;
	for (int i = 0; i < nr; i++)
		*size += iov[i].iov_len;
	return nr;
}

void osc_exchange_written(struct osc_exchange *x, struct osc_output *out,
			  size_t n)
{
	size_t head = n < out->len ? n : out->len;

	out->len -= head;
	if (out->len)
		memmove(out->data, out->data + head, out->len);
	x->stream_left -= n - head;
}
