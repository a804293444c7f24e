// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - what was counted adds up: that of threads to that of all, that of
 * intervals to that of the run. A new field has a line in merge.
 */
#include <stdlib.h>
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

bool osc_load_stats_add_urls(struct osc_load_stats *s, unsigned int n)
{
	if (n < 2)
		return true;
	s->urls = calloc(n, sizeof(*s->urls));
	if (!s->urls)
		return false;
	s->nr_urls = n;
	osc_load_stats_clear(s);
	return true;
}

void osc_load_stats_clear(struct osc_load_stats *s)
{
	struct osc_load_url_stats *urls = s->urls;
	unsigned int n = s->nr_urls;

	osc_load_stats_init(s);
	s->urls = urls;
	s->nr_urls = n;
	for (unsigned int i = 0; i < n; i++) {
		urls[i].requests = 0;
		urls[i].failures.n = 0;
		osc_hist_init(&urls[i].latency);
		osc_hist_init(&urls[i].service);
	}
}

struct osc_load_stats *osc_load_stats_new(unsigned int nr_urls)
{
	struct osc_load_stats *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	osc_load_stats_init(s);
	if (osc_load_stats_add_urls(s, nr_urls))
		return s;
	free(s);
	return NULL;
}

void osc_load_stats_free(struct osc_load_stats *s)
{
	if (s)
		free(s->urls);
	free(s);
}

void osc_load_result_free(struct osc_load_result *r)
{
	free(r->stats.urls);
	r->stats.urls = NULL;
	r->stats.nr_urls = 0;
}

static void merge_urls(struct osc_load_stats *to,
		       const struct osc_load_stats *from)
{
	for (unsigned int i = 0; i < to->nr_urls && i < from->nr_urls; i++) {
		to->urls[i].requests += from->urls[i].requests;
		osc_hist_merge(&to->urls[i].latency, &from->urls[i].latency);
		osc_hist_merge(&to->urls[i].service, &from->urls[i].service);
		osc_failures_merge(&to->urls[i].failures,
				   &from->urls[i].failures);
	}
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
	for (unsigned int i = 0; i < OSC_URL_ADDRESSES; i++)
		to->opened_to[i] += from->opened_to[i];
	to->held += from->held;
	to->attempts += from->attempts;
	to->resent += from->resent;
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
	merge_urls(to, from);
}
