/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls.h - what a server's system calls were good for: ratios of the numbers
 * that it books itself (lib/account.h), which are exact.
 */
#ifndef OSC_CORRELATE_CALLS_H
#define OSC_CORRELATE_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"

struct osc_calls_ratio {
	const char *name;
	enum osc_account_field of[4]; /* their sum, */
	size_t nr_of;
	enum osc_account_field less[1]; /* without these */
	size_t nr_less;
	enum osc_account_field by;
	enum osc_account_field needs; /* null where this or `by` is 0, */
	const char *absent; /* which then means this */
};

#define OSC_NR_CALLS_RATIOS 7
extern const struct osc_calls_ratio osc_calls_ratios[OSC_NR_CALLS_RATIOS];

/*
 * Whether the calls that a model books are all that it makes, and not the least
 * that there can have been.
 */
bool osc_calls_are_all(const char *model);

/*
 * {name: ratio or null, …, "absent": {name: why it is null}} of what the server
 * counted while it answered requests and, per connection accepted, in the whole
 * run: connections may all be accepted at its start. NULL without memory.
 */
json_t *osc_calls_document(const char *model,
			   const uint64_t answering[OSC_NR_ACCOUNT],
			   const uint64_t whole[OSC_NR_ACCOUNT]);

#endif
