// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"
#include "correlate/line.h"
#include "correlate/outcome.h"
#include "lib/bars.h"
#include "lib/output.h"

/* Stands in a shape where the reason has a number. */
#define NUMBER '\1'

/* The length of the number text begins with, or 0; "p99" is a word. */
static size_t number_length(const char *text, const char *start)
{
	char *end;

	if (!isdigit((unsigned char)*text) ||
	    (text > start && isalnum((unsigned char)text[-1])))
		return 0;
	strtod(text, &end);
	return (size_t)(end - text);
}

/*
 * A reason without its numbers, by which reasons that differ in these alone
 * are one; the numbers, as written, into the array. -ENOMEM.
 */
static int take_apart(const char *reason, char *shape, size_t size,
		      json_t *numbers)
{
	const char *p = reason;
	size_t n = 0;

	while (*p && n + 1 < size) {
		size_t length = number_length(p, reason);

		if (length &&
		    json_array_append_new(numbers, osc_json_bytes(p, length)))
			return -ENOMEM;
		shape[n++] = length ? NUMBER : *p;
		p += length ? length : 1;
	}
	shape[n] = '\0';
	return 0;
}

/* Puts those of `numbers` that are beyond into `bounds`. */
static int extend(json_t *bounds, const json_t *numbers, bool up)
{
	json_t *number;
	size_t i;

	json_array_foreach(numbers, i, number) {
		double new = strtod(json_string_value(number), NULL);
		double old = strtod(
			json_string_value(json_array_get(bounds, i)) ?: "0",
			NULL);

		if ((up ? new > old : new < old) &&
		    json_array_set(bounds, i, number))
			return -ENOMEM;
	}
	return 0;
}

/* doubts: {shape: [runs, [lowest numbers], [highest numbers]]} */
static int add_reason(json_t *doubts, const char *reason)
{
	json_t *numbers = json_array(), *doubt;
	char shape[512];
	int ret = numbers ? take_apart(reason, shape, sizeof(shape), numbers) :
			    -ENOMEM;

	if (ret)
		goto out;
	doubt = json_object_get(doubts, shape);
	if (!doubt) {
		doubt = json_pack("[i, o, o]", 0, json_copy(numbers),
				  json_copy(numbers));
		if (json_object_set_new(doubts, shape, doubt))
			ret = -ENOMEM;
	}
	if (!ret)
		ret = extend(json_array_get(doubt, 1), numbers, false);
	if (!ret)
		ret = extend(json_array_get(doubt, 2), numbers, true);
	if (!ret)
		json_integer_set(json_array_get(doubt, 0),
				 json_integer_value(json_array_get(doubt, 0)) +
					 1);
out:
	json_decref(numbers);
	return ret;
}

static int gather(const json_t *runs, const char *verdict, json_t *doubts)
{
	const json_t *run, *why;
	size_t i, j;
	int ret = 0;

	json_array_foreach(runs, i, run) {
		const char *its =
			json_string_value(json_object_get(run, "verdict"));

		if (!its || strcmp(its, verdict))
			continue;
		json_array_foreach(json_object_get(run, "why"), j, why) {
			if (!ret)
				ret = add_reason(doubts,
						 json_string_value(why) ?: "?");
		}
	}
	return ret;
}

static const char *text_at(const json_t *list, size_t i)
{
	return json_string_value(json_array_get(list, i)) ?: "?";
}

/* "  8 runs: the client waited 5 to 8 % of the run for a CPU" */
static int print_doubt(const char *shape, const json_t *doubt, FILE *out)
{
	json_int_t n = json_integer_value(json_array_get(doubt, 0));
	const json_t *low = json_array_get(doubt, 1);
	const json_t *high = json_array_get(doubt, 2);
	char *line = NULL;
	size_t size, i = 0;
	FILE *text = open_memstream(&line, &size);

	if (!text)
		return -ENOMEM;
	fprintf(text, "  %" JSON_INTEGER_FORMAT " run%s: ", n,
		n == 1 ? "" : "s");
	for (; *shape; shape++) {
		if (*shape != NUMBER) {
			fputc(*shape, text);
			continue;
		}
		fputs(text_at(low, i), text);
		if (strcmp(text_at(low, i), text_at(high, i)))
			fprintf(text, " to %s", text_at(high, i));
		i++;
	}
	if (fclose(text)) {
		free(line);
		return -ENOMEM;
	}
	osc_compare_fold(line, out);
	free(line);
	return 0;
}

static int print_verdict(const json_t *runs, const char *verdict,
			 const char *title, FILE *out)
{
	json_t *doubts = json_object();
	int ret = doubts ? gather(runs, verdict, doubts) : -ENOMEM;
	const json_t *doubt;
	const char *shape;

	if (!ret && json_object_size(doubts))
		osc_compare_fold(title, out);
	json_object_foreach(doubts, shape, doubt) {
		if (!ret)
			ret = print_doubt(shape, doubt, out);
	}
	json_decref(doubts);
	return ret;
}

int osc_compare_doubts(const json_t *runs, FILE *out)
{
	int ret = print_verdict(runs, "invalid",
				"Not valid, so their times are withheld:", out);

	return ret ? ret :
		     print_verdict(runs, "suspect",
				   "Suspect: their times are kept, but may "
				   "reflect the client or chance, and who "
				   "wins by them is not said:",
				   out);
}

