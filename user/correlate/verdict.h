/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.h - findings: which model wins by what, under which condition, in
 * words, by rules.
 *
 * A model wins by a metric under a load where its interval does not touch that
 * of any other model, and each is made of enough runs, six or more, that it
 * holds the true value with a probability of 95 %. No model wins where one that
 * was run under any load has no such number under this one: the finding names
 * who is left out, and why. By the requests per second and the latency none
 * wins where some of the runs under that load are suspect, of any model: they
 * may reflect the client. A lower bound loses, but does not win. Where no model
 * wins the reason is said.
 *
 * What a finding holds under is its condition: the number of connections, and
 * what is so at the other numbers that were measured. Why a model wins are the
 * counters by which it is apart from the next, by the same rule: what goes with
 * the win, which is not proof that it causes it.
 */
#ifndef OSC_CORRELATE_VERDICT_H
#define OSC_CORRELATE_VERDICT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * [{mode, concurrency, work_us, io_us, metric, model, next, value, next_value,
 * text, why: [text], looked_at: [text]}], of the rows of a summary; without
 * metrics of time where the CPU is emulated. A model that wins under loads
 * which differ in their connections alone has one, of the most connections.
 * NULL without memory.
 */
json_t *osc_verdicts(const json_t *summary, bool emulated);

/*
 * [{mode, concurrency, work_us, io_us, metric, reason, text, left_out: [{model,
 * why}]}]: each metric by which no model wins under any load of a family, and
 * why: models without a number, too few or suspect runs, no difference, a lower
 * bound, intervals that overlap.
 */
json_t *osc_undecided(const json_t *summary, bool emulated);

#endif
