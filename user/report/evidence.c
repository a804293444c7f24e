// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * evidence.c - why the numbers may be believed: what moved with the requests,
 * every audit row with both numbers, and every run with its verdict.
 */
#include <math.h>
#include <errno.h>
#include <stdlib.h>

#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle r of a group's runs; NaN when all withhold it. */
static int middle_r(const struct doc_group *group, const char *key, double *r)
{
	double *values = calloc(group->nr_runs + 1, sizeof(*values));
	size_t n = 0;

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < group->nr_runs; i++) {
		double value = doc_number(
			json_object_get(group->runs[i], "correlation"), key);

		if (!isnan(value))
			values[n++] = value;
	}
	qsort(values, n, sizeof(*values), by_value);
	*r = n ? (values[(n - 1) / 2] + values[n / 2]) / 2 : NAN;
	free(values);
	return 0;
}

/* Intervals of all runs together. */
static double intervals(const struct doc_group *group)
{
	double sum = NAN;

	for (size_t i = 0; i < group->nr_runs; i++) {
		double n = doc_number(
			json_object_get(group->runs[i], "correlation"), "n");

		if (!isnan(n))
			sum = isnan(sum) ? n : sum + n;
	}
	return sum;
}

static void r_cell(FILE *out, double r)
{
	char text[16];

	if (isnan(r)) {
		html_number_cell(out, HTML_MISSING);
		return;
	}
	/* a true minus sign, as wide as the plus */
	snprintf(text, sizeof(text), "%s%.2f", r < 0 ? "\xe2\x88\x92" : "+",
		 fmin(fabs(r), 1));
	/* shade by strength; the number says it too */
	html_element(out, "td",
		     fabs(r) >= 0.8 ? "n strong" :
		     fabs(r) >= 0.5 ? "n medium" :
				      "n",
		     text);
}

static int correlation_row(FILE *out, const struct doc_group *group)
{
	html_open(out, "tr", NULL);
	html_row_header(out, group->model);
	html_cell(out, group->mode);
	for (size_t i = 0; i < DOC_NR_COUNTERS; i++) {
		double r;
		int err = middle_r(group, doc_counters[i].sample_key, &r);

		if (err)
			return err;
		r_cell(out, r);
	}
	html_number_cell(out, html_count(intervals(group)).text);
	html_close(out, "tr");
	return 0;
}

int section_correlation(FILE *out, const struct doc *doc)
{
	int err = 0;

	html_element(out, "h2", NULL, "What moves with the requests");
	html_element(out, "p", "note",
		     "Pearson's r between requests and each counter over the "
		     "intervals of a run; median over the runs. +1: they "
		     "rise and fall together. \xe2\x80\x93: withheld, because "
		     "there were too few intervals or nothing varied.");
	html_table_open(out, "Correlation with requests");
	html_open(out, "thead", NULL);
	html_open(out, "tr", NULL);
	html_column(out, NULL, "Model");
	html_column(out, NULL, "Mode");
	for (size_t i = 0; i < DOC_NR_COUNTERS; i++)
		html_column(out, "n", doc_counters[i].label);
	html_column(out, "n", "Intervals");
	html_close(out, "tr");
	html_close(out, "thead");
	html_open(out, "tbody", NULL);
	for (size_t i = 0; i < doc->nr_groups && !err; i++)
		err = correlation_row(out, &doc->groups[i]);
	html_close(out, "tbody");
	html_table_close(out);
	return err;
}

static void audit_columns(FILE *out)
{
	html_open(out, "thead", NULL);
	html_open(out, "tr", NULL);
	html_column(out, "n", "Run");
	html_column(out, NULL, "Verdict");
	html_column(out, NULL, "Counter");
	html_column(out, "n", "Counted");
	html_column(out, "n", "Independent");
	html_column(out, "n", "Exited");
	html_column(out, NULL, "Must hold");
	html_column(out, NULL, "Independent source");
	html_close(out, "tr");
	html_close(out, "thead");
}

