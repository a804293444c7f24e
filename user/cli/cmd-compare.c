// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts compare - measures server models against each other. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "correlate/audit.h"
#include "correlate/compare.h"
#include "correlate/stats.h"
#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/outfile.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/platform.h"
#include "report/report.h"

/* Room taken before the first run; a result is rarely larger. */
#define RESERVE (1u << 20)
#define SECOND OSC_NS_PER_S

static volatile sig_atomic_t stop;

struct comparison {
	const struct osc_compare_settings *set;
	struct osc_session session;
	struct osc_outfile json, html;
	json_t *runs, *steps;
	bool partial;
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts compare [options]\n"
	      "\n"
	      "Runs the same HTTP server under several concurrency models, loads\n"
	      "each in turn, and shows what the kernel did for it: per request and\n"
	      "per connection. Every run is audited against independent counts.\n"
	      "\n"
	      "Options:\n"
	      "      --models LIST        of fork,thread,epoll (default: all three)\n"
	      "      --modes LIST         of keepalive,close (default: both); close\n"
	      "                           is one request a connection\n"
	      "  -c, --connections N      open at a time (default 16)\n"
	      "  -d, --duration TIME      of a run (default 2s)\n"
	      "  -n, --requests N         in a run, instead of a duration\n"
	      "  -r, --runs N             of each model and mode (default 5)\n"
	      "      --path PATH          what is requested (default /)\n"
	      "      --workers N          of each server (default: the model's own)\n"
	      "      --interval TIME      between samples (default: a 40th of the\n"
	      "                           duration, at least 20ms)\n"
	      "      --source SOURCE      module, procfs, or auto (the default)\n"
	      "      --server-cpus LIST   such as 0,2-3 (default: the first half)\n"
	      "      --client-cpus LIST   (default: the other half)\n"
	      "      --socket PATH        of a running osconceptsd (default: start\n"
	      "                           one that ends with the command)\n"
	      "      --json FILE          write all results; - is standard output\n"
	      "      --html FILE          write a page to look at\n"
	      "      --no-progress        say nothing while it runs\n"
	      "  -h, --help               show this help\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed or an audit does not hold, 2 usage, 4 the\n"
	      "load generator vouches for no run of a row, 77 something needed is\n"
	      "missing here. See osconcepts-compare(1).\n",
	      out);
}

enum {
	MODELS = 256,
	MODES,
	PATH_,
	WORKERS,
	INTERVAL,
	SOURCE,
	SERVER_CPUS,
	CLIENT_CPUS,
	SOCKET,
	JSON,
	HTML,
	NO_PROGRESS
};

static const struct option longs[] = {
	{ "models", required_argument, NULL, MODELS },
	{ "modes", required_argument, NULL, MODES },
	{ "connections", required_argument, NULL, 'c' },
	{ "duration", required_argument, NULL, 'd' },
	{ "requests", required_argument, NULL, 'n' },
	{ "runs", required_argument, NULL, 'r' },
	{ "path", required_argument, NULL, PATH_ },
	{ "workers", required_argument, NULL, WORKERS },
	{ "interval", required_argument, NULL, INTERVAL },
	{ "source", required_argument, NULL, SOURCE },
	{ "server-cpus", required_argument, NULL, SERVER_CPUS },
	{ "client-cpus", required_argument, NULL, CLIENT_CPUS },
	{ "socket", required_argument, NULL, SOCKET },
	{ "json", required_argument, NULL, JSON },
	{ "html", required_argument, NULL, HTML },
	{ "no-progress", no_argument, NULL, NO_PROGRESS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool has_word(const struct osc_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!strcmp(w->word[i], word))
			return true;
	}
	return false;
}

static int take_words(const char *what, const char *text, struct osc_words *w,
		      struct osc_error *e)
{
	char *rest = w->text, *word;

	w->n = 0;
	if (strlen(text) >= sizeof(w->text))
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "%s: the list is too long", what);
	strcpy(w->text, text);
	while ((word = strsep(&rest, ","))) {
		if (!*word || has_word(w, word) || w->n == OSC_COMPARE_WORDS)
			return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
						  "%s '%s': names must be "
						  "separated by commas, each "
						  "once",
						  what, text);
		w->word[w->n++] = word;
	}
	return 0;
}

static int take_modes(const char *text, struct osc_words *w,
		      struct osc_error *e)
{
	int ret = take_words("--modes", text, w, e);

