// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts lesson - short experiments with servers, and what they show. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/lesson.h"
#include "cli/numbers.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/emulated.h"
#include "lib/nearest.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/platform.h"
#include "lib/program.h"

static volatile sig_atomic_t stop;

static void usage(FILE *out)
{
	fputs("Usage: osconcepts lesson [NAME] [OPTIONS]\n"
	      "\n"
	      "Runs a short experiment: starts servers, loads them in turn, prints a\n"
	      "table and what it shows, and asks a question. Without NAME it lists the\n"
	      "lessons. It works without the module.\n"
	      "\n"
	      "Options:\n"
	      "  -r, --runs N         of each model, from 5 (default 6)\n"
	      "  -d, --duration TIME  of each run (default 2s)\n"
	      "  -j, --json           print JSON\n"
	      "      --no-progress    print nothing while it runs\n"
	      "  -h, --help           show this help\n"
	      "\n"
	      "Exit status: 0 measured, 1 failed, 2 usage, 4 too few runs are valid,\n"
	      "77 something needed is missing here, 129, 130 or 143 stopped by a\n"
	      "signal. See osconcepts-lesson(1).\n",
	      out);
}

const struct osc_lesson *osc_lesson_find(const char *name)
{
	struct osc_nearest near;

	osc_nearest_begin(&near, name, strlen(name));
	for (const struct osc_lesson *l = osc_lessons; l->name; l++) {
		if (!strcmp(l->name, name))
			return l;
		osc_nearest_offer(&near, l->name);
	}
	osc_text_say(
		stderr,
		"osconcepts lesson: there is no lesson '%s'; try '%s lesson%s%s'",
		name, osc_program(), near.best ? " " : "", near.best ?: "");
	return NULL;
}

static json_t *list_json(void)
{
	json_t *all = json_array();

	for (const struct osc_lesson *l = osc_lessons; l->name; l++)
		json_array_append_new(
			all, json_pack("{s:o, s:o, s:o}", "lesson",
				       osc_json_text(l->name), "title",
				       osc_json_text(l->title), "about",
				       osc_json_text(l->about)));
	return json_pack("{s:s, s:o}", "schema", "osconcepts-lessons/1",
			 "lessons", all);
}

static int list(bool json, struct osc_error *e)
{
	if (json)
		return osc_json_print(list_json(), stdout, e);
	for (const struct osc_lesson *l = osc_lessons; l->name; l++)
		printf("%-18s %s\n", l->name, l->title);
	printf("\nTry '%s lesson %s'; each takes about a minute.\n",
	       osc_program(), osc_lessons[0].name);
	return 0;
}

static void on_signal(int sig)
{
	pid_t load = osc_lesson_load;

	stop = sig;
	/* Nobody waits for the end of a load whose result is not used. */
	if (load > 0)
		kill(load, SIGTERM);
}

static int catch_signals(struct osc_error *e)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction a = { .sa_handler = on_signal }, old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (sigaction(numbers[i], NULL, &old))
			return osc_error_set(e, errno,
					     "cannot catch signals: %s",
					     strerror(errno));
		/* What nohup ignores stays ignored. */
		if (old.sa_handler == SIG_IGN)
			continue;
		sigaction(numbers[i], &a, NULL);
	}
	return 0;
}

/* The exit code, or -errno and *e. */
static int run(const struct osc_lesson_settings *set, struct osc_error *e)
{
	struct osc_lesson_result *r;
	int ret;

	if (osc_platform_emulated())
		return osc_error_set_exit(
			e, OSC_EXIT_MISSING, ENODEV,
			"cannot compare times here: " OSC_EMULATED_NOTE(
				" ") " Try it on a real machine");
	r = calloc(1, sizeof(*r));
	if (!r)
		return osc_error_set(e, ENOMEM,
				     "cannot begin a lesson: out of memory");
	r->set = set;
	ret = catch_signals(e);
	if (!ret)
		ret = osc_lesson_measure(r, &stop, e);
	if (!ret)
		ret = osc_lesson_print(r, e);
	else if (stop)
		e->exit_code = 128 + stop;
	free(r);
	return ret;
}

static const struct osc_number_option numbers[] = {
	OSC_NUMBER('r', "--runs", WHOLE, OSC_LESSON_RUNS_MIN,
		   OSC_LESSON_RUNS_MAX, struct osc_lesson_settings, runs),
	OSC_NUMBER('d', "--duration", NS, OSC_NS_PER_S / 2, 600 * OSC_NS_PER_S,
		   struct osc_lesson_settings, duration_ns),
	{ .name = NULL },
};

enum { NO_PROGRESS = 256 };

/* 0 goes on; otherwise *code is that of the command. */
static int take_options(int argc, char **argv, struct osc_lesson_settings *set,
			int *code)
{
	static const struct option options[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "duration", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "no-progress", no_argument, NULL, NO_PROGRESS },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct osc_error e = { 0 };
	int c;

	while ((c = osc_cli_getopt(argc, argv, "r:d:jh", options)) != -1) {
		if (c == 'h') {
			usage(stdout);
			*code = OSC_EXIT_OK;
			return 1;
		}
		if (c == 'j')
			set->json = true;
		else if (c == NO_PROGRESS)
			set->progress = false;
		else if (c == '?')
			*code = osc_cli_usage("lesson");
		else if (osc_number_parse(numbers, c, optarg, set, &e))
			*code = osc_cli_fail("lesson", &e);
		if (*code)
			return 1;
	}
	return 0;
}

int cmd_lesson(int argc, char **argv)
{
	struct osc_lesson_settings set = {
		.runs = OSC_SPREAD_MIN,
		.duration_ns = 2 * OSC_NS_PER_S,
		.progress = true,
	};
	struct osc_error e = { 0 };
	int code = 0, ret;

	if (take_options(argc, argv, &set, &code))
		return code;
	if (optind + 1 < argc)
		return osc_cli_unexpected("lesson", argv[optind + 1]);
	if (optind < argc) {
		set.lesson = osc_lesson_find(argv[optind]);
		if (!set.lesson)
			return OSC_EXIT_USAGE;
	}
	ret = set.lesson ? run(&set, &e) : list(set.json, &e);
	if (ret < 0)
		return osc_cli_fail("lesson", &e);
	return ret;
}
