// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - the threads of a load, from its configuration to its result. */
#include "load/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/ring.h"
#include "load/loop.h"

/* Open loop: so late is still on time, for the rate that was kept. */
#define ON_TIME_NS (10 * OSC_NS_PER_MS)
/* Descriptors beside those of the connections, and per thread. */
#define SPARE_FDS 16
#define THREAD_FDS 3

struct worker {
	struct osc_load *load;
	pthread_t thread;
	bool started;
	struct osc_loop loop;
};

struct osc_load {
	const struct osc_load_config *config;
	struct osc_addresses addresses;
	struct osc_load_text text;
	uint64_t start_ns;
	atomic_bool stop;
	atomic_uint running;
	int done; /* eventfd */
	struct worker *workers;
};

void osc_load_defaults(struct osc_load_config *config)
{
	*config = (struct osc_load_config){
		.connections = 64,
		.threads = 1,
		.pipeline = 1,
		.timeout_ns = 10 * OSC_NS_PER_S,
		.method = "GET",
	};
}

/* One request, the same each time. NULL without memory. */
static char *compose(const struct osc_load_config *config, bool closes,
		     size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	if (!out)
		return NULL;
	fprintf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", config->method,
		config->url.target, config->url.authority);
	for (unsigned int i = 0; i < config->nr_headers; i++)
		fprintf(out, "%s\r\n", config->headers[i]);
	if (config->body)
		fprintf(out, "Content-Length: %zu\r\n", config->body_len);
	fprintf(out, "%s\r\n", closes ? "Connection: close\r\n" : "");
	if (config->body)
		fwrite(config->body, 1, config->body_len, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int compose_all(struct osc_load *load, struct osc_error *e)
{
	uint32_t n = load->config->pipeline;
	size_t keep_len, close_len;
	char *one = compose(load->config, false, &keep_len);

	load->text.close = compose(load->config, true, &close_len);
	load->text.keep = one ? calloc(n, keep_len) : NULL;
	if (!load->text.close || !load->text.keep) {
		free(one);
		return osc_error_set(
			e, ENOMEM, "cannot prepare the request: out of memory");
	}
	for (uint32_t i = 0; i < n; i++)
		memcpy(load->text.keep + i * keep_len, one, keep_len);
	free(one);
	load->text.keep_len = (uint32_t)keep_len;
	load->text.close_len = (uint32_t)close_len;
	return 0;
}

/* The soft limit is a default; the hard one is a decision of somebody's. */
static int raise_descriptors(const struct osc_load_config *c,
			     struct osc_error *e)
{
	rlim_t need = (rlim_t)c->connections + (rlim_t)c->threads * THREAD_FDS +
		      SPARE_FDS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return osc_error_set(e, errno,
				     "cannot read the limit of descriptors: %s",
				     strerror(errno));
	if (limit.rlim_cur >= need)
		return 0;
	if (limit.rlim_max < need)
		return osc_error_set(
			e, EMFILE,
			"cannot open %" PRIu32 " connections: the limit of "
			"descriptors (RLIMIT_NOFILE) is %llu, %llu are needed; "
			"try --connections %llu, or raise it: ulimit -Hn",
			c->connections, (unsigned long long)limit.rlim_max,
			(unsigned long long)need,
			limit.rlim_max > need - c->connections ?
				(unsigned long long)(limit.rlim_max -
						     (need - c->connections)) :
				1);
	limit.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return osc_error_set(e, errno,
				     "cannot raise the limit of descriptors to "
				     "%llu: %s; try ulimit -n",
				     (unsigned long long)need, strerror(errno));
	return 0;
}

/* An even share: the first `all % n` get one more. */
static uint64_t share(uint64_t all, uint32_t n, uint32_t i)
{
	return all / n + (i < all % n);
}

static int init_worker(struct osc_load *load, uint32_t i, struct osc_error *e)
{
	const struct osc_load_config *c = load->config;
	struct worker *w = &load->workers[i];
	struct osc_loop *loop = &w->loop;

	w->load = load;
	loop->config = c;
	loop->text = &load->text;
	loop->addresses = &load->addresses;
	loop->stop = &load->stop;
	loop->index = i;
	loop->nr = (uint32_t)share(c->connections, c->threads, i);
	loop->budget = c->requests ? share(c->requests, c->threads, i) :
				     UINT64_MAX;
	loop->start_ns = load->start_ns;
	loop->measure_ns = loop->start_ns + c->warmup_ns;
	loop->end_ns = c->requests || c->idle ?
			       UINT64_MAX :
			       loop->measure_ns + c->duration_ns;
	if (c->idle)
		loop->measure_ns = UINT64_MAX;
	if (c->rate && !c->idle)
		osc_schedule_init(&loop->schedule, c->arrival, (double)c->rate,
				  i, c->threads, loop->start_ns);
	else
		loop->schedule.next_ns = UINT64_MAX;
	if (c->connect_rate)
		osc_schedule_init(&loop->openings, OSC_ARRIVAL_CONSTANT,
				  (double)c->connect_rate, i, c->threads,
				  loop->start_ns);
	return osc_loop_init(loop, e);
}

static void *run_worker(void *arg)
{
	static const uint64_t one = 1;
	struct worker *w = arg;
	struct osc_load *load = w->load;

	osc_loop_run(&w->loop);
	/* An eventfd takes a one: this cannot fail. */
	if (atomic_fetch_sub(&load->running, 1) == 1 &&
	    write(load->done, &one, sizeof(one)) < 0)
		abort();
	return NULL;
}

void osc_load_stop(struct osc_load *load)
{
	static const uint64_t one = 1;

	atomic_store(&load->stop, true);
	for (uint32_t i = 0; i < load->config->threads; i++) {
		if (load->workers[i].started &&
		    write(load->workers[i].loop.wake, &one, sizeof(one)) < 0)
			abort();
	}
}

static void join_workers(struct osc_load *load)
{
	for (uint32_t i = 0; i < load->config->threads; i++) {
		if (load->workers[i].started)
			pthread_join(load->workers[i].thread, NULL);
		load->workers[i].started = false;
	}
}

static void load_free(struct osc_load *load)
{
	for (uint32_t i = 0; load->workers && i < load->config->threads; i++) {
		if (load->workers[i].load)
			osc_loop_free(&load->workers[i].loop);
	}
	if (load->done >= 0)
		close(load->done);
	free(load->workers);
	free(load->text.keep);
	free(load->text.close);
	free(load);
}

static int start_workers(struct osc_load *load, struct osc_error *e)
{
	uint32_t n = load->config->threads;
	int ret = 0;

	load->start_ns = osc_clock_ns();
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = init_worker(load, i, e);
	atomic_store(&load->running, n);
	for (uint32_t i = 0; i < n && !ret; i++) {
		struct worker *w = &load->workers[i];

		ret = pthread_create(&w->thread, NULL, run_worker, w);
		if (ret)
			ret = osc_error_set(e, ret,
					    "cannot start a thread: %s; try "
					    "fewer --threads",
					    strerror(ret));
		else
			w->started = true;
	}
	return ret;
}

static int resolve(const struct osc_load_config *config,
		   struct osc_addresses *out, struct osc_error *e)
{
	int ret;

	if (config->unix_path)
		return osc_url_unix(config->unix_path, out, e);
	ret = osc_url_resolve(&config->url, out, e);
	if (ret || !config->sources.count)
		return ret;
	for (unsigned int i = 0; i < out->n; i++) {
		if (out->address[i].ss_family != AF_INET)
			return osc_error_set_exit(
				e, OSC_EXIT_USAGE, EAFNOSUPPORT,
				"--src: %s is no IPv4 address; try that of "
				"the server",
				config->url.host);
	}
	return 0;
}

static int check_engine(const struct osc_load_config *config,
			struct osc_error *e)
{
	struct osc_error why = { 0 };

	if (config->engine != OSC_LOAD_URING || !osc_ring_check(&why))
		return 0;
	return osc_error_set_exit(e, OSC_EXIT_MISSING, ENOTSUP,
				  "--engine uring: %s; try --engine epoll",
				  why.text);
}

int osc_load_start(const struct osc_load_config *config, struct osc_load **out,
		   struct osc_error *e)
{
	struct osc_load *load;
	int ret = check_engine(config, e);

	*out = NULL;
	if (ret)
		return ret;
	load = calloc(1, sizeof(*load));
	if (!load)
		return osc_error_set(e, ENOMEM,
				     "cannot start the load: out of memory");
	load->config = config;
	load->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	load->workers = calloc(config->threads, sizeof(*load->workers));
	if (load->done < 0 || !load->workers)
		ret = osc_error_set(e, errno, "cannot start the load: %s",
				    strerror(errno));
	if (!ret)
		ret = raise_descriptors(config, e);
	if (!ret && config->has_cpus &&
	    sched_setaffinity(0, sizeof(config->cpus), &config->cpus))
		ret = osc_error_set(e, errno,
				    "cannot run on the CPUs of --cpus: %s",
				    strerror(errno));
	if (!ret)
		ret = resolve(config, &load->addresses, e);
	if (!ret)
		ret = compose_all(load, e);
	if (!ret)
		ret = start_workers(load, e);
	if (ret) {
		if (load->workers) {
			osc_load_stop(load);
			join_workers(load);
		}
		load_free(load);
		return ret;
	}
	*out = load;
	return 0;
}

int osc_load_fd(const struct osc_load *load)
{
	return load->done;
}

void osc_load_progress(struct osc_load *load, struct osc_load_progress *out)
{
	*out = (struct osc_load_progress){ .start_ns = load->start_ns };
	for (uint32_t i = 0; i < load->config->threads; i++) {
		struct osc_loop *l = &load->workers[i].loop;
		uint64_t p99 = atomic_load_explicit(&l->live_p99_ns,
						    memory_order_relaxed);

		out->requests += atomic_load_explicit(&l->live_requests,
						      memory_order_relaxed);
		out->errors += atomic_load_explicit(&l->live_errors,
						    memory_order_relaxed);
		if (p99 > out->p99_ns)
			out->p99_ns = p99;
	}
}

static void max_u64(uint64_t *to, uint64_t value)
{
	if (value > *to)
		*to = value;
}

static void max_real(double *to, double value)
{
	if (value > *to)
		*to = value;
}

static void merge(struct osc_load_stats *to, const struct osc_load_stats *from)
{
	to->requests += from->requests;
	to->warmup_requests += from->warmup_requests;
	to->bytes += from->bytes;
	to->body_bytes += from->body_bytes;
	to->connections_opened += from->connections_opened;
	to->held += from->held;
	max_u64(&to->measure_ns, from->measure_ns);
	to->attempts += from->attempts;
	to->unsent += from->unsent;
	to->unanswered += from->unanswered;
	to->gave_up |= from->gave_up;
	max_u64(&to->last_intended_ns, from->last_intended_ns);
	max_u64(&to->last_sent_ns, from->last_sent_ns);
	max_u64(&to->last_answer_ns, from->last_answer_ns);
	max_real(&to->cpu_share, from->cpu_share);
	max_real(&to->wait_share, from->wait_share);
	osc_hist_merge(&to->latency, &from->latency);
	osc_hist_merge(&to->service, &from->service);
	osc_hist_merge(&to->connect, &from->connect);
	osc_hist_merge(&to->lag, &from->lag);
	osc_failures_merge(&to->failures, &from->failures);
}

static void init_stats(struct osc_load_stats *s)
{
	memset(s, 0, sizeof(*s));
	s->cpu_share = s->wait_share = -1;
	osc_hist_init(&s->latency);
	osc_hist_init(&s->service);
	osc_hist_init(&s->connect);
	osc_hist_init(&s->lag);
}

/* The share of the asked rate that was kept: sent, and when it was due. */
static double rate_kept(const struct osc_load_result *r)
{
	const struct osc_load_stats *s = &r->stats;
	double kept = 1, due = (double)(s->attempts + s->unsent);
	uint64_t from = r->config->idle ? r->measure_ns : r->start_ns;

	if (due > 0)
		kept = (double)s->attempts / due;
	if (s->last_sent_ns > s->last_intended_ns + ON_TIME_NS)
		kept *= (double)(s->last_intended_ns - from) /
			(double)(s->last_sent_ns - from);
	return kept;
}

/*
 * From the first request measured to the end of the time asked for, or to the
 * last answer when that came later.
 */
static double measured_seconds(const struct osc_load_result *r)
{
	const struct osc_load_config *c = r->config;
	uint64_t end = 0;

	if (r->partial)
		end = osc_clock_ns();
	else if (!c->requests)
		end = r->measure_ns + c->duration_ns;
	else if (c->rate)
		end = r->start_ns +
		      (uint64_t)((double)c->requests * (double)OSC_NS_PER_S /
				 (double)c->rate);
	max_u64(&end, r->stats.last_answer_ns);
	return end > r->measure_ns ?
		       (double)(end - r->measure_ns) / OSC_NS_PER_S :
		       0;
}

static void judge(struct osc_load_result *r)
{
	const struct osc_load_stats *s = &r->stats;
	struct osc_validity_facts f = {
		.open = r->config->rate,
		.partial = r->partial,
		.gave_up = s->gave_up,
		.idle = r->config->idle ? r->config->connections : 0,
		.held = s->held,
		.requests = s->requests,
		.attempts = s->attempts,
		.errors = osc_failures_total(&s->failures),
		.unsent = s->unsent,
		.cpu_share = s->cpu_share,
		.wait_share = s->wait_share,
		.rate_kept = rate_kept(r),
		.lag_p99_us = (double)osc_hist_percentile(&s->lag, 99) / 1e3,
		.latency_p99_us =
			(double)osc_hist_percentile(&s->latency, 99) / 1e3,
	};

	osc_validity_judge(&f, &r->validity);
}

static void judge_slos(struct osc_load_result *r)
{
	/* What was due and is not answered by the end was not in time. */
	uint64_t failed = osc_failures_total(&r->stats.failures) +
			  r->stats.unsent + r->stats.unanswered;

	r->slos_met = true;
	for (unsigned int i = 0; i < r->config->nr_slos; i++) {
		const struct osc_slo *slo = &r->config->slos[i];

		r->slo_ns[i] = osc_slo_value(slo, &r->stats.latency, failed);
		r->slos_met &= r->slo_ns[i] <= slo->limit_ns;
	}
}

/* Nothing was measured: that is an error and not a result. */
static int check_failed(const struct osc_load *load,
			const struct osc_load_result *r, struct osc_error *e)
{
	const struct osc_load_stats *s = &r->stats;
	const char *hint = "see the server's log";
	char name[64] = "no attempt ended";

	for (uint32_t i = 0; i < load->config->threads; i++) {
		if (load->workers[i].loop.error.err) {
			*e = load->workers[i].loop.error;
			return -e->err;
		}
	}
	if (s->connections_opened || r->partial)
		return 0;
	if (s->failures.n) {
		osc_failure_name(&s->failures.rows[0], name, sizeof(name));
		hint = osc_failure_hint(&s->failures.rows[0]);
	}
	if (load->config->unix_path)
		return osc_error_set(e, ENOTCONN,
				     "cannot connect to %s: %s; %s",
				     load->config->unix_path, name, hint);
	return osc_error_set(e, ENOTCONN, "cannot connect to %s:%u: %s; %s",
			     load->config->url.host,
			     (unsigned int)load->config->url.port, name, hint);
}

int osc_load_finish(struct osc_load *load, struct osc_load_result *r,
		    struct osc_error *e)
{
	int ret;

	join_workers(load);
	r->config = load->config;
	r->start_ns = load->start_ns;
	r->measure_ns = load->start_ns + load->config->warmup_ns;
	r->partial = atomic_load(&load->stop);
	init_stats(&r->stats);
	for (uint32_t i = 0; i < load->config->threads; i++)
		merge(&r->stats, load->workers[i].loop.stats);
	if (load->config->idle)
		r->measure_ns = r->stats.measure_ns;
	r->duration_s = measured_seconds(r);
	r->rps = r->duration_s > 0 ? (double)r->stats.requests / r->duration_s :
				     0;
	judge(r);
	judge_slos(r);
	ret = check_failed(load, r, e);
	load_free(load);
	return ret;
}
