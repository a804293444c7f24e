// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/reason.h"

#include <stdlib.h>
#include <string.h>

#include "correlate/stats.h"
#include "lib/output.h"

/* Why the model has no such number: never NULL. */
static const char *why_left_out(const json_t *row, const struct osc_metric *m)
{
	return row ? osc_metric_why_absent(row, m) :
		     "it was not run under this load";
}

/* Whether a model, by its first row, is one for whom no winner is named. */
static bool is_held_by(const json_t *summary, const struct osc_result *r,
		       size_t at)
{
	return osc_row_begins_model(summary, at) &&
	       osc_result_is_held_by(
		       r, osc_row_find(
				  summary, r->load,
				  osc_row_model(json_array_get(summary, at))));
}

/* The reason of that model; "" where only its name is told. */
static const char *reason_of(const json_t *summary, const struct osc_result *r,
			     size_t at)
{
	const char *model = osc_row_model(json_array_get(summary, at));

	if (r->outcome != OSC_LEFT_OUT)
		return "";
	return why_left_out(osc_row_find(summary, r->load, model), r->metric);
}

/* The models from `from` on that are held by the reason of that one. */
static size_t list_held_by(FILE *out, const json_t *summary,
			   const struct osc_result *r, size_t from,
			   const char *before)
{
	const char *why = reason_of(summary, r, from);
	size_t n = 0;

	for (size_t i = from; i < json_array_size(summary); i++) {
		if (!is_held_by(summary, r, i) ||
		    strcmp(reason_of(summary, r, i), why))
			continue;
		if (out)
			fprintf(out, "%s%s", n ? ", " : before,
				osc_row_model(json_array_get(summary, i)));
		n++;
	}
	return n;
}

static size_t count_models(const json_t *summary)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(summary); i++)
		n += osc_row_begins_model(summary, i);
	return n;
}

/* "iterative (it takes one connection at a time), fork, thread (…)" */
static void print_held_by(FILE *out, const json_t *summary,
			  const struct osc_result *r)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(summary); i++) {
		const char *why = reason_of(summary, r, i);
		bool said = !is_held_by(summary, r, i);

		for (size_t j = 0; j < i && !said; j++)
			said = is_held_by(summary, r, j) &&
			       !strcmp(reason_of(summary, r, j), why);
		if (said)
			continue;
		if (list_held_by(NULL, summary, r, i, "") ==
		    count_models(summary))
			fputs("any model", out);
		else
			list_held_by(out, summary, r, i, any ? ", " : "");
		any = true;
		if (*why)
			fprintf(out, " (%s)", why);
	}
}

void osc_reason_print(FILE *out, const json_t *summary,
		      const struct osc_result *r)
{
	switch (r->outcome) {
	case OSC_LEFT_OUT:
		fputs("no number for ", out);
		print_held_by(out, summary, r);
		break;
	case OSC_TOO_FEW:
		fprintf(out, "fewer than %d %sruns of ", OSC_SPREAD_MIN,
			r->metric->client ? "valid " : "");
		print_held_by(out, summary, r);
		break;
	case OSC_SUSPECT:
		fputs("suspect runs of ", out);
		print_held_by(out, summary, r);
		break;
	case OSC_ALIKE:
		fputs("they do not differ", out);
		break;
	case OSC_BOUND:
		fprintf(out, "the best number is a lower bound, of %s",
			osc_row_model(r->winner));
		break;
	default:
		fprintf(out, "the intervals of %s and %s overlap",
			osc_row_model(r->winner), osc_row_model(r->next));
		break;
	}
}

/* The reason in words, to be freed; NULL without memory. */
static char *words(const json_t *summary, const struct osc_result *r)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	osc_reason_print(out, summary, r);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

bool osc_reason_is_same(const json_t *summary, const struct osc_result *a,
			const struct osc_result *b)
{
	char *x = words(summary, a), *y = words(summary, b);
	bool same = a->outcome == b->outcome && x && y && !strcmp(x, y);

	free(x);
	free(y);
	return same;
}

json_t *osc_reason_left_out(const json_t *summary, const struct osc_result *r)
{
	json_t *list = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (is_held_by(summary, r, i) &&
		    json_array_append_new(
			    list,
			    json_pack(
				    "{s:o, s:o}", "model",
				    osc_json_text(osc_row_model(row)), "why",
				    osc_json_text(reason_of(summary, r, i))))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
