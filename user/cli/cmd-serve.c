// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts serve - the HTTP server under one of the engines. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/numbers.h"
#include "cli/wait.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/program.h"
#include "servers/engine.h"
#include "servers/server.h"

#define NAME "serve"

static bool quiet;
static bool fall_back;
static bool has_spare;
static bool json;

static void usage(FILE *out)
{
	fputs("Usage: osconcepts serve --model MODEL [OPTIONS]\n"
	      "       osconcepts serve --list [--json]\n"
	      "\n"
	      "Serve small HTTP/1.1 answers under one concurrency model. Parser,\n"
	      "answers and limits are the same for all; only the engine differs.\n"
	      "\n"
	      "  GET /            13 bytes of text\n"
	      "  GET /bytes/N     a body of N bytes, up to 1073741824\n"
	      "  GET /work/N      N microseconds of CPU time, up to 1000000\n"
	      "  GET /sleep/N     N microseconds asleep, up to 60000000\n"
	      "  GET /work/N/sleep/M  one after the other\n"
	      "\n"
	      "Models:\n",
	      out);
	for (const struct osc_engine *m = osc_engines; m->name; m++)
		fprintf(out, "  %-16s %s\n", m->name, m->summary);
	fputs("\n"
	      "Options:\n"
	      "  -m, --model MODEL        how to wait for many connections\n"
	      "  -p, --port PORT          port to listen on, 0 for any free (8080)\n"
	      "  -a, --address ADDRESS    numeric address to listen on (127.0.0.1)\n"
	      "  -w, --workers N          at most N children or threads at once\n"
	      "                           (fork, thread 4096; prefork, prefork-fdpass,\n"
	      "                           pool, leader, pool-event 1024), or N\n"
	      "                           processes with a loop each (1; epoll-multi,\n"
	      "                           -shared, prefork-epoll, uring one per CPU);\n"
	      "                           epoll-offload: threads for /work (as CPUs)\n"
	      "      --min-spare N        prefork: fork more when fewer are idle (5)\n"
	      "      --max-spare N        prefork: end some when more are idle (10)\n"
	      "      --accept HOW         prefork: shared, or serialised by a lock\n"
	      "                           (shared)\n"
	      "      --max-connections N  at once in a process; more wait in the\n"
	      "                           backlog (as descriptors allow)\n"
	      "      --backlog N          connections the kernel keeps waiting (4096)\n"
	      "      --cpus LIST          run on these CPUs: 0, 0-3, 0,2\n"
	      "      --header-timeout D   from a request's first byte to its last (10s)\n"
	      "      --idle-timeout D     before a request's first byte (60s)\n"
	      "      --write-timeout D    for each 64 KiB a client takes (30s)\n"
	      "      --grace D            after SIGTERM, for what is in flight (10s)\n"
	      "      --max-header SIZE    of line and fields together, up to 16k (8k)\n"
	      "      --max-body SIZE      of a request's body (1M)\n"
	      "      --account FILE       keep the server's own statistics in FILE\n"
	      "      --ready-fd FD        write the port to FD when listening\n"
	      "      --fallback           where the kernel lacks what the model needs, serve\n"
	      "                           by the one most like it (uring: epoll-multi)\n"
	      "  -l, --list               list the models and who works like them\n"
	      "  -j, --json               list, or start and end, as JSON on stdout\n"
	      "  -q, --quiet              no line at the start and the end\n"
	      "  -h, --help               show this help\n"
	      "\n"
	      "SIGTERM, SIGINT or SIGHUP stops the server: it finishes what is in\n"
	      "flight. A second one ends it at once.\n"
	      "\n"
	      "Exit status: 0 stopped, 1 failed or ended at once, 2 usage, 77\n"
	      "this kernel lacks what the model needs. See osconcepts-serve(1).\n",
	      out);
}

