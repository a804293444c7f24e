// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/response.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum state {
	STATUS_LINE,
	FIELD_START, /* at the first byte of a line */
	FIELD_NAME,
	FIELD_VALUE,
	FIELDS_END, /* between CR and LF */
	BODY_LENGTH,
	BODY_TO_END,
	CHUNK_SIZE,
	CHUNK_DATA,
	CHUNK_END,
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
	[OSC_RESPONSE_NO_CLOSE_NOTIFY] = "no-close-notify",
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

/*
 * "HTTP/1.x NNN", then a blank and a reason, or nothing. A later minor version is
 * taken as 1.1 (RFC 9110, 2.5).
 */
static bool status_line(struct osc_response *r, const char *p, size_t size)
{
	if (size < 12 || memcmp(p, "HTTP/1.", 7) ||
	    !isdigit((unsigned char)p[7]) || p[8] != ' ' || p[9] < '1' ||
	    p[9] > '9' || !isdigit((unsigned char)p[10]) ||
	    !isdigit((unsigned char)p[11]) || (size > 12 && p[12] != ' '))
		return fail(r, OSC_RESPONSE_BAD_STATUS_LINE);
	r->minor = p[7] != '0';
	r->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 +
			       (p[11] - '0'));
	r->state = FIELD_START;
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
	if (!size || r->cut || (r->has_length && v != r->left))
		return fail(r, OSC_RESPONSE_BAD_LENGTH);
	r->has_length = true;
	r->left = v;
	return true;
}

/* We ask for no coding, so chunked is the only one that may come. */
static bool transfer_encoding(struct osc_response *r, const char *p,
			      size_t size)
{
	if (r->chunked || r->cut || size != 7 || strncasecmp(p, "chunked", 7))
		return fail(r, OSC_RESPONSE_BAD_CODING);
	r->chunked = true;
	return true;
}

/* "close", "keep-alive" and others. */
static bool connection(struct osc_response *r, const char *p, size_t size)
{
	if (r->cut)
		return true;
	if (size == 5 && !strncasecmp(p, "close", 5))
		r->close = true;
	else if (size == 10 && !strncasecmp(p, "keep-alive", 10))
		r->keep_alive = true;
	return true;
}

/*
 * The fields that frame a message; adding one is a row. Their values are lists,
 * and repeated fields are one list (RFC 9110, 5.3): each element is taken by
 * itself.
 */
static const struct field {
	const char *name;
	uint8_t length;
	bool (*take)(struct osc_response *r, const char *element, size_t size);
} fields[] = {
	{ "content-length", 14, content_length },
	{ "transfer-encoding", 17, transfer_encoding },
	{ "connection", 10, connection },
};

/* The row of the field of that name, from 1, or 0. */
static uint8_t field_of(const char *name, size_t size)
{
	/* The first letter decides nearly always. */
	if (!size || !strchr("cCtT", *name))
		return 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (size == fields[i].length &&
		    !strncasecmp(name, fields[i].name, size))
			return (uint8_t)(i + 1);
	}
	return 0;
}

static void carry(struct osc_response *r, const char *p, size_t size)
{
	size_t room = sizeof(r->carry) - r->carried;

	if (size > room)
		size = room;
	memcpy(r->carry + r->carried, p, size);
	r->carried = (uint8_t)(r->carried + size);
}

/* CR and NUL within a value are read as blanks (RFC 9110, 5.5). */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || !c;
}

/* Empty elements are passed over (RFC 9110, 5.6.1.2). */
static bool end_element(struct osc_response *r)
{
	size_t size = r->carried;
	bool ok = true;

	while (size && is_blank(r->carry[size - 1]))
		size--;
	if (size) {
		r->element = true;
		ok = fields[r->field - 1].take(r, r->carry, size);
	}
	r->carried = 0;
	r->cut = false;
	return ok;
}