	for (size_t i = 0; !ret && i < w->n; i++) {
		if (strcmp(w->word[i], "keepalive") &&
		    strcmp(w->word[i], "close"))
			ret = osc_error_set_exit(
				e, OSC_EXIT_USAGE, EINVAL,
				"--modes '%s': there are keepalive and close",
				w->word[i]);
	}
	return ret;
}

static int take_cpus(const char *what, const char *text, char *out, size_t size,
		     struct osc_error *e)
{
	cpu_set_t set;
	int ret = osc_cpus_parse(what, text, &set, e);

	if (!ret)
		osc_cpus_format(&set, out, size);
	return ret;
}

static int take_option(int c, struct osc_compare_settings *s,
		       struct osc_error *e)
{
	switch (c) {
	case MODELS:
		return take_words("--models", optarg, &s->models, e);
	case MODES:
		return take_modes(optarg, &s->modes, e);
	case 'c':
		return osc_parse_u64("--connections", optarg, 1, 1000000,
				     &s->connections, e);
	case 'd':
		s->requests = 0;
		return osc_parse_duration_ns("--duration", optarg, SECOND / 10,
					     86400 * SECOND, &s->duration_ns,
					     e);
	case 'n':
		return osc_parse_u64("--requests", optarg, 1, 1000000000000,
				     &s->requests, e);
	case 'r':
		return osc_parse_u64("--runs", optarg, 1, OSC_SPREAD_MAX,
				     &s->runs, e);
	case WORKERS:
		return osc_parse_u64("--workers", optarg, 1, 4096, &s->workers,
				     e);
	case INTERVAL:
		return osc_parse_duration_ns("--interval", optarg, SECOND / 100,
					     3600 * SECOND, &s->interval_ns, e);
	case SOURCE:
		return osc_counters_kind_parse(optarg, &s->source, e);
	case SERVER_CPUS:
		return take_cpus("--server-cpus", optarg, s->server_cpus,
				 sizeof(s->server_cpus), e);
	case CLIENT_CPUS:
		return take_cpus("--client-cpus", optarg, s->client_cpus,
				 sizeof(s->client_cpus), e);
	case PATH_:
		s->path = optarg;
		return 0;
	case SOCKET:
		s->socket = optarg;
		return 0;
	case JSON:
		s->json = optarg;
		return 0;
	case HTML:
		s->html = optarg;
		return 0;
	default: /* NO_PROGRESS */
		s->progress = false;
		return 0;
	}
}

/*
 * Servers on the first half of our CPUs, the client on the other, so that
 * neither takes time from the other; what was asked for stays. On one CPU
 * there is nothing to part.
 */
static int part_cpus(struct osc_compare_settings *s, struct osc_error *e)
{
	cpu_set_t all, half[2];
	int n, seen = 0;
	int ret = osc_cpus_allowed(&all, e);

	if (ret)
		return ret;
	n = CPU_COUNT(&all);
	if (n < 2 || *s->server_cpus || *s->client_cpus)
		return 0;
	CPU_ZERO(&half[0]);
	CPU_ZERO(&half[1]);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &half[seen++ >= (n + 1) / 2]);
	}
	osc_cpus_format(&half[0], s->server_cpus, sizeof(s->server_cpus));
	osc_cpus_format(&half[1], s->client_cpus, sizeof(s->client_cpus));
	return 0;
}

static int complete(struct osc_compare_settings *s, struct osc_error *e)
{
	int ret = 0;

	if (!s->models.n)
		ret = take_words("--models", "fork,thread,epoll", &s->models,
				 e);
	if (!ret && !s->modes.n)
		ret = take_modes("keepalive,close", &s->modes, e);
	if (!ret && *s->path != '/')
		ret = osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					 "--path '%s': must begin with /",
					 s->path);
	if (!ret && s->json && s->html && !strcmp(s->json, s->html))
		ret = osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					 "--json and --html name the same file "
					 "'%s'",
					 s->json);
	if (!ret)
		ret = part_cpus(s, e);
	if (!s->interval_ns)
		s->interval_ns = s->requests ? SECOND / 10 :
					       s->duration_ns / 40;
	if (s->interval_ns < SECOND / 50)
		s->interval_ns = SECOND / 50;
	return ret;
}

static void say(const struct comparison *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct comparison *c, const char *fmt, ...)
{
	va_list args;

	if (!c->set->progress)
		return;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
}

static int add_step(struct comparison *c, const char *name, uint64_t since_ns,
		    struct osc_error *e)
{
	double s = (double)(osc_clock_ns() - since_ns) / SECOND;

