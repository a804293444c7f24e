// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - what was counted adds up: that of threads to that of all, that of
 * intervals to that of the run. A new field has a line in merge.
 */
#include <string.h>

#include "load/load.h"

void osc_load_stats_init(struct osc_load_stats *s)
{
	memset(s, 0, sizeof(*s));
	osc_hist_init(&s->latency);
	osc_hist_init(&s->service);
	osc_hist_init(&s->connect);
	osc_hist_init(&s->lag);
	osc_hist_init(&s->wrong);
}

static void max_u64(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

void osc_load_stats_merge(struct osc_load_stats *to,
			  const struct osc_load_stats *from)
{
	to->requests += from->requests;
	to->warmup_requests += from->warmup_requests;
	to->bytes += from->bytes;
	to->body_bytes += from->body_bytes;
	to->connections_opened += from->connections_opened;
	to->held += from->held;
	to->attempts += from->attempts;
	to->unsent += from->unsent;
	to->unanswered += from->unanswered;
	to->missed += from->missed;
	to->gave_up |= from->gave_up;
	max_u64(&to->last_intended_ns, from->last_intended_ns);
	max_u64(&to->last_sent_ns, from->last_sent_ns);
	max_u64(&to->last_answer_ns, from->last_answer_ns);
	osc_hist_merge(&to->latency, &from->latency);
	osc_hist_merge(&to->service, &from->service);
	osc_hist_merge(&to->connect, &from->connect);
	osc_hist_merge(&to->lag, &from->lag);
	osc_hist_merge(&to->wrong, &from->wrong);
	osc_failures_merge(&to->failures, &from->failures);
}
