// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * overview.c - the top of the page: what was compared, on what, whether it may
 * be trusted, and the table that answers the question.
 */
#include <math.h>

#include "lib/emulated.h"
#include "report/doc.h"
#include "report/html.h"
#include "report/metrics.h"
#include "report/sections.h"
#include "report/table.h"

/* "fork, thread and epoll"; each name once. */
static void list_models(FILE *out, const struct doc *doc)
{
	unsigned int seen = 0, total = 0;

	for (size_t i = 0; i < doc->nr_groups; i++) {
		if (doc->groups[i].model_index >= total)
			total = doc->groups[i].model_index + 1;
	}
	for (size_t i = 0; i < doc->nr_groups; i++) {
		/* indices rise by one with each new model */
		if (doc->groups[i].model_index != seen)
			continue;
		if (seen)
			html_text(out, seen + 1 == total ? " and " : ", ");
		html_text(out, doc->groups[i].model);
		seen++;
	}
	html_text(out, seen > 1 ? " compared" : " measured");
}

static void fact(FILE *out, const char *name, const char *value)
{
	if (!*value)
		return;
	html_open(out, "li", NULL);
	html_element(out, "b", NULL, value);
	html_text(out, name);
	html_close(out, "li");
}

static void count_fact(FILE *out, const char *name, const json_t *object,
		       const char *key)
{
	double value = doc_number(object, key);

	if (!isnan(value))
		fact(out, name, html_count(value).text);
}

static void list_facts(FILE *out, const struct doc *doc)
{
	const json_t *platform = json_object_get(doc->root, "platform");
	const json_t *config = json_object_get(doc->root, "config");
	double duration = doc_number(config, "duration_s");

	html_open(out, "ul", "class", "facts", NULL);
	fact(out, " kernel", doc_string(platform, "kernel"));
	count_fact(out, " CPUs", platform, "cpus");
	count_fact(out,
		   doc->varied[DOC_CONCURRENCY] ? " connections at most" :
						  " connections",
		   config, "connections");
	count_fact(out, " runs of each", config, "runs");
	if (!isnan(duration))
		fact(out, " per run",
		     html_round(html_microseconds(duration * 1e6)).text);
	fact(out, " counted", doc_string(doc->root, "source"));
	fact(out, " requested", doc_string(config, "path"));
	fact(out, "", doc_string(doc->root, "created"));
	html_close(out, "ul");
}

static void notice(FILE *out, const char *class, const char *strong,
		   const char *text)
{
	html_open(out, "p", "class", class, NULL);
	html_element(out, "strong", NULL, strong);
	html_text(out, text);
	html_close(out, "p");
}

static void tell_audit(FILE *out, const struct doc *doc)
{
	const json_t *overall = json_object_get(doc->root, "overall");
	double audits = doc_number(overall, "audits");
	double failed = doc_number(overall, "failed");

	if (doc_bool(overall, "ok") == 1 && failed == 0) {
		html_open(out, "p", "class", "notice good", NULL);
		html_element(out, "strong", NULL, "Audit holds. ");
		html_text(out, html_count(audits).text);
		html_text(out, " checks against independent sources, none "
			       "failed.");
	} else if (failed > 0) {
		html_open(out, "p", "class", "notice bad", NULL);
		html_element(out, "strong", NULL, "Audit failed. ");
		html_text(out, html_count(failed).text);
		html_text(out, " of ");
		html_text(out, html_count(audits).text);
		html_text(out, " checks do not hold: do not trust the counters "
			       "concerned.");
	} else {
		html_open(out, "p", "class", "notice warn", NULL);
		html_element(out, "strong", NULL, "Not audited. ");
		html_text(out, "No check against an independent source stands "
			       "behind these numbers.");
	}
	html_close(out, "p");
}

/* "Strong: 3 of 5 runs, says the load generator. What of it. Why is …" */
static void tell_runs(FILE *out, const char *strong, size_t n, size_t runs,
		      const char *what)
{
	if (!n)
		return;
	html_open(out, "p", "class", "notice warn", NULL);
	html_element(out, "strong", NULL, strong);
	html_text(out, html_count((double)n).text);
	html_text(out, " of ");
	html_text(out, html_count((double)runs).text);
	html_text(out, " runs, says the load generator. ");
	html_text(out, what);
	html_text(out, " Why is under ");
	html_open(out, "a", "href", "#runs", NULL);
	html_text(out, "Runs");
	fputs("</a>.", out);
	html_close(out, "p");
}

static void tell_verdicts(FILE *out, const struct doc *doc)
{
	size_t runs = 0, invalid = 0, suspect = 0;

	for (size_t i = 0; i < doc->nr_groups; i++) {
		for (size_t r = 0; r < doc->groups[i].nr_runs; r++) {
			const json_t *run = doc->groups[i].runs[r];

			runs++;
			invalid += !doc_run_is_valid(run);
			suspect += doc_run_is_suspect(run);
		}
	}
	if (!runs)
		notice(out, "notice warn", "Empty. ", "There is no run.");
	/* No time is shown, so there is nothing against any. */
	if (osc_emulated_is(doc->root))
		return;
	tell_runs(out, "Not valid: ", invalid, runs,
		  "Their rates and latencies are left out; the counters are "
		  "the server's own and stand.");
	tell_runs(out, "Suspect: ", suspect, runs,
		  "Their rates and latencies are used, but may reflect the "
		  "client or chance.");
}

