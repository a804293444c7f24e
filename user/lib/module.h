/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.h - what the osconcepts kernel module says over generic netlink
 * (Documentation/netlink/specs/osconcepts.yaml): its sources, totals, targets,
 * timings and notifications. counters.h is the same without what /proc cannot give.
 */
#ifndef OSC_LIB_MODULE_H
#define OSC_LIB_MODULE_H

#include "lib/counters.h"
#include "lib/timings.h"

struct osc_module; /* an open connection; targets bound to it end with it */

/*
 * -ENOENT, without an error text, when the module is not loaded. One that
 * speaks another version of the family is an error, OSC_EXIT_MISSING.
 */
int osc_module_open(struct osc_module **out, struct osc_error *e);
void osc_module_close(struct osc_module *m);

/* What to tell whom who needs the module. Returns -ENOENT. */
int osc_module_missing(const char *what, struct osc_error *e);

struct osc_source {
	char name[16]; /* sched, fault, epoll */
	const char *state; /* unavailable, off, on, silenced */
	const char *via; /* how it counts */
	char why[256]; /* "" when there is nothing to say */
	uint64_t hits, lost;
	uint64_t gaps; /* times that its hooks were taken from it */
};

/* The lists are the caller's to free. */
int osc_module_sources(struct osc_module *m, struct osc_source **out, size_t *n,
		       struct osc_error *e);

int osc_module_totals(struct osc_module *m, struct osc_counts *out,
		      struct osc_error *e);

struct osc_cpu_counts {
	uint32_t cpu;
	struct osc_counts counts;
};

int osc_module_cpus(struct osc_module *m, struct osc_cpu_counts **out,
		    size_t *n, struct osc_error *e);

/* flags: OSC_WATCH_ bits. out may be NULL. */
int osc_module_add(struct osc_module *m, pid_t pid, unsigned int flags,
		   struct osc_target *out, struct osc_error *e);
int osc_module_get(struct osc_module *m, uint32_t id, struct osc_target *out,
		   struct osc_error *e);
/* out: the last counts; may be NULL. */
int osc_module_del(struct osc_module *m, uint32_t id, struct osc_target *out,
		   struct osc_error *e);
int osc_module_targets(struct osc_module *m, struct osc_target **out, size_t *n,
		       struct osc_error *e);

int osc_module_timings(struct osc_module *m, struct osc_timing **out, size_t *n,
		       struct osc_error *e);
/*
 * Another level than now drops what was measured. Without the right, or where
 * it is not possible, an error with OSC_EXIT_MISSING. out may be NULL.
 */
int osc_module_timing_set(struct osc_module *m, const char *name,
			  enum osc_timing_level level, struct osc_timing *out,
			  struct osc_error *e);

/* All that are kept and that we may see; of one target (0: of the whole
 * system) where `only` is not NULL.
 */
int osc_module_histograms(struct osc_module *m, const uint32_t *only,
			  struct osc_histogram **out, size_t *n,
			  struct osc_error *e);

struct osc_event {
	enum osc_event_kind {
		OSC_EVENT_ADD,
		OSC_EVENT_EXIT, /* its last task has ended */
		OSC_EVENT_DEL,
		OSC_EVENT_LOST, /* the reader was too slow: some are missing */
	} kind;
	struct osc_target target; /* with its counts then */
	uint32_t lost; /* so many, before what comes next */
};

/*
 * From now on notifications arrive: poll osc_module_fd, then take them with
 * next until -EAGAIN. A connection that is subscribed asks nothing else. When
 * the module is unloaded next fails with OSC_EXIT_MISSING, behind all that came
 * before; loading it again makes no difference to this connection.
 */
int osc_module_subscribe(struct osc_module *m, struct osc_error *e);
int osc_module_fd(const struct osc_module *m);
int osc_module_next(struct osc_module *m, struct osc_event *out,
		    struct osc_error *e);

#endif