	if (json_array_append_new(c->steps, json_pack("{s:s, s:f}", "name",
						      name, "duration_s", s)))
		return osc_error_set(e, ENOMEM,
				     "cannot keep the results: out of memory");
	return 0;
}

static void say_run(const struct comparison *c, const json_t *run,
		    const char *name, size_t done, size_t all,
		    uint64_t since_ns)
{
	char requests[32], rate[32];
	size_t rows, failed;
	json_int_t n = json_integer_value(json_object_get(run, "requests"));

	osc_audit_count(json_object_get(run, "audit"), &rows, &failed);
	osc_format_count((uint64_t)n, requests, sizeof(requests));
	osc_format_real(json_number_value(json_object_get(run, "rps")), rate,
			sizeof(rate));
	say(c, "[%zu/%zu] %-24s %10s requests %9s/s  audit %zu/%zu%s  %.1f s\n",
	    done, all, name, requests, rate, rows - failed, rows,
	    json_is_true(json_object_get(run, "valid")) ? "" : "  not valid",
	    (double)(osc_clock_ns() - since_ns) / SECOND);
}

static int run_one(struct comparison *c, const struct osc_compare_item *item,
		   size_t done, size_t all, struct osc_error *e)
{
	uint64_t start = osc_clock_ns();
	char name[128];
	json_t *run;
	int ret = osc_session_run(&c->session, c->set, item, &run, e);

	if (ret)
		return ret;
	snprintf(name, sizeof(name), "%s %s %u", item->model, item->mode,
		 item->run);
	say_run(c, run, name, done, all, start);
	if (json_array_append_new(c->runs, run))
		return osc_error_set(e, ENOMEM,
				     "cannot keep the results: out of memory");
	return add_step(c, name, start, e);
}

/*
 * Round after round, each beginning one further on: whatever drifts, or is
 * left behind by the run before, falls on all alike.
 */
static int run_all(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	size_t row = s->models.n * s->modes.n, done = 0;
	int ret = 0;

	for (uint64_t round = 0; !ret && round < s->runs; round++) {
		for (size_t i = 0; !ret && i < row; i++) {
			size_t at = (i + round) % row;
			struct osc_compare_item item = {
				.model = s->models.word[at / s->modes.n],
				.mode = s->modes.word[at % s->modes.n],
				.run = (unsigned int)round + 1,
			};

			ret = run_one(c, &item, ++done, row * s->runs, e);
		}
	}
	if (ret == -EINTR && stop) {
		c->partial = true;
		say(c, "stopped\n");
		return 0;
	}
	return ret;
}

