/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hist_session.h - what `osconcepts hist` does with the module: finds whose
 * times are meant, times for the span of a measure what was not timed, and puts
 * the switches back.
 */
#ifndef OSC_CLI_HIST_SESSION_H
#define OSC_CLI_HIST_SESSION_H

#include "lib/module.h"

struct osc_hist_session {
	struct osc_module *m;
	bool only; /* one target, or the system with ID 0 */
	uint32_t id;
	int pidfd; /* of the process that is watched for the measure, or -1 */
	/* What we have switched on, and when: another's is not ours to end. */
	struct {
		const char *name;
		uint64_t since_ns;
	} on[OSC_NR_TIMING_KINDS];
	size_t nr_on;
};

/*
 * "system", an ID, a PID or the name of a target's process. With `watch` a PID
 * that is no target is watched until the session ends.
 */
int osc_hist_find_target(struct osc_hist_session *s, const char *word,
			 bool watch, struct osc_error *e);

/* One that is on already, for at least these events, is left as it is. */
int osc_hist_switch_on(struct osc_hist_session *s,
		       const struct osc_timing_wish *wishes, size_t n,
		       struct osc_error *e);
int osc_hist_restore(struct osc_hist_session *s, struct osc_error *e);

/* A moment of all that a report tells. */
struct osc_hist_look {
	struct osc_histogram *histogram;
	size_t nr_histograms;
	struct osc_timing *timing;
	size_t nr_timings;
	struct osc_source *source;
	size_t nr_sources;
	struct osc_target *target;
	size_t nr_targets;
};

int osc_hist_look(struct osc_hist_session *s, struct osc_hist_look *out,
		  struct osc_error *e);
void osc_hist_look_free(struct osc_hist_look *look);

/*
 * hist_report.c: prints what came since `before` (NULL: since timing began), of
 * the histograms in the set. Nothing to show is an error that says why.
 */
struct osc_hist_report {
	const struct osc_hist_session *session;
	const struct osc_hist_look *now, *before;
	osc_histogram_set set;
	bool json;
	bool one_line; /* JSON of several reports */
	bool cut_short; /* the module was unloaded before the end */
	const char *schema;
};

/* Before a measure: whether anything that is asked for is timed at all. */
int osc_hist_check(const struct osc_hist_report *r, struct osc_error *e);
int osc_hist_report(const struct osc_hist_report *r, struct osc_error *e);

#endif
