// SPDX-License-Identifier: GPL-2.0-or-later
/* table.c - the tables of output.h. */
#include "lib/output.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

struct osc_table {
	const struct osc_column *columns;
	size_t n;
	json_t *rows; /* array of objects */
	unsigned int width; /* where none is known; 0: as wide as it is */
	bool failed;
};

struct osc_table *osc_table_new(const struct osc_column *columns, size_t n)
{
	struct osc_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	t->n = n;
	t->rows = json_array();
	t->failed = !t->rows;
	return t;
}

void osc_table_free(struct osc_table *t)
{
	if (!t)
		return;
	json_decref(t->rows);
	free(t);
}

void osc_table_row(struct osc_table *t)
{
	json_t *row = json_object();

	/* Every key in every row, in the order of the columns. */
	for (size_t i = 0; i < t->n; i++)
		t->failed |= json_object_set_new(row, t->columns[i].key,
						 json_null()) != 0;
	t->failed |= json_array_append_new(t->rows, row) != 0;
}

static void set(struct osc_table *t, const char *key, json_t *value)
{
	size_t n = json_array_size(t->rows);
	json_t *row = n ? json_array_get(t->rows, n - 1) : NULL;

	/* Fails also on a NULL row or value. */
	t->failed |= json_object_set_new(row, key, value) != 0;
}

void osc_table_u64(struct osc_table *t, const char *key, uint64_t value)
{
	set(t, key, json_integer((json_int_t)value));
}

void osc_table_real(struct osc_table *t, const char *key, double value)
{
	if (isfinite(value))
		set(t, key, json_real(value));
}

void osc_table_text(struct osc_table *t, const char *key, const char *value)
{
	if (value)
		set(t, key, osc_json_text(value));
}

void osc_table_set_columns(struct osc_table *t, unsigned int columns)
{
	t->width = columns;
}

size_t osc_table_rows(const struct osc_table *t)
{
	return json_array_size(t->rows);
}

static const char *cell_text(const json_t *value, enum osc_column_kind kind,
			     char *buf, size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_real(value))
		return osc_format_real(json_real_value(value), buf, size);
	if (!json_is_integer(value))
		return "-";
	if (kind == OSC_COLUMN_PLAIN)
		snprintf(buf, size, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else
		osc_format_count((uint64_t)json_integer_value(value), buf,
				 size);
	return buf;
}

/* The columns of a terminal that a text takes. */
static size_t width_of(const char *text)
{
	size_t n = mbstowcs(NULL, text, 0);

	return n == (size_t)-1 ? strlen(text) : n;
}

static size_t column_width(const struct osc_table *t, size_t column)
{
	const struct osc_column *c = &t->columns[column];
	size_t width = width_of(c->heading), r;
	json_t *row;

	json_array_foreach(t->rows, r, row) {
		char buf[64];
		size_t n = width_of(cell_text(json_object_get(row, c->key),
					      c->kind, buf, sizeof(buf)));

		width = n > width ? n : width;
	}
	return width;
}

/*
 * Columns of a table, in an order where the one that names the row is first: it
 * is in each part, and behind it those from begin to end.
 */
struct part {
	size_t key;
	size_t begin, end;
	size_t room; /* of its only other column, which is too wide; or 0 */
};

/* The column at a place of that order. */
static size_t nth(size_t key, size_t place)
{
	return !place ? key : place <= key ? place - 1 : place;
}

/* The column that part shows at place i; t->n behind the last. */
static size_t column_at(const struct osc_table *t, const struct part *part,
			size_t i)
{
	size_t place = i ? i + part->begin - 1 : 0;

	return place < part->end ? nth(part->key, place) : t->n;
}

bool osc_table_fits(const struct osc_table *t, unsigned int columns)
{
	size_t width = 0;

	for (size_t i = 0; i < t->n; i++)
		width += !!i + column_width(t, i);
	return !columns || width <= columns;
}

/* Numbers do not name a row, ids do. */
static size_t key_of(const struct osc_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->columns[i].kind == OSC_COLUMN_TEXT ||
		    t->columns[i].kind == OSC_COLUMN_PLAIN)
			return i;
	}
	return 0;
}

/* What follows part on a terminal; at least one column, though it is too wide. */
static void next_part(const struct osc_table *t, struct part *part,
		      unsigned int columns)
{
	size_t first = column_width(t, part->key) + 1;
	size_t width = first;

	part->begin = part->end;
	width += column_width(t, nth(part->key, part->end++));
	part->room = width > columns && columns > first ? columns - first : 0;
	while (part->end < t->n) {
		width += 1 + column_width(t, nth(part->key, part->end));
		if (width > columns)
			break;
		part->end++;
	}
}

