// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/calls.h"

#include "lib/output.h"
#include "servers/engine.h"

#define NONE_ANSWERED "no request was answered"
#define NO_LOOP "it has no loop that waits for events"
#define NOBODY_WAITS "nobody waits for connections: the kernel hands them over"

const struct osc_calls_ratio osc_calls_ratios[OSC_NR_CALLS_RATIOS] = {
	{ .name = "system_calls_per_request",
	  .of = { OSC_ACCOUNT_READS, OSC_ACCOUNT_WRITES, OSC_ACCOUNT_WAITS,
		  OSC_ACCOUNT_CALLS },
	  .nr_of = 4,
	  .by = OSC_ACCOUNT_REQUESTS,
	  .needs = OSC_ACCOUNT_REQUESTS,
	  .absent = NONE_ANSWERED },
	{ .name = "empty_per_read",
	  .of = { OSC_ACCOUNT_READS_EMPTY },
	  .nr_of = 1,
	  .by = OSC_ACCOUNT_READS,
	  .needs = OSC_ACCOUNT_READS,
	  .absent = "it does not read: the kernel brings what has come" },
	{ .name = "events_per_wait",
	  .of = { OSC_ACCOUNT_WAIT_EVENTS },
	  .nr_of = 1,
	  .by = OSC_ACCOUNT_WAITS,
	  .needs = OSC_ACCOUNT_WAITS,
	  .absent = NO_LOOP },
	{ .name = "useless_per_wait",
	  .of = { OSC_ACCOUNT_WAITS_USELESS },
	  .nr_of = 1,
	  .by = OSC_ACCOUNT_WAITS,
	  .needs = OSC_ACCOUNT_WAITS,
	  .absent = NO_LOOP },
	{ .name = "bytes_copied_per_request",
	  .of = { OSC_ACCOUNT_BYTES_IN, OSC_ACCOUNT_BYTES_OUT },
	  .nr_of = 2,
	  .less = { OSC_ACCOUNT_BYTES_PAGES },
	  .nr_less = 1,
	  .by = OSC_ACCOUNT_REQUESTS,
	  .needs = OSC_ACCOUNT_REQUESTS,
	  .absent = NONE_ANSWERED },
	{ .name = "wakes_per_accept",
	  .of = { OSC_ACCOUNT_ACCEPT_WAKES },
	  .nr_of = 1,
	  .by = OSC_ACCOUNT_ACCEPTS,
	  .needs = OSC_ACCOUNT_ACCEPT_WAKES,
	  .absent = NOBODY_WAITS },
	{ .name = "vain_per_accept_wake",
	  .of = { OSC_ACCOUNT_ACCEPT_VAIN },
	  .nr_of = 1,
	  .by = OSC_ACCOUNT_ACCEPT_WAKES,
	  .needs = OSC_ACCOUNT_ACCEPT_WAKES,
	  .absent = NOBODY_WAITS },
};

static json_t *ratio(const struct osc_calls_ratio *r, const uint64_t *booked)
{
	uint64_t sum = 0;

	if (!booked[r->by] || !booked[r->needs])
		return json_null();
	for (size_t i = 0; i < r->nr_of; i++)
		sum += booked[r->of[i]];
	for (size_t i = 0; i < r->nr_less; i++)
		sum -= booked[r->less[i]];
	return json_real((double)sum / (double)booked[r->by]);
}

static bool is_of_accepting(const struct osc_calls_ratio *r)
{
	return r->by == OSC_ACCOUNT_ACCEPTS ||
	       r->by == OSC_ACCOUNT_ACCEPT_WAKES;
}

bool osc_calls_are_all(const char *model)
{
	const struct osc_engine *engine = osc_engine_find(model);

	return engine && engine->books_all_calls;
}

json_t *osc_calls_document(const char *model,
			   const uint64_t answering[OSC_NR_ACCOUNT],
			   const uint64_t whole[OSC_NR_ACCOUNT])
{
	json_t *o = json_object(), *absent = json_object();
	int ret = 0;

	for (size_t i = 0; i < OSC_NR_CALLS_RATIOS; i++) {
		const struct osc_calls_ratio *r = &osc_calls_ratios[i];
		json_t *v = ratio(r, is_of_accepting(r) ? whole : answering);

		if (json_is_null(v))
			ret |= json_object_set_new(absent, r->name,
						   osc_json_text(r->absent));
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
