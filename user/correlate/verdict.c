// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/outcome.h"
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

/* "iterative (it takes one connection at a time), fork (…)" */
static void print_left_out(FILE *out, const json_t *summary,
			   const struct osc_result *r, json_t *list)
{
	const json_t *row;
	bool any = false;
	size_t i;

	json_array_foreach(summary, i, row) {
		const json_t *its =
			osc_row_find(summary, r->load, osc_row_model(row));
		const char *why;

		if (!osc_row_begins_model(summary, i) ||
		    osc_row_has(its, r->metric))
			continue;
		why = its ? osc_metric_why_absent(its, r->metric) :
			    "it was not run under this load";
		fprintf(out, "%s%s (%s)", any ? ", " : "", osc_row_model(row),
			why);
		any = true;
		if (list)
			json_array_append_new(
				list,
				json_pack("{s:o, s:o}", "model",
					  osc_json_text(osc_row_model(row)),
					  "why", osc_json_text(why)));
	}
}

static const char *under(const struct osc_metric *m)
{
	return m->of == OSC_METRIC_CONNECTION ? "after a load of" : "at";
}

/* What is so at another number of connections than that of `main`. */
static void print_elsewhere(FILE *out, const json_t *summary,
			    const struct osc_result *r,
			    const struct osc_result *main)
{
	char a[128], b[128];

	if (r->outcome == OSC_NO_NUMBERS)
		return;
	fprintf(out, "; %s %" JSON_INTEGER_FORMAT " ", under(r->metric),
		osc_row_connections(r->load));
	switch (r->outcome) {
	case OSC_WINS:
		if (strcmp(osc_row_model(r->winner),
			   osc_row_model(main->winner)))
			fprintf(out, "%s does: ", osc_row_model(r->winner));
		else
			fputs("too: ", out);
		fprintf(out, "%s against %s",
			osc_metric_text(r->winner, r->metric, false, a,
					sizeof(a)),
			osc_metric_text(r->next, r->metric, false, b,
					sizeof(b)));
		break;
	case OSC_LEFT_OUT:
		fputs("none is named, left out: ", out);
		print_left_out(out, summary, r, NULL);
		break;
	case OSC_ALIKE:
		fputs("they do not differ", out);
		break;
	default:
		fputs("none is apart from all others", out);
	}
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

static void print_condition(FILE *out, const struct osc_result *r)
{
	json_int_t n = osc_row_connections(r->load);

	if (n)
		fprintf(out, " %s %" JSON_INTEGER_FORMAT " connection%s",
			under(r->metric), n, n == 1 ? "" : "s");
}

static json_t *finding_text(const json_t *summary, const struct osc_result *r)
{
	const struct osc_metric *m = r->metric;
	const json_t *load = NULL;
	char a[128], b[128];
	struct text t;

	if (!text_open(&t))
		return NULL;
	fprintf(t.out, "%s %s", osc_row_model(r->winner), m->wins);
	print_condition(t.out, r);
	fprintf(t.out, ": %s against %s of %s, the next",
		osc_metric_text(r->winner, m, true, a, sizeof(a)),
		osc_metric_text(r->next, m, false, b, sizeof(b)),
		osc_row_model(r->next));
	if (m->bytes && decides_from(summary, r) > 1)
		fprintf(t.out,
			"; with fewer than %.0f connections its fixed part "
			"may outweigh that",
			decides_from(summary, r));
	while ((load = osc_load_next(summary, r->load, load))) {
		struct osc_result other = osc_result_of(summary, load, m);

		if (!osc_load_is_same(load, r->load))
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
	char a[128], b[128];

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
	return whole.outcome == r->outcome && whole.winner == r->winner;
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

static json_t *left_out(const json_t *summary, const struct osc_result *r)
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
	struct osc_result first = { 0 };

	while ((load = osc_load_next(summary, family, load))) {
		struct osc_result r = osc_result_of(summary, load, m);

		if (r.outcome == OSC_WINS)
			return 0;
		if (r.outcome == OSC_LEFT_OUT && !first.load &&
		    !says_nothing_new(summary, &r))
			first = r;
	}
	return first.load && json_array_append_new(out,
						   left_out(summary, &first)) ?
		       -1 :
		       0;
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
