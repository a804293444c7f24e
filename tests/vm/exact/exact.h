/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exact.h - workloads, each with what must hold between the module's counters
 * of the process tree that does it and somebody else's books.
 */
#ifndef OSC_TEST_EXACT_H
#define OSC_TEST_EXACT_H

#include <limits.h>
#include <stdbool.h>

#include "../lib/work.h"

/* Of work_shared.value: what the workload knows to have caused, and how far it is. */
enum { CALLBACKS, WAKEUPS, PROGRESS };

/* A workload that cannot be done here sets work_shared.stop to one of these. */
enum unable {
	ABLE,
	NO_HUGEPAGES,
	NO_SWAP,
	NO_USERFAULTFD,
	NO_IO_URING,
	NO_HOTPLUG,
	NO_FREEZER,
	NO_NAMESPACE,
	NOT_COLD,
};

/*
 * Of the four oracles of a workload, those that it does not have. Faults as
 * the kernel booked them for wait() and getrusage(), equal; switches between
 * that and that plus one for each exited task, since the kernel books a dying
 * task's last switch late or nowhere; all switches as the sched_switch
 * tracepoint saw them, equal; epoll as the workload knows, equal.
 */
enum {
	UNREAPED = 1 << 0, /* somebody's usage reaches nobody */
	UNTRACED = 1 << 1, /* tasks that the fork tracepoint does not show */
	/* Its beginning: the target is added a fifth of the way. Only the trace
	 * goes back to that moment: equal but for what was switched
	 * while the target was being added, between two marks in the trace.
	 */
	UNBEGUN = 1 << 2,
};

/* How many the fork bomb forks: 5,000, or $OSC_BOMB; an instrumented kernel takes
 * a tenth of a second for each.
 */
unsigned int exact_bomb(void);
#define A_BOMB UINT_MAX

struct workload {
	const char *name;
	work_step step;
	unsigned int without;
	unsigned int exited; /* tasks that have ended after it; A_BOMB: of it */
};

/* Each ends with an entry without a name. */
extern const struct workload exact_processes[];
extern const struct workload exact_memory[];
extern const struct workload exact_epoll[];
extern const struct workload exact_kernel[];

/* For workloads: end the program when it is true, saying what failed. */
void exact_check(bool failed, const char *what);
/* Wait for children until there are none. */
void exact_reap(void);
/* A child runs life() and exits with 0. */
pid_t exact_child(void (*life)(void));
/* -1 with errno. */
int exact_write(const char *path, const char *text);

/* Some memory to swap to, gone with the guest; called before any workload. */
void exact_make_swap(void);
extern bool exact_has_swap;

/* --- trace.c: what the tracepoints see of a process tree */

struct trace {
	uint64_t switches; /* of tasks of the tree, away from them */
	uint64_t exits;
	uint64_t lost; /* events that found the buffer full */
	uint64_t marked[2]; /* the switches before each mark */
	unsigned int marks;
};

/* Until exact_trace_end(), of the tree of pid; -1 where it is impossible. */
int exact_trace_begin(pid_t pid);
/* A mark in it; fails where there is none. */
int exact_trace_mark(void);
void exact_trace_end(pid_t pid, struct trace *trace);

#endif
