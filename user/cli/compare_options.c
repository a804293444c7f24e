// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of `osconcepts compare`, and what stands in for those not given. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "cli/numbers.h"
#include "correlate/stats.h"
#include "lib/outfile.h"
#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/nearest.h"
#include "lib/parse.h"
#include "lib/program.h"
#include "servers/engine.h"
#include "servers/route.h"

static void usage(FILE *out)
{
	fputs("Usage: osconcepts compare [options]\n"
	      "\n"
	      "Runs the same HTTP server under several concurrency models, loads\n"
	      "each in turn, and shows what the kernel did for it: per request, and\n"
	      "for each further connection. Every run is audited against independent\n"
	      "counts.\n"
	      "\n"
	      "Options:\n"
	      "      --models LIST        of those of 'osconcepts serve --list', or\n"
	      "                           all, all-process, all-thread, all-event,\n"
	      "                           all-hybrid (default: fork,thread,epoll)\n"
	      "      --keepalive LIST     of yes,no (default: both); no is one\n"
	      "                           request a connection\n"
	      "      --modes LIST         the same as keepalive,close\n"
	      "  -c, --connections LIST   open at a time (default 16)\n"
	      "      --work LIST          of times that a request takes of the CPU,\n"
	      "                           such as 0,100us (default 0)\n"
	      "      --io LIST            of times that it then waits (default 0)\n"
	      "  -d, --duration TIME      of a run (default 2s)\n"
	      "  -n, --requests N         in a run, instead of a duration\n"
	      "  -r, --runs N             of each model under each load (default 6)\n"
	      "      --path PATH          what is requested, instead of work and io\n"
	      "      --workers N          of each server (default: the model's own)\n"
	      "      --interval TIME      between samples (default: a 40th of the\n"
	      "                           duration, at least 20ms)\n"
	      "      --backend KIND       module, procfs, or auto (the default)\n"
	      "      --server-cpus LIST   such as 0,2-3 (default: the first half)\n"
	      "      --client-cpus LIST   (default: the other half)\n"
	      "      --socket PATH        of a running osconceptsd (default: start\n"
	      "                           one that ends with the command)\n"
	      "      --json FILE          write all results; - is standard output\n"
	      "      --resume             go on where the command stopped that wrote\n"
	      "                           the file of --json\n"
	      "      --html FILE          write a page to look at\n"
	      "      --no-progress        say nothing while it runs\n"
	      "  -h, --help               show this help\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, stopped by a signal, or an audit does not\n"
	      "hold, 2 usage, 4 the load generator vouches for no run of a row, 77\n"
	      "something needed is missing here. See osconcepts-compare(1).\n",
	      out);
}

enum {
	MODELS = 256,
	MODES,
	KEEPALIVE,
	WORK,
	IO,
	RESUME,
	PATH_,
	WORKERS,
	INTERVAL,
	BACKEND,
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
	{ "keepalive", required_argument, NULL, KEEPALIVE },
	{ "connections", required_argument, NULL, 'c' },
	{ "work", required_argument, NULL, WORK },
	{ "io", required_argument, NULL, IO },
	{ "duration", required_argument, NULL, 'd' },
	{ "requests", required_argument, NULL, 'n' },
	{ "runs", required_argument, NULL, 'r' },
	{ "path", required_argument, NULL, PATH_ },
	{ "workers", required_argument, NULL, WORKERS },
	{ "interval", required_argument, NULL, INTERVAL },
	{ "backend", required_argument, NULL, BACKEND },
	/* Its name until 0.1. */
	{ "source", required_argument, NULL, BACKEND },
	{ "server-cpus", required_argument, NULL, SERVER_CPUS },
	{ "client-cpus", required_argument, NULL, CLIENT_CPUS },
	{ "socket", required_argument, NULL, SOCKET },
	{ "json", required_argument, NULL, JSON },
	{ "resume", no_argument, NULL, RESUME },
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

/* "all" or "all-FAMILY"; NULL: it is no such word. */
static const char *family_of(const char *word)
{
	if (!strcmp(word, "all"))
		return "";
	return strncmp(word, "all-", 4) ? NULL : word + 4;
}

static int no_model(const char *word, struct osc_error *e)
{
	char text[OSC_ENGINE_HINT_SIZE];
	const char *family = family_of(word);
	struct osc_nearest near;

	if (family) {
		osc_nearest_begin(&near, family, strlen(family));
		for (const struct osc_engine *m = osc_engines; m->name; m++)
			osc_nearest_offer(&near, m->family);
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "--models '%s': there is no such "
					  "family of models; try all-%s",
					  word, near.best ?: "event");
	}
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--models '%s': there is no such model; try "
				  "%s, all, or all-event and the like",
				  word,
				  osc_engine_hint(word, text, sizeof(text)));
}

