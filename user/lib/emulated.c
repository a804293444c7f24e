// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/emulated.h"

#include <stddef.h>

/* Members of a row of the summary and of a run that are, or hold, times. */
static const char *const times[] = {
	"rps",	  "latency_us", "service_us",	"latency_histogram",
	"cpu_ns", "cpu_us",	"run_delay_ns",
};

static int withhold(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	int ret = 0;

	json_array_foreach(value, i, member)
		ret |= withhold(member);
	json_object_foreach(value, key, member)
		ret |= withhold(member);
	for (i = 0; i < sizeof(times) / sizeof(*times); i++) {
		if (json_object_get(value, times[i]))
			ret |= json_object_set_new(value, times[i],
						   json_null());
	}
	return ret;
}

bool osc_emulated_is(const json_t *document)
{
	return json_is_true(json_object_get(
		json_object_get(document, "platform"), "emulated"));
}

/* Of rows of the summary: whether runs are valid is a question of their times. */
static int withhold_validity(json_t *summary)
{
	json_t *row;
	size_t i;
	int ret = 0;

	json_array_foreach(summary, i, row) {
		ret |= json_object_set_new(row, "valid", json_null());
		ret |= json_object_set_new(row, "suspect", json_null());
	}
	return ret;
}

json_t *osc_emulated_without_times(const json_t *document)
{
	json_t *copy;

	if (!osc_emulated_is(document))
		return json_incref((json_t *)document);
	copy = json_deep_copy(document);
	if (copy && (withhold(json_object_get(copy, "summary")) ||
		     withhold_validity(json_object_get(copy, "summary")) ||
		     withhold(json_object_get(copy, "runs")))) {
		json_decref(copy);
		return NULL;
	}
	return copy;
}
