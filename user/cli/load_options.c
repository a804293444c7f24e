// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of `osconcepts load` and `osconcepts sweep`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/numbers.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/parse.h"
#include "load/arrivals.h"
#include "load/sweep.h"

/* What `osconcepts sweep` does, unless it is told otherwise. */
#define SWEEP_STEPS 10
#define SWEEP_STEP_NS (2 * OSC_NS_PER_S)

static void sweep_usage(FILE *out)
{
	fputs("Usage: osconcepts sweep URL... [OPTIONS]\n"
	      "\n"
	      "Load an HTTP/1.1 server more and more, and find the knee: where latency\n"
	      "begins to grow faster than the load. As 'load --sweep'.\n"
	      "\n"
	      "Options:\n"
	      "      --sweep N            number of steps (10)\n"
	      "  -d, --duration D         of each step (2s)\n"
	      "  -r, --rate R             the highest, in requests a second (what the\n"
	      "                           closed loop makes)\n"
	      "  -c, --connections N      at once (64)\n"
	      "      --cpus LIST          run on these CPUs: 0, 0-3, 0,2\n"
	      "      --slo pN=D           the greatest load at which that share is answered\n"
	      "                           within D, too: p99=5ms; may be repeated\n"
	      "  -j, --json               the result as JSON on standard output\n"
	      "  -h, --help               show this help\n"
	      "\n"
	      "Others are those of 'osconcepts load', but for --closed, --idle, --requests,\n"
	      "--trace, --hdr, --series and --interval.\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, 2 usage, 3 no step is within an --slo, 4 no\n"
	      "step can be trusted, 129, 130 or 143 stopped by SIGHUP, SIGINT or\n"
	      "SIGTERM (the result is partial).\n"
	      "See osconcepts-sweep(1) and osconcepts-load(1).\n",
	      out);
}

static void load_usage(FILE *out)
{
	fputs("Usage: osconcepts load URL... (--duration D | --requests N) [OPTIONS]\n"
	      "\n"
	      "Load an HTTP/1.1 server, check each answer, and say how long it took\n"
	      "and whether that can be trusted.\n"
	      "\n"
	      "How much:\n"
	      "  -c, --connections N      at once (64)\n"
	      "  -d, --duration D         for so long: 10s, 500ms, 2m\n"
	      "  -n, --requests N         number of requests to send, exactly\n"
	      "      --closed             each connection waits for its answer, then asks\n"
	      "                           again; so it is without --rate and --trace\n"
	      "  -r, --rate R             open loop: R requests a second are due,\n"
	      "                           whatever the server does\n"
	      "      --rate A:B:60s       from A to B a second within that time, then B\n"
	      "      --open R             another name of --rate\n"
	      "      --arrival KIND       of the open loop: constant, poisson, or\n"
	      "                           burst:N, N at once and then a pause (constant)\n"
	      "      --trace FILE         open loop: due when its lines say, in seconds\n"
	      "                           since the start; - is standard input\n"
	      "      --sweep N            N steps of the open loop, each for the duration,\n"
	      "                           up to --rate, or what the closed loop makes:\n"
	      "                           latency against load, and the knee\n"
	      "  -k, --requests-per-connection K\n"
	      "                           then a new connection; 1: one each\n"
	      "  -p, --pipeline P         requests on their way on a connection (1)\n"
	      "      --idle N             open N and hold them for the duration, which\n"
	      "                           begins when all are open; with --rate requests\n"
	      "                           trickle over all in turn\n"
	      "      --connect-rate R     connections opened a second at the start\n"
	      "                           (all at once)\n"
	      "      --ramp D             open them evenly within that time\n"
	      "      --src A[-B]          from these IPv4 addresses, in turn:\n"
	      "                           127.0.0.2-127.0.0.40\n"
	      "      --unix PATH          to that socket; the URL gives Host and path\n"
	      "      --warmup D           before the measured time (0s)\n"
	      "      --timeout D          to connect, and for each answer (10s)\n"
	      "  -t, --threads N          (1)\n"
	      "      --cpus LIST          run on these CPUs: 0, 0-3, 0,2\n"
	      "      --engine E           epoll or uring: how bytes get to the kernel and\n"
	      "                           back (epoll)\n"
	      "\n"
	      "What:\n"
	      "      --weights N[,N]...   several URLs, of one server, are asked in turn:\n"
	      "                           with 3,1 the first three times as often as the\n"
	      "                           second (all the same)\n"
	      "  -X, --method METHOD      GET, HEAD, POST or any other (GET; with --body\n"
	      "                           POST)\n"
	      "      --body TEXT|@FILE    sent with each request; @- is standard input\n"
	      "  -H, --header 'NAME: V'   one more field; may be repeated\n"
	      "      --cacert FILE        https: trust the authorities in it, PEM (those of\n"
	      "                           this system)\n"
	      "      --servername NAME    https: ask for it, and want its certificate (the\n"
	      "                           URL's host)\n"
	      "      --insecure           https: take any certificate\n"
	      "      --expect-status N    any other is an error (any below 400)\n"
	      "      --expect-length N    a body of other than N bytes is an error\n"
	      "      --slo pN=D           that share of all requests must be answered\n"
	      "                           within D, or the run exits 3: p99=5ms,\n"
	      "                           p99.9=20ms, max=1s; may be repeated\n"
	      "\n"
	      "Output:\n"
	      "  -j, --json               the result as JSON on standard output\n"
	      "      --hdr FILE           latency and service time as a log of HdrHistogram,\n"
	      "                           for its tools\n"
	      "      --series FILE        a line of JSON for each second, while it runs; - is\n"
	      "                           standard output, the result then standard error\n"
	      "      --interval D         of the series (1s)\n"
	      "      --no-progress        nothing on the terminal while it runs\n"
	      "  -h, --help               show this help\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, 2 usage, 3 an --slo is not met, 4 the\n"
	      "result is invalid, 129, 130 or 143 stopped by SIGHUP, SIGINT or\n"
	      "SIGTERM (the result is partial).\n"
	      "See osconcepts-load(1).\n",
	      out);
}

