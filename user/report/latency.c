// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latency.c - the distribution of latency, one picture per mode, one curve per
 * model. The percentiles stand at equal distances for each further nine, since
 * the tail is what people wait for; latency is logarithmic.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lib/emulated.h"
#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/svg.h"

#define HEIGHT 270.0
#define MOST_NINES 5.0

struct bucket {
	double le_us, count;
};

/*
 * The buckets of a group's valid runs together, by rising edge; of all its
 * runs where none is valid, for the shape alone.
 */
struct distribution {
	const struct doc_group *group;
	struct bucket *buckets;
	size_t n;
	double total;
	bool doubtful; /* no run is valid */
};

static int by_edge(const void *a, const void *b)
{
	double x = ((const struct bucket *)a)->le_us;
	double y = ((const struct bucket *)b)->le_us;

	return (x > y) - (x < y);
}

static void add_buckets(struct distribution *d, const json_t *histogram)
{
	json_t *entry;
	size_t i;

	json_array_foreach(histogram, i, entry) {
		struct bucket b = { doc_number(entry, "le_us"),
				    doc_number(entry, "count") };

		/* neither 0 nor NaN has a logarithm */
		if (!(b.le_us > 0) || !(b.count > 0))
			continue;
		d->buckets[d->n++] = b;
		d->total += b.count;
	}
}

static bool has_valid_run(const struct doc_group *group)
{
	for (size_t i = 0; i < group->nr_runs; i++) {
		if (doc_run_is_valid(group->runs[i]))
			return true;
	}
	return false;
}

static int gather(struct distribution *d, const struct doc_group *group)
{
	size_t room = 0;

	*d = (struct distribution){ .group = group };
	d->doubtful = !has_valid_run(group);
	for (size_t i = 0; i < group->nr_runs; i++)
		room += json_array_size(
			json_object_get(group->runs[i], "latency_histogram"));
	d->buckets = calloc(room ? room : 1, sizeof(*d->buckets));
	if (!d->buckets)
		return -ENOMEM;
	for (size_t i = 0; i < group->nr_runs; i++) {
		if (d->doubtful || doc_run_is_valid(group->runs[i]))
			add_buckets(d, json_object_get(group->runs[i],
						       "latency_histogram"));
	}
	qsort(d->buckets, d->n, sizeof(*d->buckets), by_edge);
	return 0;
}

/* How many nines the fraction of requests below has: 0.999 has 3. */
static double nines(double fraction)
{
	return fraction < 1 ? -log10(1 - fraction) : INFINITY;
}

/* The curve ends where a single request stands for the rest. */
static double last_nine(const struct distribution *d)
{
	return d->total > 1 ? fmin(log10(d->total), MOST_NINES) : 0;
}

static void set_axes(const struct distribution *all, size_t n,
		     struct svg_axis *x, struct svg_axis *y)
{
	*x = (struct svg_axis){ 0, 1, 44, SVG_WIDTH - 52, false };
	*y = (struct svg_axis){ INFINITY, 0, HEIGHT - 42, 8, true };
	for (size_t i = 0; i < n; i++) {
		const struct distribution *d = &all[i];

		if (!d->n)
			continue;
		x->high = fmax(x->high, last_nine(d));
		y->low = fmin(y->low, d->buckets[0].le_us);
		y->high = fmax(y->high, d->buckets[d->n - 1].le_us);
	}
	/* whole decades, so that there is a line at either end */
	y->low = pow(10, floor(log10(y->low)));
	y->high = pow(10, ceil(log10(y->high)));
	if (!(y->high > y->low))
		y->high = y->low * 10;
}

static void draw_axes(FILE *out, const struct svg_axis *x,
		      const struct svg_axis *y)
{
	static const struct {
		double fraction;
		const char *label;
	} marks[] = {
		{ 0, "0" },
		{ 0.5, "50" },
		{ 0.9, "90" },
		{ 0.99, "99" },
		{ 0.999, "99.9" },
		{ 0.9999, "99.99" },
		{ 0.99999, "99.999" },
	};
	double ticks[SVG_TICKS];
	size_t n = svg_axis_ticks(y, ticks);

	for (size_t i = 0; i < n; i++) {
		double at = svg_axis_at(y, ticks[i]);

		svg_line(out, "grid", x->from, at, x->to, at);
		svg_text(out, "tick", "end", x->from - 4, at + 4,
			 html_round(html_microseconds(ticks[i])).text);
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		double at = nines(marks[i].fraction);

		if (at > x->high + 1e-9)
			break;
		at = svg_axis_at(x, at);
		svg_line(out, "grid", at, y->to, at, y->from);
		svg_text(out, "tick", "middle", at, y->from + 16,
			 marks[i].label);
	}
	svg_text(out, "tick", "middle", (x->from + x->to) / 2, y->from + 34,
		 "percentile: % of requests that took at most this long");
}

