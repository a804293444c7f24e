// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * costs.c - what a request costs, what the server's system calls were good for,
 * and what each further connection costs: pictures and tables.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/emulated.h"
#include "report/pictures.h"
#include "report/sections.h"
#include "report/table.h"

/*
 * Names the metrics without a picture, so that nobody looks for them: those
 * nobody counted (absent), or those that are 0 everywhere.
 */
static void list_others(FILE *out, const struct doc *doc, size_t first,
			size_t n, bool absent)
{
	const char *heading = !absent ? "Zero everywhere: " :
			      osc_emulated_is(doc->root) ?
					"Not counted here, or withheld: " :
					"Not counted here: ";
	bool any = false;

	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);
		double most = metric_most(doc, &metric);

		if (absent ? !isnan(most) : most != 0)
			continue;
		if (!any)
			html_open(out, "p", "class", "note", NULL);
		html_text(out, any ? ", " : heading);
		html_text(out, metric.label);
		any = true;
	}
	if (any) {
		html_text(out, ".");
		html_close(out, "p");
	}
}

static void all_bars(FILE *out, const struct doc *doc, size_t first, size_t n)
{
	html_element(out, "p", "note",
		     "Bar: median of the runs. Whisker: their spread, low "
		     "to high. Each picture has its own scale.");
	html_open(out, "div", "class", "figures", NULL);
	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);
		double most = metric_most(doc, &metric);

		if (most > 0)
			bars_figure(out, doc, &metric, most);
	}
	html_close(out, "div");
}

/* Whether no earlier group has its load, but for the connections. */
static bool rest_begins(const struct doc *doc, size_t group)
{
	for (size_t i = 0; i < group; i++) {
		if (!strcmp(doc->groups[i].rest, doc->groups[group].rest))
			return false;
	}
	return true;
}

static int all_curves(FILE *out, const struct doc *doc, size_t first, size_t n)
{
	int err = 0;

	html_element(out, "p", "note",
		     "Over the number of connections: medians of the runs; "
		     "strokes upright are their spread, a hollow point is one "
		     "with a mark. Each picture has its own scale.");
	for (size_t g = 0; g < doc->nr_groups && !err; g++) {
		if (!rest_begins(doc, g))
			continue;
		html_element(out, "h3", NULL, doc->groups[g].rest);
		html_open(out, "div", "class", "figures", NULL);
		for (size_t i = first; i < first + n && !err; i++) {
			struct metric metric = metric_at(i);

			err = curves_figure(out, doc, g, &metric);
		}
		html_close(out, "div");
	}
	return err;
}

static int pictures(FILE *out, const struct doc *doc, size_t first, size_t n)
{
	int err = 0;

	if (doc->varied[DOC_CONCURRENCY])
		err = all_curves(out, doc, first, n);
	else
		all_bars(out, doc, first, n);
	metric_tell_marks(out, doc, first, n);
	list_others(out, doc, first, n, false);
	list_others(out, doc, first, n, true);
	return err;
}

/* Whether the numbers per request of some row are no slopes. */
static bool averages(const struct doc *doc)
{
	for (size_t i = 0; i < doc->nr_groups; i++) {
		if (doc_bool(doc->groups[i].summary, "marginal") != 1)
			return true;
	}
	return false;
}

int section_counters(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "What a request costs");
	html_element(out, "p", "note",
		     averages(doc) ?
			     "Some runs were too short for a line through "
			     "their samples: their numbers per request are "
			     "averages, with what was done once in them." :
			     "What one request more costs: the slope of a line "
			     "through the samples of each run, without its "
			     "beginning and its end. What a run does once, as "
			     "to set up its connections, is not in it.");
	return pictures(out, doc, 0, METRIC_NR_REQUEST);
}

static void metric_headings(FILE *out, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);

		table_heading(out, "n", metric.label, metric.unit);
	}
}

static void metric_cells(FILE *out, const struct doc_group *group, size_t first,
			 size_t n)
{
	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);

		table_spread_cell(out, metric.label, metric.unit,
				  metric_spread(&metric, group), metric.format,
				  metric_mark(&metric, group));
	}
}

