/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcome.h - what is so by one metric under one load: which model wins, or why
 * none does. A load is mode, connections, work and io; a family are those loads
 * that differ in their connections alone.
 */
#ifndef OSC_CORRELATE_OUTCOME_H
#define OSC_CORRELATE_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "correlate/metric.h"

#define OSC_LOAD_KEYS 4
extern const char *const osc_load_keys[OSC_LOAD_KEYS];

bool osc_load_is_same(const json_t *a, const json_t *b);
/*
 * The rows that stand for the loads of a family, from the most connections on;
 * the first after NULL, NULL after the last.
 */
const json_t *osc_load_next(const json_t *summary, const json_t *family,
			    const json_t *after);

const char *osc_row_model(const json_t *row);
json_int_t osc_row_connections(const json_t *row);
/* The row of a model under the load of another row; or NULL. */
const json_t *osc_row_find(const json_t *summary, const json_t *load,
			   const char *model);
/* The first row of each model, and of each family, stands for it. */
bool osc_row_begins_model(const json_t *summary, size_t at);
bool osc_row_begins_family(const json_t *summary, size_t at);
/* row may be NULL. */
bool osc_row_has(const json_t *row, const struct osc_metric *m);

enum osc_outcome {
	OSC_NO_NUMBERS, /* there is but one model */
	OSC_WINS,
	/* No winner is named: the first of these that is so. */
	OSC_LEFT_OUT, /* some model has no such number */
	OSC_TOO_FEW, /* some interval is of too few runs */
	OSC_SUSPECT, /* some runs may reflect the client */
	OSC_ALIKE, /* all intervals lie within a tenth */
	OSC_BOUND, /* the best number is a lower bound */
	OSC_OVERLAP, /* the interval of the best overlaps another */
};

/* "left-out", as a document has it; of those that name no winner. */
extern const char *const osc_outcome_names[];

struct osc_result {
	enum osc_outcome outcome;
	const struct osc_metric *metric;
	const json_t *load; /* a row under it */
	/*
	 * Rows: who wins, and the best of the others; or of the last two
	 * outcomes the best, and whom it does not beat.
	 */
	const json_t *winner, *next;
};

struct osc_result osc_result_of(const json_t *summary, const json_t *load,
				const struct osc_metric *m);
/*
 * Whether the row's model is one for whom no winner is named: it has no number,
 * too few runs, or suspect ones.
 */
bool osc_result_is_held_by(const struct osc_result *r, const json_t *row);

#endif