/* A field that is empty as a whole is for its row to judge. */
static bool end_field(struct osc_response *r)
{
	bool ok = !r->field || end_element(r);

	if (ok && r->field && !r->element)
		ok = fields[r->field - 1].take(r, r->carry, 0);
	r->field = 0;
	r->element = false;
	return ok;
}

static bool fields_ended(struct osc_response *r);

/*
 * A line that begins with a blank continues the one before, which therefore ends
 * only here (RFC 9112, 5.2).
 */
static bool field_start(struct osc_response *r, const char **data)
{
	char c = **data;

	if (c == ' ' || c == '\t') {
		r->state = FIELD_VALUE;
		return r->may_fold || fail(r, OSC_RESPONSE_BAD_FIELD);
	}
	if (!end_field(r))
		return false;
	r->may_fold = false;
	if (c != '\r' && c != '\n') {
		r->state = FIELD_NAME;
		return true;
	}
	++*data;
	r->state = FIELDS_END;
	return c == '\r' || fields_ended(r);
}

/* Up to the colon, before which there is no blank (RFC 9112, 5.1). */
static bool field_name(struct osc_response *r, const char **data,
		       const char *end)
{
	const char *p = *data, *name = p;
	size_t size;

	while (p < end && *p != ':') {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return fail(r, OSC_RESPONSE_BAD_FIELD);
		p++;
	}
	size = (size_t)(p - name);
	*data = p;
	if (p == end || r->carried) {
		carry(r, name, size);
		name = r->carry;
		size = r->carried;
	}
	if (p == end)
		return true;
	if (!size)
		return fail(r, OSC_RESPONSE_BAD_FIELD);
	++*data;
	/* Trailer fields do not frame the message. */
	r->field = r->in_trailers ? 0 : field_of(name, size);
	r->carried = 0;
	r->state = FIELD_VALUE;
	return true;
}

/* Adds a byte to the element in carry; blanks before it are skipped. */
static void add_to_element(struct osc_response *r, char c)
{
	if (!r->carried && is_blank(c))
		return;
	if (r->carried < sizeof(r->carry))
		r->carry[r->carried++] = c;
	else if (!is_blank(c))
		r->cut = true;
}

static bool field_value(struct osc_response *r, const char **data,
			const char *end)
{
	const char *p = *data;
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	const char *stop = nl ? nl : end;

	*data = nl ? nl + 1 : end;
	if (nl) {
		r->state = FIELD_START;
		r->may_fold = true;
	}
	if (!r->field)
		return true;
	for (; p < stop; p++) {
		if (*p != ',')
			add_to_element(r, *p);
		else if (!end_element(r))
			return false;
	}
	return true;
}

