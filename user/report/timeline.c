// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timeline.c - counters over time: one picture per model and mode, in it one
 * strip for requests and one for each counter, all on the same seconds. What
 * rises and falls together is what the correlation below puts in a number.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/emulated.h"
#include "lib/rates.h"
#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/svg.h"

#define STRIP 34.0
#define STRIP_FROM 130.0
#define STRIP_TO 284.0
#define AXIS 24.0

/* What a strip shows: a key of samples, which counts from the run's start. */
struct strip {
	const char *key, *label;
	double to_us; /* 0: a count */
	double peak; /* highest rate, per second; NaN: no run has any */
};

/* The rates of one counter in one run. */
struct series {
	struct osc_rate *at;
	size_t n;
};

static double sample_time(const json_t *samples, size_t i)
{
	return doc_number(json_array_get(samples, i), "t_s");
}

/* How many CPUs "0-3,6" are; 0 where it is no such list. */
static size_t cpus_in_list(const char *list)
{
	size_t n = 0;

	for (const char *p = list; *p;) {
		char *end;
		unsigned long from = strtoul(p, &end, 10), to = from;

		if (end == p)
			return 0;
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		if (to < from || to >= CPU_SETSIZE || (*end && *end != ','))
			return 0;
		n += to - from + 1;
		p = *end ? end + 1 : end;
	}
	return n;
}

/* CPUs that the server may use; INFINITY where the document does not say. */
static double server_cpus(const struct doc *doc)
{
	const json_t *platform = json_object_get(doc->root, "platform");
	size_t listed = cpus_in_list(doc_string(
		json_object_get(doc->root, "config"), "server_cpus"));
	double all = doc_number(platform, "cpus_allowed");

	if (listed)
		return (double)listed;
	if (isnan(all))
		all = doc_number(platform, "cpus");
	return all > 0 ? all : INFINITY;
}

/* Each task may wait for a CPU all the time, and no longer. */
static double tasks_until(const json_t *samples, size_t i)
{
	const json_t *now = json_array_get(samples, i);
	const json_t *before = json_array_get(samples, i ? i - 1 : 0);
	double tasks = fmax(doc_number(now, "tasks_live"),
			    doc_number(before, "tasks_live")) +
		       doc_number(now, "tasks_exited") -
		       doc_number(before, "tasks_exited");

	return tasks > 0 ? tasks : INFINITY;
}

/* What the counter may grow by in a second, in its own unit. */
static double most_of(const struct doc *doc, const struct strip *strip,
		      const json_t *samples, size_t i)
{
	const double ns_per_s = 1e9;

	if (!strcmp(strip->key, "cpu_ns"))
		return server_cpus(doc) * ns_per_s;
	if (!strcmp(strip->key, "run_delay_ns"))
		return tasks_until(samples, i) * ns_per_s;
	return INFINITY;
}

