/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h - what is written, prepared once for all threads: nobody composes
 * a request while the load runs.
 */
#ifndef OSC_LOAD_REQUEST_H
#define OSC_LOAD_REQUEST_H

#include <stdint.h>

struct osc_error;
struct osc_load_config;

/* One of the order of mix.h; of one URL there is one. */
struct osc_load_turn {
	uint32_t url;
	uint32_t keep_len, keep_end; /* of its request, in `keep` */
	uint32_t close_len, close_at; /* in `close` */
};

struct osc_load_text {
	/*
	 * The requests of all turns, a round of them after another, so many that
	 * `pipeline` of them come to an end at keep_end of any turn.
	 */
	char *keep;
	uint32_t keep_size, round_size;
	char *close; /* of each URL one that ends the connection */
	struct osc_load_turn *turns;
	uint32_t nr_turns;
};

int osc_load_text_init(struct osc_load_text *t,
		       const struct osc_load_config *config,
		       struct osc_error *e);
void osc_load_text_free(struct osc_load_text *t);

#endif
