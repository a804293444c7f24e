// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resend.c - which requests the server is known not to have processed, whatever their
 * method: these are sent again and are no failures.
 *
 * A server may close a connection between two responses, and the next request may
 * already be on its way (RFC 9112, 9.5). Its TCP then rejects the request without an
 * acknowledgement. Requests that it has acknowledged are failures: the server may
 * have read them.
 *
 * Behind a response that says close, no request of that connection is processed
 * (RFC 9112, 9.6).
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "load/loop.h"

/* Bytes that TCP has sent and that are not acknowledged; 0 where unknown. */
static uint64_t unacknowledged(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) || n < 0 ? 0 : (uint64_t)n;
}

/* Bytes of its requests that keep the connection, and of the last if it does not. */
static void lengths(const struct osc_loop *loop,
		    const struct osc_load_connection *c, uint32_t *keep,
		    uint32_t *close)
{
	uint32_t keeps = c->inflight;

	*keep = *close = 0;
	if (osc_connection_at_last(loop, c) && keeps)
		*close = osc_connection_turn(loop, c, --keeps)->close_len;
	for (uint32_t i = 0; i < keeps; i++)
		*keep += osc_connection_turn(loop, c, i)->keep_len;
}

/* A record of TLS is longer than the text in it: for that, too, this is enough. */
bool osc_connection_unprocessed(const struct osc_loop *loop,
				const struct osc_load_connection *c)
{
	uint64_t left = (uint64_t)c->unsent_keep + c->unsent_close;
	uint32_t keep, close;

	if (!c->inflight || !osc_response_untouched(&c->response))
		return false;
	if (!c->sent || c->state == OSC_LOAD_ENDING)
		return true;
	if (loop->tls) {
		const struct osc_tls_session *s =
			osc_connection_session(loop, c);

		left += s->size - s->sent;
	}
	lengths(loop, c, &keep, &close);
	return left + unacknowledged(c->fd) >= (uint64_t)keep + close;
}

void osc_connection_rewind(struct osc_loop *loop, struct osc_load_connection *c)
{
	loop->stats->resent += c->sent;
	c->sent = 0;
	c->taken = c->inflight;
	lengths(loop, c, &c->unsent_keep, &c->unsent_close);
}
