/* SPDX-License-Identifier: GPL-2.0-or-later */
/* follow.h - a running server's samples over time, for whoever loads it. */
#ifndef OSC_DAEMON_FOLLOW_H
#define OSC_DAEMON_FOLLOW_H

#include "daemon/hosted.h"

/*
 * Samples s every interval_ns until there are `count` intervals; the ticket is
 * answered then, with their correlation. One client at a time a server.
 */
int osc_follow_start(struct osc_hosted *s, const struct osc_ticket *t,
		     uint64_t interval_ns, uint64_t count, struct osc_error *e);
/* The server has ended: answers with what there is. Fine without a follower. */
void osc_follow_end(struct osc_hosted *s);
/* Forgets it without an answer, as its client has gone. */
void osc_follow_drop(struct osc_daemon *d, unsigned int client);

#endif
