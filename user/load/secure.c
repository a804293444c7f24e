// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * secure.c - a connection with TLS: its handshake, and what it received. The
 * handshake belongs to connecting, in time and in failures.
 */
#include <errno.h>
#include <sys/socket.h>

#include "load/loop.h"

static void send_what_waits(struct osc_loop *loop,
			    struct osc_load_connection *c, uint64_t now)
{
	if (c->fd >= 0 && osc_connection_unsent(loop, c))
		loop->io->send(loop, c, now);
}

static void shake_hands(struct osc_loop *loop, struct osc_load_connection *c,
			uint64_t now)
{
	int code = 0;
	enum osc_tls_state state =
		osc_tls_handshake(osc_connection_session(loop, c), &code);

	if (state == OSC_TLS_DONE)
		osc_connection_established(loop, c, now);
	/* Of a failure the server learns why, where it can be sent at once. */
	send_what_waits(loop, c, now);
	if (state == OSC_TLS_DONE || state == OSC_TLS_WAITS ||
	    c->state != OSC_LOAD_HANDSHAKE)
		return;
	osc_connection_failed(loop, c,
			      state == OSC_TLS_UNTRUSTED ?
				      OSC_LOAD_CERTIFICATE :
				      OSC_LOAD_TLS,
			      code, now);
}

void osc_secure_begin(struct osc_loop *loop, struct osc_load_connection *c,
		      uint64_t now)
{
	c->state = OSC_LOAD_HANDSHAKE;
	if (osc_tls_begin(loop->tls, osc_connection_session(loop, c)))
		osc_connection_failed(loop, c, OSC_LOAD_CONNECT, ENOMEM, now);
	else
		shake_hands(loop, c, now);
}

void osc_secure_end(struct osc_loop *loop, struct osc_load_connection *c)
{
	struct osc_tls_session *s = osc_connection_session(loop, c);

	if (loop->io->flush)
		loop->io->flush(loop);
	if ((c->state == OSC_LOAD_OPEN || c->state == OSC_LOAD_ENDING) &&
	    !osc_connection_unsent(loop, c)) {
		osc_tls_forget_sent(s);
		osc_tls_notify_close(s);
		/* The socket is closed now, whatever the server takes. */
		(void)!send(c->fd, s->out, s->size,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	osc_tls_end(s);
}

/* True: the connection stands, and there is nothing more in what came. */
static bool read_all(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now)
{
	uint16_t serial = c->serial;

	for (;;) {
		size_t size = OSC_SECURE_BYTES;
		int code = 0;
		enum osc_tls_state state =
			osc_tls_read(osc_connection_session(loop, c),
				     loop->secure, &size, &code);

		if (state == OSC_TLS_WAITS)
			return true;
		if (state == OSC_TLS_ENDED)
			osc_connection_closed(loop, c, true, now);
		else if (state != OSC_TLS_DONE)
			osc_connection_broken(loop, c, OSC_LOAD_TLS, code, now);
		else
			osc_connection_read(loop, c, loop->secure, size, now);
		if (c->fd < 0 || c->serial != serial)
			return false;
	}
}

bool osc_secure_received(struct osc_loop *loop, struct osc_load_connection *c,
			 const char *data, size_t size, uint64_t now)
{
	uint16_t serial = c->serial;

	if (osc_tls_feed(osc_connection_session(loop, c), data, size)) {
		osc_connection_broken(loop, c, OSC_LOAD_READ, ENOMEM, now);
		return false;
	}
	if (c->state == OSC_LOAD_HANDSHAKE)
		shake_hands(loop, c, now);
	if (c->fd < 0 || c->serial != serial)
		return false;
	if (c->state == OSC_LOAD_HANDSHAKE)
		return true;
	if (!read_all(loop, c, now))
		return false;
	send_what_waits(loop, c, now);
	if (c->fd >= 0)
		osc_loop_offer(loop, c, now);
	return c->fd >= 0 && c->serial == serial;
}
