// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/mix.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "lib/error.h"
#include "lib/parse.h"

static int parse_weight(const char *text, size_t len, struct osc_mix *m,
			struct osc_error *e)
{
	char digits[16];
	uint64_t n;
	int ret;

	if (!len || len >= sizeof(digits) || m->nr_weights == OSC_MIX_URLS)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--weights '%s': it is no list of at most %d numbers "
			"from 1 to %d; try 3,1",
			text, OSC_MIX_URLS, OSC_MIX_TURNS);
	memcpy(digits, text, len);
	digits[len] = '\0';
	ret = osc_parse_u64("--weights", digits, 1, OSC_MIX_TURNS, &n, e);
	if (!ret)
		m->weights[m->nr_weights++] = (uint32_t)n;
	return ret;
}

int osc_mix_parse_weights(const char *text, struct osc_mix *m,
			  struct osc_error *e)
{
	int ret = 0;

	m->nr_weights = 0;
	for (;;) {
		size_t len = strcspn(text, ",");

		ret = parse_weight(text, len, m, e);
		if (ret || !text[len])
			return ret;
		text += len + 1;
	}
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* In lowest terms: of one URL it is 1. */
static uint32_t count_turns(const struct osc_mix *m, uint32_t *divisor)
{
	uint32_t sum = 0;

	*divisor = 0;
	for (unsigned int i = 0; i < m->n; i++) {
		sum += osc_mix_weight(m, i);
		*divisor = common_divisor(*divisor, osc_mix_weight(m, i));
	}
	return sum / *divisor;
}

/* All of one server; one connection has TLS or has not, whatever the server. */
static int check_servers(const struct osc_mix *m, bool any_server,
			 struct osc_error *e)
{
	const struct osc_url *a = &m->urls[0];

	for (unsigned int i = 1; i < m->n; i++) {
		const struct osc_url *b = &m->urls[i];

		if (a->tls != b->tls)
			return osc_error_set_exit(
				e, OSC_EXIT_USAGE, EINVAL,
				"cannot load http and https at once: all URLs "
				"must name one server; try a load for each");
		if (any_server ||
		    (!strcasecmp(a->host, b->host) && a->port == b->port))
			continue;
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"cannot load %s:%u and %s:%u at once: all URLs must "
			"name one server; try a load for each",
			a->host, (unsigned int)a->port, b->host,
			(unsigned int)b->port);
	}
	return 0;
}

int osc_mix_check(const struct osc_mix *m, bool any_server, struct osc_error *e)
{
	uint32_t divisor, turns;

	if (m->nr_weights && m->nr_weights != m->n)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--weights: there are %u for %u URLs; try one for each "
			"URL, in their order",
			m->nr_weights, m->n);
	turns = count_turns(m, &divisor);
	if (turns > OSC_MIX_TURNS)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--weights: in lowest terms they add up to %" PRIu32
			", more than %d; try rounder ones",
			turns, OSC_MIX_TURNS);
	return check_servers(m, any_server, e);
}

/*
 * Smooth weighted round robin, as nginx has it: each gets its weight, who has
 * most is next and pays for it what all got.
 */
uint32_t osc_mix_order(const struct osc_mix *m, uint8_t order[OSC_MIX_TURNS])
{
	int64_t have[OSC_MIX_URLS] = { 0 };
	uint32_t divisor, turns = count_turns(m, &divisor);

	for (uint32_t t = 0; t < turns; t++) {
		unsigned int most = 0;

		for (unsigned int i = 0; i < m->n; i++) {
			have[i] += osc_mix_weight(m, i) / divisor;
			if (have[i] > have[most])
				most = i;
		}
		have[most] -= turns;
		order[t] = (uint8_t)most;
	}
	return turns;
}