enum {
	OPT_ARRIVAL = 256,
	OPT_TRACE,
	OPT_WARMUP,
	OPT_TIMEOUT,
	OPT_CPUS,
	OPT_EXPECT_STATUS,
	OPT_EXPECT_LENGTH,
	OPT_SLO,
	OPT_BODY,
	OPT_SWEEP,
	OPT_HDR,
	OPT_CONNECT_RATE,
	OPT_RAMP,
	OPT_CLOSED,
	OPT_SRC,
	OPT_UNIX,
	OPT_ENGINE,
	OPT_IDLE,
	OPT_SERIES,
	OPT_INTERVAL,
	OPT_NO_PROGRESS,
	OPT_WEIGHTS,
	OPT_CACERT,
	OPT_INSECURE,
	OPT_SERVERNAME,
};

static const struct option options[] = {
	{ "connections", required_argument, NULL, 'c' },
	{ "duration", required_argument, NULL, 'd' },
	{ "requests", required_argument, NULL, 'n' },
	{ "closed", no_argument, NULL, OPT_CLOSED },
	{ "rate", required_argument, NULL, 'r' },
	{ "open", required_argument, NULL, 'r' },
	{ "arrival", required_argument, NULL, OPT_ARRIVAL },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "requests-per-connection", required_argument, NULL, 'k' },
	{ "pipeline", required_argument, NULL, 'p' },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "threads", required_argument, NULL, 't' },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "method", required_argument, NULL, 'X' },
	{ "header", required_argument, NULL, 'H' },
	{ "expect-status", required_argument, NULL, OPT_EXPECT_STATUS },
	{ "expect-length", required_argument, NULL, OPT_EXPECT_LENGTH },
	{ "connect-rate", required_argument, NULL, OPT_CONNECT_RATE },
	{ "ramp", required_argument, NULL, OPT_RAMP },
	{ "src", required_argument, NULL, OPT_SRC },
	{ "unix", required_argument, NULL, OPT_UNIX },
	{ "idle", required_argument, NULL, OPT_IDLE },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "hdr", required_argument, NULL, OPT_HDR },
	{ "sweep", required_argument, NULL, OPT_SWEEP },
	{ "body", required_argument, NULL, OPT_BODY },
	{ "slo", required_argument, NULL, OPT_SLO },
	{ "cacert", required_argument, NULL, OPT_CACERT },
	{ "insecure", no_argument, NULL, OPT_INSECURE },
	{ "servername", required_argument, NULL, OPT_SERVERNAME },
	{ "weights", required_argument, NULL, OPT_WEIGHTS },
	{ "json", no_argument, NULL, 'j' },
	{ "series", required_argument, NULL, OPT_SERIES },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "no-progress", no_argument, NULL, OPT_NO_PROGRESS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

