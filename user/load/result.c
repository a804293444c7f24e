// SPDX-License-Identifier: GPL-2.0-or-later
/* result.c - what came out, for programs and for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/bars.h"
#include "lib/emulated.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "load/arrivals.h"
#include "load/load.h"

static json_t *real_or_null(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

static char *one_url(const struct osc_url *url, char *buf, size_t size)
{
	snprintf(buf, size, "http%s://%s%s", url->tls ? "s" : "",
		 url->authority, url->target);
	return buf;
}

char *osc_load_url_text(const struct osc_load_config *c, char *buf, size_t size)
{
	const struct osc_url *server = osc_load_server(c);

	if (c->mix.n < 2)
		return one_url(server, buf, size);
	snprintf(buf, size, "%u URLs of http%s://%s", c->mix.n,
		 server->tls ? "s" : "", server->authority);
	return buf;
}

static json_t *url_json(const struct osc_load_config *c, unsigned int i)
{
	char url[OSC_LOAD_URL_TEXT];

	return json_pack(
		"{s:o, s:I}", "url",
		osc_json_text(one_url(&c->mix.urls[i], url, sizeof(url))),
		"weight", (json_int_t)osc_mix_weight(&c->mix, i));
}

static json_t *url_stats_json(const struct osc_load_url_stats *s)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "requests",
			 (json_int_t)s->requests, "errors",
			 osc_failures_json(&s->failures), "latency_us",
			 osc_hist_summary_us(&s->latency), "service_us",
			 osc_hist_summary_us(&s->service));
}

/* With what was counted of each, where that is given. */
static json_t *urls_json(const struct osc_load_config *c,
			 const struct osc_load_url_stats *stats)
{
	json_t *array = json_array();
	int failed = !array;

	for (unsigned int i = 0; c->mix.n > 1 && i < c->mix.n && !failed; i++) {
		json_t *row = url_json(c, i);

		if (stats)
			row = osc_json_updated(row, url_stats_json(&stats[i]));
		failed = json_array_append_new(array, row);
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

json_t *osc_load_urls_json(const struct osc_load_config *c)
{
	return urls_json(c, NULL);
}

static json_t *config_json(const struct osc_load_config *c)
{
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:I}",
			      "engine",
			      c->engine == OSC_LOAD_URING ? "uring" : "epoll",
			      "threads", (json_int_t)c->threads, "pipeline",
			      (json_int_t)c->pipeline,
			      "requests_per_connection",
			      (json_int_t)c->requests_per_connection,
			      "requests", (json_int_t)c->requests, "timeout_s",
			      (double)c->timeout_ns / OSC_NS_PER_S, "warmup_s",
			      (double)c->warmup_ns / OSC_NS_PER_S, "method",
			      osc_json_text(c->method), "body_bytes",
			      (json_int_t)c->body_len);

	return osc_json_updated(o, osc_arrivals_json(&c->arrivals));
}

static json_t *client_json(const struct osc_load_result *r)
{
	return json_pack("{s:o, s:o, s:o}", "cpu_share",
			 real_or_null(r->client.cpu), "run_queue_wait_share",
			 real_or_null(r->client.wait), "system_steal_share",
			 real_or_null(r->host.steal_share));
}

static json_t *slo_json(const struct osc_slo *slo, uint64_t ns)
{
	return json_pack(
		"{s:o, s:f, s:o, s:b}", "name", osc_json_text(slo->name),
		"limit_us", (double)slo->limit_ns / 1e3, "value_us",
		ns == UINT64_MAX ? json_null() : json_real((double)ns / 1e3),
		"met", (int)(ns <= slo->limit_ns));
}

