// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/http.h"

#include <string.h>

#include "servers/authority.h"

/* tchar of RFC 9110, 5.6.2: what methods and field names are made of. */
static const bool token_char[256] = {
	['!'] = true,	      ['#' ... '\''] = true, ['*'] = true,
	['+'] = true,	      ['-'] = true,	     ['.'] = true,
	['0' ... '9'] = true, ['A' ... 'Z'] = true,  ['^'] = true,
	['_'] = true,	      ['`'] = true,	     ['a' ... 'z'] = true,
	['|'] = true,	      ['~'] = true,
};

/* Printable, blank, tab, or beyond ASCII: what a field's value may hold. */
static const bool value_char[256] = {
	['\t'] = true,
	[' ' ... '~'] = true,
	[0x80 ... 0xff] = true,
};

struct text {
	const char *at;
	size_t len;
};

static bool are_all(const bool of[256], struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (!of[(unsigned char)t.at[i]])
			return false;
	}
	return true;
}

/*
 * Whether one of eight bytes is below ' ' or is DEL. The subtractions borrow from
 * the next byte only where the answer is yes anyway.
 */
static bool have_control(const char *eight)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t word, del;

	memcpy(&word, eight, sizeof(word));
	del = word ^ ones * 0x7f;
	return ((word - ones * ' ') & ~word & high) |
	       ((del - ones) & ~del & high);
}

/* Eight at a time, the last ones maybe twice; only a tab needs a second look. */
static bool is_value(struct text t)
{
	size_t i = 0;

	if (t.len < 8)
		return are_all(value_char, t);
	while (i + 8 < t.len && !have_control(t.at + i))
		i += 8;
	return (i + 8 >= t.len && !have_control(t.at + t.len - 8)) ||
	       are_all(value_char, t);
}

static bool text_is(struct text t, const char *word)
{
	size_t len = strlen(word);

	return t.len == len && !memcmp(t.at, word, len);
}

/*
 * Letters of ASCII, whatever a locale says; word is in small ones. Not strncasecmp():
 * a forked child would fetch a page of the C library for its table.
 */
static bool text_is_nocase(struct text t, const char *word)
{
	size_t len = strlen(word);

	if (t.len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = t.at[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != word[i])
			return false;
	}
	return true;
}

static struct text trim(struct text t)
{
	while (t.len && (t.at[0] == ' ' || t.at[0] == '\t')) {
		t.at++;
		t.len--;
	}
	while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

/* The text up to `end`, which is taken off `rest` with what precedes it. */
static bool take_until(struct text *rest, char end, struct text *out)
{
	const char *found = memchr(rest->at, end, rest->len);

	if (!found)
		return false;
	out->at = rest->at;
	out->len = (size_t)(found - rest->at);
	rest->len -= out->len + 1;
	rest->at = found + 1;
	return true;
}

/* False: it is none that we know, which is then not HEAD either. */
static bool parse_method(struct osc_http_parser *p, struct text t)
{
	static const char *const known[] = { "POST",   "PUT",	  "DELETE",
					     "PATCH",  "OPTIONS", "TRACE",
					     "CONNECT" };

	if (text_is(t, "GET")) {
		p->method = OSC_HTTP_GET;
		return true;
	}
	if (text_is(t, "HEAD")) {
		p->method = OSC_HTTP_HEAD;
		return true;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (text_is(t, known[i])) {
			p->method = OSC_HTTP_NOT_ALLOWED;
			return true;
		}
	}
	p->method = OSC_HTTP_GET;
	return false;
}

/* As far as they go, these bytes are the beginning of a HEAD request. */
static bool may_be_head(const char *buf, size_t len)
{
	static const char method[] = "HEAD ";
	const size_t most = sizeof(method) - 1;

	return len && !memcmp(buf, method, len < most ? len : most);
}

static int parse_version(struct osc_http_parser *p, struct text t)
{
	if (t.len != 8 || memcmp(t.at, "HTTP/", 5) || t.at[6] != '.' ||
	    t.at[5] < '0' || t.at[5] > '9' || t.at[7] < '0' || t.at[7] > '9')
		return 400;
	if (t.at[5] != '1')
		return 505;
	p->minor = (uint8_t)(t.at[7] - '0');
	return 0;
}

/* The forms of RFC 9112, 3.2 that a server without virtual hosts can serve. */
static int check_target(const struct osc_http_parser *p, struct text t)
{
	if (!t.len)
		return 400;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] <= ' ' || t.at[i] > '~')
			return 400;
	}
	if (t.at[0] == '/')
		return 0;
	if (t.len >= 7 && text_is_nocase((struct text){ t.at, 7 }, "http://"))
		return osc_authority_length(t.at + 7, t.len - 7) < 0 ? 400 : 0;
	return p->method == OSC_HTTP_NOT_ALLOWED ? 0 : 400;
}

static int parse_line(struct osc_http_parser *p, const char *buf,
		      struct text line)
{
	struct text method, target;
	bool known;
	int status;

	if (!take_until(&line, ' ', &method)) {
		(void)parse_method(p, line);
		return 400;
	}
	known = parse_method(p, method);
	if (!is_value(line) || !take_until(&line, ' ', &target) ||
	    !method.len || (!known && !are_all(token_char, method)))
		return 400;
	status = parse_version(p, line);
	if (!status && !known)
		status = 501;
	if (!status)
		status = check_target(p, target);
	p->target = (uint32_t)(target.at - buf);
	p->target_len = (uint32_t)target.len;
	p->phase = OSC_HTTP_FIELDS;
	return status;
}

