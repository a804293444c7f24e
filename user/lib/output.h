/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - what a person reads and what a program reads, from one model.
 *
 * A table has columns (a key for programs, a heading for people) and cells
 * that are JSON values: as text they are laid out by libsmartcols, as JSON
 * they are an array of objects. Values are not checked one by one: a table
 * that ran out of memory says so when it is printed.
 */
#ifndef OSC_LIB_OUTPUT_H
#define OSC_LIB_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct osc_error;

enum osc_column_kind {
	OSC_COLUMN_TEXT, /* aligned left, as it is */
	OSC_COLUMN_COUNT, /* aligned right, 1,234,567 */
	OSC_COLUMN_PLAIN, /* aligned right, without commas: ids, pids */
	OSC_COLUMN_REAL, /* aligned right, digits to fit: 0.0123, 12.3, 1,234 */
};

struct osc_column {
	const char *key;
	const char *heading;
	enum osc_column_kind kind;
};

struct osc_table; /* opaque */

/* The columns must outlive the table. NULL only without memory. */
struct osc_table *osc_table_new(const struct osc_column *columns, size_t n);
void osc_table_free(struct osc_table *t);

/* The setters fill the row begun last; a cell never set is null, shown "-". */
void osc_table_row(struct osc_table *t);
void osc_table_u64(struct osc_table *t, const char *key, uint64_t value);
void osc_table_real(struct osc_table *t, const char *key, double value);
void osc_table_text(struct osc_table *t, const char *key, const char *value);

size_t osc_table_rows(const struct osc_table *t);

/* A table for people has this width where osc_terminal_columns() knows none. */
void osc_table_set_columns(struct osc_table *t, unsigned int columns);

/* Whether no row is wider; 0 is any width. */
bool osc_table_fits(const struct osc_table *t, unsigned int columns);

/*
 * On a terminal that is narrower than the table it comes in parts, each with the
 * first column that is no count and as many others as fit. Where no width is known
 * a row is a line: other programs read it.
 */
int osc_table_print(const struct osc_table *t, FILE *out, struct osc_error *e);

/* [{key: value, …}, …]; NULL when memory ran out, now or before. */
json_t *osc_table_json(const struct osc_table *t);

/*
 * Both printers flush, so that a full disk is their error and not a later
 * surprise; -EPIPE when nobody reads any more.
 *
 * Prints a document; steals the reference. NULL is taken as "ran out of
 * memory", so that the result of a builder can be handed on unchecked.
 */
int osc_json_print(json_t *document, FILE *out, struct osc_error *e);
/* The same on one line, for streams (NDJSON). */
int osc_json_print_line(json_t *document, FILE *out, struct osc_error *e);

/* An object with the members of another. Steals both; NULL without memory. */
json_t *osc_json_updated(json_t *o, json_t *more);

/*
 * Text from whatever bytes it has: JSON takes UTF-8 only, and names of files,
 * processes and commands, URLs and messages about them need not be. Each byte that
 * is no part of a UTF-8 character becomes U+FFFD. Nothing else makes JSON text; see
 * scripts/test.d/json_text.py. Of NULL it is null.
 */
json_t *osc_json_text(const char *text);
json_t *osc_json_bytes(const char *bytes, size_t size);
json_t *osc_json_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * The width of a terminal; where the stream is none, or does not say, what COLUMNS
 * says, as watch(1) sets it; else 0.
 */
unsigned int osc_terminal_columns(FILE *out);

/* Whether the locale's letters, which people read, are those of UTF-8. */
bool osc_text_is_utf8(void);

/* 1234567 as "1,234,567"; buf is at least 27 bytes. Returns buf. */
char *osc_format_count(uint64_t value, char *buf, size_t size);
/* "1.02 ms": three digits, ns to s. buf is at least 16 bytes; returns it. */
char *osc_format_ns(double ns, char *buf, size_t size);
/* "62 B", "2.0 MiB", "128 KiB"; buf is at least 16 bytes; returns it. */
char *osc_format_bytes(double bytes, char *buf, size_t size);
/* Four significant digits without an exponent; buf as above. */
char *osc_format_real(double value, char *buf, size_t size);

#endif
