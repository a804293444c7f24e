// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "cli/compare_cells.h"
#include "lib/emulated.h"
#include "lib/output.h"
#include "lib/standing.h"

/*
 * From the roomiest style to the tightest: a table takes the first that fits.
 * Runs do not agree on more than three digits, and the fourth decimal of a
 * count per request is of no use to anyone.
 */
static const struct osc_cell_style styles[] = { { 6, " ", "" },
						{ 4, " ", "" },
						{ 4, "", "" },
						{ 3, "", "" },
						{ 3, NULL, "" } };
#define NR_STYLES (sizeof(styles) / sizeof(*styles))

static json_int_t integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Both in one cell: on a narrow terminal each part of the table repeats it. */
static void names(struct osc_table *t, const json_t *row)
{
	const char *model = json_string_value(json_object_get(row, "model"));
	const char *mode = json_string_value(json_object_get(row, "mode"));
	char both[96];

	osc_table_row(t);
	snprintf(both, sizeof(both), "%s %s", model ?: "?", mode ?: "?");
	osc_table_text(t, "both", both);
	osc_table_text(t, "model", model);
	osc_table_text(t, "mode", mode);
}

static const struct osc_column count_columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "requests", "REQUESTS", OSC_COLUMN_COUNT },
	{ "context_switches_voluntary", "VOL/REQ", OSC_COLUMN_REAL },
	{ "context_switches_involuntary", "INVOL/REQ", OSC_COLUMN_REAL },
	{ "epoll_wakeups", "WAKE/REQ", OSC_COLUMN_REAL },
	{ "page_faults_minor", "FLT/REQ", OSC_COLUMN_REAL },
	{ "fixed", "FLT ONCE", OSC_COLUMN_REAL },
};

/* A number of a row under its key in "standing": "≥5.10". */
static void standing_cell(struct osc_table *t, const char *key,
			  const json_t *row, const char *group,
			  const char *name, const struct osc_cell_style *style)
{
	struct osc_cell_style s = *style;

	if (osc_standing_of(row, name) != OSC_EXACT)
		s.mark = osc_standing_sign(OSC_LOWER_BOUND);
	osc_cell_spread(t, key,
			json_object_get(json_object_get(row, group), name), 1,
			&s);
}

static void count_row(struct osc_table *t, const json_t *row,
		      const struct osc_cell_style *style)
{
	static const char *const keys[] = {
		"context_switches_voluntary",
		"context_switches_involuntary",
		"epoll_wakeups",
		"page_faults_minor",
	};
	names(t, row);
	osc_table_u64(t, "requests", (uint64_t)integer(row, "requests"));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		standing_cell(t, keys[i], row, "per_request", keys[i], style);
	standing_cell(t, "fixed", row, "fixed", "page_faults_minor", style);
}

static const struct osc_column call_columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "system_calls_per_request", "CALL/REQ", OSC_COLUMN_REAL },
	{ "bytes_copied_per_request", "BYTE/REQ", OSC_COLUMN_REAL },
	{ "empty_per_read", "EAGAIN", OSC_COLUMN_REAL },
	{ "events_per_wait", "EV/WAIT", OSC_COLUMN_REAL },
	{ "useless_per_wait", "VAIN/WT", OSC_COLUMN_REAL },
	{ "wakes_per_accept", "WOKEN", OSC_COLUMN_REAL },
	{ "vain_per_accept_wake", "IN VAIN", OSC_COLUMN_REAL },
};

static void call_row(struct osc_table *t, const json_t *row,
		     const struct osc_cell_style *style)
{
	names(t, row);
	for (size_t i = 2; i < sizeof(call_columns) / sizeof(*call_columns);
	     i++)
		standing_cell(t, call_columns[i].key, row, "calls",
			      call_columns[i].key, style);
}

static const struct osc_column connection_columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "held", "HELD", OSC_COLUMN_REAL },
	{ "page_faults_minor", "FLT/CONN", OSC_COLUMN_REAL },
	{ "context_switches_voluntary", "VOL/CONN", OSC_COLUMN_REAL },
	{ "memory", "MEMORY", OSC_COLUMN_REAL },
};

/* "24-96": by which numbers of connections the lines were made. */
static void held_cell(struct osc_table *t, const json_t *line)
{
	char text[64];

	if (!json_is_object(line))
		return;
	snprintf(text, sizeof(text), "%.0f-%.0f",
		 json_number_value(json_object_get(line, "least")),
		 json_number_value(json_object_get(line, "most")));
	osc_table_text(t, "held", text);
}

