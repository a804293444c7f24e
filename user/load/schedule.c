// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * schedule.c - requests have numbers, and a number has its moment: where the
 * integral of the rate reaches it. Times come from numbers and not from adding
 * gaps, so that there is no drift, and any arrival may have a ramp.
 */
#include "load/schedule.h"

#include <math.h>

#include "lib/clock.h"

/* xorshift64*, uniform in (0, 1]: its logarithm is finite. */
static double uniform(struct osc_schedule *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (double)((s->random * 0x2545f4914f6cdd1dull >> 11) + 1) *
	       0x1p-53;
}

/* Nanoseconds since the start. */
static double moment(const struct osc_arrivals *a, double number)
{
	double from = (double)a->ramp_from, to = (double)a->rate;
	double ramp_s = (double)a->ramp_ns / OSC_NS_PER_S;
	double unit_ns = (double)(a->within_ns ?: OSC_NS_PER_S);
	double ramped = (from + to) / 2 * ramp_s;

	if (number >= ramped)
		return (double)a->ramp_ns + (number - ramped) * unit_ns / to;
	if (number <= 0)
		return 0;
	/*
	 * t of from * t + (to - from) / (2 * ramp_s) * t^2 = number, written so
	 * that nothing cancels out and that the ramp may be level.
	 */
	return 2 * number * (double)OSC_NS_PER_S /
	       (from + sqrt(from * from + 2 * number * (to - from) / ramp_s));
}

uint64_t osc_arrivals_span_ns(const struct osc_arrivals *a, uint64_t n)
{
	if (!a->nr_trace)
		return (uint64_t)moment(a, (double)n);
	return n ? a->trace_ns[(n < a->nr_trace ? n : a->nr_trace) - 1] : 0;
}

static void advance(struct osc_schedule *s)
{
	const struct osc_arrivals *a = &s->arrivals;
	uint64_t nth = s->share + s->taken * s->shares;

	if (a->nr_trace) {
		s->next_ns = nth < a->nr_trace ?
				     s->start_ns + a->trace_ns[nth] :
				     UINT64_MAX;
		return;
	}
	if (a->kind == OSC_ARRIVAL_POISSON)
		s->number -= log(uniform(s)) * (double)s->shares;
	else if (a->kind == OSC_ARRIVAL_BURST)
		s->number = (double)(nth - nth % a->burst);
	else
		s->number = (double)nth;
	s->next_ns = s->start_ns + (uint64_t)moment(a, s->number);
}

void osc_schedule_init(struct osc_schedule *s, const struct osc_arrivals *a,
		       uint64_t share, uint64_t shares, uint64_t start_ns)
{
	*s = (struct osc_schedule){
		.arrivals = *a,
		.start_ns = start_ns,
		.share = share,
		.shares = shares,
		/* Any but 0; far apart for neighbours. */
		.random = (share + 1) * 0x9e3779b97f4a7c15ull,
	};
	advance(s);
}

uint64_t osc_schedule_take(struct osc_schedule *s)
{
	uint64_t intended = s->next_ns;

	s->taken++;
	advance(s);
	return intended;
}
