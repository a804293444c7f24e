// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/outcome.h"

#include "lib/clock.h"
#include "load/load.h"

/*
 * Open loop: the last request is on time, for the rate that was kept, when it is
 * no later than this, or than the gap between two requests if that is longer.
 */
#define ON_TIME_NS (10 * OSC_NS_PER_MS)

/* The share of the asked rate that was kept: sent, and when it was due. */
static double rate_kept(const struct osc_load_result *r)
{
	const struct osc_load_stats *s = &r->stats;
	uint64_t sent = osc_load_sent(s);
	double kept = 1, due = (double)(sent + s->unsent);
	uint64_t from = r->config->idle ? r->measure_ns : r->start_ns;
	double span, gap, late;

	if (due > 0)
		kept = (double)sent / due;
	/* Requests of one moment have no rate. */
	if (sent < 2 || s->last_intended_ns <= from ||
	    s->last_sent_ns <= s->last_intended_ns)
		return kept;
	span = (double)(s->last_intended_ns - from);
	gap = span / (double)(sent - 1);
	/* All of a burst are due at once, and the next is so much later. */
	if (r->config->arrivals.kind == OSC_ARRIVAL_BURST)
		gap *= (double)r->config->arrivals.burst;
	late = (double)(s->last_sent_ns - s->last_intended_ns);
	if (late > ON_TIME_NS && late > gap)
		kept *= (span + gap) / (span + gap + late);
	return kept;
}

/* Of a trace that is shorter than the time there is the end. */
static uint64_t end_of_duration(const struct osc_load_result *r)
{
	const struct osc_load_config *c = r->config;
	const struct osc_arrivals *a = &c->arrivals;
	uint64_t end = r->measure_ns + c->duration_ns, last;

	if (!a->nr_trace || c->idle)
		return end;
	last = r->start_ns + osc_arrivals_span_ns(a, a->nr_trace);
	return last < end ? last : end;
}

uint64_t osc_load_end(const struct osc_load_result *r)
{
	const struct osc_load_config *c = r->config;
	uint64_t end = 0;

	if (r->partial)
		end = osc_clock_ns();
	else if (!c->requests)
		end = end_of_duration(r);
	else if (osc_load_is_open(c))
		end = r->start_ns +
		      osc_arrivals_span_ns(&c->arrivals, c->requests);
	return end > r->stats.last_answer_ns ? end : r->stats.last_answer_ns;
}

/* Negative: unknown. */
static double part_of(uint64_t n, uint64_t all)
{
	if (n == OSC_HOST_UNKNOWN || all == OSC_HOST_UNKNOWN)
		return -1;
	return all ? (double)n / (double)all : 0;
}

/* Those of connections held, and of connections that are over. */
static double ports_share(const struct osc_load_result *r)
{
	const struct osc_load_config *c = r->config;
	uint64_t addresses = c->sources.count ? c->sources.count : 1;
	uint64_t held = r->stats.connections_opened;

	if (held > c->connections)
		held = c->connections;
	if (r->host.ports_waiting != OSC_HOST_UNKNOWN)
		held += r->host.ports_waiting;
	return r->host.ports == OSC_HOST_UNKNOWN ?
		       -1 :
		       part_of(held, r->host.ports * addresses);
}

/* Connections that were to be opened by then. Those held are awaited. */
static uint64_t due_by(const struct osc_load_config *c, uint64_t elapsed_ns)
{
	uint64_t due = 0, not_due = c->connections;

	if (!osc_arrivals_any(&c->openings) || c->idle)
		return c->connections;
	while (due < not_due) {
		uint64_t n = due + (not_due - due) / 2;

		if (osc_arrivals_span_ns(&c->openings, n) <= elapsed_ns)
			due = n + 1;
		else
			not_due = n;
	}
	return due;
}

void osc_load_judge(struct osc_load_result *r, uint64_t end_ns)
{
	const struct osc_load_stats *s = &r->stats;
	struct osc_validity_facts f = {
		.open = osc_load_is_open(r->config),
		.partial = r->partial,
		.gave_up = s->gave_up,
		.idle = r->config->idle ? r->config->connections : 0,
		.held = s->held,
		.connections = r->config->connections,
		.due = due_by(r->config, end_ns - r->start_ns),
		.requests = s->requests,
		.attempts = osc_load_sent(s),
		.errors = osc_failures_total(&s->failures),
		.unsent = s->unsent,
		.cpu_share = r->client.cpu,
		.wait_share = r->client.wait,
		.rate_kept = rate_kept(r),
		.steal_share = r->host.steal_share,
		.ports_share = ports_share(r),
		.lag_p99_us = (double)osc_hist_percentile(&s->lag, 99) / 1e3,
		.latency_p99_us =
			(double)osc_hist_percentile(&s->latency, 99) / 1e3,
	};

	/* Those of a Unix socket are not TCP's. */
	if (!r->config->unix_path) {
		f.drops_share =
			part_of(r->host.listen_drops, s->connections_opened);
		f.retransmits_share =
			part_of(r->host.retransmits, r->host.segments_sent);
	}
	r->duration_s =
		end_ns > r->measure_ns ?
			(double)(end_ns - r->measure_ns) / OSC_NS_PER_S :
			0;
	r->rps = r->duration_s > 0 ? (double)s->requests / r->duration_s : 0;
	osc_validity_judge(&f, &r->validity);
}