/* series->at is to be freed. 0 or -ENOMEM. */
static int read_series(const struct doc *doc, const struct strip *strip,
		       const json_t *samples, struct series *series)
{
	size_t n = json_array_size(samples);
	struct osc_reading *readings = calloc(n + 1, sizeof(*readings));

	series->n = 0;
	series->at = calloc(n + 1, sizeof(*series->at));
	if (!readings || !series->at) {
		free(readings);
		free(series->at);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		readings[i] = (struct osc_reading){
			.t_s = sample_time(samples, i),
			.value = doc_number(json_array_get(samples, i),
					    strip->key),
			.most = most_of(doc, strip, samples, i),
		};
	series->n = osc_rates(readings, n, OSC_TICK_S, series->at);
	free(readings);
	return 0;
}

static const json_t *samples_of(const struct doc_group *group, size_t run)
{
	return json_object_get(group->runs[run], "samples");
}

static double requests_of(const struct doc_group *group, size_t run)
{
	return doc_number(group->runs[run], "requests");
}

/* The run in the middle by requests: it is drawn in front. */
static size_t typical_run(const struct doc_group *group)
{
	size_t best = 0, most_off = SIZE_MAX;

	for (size_t i = 0; i < group->nr_runs; i++) {
		size_t below = 0, above = 0, off;

		for (size_t j = 0; j < group->nr_runs; j++) {
			below += requests_of(group, j) < requests_of(group, i);
			above += requests_of(group, j) > requests_of(group, i);
		}
		off = below > above ? below - above : above - below;
		if (off < most_off) {
			most_off = off;
			best = i;
		}
	}
	return best;
}

static double last_second(const struct doc_group *group)
{
	double last = 0;

	for (size_t r = 0; r < group->nr_runs; r++) {
		const json_t *samples = samples_of(group, r);

		for (size_t i = 0; i < json_array_size(samples); i++)
			last = fmax(last, sample_time(samples, i));
	}
	return last;
}

static int find_peak(const struct doc *doc, struct strip *strip,
		     const struct doc_group *group)
{
	strip->peak = NAN;
	for (size_t r = 0; r < group->nr_runs; r++) {
		struct series series;
		int err =
			read_series(doc, strip, samples_of(group, r), &series);

		if (err)
			return err;
		for (size_t i = 0; i < series.n; i++)
			strip->peak = fmax(strip->peak, series.at[i].per_s);
		free(series.at);
	}
	return 0;
}

/* Where the next interval does not go on from this one. */
static bool gap_after(const struct series *series, size_t i)
{
	return i + 1 == series->n || isnan(series->at[i + 1].per_s) ||
	       series->at[i + 1].from_s > series->at[i].to_s;
}

/* A line through the middles of the intervals; a gap where one is unknown. */
static int draw_run(FILE *out, const char *class, const struct doc *doc,
		    const struct strip *strip, const json_t *samples,
		    const struct svg_axis *x, const struct svg_axis *y)
{
	struct svg_point *points;
	struct series series;
	size_t n = 0;
	int err = read_series(doc, strip, samples, &series);

	if (err)
		return err;
	points = calloc(series.n + 1, sizeof(*points));
	for (size_t i = 0; points && i < series.n; i++) {
		const struct osc_rate *at = &series.at[i];

		if (isnan(at->per_s))
			continue;
		points[n++] = (struct svg_point){
			svg_axis_at(x, (at->from_s + at->to_s) / 2),
			svg_axis_at(y, at->per_s),
		};
		if (!gap_after(&series, i))
			continue;
		if (n > 1)
			svg_polyline(out, class, points, n);
		n = 0;
	}
	free(series.at);
	free(points);
	return points ? 0 : -ENOMEM;
}

static void draw_peak(FILE *out, const struct doc *doc,
		      const struct strip *strip, double y)
{
	struct html_number n =
		strip->to_us ? html_microseconds(strip->peak * strip->to_us) :
			       html_value(strip->peak);

	/* The shape is that of counts; how much a second has is a rate. */
	if (osc_emulated_is(doc->root))
		return;
	svg_text(out, "value", "end", SVG_WIDTH - 16, y, n.text);
	svg_text(out, "tick", "end", SVG_WIDTH - 2, y, "/s");
}

static int draw_strip(FILE *out, const struct doc *doc,
		      const struct strip *strip, const struct doc_group *group,
		      const struct svg_axis *x, double top)
{
	struct svg_axis y = { 0, strip->peak > 0 ? strip->peak : 1,
			      top + STRIP - 5, top + 5, false };
	size_t front = typical_run(group);
	char class[32];
	int err = 0;

	svg_label(out, "label", "start", 0, top + STRIP / 2 + 4, 20,
		  strip->label);
	svg_line(out, "grid", x->from, y.from, x->to, y.from);
	for (size_t r = 0; r < group->nr_runs && !err; r++) {
		if (r == front)
			continue;
		snprintf(class, sizeof(class), "faint m%u",
			 group->model_index % 6);
		err = draw_run(out, class, doc, strip, samples_of(group, r), x,
			       &y);
	}
	snprintf(class, sizeof(class), "trace m%u", group->model_index % 6);
	if (!err)
		err = draw_run(out, class, doc, strip, samples_of(group, front),
			       x, &y);
	draw_peak(out, doc, strip, top + STRIP / 2 + 4);
	return err;
}

static void draw_seconds(FILE *out, const struct svg_axis *x, double bottom)
{
	double ticks[SVG_TICKS];
	size_t n = svg_axis_ticks(x, ticks);

	for (size_t i = 0; i < n; i++) {
		double at = svg_axis_at(x, ticks[i]);

		svg_line(out, "grid", at, 0, at, bottom);
		svg_text(out, "tick", "middle", at, bottom + 16,
			 html_round(html_microseconds(ticks[i] * 1e6)).text);
	}
}

static int draw(FILE *out, const struct doc *doc, const struct doc_group *group,
		struct strip *strips, size_t n)
{
	struct svg_axis x = { 0, last_second(group), STRIP_FROM, STRIP_TO,
			      false };
	double bottom = (double)n * STRIP;
	int err = 0;

	svg_open(out, bottom + AXIS, "Counters over time",
		 "One strip each for requests and the counters, per second, "
		 "over the seconds of a run. Every strip has its own scale; "
		 "its peak stands at the right.");
	draw_seconds(out, &x, bottom);
	for (size_t i = 0; i < n && !err; i++)
		err = draw_strip(out, doc, &strips[i], group, &x,
				 (double)i * STRIP);
	svg_close(out);
	return err;
}

static int figure(FILE *out, const struct doc *doc,
		  const struct doc_group *group)
{
	struct strip strips[1 + DOC_NR_COUNTERS];
	size_t n = 0;
	int err = 0;

	strips[0] = (struct strip){ .key = "requests", .label = "Requests" };
	err = find_peak(doc, &strips[0], group);
	n += !isnan(strips[0].peak);
	for (size_t i = 0; i < DOC_NR_COUNTERS && !err; i++) {
		strips[n] = (struct strip){
			.key = doc_counters[i].sample_key,
			.label = doc_counters[i].label,
			.to_us = doc_counters[i].sample_to_us,
		};
		err = find_peak(doc, &strips[n], group);
		n += strips[n].peak > 0; /* a flat zero shows nothing */
	}
	if (err)
		return err;
	html_open_figure(out, group->model, group->mode);
	if (n)
		err = draw(out, doc, group, strips, n);
	else
		html_element(out, "p", "note", "Too few samples for a rate.");
	html_close(out, "figure");
	return err;
}

int section_timeline(FILE *out, const struct doc *doc)
{
	int err = 0;

	html_element(out, "h2", NULL, "Counters over time");
	html_element(
		out, "p", "note",
		"Per second, from the samples of each run. Samples that are "
		"closer together than a rate needs are merged. Strong line: "
		"the run with the median number of requests; faint lines: "
		"the other runs. Each strip has its own scale from zero; its "
		"peak is at the right. Counters that stayed at zero are left "
		"out.");
	html_open(out, "div", "class", "figures", NULL);
	for (size_t i = 0; i < doc->nr_groups && !err; i++) {
		if (!doc_mode_begins(doc, i))
			continue;
		for (size_t j = i; j < doc->nr_groups && !err; j++) {
			if (doc_same_mode(doc, i, j))
				err = figure(out, doc, &doc->groups[j]);
		}
	}
	html_close(out, "div");
	return err;
}
