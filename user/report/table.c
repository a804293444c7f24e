// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * table.c - tables of the summary. Shown as cards, the elements lose their
 * meaning as a table, so the roles say it again.
 */
#include "report/table.h"

#include <math.h>
#include <string.h>

void table_open(FILE *out, const char *label)
{
	html_open(out, "div", "class", "scroll cards", "tabindex", "0", "role",
		  "region", "aria-label", label, NULL);
	html_open(out, "table", "role", "table", NULL);
}

void table_close(FILE *out)
{
	html_table_close(out);
}

void table_heading(FILE *out, const char *class, const char *text,
		   const char *unit)
{
	html_open(out, "th", "scope", "col", "role", "columnheader", "class",
		  class, NULL);
	html_text(out, text);
	if (unit)
		html_element(out, "small", NULL, unit);
	html_close(out, "th");
}

void table_head_open(FILE *out)
{
	html_open(out, "thead", "role", "rowgroup", NULL);
	html_open(out, "tr", "role", "row", NULL);
	table_heading(out, NULL, "Model", NULL);
	table_heading(out, NULL, "Mode", NULL);
}

void table_head_close(FILE *out)
{
	html_close(out, "tr");
	html_close(out, "thead");
}

static void row_open(FILE *out, const struct doc_group *group)
{
	char class[16];

	snprintf(class, sizeof(class), "chip m%u", group->model_index % 6);
	html_open(out, "tr", "role", "row", NULL);
	html_open(out, "th", "scope", "row", "role", "rowheader", NULL);
	html_open(out, "span", "class", class, "aria-hidden", "true", NULL);
	html_close(out, "span");
	html_text(out, group->model);
	html_close(out, "th");
	table_text_cell(out, NULL, "Mode", group->mode);
}

void table_rows(FILE *out, const struct doc *doc,
		void (*cells)(FILE *, const struct doc_group *))
{
	for (size_t i = 0; i < doc->nr_groups; i++) {
		if (!doc_mode_begins(doc, i))
			continue;
		html_open(out, "tbody", "role", "rowgroup", NULL);
		for (size_t j = i; j < doc->nr_groups; j++) {
			if (!doc_same_mode(doc, i, j))
				continue;
			row_open(out, &doc->groups[j]);
			cells(out, &doc->groups[j]);
			html_close(out, "tr");
		}
		html_close(out, "tbody");
	}
}

void table_cell_open(FILE *out, const char *class, const char *label)
{
	html_open(out, "td", "role", "cell", "class", class, "data-label",
		  label, NULL);
}

void table_text_cell(FILE *out, const char *class, const char *label,
		     const char *text)
{
	table_cell_open(out, class, label);
	html_element(out, "span", NULL, text);
	html_close(out, "td");
}

void table_spread_cell(FILE *out, const char *heading, const char *unit,
		       struct doc_spread s, number_format *format,
		       const char *mark)
{
	char label[128];

	/* "Events per wait"; "Page tables, KiB per idle connection" */
	snprintf(label, sizeof(label), "%s%s %s", heading,
		 strncmp(unit, "per ", 4) ? "," : "", unit);
	table_cell_open(out, "n", label);
	html_open(out, "span", NULL);
	html_text(out, isnan(s.median) ? "" : mark);
	html_text(out, format(s.median).text);
	if (!isnan(s.low) && !isnan(s.high) && s.low < s.high) {
		html_open(out, "small", NULL);
		html_text(out, format(s.low).text);
		html_text(out, "\xe2\x80\xa6");
		html_text(out, format(s.high).text);
		html_close(out, "small");
	}
	html_close(out, "span");
	html_close(out, "td");
}