static void calls_cells(FILE *out, const struct doc_group *group)
{
	metric_cells(out, group, METRIC_CALLS_FIRST, METRIC_NR_CALLS);
}

static void connection_cells(FILE *out, const struct doc_group *group)
{
	metric_cells(out, group, METRIC_NR_REQUEST, METRIC_NR_CONNECTION);
}

/*
 * Why a group lacks a number, by its summary or the first of its runs that says
 * so; or "".
 */
static const char *why_absent(const struct doc_group *group,
			      const struct metric *metric)
{
	const char *why = doc_string(
		json_object_get(json_object_get(group->summary, metric->group),
				"absent"),
		metric->key);

	for (size_t i = 0; i < group->nr_runs && !*why; i++) {
		const json_t *object =
			json_object_get(group->runs[i], metric->group);

		why = doc_string(json_object_get(object, "absent"),
				 metric->key);
	}
	return isnan(metric_spread(metric, group).median) ? why : "";
}

/* "fork, thread": each model that lacks the number for this reason, once. */
static void list_lacking(FILE *out, const struct doc *doc,
			 const struct metric *metric, const char *why)
{
	unsigned int models = 0;

	for (size_t i = 0; i < doc->nr_groups; i++) {
		const struct doc_group *group = &doc->groups[i];
		bool told = false;

		if (strcmp(why_absent(group, metric), why))
			continue;
		for (size_t j = 0; j < i && !told; j++)
			told = doc->groups[j].model_index ==
				       group->model_index &&
			       !strcmp(why_absent(&doc->groups[j], metric),
				       why);
		if (told)
			continue;
		html_text(out, models++ ? ", " : "");
		html_text(out, group->model);
	}
}

/* "Events per wait – fork, thread: it has no loop that waits for events" */
static void tell_absent(FILE *out, const struct doc *doc,
			const struct metric *metric)
{
	for (size_t i = 0; i < doc->nr_groups; i++) {
		const char *why = why_absent(&doc->groups[i], metric);
		bool told = !*why;

		for (size_t j = 0; j < i && !told; j++)
			told = !strcmp(why_absent(&doc->groups[j], metric),
				       why);
		if (told)
			continue;
		html_open(out, "li", NULL);
		html_text(out, metric->label);
		html_text(out, " " HTML_MISSING " ");
		list_lacking(out, doc, metric, why);
		html_text(out, ": ");
		html_text(out, why);
		html_close(out, "li");
	}
}

static void metric_table(FILE *out, const struct doc *doc, const char *label,
			 size_t first, size_t n,
			 void (*cells)(FILE *, const struct doc_group *))
{
	table_open(out, label);
	table_head_open(out);
	metric_headings(out, first, n);
	table_head_close(out);
	table_rows(out, doc, cells);
	table_close(out);
	metric_tell_marks(out, doc, first, n);
	html_open(out, "ul", "class", "note", NULL);
	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);

		tell_absent(out, doc, &metric);
	}
	html_close(out, "ul");
}

int section_calls(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "What its system calls were good for");
	html_element(out, "p", "note",
		     "By the server's own statistics: medians of the runs; "
		     "below each, how far they lie apart.");
	metric_table(out, doc, "System calls by mode and model",
		     METRIC_CALLS_FIRST, METRIC_NR_CALLS, calls_cells);
	return 0;
}

int section_connections(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "What a further connection costs");
	html_element(out, "p", "note",
		     "Rising numbers of connections were opened when the load "
		     "was over, and left idle. A line through what the server "
		     "used at each has a fixed part and a slope, the cost of "
		     "one connection more; below it its interval of 95 %. The "
		     "memory is the server's since it was fresh; slab is of "
		     "the whole system.");
	metric_table(out, doc, "Connections by mode and model",
		     METRIC_NR_REQUEST, METRIC_NR_CONNECTION, connection_cells);
	return pictures(out, doc, METRIC_NR_REQUEST, METRIC_NR_CONNECTION);
}
