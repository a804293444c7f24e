// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/outcome.h"
#include "correlate/reason.h"
#include "lib/output.h"

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

/* "at 16 connections", "After a load of 1 connection" */
static void print_condition(FILE *out, const struct osc_result *r, bool begins)
{
	bool after = r->metric->of == OSC_METRIC_CONNECTION;
	json_int_t n = osc_row_connections(r->load);

	fprintf(out, "%s %" JSON_INTEGER_FORMAT " connection%s",
		after  ? begins ? "After a load of" : "after a load of" :
		begins ? "At" :
			 "at",
		n, n == 1 ? "" : "s");
}

/* What is so at another number of connections than that of `main`. */
static void print_elsewhere(FILE *out, const json_t *summary,
			    const struct osc_result *r,
			    const struct osc_result *main)
{
	char a[224], b[224];

	if (r->outcome == OSC_NO_NUMBERS)
		return;
	fputs(" ", out);
	print_condition(out, r, true);
	if (r->outcome != OSC_WINS) {
		fputs(": ", out);
		if (osc_reason_is_same(summary, r, main))
			fputs("the same", out);
		else
			osc_reason_print(out, summary, r);
		fputs(".", out);
		return;
	}
	if (strcmp(osc_row_model(r->winner), osc_row_model(main->winner)))
		fprintf(out, " %s does: ", osc_row_model(r->winner));
	else
		fputs(", too: ", out);
	fprintf(out, "%s against %s.",
		osc_metric_text(r->winner, r->metric, false, a, sizeof(a)),
		osc_metric_text(r->next, r->metric, false, b, sizeof(b)));
}

/*
 * From how many connections on the marginal cost decides: before that the
 * fixed cost of the winner outweighs it. 0: from the first.
 */
static double decides_from(const json_t *summary, const struct osc_result *r)
{
	struct osc_interval mine, its;
	const json_t *row;
	double from = 0;
	size_t i;

	if (!osc_metric_interval(r->winner, r->metric, &mine))
		return 0;
	json_array_foreach(summary, i, row) {
		if (row == r->winner || !osc_load_is_same(row, r->load) ||
		    !osc_metric_interval(row, r->metric, &its))
			continue;
		from = fmax(from, (mine.fixed.high - its.fixed.low) /
					  (its.low - mine.high));
	}
	return ceil(from);
}

static bool has_condition(const struct osc_result *r)
{
	return osc_row_connections(r->load);
}

/* The other loads of the family, a sentence each. */
static void print_others(FILE *out, const json_t *summary,
			 const struct osc_result *r)
{
	const json_t *load = NULL;

	while ((load = osc_load_next(summary, r->load, load))) {
		struct osc_result other =
			osc_result_of(summary, load, r->metric);

		if (!osc_load_is_same(load, r->load))
			print_elsewhere(out, summary, &other, r);
	}
}

static json_t *finding_text(const json_t *summary, const struct osc_result *r)
{
	const struct osc_metric *m = r->metric;
	char a[224];
	struct text t;

	if (!text_open(&t))
		return NULL;
	fprintf(t.out, "%s %s%s", osc_row_model(r->winner), m->wins,
		has_condition(r) ? " " : "");
	if (has_condition(r))
		print_condition(t.out, r, false);
	fprintf(t.out, ": %s.",
		osc_metric_text(r->winner, m, true, a, sizeof(a)));
	fprintf(t.out, " The next is %s with %s.", osc_row_model(r->next),
		osc_metric_text(r->next, m, false, a, sizeof(a)));
	if (osc_metric_is_average(r->winner, m) ||
	    osc_metric_is_average(r->next, m))
		fputs(" These are averages, with what a run does once.", t.out);
	if (m->bytes && decides_from(summary, r) > 1)
		fprintf(t.out,
			" With fewer than %.0f connections its fixed part may "
			"outweigh that.",
			decides_from(summary, r));
	print_others(t.out, summary, r);
	return text_close(&t);
}

/* --- why */

/* Of memory its kinds; of others the counters, and the memory that was touched. */
static bool is_cause_of(const struct osc_metric *cause,
			const struct osc_metric *m)
{
	return cause->of == m->of && strcmp(cause->name, m->name) &&
	       (cause->bytes || !m->bytes);
}

/* A loop that takes several events per wait, against a model without a wait. */
static bool batches(const struct osc_result *r, const struct osc_metric *cause)
{
	struct osc_interval mine;

	return cause->more && osc_metric_interval(r->winner, cause, &mine) &&
	       mine.sure && mine.low > 1 && !osc_row_has(r->next, cause);
}

