// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/metric.h"
#include "lib/output.h"

/* Intervals that lie within this factor of each other do not differ. */
#define ALIKE 1.1

/* A load: what rows must have in common to be compared. */
static const char *const load_keys[] = { "concurrency", "mode", "work_us",
					 "io_us" };
#define NR_LOAD_KEYS (sizeof(load_keys) / sizeof(*load_keys))

static bool are_same(const json_t *a, const json_t *b, size_t first_key)
{
	for (size_t i = first_key; i < NR_LOAD_KEYS; i++) {
		const json_t *x = json_object_get(a, load_keys[i]);
		const json_t *y = json_object_get(b, load_keys[i]);

		if (x != y && !json_equal(x, y))
			return false;
	}
	return true;
}

static bool under_one_load(const json_t *a, const json_t *b)
{
	return are_same(a, b, 0);
}

/* The connections may differ. */
static bool in_one_family(const json_t *a, const json_t *b)
{
	return are_same(a, b, 1);
}

static const char *model_of(const json_t *row)
{
	return json_string_value(json_object_get(row, "model")) ?: "?";
}

static json_int_t connections_of(const json_t *row)
{
	return json_integer_value(json_object_get(row, "concurrency"));
}

/* The row of a model under the load of another row; or NULL. */
static const json_t *row_of(const json_t *summary, const json_t *load,
			    const char *model)
{
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (under_one_load(row, load) && !strcmp(model_of(row), model))
			return row;
	}
	return NULL;
}

/* The first row of each model stands for it. */
static bool begins_model(const json_t *summary, size_t at)
{
	const char *model = model_of(json_array_get(summary, at));

	for (size_t i = 0; i < at; i++) {
		if (!strcmp(model_of(json_array_get(summary, i)), model))
			return false;
	}
	return true;
}

/* --- what is so under one load */

enum outcome {
	NOBODY, /* no model has the number, or there is but one model */
	LEFT_OUT, /* some model has not: none is named */
	WINS,
	ALIKE_ALL, /* all intervals are within a tenth */
	OVERLAP, /* or not sure */
};

struct result {
	enum outcome outcome;
	const struct osc_metric *metric;
	const json_t *load; /* a row under it */
	const json_t *winner, *next; /* rows */
};

static bool has_number(const json_t *row, const struct osc_metric *m)
{
	struct osc_interval i;

	return row && osc_metric_interval(row, m, &i);
}