static void audit_row(FILE *out, const json_t *run, const json_t *row)
{
	static const char *const words[] = { "not checked", "failed", "ok" };
	static const char *const classes[] = { NULL, "bad", "good" };
	int ok = doc_bool(row, "ok") + 1;

	html_open(out, "tr", NULL);
	html_number_cell(out, html_count(doc_number(run, "run")).text);
	html_element(out, "td", classes[ok], words[ok]);
	html_row_header(out, doc_string(row, "counter"));
	html_number_cell(out, html_count(doc_number(row, "kernel")).text);
	html_number_cell(out, html_count(doc_number(row, "independent")).text);
	html_number_cell(out, html_count(doc_number(row, "exited")).text);
	html_prose_cell(out, doc_string(row, "relation"));
	html_prose_cell(out, doc_string(row, "oracle"));
	html_close(out, "tr");
}

/* What a group's checks or runs came to; the rest could not be judged. */
struct tally {
	size_t all, good, bad;
	size_t suspect; /* of the good */
};

static void tally_add(struct tally *t, int verdict)
{
	t->all++;
	t->good += verdict == 1;
	t->bad += verdict == 0;
}

static void tally_rows(struct tally *t, const json_t *audit)
{
	json_t *row;
	size_t i;

	json_array_foreach(audit, i, row)
		tally_add(t, doc_bool(row, "ok"));
}

static struct tally tally_audit(const struct doc_group *group)
{
	struct tally t = { 0 };

	for (size_t r = 0; r < group->nr_runs; r++)
		tally_rows(&t, json_object_get(group->runs[r], "audit"));
	return t;
}

/* Failed rows before the others: they are what one came to see. */
static void audit_rows(FILE *out, const struct doc_group *group)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t r = 0; r < group->nr_runs; r++) {
			const json_t *run = group->runs[r];
			const json_t *audit = json_object_get(run, "audit");
			json_t *row;
			size_t i;

			json_array_foreach(audit, i, row) {
				if ((doc_bool(row, "ok") == 0) == !pass)
					audit_row(out, run, row);
			}
		}
	}
}

/* What a closed <details> shows: of what, how many, and the bad news. */
static void details_open(FILE *out, const struct doc_group *group,
			 const char *what, const struct tally *t,
			 const char *bad_word)
{
	html_open(out, "details", t->bad ? "open" : NULL, t->bad ? "" : NULL,
		  NULL);
	html_open(out, "summary", NULL);
	html_element(out, "b", NULL, group->model);
	html_text(out, " ");
	html_text(out, group->mode);
	if (t->bad) {
		html_element(out, "span", "bad",
			     html_count((double)t->bad).text);
		html_text(out, bad_word);
	}
	if (t->suspect) {
		html_element(out, "span", "warn",
			     html_count((double)t->suspect).text);
		html_text(out, " suspect");
	}
	if (!t->bad && !t->suspect) {
		bool ok = t->good && t->good == t->all;

		html_element(out, "span", ok ? "good" : NULL,
			     ok ? "ok" : "not all judged");
	}
	html_open(out, "small", NULL);
	html_text(out, html_count((double)t->all).text);
	html_text(out, what);
	html_text(out, t->all == 1 ? "" : "s");
	html_close(out, "small");
	html_close(out, "summary");
}

/* What the module counted of known doings, before any run. */
static size_t calibration(FILE *out, const struct doc *doc)
{
	char none[] = "";
	const struct doc_group group = { .model = "calibration", .mode = none };
	const json_t *rows = json_object_get(doc->root, "calibration");
	struct tally t = { 0 };
	json_t *row;
	size_t i;

	tally_rows(&t, rows);
	if (!t.all)
		return 0;
	details_open(out, &group, " check", &t, " failed");
	html_table_open(out, "Calibration");
	audit_columns(out);
	html_open(out, "tbody", NULL);
	json_array_foreach(rows, i, row)
		audit_row(out, NULL, row);
	html_close(out, "tbody");
	html_table_close(out);
	html_close(out, "details");
	return t.all;
}