/* Into `why` where it is apart; into `looked` where it was compared, and is not. */
static int add_cause(const struct osc_result *r, const struct osc_metric *cause,
		     json_t *why, json_t *looked)
{
	char a[224], b[224];

	if (batches(r, cause))
		return json_array_append_new(
			why, osc_json_text(osc_metric_text(
				     r->winner, cause, true, a, sizeof(a))));
	if (!osc_row_has(r->winner, cause) || !osc_row_has(r->next, cause))
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

static int add_why(json_t *o, const struct osc_result *r)
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
	for (size_t i = 0; i < OSC_LOAD_KEYS; i++) {
		json_t *key = json_object_get(row, osc_load_keys[i]);

		if (key && json_object_set(o, osc_load_keys[i], key))
			return -1;
	}
	return 0;
}

static json_t *finding(const json_t *summary, const struct osc_result *r)
{
	struct osc_interval mine = { 0 }, its = { 0 };
	json_t *o;

	osc_metric_interval(r->winner, r->metric, &mine);
	osc_metric_interval(r->next, r->metric, &its);
	o = json_pack("{s:o, s:o, s:o, s:f, s:f, s:o}", "metric",
		      osc_json_text(r->metric->name), "model",
		      osc_json_text(osc_row_model(r->winner)), "next",
		      osc_json_text(osc_row_model(r->next)), "value",
		      mine.value, "next_value", its.value, "text",
		      finding_text(summary, r));
	if (o && (add_why(o, r) || add_load(o, r->load))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Whether it wins with more connections, so that the finding says it already. */
static bool wins_with_more(const json_t *summary, const struct osc_result *r)
{
	const json_t *load = NULL;

	while ((load = osc_load_next(summary, r->load, load)) &&
	       !osc_load_is_same(load, r->load)) {
		struct osc_result other =
			osc_result_of(summary, load, r->metric);

		if (other.outcome == OSC_WINS &&
		    !strcmp(osc_row_model(other.winner),
			    osc_row_model(r->winner)))
			return true;
	}
	return false;
}

/* The same is so of the metric that this one is a part of. */
static bool says_nothing_new(const json_t *summary, const struct osc_result *r)
{
	struct osc_result whole;

	if (!r->metric->part_of)
		return false;
	whole = osc_result_of(summary, r->load,
			      osc_metric_find(r->metric->part_of));
	return whole.outcome == r->outcome &&
	       (r->outcome != OSC_WINS || whole.winner == r->winner);
}

static int add_findings(const json_t *summary, const json_t *family,
			const struct osc_metric *m, json_t *out)
{
	const json_t *load = NULL;

	while ((load = osc_load_next(summary, family, load))) {
		struct osc_result r = osc_result_of(summary, load, m);

		if (r.outcome == OSC_WINS && !wins_with_more(summary, &r) &&
		    !says_nothing_new(summary, &r) &&
		    json_array_append_new(out, finding(summary, &r)))
			return -1;
	}
	return 0;
}

static json_t *open_text(const json_t *summary, const struct osc_result *r)
{
	struct text t;

	if (!text_open(&t))
		return NULL;
	fprintf(t.out, "%s%s", r->metric->what, has_condition(r) ? " " : "");
	if (has_condition(r))
		print_condition(t.out, r, false);
	fputs(": ", t.out);
	osc_reason_print(t.out, summary, r);
	fputs(".", t.out);
	print_others(t.out, summary, r);
	return text_close(&t);
}

static json_t *open_document(const json_t *summary, const struct osc_result *r)
{
	json_t *o = json_pack("{s:o, s:o, s:o}", "metric",
			      osc_json_text(r->metric->name), "reason",
			      osc_json_text(osc_outcome_names[r->outcome]),
			      "text", open_text(summary, r));

	if (o && (add_load(o, r->load) ||
		  (r->outcome == OSC_LEFT_OUT &&
		   json_object_set_new(o, "left_out",
				       osc_reason_left_out(summary, r))))) {
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
	struct osc_result first = { 0 };

	while ((load = osc_load_next(summary, family, load))) {
		struct osc_result r = osc_result_of(summary, load, m);

		if (r.outcome == OSC_WINS)
			return 0;
		if (r.outcome != OSC_NO_NUMBERS && !first.load)
			first = r;
	}
	if (!first.load || says_nothing_new(summary, &first))
		return 0;
	return json_array_append_new(out, open_document(summary, &first));
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
		if (!osc_row_begins_family(summary, i))
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
