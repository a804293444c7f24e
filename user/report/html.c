// SPDX-License-Identifier: GPL-2.0-or-later
/* html.c - tags, escaped text and numbers as people read them. */
#include "report/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define NARROW_SPACE "\xe2\x80\xaf"

/*
 * Decodes one UTF-8 sequence that is complete and in range; returns its length,
 * or 0 for anything else.
 */
static size_t decode(const unsigned char *s, uint32_t *code)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};

	for (size_t n = 0; n < 4; n++) {
		if ((s[0] & forms[n].mask) != forms[n].lead)
			continue;
		*code = s[0] & (unsigned char)~forms[n].mask;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			*code = *code << 6 | (s[i] & 0x3f);
		}
		if (*code < forms[n].least || *code > 0x10ffff ||
		    (*code >= 0xd800 && *code < 0xe000))
			return 0;
		return n + 1;
	}
	return 0;
}

static bool is_unsafe(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') ||
	       (c >= 0x7f && c < 0xa0) || /* DEL and C1 */
	       c == 0x200e || c == 0x200f || /* marks of direction */
	       (c >= 0x202a && c <= 0x202e) || /* embeddings, overrides */
	       (c >= 0x2066 && c <= 0x2069) || /* isolates */
	       (c & 0xfffe) == 0xfffe; /* not characters */
}

static const char *escape_of(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return is_unsafe(c) ? REPLACEMENT : NULL;
	}
}

void html_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		uint32_t code;
		size_t n = decode(s, &code);
		const char *escape = n ? escape_of(code) : REPLACEMENT;

		if (escape)
			fputs(escape, out);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
}

void html_open(FILE *out, const char *tag, ...)
{
	const char *name;
	va_list args;

	fputc('<', out);
	fputs(tag, out);
	va_start(args, tag);
	while ((name = va_arg(args, const char *))) {
		const char *value = va_arg(args, const char *);

		if (!value)
			continue;
		fputc(' ', out);
		fputs(name, out);
		fputs("=\"", out);
		html_text(out, value);
		fputc('"', out);
	}
	va_end(args);
	fputc('>', out);
}

void html_close(FILE *out, const char *tag)
{
	fputs("</", out);
	fputs(tag, out);
	fputs(">\n", out);
}

void html_element(FILE *out, const char *tag, const char *class,
		  const char *text)
{
	html_open(out, tag, "class", class, NULL);
	html_text(out, text);
	html_close(out, tag);
}

void html_open_figure(FILE *out, const char *caption, const char *detail)
{
	html_open(out, "figure", NULL);
	html_open(out, "figcaption", NULL);
	html_text(out, caption);
	html_text(out, " ");
	html_element(out, "small", NULL, detail);
	html_close(out, "figcaption");
}

void html_column(FILE *out, const char *class, const char *text)
{
	html_open(out, "th", "scope", "col", "class", class, NULL);
	html_text(out, text);
	html_close(out, "th");
}

void html_row_header(FILE *out, const char *text)
{
	html_open(out, "th", "scope", "row", NULL);
	html_text(out, text);
	html_close(out, "th");
}

void html_cell(FILE *out, const char *text)
{
	html_element(out, "td", NULL, text);
}

void html_prose_cell(FILE *out, const char *text)
{
	html_element(out, "td", "prose", text);
}

void html_number_cell(FILE *out, const char *text)
{
	html_element(out, "td", "n", text);
}

void html_table_open(FILE *out, const char *label)
{
	/* what scrolls must be reachable by keyboard, and so needs a name */
	html_open(out, "div", "class", "scroll", "tabindex", "0", "role",
		  "region", "aria-label", label, NULL);
	fputs("<table>\n", out);
}

void html_table_close(FILE *out)
{
	fputs("</table></div>\n", out);
}

/* Decimals that leave three significant digits of a value below 1000. */
static int decimals(double value)
{
	double a = fabs(value);

	if (a >= 99.95 || a == 0)
		return 0;
	if (a >= 9.995)
		return 1;
	if (a >= 0.0995)
		return 2;
	return a >= 0.00995 ? 3 : 4;
}

struct html_number html_count(double value)
{
	struct html_number n = { HTML_MISSING };
	char digits[32];
	size_t len, used = 0;

	if (!isfinite(value))
		return n;
	if (fabs(value) >= 1e15)
		return html_value(value);
	len = (size_t)snprintf(digits, sizeof(digits), "%.0f", fabs(value));
	if (value < 0)
		n.text[used++] = '-';
	/* at most 15 digits and 4 separators of 3 bytes */
	for (size_t i = 0; i < len; i++) {
		if (i && len > 4 && (len - i) % 3 == 0) {
			memcpy(n.text + used, NARROW_SPACE, 3);
			used += 3;
		}
		n.text[used++] = digits[i];
	}
	n.text[used] = '\0';
	return n;
}

struct html_number html_value(double value)
{
	static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
	struct html_number n = { HTML_MISSING };
	double a = fabs(value);
	size_t i = 0;

	if (!isfinite(value))
		return n;
	if (a >= 1e18 || (a > 0 && a < 0.0001)) {
		snprintf(n.text, sizeof(n.text), "%.2g", value);
		return n;
	}
	/* four digits read more easily than 1.23 k */
	if (a >= 9999.5) {
		while (a >= 999.5 &&
		       i + 1 < sizeof(prefixes) / sizeof(*prefixes)) {
			a /= 1000;
			i++;
		}
	}
	snprintf(n.text, sizeof(n.text), "%s%.*f%s%s", value < 0 ? "-" : "",
		 decimals(a), a, i ? NARROW_SPACE : "", prefixes[i]);
	return n;
}

struct html_number html_microseconds(double us)
{
	static const struct {
		double below, factor;
		const char *unit;
	} units[] = {
		{ 0.9995, 1e3, "ns" },
		{ 999.5, 1, "\xc2\xb5s" },
		{ 999.5e3, 1e-3, "ms" },
	};
	double value = us * 1e-6;
	const char *unit = "s";
	struct html_number n;

	if (!isfinite(us) || us == 0)
		return html_value(us);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (fabs(us) < units[i].below) {
			value = us * units[i].factor;
			unit = units[i].unit;
			break;
		}
	}
	n = html_value(value);
	strncat(n.text, NARROW_SPACE, sizeof(n.text) - strlen(n.text) - 1);
	strncat(n.text, unit, sizeof(n.text) - strlen(n.text) - 1);
	return n;
}

struct html_number html_round(struct html_number number)
{
	char *point = strchr(number.text, '.'), *end, *last;

	if (!point)
		return number;
	end = point + 1 + strspn(point + 1, "0123456789");
	for (last = end; last[-1] == '0';)
		last--;
	if (last[-1] == '.')
		last--;
	memmove(last, end, strlen(end) + 1);
	return number;
}

struct html_number html_bytes(double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	struct html_number n;
	size_t i = 0;

	if (!isfinite(bytes))
		return html_value(bytes);
	while (fabs(bytes) >= 1023.5 &&
	       i + 1 < sizeof(units) / sizeof(*units)) {
		bytes /= 1024;
		i++;
	}
	n = html_value(bytes);
	strncat(n.text, NARROW_SPACE, sizeof(n.text) - strlen(n.text) - 1);
	strncat(n.text, units[i], sizeof(n.text) - strlen(n.text) - 1);
	return n;
}
