/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mix.h - one or several URLs of one server, asked in turn by their weights: which
 * and in what order. Pure.
 */
#ifndef OSC_LOAD_MIX_H
#define OSC_LOAD_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "load/url.h"

struct osc_error;

#define OSC_MIX_URLS 64
/* After so many requests the order begins anew. */
#define OSC_MIX_TURNS 1000

struct osc_mix {
	const struct osc_url *urls;
	unsigned int n; /* at least 1 */
	uint32_t weights[OSC_MIX_URLS];
	unsigned int nr_weights; /* 0: all the same */
};

/* "3,1": of each URL, in their order. */
int osc_mix_parse_weights(const char *text, struct osc_mix *m,
			  struct osc_error *e);
/*
 * Whether each URL has its weight and all are of one server. Which one is said
 * by something else than the URLs where `any_server`, but not whether by TLS.
 */
int osc_mix_check(const struct osc_mix *m, bool any_server,
		  struct osc_error *e);

static inline uint32_t osc_mix_weight(const struct osc_mix *m, unsigned int i)
{
	return m->nr_weights ? m->weights[i] : 1;
}

/*
 * Which URL is asked at each turn, as smooth as can be: of 3 and 1 it is 0, 0,
 * 1, 0. Returns the number of turns, at least 1; each URL has its weight of
 * them, in lowest terms.
 */
uint32_t osc_mix_order(const struct osc_mix *m, uint8_t order[OSC_MIX_TURNS]);

#endif
