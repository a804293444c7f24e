/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bars.h - lengths and lines as a person sees them, on a terminal or in a file. */
#ifndef OSC_LIB_BARS_H
#define OSC_LIB_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct osc_bars {
	unsigned int columns; /* no line is wider, if a bar has room */
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
 * A line, broken between words so that no part is wider than `columns`, if that is
 * not 0; the following parts are indented by two more. A command to try, which is
 * in quotes or behind "try: ", is one word. Errors stay in the stream.
 */
void osc_text_fold(const char *text, unsigned int columns, FILE *out);
/* The same with each line of a text, which it changes. */
void osc_text_fold_lines(char *text, unsigned int columns, FILE *out);
void osc_text_line(FILE *out, unsigned int columns, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A message, as osc_text_line(): in a file or a pipe it is one line. */
void osc_text_say(FILE *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A character for each value, the fuller the nearer it is to `most`; of 0, which
 * is no value, a space.
 */
void osc_spark_draw(const struct osc_bars *bars, const uint64_t *values,
		    size_t n, uint64_t most, FILE *out);

#endif