static json_t *slos_json(const struct osc_load_result *r)
{
	json_t *array = json_array();
	int failed = !array;

	for (unsigned int i = 0; i < r->config->nr_slos && !failed; i++)
		failed = json_array_append_new(
			array, slo_json(&r->config->slos[i], r->slo_ns[i]));
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

/* The addresses to which connections were made. */
static json_t *addresses_json(const struct osc_load_result *r)
{
	json_t *array = json_array();
	char text[OSC_ADDRESS_TEXT];
	int failed = !array;

	for (unsigned int i = 0; i < r->addresses.n && !failed; i++) {
		if (!r->stats.opened_to[i])
			continue;
		failed = json_array_append_new(
			array, json_pack("{s:o, s:I}", "address",
					 osc_json_text(osc_address_text(
						 &r->addresses, i, text)),
					 "connections",
					 (json_int_t)r->stats.opened_to[i]));
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}

json_t *osc_load_json(const struct osc_load_result *r)
{
	const struct osc_load_config *c = r->config;
	const struct osc_load_stats *s = &r->stats;
	char url[OSC_LOAD_URL_TEXT];
	json_t *o, *more;

	o = json_pack(
		"{s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, "
		"s:b, s:o, s:o, s:o}",
		"schema", "osconcepts-load/1", "url",
		osc_json_text(one_url(osc_load_server(c), url, sizeof(url))),
		"mode",
		osc_load_is_open(c) ? "open" :
		c->idle		    ? "idle" :
				      "closed",
		"connections", (json_int_t)c->connections, "requests",
		(json_int_t)s->requests, "warmup_requests",
		(json_int_t)s->warmup_requests, "unsent", (json_int_t)s->unsent,
		"unanswered", (json_int_t)s->unanswered, "resent",
		(json_int_t)s->resent, "connections_opened",
		(json_int_t)s->connections_opened, "bytes",
		(json_int_t)s->bytes, "duration_s", r->duration_s, "rps",
		r->rps, "partial", (int)r->partial, "held",
		c->idle ? json_integer((json_int_t)s->held) : json_null(),
		"urls", urls_json(c, s->urls), "addresses", addresses_json(r));
	more = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o}",
		"errors", osc_failures_json(&s->failures), "error_details",
		osc_failures_details(&s->failures, r->start_ns), "latency_us",
		osc_hist_summary_us(&s->latency), "service_us",
		osc_hist_summary_us(&s->service), "connect_us",
		osc_hist_summary_us(&s->connect), "lag_us",
		osc_load_is_open(c) ? osc_hist_summary_us(&s->lag) :
				      json_null(),
		"histogram", osc_hist_json(&s->latency), "service_histogram",
		osc_hist_json(&s->service), "client", client_json(r), "network",
		osc_host_json(&r->host), "config", config_json(c), "validity",
		osc_validity_json(&r->validity), "slos", slos_json(r),
		"platform", osc_platform());
	return osc_json_updated(o, more);
}

#define MEAN -1.0
/* Of the table of URLs, without their names. */
#define URLS_WIDTH 70

/* Each time takes ten columns, behind the names of the rows. */
static const struct {
	const char *name;
	double percent; /* MEAN: it is none */
} points[] = { { "p50", 50 },	  { "p90", 90 },  { "p99", 99 },
	       { "p99.9", 99.9 }, { "max", 100 }, { "mean", MEAN } };
#define NR_POINTS (sizeof(points) / sizeof(points[0]))
#define TIMES_WIDTH (11 + 10 * NR_POINTS)

static const char *const time_names[] = { "latency", "service", "connect",
					  "lag" };

static void time_text(const struct osc_hist *h, double percent, FILE *out)
{
	char text[32];

	fprintf(out, " %9s",
		!h->count ?
			"-" :
			osc_format_ns(percent < 0 ? osc_hist_mean(h) :
						    (double)osc_hist_percentile(
							    h, percent),
				      text, sizeof(text)));
}

/* A column for each percentile, or in a narrow place a line. */
static void percentiles_text(const struct osc_load_result *r,
			     unsigned int columns, FILE *out)
{
	const struct osc_load_stats *s = &r->stats;
	const struct osc_hist *h[] = { &s->latency, &s->service, &s->connect,
				       &s->lag };
	size_t n = osc_load_is_open(r->config) ? 4 : 3;

	fputc('\n', out);
	if (columns >= TIMES_WIDTH) {
		fprintf(out, "  %-9s", "");
		for (size_t p = 0; p < NR_POINTS; p++)
			fprintf(out, " %9s", points[p].name);
		fputc('\n', out);
		for (size_t i = 0; i < n; i++) {
			fprintf(out, "  %-9s", time_names[i]);
			for (size_t p = 0; p < NR_POINTS; p++)
				time_text(h[i], points[p].percent, out);
			fputc('\n', out);
		}
		return;
	}
	fprintf(out, "  %-5s", "");
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %9s", time_names[i]);
	fputc('\n', out);
	for (size_t p = 0; p < NR_POINTS; p++) {
		fprintf(out, "  %-5s", points[p].name);
		for (size_t i = 0; i < n; i++)
			time_text(h[i], points[p].percent, out);
		fputc('\n', out);
	}
}

