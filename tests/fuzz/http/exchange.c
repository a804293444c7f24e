// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes, in any pieces, through the conversation of a connection: no crash,
 * no loop without progress, and the same answers as in one piece. The first
 * byte chooses the pieces.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/account.h"
#include "servers/exchange.h"

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	char text[256 << 10];
	size_t len;
	enum osc_next last;
};

static struct osc_service service = {
	.limits = { .line_bytes = 256,
		    .head_bytes = 1024,
		    .fields = 16,
		    .body_bytes = 512 },
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void keep(struct result *r, const struct osc_output *out)
{
	if (r->len + out->len <= sizeof(r->text))
		memcpy(r->text + r->len, out->data, out->len);
	r->len += out->len;
}

static bool goes_on(enum osc_next next)
{
	return next == OSC_NEXT_WRITE || next == OSC_NEXT_SLEEP ||
	       next == OSC_NEXT_WORK;
}

static void converse(const uint8_t *data, size_t size, size_t piece,
		     struct result *r)
{
	struct osc_exchange x = { 0 };
	char input[INPUT_MAX], room[2048];
	struct osc_output out = { .data = room, .size = sizeof(room) };
	size_t have = 0, used;

	r->len = 0;
	r->last = OSC_NEXT_READ;
	while (size && r->last == OSC_NEXT_READ) {
		size_t n = size < piece ? size : piece;

		memcpy(input + have, data, n);
		have += n;
		data += n;
		size -= n;
		do {
			r->last = osc_exchange_run(&x, &service, input, have,
						   &used, &out);
			check(used <= have && out.len <= out.size);
			have -= used;
			memmove(input, input + used, have);
			keep(r, &out);
			out.len = 0;
			x.stream_left = 0;
			x.waited = true;
		} while (goes_on(r->last));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, pieces;
	static struct osc_account *account;
	static atomic_bool draining;

	if (!account) {
		check(!osc_account_create(NULL, "fuzz", &account, NULL));
		service.books = osc_account_books(account, 0, true);
		service.draining = &draining;
		service.work_apart = true;
	}
	if (size < 2 || size > INPUT_MAX)
		return 0;
	converse(data + 1, size - 1, INPUT_MAX, &whole);
	converse(data + 1, size - 1, 1 + data[0] % 64, &pieces);
	/* An interim answer depends on the pieces, and on nothing else does. */
	if (!memmem(data, size, "100-", 4)) {
		check(whole.len == pieces.len);
		check(goes_on(whole.last) == goes_on(pieces.last));
	}
	return 0;
}
