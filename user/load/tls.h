/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls.h - TLS of a connection, between its engine and its requests: bytes go in
 * and out by memory, so that the engine stays in charge of the socket.
 *
 * The library, OpenSSL, is loaded when it is first needed and not linked: the
 * same program is the server that forks a child for each connection, and each
 * library it has mapped makes that dearer.
 */
#ifndef OSC_LOAD_TLS_H
#define OSC_LOAD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_error;
struct osc_tls; /* of all connections; opaque */

/*
 * Why it failed, as failures.h has it: the library's error, or what it says of a
 * certificate; see osc_tls_reason().
 */
#define OSC_TLS_CLOSED 0 /* by the server, in the handshake */
#define OSC_TLS_UNREAD 1 /* it makes us reply, and does not read */
#define OSC_TLS_NO_TLS (20 << 23 | 267) /* SSL_R_WRONG_VERSION_NUMBER */

struct osc_tls_config {
	bool insecure; /* any certificate will do */
	const char *authorities; /* a file of them, PEM; NULL: the system's */
	const char *name; /* that of the server */
};

/* What one connection has. All zero: nothing. */
struct osc_tls_session {
	void *ssl; /* SSL */
	char *out; /* what is to be sent, from `sent` to `size` */
	size_t sent, size, room;
};

int osc_tls_open(const struct osc_tls_config *config, struct osc_tls **out,
		 struct osc_error *e);
/* NULL is none. */
void osc_tls_close(struct osc_tls *tls);

/* Before a handshake. Returns 0 or -errno. */
int osc_tls_begin(struct osc_tls *tls, struct osc_tls_session *s);
void osc_tls_end(struct osc_tls_session *s);
/* What of the output is sent will not be wanted again. */
void osc_tls_forget_sent(struct osc_tls_session *s);

enum osc_tls_state {
	OSC_TLS_DONE, /* as much as was asked for */
	OSC_TLS_WAITS, /* for more from the server */
	OSC_TLS_ENDED, /* the server sends no more, and says so */
	OSC_TLS_UNTRUSTED, /* code: see osc_tls_reason() */
	OSC_TLS_FAILED, /* likewise */
};

enum osc_tls_state osc_tls_handshake(struct osc_tls_session *s, int *code);
/* What came from the server. Returns 0 or -errno. */
int osc_tls_feed(struct osc_tls_session *s, const char *data, size_t size);
/* What it means; *size: room, then bytes. */
enum osc_tls_state osc_tls_read(struct osc_tls_session *s, char *data,
				size_t *size, int *code);
enum osc_tls_state osc_tls_write(struct osc_tls_session *s, const char *data,
				 size_t size, int *code);

/* The last message, close_notify, waits in the session. */
void osc_tls_notify_close(struct osc_tls_session *s);

/* In the library's words; "closed". Only after an osc_tls_open(). */
const char *osc_tls_reason(bool untrusted, int code);

#endif
