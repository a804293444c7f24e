/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.h - waits for all that a child leaves behind.
 *
 * As their "child subreaper" we become the parent of descendants whose own
 * parent has ended, and get their resource usage when they end.
 */
#ifndef OSC_LIB_REAPER_H
#define OSC_LIB_REAPER_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "lib/counters.h"

struct osc_child;
struct osc_error;

struct osc_reaper {
	int fd; /* readable when a child of ours has ended */
	pid_t *strangers; /* children that we had before */
	size_t nr_strangers;
	struct osc_counts before; /* of the child at its gate */
	struct osc_counts usage; /* of all that were waited for, with that */
	struct timeval user, system; /* the CPU time of these, with that */
};

#define OSC_REAPER_NONE   \
	{                 \
		.fd = -1, \
	}

/* Before the child is started: blocks SIGCHLD. */
int osc_reaper_open(struct osc_reaper *r, struct osc_error *e);
void osc_reaper_close(struct osc_reaper *r);

/* The child waits at its gate: what it does from now on is of its program. */
int osc_reaper_begin(struct osc_reaper *r, const struct osc_child *child,
		     struct osc_error *e);

/*
 * Waits for each orphan that has ended, and adds its usage. The child itself is
 * left as it is.
 */
int osc_reaper_collect(struct osc_reaper *r, const struct osc_child *child,
		       struct osc_error *e);

/*
 * When fd can be read: whether the child has ended; it stays to be waited for. fd
 * can be read again as soon as another child ends, or this one.
 */
bool osc_reaper_has_ended(const struct osc_reaper *r,
			  const struct osc_child *child);
/* osc_child_wait() of one that has, and adds its usage. */
int osc_reaper_wait(struct osc_reaper *r, struct osc_child *child,
		    struct osc_error *e);

/* The CPU time of all that were waited for, without that before the gate. */
void osc_reaper_times(const struct osc_reaper *r, double *user_s,
		      double *sys_s);

/*
 * What looks at /proc found of the child and of all it started is completed by
 * what was waited for. That proves the counts when every task has ended and has
 * been waited for, the kernel made no task that no look saw, no process was seen to
 * ignore SIGCHLD, and the looks found no more.
 */
void osc_reaper_prove(const struct osc_reaper *r, const struct osc_child *child,
		      struct osc_counts *c);

/* A process that the child has left to us. */
struct osc_left {
	pid_t pid;
	char comm[32];
};

/*
 * Those that run still, up to `room` of them in `left`; returns how many there
 * are in all.
 */
size_t osc_reaper_left(const struct osc_reaper *r, struct osc_left *left,
		       size_t room);

#endif
