/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.h - one measured run of one model under one load. */
#ifndef OSC_DAEMON_RUN_H
#define OSC_DAEMON_RUN_H

#include "daemon/hosted.h"

struct osc_run_options {
	struct osc_hosted_options server;
	char mode[16]; /* "keepalive" or "close" */
	char path[256]; /* what is asked for, "/..." */
	uint64_t connections;
	uint64_t requests; /* 0: for duration_ns instead */
	uint64_t duration_ns;
	uint64_t interval_ns; /* between samples */
	cpu_set_t client_cpus;
	bool client_pinned;
};

/* The ticket is answered in the end, whatever happens; taken over on success.
 */
int osc_run_start(struct osc_daemon *d, const struct osc_run_options *o,
		  const struct osc_ticket *t, struct osc_error *e);
unsigned int osc_run_client(const struct osc_run *r);
unsigned int osc_run_number(const struct osc_run *r);
/* Ends it now: the ticket is refused with "cancelled: why". */
void osc_run_cancel(struct osc_run *r, const char *why);

#endif
