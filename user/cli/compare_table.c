// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "lib/output.h"

static const struct osc_column columns[] = {
	{ "model", "MODEL", OSC_COLUMN_TEXT },
	{ "mode", "MODE", OSC_COLUMN_TEXT },
	{ "requests", "REQUESTS", OSC_COLUMN_COUNT },
	{ "context_switches_voluntary", "VOL/REQ", OSC_COLUMN_REAL },
	{ "context_switches_involuntary", "INVOL/REQ", OSC_COLUMN_REAL },
	{ "epoll_wakeups", "WAKE/REQ", OSC_COLUMN_REAL },
	{ "page_faults_minor", "MINFLT/REQ", OSC_COLUMN_REAL },
	{ "minor_per_connection", "MINFLT/CONN", OSC_COLUMN_REAL },
	{ "cpu_us", "CPUus/REQ", OSC_COLUMN_REAL },
	{ "rps", "REQ/s", OSC_COLUMN_REAL },
	{ "p99", "P99 ms", OSC_COLUMN_REAL },
	{ "valid", "VALID", OSC_COLUMN_REAL },
	{ "audit", "AUDIT", OSC_COLUMN_REAL },
};

/* Three significant digits: runs do not agree on more. */
static void short_number(double v, char *out, size_t size)
{
	int decimals = v > 0 ? 2 - (int)floor(log10(v)) : 0;

	if (v >= 1000)
		osc_format_real(v, out, size);
	else
		snprintf(out, size, "%.*f",
			 decimals < 0 ? 0 : (decimals > 6 ? 6 : decimals), v);
}

/*
 * "12.3 +-4%": the median, and how far the interval of the median reaches from
 * it at most, in percent of it, where that is anything.
 */
static void spread_cell(struct osc_table *t, const char *key,
			const json_t *spread, double scale)
{
	double median = json_number_value(json_object_get(spread, "median"));
	double low = json_number_value(json_object_get(spread, "low"));
	double high = json_number_value(json_object_get(spread, "high"));
	double percent = 100 * fmax(median - low, high - median) / median;
	char number[32], text[64];

	if (!json_is_object(spread))
		return;
	short_number(median * scale, number, sizeof(number));
	if (median > 0 && percent >= 0.5)
		snprintf(text, sizeof(text), "%s +-%.0f%%", number,
			 fmin(percent, 999));
	else
		snprintf(text, sizeof(text), "%s", number);
	osc_table_text(t, key, text);
}