#define LOAD_NUMBER(opt, name, kind, min, max, member) \
	OSC_NUMBER(opt, name, kind, min, max, struct osc_load_settings, member)
#define DAY (86400 * OSC_NS_PER_S)

static const struct osc_number_option numbers[] = {
	LOAD_NUMBER('c', "--connections", WHOLE, 1, 1 << 24, load.connections),
	LOAD_NUMBER(OPT_IDLE, "--idle", WHOLE, 1, 1 << 24, load.connections),
	LOAD_NUMBER('n', "--requests", WHOLE, 1, 1ull << 53, load.requests),
	LOAD_NUMBER('k', "--requests-per-connection", WHOLE, 1, 1 << 30,
		    load.requests_per_connection),
	LOAD_NUMBER('p', "--pipeline", WHOLE, 1, OSC_LOAD_PIPELINE,
		    load.pipeline),
	LOAD_NUMBER('t', "--threads", WHOLE, 1, OSC_LOAD_THREADS, load.threads),
	LOAD_NUMBER(OPT_CONNECT_RATE, "--connect-rate", WHOLE, 1, 10000000,
		    load.openings.rate),
	LOAD_NUMBER(OPT_EXPECT_STATUS, "--expect-status", WHOLE, 200, 599,
		    load.expect_status),
	LOAD_NUMBER(OPT_EXPECT_LENGTH, "--expect-length", WHOLE, 0, 1ull << 53,
		    load.expect_length),
	LOAD_NUMBER(OPT_SWEEP, "--sweep", WHOLE, 2, OSC_SWEEP_STEPS, sweep),
	LOAD_NUMBER('d', "--duration", NS, OSC_NS_PER_MS, 30 * DAY,
		    load.duration_ns),
	LOAD_NUMBER(OPT_WARMUP, "--warmup", NS, 0, DAY, load.warmup_ns),
	LOAD_NUMBER(OPT_RAMP, "--ramp", NS, OSC_NS_PER_MS, DAY,
		    load.openings.within_ns),
	LOAD_NUMBER(OPT_TIMEOUT, "--timeout", NS, OSC_NS_PER_MS, DAY,
		    load.timeout_ns),
	LOAD_NUMBER(OPT_INTERVAL, "--interval", NS, 10 * OSC_NS_PER_MS,
		    3600 * OSC_NS_PER_S, interval_ns),
	{ .name = NULL },
};

static int parse_engine(const char *text, struct osc_load_config *c,
			struct osc_error *e)
{
	static const char *const names[] = {
		[OSC_LOAD_EPOLL] = "epoll",
		[OSC_LOAD_URING] = "uring",
		NULL,
	};
	int engine = osc_parse_word("--engine", text, names, e);

	if (engine >= 0)
		c->engine = (enum osc_load_engine)engine;
	return engine < 0 ? engine : 0;
}

static int parse_slo(const char *text, struct osc_load_config *c,
		     struct osc_error *e)
{
	int ret;

	if (c->nr_slos == OSC_SLO_MAX)
		return osc_load_bad(e, "--slo", text,
				    "there are too many already");
	ret = osc_slo_parse(text, &c->slos[c->nr_slos], e);
	if (!ret)
		c->nr_slos++;
	return ret;
}

static int parse_option(int opt, struct osc_load_settings *s,
			struct osc_error *e)
{
	struct osc_load_config *c = &s->load;

