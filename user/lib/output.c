// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/output.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/error.h"
#include "lib/parse.h"

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

unsigned int osc_terminal_columns(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t typed;

	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	if (columns &&
	    !osc_parse_u64("COLUMNS", columns, 1, UINT16_MAX, &typed, NULL))
		return (unsigned int)typed;
	return 0;
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
