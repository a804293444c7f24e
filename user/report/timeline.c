// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timeline.c - counters over time: one picture per model and mode, in it one
 * strip for requests and one for each counter, all on the same seconds. What
 * rises and falls together is what the correlation below puts in a number.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

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

static double sample_time(const json_t *samples, size_t i)
{
	return doc_number(json_array_get(samples, i), "t_s");
}

/* Growth per second in the interval that ends with sample i; NaN: not known. */
static double rate(const json_t *samples, size_t i, const char *key)
{
	double dt, now, before;

	if (!i)
		return NAN;
	dt = sample_time(samples, i) - sample_time(samples, i - 1);
	now = doc_number(json_array_get(samples, i), key);
	before = doc_number(json_array_get(samples, i - 1), key);
	return dt > 0 && now >= before ? (now - before) / dt : NAN;
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

static void find_peak(struct strip *strip, const struct doc_group *group)
{
	strip->peak = NAN;
	for (size_t r = 0; r < group->nr_runs; r++) {
		const json_t *samples = samples_of(group, r);

		for (size_t i = 1; i < json_array_size(samples); i++)
			strip->peak =
				fmax(strip->peak, rate(samples, i, strip->key));
	}
}

/* A line through the middles of the intervals; a gap where one is unknown. */
static int draw_run(FILE *out, const char *class, const struct strip *strip,
		    const json_t *samples, const struct svg_axis *x,
		    const struct svg_axis *y)
{
	size_t most = json_array_size(samples), n = 0;
	struct svg_point *points;

	if (most < 2)
		return 0;
	points = calloc(most, sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (size_t i = 1; i <= most; i++) {
		double value = i < most ? rate(samples, i, strip->key) : NAN;

		if (!isnan(value)) {
			double middle = (sample_time(samples, i - 1) +
					 sample_time(samples, i)) /
					2;

			points[n++] =
				(struct svg_point){ svg_axis_at(x, middle),
						    svg_axis_at(y, value) };
			continue;
		}
		if (n > 1)
			svg_polyline(out, class, points, n);
		n = 0;
	}
	free(points);
	return 0;
}

static void draw_peak(FILE *out, const struct strip *strip, double y)
{
	struct html_number n =
		strip->to_us ? html_microseconds(strip->peak * strip->to_us) :
			       html_value(strip->peak);

	svg_text(out, "value", "end", SVG_WIDTH - 16, y, n.text);
	svg_text(out, "tick", "end", SVG_WIDTH - 2, y, "/s");
}

static int draw_strip(FILE *out, const struct strip *strip,
		      const struct doc_group *group, const struct svg_axis *x,
		      double top)
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
		err = draw_run(out, class, strip, samples_of(group, r), x, &y);
	}
	snprintf(class, sizeof(class), "trace m%u", group->model_index % 6);
	if (!err)
		err = draw_run(out, class, strip, samples_of(group, front), x,
			       &y);
	draw_peak(out, strip, top + STRIP / 2 + 4);
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

static int draw(FILE *out, const struct doc_group *group, struct strip *strips,
		size_t n)
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
		err = draw_strip(out, &strips[i], group, &x, (double)i * STRIP);
	svg_close(out);
	return err;
}

static int figure(FILE *out, const struct doc_group *group)
{
	struct strip strips[1 + DOC_NR_COUNTERS];
	size_t n = 0;
	int err = 0;

	strips[0] = (struct strip){ .key = "requests", .label = "Requests" };
	find_peak(&strips[0], group);
	n += !isnan(strips[0].peak);
	for (size_t i = 0; i < DOC_NR_COUNTERS; i++) {
		strips[n] = (struct strip){
			.key = doc_counters[i].sample_key,
			.label = doc_counters[i].label,
			.to_us = doc_counters[i].sample_to_us,
		};
		find_peak(&strips[n], group);
		n += strips[n].peak > 0; /* a flat zero shows nothing */
	}
	html_open_figure(out, group->model, group->mode);
	if (n)
		err = draw(out, group, strips, n);
	else
		html_element(out, "p", "note", "No samples.");
	html_close(out, "figure");
	return err;
}

int section_timeline(FILE *out, const struct doc *doc)
{
	int err = 0;

	html_element(out, "h2", NULL, "Counters over time");
	html_element(
		out, "p", "note",
		"Per second, from the samples of each run. Strong line: the "
		"run in the middle; faint lines: the other runs. Each "
		"strip has its own scale from zero; its peak is at the "
		"right. Counters that stayed at zero are left out.");
	html_open(out, "div", "class", "figures", NULL);
	for (size_t i = 0; i < doc->nr_groups && !err; i++) {
		if (!doc_mode_begins(doc, i))
			continue;
		for (size_t j = i; j < doc->nr_groups && !err; j++) {
			if (doc_same_mode(doc, i, j))
				err = figure(out, &doc->groups[j]);
		}
	}
	html_close(out, "div");
	return err;
}
