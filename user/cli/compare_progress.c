// SPDX-License-Identifier: GPL-2.0-or-later
/* What a comparison says on standard error while it goes on. */
#include <stdarg.h>
#include <string.h>

#include "cli/compare.h"
#include "correlate/audit.h"
#include "lib/clock.h"
#include "lib/output.h"

void osc_compare_say(const struct osc_compare_settings *set, const char *fmt,
		     ...)
{
	char line[512];
	va_list args;

	if (!set->progress)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (strlen(line) <= osc_compare_width(stderr))
		fprintf(stderr, "%s\n", line);
	else
		osc_compare_fold(line, stderr);
}

/* What the progress adds about a run's times: nothing when they are valid. */
static const char *remark(const json_t *run)
{
	const char *verdict =
		json_string_value(json_object_get(run, "verdict"));

	if (!json_is_true(json_object_get(run, "valid")))
		return "  not valid";
	return verdict && strcmp(verdict, "valid") ? "  suspect" : "";
}

/*
 * "1,234/s  suspect"; "240 requests" of an emulated CPU, whose times are
 * withheld.
 */
static void done_text(const json_t *run, bool emulated, char *out, size_t size)
{
	json_int_t n = json_integer_value(json_object_get(run, "requests"));
	char number[32];

	if (emulated)
		snprintf(out, size, "%9s request%s",
			 osc_format_count((uint64_t)n, number, sizeof(number)),
			 n == 1 ? "" : "s");
	else
		snprintf(out, size, "%9s/s%s",
			 osc_format_real(
				 json_number_value(json_object_get(run, "rps")),
				 number, sizeof(number)),
			 remark(run));
}

/* "  audit 24/25"; "" where all hold. */
static void audit_text(const json_t *run, char *out, size_t size)
{
	size_t rows, failed;

	osc_audit_count(json_object_get(run, "audit"), &rows, &failed);
	*out = '\0';
	if (failed)
		snprintf(out, size, "  audit %zu/%zu", rows - failed, rows);
}

/* ", 12 min left": as if what is left took as long as what was done. */
static void left_text(const struct osc_compare_progress *p, char *out,
		      size_t size)
{
	size_t left = p->all - p->done;
	double s = (double)(osc_clock_ns() - p->begun_ns) / OSC_NS_PER_S /
		   (double)p->made * (double)left;

	*out = '\0';
	if (s >= 7200)
		snprintf(out, size, ", %.1f h left", s / 3600);
	else if (s >= 120)
		snprintf(out, size, ", %.0f min left", s / 60);
	else if (left)
		snprintf(out, size, ", %.0f s left", s);
}

/* The longest name of a run. */
static int name_width(const struct osc_compare_settings *set)
{
	size_t width = 0;

	for (size_t i = 0; i < osc_compare_rows(set); i++) {
		struct osc_compare_item item = osc_compare_item(set, i, 1);
		char name[128];

		osc_compare_name(set, &item, name, sizeof(name));
		width = strlen(name) > width ? strlen(name) : width;
	}
	return (int)width;
}

void osc_compare_say_run(const struct osc_compare_settings *set,
			 const json_t *run, const char *name,
			 const struct osc_compare_progress *p)
{
	char done[64], audit[64], left[32];

	done_text(run, p->emulated, done, sizeof(done));
	audit_text(run, audit, sizeof(audit));
	left_text(p, left, sizeof(left));
	osc_compare_say(set, "[%zu/%zu] %-*s %s%s%s", p->done, p->all,
			name_width(set), name, done, audit, left);
}