static void times_text(const struct osc_load_result *r, unsigned int columns,
		       FILE *out)
{
	percentiles_text(r, columns, out);
	fprintf(out,
		"\n  latency: from when a request %s to the end of its answer\n"
		"  service: from when it was really sent, waiting for its turn "
		"left out\n",
		osc_load_is_open(r->config) ?
			"was due" :
			"could start, connecting included,");
	if (osc_load_is_open(r->config))
		fputs("  lag: how late we sent though a connection was free\n",
		      out);
}

/* A line for its name, which may be long, and one for what it has. */
static void url_text(const struct osc_load_result *r, unsigned int i,
		     unsigned int columns, FILE *out)
{
	const struct osc_load_url_stats *u = &r->stats.urls[i];
	const struct osc_load_config *c = r->config;
	char url[OSC_LOAD_URL_TEXT], count[32];

	fprintf(out, "  %s\n", one_url(&c->mix.urls[i], url, sizeof(url)));
	fprintf(out, "  %6" PRIu32 " %11s", osc_mix_weight(&c->mix, i),
		osc_format_count(u->requests, count, sizeof(count)));
	fprintf(out, " %9s",
		osc_format_count(osc_failures_total(&u->failures), count,
				 sizeof(count)));
	if (columns < URLS_WIDTH)
		fprintf(out, "\n  %6s", "");
	time_text(&u->latency, 50, out);
	time_text(&u->latency, 99, out);
	time_text(&u->service, 50, out);
	time_text(&u->service, 99, out);
	fputc('\n', out);
}

static void urls_text(const struct osc_load_result *r, unsigned int columns,
		      FILE *out)
{
	if (!r->stats.nr_urls)
		return;
	fprintf(out, "\n  %6s %11s %9s", "weight", "requests", "errors");
	if (columns < URLS_WIDTH)
		fprintf(out, "\n  %6s", "");
	fprintf(out, " %19s %19s\n", "latency p50, p99", "service p50, p99");
	for (unsigned int i = 0; i < r->stats.nr_urls; i++)
		url_text(r, i, columns, out);
}

/* "1 request was", "2 requests were" */
static const char *requests_were(uint64_t n, char *buf, size_t size)
{
	char count[32];

	snprintf(buf, size, "%s %s", osc_format_count(n, count, sizeof(count)),
		 n == 1 ? "request was" : "requests were");
	return buf;
}

static void errors_text(const struct osc_load_result *r, FILE *out)
{
	const struct osc_failures *f = &r->stats.failures;
	char name[64], count[32], were[64];

	fprintf(out, "\nErrors: %s\n",
		f->n ? osc_format_count(osc_failures_total(f), count,
					sizeof(count)) :
		       "none");
	for (unsigned int i = 0; i < f->n; i++)
		fprintf(out, "  %-24s %10s  %s\n",
			osc_failure_name(&f->rows[i], name, sizeof(name)),
			osc_format_count(f->rows[i].count, count,
					 sizeof(count)),
			osc_failure_hint(&f->rows[i]));
	if (r->stats.unsent)
		fprintf(out, "  %s due and never sent\n",
			requests_were(r->stats.unsent, were, sizeof(were)));
	if (r->stats.unanswered)
		fprintf(out, "  %s on the way at the end\n",
			requests_were(r->stats.unanswered, were, sizeof(were)));
	if (r->stats.resent)
		fprintf(out,
			"  %s sent again: the server closed the connection "
			"first\n",
			requests_were(r->stats.resent, were, sizeof(were)));
}

static void slos_text(const struct osc_load_result *r, FILE *out)
{
	char limit[32], value[32];

	for (unsigned int i = 0; i < r->config->nr_slos; i++) {
		const struct osc_slo *slo = &r->config->slos[i];
		uint64_t ns = r->slo_ns[i];

		fprintf(out, "SLO %s at most %s: %s, %s\n", slo->name,
			osc_format_ns((double)slo->limit_ns, limit,
				      sizeof(limit)),
			ns <= slo->limit_ns ? "met" : "NOT MET",
			ns == UINT64_MAX ? "too many requests failed" :
					   osc_format_ns((double)ns, value,
							 sizeof(value)));
	}
}

