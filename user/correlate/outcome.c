// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/outcome.h"

#include <math.h>
#include <string.h>

/* Intervals that lie within this factor of each other do not differ. */
#define ALIKE 1.1

/* A load: what rows must have in common to be compared. */
const char *const osc_load_keys[OSC_LOAD_KEYS] = { "concurrency", "mode",
						   "work_us", "io_us" };

static bool are_same(const json_t *a, const json_t *b, size_t first_key)
{
	for (size_t i = first_key; i < OSC_LOAD_KEYS; i++) {
		const json_t *x = json_object_get(a, osc_load_keys[i]);
		const json_t *y = json_object_get(b, osc_load_keys[i]);

		if (x != y && !json_equal(x, y))
			return false;
	}
	return true;
}

bool osc_load_is_same(const json_t *a, const json_t *b)
{
	return are_same(a, b, 0);
}

/* The connections may differ. */
static bool in_one_family(const json_t *a, const json_t *b)
{
	return are_same(a, b, 1);
}

const char *osc_row_model(const json_t *row)
{
	return json_string_value(json_object_get(row, "model")) ?: "?";
}

json_int_t osc_row_connections(const json_t *row)
{
	return json_integer_value(json_object_get(row, "concurrency"));
}

/* The row of a model under the load of another row; or NULL. */
const json_t *osc_row_find(const json_t *summary, const json_t *load,
			   const char *model)
{
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (osc_load_is_same(row, load) &&
		    !strcmp(osc_row_model(row), model))
			return row;
	}
	return NULL;
}

/* The first row of each model stands for it. */
bool osc_row_begins_model(const json_t *summary, size_t at)
{
	const char *model = osc_row_model(json_array_get(summary, at));

	for (size_t i = 0; i < at; i++) {
		if (!strcmp(osc_row_model(json_array_get(summary, i)), model))
			return false;
	}
	return true;
}

/* --- what is so under one load */

bool osc_row_has(const json_t *row, const struct osc_metric *m)
{
	struct osc_interval i;

	return row && osc_metric_interval(row, m, &i);
}

/* Models of the summary, and those of them that have the number. */
static void count_models(const json_t *summary, const struct osc_result *r,
			 size_t *models, size_t *measured)
{
	const json_t *row;
	size_t i;

	*models = *measured = 0;
	json_array_foreach(summary, i, row) {
		if (!osc_row_begins_model(summary, i))
			continue;
		++*models;
		*measured += osc_row_has(osc_row_find(summary, r->load,
						      osc_row_model(row)),
					 r->metric);
	}
}

/* Whether row beats all others under its load; next is the best of these. */
static bool find_next(const json_t *summary, const json_t *row,
		      const struct osc_metric *m, const json_t **next)
{
	struct osc_interval its, best = { 0 };
	const json_t *other;
	size_t i;

	*next = NULL;
	json_array_foreach(summary, i, other) {
		if (other == row || !osc_load_is_same(row, other))
			continue;
		if (!osc_metric_beats(row, other, m) ||
		    !osc_metric_interval(other, m, &its))
			return false;
		if (*next && (m->more ? its.value <= best.value :
					its.value >= best.value))
			continue;
		*next = other;
		best = its;
	}
	return *next;
}

static bool are_alike(const json_t *summary, const struct osc_result *r)
{
	double least = INFINITY, most = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		struct osc_interval its;

		if (!osc_load_is_same(row, r->load))
			continue;
		if (!osc_metric_interval(row, r->metric, &its) || !its.sure ||
		    !osc_metric_is_whole(row, r->metric))
			return false;
		least = fmin(least, its.low);
		most = fmax(most, its.high);
	}
	return most <= ALIKE * least;
}

bool osc_result_is_held_by(const struct osc_result *r, const json_t *row)
{
	struct osc_interval its;

	switch (r->outcome) {
	case OSC_LEFT_OUT:
		return !osc_row_has(row, r->metric);
	case OSC_TOO_FEW:
		return !osc_metric_interval(row, r->metric, &its) || !its.sure;
	case OSC_SUSPECT:
		return osc_metric_is_suspect(row, r->metric);
	default:
		return false;
	}
}

static bool is_held(const json_t *summary, struct osc_result *r,
		    enum osc_outcome outcome)
{
	const json_t *row;
	size_t i;

	r->outcome = outcome;
	json_array_foreach(summary, i, row) {
		if (osc_load_is_same(row, r->load) &&
		    osc_result_is_held_by(r, row))
			return true;
	}
	return false;
}

/* The row with the best number but for one, which may be NULL. */
static const json_t *best_but(const json_t *summary, const struct osc_result *r,
			      const json_t *but)
{
	struct osc_interval its, most = { 0 };
	const json_t *row, *best = NULL;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (row == but || !osc_load_is_same(row, r->load) ||
		    !osc_metric_interval(row, r->metric, &its) ||
		    (but && osc_metric_beats(but, row, r->metric)))
			continue;
		if (best && (r->metric->more ? its.value <= most.value :
					       its.value >= most.value))
			continue;
		best = row;
		most = its;
	}
	return best;
}

/* Why none wins, each model having a number. */
static void find_reason(const json_t *summary, struct osc_result *r)
{
	if (is_held(summary, r, OSC_TOO_FEW) ||
	    is_held(summary, r, OSC_SUSPECT))
		return;
	r->winner = best_but(summary, r, NULL);
	r->next = best_but(summary, r, r->winner);
	if (are_alike(summary, r))
		r->outcome = OSC_ALIKE;
	else if (!osc_metric_is_whole(r->winner, r->metric))
		r->outcome = OSC_BOUND;
	else
		r->outcome = OSC_OVERLAP;
}

const char *const osc_outcome_names[] = {
	[OSC_LEFT_OUT] = "left-out", [OSC_TOO_FEW] = "too-few-runs",
	[OSC_SUSPECT] = "suspect",   [OSC_ALIKE] = "alike",
	[OSC_BOUND] = "lower-bound", [OSC_OVERLAP] = "overlap",
};

struct osc_result osc_result_of(const json_t *summary, const json_t *load,
				const struct osc_metric *m)
{
	struct osc_result r = { .metric = m, .load = load };
	size_t models, measured, i;
	const json_t *row;

	count_models(summary, &r, &models, &measured);
	if (models < 2)
		return r;
	if (measured < models) {
		r.outcome = OSC_LEFT_OUT;
		return r;
	}
	json_array_foreach(summary, i, row) {
		if (!osc_load_is_same(row, load) ||
		    !find_next(summary, row, m, &r.next))
			continue;
		r.winner = row;
		r.outcome = OSC_WINS;
		return r;
	}
	find_reason(summary, &r);
	return r;
}

/* The rows that stand for the loads of a family, from the most connections. */
const json_t *osc_load_next(const json_t *summary, const json_t *family,
			    const json_t *after)
{
	const json_t *row, *best = NULL;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (in_one_family(row, family) &&
		    (!after ||
		     osc_row_connections(row) < osc_row_connections(after)) &&
		    (!best ||
		     osc_row_connections(row) > osc_row_connections(best)))
			best = row;
	}
	return best;
}

/* The first row of each family stands for it. */
bool osc_row_begins_family(const json_t *summary, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (in_one_family(json_array_get(summary, i),
				  json_array_get(summary, at)))
			return false;
	}
	return true;
}
