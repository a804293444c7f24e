// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/timings_output.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/output.h"

#define ROWS_MAX 24
/* "   1.02 ms ..  1.28 ms  123,456,789 |" before each bar. */
#define LABEL 38
/* "p99.9 1.02 ms .. 1.28 ms" and the like. */
#define PERCENTILE_MAX 25

static const double percents[] = { 50, 90, 99, 99.9 };
#define NR_PERCENTS (sizeof(percents) / sizeof(*percents))

/* The first value behind a slot; a double, for the last one has no integer. */
static double end_of(unsigned int slot, unsigned int sub_bits)
{
	return (double)osc_hist_upper(slot, sub_bits) + 1;
}

/* "p99 1.02 ms .. 1.28 ms": as wide as the slot, for no more is known. */
static char *percentile_text(const struct osc_histogram *h, double percent,
			     const char *dots, char *text, size_t size)
{
	unsigned int slot = (unsigned int)osc_histogram_percentile(h, percent);
	uint64_t lower = osc_hist_lower(slot, h->sub_bits);
	char from[24], to[24];

	osc_format_ns((double)lower, from, sizeof(from));
	if (osc_hist_upper(slot, h->sub_bits) == lower)
		snprintf(text, size, "p%g %s", percent, from);
	else
		snprintf(text, size, "p%g %s %s %s", percent, from, dots,
			 osc_format_ns(end_of(slot, h->sub_bits), to,
				       sizeof(to)));
	return text;
}

static void print_head(const struct osc_histogram *h, const char *whose,
		       const struct osc_bars *bars, FILE *out)
{
	const char *meaning = osc_histogram_meaning(h->name);

	osc_text_line(out, bars->columns, "%s of %s%s%s", h->name, whose,
		      meaning ? ": " : "", meaning ?: "");
}

static void print_summary(const struct osc_histogram *h,
			  const struct osc_bars *bars, FILE *out)
{
	double span = (double)(h->time_ns - h->since_ns) / OSC_NS_PER_S;
	char count[32], useless[64] = "", mean[24], sum[24], times[80] = "";

	if (h->has_useless)
		snprintf(useless, sizeof(useless), ", and %s useless wakeups",
			 osc_format_count(h->useless, count, sizeof(count)));
	if (h->count)
		snprintf(times, sizeof(times), ", mean %s, sum %s",
			 osc_format_ns((double)h->sum / (double)h->count, mean,
				       sizeof(mean)),
			 osc_format_ns((double)h->sum, sum, sizeof(sum)));
	osc_text_line(out, bars->columns, "  %s events in %.3g s%s%s",
		      osc_format_count(h->count, count, sizeof(count)), span,
		      useless, times);
}

static void print_percentiles(const struct osc_histogram *h,
			      const struct osc_bars *bars, const char *dots,
			      FILE *out)
{
	size_t in_line = bars->columns < 2 * PERCENTILE_MAX + 5 ? 1 : 2;
	char text[64];

	for (size_t i = 0; i < NR_PERCENTS; i++)
		fprintf(out, "%s%s%s", i % in_line ? ",  " : "  ",
			percentile_text(h, percents[i], dots, text,
					sizeof(text)),
			(i + 1) % in_line ? "" : "\n");
}

/* Rows of 2^shift slots each. */
struct rows {
	unsigned int shift, first, last; /* row numbers */
	uint64_t most;
};

static uint64_t row_count(const struct osc_histogram *h, unsigned int shift,
			  unsigned int row)
{
	uint64_t count = 0;

	for (unsigned int i = row << shift; i < (row + 1) << shift; i++)
		count += h->slots[i];
	return count;
}

static struct rows make_rows(const struct osc_histogram *h)
{
	struct rows r = { 0 };
	unsigned int first = 0, last = OSC_HIST_SLOTS(h->sub_bits) - 1;

	while (!h->slots[first])
		first++;
	while (!h->slots[last])
		last--;
	while (r.shift < h->sub_bits &&
	       (last >> r.shift) - (first >> r.shift) >= ROWS_MAX)
		r.shift++;
	r.first = first >> r.shift;
	r.last = last >> r.shift;
	for (unsigned int row = r.first; row <= r.last; row++) {
		uint64_t count = row_count(h, r.shift, row);

		if (count > r.most)
			r.most = count;
	}
	return r;
}

