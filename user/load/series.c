// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/series.h"

#include "lib/clock.h"
#include "lib/output.h"

static double span(const struct osc_load_interval *i)
{
	return osc_clock_seconds(i->from_ns, i->to_ns);
}

/* Of both together, as far as it is known. */
static double mean_share(const struct osc_load_interval *a,
			 const struct osc_load_interval *b)
{
	double all = span(a) + span(b);

	if (a->cpu_share < 0 || b->cpu_share < 0 || all <= 0)
		return a->cpu_share < 0 ? b->cpu_share : a->cpu_share;
	return (a->cpu_share * span(a) + b->cpu_share * span(b)) / all;
}

void osc_load_interval_add(struct osc_load_interval *to,
			   const struct osc_load_interval *from)
{
	to->cpu_share = mean_share(to, from);
	to->to_ns = from->to_ns;
	to->open = from->open;
	to->in_flight = from->in_flight;
	to->late_threads = from->late_threads;
	osc_load_stats_merge(&to->stats, &from->stats);
}

static void restart(struct osc_series *s, uint64_t from_ns)
{
	s->sum.from_ns = s->sum.to_ns = from_ns;
	s->sum.cpu_share = -1;
	osc_load_stats_init(&s->sum.stats);
}

void osc_series_begin(struct osc_series *s, FILE *out, uint64_t interval_ns,
		      uint64_t start_ns)
{
	s->out = out;
	s->interval_ns = interval_ns;
	s->next_ns = start_ns + interval_ns;
	restart(s, start_ns);
	osc_host_read(&s->before);
}

/* Of the rest of an interval, at the end, a rate is that of a few requests. */
static json_t *rps_json(const struct osc_load_interval *i, uint64_t interval_ns)
{
	const struct osc_load_stats *s = &i->stats;
	double all = (double)(s->requests + s->warmup_requests);

	return span(i) * 2 < (double)interval_ns / OSC_NS_PER_S ||
			       span(i) <= 0 ?
		       json_null() :
		       json_real(all / span(i));
}

static json_t *counts_json(const struct osc_load_interval *i, uint64_t start_ns,
			   uint64_t interval_ns)
{
	const struct osc_load_stats *s = &i->stats;

	return json_pack(
		"{s:s, s:f, s:f, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}",
		"schema", "osconcepts-load-series/1", "t_s",
		osc_clock_seconds(start_ns, i->to_ns), "seconds", span(i),
		"requests", (json_int_t)s->requests, "warmup_requests",
		(json_int_t)s->warmup_requests, "rps", rps_json(i, interval_ns),
		"errors", osc_failures_json(&s->failures), "bytes",
		(json_int_t)s->bytes, "connections_opened",
		(json_int_t)s->connections_opened, "connections_open",
		(json_int_t)i->open, "in_flight", (json_int_t)i->in_flight);
}

static json_t *times_json(const struct osc_load_interval *i, bool open_loop,
			  const struct osc_host *host)
{
	const struct osc_load_stats *s = &i->stats;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "latency_us",
		osc_hist_summary_us(&s->latency), "service_us",
		osc_hist_summary_us(&s->service), "connect_us",
		osc_hist_summary_us(&s->connect), "lag_us",
		open_loop ? osc_hist_summary_us(&s->lag) : json_null(),
		"client_cpu_share",
		i->cpu_share < 0 ? json_null() : json_real(i->cpu_share),
		"late_threads", (json_int_t)i->late_threads,
		"system_listen_drops", osc_host_count_json(host->listen_drops),
		"system_retransmits", osc_host_count_json(host->retransmits));
}

json_t *osc_load_interval_json(const struct osc_load_interval *i,
			       uint64_t interval_ns,
			       const struct osc_load_result *so_far,
			       const struct osc_host *host)
{
	return osc_json_updated(counts_json(i, so_far->start_ns, interval_ns),
				times_json(i, osc_load_is_open(so_far->config),
					   host));
}

static int write_interval(struct osc_series *s,
			  const struct osc_load_result *so_far,
			  struct osc_error *e)
{
	struct osc_host_counts now;
	struct osc_host host;
	int ret;

	osc_host_read(&now);
	host = osc_host_between(&s->before, &now);
	s->before = now;
	ret = osc_json_print_line(
		osc_load_interval_json(&s->sum, s->interval_ns, so_far, &host),
		s->out, e);
	restart(s, s->sum.to_ns);
	return ret;
}

int osc_series_add(struct osc_series *s, const struct osc_load_interval *slice,
		   const struct osc_load_result *so_far, uint64_t now_ns,
		   struct osc_error *e)
{
	if (!s->out)
		return 0;
	osc_load_interval_add(&s->sum, slice);
	if (now_ns < s->next_ns)
		return 0;
	while (s->next_ns <= now_ns)
		s->next_ns += s->interval_ns;
	return write_interval(s, so_far, e);
}

int osc_series_end(struct osc_series *s, const struct osc_load_interval *slice,
		   const struct osc_load_result *so_far, struct osc_error *e)
{
	if (!s->out)
		return 0;
	osc_load_interval_add(&s->sum, slice);
	return write_interval(s, so_far, e);
}
