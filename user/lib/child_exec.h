/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child_exec.h - the child's side of child.c, from fork to exec. Nobody else
 * calls it.
 */
#ifndef OSC_LIB_CHILD_EXEC_H
#define OSC_LIB_CHILD_EXEC_H

#include <signal.h>

#include "lib/child.h"

/* What the child could not do; sent as one write, smaller than PIPE_BUF. */
struct osc_child_report {
	enum {
		OSC_CHILD_STEP_DESCRIPTORS,
		OSC_CHILD_STEP_GROUP,
		OSC_CHILD_STEP_AFFINITY,
		OSC_CHILD_STEP_DEATHSIG,
		OSC_CHILD_STEP_EXEC,
	} step;
	int err;
};

struct osc_child_plumbing {
	int report[2]; /* closes at exec; before that carries a failure */
	int gate[2];
	int out[2];
	pid_t parent;
};

/* Runs in the child, and ends there. no_signals is the mask of the program. */
void __attribute__((noreturn))
osc_child_exec(const struct osc_child_options *o, struct osc_child_plumbing *p,
	       const sigset_t *no_signals);

#endif