static int parse_length(struct osc_http_parser *p, struct text value,
			const struct osc_http_limits *limits)
{
	uint64_t n = 0;

	if (!value.len)
		return 400;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return 400;
		/* Too long for any limit: saturates, and is refused as 413. */
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(value.at[i] - '0'),
					   &n))
			n = UINT64_MAX / 16;
	}
	/* Two lengths that differ are how requests are smuggled. */
	if (p->has_length && n != p->content_length)
		return 400;
	p->has_length = true;
	p->content_length = n;
	return n > limits->body_bytes ? 413 : 0;
}

static void parse_connection(struct osc_http_parser *p, struct text value)
{
	struct text word;

	while (value.len) {
		if (!take_until(&value, ',', &word)) {
			word = value;
			value.len = 0;
		}
		word = trim(word);
		if (text_is_nocase(word, "close"))
			p->close = true;
		else if (text_is_nocase(word, "keep-alive"))
			p->keep_alive = true;
	}
}

static int parse_known_field(struct osc_http_parser *p, struct text name,
			     struct text value,
			     const struct osc_http_limits *limits)
{
	switch (name.len) {
	case 4:
		if (!text_is_nocase(name, "host"))
			return 0;
		/* Empty: the URI has no authority. */
		if (p->has_host ||
		    (value.len && osc_authority_length(value.at, value.len) !=
					  (ssize_t)value.len))
			return 400;
		p->has_host = true;
		return 0;
	case 6:
		if (!text_is_nocase(name, "expect"))
			return 0;
		if (text_is_nocase(value, "100-continue"))
			p->expect_continue = true;
		else
			p->expect_unknown = true;
		return 0;
	case 10:
		if (text_is_nocase(name, "connection"))
			parse_connection(p, value);
		return 0;
	case 14:
		if (text_is_nocase(name, "content-length"))
			return parse_length(p, value, limits);
		return 0;
	case 17:
		if (text_is_nocase(name, "transfer-encoding"))
			p->has_coding = true;
		return 0;
	default:
		return 0;
	}
}

static int parse_field(struct osc_http_parser *p, struct text line,
		       const struct osc_http_limits *limits)
{
	struct text name;

	if (++p->fields > limits->fields)
		return 431;
	if (!take_until(&line, ':', &name) || !name.len)
		return 400;
	/* Also refuses a folded line and a blank before the colon. */
	if (!are_all(token_char, name) || !is_value(line))
		return 400;
	return parse_known_field(p, name, trim(line), limits);
}

/* What can only be judged when all fields are known. */
static int finish_head(struct osc_http_parser *p)
{
	p->phase = OSC_HTTP_END;
	if (p->minor >= 1 && !p->has_host)
		return 400;
	if (p->has_coding)
		return p->has_length || !p->minor ? 400 : 501;
	if (p->expect_unknown)
		return 417;
	/* HTTP/1.0 knows no interim answer. */
	if (!p->minor)
		p->expect_continue = false;
	return OSC_HTTP_COMPLETE;
}

/*
 * Finds the line at p->pos. Returns false when its end has not arrived, with
 * *status 0, or when it cannot come in time for the limits, with the refusal.
 */
static bool next_line(struct osc_http_parser *p, const char *buf, size_t len,
		      const struct osc_http_limits *limits, struct text *line,
		      int *status)
{
	size_t limit = limits->head_bytes;
	const char *end = NULL;
	int refusal = 431;

	*status = 0;
	if (p->phase == OSC_HTTP_LINE &&
	    p->pos + (size_t)limits->line_bytes < limit) {
		limit = p->pos + (size_t)limits->line_bytes;
		refusal = 414;
	}
	if (p->scanned < p->pos)
		p->scanned = p->pos;
	if (len > limit)
		len = limit;
	if (len > p->scanned)
		end = memchr(buf + p->scanned, '\n', len - p->scanned);
	if (!end) {
		p->scanned = (uint32_t)len;
		if (len == limit)
			*status = refusal;
		return false;
	}
	line->at = buf + p->pos;
	line->len = (size_t)(end - line->at);
	p->pos = (uint32_t)(end + 1 - buf);
	if (line->len && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

int osc_http_parse(struct osc_http_parser *p, const char *buf, size_t len,
		   const struct osc_http_limits *limits)
{
	struct text line;
	int status;

	for (;;) {
		/* What cannot begin a request, a TLS hello say, is refused at
		 * its first byte: no line end may ever follow.
		 */
		if (p->phase == OSC_HTTP_LINE && p->pos < len &&
		    buf[p->pos] != '\r' && buf[p->pos] != '\n' &&
		    !token_char[(unsigned char)buf[p->pos]])
			return 400;
		if (!next_line(p, buf, len, limits, &line, &status)) {
			if (p->phase == OSC_HTTP_LINE)
				p->method = may_be_head(buf + p->pos,
							len - p->pos) ?
						    OSC_HTTP_HEAD :
						    OSC_HTTP_GET;
			return status;
		}
		if (p->phase == OSC_HTTP_FIELDS) {
			if (!line.len)
				return finish_head(p);
			status = parse_field(p, line, limits);
		} else if (line.len) {
			status = parse_line(p, buf, line);
		}
		/* An empty line before the request line is passed over. */
		if (status)
			return status;
	}
}