static int list_models(struct osc_error *e)
{
	static const struct osc_column columns[] = {
		{ "model", "MODEL", OSC_COLUMN_TEXT },
		{ "family", "FAMILY", OSC_COLUMN_TEXT },
		{ "summary", "HOW IT WAITS", OSC_COLUMN_TEXT },
		{ "works_like", "WORKS LIKE", OSC_COLUMN_TEXT },
		{ "at_once", "AT ONCE", OSC_COLUMN_TEXT },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot list the models: out of memory");
	osc_table_set_columns(t, 80);
	for (const struct osc_engine *m = osc_engines; m->name; m++) {
		osc_table_row(t);
		osc_table_text(t, "model", m->name);
		osc_table_text(t, "family", m->family);
		osc_table_text(t, "summary", m->summary);
		osc_table_text(t, "works_like", m->works_like);
		osc_table_text(t, "at_once", m->one_at_a_time ? "one" : "many");
	}
	ret = json ? osc_json_print(osc_table_json(t), stdout, e) :
		     osc_table_print(t, stdout, e);
	osc_table_free(t);
	return ret == -EPIPE ? 0 : ret;
}

static int print_start_json(const struct osc_server_start *s,
			    struct osc_error *e)
{
	json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:I, s:o}",
			      "schema", "osconcepts-serve/1", "model",
			      osc_json_text(s->config->engine->name), "url",
			      osc_json_text(s->url), "address",
			      osc_json_text(s->config->address), "port",
			      (int)s->port, "pid", (int)getpid(), "workers",
			      (int)s->workers, "max_connections",
			      (json_int_t)s->max_connections, "account",
			      osc_json_text(s->config->account_path));

	return osc_json_print_line(o, stdout, e);
}

/* Whoever asked for the line waits for it: without it nothing is served. */
static int started(const struct osc_server_start *s, struct osc_error *e)
{
	int ret = json ? print_start_json(s, e) : 0;

	if (!ret && !quiet)
		osc_text_say(
			stderr,
			"osconcepts serve: %s (%s) on %s, pid %d; Ctrl-C stops "
			"it",
			s->config->engine->name, s->config->engine->summary,
			s->url, (int)getpid());
	return ret;
}

static int print_end_json(const struct osc_server_report *r,
			  const struct osc_server_config *config,
			  struct osc_error *e)
{
	json_t *books = json_object();
	json_t *o;

	for (int f = 0; f < OSC_NR_ACCOUNT; f++)
		json_object_set_new(
			books, osc_account_name(f),
			json_integer((json_int_t)r->account.value[f]));
	if (r->account_lost) {
		json_decref(books);
		books = json_null();
	}
	o = json_pack("{s:s, s:o, s:b, s:o, s:o}", "schema",
		      "osconcepts-serve-end/1", "model",
		      osc_json_text(config->engine->name), "forced", r->forced,
		      "cut",
		      r->account_lost ? json_null() :
					json_integer((json_int_t)r->cut),
		      "account", books);
	return osc_json_print_line(o, stdout, e);
}

static int print_end(const struct osc_server_report *r,
		     const struct osc_server_config *config)
{
	const uint64_t *v = r->account.value;
	struct osc_error e = { 0 };
	int ret = json ? print_end_json(r, config, &e) : 0;

	if (r->account_lost) {
		if (!ret)
			ret = osc_error_set(&e, EIO,
					    "account file '%s': cut while the "
					    "server ran, its numbers are lost; "
					    "try a place that nobody else uses",
					    config->account_path);
		return osc_cli_end(NAME, ret, &e);
	}
	if (r->forced) {
		osc_text_say(stderr,
			     "osconcepts serve: stopped at once by a second "
			     "signal: %" PRIu64 " connection%s cut",
			     r->cut, r->cut == 1 ? "" : "s");
		return OSC_EXIT_FAILED;
	}
	if (r->cut)
		osc_text_say(
			stderr,
			"osconcepts serve: %" PRIu64 " connection%s cut: not "
			"finished %gs after the stop; try a longer --grace",
			r->cut, r->cut == 1 ? "" : "s",
			(double)config->grace_ns / OSC_NS_PER_S);
	if (!quiet)
		osc_text_say(stderr,
			     "osconcepts serve: answered %" PRIu64
			     " request%s on %" PRIu64 " connection%s",
			     v[OSC_ACCOUNT_REQUESTS],
			     v[OSC_ACCOUNT_REQUESTS] == 1 ? "" : "s",
			     v[OSC_ACCOUNT_ACCEPTS],
			     v[OSC_ACCOUNT_ACCEPTS] == 1 ? "" : "s");
	return osc_cli_end(NAME, ret, &e);
}

enum {
	OPT_MAX_CONNECTIONS = 256,
	OPT_MIN_SPARE,
	OPT_MAX_SPARE,
	OPT_ACCEPT,
	OPT_BACKLOG,
	OPT_CPUS,
	OPT_HEADER_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_WRITE_TIMEOUT,
	OPT_GRACE,
	OPT_MAX_HEADER,
	OPT_MAX_BODY,
	OPT_ACCOUNT,
	OPT_READY_FD,
	OPT_FALLBACK,
};