/* False: there is no such family. One that was named already stays there. */
static bool add_family(struct osc_compare_settings *s, const char *family)
{
	bool found = false;

	for (const struct osc_engine *m = osc_engines; m->name; m++) {
		struct osc_words *w = &s->models;

		if (*family && strcmp(m->family, family))
			continue;
		found = true;
		if (m->check && m->check(NULL))
			w = &s->left_out;
		if (!has_word(w, m->name) && w->n < OSC_COMPARE_WORDS)
			w->word[w->n++] = m->name;
	}
	return found;
}

static int take_models(const char *text, struct osc_compare_settings *s,
		       struct osc_error *e)
{
	struct osc_words typed;
	int ret = take_words("--models", text, &typed, e);

	if (ret)
		return ret;
	s->models.n = s->left_out.n = 0;
	for (size_t i = 0; i < typed.n; i++) {
		const struct osc_engine *m = osc_engine_find(typed.word[i]);
		const char *family = family_of(typed.word[i]);

		if (m && !has_word(&s->models, m->name) &&
		    s->models.n < OSC_COMPARE_WORDS)
			s->models.word[s->models.n++] = m->name;
		else if (!m && (!family || !add_family(s, family)))
			return no_model(typed.word[i], e);
	}
	if (s->models.n)
		return 0;
	return osc_error_set_exit(e, OSC_EXIT_MISSING, ENOTSUP,
				  "--models '%s': this kernel can run none of "
				  "them; see osconcepts-serve(1)",
				  text);
}

/* The words of a list, each of `words`, which stand for those of `means`. */
static int take_either(const char *what, const char *text,
		       const char *const *words, const char *const *means,
		       struct osc_words *w, struct osc_error *e)
{
	int ret = take_words(what, text, w, e);

	for (size_t i = 0; !ret && i < w->n; i++) {
		int word = osc_parse_word(what, w->word[i], words, e);

		if (word < 0)
			return word;
		w->word[i] = means[word];
	}
	return ret;
}

static const char *const modes[] = { "keepalive", "close", NULL };
static const char *const answers[] = { "yes", "no", NULL };

static int take_number(const char *what, const char *word, bool time,
		       uint64_t max, uint64_t *out, struct osc_error *e)
{
	int ret;

	if (!time)
		return osc_parse_u64(what, word, 1, max, out, e);
	ret = osc_parse_duration_ns(what, word, 0, max * OSC_NS_PER_US, out, e);
	if (!ret && *out % OSC_NS_PER_US)
		ret = osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					 "%s '%s': must be of whole "
					 "microseconds",
					 what, word);
	*out /= OSC_NS_PER_US;
	return ret;
}

/* Numbers, or times in microseconds, up to max. */
static int take_numbers(const char *what, const char *text, bool time,
			uint64_t max, struct osc_numbers *out,
			struct osc_error *e)
{
	struct osc_words w;
	int ret = take_words(what, text, &w, e);

