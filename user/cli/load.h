/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h - osconcepts load: one run, or a sweep of them. */
#ifndef OSC_CLI_LOAD_H
#define OSC_CLI_LOAD_H

#include "lib/outfile.h"
#include "load/load.h"

#define OSC_LOAD_NAME "load"

struct osc_load_settings {
	struct osc_load_config load;
	bool json, no_progress;
	unsigned int sweep; /* steps; 0: one run */
	const char *hdr_path; /* NULL: none */
	struct osc_outfile hdr;
};

/* Reads them all. Returns -1 to go on, or the exit code: it has been told. */
int osc_load_options(int argc, char **argv, struct osc_load_settings *s);

/*
 * Runs it to its end, with progress where that is wanted. Returns 0, the signal
 * that ended it early, or -errno.
 */
int osc_load_attend(const struct osc_load_settings *s, int signal_fd,
		    struct osc_load_result *result, struct osc_error *e);

/* Runs the steps and prints them; the exit code. */
int osc_load_sweep(struct osc_load_settings *s, int signal_fd);

#endif
