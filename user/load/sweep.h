/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.h - latency against load: the steps of the rate, and what they show.
 * Pure: the caller makes the runs.
 */
#ifndef OSC_LOAD_SWEEP_H
#define OSC_LOAD_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "load/load.h"

#define OSC_SWEEP_STEPS 100

/* One run of the open loop. */
struct osc_sweep_step {
	uint64_t rate; /* asked for */
	double rps;
	double mean_ns; /* latency */
	uint64_t p50_ns, p99_ns;
	uint64_t answered, errors;
	enum osc_verdict verdict;
	char why[160]; /* a reason for the verdict; "" */
	bool slos_met;
};

/* The i-th of n equal steps up to the top, from 0. */
uint64_t osc_sweep_rate(uint64_t top, unsigned int i, unsigned int n);

void osc_sweep_take(struct osc_sweep_step *step,
		    const struct osc_load_result *r);

/*
 * The knee: the step with the greatest power, answers a second over their mean
 * latency. Beyond it latency grows faster than the load. Invalid steps, and those
 * without an answer, tell nothing; -1: all are such. It is not known to be the
 * knee before a step beyond it has been seen: one that tells, or one whose rate
 * could not be kept.
 *
 * L. Kleinrock, "Power and deterministic rules of thumb for probabilistic
 * problems in computer communications", ICC 1979.
 */
int osc_sweep_knee(const struct osc_sweep_step *steps, unsigned int n);
bool osc_sweep_beyond(const struct osc_sweep_step *steps, unsigned int n,
		      int knee);

/* The highest step at which the thresholds were met, and so below it; or -1. */
int osc_sweep_capacity(const struct osc_sweep_step *steps, unsigned int n);

#endif
