// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bars.c - one picture per counter: what a request costs, by mode and model.
 * Bars start at zero, so that lengths compare; the whisker is the spread of
 * the runs.
 */
#include <math.h>

#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/svg.h"

#define LABEL_X 76.0
#define BARS_FROM 82.0
#define BARS_TO 298.0
#define ROW 22.0
#define HEADING 22.0
#define AXIS 22.0

static struct doc_spread per_request(const struct doc_group *group,
				     const struct doc_counter *counter)
{
	return doc_spread(json_object_get(group->summary, "per_request"),
			  counter->key);
}

static struct html_number shown(const struct doc_counter *counter, double value)
{
	return counter->to_us ? html_microseconds(value * counter->to_us) :
				html_value(value);
}

/* The longest bar or whisker; NaN when no group has the counter. */
static double longest(const struct doc *doc, const struct doc_counter *counter)
{
	double most = NAN;

	for (size_t i = 0; i < doc->nr_groups; i++) {
		struct doc_spread s = per_request(&doc->groups[i], counter);

		if (!isnan(s.median))
			most = fmax(most, fmax(s.median, s.high));
	}
	return most;
}

static void draw_whisker(FILE *out, const struct svg_axis *x,
			 const struct doc_spread *s, double y)
{
	double low = svg_axis_at(x, s->low), high = svg_axis_at(x, s->high);

	if (isnan(s->low) || isnan(s->high) || high - low < 1)
		return;
	svg_line(out, "whisker", low, y, high, y);
	svg_line(out, "whisker", low, y - 4, low, y + 4);
	svg_line(out, "whisker", high, y - 4, high, y + 4);
}

static void draw_row(FILE *out, const struct svg_axis *x,
		     const struct doc_counter *counter,
		     const struct doc_group *group, double y)
{
	struct doc_spread s = per_request(group, counter);
	double middle = y + ROW / 2;
	char class[16];

	svg_label(out, "label", "end", LABEL_X, middle + 4, 11, group->model);
	if (!isnan(s.median)) {
		snprintf(class, sizeof(class), "bar m%u",
			 group->model_index % 6);
		svg_rect(out, class, x->from, y + 4,
			 svg_axis_at(x, s.median) - x->from, ROW - 8);
		draw_whisker(out, x, &s, middle);
	}
	svg_text(out, "value", "end", SVG_WIDTH - 2, middle + 4,
		 shown(counter, s.median).text);
}

static void draw_axis(FILE *out, const struct svg_axis *x,
		      const struct doc_counter *counter, double bottom)
{
	double ticks[SVG_TICKS];
	size_t n = svg_axis_ticks(x, ticks);

	for (size_t i = 0; i < n; i++) {
		double at = svg_axis_at(x, ticks[i]);

		svg_line(out, i ? "grid" : "axis", at, 4, at, bottom);
		svg_text(out, "tick", "middle", at, bottom + 15,
			 html_round(shown(counter, ticks[i])).text);
	}
}

static void draw(FILE *out, const struct doc *doc,
		 const struct doc_counter *counter, double most)
{
	struct svg_axis x = { 0, most, BARS_FROM, BARS_TO, false };
	double y = 4, bottom = 4 + (double)doc->nr_groups * ROW;

	for (size_t i = 0; i < doc->nr_groups; i++)
		bottom += doc_mode_begins(doc, i) ? HEADING : 0;
	svg_open(out, bottom + AXIS, counter->label,
		 "Bars of the median per request by mode and model, whiskers "
		 "from the lowest to the highest the runs agree on. The table "
		 "above has the numbers.");
	draw_axis(out, &x, counter, bottom);
	for (size_t i = 0; i < doc->nr_groups; i++) {
		if (!doc_mode_begins(doc, i))
			continue;
		svg_label(out, "group", "start", 0, y + 16, 58,
			  doc->groups[i].mode);
		y += HEADING;
		for (size_t j = i; j < doc->nr_groups; j++) {
			if (!doc_same_mode(doc, i, j))
				continue;
			draw_row(out, &x, counter, &doc->groups[j], y);
			y += ROW;
		}
	}
	svg_close(out);
}

static void figure(FILE *out, const struct doc *doc,
		   const struct doc_counter *counter, double most)
{
	html_open(out, "figure", NULL);
	html_open(out, "figcaption", NULL);
	html_text(out, counter->label);
	html_element(out, "small", NULL, " per request");
	html_close(out, "figcaption");
	draw(out, doc, counter, most);
	html_close(out, "figure");
}

/*
 * Names the counters without a picture, so that nobody looks for them: those
 * nobody counted (absent), or those that are 0 everywhere.
 */
static void list_others(FILE *out, const struct doc *doc, const char *heading,
			bool absent)
{
	bool any = false;

	for (size_t i = 0; i < DOC_NR_COUNTERS; i++) {
		double most = longest(doc, &doc_counters[i]);

		if (absent ? !isnan(most) : most != 0)
			continue;
		if (!any)
			html_open(out, "p", "class", "note", NULL);
		html_text(out, any ? ", " : heading);
		html_text(out, doc_counters[i].label);
		any = true;
	}
	if (any) {
		html_text(out, ".");
		html_close(out, "p");
	}
}

int section_counters(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "What a request costs");
	html_element(out, "p", "note",
		     "Bar: median of the runs. Whisker: their spread, low "
		     "to high. Each picture has its own scale.");
	html_open(out, "div", "class", "figures", NULL);
	for (size_t i = 0; i < DOC_NR_COUNTERS; i++) {
		double most = longest(doc, &doc_counters[i]);

		if (most > 0)
			figure(out, doc, &doc_counters[i], most);
	}
	html_close(out, "div");
	list_others(out, doc, "Zero everywhere: ", false);
	list_others(out, doc, "Not counted here: ", true);
	return 0;
}
