// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/sweep.h"

#include <stdio.h>

uint64_t osc_sweep_rate(uint64_t top, unsigned int i, unsigned int n)
{
	uint64_t rate = (uint64_t)((double)top * (i + 1) / n + 0.5);

	return rate ? rate : 1;
}

void osc_sweep_take(struct osc_sweep_step *step,
		    const struct osc_load_result *r)
{
	const struct osc_hist *h = &r->stats.latency;

	*step = (struct osc_sweep_step){
		.rate = r->config->arrivals.rate,
		.rps = r->rps,
		.mean_ns = osc_hist_mean(h),
		.p50_ns = osc_hist_percentile(h, 50),
		.p99_ns = osc_hist_percentile(h, 99),
		.answered = h->count,
		.errors = osc_failures_total(&r->stats.failures),
		.verdict = r->validity.verdict,
		.slos_met = r->slos_met,
	};
	if (r->validity.n)
		snprintf(step->why, sizeof(step->why), "%s",
			 r->validity.why[0]);
}

static bool tells(const struct osc_sweep_step *step)
{
	return step->verdict != OSC_INVALID && step->answered;
}

int osc_sweep_knee(const struct osc_sweep_step *steps, unsigned int n)
{
	double most = 0;
	int knee = -1;

	for (unsigned int i = 0; i < n; i++) {
		double power =
			tells(&steps[i]) ? steps[i].rps / steps[i].mean_ns : 0;

		if (power > most) {
			most = power;
			knee = (int)i;
		}
	}
	return knee;
}

bool osc_sweep_beyond(const struct osc_sweep_step *steps, unsigned int n,
		      int knee)
{
	for (unsigned int i = (unsigned int)(knee + 1); i < n; i++) {
		double kept = OSC_VALIDITY_RATE_INVALID * (double)steps[i].rate;

		if (tells(&steps[i]) || steps[i].rps < kept)
			return true;
	}
	return false;
}

int osc_sweep_capacity(const struct osc_sweep_step *steps, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && tells(&steps[i]) && steps[i].slos_met)
		i++;
	return (int)i - 1;
}
