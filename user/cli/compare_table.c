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

static void names(struct osc_table *t, const json_t *row)
{
	osc_table_row(t);
	osc_table_text(t, "model",
		       json_string_value(json_object_get(row, "model")));
	osc_table_text(t, "mode",
		       json_string_value(json_object_get(row, "mode")));
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
	int n = snprintf(text, sizeof(text),
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
	  "epoll and minor\npage faults, per request; page faults that a run "
	  "has once, as to warm up",
	  count_columns, sizeof(count_columns) / sizeof(*count_columns),
	  count_row },
	{ "Calls: system calls and bytes copied per request, EAGAIN per read, "
	  "events and\nvain returns per wait, woken per connection accepted, "
	  "and of these in vain",
	  call_columns, sizeof(call_columns) / sizeof(*call_columns),
	  call_row },
	{ "Connections: what each further one costs that is opened and held "
	  "idle, by a line\nthrough several numbers of them: page faults, "
	  "switches, memory (fixed, without\nslab + each, with slab)",
	  connection_columns,
	  sizeof(connection_columns) / sizeof(*connection_columns),
	  connection_row },
	{ "Memory of each further connection: the server's own, of which "
	  "stacks, page\ntables, kernel stacks, slab (* of the whole system: "
	  "others' as well)",
	  memory_columns, sizeof(memory_columns) / sizeof(*memory_columns),
	  memory_row },
	{ "Time and trust: CPU time per request, rate, latency; runs that are "
	  "valid,\naudits that hold",
	  time_columns, sizeof(time_columns) / sizeof(*time_columns),
	  time_row },
};

/* The columns of the widest line; in UTF-8 a character begins but once. */
static size_t width_of(const char *text)
{
	size_t width = 0, n = 0;

	for (; *text; text++) {
		n = *text == '\n' ? 0 : n + ((*text & 0xc0) != 0x80);
		width = n > width ? n : width;
	}
	return width;
}

static bool is_of(const json_t *row, const char *scenario)
{
	char its[OSC_COMPARE_WIDTH];

	osc_compare_scenario(row, its, sizeof(its));
	return !strcmp(its, scenario);
}

/* The text is to be freed; NULL, with *e, without memory. */
static char *lay_out(const struct view *v, const json_t *summary,
		     const char *scenario, const struct osc_cell_style *style,
		     struct osc_error *e)
{
	struct osc_table *t = osc_table_new(v->columns, v->nr_columns);
	char *text = NULL;
	size_t size, i;
	FILE *out = t ? open_memstream(&text, &size) : NULL;
	const json_t *row;
	int ret;

	if (!out) {
		osc_table_free(t);
		osc_error_set(e, ENOMEM, "cannot print a table: out of memory");
		return NULL;
	}
	json_array_foreach(summary, i, row) {
		if (is_of(row, scenario))
			v->add_row(t, row, style);
	}
	ret = osc_table_print(t, out, e);
	osc_table_free(t);
	if (fclose(out) && !ret)
		ret = osc_error_set(e, errno, "cannot print a table: %s",
				    strerror(errno));
	if (!ret)
		return text;
	free(text);
	return NULL;
}

static int print_view(const struct view *v, const json_t *summary,
		      const char *scenario, FILE *out, struct osc_error *e)
{
	char *text = NULL;

	for (size_t i = 0; i < NR_STYLES; i++) {
		free(text);
		text = lay_out(v, summary, scenario, &styles[i], e);
		if (!text)
			return -e->err;
		if (width_of(text) <= OSC_COMPARE_WIDTH)
			break;
	}
	fprintf(out, "%s\n%s\n", v->title, text);
	free(text);
	return 0;
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

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "?";
}

/* Those rows of an audit that do not hold. */
static void add_failed(struct osc_table *t, const char *name,
		       const json_t *audit)
{
	const json_t *row;
	size_t i;

	json_array_foreach(audit, i, row) {
		if (json_is_true(json_object_get(row, "ok")))
			continue;
		osc_table_row(t);
		osc_table_text(t, "run", name);
		osc_table_text(t, "counter", text_of(row, "counter"));
		osc_table_u64(t, "kernel", (uint64_t)integer(row, "kernel"));
		osc_table_u64(t, "independent",
			      (uint64_t)integer(row, "independent"));
		osc_table_u64(t, "exited", (uint64_t)integer(row, "exited"));
		osc_table_text(t, "relation", text_of(row, "relation"));
		osc_table_text(t, "oracle", text_of(row, "oracle"));
	}
}

