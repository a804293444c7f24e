// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/restart.h"

/* A failure this long after the start has nothing to do with the start. */
#define LONG_NS OSC_NS_PER_S
/* After the first failure in a row; doubled with each. */
#define FAILED_NS (100 * OSC_NS_PER_MS)

void osc_restart_plan(struct osc_restart *r, enum osc_restart_end how,
		      uint64_t now_ns)
{
	uint64_t pause = how == OSC_RESTART_FAILED ? FAILED_NS : OSC_RESTART_NS;

	if (how == OSC_RESTART_SERVED || now_ns - r->started_ns >= LONG_NS)
		r->failures = 0;
	if (how == OSC_RESTART_SERVED) {
		r->retry_ns = r->started_ns + pause;
		return;
	}
	for (unsigned int i = 0; i < r->failures && pause < OSC_RESTART_MAX_NS;
	     i++)
		pause *= 2;
	if (pause > OSC_RESTART_MAX_NS)
		pause = OSC_RESTART_MAX_NS;
	/* The first replacement comes at once. */
	r->retry_ns = r->failures++ ? now_ns + pause : now_ns;
}