int section_audit(FILE *out, const struct doc *doc)
{
	size_t all;

	html_element(out, "h2", NULL, "Audit");
	html_element(
		out, "p", "note",
		"Every counter against a source that is not ours, with both "
		"numbers. Where tasks ended in between, the two may differ "
		"by their number, as the relation says.");
	all = calibration(out, doc);
	for (size_t i = 0; i < doc->nr_groups; i++) {
		const struct doc_group *group = &doc->groups[i];
		struct tally t = tally_audit(group);

		all += t.all;
		if (!t.all)
			continue;
		details_open(out, group, " check", &t, " failed");
		html_table_open(out, "Audit");
		audit_columns(out);
		html_open(out, "tbody", NULL);
		audit_rows(out, group);
		html_close(out, "tbody");
		html_table_close(out);
		html_close(out, "details");
	}
	if (!all)
		html_element(out, "p", "note", "No check was made.");
	return 0;
}

static void run_columns(FILE *out)
{
	html_open(out, "thead", NULL);
	html_open(out, "tr", NULL);
	html_column(out, "n", "Run");
	html_column(out, NULL, "Verdict");
	html_column(out, "n", "Requests");
	html_column(out, "n", "Connections");
	html_column(out, "n", "Per second");
	html_column(out, "n", "p50");
	html_column(out, "n", "p99");
	html_column(out, "n", "Tasks ended");
	html_column(out, "n", "Lost");
	html_column(out, NULL, "Why");
	html_close(out, "tr");
	html_close(out, "thead");
}

static void why_cell(FILE *out, const json_t *why)
{
	json_t *reason;
	size_t i;

	html_open(out, "td", "class", json_array_size(why) ? "prose" : NULL,
		  NULL);
	json_array_foreach(why, i, reason) {
		const char *text = json_string_value(reason);

		if (i)
			html_text(out, "; ");
		html_text(out, text ? text : HTML_MISSING);
	}
	html_close(out, "td");
}

static void verdict_cell(FILE *out, const json_t *run, bool withheld)
{
	if (withheld)
		html_cell(out, HTML_MISSING);
	else if (!doc_run_is_valid(run))
		html_element(out, "td", "bad", "not valid");
	else if (doc_run_is_suspect(run))
		html_element(out, "td", "warn", "suspect");
	else
		html_element(out, "td", "good", "valid");
}

static void run_row(FILE *out, const json_t *run, bool withheld)
{
	const json_t *kernel = json_object_get(run, "kernel");
	const json_t *latency = json_object_get(run, "latency_us");

	html_open(out, "tr", NULL);
	html_number_cell(out, html_count(doc_number(run, "run")).text);
	verdict_cell(out, run, withheld);
	html_number_cell(out, html_count(doc_number(run, "requests")).text);
	html_number_cell(out, html_count(doc_number(run, "connections")).text);
	html_number_cell(out, html_value(doc_number(run, "rps")).text);
	html_number_cell(out,
			 html_microseconds(doc_number(latency, "p50")).text);
	html_number_cell(out,
			 html_microseconds(doc_number(latency, "p99")).text);
	html_number_cell(out,
			 html_count(doc_number(kernel, "tasks_exited")).text);
	html_number_cell(out, html_count(doc_number(kernel, "lost")).text);
	why_cell(out, withheld ? NULL : json_object_get(run, "why"));
	html_close(out, "tr");
}

int section_runs(FILE *out, const struct doc *doc)
{
	html_open(out, "h2", "id", "runs", NULL);
	html_text(out, "Runs");
	html_close(out, "h2");
	for (size_t i = 0; i < doc->nr_groups; i++) {
		const struct doc_group *group = &doc->groups[i];
		bool withheld = doc_times_withheld(group);
		struct tally t = { 0 };

		for (size_t r = 0; r < group->nr_runs; r++) {
			const json_t *run = group->runs[r];

			tally_add(&t, withheld || doc_run_is_valid(run));
			t.suspect += !withheld && doc_run_is_suspect(run);
		}
		if (!t.all)
			continue;
		details_open(out, group, " run", &t, " not valid");
		html_table_open(out, "Runs");
		run_columns(out);
		html_open(out, "tbody", NULL);
		for (size_t r = 0; r < group->nr_runs; r++)
			run_row(out, group->runs[r], withheld);
		html_close(out, "tbody");
		html_table_close(out);
		html_close(out, "details");
	}
	return 0;
}
