// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts - the command line: finds the command and hands over. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/bars.h"
#include "lib/nearest.h"
#include "lib/options.h"
#include "lib/program.h"
#include "lib/signals.h"
#include "lib/streams.h"
#include "lib/version.h"

static const struct osc_command commands[] = {
	{ "serve", "serve HTTP under one concurrency model", cmd_serve },
	{ "load", "load a server, and say if the result holds", cmd_load },
	{ "sweep", "load a server more and more: find the knee", cmd_sweep },
	{ "compare", "measure server models against each other", cmd_compare },
	{ "lesson", "run a short experiment, and see what it shows",
	  cmd_lesson },
	{ "stat", "count a command, a process tree or the system", cmd_stat },
	{ "watch", "show rates as they change", cmd_watch },
	{ "monitor", "print notifications as they come", cmd_monitor },
	{ "targets", "list and change what the module watches", cmd_targets },
	{ "sources", "show what the module counts, and how", cmd_sources },
	{ "hist", "show how long it took, as histograms", cmd_hist },
	{ "timings", "show and switch what the module times", cmd_timings },
	{ NULL, NULL, NULL },
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts COMMAND [OPTIONS]\n"
	      "\n"
	      "What the scheduler, the page-fault handler and epoll do for your\n"
	      "programs, counted by the osconcepts kernel module.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (const struct osc_command *c = commands; c->name; c++)
		fprintf(out, "  %-10s %s\n", c->name, c->summary);
	fputs("\n"
	      "Options:\n"
	      "  -h, --help     show this help; 'help COMMAND' or COMMAND --help\n"
	      "                 that of a command\n"
	      "  -V, --version  show the version\n"
	      "\n"
	      "Exit status: 0 ok, 1 failed, 2 usage, 3 gate breached, 4 result\n"
	      "not valid, 77 something needed is missing here, 128 + N stopped by\n"
	      "signal N. See osconcepts(1).\n",
	      out);
}

/* NULL after saying that there is no such command, and which is like it. */
static const struct osc_command *find(const char *name)
{
	struct osc_nearest near;

	osc_nearest_begin(&near, name, strlen(name));
	osc_nearest_offer(&near, "help");
	for (const struct osc_command *c = commands; c->name; c++) {
		if (!strcmp(name, c->name))
			return c;
		osc_nearest_offer(&near, c->name);
	}
	if (near.best && !strcmp(near.best, "help"))
		near.best = "";
	osc_text_say(stderr,
		     "osconcepts: '%s' is not a command; try '%s %s%s%s'", name,
		     osc_program(), near.best ? "help" : "--help",
		     near.best && *near.best ? " " : "", near.best ?: "");
	return NULL;
}

static int run(const struct osc_command *command, int argc, char **argv)
{
	static char name[32];

	/* osc_cli_getopt() begins its messages with it. */
	snprintf(name, sizeof(name), "osconcepts %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

/* osconcepts help [COMMAND] */
static int help(int argc, char **argv)
{
	char *words[] = { NULL, (char *)"--help", NULL };
	const struct osc_command *command;

	if (argc > 3) {
		osc_text_say(
			stderr,
			"osconcepts help: unexpected '%s'; try one command",
			argv[3]);
		return OSC_EXIT_USAGE;
	}
	if (argc == 3 && strcmp(argv[2], "help") && *argv[2] != '-') {
		command = find(argv[2]);
		return command ? run(command, 2, words) : OSC_EXIT_USAGE;
	}
	usage(stdout);
	return OSC_EXIT_OK;
}

/* An option in the place of a command. */
static int own_option(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct osc_error e = { .text = "a command is missing" };

	switch (osc_options_next(argc, argv, "+hV", options, &e)) {
	case 'h':
		usage(stdout);
		return OSC_EXIT_OK;
	case 'V':
		puts("osconcepts " OSC_VERSION);
		return OSC_EXIT_OK;
	default:
		fprintf(stderr, "osconcepts: %s\nTry '%s --help'.\n", e.text,
			osc_program());
		return OSC_EXIT_USAGE;
	}
}

static int dispatch(int argc, char **argv)
{
	const struct osc_command *command;

	if (argc < 2) {
		usage(stderr);
		return OSC_EXIT_USAGE;
	}
	if (*argv[1] == '-')
		return own_option(argc, argv);
	if (!strcmp(argv[1], "help"))
		return help(argc, argv);
	command = find(argv[1]);
	return command ? run(command, argc - 1, argv + 1) : OSC_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	struct osc_error e;
	int code;

	/* Before anything else opens a descriptor. */
	if (osc_streams_open())
		return OSC_EXIT_FAILED;
	osc_signals_start();
	/* What a letter is, for tables; numbers stay as programs read them. */
	setlocale(LC_CTYPE, "");

	code = osc_streams_finish(dispatch(argc, argv), &e);
	if (e.err)
		osc_text_say(stderr, "osconcepts %s: %s", name, e.text);
	return code;
}
