/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - many runs in, what they agree on out: the parts of an
 * osconcepts-compare/3 document that are computed from its runs.
 *
 * What is trusted when: the kernel's counters, CPU time among them, are the
 * server's own and stand whatever became of the client; they are made of all
 * runs. Throughput and latency are the client's word, and are made of the runs
 * that it vouches for; where there are none they are withheld (null).
 */
#ifndef OSC_CORRELATE_COMPARE_H
#define OSC_CORRELATE_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

#define OSC_COMPARE_SCHEMA "osconcepts-compare/3"

/*
 * One entry per model, mode and load (concurrency, work_us, io_us), as they
 * first appear. NULL without memory.
 */
json_t *osc_compare_summary(const json_t *runs);

/*
 * {audits, failed, ok}, of the runs and of the calibration's rows. NULL
 * without memory.
 */
json_t *osc_compare_overall(const json_t *runs, const json_t *calibration);

/*
 * The command's exit code: 1 when an audit failed, or none was made; 4 when a
 * row has no valid run, unless the CPU is emulated: nobody compares times
 * there, and counts stand. 0 otherwise.
 */
int osc_compare_exit_code(const json_t *overall, const json_t *summary,
			  bool emulated);

#endif
