/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - the options of a command line, by getopt_long(), whose errors are
 * ours: made once, with what to try, and printed by the caller.
 */
#ifndef OSC_LIB_OPTIONS_H
#define OSC_LIB_OPTIONS_H

struct option; /* <getopt.h> */
struct osc_error;

/*
 * As getopt_long(), but that it prints nothing: '?' comes with *e, which names the
 * option that is like one that does not exist.
 */
int osc_options_next(int argc, char **argv, const char *shorts,
		     const struct option *longs, struct osc_error *e);

#endif