static int print_failed(const json_t *document, FILE *out, struct osc_error *e)
{
	static const struct osc_column failed[] = {
		{ "run", "FAILED AUDIT OF", OSC_COLUMN_TEXT },
		{ "counter", "COUNTER", OSC_COLUMN_TEXT },
		{ "kernel", "KERNEL", OSC_COLUMN_COUNT },
		{ "independent", "INDEPENDENT", OSC_COLUMN_COUNT },
		{ "exited", "EXITED", OSC_COLUMN_COUNT },
		{ "relation", "MUST HOLD", OSC_COLUMN_TEXT },
		{ "oracle", "ORACLE", OSC_COLUMN_TEXT },
	};
	struct osc_table *t =
		osc_table_new(failed, sizeof(failed) / sizeof(*failed));
	const json_t *run;
	size_t i;
	int ret = 0;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print a table: out of memory");
	add_failed(t, "calibration", json_object_get(document, "calibration"));
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		char name[128];

		snprintf(name, sizeof(name), "%s %s %d", text_of(run, "model"),
			 text_of(run, "mode"), (int)integer(run, "run"));
		add_failed(t, name, json_object_get(run, "audit"));
	}
	if (osc_table_rows(t)) {
		fputc('\n', out);
		ret = osc_table_print(t, out, e);
	}
	osc_table_free(t);
	return ret;
}

static json_int_t lost_in(const json_t *runs)
{
	const json_t *run;
	json_int_t lost = 0;
	size_t i;

	json_array_foreach(runs, i, run)
		lost += integer(json_object_get(run, "kernel"), "lost");
	return lost;
}

/* Whether some row has averages instead of marginal costs. */
static bool any_average(const json_t *document)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(document, "summary"), i, row) {
		if (!json_is_true(json_object_get(row, "marginal")))
			return true;
	}
	return false;
}

/* What a person must know before they believe the table. */
static void print_notes(const json_t *document, FILE *out)
{
	const json_t *platform = json_object_get(document, "platform");
	const json_t *overall = json_object_get(document, "overall");
	const char *source = text_of(document, "source");
	json_int_t lost = lost_in(json_object_get(document, "runs"));

	fprintf(out, "Kernel %s, source %s. ", text_of(platform, "kernel"),
		source);
	fprintf(out,
		"Audit: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		" hold.\n",
		integer(overall, "audits") - integer(overall, "failed"),
		integer(overall, "audits"));
	if (osc_emulated_is(document))
		fputs(OSC_EMULATED_NOTE("\n") "\n", out);
	if (strcmp(source, "module"))
		osc_compare_fold("Without the module the counts are samples "
				 "of /proc, and epoll is not counted ('-'). "
				 "With it fewer numbers are lower bounds.",
				 out);
	if (lost)
		fprintf(out,
			"Lost: %" JSON_INTEGER_FORMAT
			" times a task ended unseen; what it did is missing "
			"in\nthe counts, which have %s before them.\n",
			lost, osc_standing_sign(OSC_LOWER_BOUND));
	if (any_average(document))
		osc_compare_fold("Some runs were too short for a line through "
				 "their samples: their numbers per request are "
				 "averages, with what was done once in them; "
				 "try a longer -d, or a shorter --interval.",
				 out);
	if (json_is_true(json_object_get(document, "partial")))
		fputs("Stopped early: these are the runs that had ended.\n",
		      out);
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
	print_notes(document, out);
	if (osc_compare_memory_doubts(json_object_get(document, "summary"),
				      out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the reasons: out of memory");
	/* Of an emulated CPU no time is shown that there could be doubts of. */
	if (!osc_emulated_is(document) && osc_compare_doubts(runs, out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the reasons: out of memory");
	return print_failed(document, out, e);
}