/* The kinds of memory that may leave the memory of a connection uncertain. */
static const struct {
	const char *name, *text;
} kinds[] = {
	{ "pss", "PSS: growth inside a page, or a huge page, does not "
		 "show" },
	{ "page_tables", "page tables" },
	{ "kernel_stacks", "kernel stacks" },
	{ "slab", "slab, which other programs use, too" },
};

/* Whether it is told as an interval or a bound, and this kind is why. */
static bool is_doubtful(const json_t *row, const char *kind)
{
	const json_t *total =
		json_object_get(json_object_get(row, "memory"), "total");
	const char *widest =
		json_string_value(json_object_get(total, "widest"));
	struct osc_cost c;

	return widest && !strcmp(widest, kind) &&
	       osc_line_cost(total, OSC_LINE_SLOPE, &c) &&
	       (c.at_most || osc_interval_is_wide(c.value, c.low, c.high));
}

/* The models of such rows, each once; false where there are none. */
static bool list_doubtful(const json_t *summary, const char *kind, FILE *out)
{
	const json_t *row;
	bool any = false;
	size_t i;

	json_array_foreach(summary, i, row) {
		bool again = !is_doubtful(row, kind);

		for (size_t j = 0; j < i && !again; j++) {
			const json_t *before = json_array_get(summary, j);

			again = is_doubtful(before, kind) &&
				!strcmp(osc_row_model(before),
					osc_row_model(row));
		}
		if (again)
			continue;
		fprintf(out, "%s%s", any ? ", " : "", osc_row_model(row));
		any = true;
	}
	return any;
}

int osc_compare_memory_doubts(const json_t *summary, FILE *out)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		char *line = NULL;
		size_t size;
		FILE *text = open_memstream(&line, &size);
		bool any;

		if (!text)
			return -ENOMEM;
		fputs("MEMORY of ", text);
		any = list_doubtful(summary, kinds[k].name, text);
		fprintf(text, " is least certain in %s.", kinds[k].text);
		if (fclose(text)) {
			free(line);
			return -ENOMEM;
		}
		if (any)
			osc_compare_fold(line, out);
		free(line);
	}
	return 0;
}

/* "close, 1ms of io": a load without its connections, which each text has. */
static void name_load(const json_t *finding, char *out, size_t size)
{
	const char *mode = json_string_value(json_object_get(finding, "mode"));
	int n = snprintf(out, size, "%s", mode ?: "?");

	osc_compare_times(finding, out + n, size - (size_t)n);
}

/* What goes with it, or what was looked at and does not differ: to be folded. */
static void print_why(const json_t *finding, FILE *out)
{
	const json_t *why = json_object_get(finding, "why"), *text;
	const json_t *looked = json_object_get(finding, "looked_at");
	size_t i;

	json_array_foreach(why, i, text)
		fprintf(out, "\n    It has %s.",
			json_string_value(text) ?: "?");
	if (json_array_size(why))
		return;
	json_array_foreach(looked, i, text)
		fprintf(out, "%s%s",
			i ? ", " :
			    "\n    Looked at, without a sure difference: ",
			json_string_value(text) ?: "?");
	fputs(json_array_size(looked) ? "." : "", out);
}

static int print_finding(const json_t *finding, FILE *out)
{
	char *lines = NULL;
	size_t size;
	FILE *text = open_memstream(&lines, &size);

	if (!text)
		return -ENOMEM;
	fprintf(text, "  %s",
		json_string_value(json_object_get(finding, "text")) ?: "?");
	print_why(finding, text);
	if (fclose(text)) {
		free(lines);
		return -ENOMEM;
	}
	osc_text_fold_lines(lines, osc_compare_width(out), out);
	free(lines);
	return 0;
}

/* Under a heading for each load. */
static int print_findings(const json_t *findings, const char *heading,
			  FILE *out)
{
	char last[OSC_COMPARE_WIDTH] = "";
	const json_t *finding;
	size_t i;
	int ret = 0;

	json_array_foreach(findings, i, finding) {
		char load[OSC_COMPARE_WIDTH];

		name_load(finding, load, sizeof(load));
		if (strcmp(load, last))
			fprintf(out, "%s, %s:\n", heading, load);
		strcpy(last, load);
		if (!ret)
			ret = print_finding(finding, out);
	}
	return ret;
}

int osc_compare_findings(const json_t *document, FILE *out)
{
	const json_t *verdicts = json_object_get(document, "verdicts");
	const json_t *undecided = json_object_get(document, "undecided");
	int ret;

	/* One model alone wins nothing, and loses nothing. */
	if (!json_array_size(verdicts) && !json_array_size(undecided))
		return 0;
	if (!json_array_size(verdicts))
		osc_compare_fold("Which model wins cannot be said.", out);
	ret = print_findings(verdicts, "What is sure", out);
	if (!ret)
		ret = print_findings(undecided, "What is left open", out);
	fputc('\n', out);
	return ret;
}

unsigned int osc_compare_width(FILE *out)
{
	unsigned int columns = osc_terminal_columns(out);

	return columns && columns < OSC_COMPARE_WIDTH ? columns :
							OSC_COMPARE_WIDTH;
}

void osc_compare_fold(const char *text, FILE *out)
{
	osc_text_fold(text, osc_compare_width(out), out);
}
