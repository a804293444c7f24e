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
#include "load/outcome.h"

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
	struct osc_tls *tls; /* NULL: plain text */
	uint64_t start_ns;
	atomic_bool stop, found;
	struct osc_holding holding;
	atomic_uint running;
	int done; /* eventfd */
	struct worker *workers;
	struct osc_host_counts host; /* at the start */
	uint64_t collected_ns; /* what was counted until then … */
	struct osc_load_result result; /* … is in these stats */
};

void osc_load_defaults(struct osc_load_config *config)
{
	*config = (struct osc_load_config){
		.connections = 64,
		.threads = 1,
		.pipeline = 1,
		.timeout_ns = 10 * OSC_NS_PER_S,
		.method = "GET",
		.expect_length = UINT64_MAX,
	};
}

/* Fewer connections are no way out where each thread would not have one. */
static int too_few_descriptors(const struct osc_load_config *c, rlim_t need,
			       rlim_t limit, struct osc_error *e)
{
	rlim_t others = need - c->connections;
	char fewer[64] = "";

	if (limit >= others + c->threads)
		snprintf(fewer, sizeof(fewer), "%s %llu or ",
			 c->idle ? "--idle" : "--connections",
			 (unsigned long long)(limit - others));
	return osc_error_set(e, EMFILE,
			     "cannot open %" PRIu32 " connection%s: the limit "
			     "of descriptors (RLIMIT_NOFILE) is %llu, %llu are "
			     "needed; try %s'ulimit -n %llu'",
			     c->connections, c->connections == 1 ? "" : "s",
			     (unsigned long long)limit,
			     (unsigned long long)need, fewer,
			     (unsigned long long)need);
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
		return too_few_descriptors(c, need, limit.rlim_max, e);
	limit.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return osc_error_set(e, errno,
				     "cannot raise the limit of descriptors to "
				     "%llu: %s; try ulimit -n",
				     (unsigned long long)need, strerror(errno));
	return 0;
}

/* Even shares, of which the first `all % n` get one more: those before the i-th. */
static uint64_t shares_before(uint64_t all, uint32_t n, uint32_t i)
{
	uint64_t longer = all % n;

	return all / n * i + (i < longer ? i : longer);
}

static uint64_t share(uint64_t all, uint32_t n, uint32_t i)
{
	return shares_before(all, n, i + 1) - shares_before(all, n, i);
}

/* So that the shares of all threads are, together, as the order of one. */
static uint16_t first_turn(const struct osc_load *load, uint32_t i)
{
	const struct osc_load_config *c = load->config;
	uint64_t before =
		c->requests ? shares_before(c->requests, c->threads, i) : i;

	return (uint16_t)(before % load->text.nr_turns);
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
	loop->tls = load->tls;
	loop->stop = &load->stop;
	loop->found = &load->found;
	loop->holding = &load->holding;
	loop->index = i;
	loop->nr = (uint32_t)share(c->connections, c->threads, i);
	loop->turn = first_turn(load, i);
	loop->budget = c->requests ? share(c->requests, c->threads, i) :
				     UINT64_MAX;
	loop->start_ns = load->start_ns;
	loop->measure_ns = loop->start_ns + c->warmup_ns;
	loop->end_ns = c->requests || c->idle ?
			       UINT64_MAX :
			       loop->measure_ns + c->duration_ns;
	if (c->idle)
		loop->measure_ns = UINT64_MAX;
	loop->handover.seen = (struct osc_load_gauges){
		.measure_ns = loop->measure_ns,
		/* A thread that begins has used nothing yet. */
		.usage = { .taken = true, .at_ns = loop->start_ns },
		.shares = { .cpu = -1, .wait = -1 },
	};
	if (osc_load_is_open(c) && !c->idle)
		osc_schedule_init(&loop->schedule, &c->arrivals, i, c->threads,
				  loop->start_ns);
	else
		loop->schedule.next_ns = UINT64_MAX;
	if (osc_arrivals_any(&c->openings))
		osc_schedule_init(&loop->openings, &c->openings, i, c->threads,
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
	osc_load_text_free(&load->text);
	osc_tls_close(load->tls);
	osc_load_result_free(&load->result);
	free(load);
}

static int start_workers(struct osc_load *load, struct osc_error *e)
{
	static const struct osc_host_counts unknown = OSC_HOST_COUNTS_UNKNOWN;
	uint32_t n = load->config->threads;
	int ret = 0;

	load->start_ns = load->collected_ns = osc_clock_ns();
	load->result.config = load->config;
	load->result.addresses = load->addresses;
	load->result.start_ns = load->start_ns;
	osc_load_stats_init(&load->result.stats);
	if (!osc_load_stats_add_urls(&load->result.stats, load->config->mix.n))
		return osc_error_set(e, ENOMEM,
				     "cannot start the load: out of memory");
	/* What the host tells is known at the end. */
	load->result.host = osc_host_between(&unknown, &unknown);
	osc_host_read(&load->host);
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = init_worker(load, i, e);
	atomic_store(&load->running, n);
	atomic_store(&load->holding.opening, n);
	for (uint32_t i = 0; i < n && !ret; i++) {
		struct worker *w = &load->workers[i];

		ret = pthread_create(&w->thread, NULL, run_worker, w);
		if (ret)
			ret = osc_error_set(e, ret,
					    "cannot start a thread: %s; %s",
					    strerror(ret),
					    n > 1 ? "try fewer --threads" :
						    "see the limits of "
						    "'ulimit -a'");
		else
			w->started = true;
	}
	return ret;
}

/* IPv6 addresses cannot be reached from those of --src. */
static void keep_ipv4(struct osc_addresses *a)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->n; i++) {
		if (a->address[i].ss_family != AF_INET)
			continue;
		a->address[n] = a->address[i];
		a->length[n++] = a->length[i];
	}
	a->n = n;
}

