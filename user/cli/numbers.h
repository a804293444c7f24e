/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numbers.h - options that are one number each, as a table of a command: what
 * the option is called, what it may be, and where in its settings it goes.
 */
#ifndef OSC_CLI_NUMBERS_H
#define OSC_CLI_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum osc_number_kind {
	OSC_NUMBER_WHOLE, /* osc_parse_u64() */
	OSC_NUMBER_BYTES, /* osc_parse_size() */
	OSC_NUMBER_NS, /* osc_parse_duration_ns() */
};

struct osc_number_option {
	int opt; /* as getopt_long() returns it */
	const char *name; /* "--workers"; NULL ends a table */
	enum osc_number_kind kind;
	uint64_t min, max; /* max fits into the member */
	size_t at, bytes;
};

/* `member` of `type`, an integer of any width. */
#define OSC_NUMBER(opt_, name_, kind_, min_, max_, type, member)            \
	{                                                                   \
		.opt = (opt_), .name = (name_), .kind = OSC_NUMBER_##kind_, \
		.min = (min_), .max = (max_), .at = offsetof(type, member), \
		.bytes = sizeof(((type *)NULL)->member)                     \
	}

/*
 * Parses `text` into the member of *settings that the option `opt` is for. 0
 * or a negative errno; -ENOENT, and no error set, when the table has no such
 * option. On any error *settings is as it was.
 */
int osc_number_parse(const struct osc_number_option *table, int opt,
		     const char *text, void *settings, struct osc_error *e);

#endif
