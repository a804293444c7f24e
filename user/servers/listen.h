/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.h - listening sockets, and the one policy of accepting from them. */
#ifndef OSC_SERVERS_LISTEN_H
#define OSC_SERVERS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_error;
struct osc_server_config;

/*
 * Opens `count` non-blocking listeners on one address and port. With more than
 * one the kernel spreads connections over them (SO_REUSEPORT); another server
 * on the same port is still refused. *port: what was bound.
 */
int osc_listen_open(const struct osc_server_config *config, unsigned int count,
		    int *fds, uint16_t *port, struct osc_error *e);

/* Numeric, as the configuration has it. */
bool osc_listen_is_address(const char *text);

/* "http://127.0.0.1:8080" and the path, with brackets where IPv6 needs them. */
void osc_listen_url(const char *address, unsigned int port, const char *path,
		    char *out, size_t size);

/*
 * The next connection, or
 *   -EAGAIN  there is none now;
 *   -EMFILE  descriptors or memory have run out: pause, connections wait in
 *            the backlog and none is lost;
 *   other    the listener itself is broken.
 * What befell a single connection (ECONNABORTED and the like) is passed over.
 */
int osc_listen_accept(int listener, int flags);

/* The same for what an accept has failed with; 0: passed over. */
int osc_listen_error(int err);

/*
 * No connection begins any more, in whichever process the listener is still open:
 * once accept has nothing to give, nothing is lost when the last one closes it,
 * which resets what is in the backlog. Who tries meanwhile tries again, and is
 * refused then. Where the kernel cannot do that, those are reset.
 */
void osc_listen_stop(int listener);

#endif
