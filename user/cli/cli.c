// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/cli.h"
#include "lib/bars.h"
#include "lib/options.h"
#include "lib/program.h"

#include <getopt.h>
#include <stdio.h>

int osc_cli_fail(const char *command, const struct osc_error *e)
{
	osc_text_say(stderr, "osconcepts %s: %s", command, e->text);
	return e->exit_code ? (int)e->exit_code : OSC_EXIT_FAILED;
}

int osc_cli_getopt(int argc, char **argv, const char *shorts,
		   const struct option *longs)
{
	struct osc_error e;
	int c = osc_options_next(argc, argv, shorts, longs, &e);

	if (c == '?')
		osc_text_say(stderr, "%s: %s", argv[0], e.text);
	return c;
}

int osc_cli_usage(const char *command)
{
	fprintf(stderr, "Try '%s %s --help'.\n", osc_program(), command);
	return OSC_EXIT_USAGE;
}

int osc_cli_unexpected(const char *command, const char *word)
{
	osc_text_say(stderr, "osconcepts %s: unexpected '%s'", command, word);
	return osc_cli_usage(command);
}

bool osc_cli_json_option(const char *command, int argc, char **argv,
			 void (*usage)(FILE *out), bool *json, int *code)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*json = false;
	while ((c = osc_cli_getopt(argc, argv, "jh", options)) != -1) {
		switch (c) {
		case 'j':
			*json = true;
			break;
		case 'h':
			usage(stdout);
			*code = OSC_EXIT_OK;
			return false;
		default:
			*code = osc_cli_usage(command);
			return false;
		}
	}
	return true;
}
