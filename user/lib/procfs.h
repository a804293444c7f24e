/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procfs.h - the kernel's own books as /proc shows them: the second source of
 * counters, and the auditor of the first.
 */
#ifndef OSC_LIB_PROCFS_H
#define OSC_LIB_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/counters.h"

/* What a process inherits from the children that it waits for. */
struct osc_procfs_reaped {
	uint64_t minor, major; /* faults */
	uint64_t user_ticks, system_ticks; /* CPU time, rounded down */
};

/* One thread, as /proc/PID/task/TID shows it. */
struct osc_procfs_task {
	pid_t pid, tid, ppid;
	char state; /* as in stat: 'Z' has ended but was not waited for */
	uint64_t start_ticks; /* since boot; with tid it names the thread */
	char comm[32];
	/* It ignores SIGCHLD: the kernel then reaps its children, and nobody
	 * inherits what they did.
	 */
	bool discards_children;
	/* CPU time, rounded down; the whole process's where the faults are. */
	uint64_t user_ticks, system_ticks;
	/* Of the children that the process waited for, and of theirs. */
	struct osc_procfs_reaped reaped;
	/* Of the leader (tid == pid) with the faults and the CPU time of the
	 * whole process, threads that have ended included; of others without.
	 */
	struct osc_counts counts;
};

/* Only the first thread's stat: pid, ppid, state, start, faults and reaped. */
int osc_procfs_leader(pid_t pid, struct osc_procfs_task *out);

/* Appends the threads of a process to *tasks, growing it; frees nothing. */
struct osc_procfs_tasks {
	struct osc_procfs_task *task;
	size_t n, room;
	size_t most; /* -E2BIG where there are more; 0: no limit */
};

/* 0, also when a thread ends meanwhile; -ESRCH when there is no process. */
int osc_procfs_threads(pid_t pid, struct osc_procfs_tasks *tasks);
/* The same, and the first thread with its own faults and CPU time, too. */
int osc_procfs_own_threads(pid_t pid, struct osc_procfs_tasks *tasks);
/* Appends a copy of one; 0 or -ENOMEM. */
int osc_procfs_append(struct osc_procfs_tasks *tasks,
		      const struct osc_procfs_task *task);

/*
 * One process, without its children, since it started: switches and run delay
 * are the sums over its threads that live, faults and CPU time include those of
 * threads that have ended. A zombie still reads. -ESRCH when it is gone.
 */
int osc_procfs_process(pid_t pid, struct osc_counts *out, struct osc_error *e);

/* The processes of a target of the /proc back end; *pids is the caller's. */
int osc_procfs_target(struct osc_counters *c, uint32_t id, pid_t **pids,
		      size_t *n, struct osc_error *e);

/*
 * A reading of the /proc back end fails with E2BIG, with nothing changed, where
 * the machine has more processes, or the target more tasks.
 */
void osc_procfs_limit(struct osc_counters *c, size_t most);

/* /proc/stat processes: all tasks, threads too, that were made since boot. */
int osc_procfs_forks(uint64_t *out, struct osc_error *e);

/* /proc/stat ctxt: all context switches since boot. */
int osc_procfs_context_switches(uint64_t *out, struct osc_error *e);

/* /proc/vmstat: pgfault counts every fault, pgmajfault those with I/O. */
int osc_procfs_faults(uint64_t *pgfault, uint64_t *pgmajfault,
		      struct osc_error *e);

/* The whole system, as the counters interface gives it. */
int osc_procfs_totals(struct osc_counts *out, struct osc_error *e);

/*
 * Reads a whole file of /proc or /sys, NUL-terminated, which the caller
 * frees. -errno without an error text: it is the caller who knows whether a
 * missing file matters.
 */
int osc_procfs_slurp(const char *path, char **text);

#endif
