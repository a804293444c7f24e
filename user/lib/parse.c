// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/nearest.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{ "", OSC_NS_PER_S },	      { "ns", 1 },
	{ "us", OSC_NS_PER_US },      { "ms", OSC_NS_PER_MS },
	{ "s", OSC_NS_PER_S },	      { "m", 60 * OSC_NS_PER_S },
	{ "h", 3600 * OSC_NS_PER_S }, { NULL, 0 },
};

static const struct unit sizes[] = {
	{ "", 1 },	     { "k", 1 << 10 }, { "K", 1 << 10 },
	{ "m", 1 << 20 },    { "M", 1 << 20 }, { "g", 1ull << 30 },
	{ "G", 1ull << 30 }, { NULL, 0 },
};

/* Digits into *out; returns what follows them, NULL without digits or on
 * overflow.
 */
static const char *digits(const char *text, uint64_t *out)
{
	const char *p = text;
	uint64_t v = 0;

	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return NULL;
	}
	if (p == text)
		return NULL;
	*out = v;
	return p;
}

/* "12.5unit" in units of 1: fractions beyond what the unit holds are cut. */
static int scaled(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t whole, frac = 0, scale = 1;
	const char *p = digits(text, &whole);

	if (!p)
		return -EINVAL;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			if (scale >= OSC_NS_PER_S)
				continue;
			frac = frac * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
		if (scale == 1)
			return -EINVAL;
	}
	for (; units->name; units++) {
		if (strcmp(p, units->name))
			continue;
		if (__builtin_mul_overflow(whole, units->factor, &whole))
			return -ERANGE;
		frac = (uint64_t)((unsigned __int128)frac * units->factor /
				  scale);
		return __builtin_add_overflow(whole, frac, out) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int osc_parse_u64(const char *what, const char *text, uint64_t min,
		  uint64_t max, uint64_t *out, struct osc_error *e)
{
	uint64_t v = 0;
	const char *end = digits(text, &v);

	if (!end || *end || v < min || v > max)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"%s '%s': not a whole number from %" PRIu64
			" to %" PRIu64,
			what, text, min, max);
	*out = v;
	return 0;
}

int osc_parse_duration_ns(const char *what, const char *text, uint64_t min_ns,
			  uint64_t max_ns, uint64_t *out_ns,
			  struct osc_error *e)
{
	uint64_t v = 0;

	if (scaled(text, durations, &v))
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"%s '%s': not a duration; try 10s, 500ms or 2m", what,
			text);
	if (v < min_ns || v > max_ns)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, ERANGE,
			"%s '%s': must lie between %gs and %gs%s", what, text,
			(double)min_ns / OSC_NS_PER_S,
			(double)max_ns / OSC_NS_PER_S,
			text[strspn(text, "0123456789.")] ?
				"" :
				"; a number alone is in seconds");
	*out_ns = v;
	return 0;
}

int osc_parse_size(const char *what, const char *text, uint64_t min,
		   uint64_t max, uint64_t *out_bytes, struct osc_error *e)
{
	uint64_t v = 0;

	if (scaled(text, sizes, &v))
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "%s '%s': not a size; try 4096, 64k "
					  "or 1M",
					  what, text);
	if (v < min || v > max)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ERANGE,
					  "%s '%s': must lie between %" PRIu64
					  " and %" PRIu64 " bytes",
					  what, text, min, max);
	*out_bytes = v;
	return 0;
}

int osc_parse_word(const char *what, const char *text, const char *const *words,
		   struct osc_error *e)
{
	char known[160];

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "%s '%.60s': there is no such value; try %s",
				  what, text,
				  osc_nearest_try(text, strlen(text), words,
						  known, sizeof(known)));
}