int osc_load_resolve(const struct osc_load_config *config,
		     struct osc_addresses *out, struct osc_error *e)
{
	int ret;

	if (config->unix_path)
		return osc_url_unix(config->unix_path, out, e);
	ret = osc_url_resolve(osc_load_server(config), out, e);
	if (ret || !config->sources.count)
		return ret;
	keep_ipv4(out);
	if (!out->n)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EAFNOSUPPORT,
			"--src: %s has no IPv4 address; try that of "
			"the server",
			osc_load_server(config)->host);
	return osc_sources_check(&config->sources, config->connections, e);
}

/* Where several URLs differ in the host, with a socket, it is the first one's. */
static int open_tls(struct osc_load *load, struct osc_error *e)
{
	const struct osc_url *server = osc_load_server(load->config);
	struct osc_tls_config config = load->config->tls;

	if (!server->tls)
		return 0;
	if (!config.name)
		config.name = server->host;
	return osc_tls_open(&config, &load->tls, e);
}

static int check_engine(const struct osc_load_config *config,
			struct osc_error *e)
{
	struct osc_error why = { 0 };

	if (config->engine != OSC_LOAD_URING || !osc_ring_check(&why))
		return 0;
	/* Descriptors are short, and io_uring is not missing. */
	if (why.err == EMFILE || why.err == ENFILE)
		return osc_error_set(e, why.err, "--engine uring: %s",
				     why.text);
	return osc_error_set_exit(e, OSC_EXIT_MISSING, ENOTSUP,
				  "--engine uring: %s; try --engine epoll",
				  why.text);
}

int osc_load_start(const struct osc_load_config *config, struct osc_load **out,
		   struct osc_error *e)
{
	struct osc_load *load;
	int ret = raise_descriptors(config, e);

