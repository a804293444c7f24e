/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schedule.h - when the requests of the open loop are to start, whatever the
 * server does: the arrival process. Pure: the caller brings the clock.
 */
#ifndef OSC_LOAD_SCHEDULE_H
#define OSC_LOAD_SCHEDULE_H

#include <stdint.h>

enum osc_arrival {
	OSC_ARRIVAL_CONSTANT, /* equal gaps */
	OSC_ARRIVAL_POISSON, /* independent users: exponential gaps */
};

struct osc_schedule {
	enum osc_arrival arrival;
	uint64_t start_ns;
	uint64_t next_ns; /* the intended start of the next request */
	uint64_t taken; /* requests before it */
	double rate; /* per second */
	uint64_t share, shares; /* we make every shares-th, from the share-th */
	double exact_ns; /* Poisson: next_ns before rounding, since the start */
	uint64_t random;
};

/*
 * One of `shares` schedules that together make `rate` requests a second from
 * start_ns on: constant ones interleave evenly, Poisson ones are independent.
 * The same arguments give the same times.
 */
void osc_schedule_init(struct osc_schedule *s, enum osc_arrival arrival,
		       double rate, uint64_t share, uint64_t shares,
		       uint64_t start_ns);

/* Takes the next request: returns its intended start. */
uint64_t osc_schedule_take(struct osc_schedule *s);

#endif
