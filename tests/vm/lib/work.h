/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * work.h - a process that works one step at a time and blocks between them, so
 * that everybody's books about it can be read while it stands still.
 */
#ifndef OSC_TEST_WORK_H
#define OSC_TEST_WORK_H

#include <linux/osconcepts.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "nl.h"

/* Memory that the process and the test share. */
struct work_shared {
	atomic_uint done; /* steps */
	struct rusage self; /* read by the process itself after each step */
	struct rusage children;
	atomic_ulong value[16]; /* whatever the steps tell */
	atomic_int stop;
};

typedef void (*work_step)(struct work_shared *shared);

struct work {
	pid_t pid;
	int gate;
	unsigned int released;
	struct work_shared *shared;
};

/*
 * Start a process that runs steps[0], steps[1] … Each waits for work_next().
 * It is pinned to the first CPU and runs under SCHED_FIFO, so that the order of
 * its threads is theirs alone. It is warm: its next faults are the step's.
 */
void work_start(struct work *work, const work_step *steps, unsigned int count);

/* Run the next step; returns when every thread is blocked again. */
void work_next(struct work *work);
/* Run it without waiting for its end, and wait later. */
void work_release(struct work *work);
void work_settle(struct work *work);

/* Let it exit and wait for it; its exit status as from waitpid(). */
int work_end(struct work *work, struct rusage *usage);

/* A thread on the first CPU under SCHED_FIFO; detached. */
void work_thread(void *(*run)(void *), void *arg, int priority);
#define WORK_PRIORITY 10

/* With PREEMPT_RT waiting for a spinlock is a voluntary switch, so that there may
 * be more of them than a task's own blocks: false there.
 */
bool work_switches_are_blocks(void);

/* Pin the caller and give it a priority; 0 is an ordinary task. */
void work_schedule(int cpu, int priority);

/* The letter of /proc/PID/task/TID/stat; 0 when the task is gone. */
char task_state(pid_t pid, const char *tid);

/* What /proc says about a process, indexed by OSCONCEPTS_A_COUNTERS_*. */
struct books {
	uint64_t value[OSCONCEPTS_A_COUNTERS_MAX + 1];
};

/* Of all its threads; -1 with errno when it is gone. */
int books_read(pid_t pid, struct books *out);

/* The counters that /proc has too, by attribute; ends with 0. */
extern const int booked[];

const char *counter_name(int attribute);

/*
 * One test for each counter that /proc has too: what the target counted is what
 * /proc booked since base. Only for a process that stands still.
 */
void books_equal(struct nl *nl, uint32_t id, pid_t pid,
		 const struct books *base, const char *name);

#endif