	switch (opt) {
	case 1:
		return osc_load_add_url(optarg, c, e);
	case OPT_ARRIVAL:
		return osc_arrivals_parse_kind(optarg, &c->arrivals, e);
	case 'r':
		return osc_arrivals_parse_rate(optarg, &c->arrivals, e);
	case OPT_TRACE:
		return osc_load_read_trace(optarg, c, e);
	case OPT_CPUS:
		c->has_cpus = true;
		return osc_cpus_parse("--cpus", optarg, &c->cpus, e);
	case 'X':
		return osc_load_parse_method(optarg, c, e);
	case 'H':
		return osc_load_parse_header(optarg, c, e);
	case OPT_CACERT:
		c->tls.authorities = optarg;
		return 0;
	case OPT_INSECURE:
		c->tls.insecure = true;
		return 0;
	case OPT_SERVERNAME:
		c->tls.name = optarg;
		return 0;
	case OPT_WEIGHTS:
		return osc_mix_parse_weights(optarg, &c->mix, e);
	case OPT_SRC:
		return osc_sources_parse(optarg, &c->sources, e);
	case OPT_ENGINE:
		return parse_engine(optarg, c, e);
	case OPT_UNIX:
		c->unix_path = optarg;
		return 0;
	case OPT_BODY:
		return osc_load_parse_body(optarg, c, e);
	case OPT_HDR:
		s->hdr_path = optarg;
		return 0;
	case OPT_SLO:
		return parse_slo(optarg, c, e);
	case 'j':
		s->json = true;
		return 0;
	case OPT_SERIES:
		s->series_path = optarg;
		return 0;
	case OPT_CLOSED:
		s->closed = true;
		return 0;
	case OPT_NO_PROGRESS:
		s->no_progress = true;
		return 0;
	case OPT_IDLE:
		c->idle = true;
		break;
	case 'c':
		s->has_connections = true;
		break;
	}
	return osc_number_parse(numbers, opt, optarg, s, e);
}

static bool is_stdout(const char *path)
{
	return path && osc_outfile_is_stdout(path);
}

/* What cannot be asked for together with steps; or NULL. */
static const char *wrong_sweep(const struct osc_load_settings *s)
{
	const struct osc_load_config *c = &s->load;

	if (!s->sweep)
		return NULL;
	if (s->closed || c->idle || c->requests || c->arrivals.nr_trace ||
	    s->hdr_path || s->series_path || s->interval_ns)
		return "the steps of a sweep have a --rate and a --duration "
		       "each; leave out --closed, --idle, --requests, --trace, "
		       "--hdr, --series and --interval";
	if (c->arrivals.ramp_ns)
		return "the steps of a sweep have a rate each; try --rate with "
		       "one number";
	return NULL;
}

/* The same of when requests are due. */
static const char *wrong_arrivals(const struct osc_load_settings *s)
{
	const struct osc_load_config *c = &s->load;
	const struct osc_arrivals *a = &c->arrivals;

	if (s->closed && osc_load_is_open(c))
		return "--closed: connections wait for their answers; leave out "
		       "--rate, --open and --trace";
	if (s->closed && c->idle)
		return "--closed: nothing is asked of the connections of "
		       "--idle; leave one out";
	if (a->nr_trace && (a->rate || a->kind != OSC_ARRIVAL_CONSTANT))
		return "--trace says when requests are due; leave out --rate "
		       "and --arrival";
	if (c->requests > a->nr_trace && a->nr_trace)
		return "--trace: it has fewer requests than --requests; try without "
		       "--requests";
	if (!osc_load_is_open(c) && !s->sweep &&
	    a->kind != OSC_ARRIVAL_CONSTANT)
		return "--arrival is for the open loop; try it with --rate";
	return NULL;
}

static const char *wrong_amounts(const struct osc_load_settings *s)
{
	const struct osc_load_config *c = &s->load;

	if (!c->duration_ns == !c->requests)
		return "say either --duration or --requests; try --duration 10s";
	if (c->idle &&
	    (c->requests || c->requests_per_connection || c->warmup_ns))
		return "--idle: connections are held for a --duration; leave out "
		       "--requests, --requests-per-connection, --warmup";
	if (c->idle && s->has_connections)
		return "--idle says how many connections; leave out "
		       "--connections";
	if (c->nr_slos && c->idle && !osc_load_is_open(c))
		return "--slo: connections that are only held are asked nothing; "
		       "add --rate";
	if (c->openings.within_ns && c->openings.rate)
		return "--ramp and --connect-rate both say when connections are "
		       "opened; leave one out";
	if (c->threads > c->connections)
		return "--threads: a thread needs a connection; try more "
		       "--connections";
	if (c->requests && c->threads > c->requests)
		return "--threads: a thread needs a request; try more "
		       "--requests";
	if (c->body_len * c->pipeline > OSC_LOAD_BODIES_MAX)
		return "--body: with all that are on their way at once it may "
		       "have 64 MiB; try a shorter one, or less --pipeline";
	return NULL;
}