/* Models of the summary, and those of them that have the number. */
static void count_models(const json_t *summary, const struct result *r,
			 size_t *models, size_t *measured)
{
	const json_t *row;
	size_t i;

	*models = *measured = 0;
	json_array_foreach(summary, i, row) {
		if (!begins_model(summary, i))
			continue;
		++*models;
		*measured += has_number(row_of(summary, r->load, model_of(row)),
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
		if (other == row || !under_one_load(row, other))
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

static bool are_alike(const json_t *summary, const struct result *r)
{
	double least = INFINITY, most = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		struct osc_interval its;

		if (!under_one_load(row, r->load))
			continue;
		if (!osc_metric_interval(row, r->metric, &its) || !its.sure ||
		    !osc_metric_is_whole(row, r->metric))
			return false;
		least = fmin(least, its.low);
		most = fmax(most, its.high);
	}
	return most <= ALIKE * least;
}

static struct result result_of(const json_t *summary, const json_t *load,
			       const struct osc_metric *m)
{
	struct result r = { .metric = m, .load = load };
	size_t models, measured, i;
	const json_t *row;

	count_models(summary, &r, &models, &measured);
	if (models < 2 || !measured)
		return r;
	if (measured < models) {
		r.outcome = LEFT_OUT;
		return r;
	}
	json_array_foreach(summary, i, row) {
		if (!under_one_load(row, load) ||
		    !find_next(summary, row, m, &r.next))
			continue;
		r.winner = row;
		r.outcome = WINS;
		return r;
	}
	r.outcome = are_alike(summary, &r) ? ALIKE_ALL : OVERLAP;
	return r;
}

/* --- in words */

struct text {
	FILE *out;
	char *at;
	size_t size;
};

static bool text_open(struct text *t)
{
	*t = (struct text){ 0 };
	t->out = open_memstream(&t->at, &t->size);
	return t->out;
}

static json_t *text_close(struct text *t)
{
	json_t *s = fclose(t->out) ? NULL : osc_json_text(t->at);

	free(t->at);
	return s;
}

/* "iterative (it takes one connection at a time), fork (…)" */
static void print_left_out(FILE *out, const json_t *summary,
			   const struct result *r, json_t *list)
{
	const json_t *row;
	bool any = false;
	size_t i;

	json_array_foreach(summary, i, row) {
		const json_t *its = row_of(summary, r->load, model_of(row));
		const char *why;

		if (!begins_model(summary, i) || has_number(its, r->metric))
			continue;
		why = its ? osc_metric_why_absent(its, r->metric) :
			    "it was not run under this load";
		fprintf(out, "%s%s (%s)", any ? ", " : "", model_of(row), why);
		any = true;
		if (list)
			json_array_append_new(
				list, json_pack("{s:o, s:o}", "model",
						osc_json_text(model_of(row)),
						"why", osc_json_text(why)));
	}
}

static const char *under(const struct osc_metric *m)
{
	return m->of == OSC_METRIC_CONNECTION ? "after a load of" : "at";
}

/* What is so at another number of connections than that of `main`. */
static void print_elsewhere(FILE *out, const json_t *summary,
			    const struct result *r, const struct result *main)
{
	char a[128], b[128];

	if (r->outcome == NOBODY)
		return;
	fprintf(out, "; %s %" JSON_INTEGER_FORMAT " ", under(r->metric),
		connections_of(r->load));
	switch (r->outcome) {
	case WINS:
		if (strcmp(model_of(r->winner), model_of(main->winner)))
			fprintf(out, "%s does: ", model_of(r->winner));
		else
			fputs("too: ", out);
		fprintf(out, "%s against %s",
			osc_metric_text(r->winner, r->metric, false, a,
					sizeof(a)),
			osc_metric_text(r->next, r->metric, false, b,
					sizeof(b)));
		break;
	case LEFT_OUT:
		fputs("none is named, left out: ", out);
		print_left_out(out, summary, r, NULL);
		break;
	case ALIKE_ALL:
		fputs("they do not differ", out);
		break;
	default:
		fputs("none is apart from all others", out);
	}
}

/* The rows that stand for the loads of a family, from the most connections. */
static const json_t *next_load(const json_t *summary, const json_t *family,
			       const json_t *after)
{
	const json_t *row, *best = NULL;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (in_one_family(row, family) &&
		    (!after || connections_of(row) < connections_of(after)) &&
		    (!best || connections_of(row) > connections_of(best)))
			best = row;
	}
	return best;
}

/*
 * From how many connections on the marginal cost decides: before that the
 * fixed cost of the winner outweighs it. 0: from the first.
 */
static double decides_from(const json_t *summary, const struct result *r)
{
	struct osc_interval mine, its;
	const json_t *row;
	double from = 0;
	size_t i;

	if (!osc_metric_interval(r->winner, r->metric, &mine))
		return 0;
	json_array_foreach(summary, i, row) {
		if (row == r->winner || !under_one_load(row, r->load) ||
		    !osc_metric_interval(row, r->metric, &its))
			continue;
		from = fmax(from,
			    (mine.fixed - its.fixed) / (its.low - mine.high));
	}
	return ceil(from);
}

static void print_condition(FILE *out, const struct result *r)
{
	json_int_t n = connections_of(r->load);

	if (n)
		fprintf(out, " %s %" JSON_INTEGER_FORMAT " connection%s",
			under(r->metric), n, n == 1 ? "" : "s");
}

static json_t *finding_text(const json_t *summary, const struct result *r)
{
	const struct osc_metric *m = r->metric;
	const json_t *load = NULL;
	char a[128], b[128];
	struct text t;

	if (!text_open(&t))
		return NULL;
	fprintf(t.out, "%s %s", model_of(r->winner), m->wins);
	print_condition(t.out, r);
	fprintf(t.out, ": %s against %s of %s, the next",
		osc_metric_text(r->winner, m, true, a, sizeof(a)),
		osc_metric_text(r->next, m, false, b, sizeof(b)),
		model_of(r->next));
	if (m->bytes && decides_from(summary, r) > 1)
		fprintf(t.out,
			"; with fewer than %.0f connections its fixed part "
			"outweighs that",
			decides_from(summary, r));
	while ((load = next_load(summary, r->load, load))) {
		struct result other = result_of(summary, load, m);

		if (!under_one_load(load, r->load))
			print_elsewhere(t.out, summary, &other, r);
	}
	return text_close(&t);
}

/* --- why */

static bool is_cause_of(const struct osc_metric *cause,
			const struct osc_metric *m)
{
	return cause->of == m->of && strcmp(cause->name, m->name);
}

/* A loop that takes several events per wait, against a model without a wait. */
static bool batches(const struct result *r, const struct osc_metric *cause)
{
	struct osc_interval mine;

	return cause->more && osc_metric_interval(r->winner, cause, &mine) &&
	       mine.sure && mine.low > 1 && !has_number(r->next, cause);
}

/* Into `why` where it is apart; into `looked` where it was compared, and is not. */
static int add_cause(const struct result *r, const struct osc_metric *cause,
		     json_t *why, json_t *looked)
{
	char a[128], b[128];

	if (batches(r, cause))
		return json_array_append_new(
			why, osc_json_text(osc_metric_text(
				     r->winner, cause, true, a, sizeof(a))));
	if (!has_number(r->winner, cause) || !has_number(r->next, cause))
		return 0;
	if (!osc_metric_beats(r->winner, r->next, cause))
		return json_array_append_new(looked,
					     osc_json_text(cause->unit + 1));
	return json_array_append_new(
		why,
		osc_json_format(
			"%s against %s",
			osc_metric_text(r->winner, cause, true, a, sizeof(a)),
			osc_metric_text(r->next, cause, false, b, sizeof(b))));
}

static int add_why(json_t *o, const struct result *r)
{
	json_t *why = json_array(), *looked = json_array();
	int ret = 0;

	for (size_t i = 0; i < osc_nr_metric_causes; i++) {
		if (is_cause_of(&osc_metric_causes[i], r->metric))
			ret |= add_cause(r, &osc_metric_causes[i], why, looked);
	}
	ret |= json_object_set_new(o, "why", why);
	ret |= json_object_set_new(o, "looked_at", looked);
	return ret;
}

/* --- the documents */

static int add_load(json_t *o, const json_t *row)
{
	for (size_t i = 0; i < NR_LOAD_KEYS; i++) {
		json_t *key = json_object_get(row, load_keys[i]);

		if (key && json_object_set(o, load_keys[i], key))
			return -1;
	}
	return 0;
}

static json_t *finding(const json_t *summary, const struct result *r)
{
	struct osc_interval mine = { 0 }, its = { 0 };
	json_t *o;

	osc_metric_interval(r->winner, r->metric, &mine);
	osc_metric_interval(r->next, r->metric, &its);
	o = json_pack("{s:o, s:o, s:o, s:f, s:f, s:o}", "metric",
		      osc_json_text(r->metric->name), "model",
		      osc_json_text(model_of(r->winner)), "next",
		      osc_json_text(model_of(r->next)), "value", mine.value,
		      "next_value", its.value, "text",
		      finding_text(summary, r));
	if (o && (add_why(o, r) || add_load(o, r->load))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Whether it wins with more connections, so that the finding says it already. */
static bool wins_with_more(const json_t *summary, const struct result *r)
{
	const json_t *load = NULL;

	while ((load = next_load(summary, r->load, load)) &&
	       !under_one_load(load, r->load)) {
		struct result other = result_of(summary, load, r->metric);

		if (other.outcome == WINS &&
		    !strcmp(model_of(other.winner), model_of(r->winner)))
			return true;
	}
	return false;
}

static int add_findings(const json_t *summary, const json_t *family,
			const struct osc_metric *m, json_t *out)
{
	const json_t *load = NULL;

	while ((load = next_load(summary, family, load))) {
		struct result r = result_of(summary, load, m);

		if (r.outcome == WINS && !wins_with_more(summary, &r) &&
		    json_array_append_new(out, finding(summary, &r)))
			return -1;
	}
	return 0;
}

static json_t *left_out(const json_t *summary, const struct result *r)
{
	json_t *list = json_array(), *text, *o;
	struct text t;

	if (!text_open(&t)) {
		json_decref(list);
		return NULL;
	}
	fprintf(t.out, "which model %s", r->metric->wins);
	print_condition(t.out, r);
	fputs(" is not said, left out: ", t.out);
	print_left_out(t.out, summary, r, list);
	text = text_close(&t);
	o = json_pack("{s:o, s:o, s:o}", "metric",
		      osc_json_text(r->metric->name), "left_out", list, "text",
		      text);
	if (o && add_load(o, r->load)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Where a model wins under another load of the family its text says this. */
static int add_undecided(const json_t *summary, const json_t *family,
			 const struct osc_metric *m, json_t *out)
{
	const json_t *load = NULL;
	struct result first = { 0 };

	while ((load = next_load(summary, family, load))) {
		struct result r = result_of(summary, load, m);

		if (r.outcome == WINS)
			return 0;
		if (r.outcome == LEFT_OUT && !first.load)
			first = r;
	}
	return first.load && json_array_append_new(out,
						   left_out(summary, &first)) ?
		       -1 :
		       0;
}

/* The first row of each family stands for it. */
static bool begins_family(const json_t *summary, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (in_one_family(json_array_get(summary, i),
				  json_array_get(summary, at)))
			return false;
	}
	return true;
}

static json_t *of_all(const json_t *summary, bool emulated,
		      int (*add)(const json_t *, const json_t *,
				 const struct osc_metric *, json_t *))
{
	json_t *out = json_array();
	const json_t *row;
	int ret = 0;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (!begins_family(summary, i))
			continue;
		for (size_t m = 0; !ret && m < osc_nr_metrics; m++) {
			if (!emulated || !osc_metrics[m].time)
				ret = add(summary, row, &osc_metrics[m], out);
		}
	}
	if (!ret)
		return out;
	json_decref(out);
	return NULL;
}

json_t *osc_verdicts(const json_t *summary, bool emulated)
{
	return of_all(summary, emulated, add_findings);
}

json_t *osc_undecided(const json_t *summary, bool emulated)
{
	return of_all(summary, emulated, add_undecided);
}
