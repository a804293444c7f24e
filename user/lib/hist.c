// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/hist.h"

#include <math.h>
#include <string.h>

void osc_hist_init(struct osc_hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

void osc_hist_merge(struct osc_hist *to, const struct osc_hist *from)
{
	for (unsigned int i = 0; i < OSC_HIST_NR; i++)
		to->slots[i] += from->slots[i];
	to->count += from->count;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
	if (from->min < to->min)
		to->min = from->min;
}

void osc_hist_subtract(struct osc_hist *from, const struct osc_hist *part)
{
	for (unsigned int i = 0; i < OSC_HIST_NR; i++)
		from->slots[i] -= part->slots[i];
	from->count -= part->count;
	from->sum -= part->sum;
}

uint64_t osc_hist_rank(uint64_t count, double percent)
{
	/* 99.9 is no binary number: its last bit must not cost a rank. */
	double exact = percent / 100 * (double)count * (1 - 1e-12);
	uint64_t rank = exact < 1 ? 1 : (uint64_t)ceil(exact);

	return rank > count ? count : rank;
}

uint64_t osc_hist_value(const struct osc_hist *h, uint64_t rank)
{
	uint64_t seen = 0;

	if (!rank || rank > h->count)
		return UINT64_MAX;
	for (unsigned int i = 0; i < OSC_HIST_NR; i++) {
		uint64_t upper;

		seen += h->slots[i];
		if (seen < rank)
			continue;
		upper = osc_hist_upper(i, OSC_HIST_SUB_BITS);
		return upper < h->max ? upper : h->max;
	}
	return h->max;
}

uint64_t osc_hist_percentile(const struct osc_hist *h, double percent)
{
	return h->count ? osc_hist_value(h, osc_hist_rank(h->count, percent)) :
			  0;
}

double osc_hist_mean(const struct osc_hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

json_t *osc_hist_summary_us(const struct osc_hist *h)
{
	static const struct {
		const char *key;
		double percent;
	} points[] = {
		{ "p50", 50 },	  { "p90", 90 },  { "p99", 99 },
		{ "p999", 99.9 }, { "max", 100 },
	};
	json_t *o = json_object();
	int failed = !o;

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		double ns = (double)osc_hist_percentile(h, points[i].percent);

		failed |= json_object_set_new(o, points[i].key,
					      h->count ? json_real(ns / 1e3) :
							 json_null());
	}
	failed |= json_object_set_new(
		o, "mean",
		h->count ? json_real(osc_hist_mean(h) / 1e3) : json_null());
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *slots_json(const struct osc_hist *h)
{
	json_t *array = json_array();
	int failed = !array;

	for (unsigned int i = 0; i < OSC_HIST_NR && !failed; i++) {
		if (h->slots[i])
			failed = json_array_append_new(
				array, json_pack("[I, I]", (json_int_t)i,
						 (json_int_t)h->slots[i]));
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

json_t *osc_hist_json(const struct osc_hist *h)
{
	/* As a real: 2^63 ns of latency in sum are no longer an integer. */
	return json_pack(
		"{s:s, s:i, s:I, s:o, s:o, s:f, s:o}", "unit", "ns", "sub_bits",
		OSC_HIST_SUB_BITS, "count", (json_int_t)h->count, "min",
		h->count ? json_integer((json_int_t)h->min) : json_null(),
		"max",
		h->count ? json_integer((json_int_t)h->max) : json_null(),
		"sum", (double)h->sum, "slots", slots_json(h));
}
