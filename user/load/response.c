// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/response.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum state {
	STATUS_LINE,
	FIELDS,
	BODY_LENGTH,
	BODY_TO_END,
	CHUNK_SIZE,
	CHUNK_DATA,
	CHUNK_END,
	TRAILERS,
	COMPLETE,
};

static const char *const error_names[OSC_NR_RESPONSE_ERRORS] = {
	[OSC_RESPONSE_OK] = "ok",
	[OSC_RESPONSE_BAD_STATUS_LINE] = "bad-status-line",
	[OSC_RESPONSE_BAD_FIELD] = "bad-field",
	[OSC_RESPONSE_BAD_LENGTH] = "bad-length",
	[OSC_RESPONSE_BAD_CODING] = "bad-transfer-coding",
	[OSC_RESPONSE_BAD_CHUNK] = "bad-chunk",
	[OSC_RESPONSE_HEAD_TOO_LONG] = "head-too-long",
	[OSC_RESPONSE_UPGRADE] = "protocol-switch",
	[OSC_RESPONSE_TRUNCATED] = "truncated",
	[OSC_RESPONSE_UNSOLICITED] = "unsolicited",
};

const char *osc_response_error_name(enum osc_response_error error)
{
	return error < OSC_NR_RESPONSE_ERRORS ? error_names[error] : "unknown";
}

/* The carry need not be cleared: `carried` says how much of it holds. */
void osc_response_init(struct osc_response *r, bool head_only)
{
	memset(r, 0, offsetof(struct osc_response, carry));
	r->head_only = head_only;
}

bool osc_response_untouched(const struct osc_response *r)
{
	return r->state == STATUS_LINE && !r->head_bytes;
}

bool osc_response_closes(const struct osc_response *r)
{
	return r->close || (!r->minor && !r->keep_alive);
}

static bool fail(struct osc_response *r, enum osc_response_error error)
{
	r->error = (uint8_t)error;
	return false;
}

/* "HTTP/1.x NNN", then a blank and a reason, or nothing. */
static bool status_line(struct osc_response *r, const char *p, size_t size)
{
	if (size < 12 || memcmp(p, "HTTP/1.", 7) || p[7] < '0' || p[7] > '1' ||
	    p[8] != ' ' || p[9] < '1' || p[9] > '9' ||
	    !isdigit((unsigned char)p[10]) || !isdigit((unsigned char)p[11]) ||
	    (size > 12 && p[12] != ' '))
		return fail(r, OSC_RESPONSE_BAD_STATUS_LINE);
	r->minor = (uint8_t)(p[7] - '0');
	r->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 +
			       (p[11] - '0'));
	r->state = FIELDS;
	return true;
}

/* Digits only, the same each time it is said. */
static bool content_length(struct osc_response *r, const char *p, size_t size)
{
	uint64_t v = 0;

	for (size_t i = 0; i < size; i++) {
		if (!isdigit((unsigned char)p[i]) ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(p[i] - '0'), &v))
			return fail(r, OSC_RESPONSE_BAD_LENGTH);
	}
	if (!size || (r->has_length && v != r->left))
		return fail(r, OSC_RESPONSE_BAD_LENGTH);
	r->has_length = true;
	r->left = v;
	return true;
}

/* We ask for no coding, so chunked is the only one that may come. */
static bool transfer_encoding(struct osc_response *r, const char *p,
			      size_t size)
{
	if (r->chunked || size != 7 || strncasecmp(p, "chunked", 7))
		return fail(r, OSC_RESPONSE_BAD_CODING);
	r->chunked = true;
	return true;
}

/* A list of words: "close", "keep-alive" and others. */
static bool connection(struct osc_response *r, const char *p, size_t size)
{
	const char *end = p + size;

	while (p < end) {
		const char *word = p;
		size_t n;

		while (p < end && *p != ',')
			p++;
		n = (size_t)(p - word);
		while (n && (*word == ' ' || *word == '\t'))
			word++, n--;
		while (n && (word[n - 1] == ' ' || word[n - 1] == '\t'))
			n--;
		if (n == 5 && !strncasecmp(word, "close", 5))
			r->close = true;
		else if (n == 10 && !strncasecmp(word, "keep-alive", 10))
			r->keep_alive = true;
		p++;
	}
	return true;
}