static bool feed_field(struct osc_response *r, const char **data,
		       const char *end)
{
	const char *p = *data;
	bool ok;

	switch (r->state) {
	case FIELD_START:
		ok = field_start(r, data);
		break;
	case FIELD_NAME:
		ok = field_name(r, data, end);
		break;
	case FIELD_VALUE:
		ok = field_value(r, data, end);
		break;
	default: /* FIELDS_END */
		++*data;
		ok = *p == '\n' ? fields_ended(r) :
				  fail(r, OSC_RESPONSE_BAD_FIELD);
	}
	r->head_bytes += (uint32_t)(*data - p);
	if (ok && r->head_bytes > OSC_RESPONSE_HEAD_MAX)
		return fail(r, OSC_RESPONSE_HEAD_TOO_LONG);
	return ok;
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
	/* The end of a coded message of HTTP/1.0 is doubtful (RFC 9112, 6.1). */
	r->close |= r->chunked && !r->minor;
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

static bool fields_ended(struct osc_response *r)
{
	if (!r->in_trailers)
		return head_ended(r);
	r->state = COMPLETE;
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
	/* An extension may follow. If all that was kept is digits, some are missing. */
	if (!i || i == OSC_RESPONSE_LINE || (i < size && !strchr("; \t", p[i])))
		return fail(r, OSC_RESPONSE_BAD_CHUNK);
	r->left = v;
	/* The limit is for each such line, not for all of a long body. */
	r->head_bytes = 0;
	r->state = v ? CHUNK_DATA : FIELD_START;
	r->in_trailers = !v;
	return true;
}

/* One line, without its end; of a long one the first OSC_RESPONSE_LINE bytes. */
static bool line(struct osc_response *r, const char *p, size_t size)
{
	switch (r->state) {
	case STATUS_LINE:
		return status_line(r, p, size);
	case CHUNK_SIZE:
		return chunk_size(r, p, size);
	default: /* CHUNK_END */
		r->state = CHUNK_SIZE;
		return !size || fail(r, OSC_RESPONSE_BAD_CHUNK);
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

	*data = nl ? nl + 1 : end;
	r->head_bytes += (uint32_t)(*data - p);
	if (r->head_bytes > OSC_RESPONSE_HEAD_MAX)
		return fail(r, OSC_RESPONSE_HEAD_TOO_LONG);
	if (!nl || r->carried) {
		carry(r, p, size);
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

static bool in_fields(const struct osc_response *r)
{
	return r->state >= FIELD_START && r->state <= FIELDS_END;
}

static bool in_head(const struct osc_response *r)
{
	return r->state == STATUS_LINE || (in_fields(r) && !r->in_trailers);
}

size_t osc_response_skip_blank(struct osc_response *r, const char *data,
			       size_t size)
{
	size_t n = 0;

	if (r->state != STATUS_LINE || r->head_bytes || r->blank)
		return 0;
	if (n < size && data[n] == '\r' && !r->carried)
		carry(r, &data[n++], 1);
	if (n < size && data[n] == '\n') {
		r->blank = true;
		r->carried = 0;
		n++;
	}
	return n;
}

/* What is no head as the last one, or is cut by the end of the data. */
static enum osc_response_result feed_parts(struct osc_response *r,
					   struct osc_response_last *last,
					   const char **data, const char *end,
					   bool whole)
{
	const char *p = *data, *head = p;

	while (p < end && r->state != COMPLETE && !r->error) {
		if (r->state == BODY_LENGTH || r->state == BODY_TO_END ||
		    r->state == CHUNK_DATA) {
			feed_body(r, &p, end);
			continue;
		}
		whole &= in_head(r);
		if (in_fields(r))
			feed_field(r, &p, end);
		else
			feed_line(r, &p, end);
		if (whole && !in_head(r) && !r->error)
			remember(last, r, head, (size_t)(p - head));
	}
	*data = p;
	if (r->error)
		return OSC_RESPONSE_FAILED;
	return r->state == COMPLETE ? OSC_RESPONSE_COMPLETE : OSC_RESPONSE_MORE;
}

enum osc_response_result osc_response_feed(struct osc_response *r,
					   struct osc_response_last *last,
					   const char *data, size_t size,
					   size_t *used)
{
	enum osc_response_result result = OSC_RESPONSE_COMPLETE;
	const char *p = data, *end = data + size;
	bool whole = last && osc_response_untouched(r) && !r->carried;

	if (whole)
		p += recall(r, last, p, size);
	/* Nearly always, the head is known, and its body is there. */
	if (p > data && r->state == BODY_LENGTH)
		feed_body(r, &p, end);
	else if (p == data && size && (*p == '\r' || *p == '\n'))
		p += osc_response_skip_blank(r, data, size);
	if (r->state != COMPLETE)
		result = feed_parts(r, last, &p, end, whole);
	*used = (size_t)(p - data);
	return result;
}

enum osc_response_result osc_response_end(struct osc_response *r, bool in_order)
{
	if (r->state == BODY_TO_END && in_order) {
		r->state = COMPLETE;
		return OSC_RESPONSE_COMPLETE;
	}
	fail(r, r->state == BODY_TO_END ? OSC_RESPONSE_NO_CLOSE_NOTIFY :
					  OSC_RESPONSE_TRUNCATED);
	return OSC_RESPONSE_FAILED;
}
