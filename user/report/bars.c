// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bars.c - one picture per metric, by mode and model.
 * Bars start at zero, so that lengths compare; the whisker is the spread of
 * the runs.
 */
#include <math.h>

#include "report/pictures.h"
#include "report/svg.h"

#define LABEL_X 76.0
#define BARS_FROM 82.0
#define BARS_TO 298.0
#define ROW 22.0
#define HEADING 22.0
#define AXIS 22.0

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
		     const struct metric *metric, const struct doc_group *group,
		     double y)
{
	struct doc_spread s = metric_spread(metric, group);
	double middle = y + ROW / 2;
	const char *mark = metric_mark(metric, group);
	char class[24], text[64];

	svg_label(out, "label", "end", LABEL_X, middle + 4, 11, group->model);
	if (!isnan(s.median)) {
		snprintf(class, sizeof(class), "bar m%u%s",
			 group->model_index % 6, *mark ? " doubt" : "");
		svg_rect(out, class, x->from, y + 4,
			 svg_axis_at(x, s.median) - x->from, ROW - 8);
		draw_whisker(out, x, &s, middle);
	}
	snprintf(text, sizeof(text), "%s%s", isnan(s.median) ? "" : mark,
		 metric->format(s.median).text);
	svg_text(out, "value", "end", SVG_WIDTH - 2, middle + 4, text);
}

static void draw_axis(FILE *out, const struct svg_axis *x,
		      const struct metric *metric, double bottom)
{
	double ticks[SVG_TICKS];
	size_t n = svg_axis_ticks(x, ticks);

	for (size_t i = 0; i < n; i++) {
		double at = svg_axis_at(x, ticks[i]);

		svg_line(out, i ? "grid" : "axis", at, 4, at, bottom);
		svg_text(out, "tick", "middle", at, bottom + 15,
			 html_round(metric->format(ticks[i])).text);
	}
}

static void draw(FILE *out, const struct doc *doc, const struct metric *metric,
		 double most)
{
	struct svg_axis x = { 0, most, BARS_FROM, BARS_TO, false };
	double y = 4, bottom = 4 + (double)doc->nr_groups * ROW;

	for (size_t i = 0; i < doc->nr_groups; i++)
		bottom += doc_mode_begins(doc, i) ? HEADING : 0;
	svg_open(out, bottom + AXIS, metric->label,
		 "Bars of the median by mode and model, each with its number; "
		 "whiskers from the lowest to the highest the runs agree on.");
	draw_axis(out, &x, metric, bottom);
	for (size_t i = 0; i < doc->nr_groups; i++) {
		if (!doc_mode_begins(doc, i))
			continue;
		svg_label(out, "group", "start", 0, y + 16, 58,
			  doc->groups[i].mode);
		y += HEADING;
		for (size_t j = i; j < doc->nr_groups; j++) {
			if (!doc_same_mode(doc, i, j))
				continue;
			draw_row(out, &x, metric, &doc->groups[j], y);
			y += ROW;
		}
	}
	svg_close(out);
}

void bars_figure(FILE *out, const struct doc *doc, const struct metric *metric,
		 double most)
{
	html_open_figure(out, metric->label, metric->unit);
	draw(out, doc, metric, most);
	html_close(out, "figure");
}
