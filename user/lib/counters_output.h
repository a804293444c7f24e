/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counters_output.h - counts and targets as JSON and as cells of a table.
 * Wherever counters are shown they have the same names; one that is not
 * counted is null, shown "-".
 */
#ifndef OSC_LIB_COUNTERS_OUTPUT_H
#define OSC_LIB_COUNTERS_OUTPUT_H

#include <jansson.h>

#include "lib/counters.h"
#include "lib/output.h"

/*
 * {context_switches: n, …}; NULL only without memory, as all here. How far they
 * can be trusted stands beside them: osc_standing_json().
 */
json_t *osc_counts_json(const struct osc_counts *c);

/* What a counter is multiplied by to be a rate; times become CPUs. */
double osc_rate_scale(enum osc_counter n, double seconds);

/* The same per second; times become shares of one CPU: cpu, run_delay. */
json_t *osc_rates_json(const struct osc_counts *delta, double seconds);

/*
 * What grew between two readings of something that ran on, before it is shown as a
 * rate: a time is withheld where the interval is too short for it, or where it
 * grew by more than `cpus`, or the tasks, can have taken.
 */
void osc_counts_check_times(struct osc_counts *delta, double seconds,
			    unsigned int cpus);
/* How many there are for those who are bound to none; at least 1. */
unsigned int osc_cpus_online(void);

/* {id, pid, comm, uid, state, bound, follow, tasks…, counters{…}} */
json_t *osc_target_json(const struct osc_target *t);

/* The headings of columns of counters. */
extern const char *const osc_counter_heading[OSC_NR_COUNTERS];

/* For tables with rates: the columns behind the caller's own. */
#define OSC_RATE_COLUMNS                                                      \
	{ "context_switches", "SWITCH", OSC_COLUMN_REAL },                    \
		{ "context_switches_voluntary", "VOLUNT", OSC_COLUMN_REAL },  \
		{ "context_switches_involuntary", "INVOL", OSC_COLUMN_REAL }, \
		{ "page_faults_minor", "MINFLT", OSC_COLUMN_REAL },           \
		{ "page_faults_major", "MAJFLT", OSC_COLUMN_REAL },           \
		{ "epoll_callbacks", "EPCALL", OSC_COLUMN_REAL },             \
		{ "epoll_wakeups", "EPWAKE", OSC_COLUMN_REAL },               \
		{ "cpu", "CPUS", OSC_COLUMN_REAL },                           \
	{                                                                     \
		"run_delay", "DELAY", OSC_COLUMN_REAL                         \
	}

void osc_rates_cells(struct osc_table *t, const struct osc_counts *delta,
		     double seconds);

/*
 * ID, PID, COMMAND … of `osconcepts targets`; below it, osc_targets_notes(), why
 * its numbers are not exact.
 */
struct osc_table *osc_targets_table(const struct osc_target *targets, size_t n);
void osc_targets_notes(const struct osc_target *targets, size_t n, FILE *out);

#endif