/* And where the curve ends, so that its name can stand there. */
static int draw_curve(FILE *out, const struct svg_axis *x,
		      const struct svg_axis *y, const struct distribution *d,
		      struct svg_name *name)
{
	struct svg_point *points = calloc(2 * d->n, sizeof(*points));
	double below = 0, last = last_nine(d);
	char class[20];
	size_t n = 0;

	if (!points)
		return -ENOMEM;
	/* a step: every request of a bucket is shown at its upper edge */
	for (size_t i = 0; i < d->n; i++) {
		double from = fmin(nines(below / d->total), last);
		double at = svg_axis_at(y, d->buckets[i].le_us);

		below += d->buckets[i].count;
		points[n++] = (struct svg_point){ svg_axis_at(x, from), at };
		points[n++] = (struct svg_point){
			svg_axis_at(x, fmin(nines(below / d->total), last)), at
		};
	}
	snprintf(class, sizeof(class), "curve m%u", d->group->model_index % 6);
	svg_polyline(out, class, points, n);
	*name = (struct svg_name){
		.end = points[n - 1],
		.text = d->group->model,
		.colour = d->group->model_index,
	};
	free(points);
	return 0;
}

static int draw(FILE *out, const struct distribution *all, size_t n)
{
	struct svg_name *names = calloc(n, sizeof(*names));
	struct svg_axis x, y;
	size_t nr_names = 0;
	int err = 0;

	if (!names)
		return -ENOMEM;
	set_axes(all, n, &x, &y);
	svg_open(
		out, HEIGHT, "Latency by percentile",
		"One curve per model: how long the fastest 50, 90, 99 … percent "
		"of the requests took at most. The summary has the medians.");
	draw_axes(out, &x, &y);
	for (size_t i = 0; i < n && !err; i++) {
		if (!all[i].n)
			continue;
		err = draw_curve(out, &x, &y, &all[i], &names[nr_names]);
		nr_names += !err;
	}
	svg_names(out, names, nr_names, x.to + 5, y.from, 9);
	svg_close(out);
	free(names);
	return err;
}

static void name_doubtful(FILE *out, const struct distribution *all, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!all[i].doubtful || !all[i].n)
			continue;
		if (!any) {
			html_open(out, "p", "class", "warn", NULL);
			html_text(out, "No valid run: the times hold delays of "
				       "the client itself. Concerns ");
		}
		html_text(out, any ? ", " : "");
		html_text(out, all[i].group->model);
		any = true;
	}
	if (any) {
		html_text(out, ".");
		html_close(out, "p");
	}
}

static int figure(FILE *out, const char *mode, const struct distribution *all,
		  size_t n)
{
	double total = 0;
	int err = 0;

	for (size_t i = 0; i < n; i++)
		total += all[i].total;
	html_open_figure(out, mode, "latency of a request");
	if (total > 0)
		err = draw(out, all, n);
	else
		html_element(out, "p", "note",
			     "No run has a latency histogram.");
	name_doubtful(out, all, n);
	html_close(out, "figure");
	return err;
}

/* The groups of the same mode as the first, which begins it. */
static int one_mode(FILE *out, const struct doc *doc, size_t first)
{
	struct distribution *all = calloc(doc->nr_groups, sizeof(*all));
	size_t n = 0;
	int err = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = first; i < doc->nr_groups && !err; i++) {
		if (doc_same_mode(doc, first, i))
			err = gather(&all[n++], &doc->groups[i]);
	}
	if (!err)
		err = figure(out, doc->groups[first].mode, all, n);
	while (n)
		free(all[--n].buckets);
	free(all);
	return err;
}

int section_latency(FILE *out, const struct doc *doc)
{
	int err = 0;

	html_element(out, "h2", NULL, "How long a request takes");
	if (osc_emulated_is(doc->root)) {
		html_element(out, "p", "note", OSC_EMULATED_NOTE(" "));
		return 0;
	}
	html_element(
		out, "p", "note",
		"The valid runs together, suspect ones included, from the intended start of a "
		"request to its last byte. Lower is faster; the right "
		"end is the slowest request in a thousand or more.");
	html_open(out, "div", "class", "figures wide", NULL);
	for (size_t i = 0; i < doc->nr_groups && !err; i++) {
		if (doc_mode_begins(doc, i))
			err = one_mode(out, doc, i);
	}
	html_close(out, "div");
	return err;
}
