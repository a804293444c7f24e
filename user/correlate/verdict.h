/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.h - which model wins under which load, in words, by rules.
 *
 * A model wins by a metric where its interval does not touch that of any other
 * model under the same load, each of them has one, and each is made of enough
 * runs, six or more, that the interval holds the true median with a probability
 * of OSC_SPREAD_COVERAGE. By the requests per second and the latency nobody wins
 * where some of the runs are suspect, under that load, of any model: they may tell
 * of the client. What is the least of a number loses, but does not win. In all
 * other cases nothing is said. Why it wins are
 * the counters by which it is apart from the next, by the same rule: what goes
 * with the win, which is not proof that it causes it.
 */
#ifndef OSC_CORRELATE_VERDICT_H
#define OSC_CORRELATE_VERDICT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * [{mode, concurrency, work_us, io_us, metric, model, next, value, next_value,
 * text, why: [text]}], of the rows of a summary; without metrics of time where
 * the CPU is emulated. NULL without memory.
 */
json_t *osc_verdicts(const json_t *summary, bool emulated);

#endif
