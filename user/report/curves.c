// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * curves.c - a metric over the number of connections: a line for each model,
 * broken where its number is missing. A point whose number is marked is hollow;
 * the vertical stroke is the spread of the runs.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/pictures.h"
#include "report/svg.h"

#define HEIGHT 250.0
#define TOP 10.0
#define FOOT 42.0
#define CURVES_FROM 52.0
#define CURVES_TO 262.0
#define NAMES 278.0
#define NAME_LETTERS 14
#define TICK_GAP 30.0
#define DOT 5.0
/* Beyond this, what is small could not be told from nothing. */
#define LINEAR_MOST 50.0

struct dot {
	double connections;
	struct doc_spread spread;
	const struct doc_group *group;
	const char *mark;
};

/* Of one picture, by model and, for each, by connections. */
struct dots {
	struct dot *dot;
	size_t n;
	double low, high; /* of numbers that are there; NaN: there are none */
	double fewest, most; /* connections */
};

static int by_model_and_place(const void *a, const void *b)
{
	const struct dot *x = a, *y = b;

	if (x->group->model_index != y->group->model_index)
		return x->group->model_index < y->group->model_index ? -1 : 1;
	return (x->connections > y->connections) -
	       (x->connections < y->connections);
}

static void add(struct dots *d, const struct doc_group *group,
		const struct metric *metric)
{
	struct dot dot = {
		.connections = group->connections,
		.spread = metric_spread(metric, group),
		.group = group,
		.mark = metric_mark(metric, group),
	};

	/* It has no place on a logarithmic axis. */
	if (!(dot.connections >= 1))
		return;
	d->dot[d->n++] = dot;
	d->fewest = fmin(d->fewest, dot.connections);
	d->most = fmax(d->most, dot.connections);
	if (isnan(dot.spread.median))
		return;
	d->low = fmin(d->low, fmin(dot.spread.median, dot.spread.low));
	d->high = fmax(d->high, fmax(dot.spread.median, dot.spread.high));
}

static int gather(struct dots *d, const struct doc *doc, size_t first,
		  const struct metric *metric)
{
	*d = (struct dots){ NULL, 0, NAN, NAN, NAN, NAN };
	d->dot = calloc(doc->nr_groups, sizeof(*d->dot));
	if (!d->dot)
		return -ENOMEM;
	for (size_t i = first; i < doc->nr_groups; i++) {
		if (!strcmp(doc->groups[i].rest, doc->groups[first].rest))
			add(d, &doc->groups[i], metric);
	}
	qsort(d->dot, d->n, sizeof(*d->dot), by_model_and_place);
	return 0;
}

static bool has(const struct dot *dot)
{
	return !isnan(dot->spread.median);
}

/* From zero, so that heights compare, unless the small would vanish. */
static struct svg_axis values_axis(const struct dots *d, double height)
{
	struct svg_axis y = { 0, d->high, height - FOOT, TOP, false };

	if (!(d->low > 0) || d->high / d->low <= LINEAR_MOST)
		return y;
	y.log = true;
	y.low = pow(10, floor(log10(d->low)));
	y.high = pow(10, ceil(log10(d->high)));
	return y;
}

static void draw_values(FILE *out, const struct svg_axis *y,
			const struct metric *metric)
{
	double ticks[SVG_TICKS];
	size_t n = svg_axis_ticks(y, ticks);

	for (size_t i = 0; i < n; i++) {
		double at = svg_axis_at(y, ticks[i]);

		svg_line(out, ticks[i] > 0 ? "grid" : "axis", CURVES_FROM, at,
			 CURVES_TO, at);
		svg_text(out, "tick", "end", CURVES_FROM - 4, at + 4,
			 html_round(metric->format(ticks[i])).text);
	}
}

/* The fewest of the dots' connections that are more than these; NaN: none. */
static double next_place(const struct dots *d, double than)
{
	double next = NAN;

	for (size_t i = 0; i < d->n; i++) {
		if (d->dot[i].connections > than)
			next = fmin(next, d->dot[i].connections);
	}
	return next;
}

/* The numbers that were measured, but for those without room to be read. */
static void draw_connections(FILE *out, const struct dots *d,
			     const struct svg_axis *x, double bottom)
{
	double last = -INFINITY;

	for (double c = d->fewest; !isnan(c); c = next_place(d, c)) {
		double at = svg_axis_at(x, c);

		svg_line(out, "grid", at, TOP, at, bottom);
		if (at - last < TICK_GAP)
			continue;
		svg_text(out, "tick", "middle", at, bottom + 16,
			 html_count(c).text);
		last = at;
	}
	svg_text(out, "tick", "middle", (x->from + x->to) / 2, bottom + 34,
		 "connections at a time");
}

