// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/compare_cells.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "correlate/line.h"

static const char *plus_minus(void)
{
	return osc_text_is_utf8() ? "\xc2\xb1" : "+-";
}

static const char *at_most(void)
{
	return osc_text_is_utf8() ? "\xe2\x89\xa4" : "<=";
}

static const char *about(void)
{
	return osc_text_is_utf8() ? "\xe2\x89\x88" : "~";
}

/* How numbers are written: scaled, or as bytes with their unit. */
struct form {
	const struct osc_cell_style *style;
	double scale;
	bool bytes;
	double wide; /* percent from which on the interval itself is shown */
};

/* A median was measured, a slope is an estimate. */
#define WIDE_MEDIAN 1000
#define WIDE_SLOPE (100 * OSC_INTERVAL_WIDE)

static void number_text(double v, const struct form *form, char *out,
			size_t size)
{
	int decimals, most = form->style->decimals;
	double unit;

	if (form->bytes) {
		osc_format_bytes(v, out, size);
		return;
	}
	v *= form->scale;
	decimals = v > 0 ? 2 - (int)floor(log10(v)) : 0;
	unit = pow(10, -fmin(decimals, 0));
	if (v >= 1000)
		osc_format_real(round(v / unit) * unit, out, size);
	else
		snprintf(out, size, "%.*f",
			 decimals < 0	 ? 0 :
			 decimals > most ? most :
					   decimals,
			 v);
}

/* "0.01..0.09", "6.0..19.1 KiB": a unit that both have stands once. */
static void interval_text(const char *low, const char *high, char *out,
			  size_t size)
{
	const char *unit = strchr(low, ' '), *other = strchr(high, ' ');
	int length = unit && other && !strcmp(unit, other) ? (int)(unit - low) :
							     (int)strlen(low);

	snprintf(out, size, "%.*s..%s", length, low, high);
}

/*
 * "12.3 +-4%" of a number and its interval; of a wide one the interval itself,
 * and of a number that cannot be told from zero the upper end, "<=0.02".
 */
static void cost_text(const struct osc_cost *c, const struct form *form,
		      char *out, size_t size)
{
	double reach = 100 * fmax(c->value - c->low, c->high - c->value);
	const char *mark = c->about ? about() : form->style->mark;
	char number[32], low[32], high[32], interval[72];

	number_text(c->value, form, number, sizeof(number));
	number_text(c->low, form, low, sizeof(low));
	number_text(c->high, form, high, sizeof(high));
	interval_text(low, high, interval, sizeof(interval));
	if (c->at_most)
		snprintf(out, size, "%s%s", at_most(), high);
	else if (form->style->gap && c->high > c->low &&
		 reach >= form->wide * c->value)
		snprintf(out, size, "%s%s", mark, interval);
	else if (form->style->gap && reach >= c->value && reach > 0)
		snprintf(out, size, "%s%s%s%s%.0f%%", mark, number,
			 form->style->gap, plus_minus(), reach / c->value);
	else
		snprintf(out, size, "%s%s", mark, number);
}

void osc_cell_spread(struct osc_table *t, const char *key, const json_t *spread,
		     double scale, const struct osc_cell_style *style)
{
	const struct form form = { style, scale, false, WIDE_MEDIAN };
	double median = json_number_value(json_object_get(spread, "median"));
	struct osc_cost c = {
		.value = fmax(median, 0),
		.low = fmax(json_number_value(json_object_get(spread, "low")),
			    0),
		.high = fmax(json_number_value(json_object_get(spread, "high")),
			     0),
	};
	char text[128];

	if (!json_is_object(spread))
		return;
	/* How far apart lower bounds lie says nothing of the number. */
	if (*style->mark)
		c.low = c.high = c.value;
	cost_text(&c, &form, text, sizeof(text));
	osc_table_text(t, key, text);
}

void osc_cell_line(struct osc_table *t, const char *key, const json_t *line,
		   double scale, const struct osc_cell_style *style)
{
	const struct form form = { style, scale, false, WIDE_SLOPE };
	struct osc_cost slope;
	char text[128];

	if (!osc_line_cost(line, OSC_LINE_SLOPE, &slope))
		return;
	cost_text(&slope, &form, text, sizeof(text));
	osc_table_text(t, key, text);
}

void osc_cell_fixed(struct osc_table *t, const char *key, const json_t *line,
		    const struct osc_cell_style *style)
{
	const struct form form = { style, 1, true, WIDE_SLOPE };
	struct osc_cost fixed, slope;
	char once[128], each[128], text[300];

	if (!osc_line_cost(line, OSC_LINE_FIXED, &fixed) ||
	    !osc_line_cost(line, OSC_LINE_SLOPE, &slope))
		return;
	cost_text(&fixed, &form, once, sizeof(once));
	cost_text(&slope, &form, each, sizeof(each));
	snprintf(text, sizeof(text), "%s + %s", once, each);
	osc_table_text(t, key, text);
}
