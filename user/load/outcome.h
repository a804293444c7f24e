/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcome.h - what the counts of a run come to: its rate, and its verdict. */
#ifndef OSC_LOAD_OUTCOME_H
#define OSC_LOAD_OUTCOME_H

#include <stdint.h>

struct osc_load_result;

/* Of the time asked for, or the last answer when that came later. */
uint64_t osc_load_end(const struct osc_load_result *r);

/* Duration, rate and verdict of what was counted until end_ns. */
void osc_load_judge(struct osc_load_result *r, uint64_t end_ns);

#endif
