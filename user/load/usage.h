/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.h - what the scheduler says of the thread that asks. */
#ifndef OSC_LOAD_USAGE_H
#define OSC_LOAD_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct osc_usage {
	bool taken, has_wait;
	uint64_t at_ns, cpu_ns, wait_ns; /* on a CPU; runnable without one */
};

/* Of a span of time, negative: unknown. */
struct osc_shares {
	double cpu, wait;
};

void osc_usage_read(struct osc_usage *u);
struct osc_shares osc_usage_shares(const struct osc_usage *from,
				   const struct osc_usage *to);
/* Of several threads each share is that of the one with the most. */
void osc_shares_merge(struct osc_shares *to, const struct osc_shares *from);

#endif
