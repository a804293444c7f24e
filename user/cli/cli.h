/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/cli - the commands a person types. One file per command, cmd-NAME.c,
 * and one row in the table of main.c. A command parses its flags, calls a
 * room, and prints; it holds no logic that another command would want.
 */
#ifndef OSC_CLI_CLI_H
#define OSC_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"

struct osc_command {
	const char *name;
	const char *summary; /* one line for `osconcepts --help` */
	/* argv[0] is "osconcepts NAME". */
	int (*run)(int argc, char **argv);
};

/* Prints "osconcepts NAME: text" to stderr and returns the exit code. */
int osc_cli_fail(const char *command, const struct osc_error *e);

struct option; /* <getopt.h> */

/*
 * osc_options_next(), with '?' after printing its error, which begins with argv[0]:
 * main() has made it "osconcepts NAME".
 */
int osc_cli_getopt(int argc, char **argv, const char *shorts,
		   const struct option *longs);

/* After a wrong flag: points to --help and returns OSC_EXIT_USAGE. */
int osc_cli_usage(const char *command);

/* The same after a word that has no place on the command line: names it. */
int osc_cli_unexpected(const char *command, const char *word);

/*
 * The options of a command that has only --json and --help; the words after
 * them begin at optind. True goes on, false ends the command with *code.
 */
bool osc_cli_json_option(const char *command, int argc, char **argv,
			 void (*usage)(FILE *out), bool *json, int *code);

int cmd_serve(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_lesson(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_targets(int argc, char **argv);
int cmd_sources(int argc, char **argv);
int cmd_hist(int argc, char **argv);
int cmd_timings(int argc, char **argv);

#endif