static void draw_dot(FILE *out, const struct dot *dot, struct svg_point at,
		     const struct svg_axis *y)
{
	unsigned int colour = dot->group->model_index % 6;
	char class[24];

	if (!isnan(dot->spread.low) && !isnan(dot->spread.high)) {
		snprintf(class, sizeof(class), "reach m%u", colour);
		svg_line(out, class, at.x, svg_axis_at(y, dot->spread.low),
			 at.x, svg_axis_at(y, dot->spread.high));
	}
	snprintf(class, sizeof(class), "bar m%u%s", colour,
		 *dot->mark ? " doubt" : "");
	svg_rect(out, class, at.x - DOT / 2, at.y - DOT / 2, DOT, DOT);
}

/* The dots of one model. Returns whether there is a curve with an end. */
static bool draw_curve(FILE *out, const struct dot *dots, size_t n,
		       const struct svg_axis *x, const struct svg_axis *y,
		       struct svg_point *room, struct svg_point *end)
{
	char class[20];
	size_t run = 0;
	bool any = false;

	snprintf(class, sizeof(class), "curve m%u",
		 dots->group->model_index % 6);
	for (size_t i = 0; i <= n; i++) {
		if (i < n && has(&dots[i])) {
			*end = (struct svg_point){
				svg_axis_at(x, dots[i].connections),
				svg_axis_at(y, dots[i].spread.median)
			};
			room[i] = *end;
			run++;
			any = true;
			continue;
		}
		if (run > 1)
			svg_polyline(out, class, room + i - run, run);
		run = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (has(&dots[i]))
			draw_dot(out, &dots[i], room[i], y);
	}
	return any;
}

/* How many dots from `first` on are of its model. */
static size_t of_model(const struct dots *d, size_t first)
{
	size_t n = 1;

	while (first + n < d->n && d->dot[first + n].group->model_index ==
					   d->dot[first].group->model_index)
		n++;
	return n;
}

static int draw_curves(FILE *out, const struct dots *d,
		       const struct svg_axis *x, const struct svg_axis *y)
{
	struct svg_point *room = calloc(d->n, sizeof(*room));
	struct svg_name *names = calloc(d->n, sizeof(*names));
	size_t nr_names = 0, n;
	int err = room && names ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < d->n; i += n) {
		const struct doc_group *group = d->dot[i].group;
		struct svg_name *name = &names[nr_names];

		n = of_model(d, i);
		name->text = group->model;
		name->colour = group->model_index;
		nr_names +=
			draw_curve(out, &d->dot[i], n, x, y, room, &name->end);
	}
	if (!err)
		svg_names(out, names, nr_names, NAMES, y->from, NAME_LETTERS);
	free(names);
	free(room);
	return err;
}

/*
 * "Curves over …. fork: 2.07 at 1, 2.10 at 16. epoll: …": to be freed; NULL
 * without memory. Who cannot see the picture has its numbers.
 */
static char *in_words(const struct dots *d, const struct metric *metric)
{
	char *text = NULL;
	size_t size, n;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("A curve for each model over the number of connections.", out);
	for (size_t i = 0; i < d->n; i += n) {
		n = of_model(d, i);
		fprintf(out, " %s: ", d->dot[i].group->model);
		for (size_t j = i; j < i + n; j++) {
			const struct dot *dot = &d->dot[j];

			fprintf(out, "%s%s%s at %s", j > i ? ", " : "",
				has(dot) ? dot->mark : "",
				metric->format(dot->spread.median).text,
				html_count(dot->connections).text);
		}
		fputc('.', out);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static size_t nr_models(const struct dots *d)
{
	size_t models = 0;

	for (size_t i = 0; i < d->n; i += of_model(d, i))
		models++;
	return models;
}

static int draw(FILE *out, const struct dots *d, const struct metric *metric)
{
	/* Each has a name, and room for it. */
	double height =
		fmax(HEIGHT, TOP + FOOT + (double)nr_models(d) * SVG_NAME_GAP);
	struct svg_axis x = { d->fewest, d->most, CURVES_FROM, CURVES_TO,
			      true };
	struct svg_axis y = values_axis(d, height);
	char *words = in_words(d, metric);
	int err;

	if (!words)
		return -ENOMEM;
	svg_open(out, height, metric->label, words);
	free(words);
	draw_values(out, &y, metric);
	draw_connections(out, d, &x, y.from);
	err = draw_curves(out, d, &x, &y);
	svg_close(out);
	return err;
}

int curves_figure(FILE *out, const struct doc *doc, size_t first,
		  const struct metric *metric)
{
	struct dots d;
	char unit[64];
	int err = gather(&d, doc, first, metric);

	if (err || !(d.high > 0))
		goto out;
	snprintf(unit, sizeof(unit), "%s%s", metric->unit,
		 values_axis(&d, HEIGHT).log ? ", logarithmic" : "");
	html_open_figure(out, metric->label, unit);
	err = draw(out, &d, metric);
	html_close(out, "figure");
out:
	free(d.dot);
	return err;
}