static const struct option options[] = {
	{ "model", required_argument, NULL, 'm' },
	{ "port", required_argument, NULL, 'p' },
	{ "address", required_argument, NULL, 'a' },
	{ "workers", required_argument, NULL, 'w' },
	{ "max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS },
	{ "min-spare", required_argument, NULL, OPT_MIN_SPARE },
	{ "max-spare", required_argument, NULL, OPT_MAX_SPARE },
	{ "accept", required_argument, NULL, OPT_ACCEPT },
	{ "backlog", required_argument, NULL, OPT_BACKLOG },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "header-timeout", required_argument, NULL, OPT_HEADER_TIMEOUT },
	{ "idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT },
	{ "write-timeout", required_argument, NULL, OPT_WRITE_TIMEOUT },
	{ "grace", required_argument, NULL, OPT_GRACE },
	{ "max-header", required_argument, NULL, OPT_MAX_HEADER },
	{ "max-body", required_argument, NULL, OPT_MAX_BODY },
	{ "account", required_argument, NULL, OPT_ACCOUNT },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "fallback", no_argument, NULL, OPT_FALLBACK },
	{ "list", no_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int parse_model(const char *name, struct osc_server_config *c,
		       struct osc_error *e)
{
	char text[OSC_ENGINE_HINT_SIZE];

	c->engine = osc_engine_find(name);
	if (c->engine)
		return 0;
	return osc_error_set_exit(
		e, OSC_EXIT_USAGE, EINVAL,
		"--model '%s': there is no such model; try %s", name,
		osc_engine_hint(name, text, sizeof(text)));
}

static int parse_accept(const char *how, struct osc_server_config *c,
			struct osc_error *e)
{
	static const char *const ways[] = { "shared", "serialised", NULL };
	int way = osc_parse_word("--accept", how, ways, e);

	c->serialised = way == 1;
	return way < 0 ? way : 0;
}

static int parse_ready_fd(const char *text, struct osc_server_config *c,
			  struct osc_error *e)
{
	uint64_t n;
	int ret = osc_parse_u64("--ready-fd", text, 0, 1 << 20, &n, e);

	if (ret)
		return ret;
	if (fcntl((int)n, F_GETFD) < 0)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, errno,
					  "--ready-fd %s: %s; try the write "
					  "end of an open pipe",
					  text, strerror(errno));
	c->ready_fd = (int)n;
	return 0;
}

#define SERVE_NUMBER(opt, name, kind, min, max, member) \
	OSC_NUMBER(opt, name, kind, min, max, struct osc_server_config, member)
#define DAY (86400 * OSC_NS_PER_S)

static const struct osc_number_option numbers[] = {
	SERVE_NUMBER('p', "--port", WHOLE, 0, 65535, port),
	SERVE_NUMBER('w', "--workers", WHOLE, 1, 1 << 20, workers),
	SERVE_NUMBER(OPT_MAX_CONNECTIONS, "--max-connections", WHOLE, 1,
		     1 << 24, max_connections),
	SERVE_NUMBER(OPT_MIN_SPARE, "--min-spare", WHOLE, 1, 1 << 16,
		     spare_min),
	SERVE_NUMBER(OPT_MAX_SPARE, "--max-spare", WHOLE, 1, 1 << 16,
		     spare_max),
	SERVE_NUMBER(OPT_BACKLOG, "--backlog", WHOLE, 1, 1 << 20, backlog),
	SERVE_NUMBER(OPT_MAX_HEADER, "--max-header", BYTES, 64,
		     OSC_SERVER_INPUT, limits.head_bytes),
	SERVE_NUMBER(OPT_MAX_BODY, "--max-body", BYTES, 0, 1ull << 40,
		     limits.body_bytes),
	SERVE_NUMBER(OPT_HEADER_TIMEOUT, "--header-timeout", NS, OSC_NS_PER_MS,
		     DAY, header_timeout_ns),
	SERVE_NUMBER(OPT_IDLE_TIMEOUT, "--idle-timeout", NS, OSC_NS_PER_MS, DAY,
		     idle_timeout_ns),
	SERVE_NUMBER(OPT_WRITE_TIMEOUT, "--write-timeout", NS, OSC_NS_PER_MS,
		     DAY, write_timeout_ns),
	SERVE_NUMBER(OPT_GRACE, "--grace", NS, 0, DAY, grace_ns),
	{ .name = NULL },
};

static int parse_option(int opt, struct osc_server_config *c,
			struct osc_error *e)
{
	switch (opt) {
	case 'm':
		return parse_model(optarg, c, e);
	case 'a':
		c->address = optarg;
		return 0;
	case 'q':
		quiet = true;
		return 0;
	case OPT_ACCOUNT:
		c->account_path = optarg;
		return 0;
	case OPT_FALLBACK:
		fall_back = true;
		return 0;
	case OPT_READY_FD:
		return parse_ready_fd(optarg, c, e);
	case OPT_ACCEPT:
		return parse_accept(optarg, c, e);
	case OPT_CPUS:
		c->has_cpus = true;
		return osc_cpus_parse("--cpus", optarg, &c->cpus, e);
	case OPT_MIN_SPARE:
	case OPT_MAX_SPARE:
		has_spare = true;
		__attribute__((fallthrough));
	default:
		return osc_number_parse(numbers, opt, optarg, c, e);
	}
}

static int check(struct osc_server_config *c, struct osc_error *e)
{
	if (!c->engine)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "no --model given; try --model epoll "
					  "or '%s serve --list'",
					  osc_program());
	if (c->limits.line_bytes > c->limits.head_bytes)
		c->limits.line_bytes = c->limits.head_bytes;
	if (c->workers > c->engine->workers_max)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ERANGE,
					  "--workers %u: %s takes up to %u",
					  c->workers, c->engine->name,
					  c->engine->workers_max);
	if (has_spare && !c->engine->grows)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "--min-spare and --max-spare: only "
					  "prefork has spare workers, not %s",
					  c->engine->name);
	if (c->spare_min > c->spare_max)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ERANGE,
					  "--min-spare %u is more than "
					  "--max-spare %u",
					  c->spare_min, c->spare_max);
	if (c->serialised && !c->engine->grows)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "--accept serialised: only prefork "
					  "has workers that could be, not %s",
					  c->engine->name);
	return 0;
}

