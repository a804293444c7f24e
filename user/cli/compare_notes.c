// SPDX-License-Identifier: GPL-2.0-or-later
/* What a person must know before they believe the tables, and failed audits. */
#include <errno.h>
#include <string.h>

#include "cli/compare.h"
#include "lib/bars.h"
#include "lib/emulated.h"
#include "lib/output.h"
#include "lib/standing.h"

static json_int_t integer(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
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

int osc_compare_failed(const json_t *document, FILE *out, struct osc_error *e)
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

void osc_compare_notes(const json_t *document, FILE *out)
{
	const json_t *platform = json_object_get(document, "platform");
	const json_t *overall = json_object_get(document, "overall");
	const char *source = text_of(document, "source");
	json_int_t lost = lost_in(json_object_get(document, "runs"));
	char times[32];

	osc_text_line(out, osc_compare_width(out),
		      "Kernel %s, source %s. Audit: %" JSON_INTEGER_FORMAT
		      " of %" JSON_INTEGER_FORMAT " hold.",
		      text_of(platform, "kernel"), source,
		      integer(overall, "audits") - integer(overall, "failed"),
		      integer(overall, "audits"));
	if (osc_emulated_is(document))
		osc_compare_fold(OSC_EMULATED_NOTE(" "), out);
	if (strcmp(source, "module"))
		osc_compare_fold("Without the module the counts are samples "
				 "of /proc, and epoll is not counted ('-'). "
				 "With it fewer numbers are lower bounds.",
				 out);
	if (lost)
		osc_text_line(out, osc_compare_width(out),
			      "Lost: %s times a task ended unseen; what it did "
			      "is missing in the counts, which have %s before "
			      "them.",
			      osc_format_count((uint64_t)lost, times,
					       sizeof(times)),
			      osc_standing_sign(OSC_LOWER_BOUND));
	if (any_average(document))
		osc_compare_fold("Some runs were too short for a line through "
				 "their samples: their numbers per request are "
				 "averages, with what was done once in them; "
				 "try a longer -d, or a shorter --interval.",
				 out);
	if (json_is_true(json_object_get(document, "partial")))
		osc_compare_fold("Stopped early: these are the runs that had "
				 "ended.",
				 out);
}
