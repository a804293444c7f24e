// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/calls.h"

#include "servers/engine.h"

#define NONE_ANSWERED "no request was answered"
#define NO_LOOP "it has no loop that waits for events"
#define NOBODY_WAITS "nobody waits for connections: the kernel hands them over"

const struct osc_calls_ratio osc_calls_ratios[OSC_NR_CALLS_RATIOS] = {
	{ "system_calls_per_request",
	  { OSC_ACCOUNT_READS, OSC_ACCOUNT_WRITES, OSC_ACCOUNT_WAITS,
	    OSC_ACCOUNT_CALLS },
	  4,
	  OSC_ACCOUNT_REQUESTS,
	  OSC_ACCOUNT_REQUESTS,
	  NONE_ANSWERED },
	{ "empty_per_read",
	  { OSC_ACCOUNT_READS_EMPTY },
	  1,
	  OSC_ACCOUNT_READS,
	  OSC_ACCOUNT_READS,
	  "it does not read: the kernel brings what has come" },
	{ "events_per_wait",
	  { OSC_ACCOUNT_WAIT_EVENTS },
	  1,
	  OSC_ACCOUNT_WAITS,
	  OSC_ACCOUNT_WAITS,
	  NO_LOOP },
	{ "useless_per_wait",
	  { OSC_ACCOUNT_WAITS_USELESS },
	  1,
	  OSC_ACCOUNT_WAITS,
	  OSC_ACCOUNT_WAITS,
	  NO_LOOP },
	{ "bytes_copied_per_request",
	  { OSC_ACCOUNT_BYTES_IN, OSC_ACCOUNT_BYTES_OUT },
	  2,
	  OSC_ACCOUNT_REQUESTS,
	  OSC_ACCOUNT_REQUESTS,
	  NONE_ANSWERED },
	{ "wakes_per_accept",
	  { OSC_ACCOUNT_ACCEPT_WAKES },
	  1,
	  OSC_ACCOUNT_ACCEPTS,
	  OSC_ACCOUNT_ACCEPT_WAKES,
	  NOBODY_WAITS },
	{ "vain_per_accept_wake",
	  { OSC_ACCOUNT_ACCEPT_VAIN },
	  1,
	  OSC_ACCOUNT_ACCEPT_WAKES,
	  OSC_ACCOUNT_ACCEPT_WAKES,
	  NOBODY_WAITS },
};

static json_t *ratio(const struct osc_calls_ratio *r, const uint64_t *booked)
{
	uint64_t sum = 0;

	if (!booked[r->by] || !booked[r->needs])
		return json_null();
	for (size_t i = 0; i < r->nr_of; i++)
		sum += booked[r->of[i]];
	return json_real((double)sum / (double)booked[r->by]);
}

bool osc_calls_are_all(const char *model)
{
	const struct osc_engine *engine = osc_engine_find(model);

	return engine && engine->books_all_calls;
}

json_t *osc_calls_document(const char *model,
			   const uint64_t booked[OSC_NR_ACCOUNT])
{
	json_t *o = json_object(), *absent = json_object();
	int ret = 0;

	for (size_t i = 0; i < OSC_NR_CALLS_RATIOS; i++) {
		const struct osc_calls_ratio *r = &osc_calls_ratios[i];
		json_t *v = ratio(r, booked);

		if (json_is_null(v))
			ret |= json_object_set_new(absent, r->name,
						   json_string(r->absent));
		ret |= json_object_set_new(o, r->name, v);
	}
	ret |= json_object_set_new(o, "absent", absent);
	ret |= json_object_set_new(o, "all",
				   json_boolean(osc_calls_are_all(model)));
	if (!ret)
		return o;
	json_decref(o);
	return NULL;
}
