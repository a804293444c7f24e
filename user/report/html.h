/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * html.h - tags, escaped text and numbers as people read them. Everything is
 * written through here or svg.h, so nothing from the document reaches the page
 * unescaped. Write errors stick to the FILE and are checked once, at the end.
 */
#ifndef OSC_REPORT_HTML_H
#define OSC_REPORT_HTML_H

#include <stdio.h>

/* What is shown for a number nobody has. */
#define HTML_MISSING "\xe2\x80\x93"

/*
 * Text or attribute value, escaped. Control characters, and those that turn
 * the direction of writing, become U+FFFD: a name may not rearrange the page.
 */
void html_text(FILE *out, const char *text);

/* <tag name="value" …>: pairs of strings, ended by NULL; a NULL value skips. */
void html_open(FILE *out, const char *tag, ...) __attribute__((sentinel));
void html_close(FILE *out, const char *tag);

/* <tag class="class">text</tag>; class may be NULL. */
void html_element(FILE *out, const char *tag, const char *class,
		  const char *text);

/* Table cells: a header of a column, of a row, a word, a number. */
void html_column(FILE *out, const char *class, const char *text);
void html_row_header(FILE *out, const char *text);
void html_cell(FILE *out, const char *text);
void html_prose_cell(FILE *out, const char *text); /* wide enough to read */
void html_number_cell(FILE *out, const char *text);

/* A figure with a caption, and in small what its numbers are; html_close() it. */
void html_open_figure(FILE *out, const char *caption, const char *detail);

/* A table that scrolls by itself when the window is narrow; label is its name. */
void html_table_open(FILE *out, const char *label);
void html_table_close(FILE *out);

/* A formatted number; HTML_MISSING for NaN and infinities. */
struct html_number {
	char text[40];
};

/* 1 234 567: exact, for what is counted. */
struct html_number html_count(double value);
/* Three significant digits with k, M, G: for what is measured. */
struct html_number html_value(double value);
/* Three significant digits with ns, µs, ms, s. */
struct html_number html_microseconds(double us);
/* Without zeros that say nothing, for round numbers: 3 s, not 3.00 s. */
struct html_number html_round(struct html_number number);
/* 2.05 GiB. */
struct html_number html_bytes(double bytes);

#endif
