/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hosted.h - one server that the daemon runs as a target: a gated child that
 * is watched before its first instruction, its counters and its own account.
 */
#ifndef OSC_DAEMON_HOSTED_H
#define OSC_DAEMON_HOSTED_H

#include <sched.h>

#include "correlate/audit.h"
#include "correlate/run.h"
#include "daemon/daemon.h"
#include "lib/account.h"
#include "lib/child.h"
#include "lib/error.h"

struct osc_hosted_options {
	char model[32];
	char address[64];
	unsigned int port; /* 0: any */
	unsigned int workers; /* 0: the model's own choice */
	cpu_set_t cpus;
	bool pinned; /* to cpus */
	enum osc_counters_kind source;
};

enum osc_hosted_state {
	OSC_HOSTED_STARTING,
	OSC_HOSTED_READY,
	OSC_HOSTED_STOPPING,
	OSC_HOSTED_ENDED, /* a zombie: osc_hosted_reap comes next */
};

struct osc_hosted {
	struct osc_hosted *next;
	struct osc_daemon *d;
	unsigned int number;
	struct osc_hosted_options options;
	enum osc_hosted_state state;
	struct osc_child child;
	struct osc_counters *counters;
	uint32_t target;
	struct osc_account_reader account; /* .map NULL before it is ready */
	struct osc_tree base; /* what it had done when it became a target */
	unsigned int port;
	char url[128];
	struct osc_follow *follow; /* follow.c; NULL: nobody follows it */

	/* To its owner; each at most once, `ended` in any state. */
	void (*ready)(struct osc_hosted *s, void *arg);
	void (*ended)(struct osc_hosted *s, void *arg);
	void *arg;

	/* private */
	char directory[64]; /* of the account file, until it is open */
	int ready_fd;
	char line[16];
	size_t line_length;
	struct osc_source ready_source, death;
	struct osc_timer timer;
	struct osc_error why; /* it stopped by itself: what is known */
};

/* NULL and *e when it could not be started. */
struct osc_hosted *osc_hosted_start(struct osc_daemon *d,
				    const struct osc_hosted_options *o,
				    void (*ready)(struct osc_hosted *, void *),
				    void (*ended)(struct osc_hosted *, void *),
				    void *arg, struct osc_error *e);
/* SIGTERM, and SIGKILL when that does not do; then `ended` is called. */
void osc_hosted_stop(struct osc_hosted *s);
/* Fills child.status and child.usage of one that has ended. */
int osc_hosted_reap(struct osc_hosted *s, struct osc_error *e);
/* Kills what still runs, without calling back, and forgets it. */
void osc_hosted_free(struct osc_hosted *s);
/* Why it ended, as an error, when nobody had asked it to. */
void osc_hosted_obituary(const struct osc_hosted *s, struct osc_error *e);

/*
 * Its account, and then its counters. The account counts every task that the
 * server makes: where /proc is the source it proves that all have been seen, or
 * says how many were not.
 */
int osc_hosted_read(struct osc_hosted *s, struct osc_account_snapshot *account,
		    struct osc_counts *counts, struct osc_error *e);
/* The same as a sample. */
int osc_hosted_sample(struct osc_hosted *s, struct osc_sample *out,
		      struct osc_error *e);
/* Tells a ticket's client the last sample, as an event. */
void osc_sample_announce(struct osc_daemon *d, const struct osc_ticket *t,
			 const struct osc_samples *samples);

struct osc_hosted *osc_hosted_find(struct osc_daemon *d, unsigned int number);
const char *osc_hosted_state_name(const struct osc_hosted *s);

#endif