static void draw_row(const struct osc_histogram *h, const struct rows *r,
		     unsigned int row, const struct osc_bars *bars,
		     const char *dots, FILE *out)
{
	unsigned int from = row << r->shift, to = ((row + 1) << r->shift) - 1;
	uint64_t n = row_count(h, r->shift, row);
	char lower[24], upper[24], count[32];

	fprintf(out, "%9s %s %9s %12s |",
		osc_format_ns((double)osc_hist_lower(from, h->sub_bits), lower,
			      sizeof(lower)),
		dots,
		osc_format_ns(end_of(to, h->sub_bits), upper, sizeof(upper)),
		osc_format_count(n, count, sizeof(count)));
	if (n)
		osc_bar_draw(bars, (double)n / (double)r->most, LABEL, out);
	fputc('\n', out);
}

void osc_histogram_draw(const struct osc_histogram *h, const char *whose,
			const struct osc_bars *bars, FILE *out)
{
	const char *dots = bars->utf8 ? "…" : "..";
	struct rows rows;

	print_head(h, whose, bars, out);
	print_summary(h, bars, out);
	if (!h->count)
		return;
	print_percentiles(h, bars, dots, out);
	rows = make_rows(h);
	for (unsigned int row = rows.first; row <= rows.last; row++)
		draw_row(h, &rows, row, bars, dots, out);
}

/* Values beyond 2^63 are no integers of JSON. */
static json_t *number(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) :
				    json_real((double)value);
}

static json_t *percentiles_json(const struct osc_histogram *h)
{
	json_t *list = json_array();
	int failed = !list;

	for (size_t i = 0; h->count && i < NR_PERCENTS && !failed; i++) {
		unsigned int slot =
			(unsigned int)osc_histogram_percentile(h, percents[i]);

		failed = json_array_append_new(
			list,
			json_pack("{s:f, s:o, s:o}", "percent", percents[i],
				  "lower",
				  number(osc_hist_lower(slot, h->sub_bits)),
				  "upper",
				  number(osc_hist_upper(slot, h->sub_bits))));
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *slots_json(const struct osc_histogram *h)
{
	json_t *list = json_array();
	int failed = !list;

	for (unsigned int i = 0; i < OSC_TIMES_SLOTS && !failed; i++) {
		if (h->slots[i])
			failed = json_array_append_new(
				list,
				json_pack(
					"{s:o, s:o, s:o}", "lower",
					number(osc_hist_lower(i, h->sub_bits)),
					"upper",
					number(osc_hist_upper(i, h->sub_bits)),
					"count", number(h->slots[i])));
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

json_t *osc_histogram_json(const struct osc_histogram *h)
{
	const struct osc_timing_kind *kind = osc_timing_kind_of(h->name);

	return json_pack(
		"{s:o, s:o, s:o, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o}",
		"name", osc_json_text(h->name), "timing",
		kind ? osc_json_text(kind->name) : json_null(), "unit",
		osc_json_text(h->unit), "sub_bits", (json_int_t)h->sub_bits,
		"span_s", (double)(h->time_ns - h->since_ns) / OSC_NS_PER_S,
		"count", number(h->count), "sum", number(h->sum), "mean",
		h->count ? json_real((double)h->sum / (double)h->count) :
			   json_null(),
		"useless", h->has_useless ? number(h->useless) : json_null(),
		"percentiles", percentiles_json(h), "slots", slots_json(h));
}

static json_t *timing_json(const struct osc_timing *t)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o}", "name",
			 osc_json_text(t->name), "level",
			 osc_timing_level_name(t->level), "state",
			 osc_json_text(t->state), "lost", number(t->lost),
			 "why",
			 t->why[0] ? osc_json_text(t->why) : json_null());
}

json_t *osc_timings_json(const struct osc_timing *timings, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		if (json_array_append_new(list, timing_json(&timings[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