/* The model, or where the kernel lacks what it needs the one asked for then. */
static int check_kernel(struct osc_server_config *c, struct osc_error *e)
{
	const struct osc_engine *engine = c->engine;
	struct osc_error why = { 0 };

	if (!engine->check || !engine->check(&why))
		return 0;
	if (!fall_back)
		return osc_error_set_exit(e, OSC_EXIT_MISSING, ENOTSUP,
					  "%s cannot serve here: %s; try "
					  "--model %s, or --fallback",
					  engine->name, why.text,
					  engine->fallback);
	osc_text_say(stderr,
		     "osconcepts serve: %s cannot serve here: %s; %s does",
		     engine->name, why.text, engine->fallback);
	c->engine = osc_engine_find(engine->fallback);
	return 0;
}

/* A model without its option is what most people mean. */
static int unexpected(const char *word)
{
	if (!osc_engine_find(word))
		return osc_cli_unexpected(NAME, word);
	osc_text_say(stderr,
		     "osconcepts serve: unexpected '%s'; try --model %s", word,
		     word);
	return OSC_EXIT_USAGE;
}

int cmd_serve(int argc, char **argv)
{
	struct osc_server_config config;
	struct osc_server_report report;
	struct osc_error e = { 0 };
	bool list = false;
	int opt;

	osc_server_defaults(&config);
	while ((opt = osc_cli_getopt(argc, argv, "m:p:a:w:ljqh", options)) !=
	       -1) {
		if (opt == '?')
			return osc_cli_usage(NAME);
		if (opt == 'h') {
			usage(stdout);
			return OSC_EXIT_OK;
		}
		if (opt == 'l')
			list = true;
		else if (opt == 'j')
			json = true;
		else if (parse_option(opt, &config, &e))
			return osc_cli_fail(NAME, &e);
	}
	if (optind < argc)
		return unexpected(argv[optind]);
	if (list)
		return list_models(&e) ? osc_cli_fail(NAME, &e) : OSC_EXIT_OK;
	if (check(&config, &e) || check_kernel(&config, &e) ||
	    osc_server_run(&config, started, &report, &e))
		return osc_cli_fail(NAME, &e);
	return print_end(&report, &config);
}
