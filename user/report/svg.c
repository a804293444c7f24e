// SPDX-License-Identifier: GPL-2.0-or-later
/* svg.c - the few shapes our pictures are made of, and axes. */
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"

void svg_open(FILE *out, double height, const char *title, const char *desc)
{
	fprintf(out, "<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\">\n",
		SVG_WIDTH, height);
	html_element(out, "title", NULL, title);
	html_element(out, "desc", NULL, desc);
}

void svg_close(FILE *out)
{
	html_close(out, "svg");
}

void svg_line(FILE *out, const char *class, double x1, double y1, double x2,
	      double y2)
{
	fprintf(out,
		"<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
		"y2=\"%.1f\"/>\n",
		class, x1, y1, x2, y2);
}

void svg_rect(FILE *out, const char *class, double x, double y, double width,
	      double height)
{
	fprintf(out,
		"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		"height=\"%.1f\"/>\n",
		class, x, y, width, height);
}

static void text_open(FILE *out, const char *class, const char *anchor,
		      double x, double y)
{
	fprintf(out,
		"<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">",
		class, anchor, x, y);
}

void svg_text(FILE *out, const char *class, const char *anchor, double x,
	      double y, const char *text)
{
	text_open(out, class, anchor, x, y);
	html_text(out, text);
	html_close(out, "text");
}

/* Bytes of the first `most` characters: continuation bytes do not count. */
static size_t prefix_bytes(const char *text, size_t most)
{
	size_t i = 0;

	for (size_t seen = 0; text[i]; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && seen++ == most)
			break;
	}
	return i;
}

void svg_label(FILE *out, const char *class, const char *anchor, double x,
	       double y, size_t most, const char *text)
{
	char cut[128];
	size_t n;

	if (!text[prefix_bytes(text, most)]) {
		svg_text(out, class, anchor, x, y, text);
		return;
	}
	n = prefix_bytes(text, most - 1);
	if (n >= sizeof(cut))
		n = sizeof(cut) - 1;
	memcpy(cut, text, n);
	cut[n] = '\0';
	text_open(out, class, anchor, x, y);
	html_text(out, cut);
	fputs("\xe2\x80\xa6", out);
	html_close(out, "text");
}

void svg_polyline(FILE *out, const char *class, const struct svg_point *points,
		  size_t n)
{
	fprintf(out, "<polyline class=\"%s\" points=\"", class);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%.1f,%.1f", i ? " " : "", points[i].x,
			points[i].y);
	fputs("\"/>\n", out);
}

static int by_height(const void *a, const void *b)
{
	double x = ((const struct svg_name *)a)->end.y;
	double y = ((const struct svg_name *)b)->end.y;

	return (x > y) - (x < y);
}

static void draw_name(FILE *out, const struct svg_name *name, double x,
		      size_t most)
{
	char class[16];

	snprintf(class, sizeof(class), "lead m%u", name->colour % 6);
	if (x - name->end.x > 6 || fabs(name->y - name->end.y) > 1)
		svg_line(out, class, name->end.x, name->end.y, x - 1, name->y);
	svg_label(out, "label", "start", x, name->y + 4, most, name->text);
}

void svg_names(FILE *out, struct svg_name *names, size_t n, double x,
	       double bottom, size_t most)
{
	double room = bottom;

	qsort(names, n, sizeof(*names), by_height);
	for (size_t i = 0; i < n; i++)
		names[i].y = i ? fmax(names[i].end.y,
				      names[i - 1].y + SVG_NAME_GAP) :
				 names[i].end.y;
	for (size_t i = n; i-- > 0; room = names[i].y - SVG_NAME_GAP)
		names[i].y = fmin(names[i].y, room);
	for (size_t i = 0; i < n; i++)
		draw_name(out, &names[i], x, most);
}

double svg_axis_at(const struct svg_axis *axis, double value)
{
	double low = axis->low, high = axis->high, part;

	if (axis->log) {
		low = log(low);
		high = log(high);
		value = log(value);
	}
	part = high > low ? (value - low) / (high - low) : 0;
	/* what is off the axis, or not a number, stays inside the picture */
	part = part >= 0 ? fmin(part, 1) : 0;
	return axis->from + part * (axis->to - axis->from);
}

static size_t log_ticks(const struct svg_axis *axis, double out[SVG_TICKS])
{
	double first = ceil(log10(axis->low) - 1e-9);
	double last = floor(log10(axis->high) + 1e-9);
	double step = fmax(1, ceil((last - first + 1) / SVG_TICKS));
	size_t n = 0;

	for (double t = first; t <= last && n < SVG_TICKS; t += step)
		out[n++] = pow(10, t);
	return n;
}

size_t svg_axis_ticks(const struct svg_axis *axis, double out[SVG_TICKS])
{
	double span = axis->high - axis->low, step, rough;
	size_t n = 0;

	if (!(span > 0) || !isfinite(span))
		return 0;
	if (axis->log)
		return log_ticks(axis, out);
	rough = span / 4;
	step = pow(10, floor(log10(rough)));
	if (rough / step > 5)
		step *= 10;
	else if (rough / step > 2)
		step *= 5;
	else if (rough / step > 1)
		step *= 2;
	for (double t = ceil(axis->low / step); n < SVG_TICKS; t++) {
		if (t * step > axis->high * (1 + 1e-9))
			break;
		out[n++] = t * step;
	}
	return n;
}
