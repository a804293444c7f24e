/* SPDX-License-Identifier: GPL-2.0-or-later */
/* supervise.h - a master that forks workers, replaces them and ends them. */
#ifndef OSC_SERVERS_SUPERVISE_H
#define OSC_SERVERS_SUPERVISE_H

#include "servers/server.h"

/*
 * Runs the engine in `count` worker processes until a stop signal, all of which
 * are blocked on entry. A worker that dies is counted and replaced, at once,
 * then after growing pauses when it dies young; one that cannot start at all
 * ends the server with its error.
 */
int osc_supervise(struct osc_server *server, unsigned int count,
		  struct osc_server_report *report, struct osc_error *e);

#endif