int section_head(FILE *out, const struct doc *doc)
{
	html_open(out, "header", NULL);
	html_element(out, "p", "eyebrow", "osconcepts compare");
	html_open(out, "h1", NULL);
	list_models(out, doc);
	html_close(out, "h1");
	list_facts(out, doc);
	if (osc_emulated_is(doc->root))
		notice(out, "notice warn", "Times are withheld. ",
		       OSC_EMULATED_NOTE(" "));
	tell_audit(out, doc);
	tell_verdicts(out, doc);
	if (doc_bool(doc->root, "partial") == 1)
		notice(out, "notice warn", "Stopped early. ",
		       "Not every run that was asked for was made.");
	html_close(out, "header");
	return 0;
}

/* The columns between runs and audit; the order people read them in. */
static const struct column {
	const char *heading, *unit;
	const char *object; /* NULL: of the summary itself */
	const char *key;
	number_format *format;
	enum metric_word word;
} columns[] = {
	{ "Voluntary switches", "per request", "per_request",
	  "context_switches_voluntary", html_value, METRIC_KERNEL },
	{ "Involuntary switches", "per request", "per_request",
	  "context_switches_involuntary", html_value, METRIC_KERNEL },
	{ "epoll wakeups", "per request", "per_request", "epoll_wakeups",
	  html_value, METRIC_KERNEL },
	{ "Minor faults", "per request", "per_request", "page_faults_minor",
	  html_value, METRIC_KERNEL },
	{ "Minor faults", "once in a run", "fixed", "page_faults_minor",
	  html_value, METRIC_KERNEL },
	{ "Minor faults", "per further connection", "per_connection",
	  "page_faults_minor", html_value, METRIC_LINE },
	{ "CPU", "per request", "per_request", "cpu_us", html_microseconds,
	  METRIC_KERNEL },
	{ "Requests", "per second", NULL, "rps", html_value, METRIC_CLIENT },
	{ "Latency p99", "per request", "latency_us", "p99", html_microseconds,
	  METRIC_CLIENT },
};
#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static void spread_cell(FILE *out, const struct doc_group *group,
			const struct column *column)
{
	const struct metric metric = {
		.group = column->object,
		.key = column->key,
		.scale = 1,
		.word = column->word,
	};

	table_spread_cell(out, column->heading, column->unit,
			  metric_spread(&metric, group), column->format,
			  metric_mark(&metric, group));
}

static void audit_cell(FILE *out, const json_t *summary)
{
	static const char *const words[] = { HTML_MISSING, "failed", "ok" };
	static const char *const classes[] = { NULL, "bad", "good" };
	int ok = doc_bool(summary, "audit_ok") + 1;

	table_text_cell(out, classes[ok], "Audit", words[ok]);
}

/* "5" or, where some are not valid, "3 of 5 valid"; below, "1 suspect". */
static void runs_cell(FILE *out, const struct doc_group *group)
{
	size_t valid = 0, suspect = 0, runs = group->nr_runs;

	if (doc_times_withheld(group))
		valid = runs;
	for (size_t i = 0; i < runs && !doc_times_withheld(group); i++) {
		valid += doc_run_is_valid(group->runs[i]);
		suspect += doc_run_is_suspect(group->runs[i]);
	}
	table_cell_open(out, valid < runs || suspect ? "n warn" : "n", "Runs");
	html_open(out, "span", NULL);
	html_text(out, html_count((double)valid).text);
	if (valid < runs) {
		html_text(out, " of ");
		html_text(out, html_count((double)runs).text);
		html_text(out, " valid");
	}
	if (suspect) {
		html_open(out, "small", NULL);
		html_text(out, html_count((double)suspect).text);
		html_text(out, " suspect");
		html_close(out, "small");
	}
	html_close(out, "span");
	html_close(out, "td");
}

static void summary_cells(FILE *out, const struct doc_group *group)
{
	const json_t *summary = group->summary;

	runs_cell(out, group);
	table_text_cell(out, "n", "Requests",
			html_count(doc_number(summary, "requests")).text);
	for (size_t i = 0; i < NR_COLUMNS; i++)
		spread_cell(out, group, &columns[i]);
	audit_cell(out, summary);
}

int section_summary(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "Summary");
	html_element(
		out, "p", "note",
		"Medians of the runs; below each, how far they lie apart. "
		"Rates and latencies are made of the valid runs alone, "
		"suspect ones included. keepalive: many requests on a connection. close: a "
		"connection for every request. \xe2\x89\xa5 stands before a "
		"lower bound, ~ before what comes from suspect runs, too.");
	table_open(out, "Summary by mode and model");
	table_head_open(out);
	table_heading(out, "n", "Runs", NULL);
	table_heading(out, "n", "Requests", NULL);
	for (size_t i = 0; i < NR_COLUMNS; i++)
		table_heading(out, "n", columns[i].heading, columns[i].unit);
	table_heading(out, NULL, "Audit", NULL);
	table_head_close(out);
	table_rows(out, doc, summary_cells);
	table_close(out);
	return 0;
}