static int add_columns(const struct osc_table *t, const struct part *part,
		       struct libscols_table *out)
{
	for (size_t i = 0, c; (c = column_at(t, part, i)) < t->n; i++) {
		int flags = t->columns[c].kind == OSC_COLUMN_TEXT ?
				    0 :
				    SCOLS_FL_RIGHT;
		struct libscols_column *column = scols_table_new_column(
			out, t->columns[c].heading, 0, flags | SCOLS_FL_WRAP);

		if (!column || scols_column_set_safechars(column, "\n") ||
		    scols_column_set_wrapfunc(column, scols_wrapnl_chunksize,
					      scols_wrapnl_nextchunk, NULL))
			return -ENOMEM;
	}
	return 0;
}

/*
 * A line break for each blank behind which the next word has no room, and within
 * "1,000..2,000". The copy is to be freed; NULL without memory.
 */
static char *break_lines(const char *text, size_t room)
{
	char *copy = malloc(2 * strlen(text) + 1), *out = copy;
	char *line = copy;

	for (const char *p = text; copy && *p;) {
		size_t blank = *p == ' ';
		size_t word = blank + strcspn(p + blank, " ");
		const char *dots = memmem(p, word, "..", 2);

		if (dots && word > room)
			word = (size_t)(dots + 2 - p);
		/* Bytes: what has other letters breaks a little early. */
		if (out > line && (size_t)(out - line) + word > room) {
			*out++ = '\n';
			line = out;
			p += blank;
			word -= blank;
		}
		memcpy(out, p, word);
		out += word;
		p += word;
	}
	if (copy)
		*out = '\0';
	return copy;
}

/* room 0: the text stays on its line. */
static int set_cell(struct libscols_line *line, size_t i, const char *text,
		    size_t room)
{
	char *copy;

	if (!room)
		return scols_line_set_data(line, i, text);
	copy = break_lines(text, room);
	return copy ? scols_line_refer_data(line, i, copy) : -ENOMEM;
}

static int fill(const struct osc_table *t, const struct part *part,
		struct libscols_table *out)
{
	json_t *row;
	size_t r;

	if (add_columns(t, part, out))
		return -ENOMEM;
	json_array_foreach(t->rows, r, row) {
		struct libscols_line *line = scols_table_new_line(out, NULL);

		for (size_t i = 0, c; (c = column_at(t, part, i)) < t->n; i++) {
			json_t *value = json_object_get(row, t->columns[c].key);
			char buf[64];
			const char *text = cell_text(value, t->columns[c].kind,
						     buf, sizeof(buf));

			if (!line ||
			    set_cell(line, i, text, i ? part->room : 0))
				return -ENOMEM;
		}
	}
	return 0;
}

/*
 * libsmartcols prints nothing of an empty table; a person wants to see that
 * it is empty.
 */
static char *headings(const struct osc_table *t, const struct part *part)
{
	size_t size = 1;
	char *text;

	for (size_t i = 0; i < t->n; i++)
		size += strlen(t->columns[i].heading) + 1;
	text = calloc(1, size);
	for (size_t i = 0, c; text && (c = column_at(t, part, i)) < t->n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, t->columns[c].heading);
	}
	return text;
}

static int lay_out(const struct osc_table *t, const struct part *part,
		   char **text)
{
	struct libscols_table *table;
	int ret;

	*text = NULL;
	if (t->failed)
		return -ENOMEM;
	if (!osc_table_rows(t)) {
		*text = headings(t, part);
		return *text ? 0 : -ENOMEM;
	}
	table = scols_new_table();
	ret = table ? fill(t, part, table) : -ENOMEM;
	/*
	 * To a string: it is then neither cut to a terminal nor are errors of
	 * the stream lost.
	 */
	if (!ret)
		ret = scols_print_table_to_string(table, text);
	scols_unref_table(table);
	return ret;
}

static int print_part(const struct osc_table *t, const struct part *part,
		      FILE *out, struct osc_error *e)
{
	char *text;
	int ret = lay_out(t, part, &text);

	if (ret)
		ret = osc_error_set(e, ENOMEM,
				    "cannot print a table: out of memory");
	else if ((part->begin > 1 && fputc('\n', out) == EOF) ||
		 fputs(text, out) == EOF || fputc('\n', out) == EOF ||
		 fflush(out))
		ret = osc_error_set(e, errno, "cannot write the output: %s",
				    strerror(errno));
	free(text);
	return ret;
}

int osc_table_print(const struct osc_table *t, FILE *out, struct osc_error *e)
{
	unsigned int columns = osc_terminal_columns(out) ?: t->width;
	struct part part = { .begin = 1, .end = t->n };
	int ret = 0;

	if (osc_table_fits(t, columns))
		return print_part(t, &part, out, e);
	part.key = key_of(t);
	for (part.end = 1; !ret && part.end < t->n;) {
		next_part(t, &part, columns);
		ret = print_part(t, &part, out, e);
	}
	return ret;
}

json_t *osc_table_json(const struct osc_table *t)
{
	return t->failed ? NULL : json_incref(t->rows);
}