static void connection_row(struct osc_table *t, const json_t *row,
			   const struct osc_cell_style *style)
{
	static const char *const keys[] = { "page_faults_minor",
					    "context_switches_voluntary" };
	const json_t *counts = json_object_get(row, "per_connection");

	names(t, row);
	held_cell(t, json_object_get(counts, keys[0]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		osc_cell_line(t, keys[i], json_object_get(counts, keys[i]), 1,
			      style);
	osc_cell_fixed(t, "memory",
		       json_object_get(json_object_get(row, "memory"), "total"),
		       style);
}

static const struct osc_column memory_columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "pss", "PSS KiB", OSC_COLUMN_REAL },
	{ "user_stacks", "USTACK KiB", OSC_COLUMN_REAL },
	{ "page_tables", "TABLES KiB", OSC_COLUMN_REAL },
	{ "kernel_stacks", "KSTACK KiB", OSC_COLUMN_REAL },
	{ "slab", "SLAB KiB*", OSC_COLUMN_REAL },
};

static void memory_row(struct osc_table *t, const json_t *row,
		       const struct osc_cell_style *style)
{
	const json_t *memory = json_object_get(row, "memory");

	names(t, row);
	for (size_t i = 2; i < sizeof(memory_columns) / sizeof(*memory_columns);
	     i++)
		osc_cell_line(t, memory_columns[i].key,
			      json_object_get(memory, memory_columns[i].key),
			      1.0 / 1024, style);
}

static const struct osc_column time_columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "cpu_us", "CPUus/REQ", OSC_COLUMN_REAL },
	{ "rps", "REQ/s", OSC_COLUMN_REAL },
	{ "p99", "P99 ms", OSC_COLUMN_REAL },
	{ "valid", "VALID", OSC_COLUMN_TEXT },
	{ "audit", "AUDIT", OSC_COLUMN_REAL },
};

