/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stat_rows.h - a row for each process, or thread, of `osconcepts stat -p`. */
#ifndef OSC_CLI_STAT_ROWS_H
#define OSC_CLI_STAT_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/procfs.h"

struct osc_error;

/* The tasks of a process and its children, as they are looked at. */
struct osc_stat_tasks {
	struct osc_counters *procfs; /* NULL: not looked at */
	bool own; /* procfs is opened for this alone */
	uint32_t id;
	pid_t root;
	enum osc_stat_per {
		OSC_STAT_PER_NOTHING,
		OSC_STAT_PER_PROCESS,
		OSC_STAT_PER_THREAD,
	} per;
	struct osc_procfs_tasks process_base, process; /* of the last look */
	struct osc_procfs_tasks thread_base, thread;
	char comm[32]; /* of the root */
	bool root_ended; /* before the last look */
};

/* counters: those that count the root; a second back end if that is the module. */
int osc_stat_tasks_begin(struct osc_stat_tasks *t,
			 struct osc_counters *counters, uint32_t id, pid_t root,
			 enum osc_stat_per per, struct osc_error *e);
int osc_stat_tasks_look(struct osc_stat_tasks *t, struct osc_error *e);
void osc_stat_tasks_end(struct osc_stat_tasks *t);

/*
 * User and system time of processes and of the children that they waited for,
 * since the first look, in seconds to a tick.
 */
void osc_stat_tasks_times(const struct osc_stat_tasks *t, double *user_s,
			  double *sys_s);

/* The rows that are asked for; null, or nothing, where none are. */
int osc_stat_tasks_print(const struct osc_stat_tasks *t, FILE *out,
			 struct osc_error *e);
json_t *osc_stat_tasks_json(const struct osc_stat_tasks *t);

#endif