static const char *wrong_places(const struct osc_load_settings *s)
{
	const struct osc_load_config *c = &s->load;

	if (s->interval_ns && !s->series_path)
		return "--interval is that of a time series; try it with "
		       "--series FILE";
	if (is_stdout(s->series_path) && (s->json || is_stdout(s->hdr_path)))
		return "--series: standard output is taken already; try a file";
	if (s->json && is_stdout(s->hdr_path))
		return "--hdr - and --json both write to standard output; try a "
		       "file for one of them";
	if (s->series_path && s->hdr_path &&
	    !strcmp(s->series_path, s->hdr_path))
		return "--hdr and --series name the same file; try another for "
		       "one of them";
	if (!osc_load_server(c)->tls &&
	    (c->tls.authorities || c->tls.insecure || c->tls.name))
		return "--cacert, --servername and --insecure are for TLS; try "
		       "an https:// URL";
	if (c->tls.authorities && c->tls.insecure)
		return "--insecure takes any certificate; leave out --cacert";
	if (c->unix_path && c->sources.count)
		return "--src: a socket of --unix has no addresses; leave one "
		       "out";
	return NULL;
}

static int check(const struct osc_load_settings *s, struct osc_error *e)
{
	const char *why = wrong_sweep(s);

	if (!why)
		why = wrong_arrivals(s);
	if (!why)
		why = wrong_amounts(s);
	if (!why)
		why = wrong_places(s);
	if (!why)
		return 0;
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL, "%s", why);
}

/* What depends on other options. */
static void complete(struct osc_load_settings *s)
{
	struct osc_load_config *c = &s->load;

	if (s->series_path && !s->interval_ns)
		s->interval_ns = OSC_NS_PER_S;
	if (s->is_sweep && !c->duration_ns && !c->requests)
		c->duration_ns = SWEEP_STEP_NS;
	/* A trace says itself how many there are. */
	if (!c->duration_ns && !c->requests)
		c->requests = c->arrivals.nr_trace;
	if (!c->method)
		c->method = c->body ? "POST" : "GET";
}

int osc_load_options(int argc, char **argv, struct osc_load_settings *s)
{
	struct osc_error e = { 0 };
	int opt;

	osc_load_defaults(&s->load);
	s->name = s->is_sweep ? "sweep" : "load";
	if (s->is_sweep)
		s->sweep = SWEEP_STEPS;
	/* It depends on the body. */
	s->load.method = NULL;
	/* '-' first: URLs may stand anywhere, and come as option 1. */
	while ((opt = osc_cli_getopt(argc, argv, "-c:d:n:r:k:p:t:X:H:jh",
				     options)) != -1) {
		if (opt == 'h') {
			(s->is_sweep ? sweep_usage : load_usage)(stdout);
			return OSC_EXIT_OK;
		}
		if (opt == '?')
			return osc_cli_usage(s->name);
		if (parse_option(opt, s, &e))
			return osc_cli_fail(s->name, &e);
	}
	for (; optind < argc; optind++) {
		if (osc_load_add_url(argv[optind], &s->load, &e))
			return osc_cli_fail(s->name, &e);
	}
	if (!s->load.mix.n) {
		osc_text_say(stderr, "osconcepts %s: no URL given", s->name);
		return osc_cli_usage(s->name);
	}
	complete(s);
	if (osc_mix_check(&s->load.mix, s->load.unix_path, &e) || check(s, &e))
		return osc_cli_fail(s->name, &e);
	if (s->load.openings.within_ns)
		s->load.openings.rate = s->load.connections;
	return -1;
}
