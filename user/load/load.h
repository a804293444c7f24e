/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/load - an HTTP/1.1 load generator: how fast does a server answer, and
 * may the answer be trusted?
 *
 * In reading order: url, mix (which of them), schedule (when requests are due), arrivals (how a
 * person says it), response (the parser), failures, validity (the verdict) are
 * pure; connection (one connection's life), loop (one thread) and its engines
 * io_epoll and io_uring move the bytes; handover and stats bring together what
 * threads counted, usage and host what else befell them; load (threads, start to
 * end), outcome (what it comes to), result (text, JSON) and series (the same by
 * intervals) join them. The room calls user/lib only; the command line calls it.
 *
 * Two kinds of latency are always kept. Service time: from sending a request
 * to the end of its answer. Latency: from the moment the request was meant to
 * start. In the open loop that is its place in the schedule, so that a stall
 * of the server is felt by all requests that were due during it and not only
 * by those that were on their way (no coordinated omission). In the closed
 * loop it is the moment its connection was free, so it holds the connecting.
 */
#ifndef OSC_LOAD_LOAD_H
#define OSC_LOAD_LOAD_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/hist.h"
#include "load/failures.h"
#include "load/host.h"
#include "load/mix.h"
#include "load/schedule.h"
#include "load/slo.h"
#include "load/source.h"
#include "load/tls.h"
#include "load/url.h"
#include "load/usage.h"
#include "load/validity.h"

struct osc_error;

#define OSC_LOAD_HEADERS 32
#define OSC_LOAD_THREADS 256
#define OSC_LOAD_PIPELINE 1024
#define OSC_LOAD_URL_TEXT (OSC_URL_HOST + OSC_URL_TARGET + 32)
/* Of all that a connection may have on its way. */
#define OSC_LOAD_BODIES_MAX (64u << 20)

enum osc_load_engine { OSC_LOAD_EPOLL, OSC_LOAD_URING };

struct osc_load_config {
	struct osc_mix mix; /* of one or several URLs of one server */
	enum osc_load_engine engine;
	uint32_t connections;
	uint32_t threads;
	uint32_t pipeline; /* requests in flight on a connection */
	uint64_t requests; /* exactly so many; 0: for duration_ns */
	uint64_t duration_ns;
	/*
	 * All connections are opened and held; duration_ns begins when that is
	 * done, and so does the rate, if there is one.
	 */
	bool idle;
	uint64_t warmup_ns; /* made but not measured */
	struct osc_arrivals arrivals; /* none: closed loop */
	uint32_t requests_per_connection; /* 0: no limit */
	struct osc_arrivals
		openings; /* of connections, at the start; none: at once */
	struct osc_sources sources;
	struct osc_tls_config tls; /* of an https URL; name NULL: its host */
	const char *unix_path; /* of a socket in place of host and port */
	/* The server's; n is 0: osc_load_start() resolves the name. */
	struct osc_addresses addresses;
	uint64_t timeout_ns; /* to connect, and without an answer */
	const char *method;
	const char *body; /* NULL: none */
	size_t body_len;
	const char *headers[OSC_LOAD_HEADERS]; /* "Name: value" */
	unsigned int nr_headers;
	uint16_t expect_status; /* 0: any of 2xx and 3xx */
	uint64_t expect_length; /* of each body; UINT64_MAX: any */
	struct osc_slo slos[OSC_SLO_MAX];
	unsigned int nr_slos;
	bool has_cpus;
	cpu_set_t cpus;
	uint64_t slice_ns; /* between two of osc_load_collect; 0: only at the end */
};

static inline bool osc_load_is_open(const struct osc_load_config *config)
{
	return osc_arrivals_any(&config->arrivals);
}

/* The server, as its first URL names it. */
static inline const struct osc_url *
osc_load_server(const struct osc_load_config *config)
{
	return &config->mix.urls[0];
}

/* The configuration of `osconcepts load` without options, and without a URL. */
void osc_load_defaults(struct osc_load_config *config);

/* Of one of several URLs; see osc_load_stats for the same names. */
struct osc_load_url_stats {
	uint64_t requests;
	struct osc_hist latency, service;
	struct osc_failures failures; /* of requests that were sent */
};

/* What one thread counted, or all of them. */
struct osc_load_stats {
	uint64_t requests; /* answered while measured, whatever the status */
	uint64_t warmup_requests; /* answered, but started before */
	uint64_t bytes; /* received */
	uint64_t body_bytes;
	uint64_t connections_opened;
	uint64_t opened_to[OSC_URL_ADDRESSES]; /* connected, without TLS */
	uint64_t held; /* open at the end of the time */
	uint64_t attempts; /* of requests: written at least in part */
	uint64_t resent; /* of these, attempts that were not processed: resend.c */
	uint64_t unsent; /* due, never sent */
	uint64_t unanswered; /* on their way when a signal ended the run */
	uint64_t missed; /* measured, and not answered as expected: see slo.h */
	uint64_t last_intended_ns, last_sent_ns;
	uint64_t last_answer_ns;
	bool gave_up;
	struct osc_hist latency, service, connect, lag;
	struct osc_hist wrong; /* latency of wrong statuses; in latency, too */
	struct osc_failures failures;
	struct osc_load_url_stats *urls; /* NULL: there is one */
	unsigned int nr_urls;
};

/* Requests that were sent, each once. */
static inline uint64_t osc_load_sent(const struct osc_load_stats *s)
{
	return s->attempts - s->resent;
}

/* Nothing counted, no URLs. */
void osc_load_stats_init(struct osc_load_stats *s);
/* Gives it a place for each of several URLs; false without memory. */
bool osc_load_stats_add_urls(struct osc_load_stats *s, unsigned int n);
/* Nothing counted, the same URLs. */
void osc_load_stats_clear(struct osc_load_stats *s);
struct osc_load_stats *osc_load_stats_new(unsigned int nr_urls);
/* NULL is none. */
void osc_load_stats_free(struct osc_load_stats *s);
/* What two have counted, of other threads or at other times, adds up. */
void osc_load_stats_merge(struct osc_load_stats *to,
			  const struct osc_load_stats *from);

struct osc_load_result {
	const struct osc_load_config *config;
	struct osc_load_stats stats;
	struct osc_addresses addresses; /* see stats.opened_to */
	struct osc_shares client; /* of the time measured */
	struct osc_host host; /* from start to end */
	uint64_t start_ns, measure_ns;
	double duration_s; /* measured, to the last answer */
	double rps;
	bool partial;
	struct osc_validity validity;
	uint64_t slo_ns[OSC_SLO_MAX]; /* see osc_slo_value() */
	bool slos_met; /* all that were asked for */
};

/*
 * What happened between two moments of a run. The stats of all intervals add up
 * to those of the result, to the unit.
 */
struct osc_load_interval {
	uint64_t from_ns, to_ns;
	struct osc_load_stats stats;
	uint32_t open; /* connections, at its end */
	uint64_t in_flight; /* requests sent and not answered, then */
	double cpu_share; /* of the busiest thread; negative: unknown */
	/* Had no time to tell: what they counted comes with the next. */
	uint32_t late_threads;
};

struct osc_load; /* a running load; opaque */

/*
 * Resolves the server's name. Blocks for many seconds if no name server responds:
 * call it before signals are blocked.
 */
int osc_load_resolve(const struct osc_load_config *config,
		     struct osc_addresses *out, struct osc_error *e);

/*
 * Starts the threads. Raises the soft limit of descriptors and, with
 * config->cpus, sets the affinity of the whole process. Signals are the
 * caller's: block them before. config must outlive the load.
 */
int osc_load_start(const struct osc_load_config *config, struct osc_load **out,
		   struct osc_error *e);
/* Readable when the load has ended. */
int osc_load_fd(const struct osc_load *load);
/*
 * What was counted since it was last called. The threads hand over at multiples
 * of config->slice_ns since the start: best called a little after these.
 */
void osc_load_collect(struct osc_load *load, struct osc_load_interval *out);
/*
 * All that was collected, and what could be said of it now; good until the next
 * call on this load.
 */
const struct osc_load_result *osc_load_so_far(struct osc_load *load);
/* Ends it early; the result will say partial. */
void osc_load_stop(struct osc_load *load);
/* Until it has ended: what is then collected is the rest. */
void osc_load_wait(struct osc_load *load);
/*
 * Waits for the end, and frees the load. An error when there is nothing to
 * tell: no connection could be made. Otherwise the result is to be freed.
 */
int osc_load_finish(struct osc_load *load, struct osc_load_result *result,
		    struct osc_error *e);
/* Also one that is all zero, or freed. */
void osc_load_result_free(struct osc_load_result *result);

/* "http://a/b", or "2 URLs of http://a"; returns buf. */
char *osc_load_url_text(const struct osc_load_config *config, char *buf,
			size_t size);
/* [{url, weight}], empty where there is one; NULL without memory. */
json_t *osc_load_urls_json(const struct osc_load_config *config);

/* osconcepts-load/1; NULL without memory. */
json_t *osc_load_json(const struct osc_load_result *r);
/* Writes the screen a person reads; see ferror(out). */
void osc_load_text(const struct osc_load_result *r, FILE *out);

#endif