static json_int_t integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void ratio_cell(struct osc_table *t, const char *key, json_int_t part,
		       json_int_t whole)
{
	char text[64];

	snprintf(text, sizeof(text),
		 "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT, part, whole);
	osc_table_text(t, key, text);
}

static void add_row(struct osc_table *t, const json_t *row)
{
	static const char *const per_request[] = {
		"context_switches_voluntary",
		"context_switches_involuntary",
		"epoll_wakeups",
		"page_faults_minor",
		"cpu_us",
	};
	const json_t *counts = json_object_get(row, "per_request");
	json_int_t audits = integer(row, "audits");

	osc_table_row(t);
	osc_table_text(t, "model",
		       json_string_value(json_object_get(row, "model")));
	osc_table_text(t, "mode",
		       json_string_value(json_object_get(row, "mode")));
	osc_table_u64(t, "requests", (uint64_t)integer(row, "requests"));
	for (size_t i = 0; i < sizeof(per_request) / sizeof(*per_request); i++)
		spread_cell(t, per_request[i],
			    json_object_get(counts, per_request[i]), 1);
	spread_cell(t, "minor_per_connection",
		    json_object_get(json_object_get(row, "per_connection"),
				    "page_faults_minor"),
		    1);
	spread_cell(t, "rps", json_object_get(row, "rps"), 1);
	spread_cell(t, "p99",
		    json_object_get(json_object_get(row, "latency_us"), "p99"),
		    1e-3);
	ratio_cell(t, "valid", integer(row, "valid"), integer(row, "runs"));
	ratio_cell(t, "audit", audits - integer(row, "audits_failed"), audits);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "?";
}

static int print_failed(const json_t *runs, FILE *out, struct osc_error *e)
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
	const json_t *run, *row;
	size_t i, j;
	int ret = 0;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print a table: out of memory");
	json_array_foreach(runs, i, run) {
		json_array_foreach(json_object_get(run, "audit"), j, row) {
			char name[128];

			if (json_is_true(json_object_get(row, "ok")))
				continue;
			snprintf(name, sizeof(name), "%s %s %d",
				 text_of(run, "model"), text_of(run, "mode"),
				 (int)integer(run, "run"));
			osc_table_row(t);
			osc_table_text(t, "run", name);
			osc_table_text(t, "counter", text_of(row, "counter"));
			osc_table_u64(t, "kernel",
				      (uint64_t)integer(row, "kernel"));
			osc_table_u64(t, "independent",
				      (uint64_t)integer(row, "independent"));
			osc_table_u64(t, "exited",
				      (uint64_t)integer(row, "exited"));
			osc_table_text(t, "relation", text_of(row, "relation"));
			osc_table_text(t, "oracle", text_of(row, "oracle"));
		}
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

/* What a person must know before they believe the table. */
static void print_notes(const json_t *document, FILE *out)
{
	const json_t *platform = json_object_get(document, "platform");
	const json_t *overall = json_object_get(document, "overall");
	const char *source = text_of(document, "source");
	json_int_t lost = lost_in(json_object_get(document, "runs"));

	fprintf(out, "\nKernel %s, source %s. ", text_of(platform, "kernel"),
		source);
	fprintf(out,
		"Audit: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		" hold.\n",
		integer(overall, "audits") - integer(overall, "failed"),
		integer(overall, "audits"));
	if (json_is_true(json_object_get(platform, "emulated")))
		fputs("The CPU is emulated: counts are exact, times only "
		      "compare with each other.\n",
		      out);
	if (strcmp(source, "module"))
		fputs("Without the module the counts are samples of /proc, and "
		      "epoll is not counted ('-').\n",
		      out);
	if (lost)
		fprintf(out,
			"Lost: %" JSON_INTEGER_FORMAT
			" times a task ended unseen; what it did is missing "
			"in the counts.\n",
			lost);
	if (json_is_true(json_object_get(document, "partial")))
		fputs("Stopped early: these are the runs that had ended.\n",
		      out);
}

/* Reasons that differ in their numbers alone are one. */
static void shape_of(const char *reason, char *out, size_t size)
{
	size_t n = 0;

	for (; *reason && n + 1 < size; reason++) {
		if (!isdigit((unsigned char)*reason))
			out[n++] = *reason;
	}
	out[n] = '\0';
}

/* {shape: [count, the first of its reasons]} */
static int gather_doubts(const json_t *runs, json_t *doubts)
{
	const json_t *run, *why;
	char shape[512];
	size_t i, j;

	json_array_foreach(runs, i, run) {
		if (json_is_true(json_object_get(run, "valid")))
			continue;
		json_array_foreach(json_object_get(run, "why"), j, why) {
			const char *reason = json_string_value(why) ?: "?";
			json_t *had, *now;

			shape_of(reason, shape, sizeof(shape));
			had = json_object_get(doubts, shape);
			now = json_pack(
				"[I, s]",
				json_integer_value(json_array_get(had, 0)) + 1,
				had ? json_string_value(
					      json_array_get(had, 1)) :
				      reason);
			if (json_object_set_new(doubts, shape, now))
				return -ENOMEM;
		}
	}
	return 0;
}

static int print_doubts(const json_t *runs, FILE *out)
{
	json_t *doubts = json_object();
	int ret = doubts ? gather_doubts(runs, doubts) : -ENOMEM;
	const json_t *doubt;
	const char *shape;

	json_object_foreach(doubts, shape, doubt)
		fprintf(out, "Not valid (%" JSON_INTEGER_FORMAT "x): %s\n",
			json_integer_value(json_array_get(doubt, 0)),
			json_string_value(json_array_get(doubt, 1)));
	json_decref(doubts);
	return ret;
}

int osc_compare_print(const json_t *document, FILE *out, struct osc_error *e)
{
	const json_t *runs = json_object_get(document, "runs");
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	const json_t *row;
	size_t i;
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print a table: out of memory");
	json_array_foreach(json_object_get(document, "summary"), i, row)
		add_row(t, row);
	ret = osc_table_print(t, out, e);
	osc_table_free(t);
	if (ret)
		return ret;
	print_notes(document, out);
	if (print_doubts(runs, out))
		return osc_error_set(e, ENOMEM,
				     "cannot print the reasons: out of memory");
	return print_failed(runs, out, e);
}
