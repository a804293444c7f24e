/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stat_report.h - what `osconcepts stat` prints. */
#ifndef OSC_CLI_STAT_REPORT_H
#define OSC_CLI_STAT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/stat_rows.h"
#include "lib/child.h"
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/notes.h"

struct osc_error;
struct osc_reaper;

/* How often a process tree is looked at in /proc: in the man page as well. */
#define OSC_STAT_SAMPLE_NS (100 * OSC_NS_PER_MS)

struct osc_stat_result {
	const char *source;
	uint64_t sample_ns; /* between two looks at /proc; 0: not sampled */
	char *const *command; /* NULL-terminated, or NULL */
	const struct osc_child *child; /* of the command, reaped; or NULL */
	const struct osc_reaper *reaper; /* of what it left behind */
	const struct osc_stat_tasks *tasks; /* of a process */
	pid_t pid; /* or 0: the whole system */
	double elapsed_s;
	struct osc_counts counts;
	struct osc_notes *notes; /* of the lines of -I */
	bool one_line; /* JSON that follows other lines of it */
};

int osc_stat_print(const struct osc_stat_result *r, bool json, FILE *out,
		   struct osc_error *e);

/* One line of -I: what happened between two moments. */
struct osc_stat_interval {
	unsigned int number; /* from 0 */
	double time_s; /* its end, since the start */
	double seconds;
	const struct osc_counts *delta;
};

/* Why a number of it is not exact is noted, for osc_stat_print(). */
int osc_stat_print_interval(const struct osc_stat_interval *interval, bool json,
			    struct osc_notes *notes, FILE *out,
			    struct osc_error *e);

#endif