/* Nothing if the URL has the address itself. */
static void addresses_text(const struct osc_load_result *r, FILE *out)
{
	const char *host = osc_load_server(r->config)->host;
	const char *before = " to";
	char text[OSC_ADDRESS_TEXT], count[32];

	for (unsigned int i = 0; i < r->addresses.n; i++) {
		uint64_t n = r->stats.opened_to[i];

		osc_address_text(&r->addresses, i, text);
		if (!n || r->config->unix_path || !strcmp(text, host))
			continue;
		fprintf(out, "%s %s", before, text);
		if (n != r->stats.connections_opened)
			fprintf(out, " (%s)",
				osc_format_count(n, count, sizeof(count)));
		before = ",";
	}
}

static void head_text(const struct osc_load_result *r, FILE *out)
{
	const struct osc_load_config *c = r->config;
	const struct osc_load_stats *s = &r->stats;
	char url[OSC_LOAD_URL_TEXT], a[32], b[32];
	char arrivals[128];

	fprintf(out, "%s %s\n", c->method,
		osc_load_url_text(c, url, sizeof(url)));
	fprintf(out, "  %" PRIu32 " connection%s, ", c->connections,
		c->connections == 1 ? "" : "s");
	if (osc_load_is_open(c))
		fprintf(out, "open loop %s",
			osc_arrivals_text(&c->arrivals, arrivals,
					  sizeof(arrivals)));
	else
		fputs(c->idle ? "held without a request" : "closed loop", out);
	if (c->body)
		fprintf(out, ", bodies of %zu bytes", c->body_len);
	if (c->requests_per_connection)
		fprintf(out, ", %" PRIu32 " per connection",
			c->requests_per_connection);
	if (c->pipeline > 1)
		fprintf(out, ", pipelined %" PRIu32 " deep", c->pipeline);
	fprintf(out, "\n\n  %s request%s in %.2f s: %s requests/s, %.2f MB/s\n",
		osc_format_count(s->requests, a, sizeof(a)),
		s->requests == 1 ? "" : "s", r->duration_s,
		osc_format_real(r->rps, b, sizeof(b)),
		r->duration_s > 0 ? (double)s->bytes / 1e6 / r->duration_s : 0);
	fprintf(out, "  %s connection%s opened",
		osc_format_count(s->connections_opened, a, sizeof(a)),
		s->connections_opened == 1 ? "" : "s");
	addresses_text(r, out);
	if (c->idle)
		fprintf(out, ", %s held to the end",
			osc_format_count(s->held, a, sizeof(a)));
	fprintf(out, "%s\n", r->partial ? "; PARTIAL: stopped early" : "");
}

static void whole_text(const struct osc_load_result *r, unsigned int columns,
		       FILE *out)
{
	head_text(r, out);
	times_text(r, columns, out);
	urls_text(r, columns, out);
	errors_text(r, out);
	slos_text(r, out);
	fputs(osc_verdict_word(r->validity.verdict), out);
	if (r->client.cpu >= 0)
		fprintf(out, " (client %.0f %% busy", r->client.cpu * 100);
	if (r->client.cpu >= 0 && r->client.wait >= 0)
		fprintf(out, ", %.1f %% waiting for a CPU",
			r->client.wait * 100);
	fputs(r->client.cpu >= 0 ? ")\n" : "\n", out);
	for (unsigned int i = 0; i < r->validity.n; i++)
		fprintf(out, "  %s\n", r->validity.why[i]);
	if (osc_platform_emulated())
		fputs(OSC_EMULATED_NOTE(" ") "\n", out);
}

void osc_load_text(const struct osc_load_result *r, FILE *out)
{
	unsigned int columns = osc_bars_for(out).columns;
	char *text = NULL;
	size_t size;
	FILE *whole = open_memstream(&text, &size);

	/* Without memory its lines are as long as they are. */
	whole_text(r, columns, whole ?: out);
	if (whole && !fclose(whole))
		osc_text_fold_lines(text, columns, out);
	else if (whole)
		whole_text(r, columns, out);
	free(text);
}
