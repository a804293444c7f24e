/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocking.h - one connection served by a process or thread of its own, which
 * sleeps in read and write. Shared by all engines that work so.
 */
#ifndef OSC_SERVERS_BLOCKING_H
#define OSC_SERVERS_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "servers/server.h"

struct osc_blocking {
	const struct osc_server *server;
	const atomic_bool *hang_up; /* idle connections end now */
	int fd;
	atomic_bool idle; /* waits for a request's first byte */
	bool hands_back; /* rather than wait for the next request */
};

/*
 * Serves until the connection is over, for whatever reason, and returns false;
 * closes nothing. True: it is handed back, idle, to be served again when there
 * is something to read. The service is lent by who serves, for so long.
 */
bool osc_blocking_serve(struct osc_blocking *b, struct osc_service *service);

/*
 * After *hang_up was set: ends a connection that waits for a request, without
 * loss of one that has arrived. Safe in a signal handler, and from another
 * thread as long as the descriptor is open.
 */
void osc_blocking_wake(struct osc_blocking *b);

#endif