	*out = NULL;
	if (!ret)
		ret = check_engine(config, e);
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
	if (!ret && config->has_cpus &&
	    sched_setaffinity(0, sizeof(config->cpus), &config->cpus))
		ret = osc_error_set(e, errno,
				    "cannot run on the CPUs of --cpus: %s",
				    strerror(errno));
	if (!ret && config->addresses.n)
		load->addresses = config->addresses;
	else if (!ret)
		ret = osc_load_resolve(config, &load->addresses, e);
	if (!ret)
		ret = open_tls(load, e);
	if (!ret)
		ret = osc_load_text_init(&load->text, config, e);
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

void osc_load_wait(struct osc_load *load)
{
	join_workers(load);
}

/* True: of this thread there was something to tell. */
static bool collect_from(struct worker *w, struct osc_load_interval *out)
{
	struct osc_handover *h = &w->loop.handover;
	struct osc_usage before = h->seen.usage;
	struct osc_shares shares;

	if (!osc_handover_take(h, &w->loop.stats, &out->stats))
		return false;
	if (h->seen.at_ns > out->to_ns)
		out->to_ns = h->seen.at_ns;
	shares = osc_usage_shares(&before, &h->seen.usage);
	if (shares.cpu > out->cpu_share)
		out->cpu_share = shares.cpu;
	return true;
}

void osc_load_collect(struct osc_load *load, struct osc_load_interval *out)
{
	out->from_ns = out->to_ns = load->collected_ns;
	out->open = out->late_threads = 0;
	out->in_flight = 0;
	out->cpu_share = -1;
	osc_load_stats_init(&out->stats);
	/* URLs have no intervals: they are added to those of the run. */
	out->stats.urls = load->result.stats.urls;
	out->stats.nr_urls = load->result.stats.nr_urls;
	for (uint32_t i = 0; i < load->config->threads; i++) {
		struct worker *w = &load->workers[i];

		if (!collect_from(w, out))
			out->late_threads++;
		out->open += w->loop.handover.seen.open;
		out->in_flight += w->loop.handover.seen.in_flight;
	}
	load->collected_ns = out->to_ns;
	out->stats.urls = NULL;
	out->stats.nr_urls = 0;
	osc_load_stats_merge(&load->result.stats, &out->stats);
}

/* Of the thread that had most of it, or began last; until they last told. */
static void take_gauges(struct osc_load *load)
{
	struct osc_load_result *r = &load->result;

	r->client = (struct osc_shares){ .cpu = -1, .wait = -1 };
	r->measure_ns = 0;
	for (uint32_t i = 0; i < load->config->threads; i++) {
		const struct osc_load_gauges *g =
			&load->workers[i].loop.handover.seen;

		osc_shares_merge(&r->client, &g->shares);
		if (g->measure_ns > r->measure_ns)
			r->measure_ns = g->measure_ns;
	}
}

const struct osc_load_result *osc_load_so_far(struct osc_load *load)
{
	struct osc_load_result *r = &load->result;
	uint64_t held = r->stats.held;

	take_gauges(load);
	/* Whether they were held to the end is not known before. */
	r->stats.held = held ? held : load->config->connections;
	osc_load_judge(r, load->collected_ns);
	r->stats.held = held;
	return r;
}

static void judge_slos(struct osc_load_result *r)
{
	struct osc_hist served = r->stats.latency;

	osc_hist_subtract(&served, &r->stats.wrong);
	r->slos_met = true;
	for (unsigned int i = 0; i < r->config->nr_slos; i++) {
		const struct osc_slo *slo = &r->config->slos[i];

		r->slo_ns[i] = osc_slo_value(slo, &served, r->stats.missed);
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
	bool in_brackets;

	for (uint32_t i = 0; i < load->config->threads; i++) {
		if (load->workers[i].loop.error.err) {
			*e = load->workers[i].loop.error;
			return -e->err;
		}
	}
	if (s->connections_opened || r->partial)
		return 0;
	if (!s->failures.n)
		hint = "try a longer --duration";
	if (s->failures.n) {
		osc_failure_name(&s->failures.rows[0], name, sizeof(name));
		hint = osc_failure_hint(&s->failures.rows[0]);
	}
	if (load->config->unix_path)
		return osc_error_set(e, ENOTCONN,
				     "cannot connect to %s: %s; %s",
				     load->config->unix_path, name, hint);
	in_brackets = strchr(osc_load_server(load->config)->host, ':');
	return osc_error_set(e, ENOTCONN, "cannot connect to %s%s%s:%u: %s; %s",
			     in_brackets ? "[" : "",
			     osc_load_server(load->config)->host,
			     in_brackets ? "]" : "",
			     (unsigned int)osc_load_server(load->config)->port,
			     name, hint);
}

/* Of a socket in the file system there are no ports. */
static void read_host(const struct osc_load *load, struct osc_load_result *r)
{
	const struct osc_addresses *a = &load->addresses;
	uint64_t opened = r->stats.connections_opened;
	uint64_t at_once = load->config->connections;
	struct osc_host_counts now;

	osc_host_read(&now);
	r->host = osc_host_between(&load->host, &now);
	if (load->config->unix_path)
		return;
	r->host.ports = osc_host_ports();
	/*
	 * From a list of all connections that there are, perhaps a million:
	 * only where so many are over that it can matter.
	 */
	if (opened > at_once && opened - at_once > r->host.ports / 2)
		r->host.ports_waiting = osc_host_ports_waiting(
			&a->address[load->workers[0].loop.address]);
}

int osc_load_finish(struct osc_load *load, struct osc_load_result *r,
		    struct osc_error *e)
{
	int ret;

	join_workers(load);
	for (uint32_t i = 0; i < load->config->threads; i++) {
		struct osc_loop *loop = &load->workers[i].loop;

		osc_handover_take(&loop->handover, &loop->stats,
				  &load->result.stats);
	}
	take_gauges(load);
	*r = load->result;
	r->partial = atomic_load(&load->stop);
	read_host(load, r);
	osc_load_judge(r, osc_load_end(r));
	judge_slos(r);
	ret = check_failed(load, r, e);
	/* They are the result's now. */
	load->result.stats.urls = NULL;
	if (ret)
		osc_load_result_free(r);
	load_free(load);
	return ret;
}
