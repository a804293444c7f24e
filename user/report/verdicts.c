// SPDX-License-Identifier: GPL-2.0-or-later
/* verdicts.c - which model wins under which load, in words. */
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"

static void text(FILE *out, const json_t *one)
{
	html_text(out,
		  json_is_string(one) ? json_string_value(one) : HTML_MISSING);
}

/* What goes with it, or what was looked at and does not differ. */
static void reasons(FILE *out, const json_t *finding)
{
	const json_t *why = json_object_get(finding, "why"), *one;
	const json_t *looked = json_object_get(finding, "looked_at");
	size_t i;

	if (json_array_size(why))
		html_open(out, "ul", NULL);
	json_array_foreach(why, i, one) {
		html_open(out, "li", NULL);
		html_text(out, "It has ");
		text(out, one);
		html_text(out, ".");
		html_close(out, "li");
	}
	if (json_array_size(why))
		html_close(out, "ul");
	if (json_array_size(why) || !json_array_size(looked))
		return;
	html_text(out, " Looked at, without a sure difference: ");
	json_array_foreach(looked, i, one) {
		html_text(out, i ? ", " : "");
		text(out, one);
	}
	html_text(out, ".");
}

static void verdict_item(FILE *out, const json_t *verdict)
{
	html_open(out, "li", NULL);
	html_text(out, doc_string(verdict, "text"));
	reasons(out, verdict);
	html_close(out, "li");
}

/* By what no model wins, and why. */
static void undecided(FILE *out, const struct doc *doc)
{
	const json_t *all = json_object_get(doc->root, "undecided"), *one;
	size_t i;

	if (!json_array_size(all))
		return;
	html_element(out, "h3", NULL, "Left open");
	html_open(out, "ul", NULL);
	json_array_foreach(all, i, one) {
		html_open(out, "li", NULL);
		html_text(out, doc_string(one, "mode"));
		html_text(out, ": ");
		html_text(out, doc_string(one, "text"));
		html_close(out, "li");
	}
	html_close(out, "ul");
}

/* Those of one load, which begin with `first`. */
static int figure(FILE *out, const struct doc *doc, const json_t *verdicts,
		  size_t first, const char *load)
{
	const json_t *verdict;
	size_t i;
	int err = 0;

	html_open(out, "figure", NULL);
	html_element(out, "figcaption", NULL, load);
	html_open(out, "ul", NULL);
	json_array_foreach(verdicts, i, verdict) {
		char *its = i < first || err ? NULL : doc_load(doc, verdict);

		if (i >= first && !its)
			err = -ENOMEM;
		if (its && !strcmp(its, load))
			verdict_item(out, verdict);
		free(its);
	}
	html_close(out, "ul");
	html_close(out, "figure");
	return err;
}

/* Verdicts of a load stand together. */
static int figures(FILE *out, const struct doc *doc, const json_t *verdicts)
{
	char *last = NULL;
	const json_t *verdict;
	size_t i;
	int err = 0;

	json_array_foreach(verdicts, i, verdict) {
		char *load = err ? NULL : doc_load(doc, verdict);

		if (!load) {
			err = -ENOMEM;
			continue;
		}
		if (!last || strcmp(last, load))
			err = figure(out, doc, verdicts, i, load);
		free(last);
		last = load;
	}
	free(last);
	return err;
}

int section_verdicts(FILE *out, const struct doc *doc)
{
	const json_t *verdicts = json_object_get(doc->root, "verdicts");
	int err;

	html_element(out, "h2", NULL, "What wins, and why");
	if (!json_array_size(verdicts)) {
		html_element(out, "p", "note", "No model wins for sure.");
		undecided(out, doc);
		return 0;
	}
	html_element(
		out, "p", "note",
		"Only what is sure: the winner's interval touches no "
		"other's, and each is of at least six runs, of rates and "
		"latency of none that is suspect. Each says under which load "
		"it holds, and what is so under the others. Why: the "
		"counters by which it is apart from the next, by the same "
		"rule. That goes with the win, and is no proof that it is "
		"the cause.");
	html_open(out, "div", "class", "figures", NULL);
	err = figures(out, doc, verdicts);
	html_close(out, "div");
	undecided(out, doc);
	return err;
}
