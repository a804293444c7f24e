// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - what a connection has to send, as text or through TLS. */
#include <errno.h>

#include "load/loop.h"

/* All that was taken has begun to leave. */
static void stamp_sent(struct osc_loop *loop, struct osc_load_connection *c,
		       uint64_t now)
{
	if (!c->sent)
		osc_connection_expect(loop, c, now + loop->config->timeout_ns);
	loop->stats->attempts += (uint64_t)c->inflight - c->sent;
	loop->stats->last_sent_ns = now;
	while (c->sent < c->inflight)
		osc_connection_stamp(loop, c, c->sent++)->sent_ns = now;
}

/*
 * The last `left` bytes before `end`, or what of them comes first: those of
 * requests that were answered before they had left may be more than there are
 * before it, and then they come from the rounds that would be.
 */
static struct iovec tail(const struct osc_load_text *t, uint32_t end,
			 uint32_t left)
{
	uint32_t from;

	if (left <= end)
		return (struct iovec){ .iov_base = t->keep + end - left,
				       .iov_len = left };
	from = (t->round_size - (left - end) % t->round_size) % t->round_size;
	return (struct iovec){
		.iov_base = t->keep + from,
		.iov_len = left < t->keep_size - from ? left :
							t->keep_size - from,
	};
}

static unsigned int plain_output(struct osc_loop *loop,
				 struct osc_load_connection *c,
				 struct iovec iov[2], uint64_t now)
{
	const struct osc_load_text *t = loop->text;
	const struct osc_load_turn *turn = &t->turns[c->turn];
	uint32_t end = turn->keep_end;
	unsigned int n = 0;

	if (c->sent < c->inflight)
		stamp_sent(loop, c, now);
	if (osc_connection_at_last(loop, c))
		end -= turn->keep_len;
	if (c->unsent_keep)
		iov[n++] = tail(t, end, c->unsent_keep);
	if (c->unsent_close && (!n || iov[0].iov_len == c->unsent_keep))
		iov[n++] = (struct iovec){
			.iov_base = t->close + turn->close_at +
				    turn->close_len - c->unsent_close,
			.iov_len = c->unsent_close,
		};
	return n;
}

static void plain_wrote(struct osc_load_connection *c, size_t size)
{
	if (size > c->unsent_keep) {
		c->unsent_close -= (uint32_t)size - c->unsent_keep;
		c->unsent_keep = 0;
	} else {
		c->unsent_keep -= (uint32_t)size;
	}
}

/*
 * A piece of what was taken goes through the library, unless as much waits. All
 * that the engine was given before it has told the end of, so what was sent is.
 */
static bool wrap(struct osc_loop *loop, struct osc_load_connection *c,
		 const struct iovec *part, uint64_t now)
{
	struct osc_tls_session *s = osc_connection_session(loop, c);
	size_t size = part->iov_len < OSC_SECURE_BYTES ? part->iov_len :
							 OSC_SECURE_BYTES;
	int code = 0;

	if (s->size >= OSC_SECURE_BYTES)
		return false;
	if (osc_tls_write(s, part->iov_base, size, &code) != OSC_TLS_DONE) {
		osc_connection_broken(loop, c, OSC_LOAD_TLS, code, now);
		return false;
	}
	plain_wrote(c, size);
	return size == part->iov_len;
}

static unsigned int secure_output(struct osc_loop *loop,
				  struct osc_load_connection *c,
				  struct iovec iov[2], uint64_t now)
{
	struct osc_tls_session *s = osc_connection_session(loop, c);
	unsigned int n = 0;

	osc_tls_forget_sent(s);
	if (c->state == OSC_LOAD_OPEN || c->state == OSC_LOAD_ENDING)
		n = plain_output(loop, c, iov, now);
	for (unsigned int i = 0; i < n && wrap(loop, c, &iov[i], now); i++)
		;
	if (!s->size)
		return 0;
	iov[0] = (struct iovec){ .iov_base = s->out, .iov_len = s->size };
	return 1;
}

unsigned int osc_connection_output(struct osc_loop *loop,
				   struct osc_load_connection *c,
				   struct iovec iov[2], uint64_t now)
{
	return loop->tls ? secure_output(loop, c, iov, now) :
			   plain_output(loop, c, iov, now);
}

void osc_connection_wrote(struct osc_loop *loop, struct osc_load_connection *c,
			  size_t size)
{
	if (loop->tls)
		osc_connection_session(loop, c)->sent += size;
	else
		plain_wrote(c, size);
}

void osc_connection_unwrote(struct osc_loop *loop,
			    struct osc_load_connection *c, uint32_t keep,
			    uint32_t close)
{
	if (loop->tls) {
		osc_connection_session(loop, c)->sent -= keep;
		return;
	}
	c->unsent_keep += keep;
	c->unsent_close += close;
}
