// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/error.h"
#include "load/load.h"

/* Of all that is prepared, far below what its 32-bit offsets reach. */
#define TEXT_MAX (256u << 20)

static void put_request(FILE *out, const struct osc_load_config *c,
			uint32_t url, bool closes)
{
	fprintf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", c->method,
		c->mix.urls[url].target, c->mix.urls[url].authority);
	for (unsigned int i = 0; i < c->nr_headers; i++)
		fprintf(out, "%s\r\n", c->headers[i]);
	if (c->body)
		fprintf(out, "Content-Length: %zu\r\n", c->body_len);
	fprintf(out, "%s\r\n", closes ? "Connection: close\r\n" : "");
	if (c->body)
		fwrite(c->body, 1, c->body_len, out);
}

/* Returns its length; *at: where it begins. */
static uint32_t append(FILE *out, const struct osc_load_config *c, uint32_t url,
		       bool closes, uint32_t *at)
{
	*at = (uint32_t)ftello(out);
	put_request(out, c, url, closes);
	return (uint32_t)ftello(out) - *at;
}

static int too_long(struct osc_error *e)
{
	return osc_error_set_exit(
		e, OSC_EXIT_USAGE, E2BIG,
		"the requests of a round, prepared, take more "
		"than %u MiB; try shorter ones, rounder "
		"--weights or less --pipeline",
		TEXT_MAX >> 20);
}

static int put_keeps(FILE *out, struct osc_load_text *t,
		     const struct osc_load_config *c, struct osc_error *e)
{
	/* The last request of a round has all of that round before it. */
	uint32_t rounds = (c->pipeline + t->nr_turns - 2) / t->nr_turns + 1;
	uint32_t at;

	for (uint32_t r = 0; r < rounds; r++) {
		for (uint32_t i = 0; i < t->nr_turns; i++) {
			struct osc_load_turn *turn = &t->turns[i];

			turn->keep_len = append(out, c, turn->url, false, &at);
			turn->keep_end = at + turn->keep_len;
			if (turn->keep_end > TEXT_MAX / rounds * (r + 1))
				return too_long(e);
		}
	}
	t->keep_size = (uint32_t)ftello(out);
	t->round_size = t->keep_size / rounds;
	return 0;
}

static int put_closes(FILE *out, struct osc_load_text *t,
		      const struct osc_load_config *c, struct osc_error *e)
{
	for (uint32_t url = 0; url < c->mix.n; url++) {
		uint32_t at, len = append(out, c, url, true, &at);

		if (at + len > TEXT_MAX)
			return too_long(e);
		for (uint32_t i = 0; i < t->nr_turns; i++) {
			if (t->turns[i].url != url)
				continue;
			t->turns[i].close_at = at;
			t->turns[i].close_len = len;
		}
	}
	return 0;
}

static int out_of_memory(struct osc_error *e)
{
	return osc_error_set(e, ENOMEM,
			     "cannot prepare the request: out of memory");
}

typedef int put_fn(FILE *out, struct osc_load_text *t,
		   const struct osc_load_config *c, struct osc_error *e);

static int write_text(char **text, put_fn *put, struct osc_load_text *t,
		      const struct osc_load_config *c, struct osc_error *e)
{
	size_t size;
	FILE *out = open_memstream(text, &size);
	int ret;

	if (!out)
		return out_of_memory(e);
	ret = put(out, t, c, e);
	if (fclose(out) && !ret)
		ret = out_of_memory(e);
	return ret;
}

int osc_load_text_init(struct osc_load_text *t,
		       const struct osc_load_config *config,
		       struct osc_error *e)
{
	uint8_t order[OSC_MIX_TURNS];
	int ret;

	*t = (struct osc_load_text){ 0 };
	t->nr_turns = osc_mix_order(&config->mix, order);
	t->turns = calloc(t->nr_turns, sizeof(*t->turns));
	if (!t->turns)
		return out_of_memory(e);
	for (uint32_t i = 0; i < t->nr_turns; i++)
		t->turns[i].url = order[i];
	ret = write_text(&t->keep, put_keeps, t, config, e);
	return ret ? ret : write_text(&t->close, put_closes, t, config, e);
}

void osc_load_text_free(struct osc_load_text *t)
{
	free(t->keep);
	free(t->close);
	free(t->turns);
}