/* "4/5 (2 suspect)": of five runs, four with times, two of these marked. */
static void valid_cell(struct osc_table *t, const json_t *row)
{
	json_int_t suspect = integer(row, "suspect");
	char text[96];
	int n;

	/* Of times that are withheld. */
	if (json_is_null(json_object_get(row, "valid")))
		return;
	n = snprintf(text, sizeof(text),
		     "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		     integer(row, "valid"), integer(row, "runs"));

	if (suspect)
		snprintf(text + n, sizeof(text) - (size_t)n,
			 " (%" JSON_INTEGER_FORMAT " suspect)", suspect);
	osc_table_text(t, "valid", text);
}

static void audit_cell(struct osc_table *t, const json_t *row)
{
	json_int_t audits = integer(row, "audits");
	char text[64];

	snprintf(text, sizeof(text),
		 "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		 audits - integer(row, "audits_failed"), audits);
	osc_table_text(t, "audit", text);
}

static void time_row(struct osc_table *t, const json_t *row,
		     const struct osc_cell_style *style)
{
	names(t, row);
	standing_cell(t, "cpu_us", row, "per_request", "cpu_us", style);
	osc_cell_spread(t, "rps", json_object_get(row, "rps"), 1, style);
	osc_cell_spread(t, "p99",
			json_object_get(json_object_get(row, "latency_us"),
					"p99"),
			1e-3, style);
	valid_cell(t, row);
	audit_cell(t, row);
}

/* No view has more. */
#define OSC_VIEW_COLUMNS 9

/* A table of the summary. */
struct view {
	const char *title;
	const struct osc_column *columns;
	size_t nr_columns;
	void (*add_row)(struct osc_table *t, const json_t *row,
			const struct osc_cell_style *style);
};

static const struct view views[] = {
	{ "Counts: context switches (voluntary, involuntary), wakeups from "
	  "epoll and minor page faults, per request; page faults that a run "
	  "has once, as to warm up",
	  count_columns, sizeof(count_columns) / sizeof(*count_columns),
	  count_row },
	{ "Calls: system calls and bytes copied per request, EAGAIN per read, "
	  "events and spurious returns per wait, woken per connection accepted, "
	  "and the share of these woken spuriously",
	  call_columns, sizeof(call_columns) / sizeof(*call_columns),
	  call_row },
	{ "Connections: what each further one costs that is opened and held "
	  "idle, by a line through several numbers of them: page faults, "
	  "switches, memory (fixed, without slab + each, with slab)",
	  connection_columns,
	  sizeof(connection_columns) / sizeof(*connection_columns),
	  connection_row },
	{ "Memory of each further connection: the server's own, of which "
	  "stacks, page tables, kernel stacks, slab (* of the whole system: "
	  "others' as well)",
	  memory_columns, sizeof(memory_columns) / sizeof(*memory_columns),
	  memory_row },
	{ "Time and trust: CPU time per request, rate, latency; runs that are "
	  "valid, audits that hold",
	  time_columns, sizeof(time_columns) / sizeof(*time_columns),
	  time_row },
};

static bool is_of(const json_t *row, const char *scenario)
{
	char its[OSC_COMPARE_WIDTH];

	osc_compare_scenario(row, its, sizeof(its));
	return !strcmp(its, scenario);
}

/* NULL without memory. */
static struct osc_table *filled(const struct view *v, const json_t *summary,
				const char *scenario,
				const struct osc_cell_style *style)
{
	struct osc_table *t = osc_table_new(v->columns, v->nr_columns);
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (t && is_of(row, scenario))
			v->add_row(t, row, style);
	}
	return t;
}

/*
 * On a terminal that no style fits, the table comes in parts (output.h), each
 * with the first column, which has model and mode.
 */
static struct osc_table *narrow(const struct view *v, const json_t *summary,
				const char *scenario,
				struct osc_column columns[OSC_VIEW_COLUMNS])
{
	struct view narrow = *v;

	columns[0] =
		(struct osc_column){ "both", "MODEL, MODE", OSC_COLUMN_TEXT };
	memcpy(&columns[1], &v->columns[2],
	       (v->nr_columns - 2) * sizeof(*columns));
	narrow.columns = columns;
	narrow.nr_columns = v->nr_columns - 1;
	return filled(&narrow, summary, scenario, &styles[0]);
}

static int print_view(const struct view *v, const json_t *summary,
		      const char *scenario, FILE *out, struct osc_error *e)
{
	struct osc_column columns[OSC_VIEW_COLUMNS];
	struct osc_table *t = NULL;
	bool fits = false;
	int ret;

	for (size_t i = 0; i < NR_STYLES && !fits; i++) {
		osc_table_free(t);
		t = filled(v, summary, scenario, &styles[i]);
		fits = t && osc_table_fits(t, osc_compare_width(out));
	}
	if (!fits) {
		osc_table_free(t);
		t = narrow(v, summary, scenario, columns);
	}
	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print a table: out of memory");
	osc_table_set_columns(t, osc_compare_width(out));
	osc_compare_fold(v->title, out);
	ret = osc_table_print(t, out, e);
	osc_table_free(t);
	fputc('\n', out);
	return ret;
}

/* The views under one load. */
static int print_scenario(const json_t *summary, const char *scenario,
			  FILE *out, struct osc_error *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(views) / sizeof(*views); i++)
		ret = print_view(&views[i], summary, scenario, out, e);
	return ret;
}

/* Load by load, where there are several of them. */
static int print_summary(const json_t *summary, FILE *out, struct osc_error *e)
{
	const json_t *row;
	int ret = 0;
	size_t i;

	json_array_foreach(summary, i, row) {
		char scenario[OSC_COMPARE_WIDTH];
		bool seen = false, several = false;

		osc_compare_scenario(row, scenario, sizeof(scenario));
		for (size_t j = 0; j < json_array_size(summary); j++) {
			bool its = is_of(json_array_get(summary, j), scenario);

			seen |= j < i && its;
			several |= !its;
		}
		if (ret || seen)
			continue;
		if (several)
			fprintf(out, "== %s ==\n\n", scenario);
		ret = print_scenario(summary, scenario, out, e);
	}
	return ret;
}

int osc_compare_print(const json_t *document, FILE *out, struct osc_error *e)
{
	const json_t *runs = json_object_get(document, "runs");
	json_t *shown = osc_emulated_without_times(document);
	int ret = shown ? print_summary(json_object_get(shown, "summary"), out,
					e) :
			  osc_error_set(e, ENOMEM,
					"cannot print a table: out of memory");

	json_decref(shown);
	if (ret)
		return ret;
	if (osc_compare_findings(document, out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the findings: out of "
				     "memory");
	osc_compare_notes(document, out);
	if (osc_compare_memory_doubts(json_object_get(document, "summary"),
				      out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the reasons: out of memory");
	/* Of an emulated CPU no time is shown that there could be doubts of. */
	if (!osc_emulated_is(document) && osc_compare_doubts(runs, out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the reasons: out of memory");
	return osc_compare_failed(document, out, e);
}
