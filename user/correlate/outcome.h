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
	OSC_NO_NUMBERS, /* no model has one, or there is but one model */
	OSC_LEFT_OUT, /* some model has none: no winner is named */
	OSC_WINS,
	OSC_ALIKE, /* all intervals lie within a tenth */
	OSC_OVERLAP, /* or are not sure */
};

struct osc_result {
	enum osc_outcome outcome;
	const struct osc_metric *metric;
	const json_t *load; /* a row under it */
	const json_t *winner, *next; /* rows; next is the best of the others */
};

struct osc_result osc_result_of(const json_t *summary, const json_t *load,
				const struct osc_metric *m);

#endif