static json_t *words_document(const struct osc_words *w)
{
	json_t *a = json_array();

	for (size_t i = 0; i < w->n; i++) {
		if (json_array_append_new(a, json_string(w->word[i]))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *number_or_null(uint64_t n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

static json_t *config_document(const struct osc_compare_settings *s)
{
	return json_pack(
		"{s:o, s:o, s:I, s:o, s:o, s:I, s:f, s:o, s:s, s:o, s:o}",
		"models", words_document(&s->models), "modes",
		words_document(&s->modes), "connections",
		(json_int_t)s->connections, "duration_s",
		s->requests ? json_null() :
			      json_real((double)s->duration_ns / SECOND),
		"requests", number_or_null(s->requests), "runs",
		(json_int_t)s->runs, "interval_s",
		(double)s->interval_ns / SECOND, "workers",
		number_or_null(s->workers), "path", s->path, "server_cpus",
		text_or_null(s->server_cpus), "client_cpus",
		text_or_null(s->client_cpus));
}

/* NULL and *e without memory. */
static json_t *document(const struct comparison *c, json_t *platform,
			struct osc_error *e)
{
	const char *source = c->session.source;
	time_t now = time(NULL);
	struct tm utc;
	char created[32];
	json_t *o;

	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ",
		 gmtime_r(&now, &utc));
	o = json_pack("{s:s, s:s, s:O, s:s, s:o, s:b, s:O, s:O, s:o, s:o}",
		      "schema", "osconcepts-compare/1", "created", created,
		      "platform", platform, "source", source, "config",
		      config_document(c->set), "partial", c->partial, "runs",
		      c->runs, "steps", c->steps, "summary",
		      osc_compare_summary(c->runs), "overall",
		      osc_compare_overall(c->runs));
	if (!o)
		osc_error_set(e, ENOMEM,
			      "cannot make the document: out of memory");
	return o;
}

static int write_files(struct comparison *c, json_t *doc, struct osc_error *e)
{
	int ret = 0;

	if (c->json.file) {
		ret = osc_json_print(json_incref(doc), c->json.file, e);
		if (!ret)
			ret = osc_outfile_commit(&c->json, e);
	}
	if (!ret && c->html.file) {
		ret = osc_report_html(doc, c->html.file, e);
		if (!ret)
			ret = osc_outfile_commit(&c->html, e);
	}
	return ret;
}

static int open_files(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	int ret = 0;

	if (s->json)
		ret = osc_outfile_open(&c->json, s->json, RESERVE, e);
	if (!ret && s->html)
		ret = osc_outfile_open(&c->html, s->html, RESERVE, e);
	return ret;
}

static bool table_wanted(const struct osc_compare_settings *s)
{
	return !(s->json && !strcmp(s->json, "-")) &&
	       !(s->html && !strcmp(s->html, "-"));
}

/* The exit code, or -errno and *e. */
static int conclude(struct comparison *c, json_t *platform, struct osc_error *e)
{
	json_t *doc = document(c, platform, e);
	int code = doc ? write_files(c, doc, e) : -e->err;

	if (!code && table_wanted(c->set))
		code = osc_compare_print(doc, stdout, e);
	if (!code)
		code = osc_compare_exit_code(
			json_object_get(doc, "overall"),
			json_object_get(doc, "summary"),
			json_is_true(json_object_get(platform, "emulated")));
	/* Not all that was asked for was done. */
	if (!code && c->partial)
		code = OSC_EXIT_FAILED;
	json_decref(doc);
	return code;
}

static int begin(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	uint64_t start = osc_clock_ns();
	int ret = open_files(c, e);

	if (!ret)
		ret = osc_session_open(&c->session, s, e);
	if (ret)
		return ret;
	say(c,
	    "%zu x %zu x %" PRIu64 " runs, %" PRIu64
	    " connections, source %s, servers on CPUs %s, client on %s\n",
	    s->models.n, s->modes.n, s->runs, s->connections, c->session.source,
	    *s->server_cpus ? s->server_cpus : "any",
	    *s->client_cpus ? s->client_cpus : "any");
	return add_step(c, "set up", start, e);
}

static int compare(struct osc_compare_settings *s, struct osc_error *e)
{
	struct comparison c = {
		.set = s,
		.session = { .stop = &stop },
		.runs = json_array(),
		.steps = json_array(),
	};
	/* Before the load, whose average it holds. */
	json_t *platform = osc_platform();
	int ret;

	if (!c.runs || !c.steps || !platform)
		ret = osc_error_set(e, ENOMEM, "cannot begin: out of memory");
	else
		ret = begin(&c, e);
	if (!ret) {
		ret = run_all(&c, e);
		osc_session_close(&c.session);
	}
	if (!ret)
		ret = conclude(&c, platform, e);
	osc_outfile_abandon(&c.json);
	osc_outfile_abandon(&c.html);
	json_decref(platform);
	json_decref(c.runs);
	json_decref(c.steps);
	return ret;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int catch_signals(struct osc_error *e)
{
	/* Without SA_RESTART: a wait shall end. */
	struct sigaction a = { .sa_handler = on_signal };

	if (sigaction(SIGINT, &a, NULL) || sigaction(SIGTERM, &a, NULL) ||
	    sigaction(SIGHUP, &a, NULL))
		return osc_error_set(e, errno, "cannot catch signals: %s",
				     strerror(errno));
	return 0;
}

int cmd_compare(int argc, char **argv)
{
	struct osc_compare_settings s = {
		.connections = 16,
		.duration_ns = 2 * SECOND,
		.runs = 5,
		.path = "/",
		.progress = true,
	};
	struct osc_error e = { 0 };
	int c, ret;

	optind = 0;
	while ((c = getopt_long(argc, argv, "c:d:n:r:h", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return osc_cli_finish("compare", OSC_EXIT_OK);
		}
		if (c == '?')
			return osc_cli_usage("compare");
		if (take_option(c, &s, &e))
			return osc_cli_fail("compare", &e);
	}
	if (optind < argc) {
		fprintf(stderr, "osconcepts compare: '%s' is not an option\n",
			argv[optind]);
		return osc_cli_usage("compare");
	}
	ret = complete(&s, &e);
	if (!ret)
		ret = catch_signals(&e);
	if (!ret)
		ret = compare(&s, &e);
	if (ret < 0)
		return osc_cli_fail("compare", &e);
	return osc_cli_finish("compare", ret);
}
