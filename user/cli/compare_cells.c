// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/compare_cells.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void short_number(double v, const struct osc_cell_style *style,
			 char *out, size_t size)
{
	int decimals = v > 0 ? 2 - (int)floor(log10(v)) : 0;
	double unit = pow(10, -fmin(decimals, 0));

	if (v >= 1000)
		osc_format_real(round(v / unit) * unit, out, size);
	else
		snprintf(out, size, "%.*f",
			 decimals < 0		    ? 0 :
			 decimals > style->decimals ? style->decimals :
						      decimals,
			 v);
}

static const char *plus_minus(void)
{
	return osc_text_is_utf8() ? "\xc2\xb1" : "+-";
}

void osc_cell_spread(struct osc_table *t, const char *key, const json_t *spread,
		     double scale, const struct osc_cell_style *style)
{
	double median = json_number_value(json_object_get(spread, "median"));
	double low = json_number_value(json_object_get(spread, "low"));
	double high = json_number_value(json_object_get(spread, "high"));
	double percent = 100 * fmax(median - low, high - median) / median;
	char number[32], text[64];

	if (!json_is_object(spread))
		return;
	short_number(median * scale, style, number, sizeof(number));
	if (style->gap && median > 0 && percent >= 1)
		snprintf(text, sizeof(text), "%s%s%s%s%.0f%%", style->mark,
			 number, style->gap, plus_minus(), fmin(percent, 999));
	else
		snprintf(text, sizeof(text), "%s%s", style->mark, number);
	osc_table_text(t, key, text);
}

static const char *at_most(void)
{
	return osc_text_is_utf8() ? "\xe2\x89\xa4" : "<=";
}

static const char *about(void)
{
	return osc_text_is_utf8() ? "\xe2\x89\x88" : "~";
}

/* How the slope of a line is written: scaled, or as bytes with their unit. */
struct slope {
	double scale;
	bool bytes;
};

/*
 * "12.3 +-4%" of a slope and its interval; "<=0.02", its upper end, where it
 * cannot be told from zero; "~" before one whose line is not straight.
 */
static void slope_text(const json_t *line, struct slope how,
		       const struct osc_cell_style *style, char *out,
		       size_t size)
{
	double slope = json_number_value(json_object_get(line, "slope"));
	double low = json_number_value(json_object_get(line, "low"));
	double high = json_number_value(json_object_get(line, "high"));
	double percent = 100 * fmax(slope - low, high - slope) / slope;
	const char *shape = json_string_value(json_object_get(line, "shape"));
	const char *mark = shape && strcmp(shape, "line") ? about() : "";
	char number[32];

	if (high <= 0)
		slope = 0;
	else if (low <= 0)
		slope = high;
	if (how.bytes)
		osc_format_bytes(slope, number, sizeof(number));
	else
		short_number(slope * how.scale, style, number, sizeof(number));
	if (low > 0 && style->gap && percent >= 1)
		snprintf(out, size, "%s%s%s%s%.0f%%", mark, number, style->gap,
			 plus_minus(), fmin(percent, 999));
	else
		snprintf(out, size, "%s%s",
			 low <= 0 && high > 0 ? at_most() : mark, number);
}

void osc_cell_line(struct osc_table *t, const char *key, const json_t *line,
		   double scale, const struct osc_cell_style *style)
{
	const struct slope how = { .scale = scale };
	char text[64];

	if (!json_is_object(line))
		return;
	slope_text(line, how, style, text, sizeof(text));
	osc_table_text(t, key, text);
}

void osc_cell_fixed(struct osc_table *t, const char *key, const json_t *line,
		    const struct osc_cell_style *style)
{
	const struct slope how = { .bytes = true };
	char fixed[32], slope[64], text[100];

	if (!json_is_object(line))
		return;
	/* What a server gives back is no cost. */
	osc_format_bytes(fmax(json_number_value(json_object_get(line, "fixed")),
			      0),
			 fixed, sizeof(fixed));
	slope_text(line, how, style, slope, sizeof(slope));
	snprintf(text, sizeof(text), "%s + %s", fixed, slope);
	osc_table_text(t, key, text);
}
