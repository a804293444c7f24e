/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reason.h - why no winner is named, in words. */
#ifndef OSC_CORRELATE_REASON_H
#define OSC_CORRELATE_REASON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "correlate/outcome.h"

/* "no number for iterative (it takes one connection at a time)" */
void osc_reason_print(FILE *out, const json_t *summary,
		      const struct osc_result *r);

/* Whether two loads have no winner for the same reason, in the same words. */
bool osc_reason_is_same(const json_t *summary, const struct osc_result *a,
			const struct osc_result *b);

/* [{model, why}] of the models without a number; NULL without memory. */
json_t *osc_reason_left_out(const json_t *summary, const struct osc_result *r);

#endif
