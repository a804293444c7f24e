// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/hdr.h"

#include <endian.h>
#include <errno.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "lib/clock.h"
#include "load/load.h"

#define COOKIE 0x1c849313u
#define COMPRESSED_COOKIE 0x1c849314u
#define SIGNIFICANT_DIGITS 2 /* 256 slots, then 128 for each power of two */
_Static_assert(OSC_HIST_SUB_BITS == 7, "the same slots");
/* A number takes at most so many bytes. */
#define NUMBER_MAX 9

struct header {
	uint32_t cookie;
	uint32_t payload_len;
	uint32_t normalizing_offset;
	uint32_t significant_digits;
	uint64_t lowest;
	uint64_t highest;
	uint64_t ratio; /* the bits of a double */
} __attribute__((packed));

struct bytes {
	unsigned char *data;
	size_t len;
};

/*
 * ZigZag, then little-endian in groups of 7 bits, of which the ninth has 8. A
 * run of n slots without a value is the number -n.
 */
static void put_number(struct bytes *b, int64_t n)
{
	uint64_t v = (uint64_t)n << 1 ^ (uint64_t)(n >> 63);

	for (int i = 1; i < NUMBER_MAX && v >= 0x80; i++) {
		b->data[b->len++] = (unsigned char)(v | 0x80);
		v >>= 7;
	}
	b->data[b->len++] = (unsigned char)v;
}

static void put_slots(struct bytes *b, const struct osc_hist *h)
{
	int64_t empty = 0;
	uint64_t seen = 0;

	for (unsigned int i = 0; seen < h->count; i++) {
		if (!h->slots[i]) {
			empty++;
			continue;
		}
		if (empty)
			put_number(b, -empty);
		empty = 0;
		put_number(b, (int64_t)h->slots[i]);
		seen += h->slots[i];
	}
}

static int encode(const struct osc_hist *h, struct bytes *out)
{
	static const double one = 1;
	struct header header = {
		.cookie = htobe32(COOKIE),
		.significant_digits = htobe32(SIGNIFICANT_DIGITS),
		.lowest = htobe64(1),
		.highest = htobe64(h->max > 2 ? h->max : 2),
	};

	out->data = malloc(sizeof(header) + 2 * NUMBER_MAX * OSC_HIST_NR);
	if (!out->data)
		return -ENOMEM;
	out->len = sizeof(header);
	put_slots(out, h);
	header.payload_len = htobe32((uint32_t)(out->len - sizeof(header)));
	memcpy(&header.ratio, &one, sizeof(one));
	header.ratio = htobe64(header.ratio);
	memcpy(out->data, &header, sizeof(header));
	return 0;
}

static int deflate_all(const struct bytes *in, struct bytes *out)
{
	uLongf len = compressBound(in->len);
	uint32_t head[2] = { htobe32(COMPRESSED_COOKIE) };

	out->data = malloc(sizeof(head) + len);
	if (!out->data ||
	    compress(out->data + sizeof(head), &len, in->data, in->len) != Z_OK)
		return -ENOMEM;
	head[1] = htobe32((uint32_t)len);
	memcpy(out->data, head, sizeof(head));
	out->len = sizeof(head) + len;
	return 0;
}

static char *base64(const struct bytes *in)
{
	char *text = malloc(BASE64_ENCODE_RAW_LENGTH(in->len) + 1);

	if (!text)
		return NULL;
	base64_encode_raw(text, in->len, in->data);
	text[BASE64_ENCODE_RAW_LENGTH(in->len)] = '\0';
	return text;
}

char *osc_hdr_encode(const struct osc_hist *h)
{
	struct bytes plain = { 0 }, compressed = { 0 };
	char *text = NULL;

	if (!encode(h, &plain) && !deflate_all(&plain, &compressed))
		text = base64(&compressed);
	free(plain.data);
	free(compressed.data);
	return text;
}

static int write_line(const struct osc_load_result *r, const char *tag,
		      const struct osc_hist *h, FILE *out)
{
	char *text = osc_hdr_encode(h);

	if (!text)
		return -ENOMEM;
	/* The third number is a maximum that people read, in milliseconds. */
	fprintf(out, "Tag=%s,%.3f,%.3f,%.3f,%s\n", tag,
		(double)(r->measure_ns - r->start_ns) / OSC_NS_PER_S,
		r->duration_s, (double)h->max / OSC_NS_PER_MS, text);
	free(text);
	return 0;
}

int osc_hdr_write(const struct osc_load_result *r, FILE *out)
{
	struct timespec now;
	double start;
	int ret;

	/* The log tells when it began by the calendar; our clock does not. */
	clock_gettime(CLOCK_REALTIME, &now);
	start = (double)now.tv_sec + (double)now.tv_nsec / OSC_NS_PER_S -
		(double)(osc_clock_ns() - r->start_ns) / OSC_NS_PER_S;
	fprintf(out,
		"#[Histogram log format version 1.3]\n"
		"#[Logged by osconcepts load, in nanoseconds]\n"
		"#[StartTime: %.3f (seconds since epoch)]\n"
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		"\"Interval_Compressed_Histogram\"\n",
		start);
	ret = write_line(r, "latency", &r->stats.latency, out);
	return ret ? ret : write_line(r, "service", &r->stats.service, out);
}
