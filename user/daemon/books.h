/* SPDX-License-Identifier: GPL-2.0-or-later */
/* books.h - what the kernel books by itself: the audit's other side. */
#ifndef OSC_DAEMON_BOOKS_H
#define OSC_DAEMON_BOOKS_H

#include "correlate/audit.h"

/* What is done with each process of a tree, and with each of its tasks. */
struct osc_tree_visitor {
	int (*process)(pid_t pid, void *arg); /* or NULL */
	int (*task)(pid_t pid, pid_t tid, void *arg); /* or NULL */
	void *arg;
};

/*
 * Tasks that one look at a tree takes from /proc: all clients of the daemon wait
 * for it.
 */
#define OSC_TREE_TASKS_MAX 16384

/*
 * A process, and then its descendants; those that end meanwhile are passed over.
 * Whatever a visit returns but 0 ends the walk; -ESRCH when pid is gone, -E2BIG
 * where there are more than OSC_TREE_TASKS_MAX tasks.
 */
int osc_tree_walk(pid_t pid, const struct osc_tree_visitor *v);

/* "cannot read WHAT process N: …": why a walk ended. */
int osc_tree_error(pid_t pid, const char *what, int err, struct osc_error *e);

/*
 * Sums what /proc has of a process and its descendants, zombies included.
 * -ESRCH when pid is gone; a tree in motion gives a sum of no one moment.
 */
int osc_tree_read(pid_t pid, struct osc_tree *out, struct osc_error *e);

/*
 * Makes pid, which nothing may have told to run yet, a target, and *base what
 * it had done by then.
 */
int osc_tree_watch(struct osc_counters *c, pid_t pid, uint32_t *id,
		   struct osc_tree *base, struct osc_error *e);

/* The whole system at one end of a span: theirs between two of ours. */
struct osc_system {
	bool present;
	struct osc_counts before, after;
	uint64_t switches, faults, faults_major;
};

/* Only with the module: /proc compared with itself says nothing. */
int osc_system_read(struct osc_counters *c, struct osc_system *out,
		    struct osc_error *e);

/* From the two ends, what the audit compares. */
void osc_system_brackets(const struct osc_system *from,
			 const struct osc_system *to,
			 struct osc_audit_facts *f);

#endif