/* The fields that frame a message; adding one is a row. */
static const struct field {
	const char *name;
	uint8_t length;
	bool (*take)(struct osc_response *r, const char *value, size_t size);
} fields[] = {
	{ "content-length", 14, content_length },
	{ "transfer-encoding", 17, transfer_encoding },
	{ "connection", 10, connection },
};

/* The row of the field whose name these bytes begin with, or NULL. */
static const struct field *field_of(const char *p, size_t size)
{
	/* The first letter decides nearly always. */
	if (!size || !strchr("cCtT", *p))
		return NULL;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (size > fields[i].length && p[fields[i].length] == ':' &&
		    !strncasecmp(p, fields[i].name, fields[i].length))
			return &fields[i];
	}
	return NULL;
}

static bool field_line(struct osc_response *r, const char *p, size_t size)
{
	const struct field *f = field_of(p, size);

	if (!f)
		return true;
	if (size >= OSC_RESPONSE_LINE)
		return fail(r, OSC_RESPONSE_BAD_FIELD);
	p += f->length + 1;
	size -= f->length + 1u;
	while (size && (*p == ' ' || *p == '\t'))
		p++, size--;
	while (size && (p[size - 1] == ' ' || p[size - 1] == '\t'))
		size--;
	return f->take(r, p, size);
}

/* The empty line: what follows? */
static bool head_ended(struct osc_response *r)
{
	if (r->status == 101)
		return fail(r, OSC_RESPONSE_UPGRADE);
	if (r->status < 200) {
		uint32_t head_bytes = r->head_bytes;

		/* An interim answer; the one that counts follows. */
		osc_response_init(r, r->head_only);
		r->head_bytes = head_bytes;
		return true;
	}
	/* Both at once is how requests and responses are smuggled. */
	if (r->chunked && r->has_length)
		return fail(r, OSC_RESPONSE_BAD_LENGTH);
	if (r->head_only || r->status == 204 || r->status == 304) {
		r->state = COMPLETE;
	} else if (r->chunked) {
		r->state = CHUNK_SIZE;
	} else if (r->has_length) {
		r->state = r->left ? BODY_LENGTH : COMPLETE;
	} else {
		r->state = BODY_TO_END;
		r->close = true;
	}
	return true;
}

static bool chunk_size(struct osc_response *r, const char *p, size_t size)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < size && isxdigit((unsigned char)p[i]); i++) {
		unsigned int c = (unsigned char)p[i];

		if (v >> 60)
			return fail(r, OSC_RESPONSE_BAD_CHUNK);
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	/* An extension may follow. */
	if (!i || (i < size && !strchr("; \t", p[i])))
		return fail(r, OSC_RESPONSE_BAD_CHUNK);
	r->left = v;
	/* The limit is for each such line, not for all of a long body. */
	r->head_bytes = 0;
	r->state = v ? CHUNK_DATA : TRAILERS;
	return true;
}

/* One line, without its end; of a long one the first OSC_RESPONSE_LINE bytes. */
static bool line(struct osc_response *r, const char *p, size_t size)
{
	switch (r->state) {
	case STATUS_LINE:
		return status_line(r, p, size);
	case FIELDS:
		if (!size)
			return head_ended(r);
		/* A continued field is obsolete, and could hide anything. */
		if (*p == ' ' || *p == '\t' || *p == ':')
			return fail(r, OSC_RESPONSE_BAD_FIELD);
		return field_line(r, p, size);
	case CHUNK_SIZE:
		return chunk_size(r, p, size);
	case CHUNK_END:
		r->state = CHUNK_SIZE;
		return !size || fail(r, OSC_RESPONSE_BAD_CHUNK);
	default: /* TRAILERS */
		if (!size)
			r->state = COMPLETE;
		return true;
	}
}

