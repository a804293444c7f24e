/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - what the files of `osconcepts compare` share: cmd-compare.c
 * (the work and the verdict), compare_options.c, compare_plan.c (the matrix,
 * and what is done of it), compare_session.c (the daemon's other end),
 * compare_progress.c, compare_table.c (what a person reads; its cells: compare_cells.c),
 * compare_notes.c (what to know of it) and compare_doubts.c (what can be said of
 * it, and why not to believe it).
 */
#ifndef OSC_CLI_COMPARE_H
#define OSC_CLI_COMPARE_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/child.h"
#include "lib/control.h"
#include "lib/counters.h"
#include "lib/error.h"

#define OSC_COMPARE_WORDS 32
#define OSC_COMPARE_NUMBERS 16

/* A comma-separated list of words, each once. */
struct osc_words {
	char text[512];
	const char *word[OSC_COMPARE_WORDS];
	size_t n;
};

struct osc_numbers {
	uint64_t number[OSC_COMPARE_NUMBERS];
	size_t n;
};

struct osc_compare_settings {
	/* What is varied: each of one with each of the others. */
	struct osc_words models, modes;
	struct osc_numbers connections, work_us, io_us;
	/* Of a group that was asked for, those that this kernel cannot run. */
	struct osc_words left_out;
	uint64_t requests; /* 0: duration_ns */
	uint64_t duration_ns, interval_ns;
	uint64_t runs;
	uint64_t workers; /* 0: each model's own choice */
	const char *path; /* NULL: as work and io have it */
	enum osc_counters_kind source;
	/* As lists; "" is not pinned. */
	char server_cpus[256], client_cpus[256];
	const char *socket; /* NULL: a daemon of our own */
	const char *json, *html; /* NULL: none */
	bool resume; /* with what the file of json has already */
	bool progress;
};

/*
 * 1: help was asked for and printed; -EINVAL with an empty *e: getopt has said
 * what is wrong.
 */
int osc_compare_options(int argc, char **argv, struct osc_compare_settings *s,
			struct osc_error *e);

/*
 * Servers on the first half of our CPUs, the client on the other, so that
 * neither takes time from the other; what was asked for stays. On one CPU
 * there is nothing to part.
 */
int osc_compare_part_cpus(struct osc_compare_settings *s, struct osc_error *e);

/* One thing to measure. */
struct osc_compare_item {
	const char *model, *mode;
	uint64_t connections, work_us, io_us;
	unsigned int run; /* from 1 */
};

/* Rows of the matrix: models and modes under each load. */
size_t osc_compare_rows(const struct osc_compare_settings *s);
struct osc_compare_item osc_compare_item(const struct osc_compare_settings *s,
					 size_t row, unsigned int run);
/* What is requested; in out, unless it was given. */
const char *osc_compare_path(const struct osc_compare_settings *s,
			     const struct osc_compare_item *item, char *out,
			     size_t size);
/* "thread close", and behind it what else is varied. */
void osc_compare_name(const struct osc_compare_settings *s,
		      const struct osc_compare_item *item, char *out,
		      size_t size);
/* Writes into a run of which row it is, and which; -ENOMEM. */
int osc_compare_mark(json_t *run, const struct osc_compare_item *item);
bool osc_compare_is_done(const json_t *runs,
			 const struct osc_compare_item *item);
/* "256 connections, 100us of work, 1ms of io"; of a run, or of a summary's row. */
void osc_compare_scenario(const json_t *run, char *out, size_t size);
/* ", 100us of work, 1ms of io", where it has any. */
void osc_compare_times(const json_t *run, char *out, size_t size);
/*
 * What was made of the same comparison before: a document, NULL where there is
 * no file yet. One of another comparison is an error.
 */
int osc_compare_resume(const struct osc_compare_settings *s,
		       const json_t *config, const json_t *platform,
		       const char *source, json_t **earlier,
		       struct osc_error *e);

/* The daemon, ours or somebody's. */
struct osc_session {
	struct osc_control control;
	struct osc_child daemon; /* NONE when it is somebody's */
	const volatile sig_atomic_t *stop; /* set by a signal handler */
	int next_id;
	char source[16];
	bool silent; /* it has said nothing for too long */
};

int osc_session_open(struct osc_session *s,
		     const struct osc_compare_settings *set,
		     struct osc_error *e);
/* One request, which is given up, and its answer, a new reference. */
int osc_session_ask(struct osc_session *s, json_t *request, json_t **answer,
		    struct osc_error *e);
/* The calibration's rows, a new reference; none without the module. */
int osc_session_calibrate(struct osc_session *s,
			  const struct osc_compare_settings *set, json_t **rows,
			  struct osc_error *e);
/*
 * One run's document, a new reference. -EINTR when *stop was set: the run is
 * cancelled then.
 */
int osc_session_run(struct osc_session *s,
		    const struct osc_compare_settings *set,
		    const struct osc_compare_item *item, json_t **run,
		    struct osc_error *e);
void osc_session_close(struct osc_session *s);

/* A line of the progress, if it is wanted; folded where it does not fit. */
void osc_compare_say(const struct osc_compare_settings *set, const char *fmt,
		     ...) __attribute__((format(printf, 2, 3)));

struct osc_compare_progress {
	size_t done, all; /* runs */
	size_t made; /* of those done, by this command */
	uint64_t begun_ns; /* the first of them */
	bool emulated; /* times are withheld */
};

void osc_compare_say_run(const struct osc_compare_settings *set,
			 const json_t *run, const char *name,
			 const struct osc_compare_progress *p);

/* The summary as tables, the failed audits, and what to make of them. */
int osc_compare_print(const json_t *document, FILE *out, struct osc_error *e);

/* No line is wider, nor wider than the terminal. */
#define OSC_COMPARE_WIDTH 80
unsigned int osc_compare_width(FILE *out);

/* A line, broken between words so that it fits; what follows is indented. */
void osc_compare_fold(const char *text, FILE *out);

/*
 * Which model wins by what, load by load, and which is left out; where nothing
 * can be said, that. -ENOMEM.
 */
int osc_compare_findings(const json_t *document, FILE *out);

/* What to know of the tables: the source, what was lost, what is withheld. */
void osc_compare_notes(const json_t *document, FILE *out);
/* The audits that do not hold, if any, with both numbers. */
int osc_compare_failed(const json_t *document, FILE *out, struct osc_error *e);

/* Which kind of memory leaves the memory of a connection uncertain. -ENOMEM. */
int osc_compare_memory_doubts(const json_t *summary, FILE *out);

/*
 * Why runs are suspect or not valid: each reason once, with the range of its
 * numbers. -ENOMEM.
 */
int osc_compare_doubts(const json_t *runs, FILE *out);

#endif
