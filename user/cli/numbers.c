// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/numbers.h"

#include <errno.h>
#include <string.h>

#include "lib/parse.h"

static int parse(const struct osc_number_option *o, const char *text,
		 uint64_t *number, struct osc_error *e)
{
	switch (o->kind) {
	case OSC_NUMBER_BYTES:
		return osc_parse_size(o->name, text, o->min, o->max, number, e);
	case OSC_NUMBER_NS:
		return osc_parse_duration_ns(o->name, text, o->min, o->max,
					     number, e);
	case OSC_NUMBER_WHOLE:
		break;
	}
	return osc_parse_u64(o->name, text, o->min, o->max, number, e);
}

static void store(uint64_t number, void *member, size_t bytes)
{
	const uint16_t n16 = (uint16_t)number;
	const uint32_t n32 = (uint32_t)number;

	if (bytes == sizeof(n16))
		memcpy(member, &n16, bytes);
	else if (bytes == sizeof(n32))
		memcpy(member, &n32, bytes);
	else
		memcpy(member, &number, sizeof(number));
}

int osc_number_parse(const struct osc_number_option *table, int opt,
		     const char *text, void *settings, struct osc_error *e)
{
	for (; table->name; table++) {
		uint64_t number = 0;
		int ret;

		if (table->opt != opt)
			continue;
		ret = parse(table, text, &number, e);
		if (!ret)
			store(number, (char *)settings + table->at,
			      table->bytes);
		return ret;
	}
	return -ENOENT;
}
