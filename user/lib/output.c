// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/output.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <libsmartcols.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/error.h"

struct osc_table {
	const struct osc_column *columns;
	size_t n;
	json_t *rows; /* array of objects */
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

/* Bytes of the UTF-8 character at p, or 0: overlong, a surrogate, or none. */
static size_t character_size(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = { { 0x80, 0x00, 0 },
		      { 0xe0, 0xc0, 0x80 },
		      { 0xf0, 0xe0, 0x800 },
		      { 0xf8, 0xf0, 0x10000 } };
	size_t n = 0;
	uint32_t c;

	while (n < 4 && (*p & forms[n].mask) != forms[n].lead)
		n++;
	if (n == 4 || n >= left)
		return 0;
	c = *p & (unsigned char)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n + 1;
}

json_t *osc_json_bytes(const char *bytes, size_t size)
{
	static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */
	json_t *json = json_stringn(bytes, size);
	size_t used = 0;
	char *text;

	if (json)
		return json;
	text = reallocarray(NULL, size + 1, strlen(unknown));
	if (!text)
		return NULL;
	for (size_t i = 0, n; i < size; i += n ? n : 1) {
		n = character_size((const unsigned char *)bytes + i, size - i);
		memcpy(text + used, n ? bytes + i : unknown,
		       n ? n : strlen(unknown));
		used += n ? n : strlen(unknown);
	}
	json = json_stringn(text, used);
	free(text);
	return json;
}

json_t *osc_json_text(const char *text)
{
	return text ? osc_json_bytes(text, strlen(text)) : json_null();
}

json_t *osc_json_format(const char *format, ...)
{
	va_list args;
	json_t *json;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	json = osc_json_bytes(text, (size_t)n);
	free(text);
	return json;
}

void osc_table_text(struct osc_table *t, const char *key, const char *value)
{
	if (value)
		set(t, key, osc_json_text(value));
}

size_t osc_table_rows(const struct osc_table *t)
{
	return json_array_size(t->rows);
}

bool osc_text_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

char *osc_format_ns(double ns, char *buf, size_t size)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" } };
	size_t i = 0;
	double value;

	/* What would be rounded to 1000 of a unit is 1 of the next. */
	while (i < 3 && ns < units[i].ns * 0.9995)
		i++;
	value = ns / units[i].ns;
	snprintf(buf, size, "%.*f %s",
		 i == 3 && value == (double)(uint64_t)value ? 0 :
		 value >= 99.95				    ? 0 :
		 value >= 9.995				    ? 1 :
							      2,
		 value, units[i].name);
	return buf;
}

char *osc_format_count(uint64_t value, char *buf, size_t size)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);
	size_t k = 0;

	for (int i = 0; i < n && k + 2 < size; i++) {
		if (i && (n - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = '\0';
	return buf;
}

char *osc_format_bytes(double bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (bytes >= 999.5 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, size, "%.*f %s", unit && bytes < 99.95, bytes,
		 units[unit]);
	return buf;
}

char *osc_format_real(double value, char *buf, size_t size)
{
	double magnitude = fabs(value);
	int decimals = 0;

	if (!isfinite(value)) {
		snprintf(buf, size, "-");
	} else if (magnitude >= 1000 && value > 0 && value < 1e18) {
		osc_format_count((uint64_t)llround(value), buf, size);
	} else {
		if (magnitude > 0)
			decimals = 3 - (int)floor(log10(magnitude));
		decimals = decimals < 0 ? 0 : decimals > 6 ? 6 : decimals;
		snprintf(buf, size, "%.*f", decimals, value);
	}
	return buf;
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

static bool fits(const struct osc_table *t, unsigned int columns)
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
				    SCOLS_FL_WRAP :
				    SCOLS_FL_RIGHT;
		struct libscols_column *column = scols_table_new_column(
			out, t->columns[c].heading, 0, flags);

		if (!column || scols_column_set_safechars(column, "\n") ||
		    scols_column_set_wrapfunc(column, scols_wrapnl_chunksize,
					      scols_wrapnl_nextchunk, NULL))
			return -ENOMEM;
	}
	return 0;
}

/* A line break for each blank behind which the next word has no room. */
static void break_lines(char *text, size_t room)
{
	char *blank = NULL, *begin = text;

	for (char *p = text; *p; p++) {
		if (*p == ' ')
			blank = p;
		/* Bytes: what has other letters breaks a little early. */
		if (blank && (size_t)(p - begin) >= room) {
			*blank = '\n';
			begin = blank + 1;
			blank = NULL;
		}
	}
}

/* room 0: the text stays on its line. */
static int set_cell(struct libscols_line *line, size_t i, const char *text,
		    size_t room)
{
	char *copy;

	if (!room)
		return scols_line_set_data(line, i, text);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	break_lines(copy, room);
	return scols_line_refer_data(line, i, copy);
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

unsigned int osc_terminal_columns(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

int osc_table_print(const struct osc_table *t, FILE *out, struct osc_error *e)
{
	unsigned int columns = osc_terminal_columns(out);
	struct part part = { .begin = 1, .end = t->n };
	int ret = 0;

	if (fits(t, columns))
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

static int print(json_t *document, FILE *out, size_t flags, struct osc_error *e)
{
	int ret = 0;

	if (!document)
		return osc_error_set(e, ENOMEM,
				     "cannot print JSON: out of memory");
	if (json_dumpf(document, out, flags) || fputc('\n', out) == EOF ||
	    fflush(out))
		ret = osc_error_set(e, errno, "cannot write the output: %s",
				    strerror(errno));
	json_decref(document);
	return ret;
}

int osc_json_print(json_t *document, FILE *out, struct osc_error *e)
{
	return print(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9), e);
}

int osc_json_print_line(json_t *document, FILE *out, struct osc_error *e)
{
	return print(document, out, JSON_COMPACT | JSON_REAL_PRECISION(9), e);
}

json_t *osc_json_updated(json_t *o, json_t *more)
{
	int failed = !o || !more || json_object_update(o, more);

	json_decref(more);
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}
