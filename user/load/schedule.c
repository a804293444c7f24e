// SPDX-License-Identifier: GPL-2.0-or-later
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

static void advance(struct osc_schedule *s)
{
	if (s->arrival == OSC_ARRIVAL_CONSTANT)
		/* From the number, not by adding gaps: no drift. */
		s->exact_ns = (double)(s->share + s->taken * s->shares) *
			      (double)OSC_NS_PER_S / s->rate;
	else
		s->exact_ns -= log(uniform(s)) * (double)s->shares *
			       (double)OSC_NS_PER_S / s->rate;
	s->next_ns = s->start_ns + (uint64_t)s->exact_ns;
}

void osc_schedule_init(struct osc_schedule *s, enum osc_arrival arrival,
		       double rate, uint64_t share, uint64_t shares,
		       uint64_t start_ns)
{
	*s = (struct osc_schedule){
		.arrival = arrival,
		.start_ns = start_ns,
		.rate = rate,
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
