/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters.h - one interface to the counters, whoever keeps them: the kernel
 * module (module.c, exact) or /proc (procfs.c, samples; loses what a task did
 * between the last look at it and its end, and says so in `lost`).
 *
 * A handle belongs to one thread at a time.
 */
#ifndef OSC_LIB_COUNTERS_H
#define OSC_LIB_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct osc_error;

enum osc_counter {
	OSC_SWITCHES, /* both kinds; all that /proc gives of the whole system */
	OSC_SWITCHES_VOLUNTARY,
	OSC_SWITCHES_INVOLUNTARY,
	OSC_FAULTS_MINOR,
	OSC_FAULTS_MAJOR,
	OSC_EPOLL_CALLBACKS,
	OSC_EPOLL_WAKEUPS,
	OSC_CPU_NS,
	OSC_RUN_DELAY_NS,
	OSC_NR_COUNTERS
};

struct osc_counter_info {
	const char *name; /* as in /proc/osconcepts and in every JSON */
	const char *unit; /* "" for plain counts, "ns" for times */
	const char *definition; /* one line */
};

extern const struct osc_counter_info osc_counter_info[OSC_NR_COUNTERS];

enum osc_backend {
	OSC_BACKEND_NONE, /* no counts yet */
	OSC_BACKEND_MODULE,
	OSC_BACKEND_PROCFS,
};

/* How far each value can be trusted: osc_standing() in standing.h. */
struct osc_counts {
	uint64_t value[OSC_NR_COUNTERS];
	/* Occasions on which events may have been missed: then the value is a
	 * lower bound.
	 */
	uint64_t missed[OSC_NR_COUNTERS];
	/* Of /proc: times that a task may have come and gone between two
	 * looks, with nothing that proves the opposite.
	 */
	uint64_t unproved;
	/* Of /proc: a process was seen whose children nobody waits for. */
	bool children_discarded;
	/* Events of epoll registrations whose owner is not known: what
	 * happened lies in [epoll_callbacks, epoll_callbacks + unknown].
	 */
	uint64_t callbacks_unknown;
	/* Of the whole system, whose CPU time the kernel adds up at its ticks:
	 * how far it may be off, and of a difference, what is possible.
	 */
	uint64_t cpu_grain_ns, cpu_most_ns;
	unsigned int cpus;
	bool cut_short; /* read before the end: the module was unloaded */
	bool task_ended; /* of a task: read before it, or its tree, ended */
	uint32_t present; /* bit per counter; others are not counted here */
	/* Bit per counter: the rusage of all tasks proves it, see
	 * osc_reaper_prove().
	 */
	uint32_t proved;
	uint32_t withheld; /* counted, and no rate: osc_counts_check_times() */
	enum osc_backend backend;
	uint64_t time_ns; /* when they were read, CLOCK_MONOTONIC */
	/* Of a target; all 0 in totals. lost: tasks or events not counted. */
	uint64_t tasks_live, tasks_exited, lost;
};

static inline bool osc_counts_have(const struct osc_counts *c,
				   enum osc_counter n)
{
	return c->present >> n & 1;
}

static inline void osc_counts_set(struct osc_counts *c, enum osc_counter n,
				  uint64_t value)
{
	c->value[n] = value;
	c->present |= 1u << n;
}

/*
 * What happened between two readings: present where both are. Of callbacks, the
 * interval that both readings leave.
 */
void osc_counts_since(const struct osc_counts *now,
		      const struct osc_counts *before, struct osc_counts *out);

/* All that was lost may be missing in each counter. */
void osc_counts_missed(struct osc_counts *c, uint64_t occasions);

/* Adds b's values to a's; present are the counters of either. */
void osc_counts_add(struct osc_counts *a, const struct osc_counts *b);

enum osc_counters_kind {
	OSC_COUNTERS_AUTO, /* the module when it is there, /proc otherwise */
	OSC_COUNTERS_MODULE,
	OSC_COUNTERS_PROCFS,
};

/* "auto", "module" or "procfs" as typed after --backend. */
int osc_counters_kind_parse(const char *text, enum osc_counters_kind *out,
			    struct osc_error *e);

/* For watch(). */
#define OSC_WATCH_BOUND 1u /* removed when this handle closes or we die */
#define OSC_WATCH_NO_FOLLOW 2u /* not the children */
/* Processes that become our children are of the tree: we are its subreaper. */
#define OSC_WATCH_ORPHANS 4u

struct osc_target {
	uint32_t id;
	pid_t pid; /* 0 where the root has no number in our PID namespace */
	uint32_t flags; /* OSC_WATCH_ bits */
	uint32_t uid; /* who added it */
	bool exited; /* every task has ended, the counters are final */
	bool root_lives; /* pid is its root's: no other process can have it */
	char comm[32];
	uint64_t since_ns; /* when it was added, CLOCK_MONOTONIC */
	struct osc_counts counts;
};

struct osc_counters; /* an open source */

/*
 * AUTO falls back to /proc only where there is no module: one of another
 * version, or one that refuses us, is an error. Asking for the module where
 * there is none fails with OSC_EXIT_MISSING.
 */
int osc_counters_open(struct osc_counters **out, enum osc_counters_kind kind,
		      struct osc_error *e);
void osc_counters_close(struct osc_counters *c);
const char *osc_counters_source(const struct osc_counters *c);

/* The connection behind the handle (module.h); NULL where /proc counts. */
struct osc_module *osc_counters_module(struct osc_counters *c);

/* What its back end keeps: for functions of the back end's own. */
void *osc_counters_state(struct osc_counters *c);

/* The whole system, since boot or since the module was loaded: use deltas. */
int osc_counters_totals(struct osc_counters *c, struct osc_counts *out,
			struct osc_error *e);

/* Counts from now on what the process tree under pid does. */
int osc_counters_watch(struct osc_counters *c, pid_t pid, unsigned int flags,
		       uint32_t *id, struct osc_error *e);
int osc_counters_read(struct osc_counters *c, uint32_t id,
		      struct osc_counts *out, struct osc_error *e);
/*
 * For a tree that has ended: reads until no task lives, for the kernel wakes
 * who waits for a process a little before its last switch. Gives up after
 * 20 ms, when something of the tree lives on.
 */
int osc_counters_read_final(struct osc_counters *c, uint32_t id,
			    struct osc_counts *out, struct osc_error *e);
int osc_counters_unwatch(struct osc_counters *c, uint32_t id,
			 struct osc_error *e);

/*
 * What a source implements; counters.c holds the table of them. open()
 * returns -ENOENT, without an error text, when the source is not there.
 */
struct osc_counters_ops {
	const char *name;
	int (*open)(void **state, struct osc_error *e);
	void (*close)(void *state);
	int (*totals)(void *state, struct osc_counts *out, struct osc_error *e);
	int (*watch)(void *state, pid_t pid, unsigned int flags, uint32_t *id,
		     struct osc_error *e);
	int (*read)(void *state, uint32_t id, struct osc_counts *out,
		    struct osc_error *e);
	int (*unwatch)(void *state, uint32_t id, struct osc_error *e);
};

extern const struct osc_counters_ops osc_module_ops;
extern const struct osc_counters_ops osc_procfs_ops;

#endif