/*
 * Feeds up to one line. A line longer than the carry is judged by its first
 * bytes, whether it came whole or in pieces.
 */
static bool feed_line(struct osc_response *r, const char **data,
		      const char *end)
{
	const char *p = *data;
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	size_t size = (size_t)((nl ? nl : end) - p);
	size_t keep = sizeof(r->carry) - r->carried;

	*data = nl ? nl + 1 : end;
	r->head_bytes += (uint32_t)(*data - p);
	if (r->head_bytes > OSC_RESPONSE_HEAD_MAX)
		return fail(r, OSC_RESPONSE_HEAD_TOO_LONG);
	if (!nl || r->carried) {
		if (keep > size)
			keep = size;
		memcpy(r->carry + r->carried, p, keep);
		r->carried = (uint8_t)(r->carried + keep);
		if (!nl)
			return true;
		p = r->carry;
		size = r->carried;
		r->carried = 0;
	} else if (size > sizeof(r->carry)) {
		size = sizeof(r->carry);
	}
	if (size && p[size - 1] == '\r')
		size--;
	return line(r, p, size);
}

/* Body bytes are counted, not looked at. */
static void feed_body(struct osc_response *r, const char **data,
		      const char *end)
{
	uint64_t n = (uint64_t)(end - *data);

	if (r->state != BODY_TO_END && n > r->left)
		n = r->left;
	*data += n;
	r->body_bytes += n;
	if (r->state == BODY_TO_END)
		return;
	r->left -= n;
	if (!r->left)
		r->state = r->state == CHUNK_DATA ? CHUNK_END : COMPLETE;
}

/* The carry is empty between two heads. */
#define SAID_SIZE offsetof(struct osc_response, carry)

/* The bytes of the head, when it is the last one again, and 0 when not. */
static size_t recall(struct osc_response *r,
		     const struct osc_response_last *last, const char *data,
		     size_t size)
{
	if (!last->size || size < last->size ||
	    r->head_only != last->said.head_only ||
	    memcmp(data, last->head, last->size))
		return 0;
	memcpy(r, &last->said, SAID_SIZE);
	return last->size;
}

static void remember(struct osc_response_last *last,
		     const struct osc_response *r, const char *head,
		     size_t size)
{
	if (size > sizeof(last->head))
		return;
	memcpy(last->head, head, size);
	memcpy(&last->said, r, SAID_SIZE);
	last->size = size;
}

static bool in_head(const struct osc_response *r)
{
	return r->state == STATUS_LINE || r->state == FIELDS;
}

enum osc_response_result osc_response_feed(struct osc_response *r,
					   struct osc_response_last *last,
					   const char *data, size_t size,
					   size_t *used)
{
	const char *p = data, *end = data + size;
	bool whole = last && osc_response_untouched(r);

	if (whole)
		p += recall(r, last, data, size);
	while (p < end && r->state != COMPLETE && !r->error) {
		if (r->state == BODY_LENGTH || r->state == BODY_TO_END ||
		    r->state == CHUNK_DATA) {
			feed_body(r, &p, end);
			continue;
		}
		whole &= in_head(r);
		feed_line(r, &p, end);
		if (whole && !in_head(r) && !r->error)
			remember(last, r, data, (size_t)(p - data));
	}
	*used = (size_t)(p - data);
	if (r->error)
		return OSC_RESPONSE_FAILED;
	return r->state == COMPLETE ? OSC_RESPONSE_COMPLETE : OSC_RESPONSE_MORE;
}

enum osc_response_result osc_response_end(struct osc_response *r)
{
	if (r->state == BODY_TO_END) {
		r->state = COMPLETE;
		return OSC_RESPONSE_COMPLETE;
	}
	fail(r, OSC_RESPONSE_TRUNCATED);
	return OSC_RESPONSE_FAILED;
}