	if (!ret && w.n > OSC_COMPARE_NUMBERS)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "%s: the list is too long", what);
	for (out->n = 0; !ret && out->n < w.n; out->n++) {
		uint64_t *number = &out->number[out->n];

		ret = take_number(what, w.word[out->n], time, max, number, e);
		for (size_t i = 0; !ret && i < out->n; i++) {
			if (out->number[i] == *number)
				ret = osc_error_set_exit(
					e, OSC_EXIT_USAGE, EINVAL,
					"%s '%s': each must be there once",
					what, text);
		}
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

#define COMPARE_NUMBER(opt, name, kind, min, max, member)                  \
	OSC_NUMBER(opt, name, kind, min, max, struct osc_compare_settings, \
		   member)

static const struct osc_number_option numbers[] = {
	COMPARE_NUMBER('d', "--duration", NS, OSC_NS_PER_S / 10,
		       86400 * OSC_NS_PER_S, duration_ns),
	COMPARE_NUMBER('n', "--requests", WHOLE, 1, 1000000000000, requests),
	COMPARE_NUMBER('r', "--runs", WHOLE, 1, OSC_SPREAD_MAX, runs),
	COMPARE_NUMBER(WORKERS, "--workers", WHOLE, 1, 4096, workers),
	COMPARE_NUMBER(INTERVAL, "--interval", NS, OSC_NS_PER_S / 100,
		       3600 * OSC_NS_PER_S, interval_ns),
	{ .name = NULL },
};

static int take_option(int c, struct osc_compare_settings *s,
		       struct osc_error *e)
{
	switch (c) {
	case MODELS:
		return take_models(optarg, s, e);
	case MODES:
		return take_either("--modes", optarg, modes, modes, &s->modes,
				   e);
	case KEEPALIVE:
		return take_either("--keepalive", optarg, answers, modes,
				   &s->modes, e);
	case 'c':
		return take_numbers("--connections", optarg, false, 1000000,
				    &s->connections, e);
	case WORK:
		return take_numbers("--work", optarg, true,
				    OSC_ROUTE_WORK_MAX_US, &s->work_us, e);
	case IO:
		return take_numbers("--io", optarg, true,
				    OSC_ROUTE_SLEEP_MAX_US, &s->io_us, e);
	case BACKEND:
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
	case RESUME:
		s->resume = true;
		return 0;
	case HTML:
		s->html = optarg;
		return 0;
	case NO_PROGRESS:
		s->progress = false;
		return 0;
	default:
		return osc_number_parse(numbers, c, optarg, s, e);
	}
}

int osc_compare_part_cpus(struct osc_compare_settings *s, struct osc_error *e)
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

static int check(const struct osc_compare_settings *s, struct osc_error *e)
{
	const char *wrong = NULL;

	if (s->duration_ns && s->requests)
		wrong = "--duration and --requests exclude each other; try "
			"either of them";
	else if (s->path && (s->work_us.n || s->io_us.n))
		wrong = "--path excludes --work and --io, which choose what is "
			"requested; try either";
	else if (s->resume && (!s->json || osc_outfile_is_stdout(s->json)))
		wrong = "--resume needs the file that it is to go on with; try "
			"--json FILE";
	else if (s->json && s->html && !strcmp(s->json, s->html))
		wrong = "--json and --html name the same file";
	if (wrong)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL, "%s",
					  wrong);
	if (s->path && *s->path != '/')
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "--path '%s': must begin with /",
					  s->path);
	for (const char *p = s->path; p && *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return osc_error_set_exit(
				e, OSC_EXIT_USAGE, EINVAL,
				"--path '%s': a blank or a byte beyond ASCII "
				"is in it; try %%20 for a blank, %%C3%%A9 for "
				"an e with an acute accent",
				s->path);
	}
	return 0;
}

/* Before the first run: a server would refuse it only when its turn comes. */
static int check_workers(const struct osc_compare_settings *s,
			 struct osc_error *e)
{
	for (size_t i = 0; i < s->models.n; i++) {
		const struct osc_engine *m = osc_engine_find(s->models.word[i]);

		if (s->workers > m->workers_max)
			return osc_error_set_exit(
				e, OSC_EXIT_USAGE, EINVAL,
				"--workers %" PRIu64 ": %s takes up to %u; try "
				"--workers %u, or --models without %s",
				s->workers, m->name, m->workers_max,
				m->workers_max, m->name);
	}
	return 0;
}

static int complete(struct osc_compare_settings *s, struct osc_error *e)
{
	int ret = check(s, e);

	if (!s->duration_ns)
		s->duration_ns = 2 * OSC_NS_PER_S;
	if (!ret && !s->models.n)
		ret = take_models("fork,thread,epoll", s, e);
	if (!ret)
		ret = check_workers(s, e);
	if (!ret && !s->modes.n)
		ret = take_either("--modes", "keepalive,close", modes, modes,
				  &s->modes, e);
	if (!s->connections.n)
		s->connections = (struct osc_numbers){ { 16 }, 1 };
	if (!s->work_us.n)
		s->work_us.n = 1;
	if (!s->io_us.n)
		s->io_us.n = 1;
	if (!ret)
		ret = osc_compare_part_cpus(s, e);
	if (!s->interval_ns)
		s->interval_ns = s->requests ? OSC_NS_PER_S / 10 :
					       s->duration_ns / 40;
	if (s->interval_ns < OSC_NS_PER_S / 50)
		s->interval_ns = OSC_NS_PER_S / 50;
	return ret;
}

static int take_all(int argc, char **argv, struct osc_compare_settings *s,
		    struct osc_error *e)
{
	int c, ret;

	optind = 0;
	while ((c = osc_cli_getopt(argc, argv, "c:d:n:r:h", longs)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 1;
		}
		if (c == '?')
			return -EINVAL;
		ret = take_option(c, s, e);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "'%s' is not an option; try "
					  "'%s compare --help'",
					  argv[optind], osc_program());
	return 0;
}

int osc_compare_options(int argc, char **argv, struct osc_compare_settings *s,
			struct osc_error *e)
{
	int ret;

	*s = (struct osc_compare_settings){
		/* As few as can say who wins. */
		.runs = OSC_SPREAD_MIN,
		.progress = true,
	};
	ret = take_all(argc, argv, s, e);
	return ret ? ret : complete(s, e);
}
