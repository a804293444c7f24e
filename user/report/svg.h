/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * svg.h - the few shapes our pictures are made of, and axes. Coordinates are
 * units of the picture's own box, which the page scales to the room there is;
 * colours come from classes of the style sheet, so that they follow the theme.
 */
#ifndef OSC_REPORT_SVG_H
#define OSC_REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Width of every picture's box: a phone shows it about 1:1. */
#define SVG_WIDTH 360.0

struct svg_point {
	double x, y;
};

/* title is the picture's name, desc says what is seen, for who cannot see. */
void svg_open(FILE *out, double height, const char *title, const char *desc);
void svg_close(FILE *out);

void svg_line(FILE *out, const char *class, double x1, double y1, double x2,
	      double y2);
void svg_rect(FILE *out, const char *class, double x, double y, double width,
	      double height);
/* anchor: start, middle or end. */
void svg_text(FILE *out, const char *class, const char *anchor, double x,
	      double y, const char *text);
/* The same with at most `most` characters, the rest as "…". */
void svg_label(FILE *out, const char *class, const char *anchor, double x,
	       double y, size_t most, const char *text);
void svg_polyline(FILE *out, const char *class, const struct svg_point *points,
		  size_t n);

/* The name of a curve, and where this ends. */
struct svg_name {
	struct svg_point end;
	const char *text;
	unsigned int colour;
	double y; /* where it is written: set by svg_names() */
};

/*
 * In a column at x, above bottom, pushed apart by SVG_NAME_GAP so that each can
 * be read; a line leads from the end of the curve to one that had to leave it.
 */
#define SVG_NAME_GAP 13.0
void svg_names(FILE *out, struct svg_name *names, size_t n, double x,
	       double bottom, size_t most);

/* Maps the values low..high to from..to, linearly or by their logarithm. */
struct svg_axis {
	double low, high;
	double from, to;
	bool log;
};

double svg_axis_at(const struct svg_axis *axis, double value);

/* Round values on the axis, at most SVG_TICKS; returns how many. */
#define SVG_TICKS 12
size_t svg_axis_ticks(const struct svg_axis *axis, double out[SVG_TICKS]);

#endif
