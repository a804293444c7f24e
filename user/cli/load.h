/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h - osconcepts load and sweep: one run, or a sweep of them. */
#ifndef OSC_CLI_LOAD_H
#define OSC_CLI_LOAD_H

#include "lib/error.h"
#include "lib/outfile.h"
#include "load/load.h"
#include "load/series.h"

struct osc_load_settings {
	const char *name; /* the command's */
	struct osc_load_config load;
	bool is_sweep; /* the command; it may be load --sweep as well */
	bool closed; /* it was asked for */
	bool json, no_progress;
	bool has_connections; /* they were asked for, and not by --idle */
	bool screen; /* progress is shown */
	unsigned int sweep; /* steps; 0: one run */
	const char *hdr_path; /* NULL: none */
	struct osc_outfile hdr;
	const char *series_path; /* NULL: none; "-": the result goes to stderr */
	uint64_t interval_ns;
	struct osc_outfile series;
	struct osc_error series_error;
};

/* Reads them all; is_sweep is set before. Returns -1 to go on, or the exit code: it has been told. */
int osc_load_options(int argc, char **argv, struct osc_load_settings *s);

/* load_request.c, load_files.c: one option each. */

/* "WHAT 'TEXT': WHY", wrong usage. */
int osc_load_bad(struct osc_error *e, const char *what, const char *text,
		 const char *why);
/* One more of them, in their order. */
int osc_load_add_url(const char *text, struct osc_load_config *c,
		     struct osc_error *e);
int osc_load_parse_method(const char *text, struct osc_load_config *c,
			  struct osc_error *e);
int osc_load_parse_header(const char *text, struct osc_load_config *c,
			  struct osc_error *e);
/* The text itself, or @FILE. */
int osc_load_parse_body(const char *text, struct osc_load_config *c,
			struct osc_error *e);
int osc_load_read_trace(const char *path, struct osc_load_config *c,
			struct osc_error *e);

/*
 * Runs it to its end, with progress where that is wanted. Returns 0, the signal
 * that ended it early, or -errno.
 */
int osc_load_attend(struct osc_load_settings *s, int signal_fd,
		    struct osc_load_result *result, struct osc_error *e);

/* load_screen.c: how it goes, on the terminal that is standard error. */

#define OSC_LOAD_SPARKS 200 /* no line has more columns */
#define OSC_LOAD_SCREEN_LINES 9

struct osc_load_screen {
	bool on;
	uint64_t p99_ns[OSC_LOAD_SPARKS]; /* of each slice, the last at the end */
	/* The columns of each line that stands there. */
	unsigned int width[OSC_LOAD_SCREEN_LINES], lines;
};

void osc_load_screen_show(struct osc_load_screen *sc,
			  const struct osc_load_interval *now,
			  const struct osc_load_result *so_far);
/* Leaves nothing behind. */
void osc_load_screen_clear(struct osc_load_screen *sc);

/* Runs the steps and prints them; the exit code. */
int osc_load_sweep(struct osc_load_settings *s, int signal_fd);

#endif
