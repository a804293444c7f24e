/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bars.h - lengths and lines as a person sees them, on a terminal or in a file. */
#ifndef OSC_LIB_BARS_H
#define OSC_LIB_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct osc_bars {
	unsigned int columns; /* no line is wider, from 60 up */
	bool utf8; /* blocks of an eighth; else '#' */
	bool color;
	bool cursor; /* a terminal on which one can move about */
};

/* As the stream deserves: its width, the locale's letters, NO_COLOR. */
struct osc_bars osc_bars_for(FILE *out);

/*
 * A bar of that part, 0 to 1, of what is left of the line after `label` columns.
 * Something is never drawn as nothing. Errors stay in the stream.
 */
void osc_bar_draw(const struct osc_bars *bars, double part, unsigned int label,
		  FILE *out);

/*
 * A line, broken between words so that no part is wider than `columns`; the
 * following parts are indented by two more. Errors stay in the stream.
 */
void osc_text_fold(const char *text, unsigned int columns, FILE *out);

/*
 * A character for each value, the fuller the nearer it is to `most`; of 0, which
 * is no value, a space.
 */
void osc_spark_draw(const struct osc_bars *bars, const uint64_t *values,
		    size_t n, uint64_t most, FILE *out);

#endif
