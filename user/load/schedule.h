/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schedule.h - when the requests of the open loop are to start, whatever the
 * server does: the arrival process. Pure: the caller brings the clock.
 */
#ifndef OSC_LOAD_SCHEDULE_H
#define OSC_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum osc_arrival {
	OSC_ARRIVAL_CONSTANT, /* equal gaps */
	OSC_ARRIVAL_POISSON, /* independent users: exponential gaps */
	OSC_ARRIVAL_BURST, /* so many at once, then a pause */
};

/* What is asked for, of all threads together; see arrivals.h. */
struct osc_arrivals {
	enum osc_arrival kind;
	uint64_t burst; /* requests at once */
	uint64_t rate; /* a second, where a ramp has ended */
	uint64_t within_ns; /* the rate is in so long; 0: a second; no ramp then */
	uint64_t ramp_from; /* a second, where it begins … */
	uint64_t ramp_ns; /* … and how long it takes; 0: no ramp */
	/* Since the start, rising; in place of all the above. */
	const uint64_t *trace_ns;
	uint64_t nr_trace;
};

/* Or nothing is asked for: the closed loop. */
static inline bool osc_arrivals_any(const struct osc_arrivals *a)
{
	return a->rate || a->nr_trace;
}

/*
 * How long after the start n requests have been due: when the integral of the
 * rate is n; of a trace, its n-th.
 */
uint64_t osc_arrivals_span_ns(const struct osc_arrivals *a, uint64_t n);

struct osc_schedule {
	struct osc_arrivals arrivals;
	uint64_t start_ns;
	uint64_t next_ns; /* the intended start; UINT64_MAX: no more */
	uint64_t taken; /* requests before it */
	uint64_t share, shares; /* we make every shares-th, from the share-th */
	double number; /* of all requests, that is where next_ns lies */
	uint64_t random;
};

/*
 * One of `shares` schedules that together make the arrivals from start_ns on:
 * each takes every shares-th request; Poisson ones are independent. The same
 * arguments give the same times. A trace has to outlive it.
 */
void osc_schedule_init(struct osc_schedule *s, const struct osc_arrivals *a,
		       uint64_t share, uint64_t shares, uint64_t start_ns);

/* Takes the next request: returns its intended start. */
uint64_t osc_schedule_take(struct osc_schedule *s);

#endif
