/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lesson.h - what the files of `osconcepts lesson` share: lessons.c (the table of
 * lessons), lesson_run.c (servers, loads and what they measure), lesson_report.c
 * (what was seen) and cmd-lesson.c (options). A lesson is a row of the table.
 */
#ifndef OSC_CLI_LESSON_H
#define OSC_CLI_LESSON_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "correlate/stats.h"
#include "lib/error.h"

#define OSC_LESSON_MODELS 3
#define OSC_LESSON_COLUMNS 3
#define OSC_LESSON_PAIRS 2
/* Fewer runs give no interval worth the name. */
#define OSC_LESSON_RUNS_MIN 5
#define OSC_LESSON_RUNS_MAX 100

enum osc_lesson_metric {
	OSC_LESSON_NONE,
	OSC_LESSON_FAST_P50, /* latency of the first URL, us */
	OSC_LESSON_FAST_P99,
	OSC_LESSON_SLOW_P50, /* of the second */
	OSC_LESSON_CPU_US, /* the server's CPU time per request */
	OSC_LESSON_CPUS, /* the same per second: CPUs that it keeps busy */
	OSC_LESSON_WAKEUPS, /* epoll wakeups per request; the module's */
	OSC_NR_LESSON_METRICS,
};

struct osc_lesson {
	const char *name, *title;
	const char *about; /* what is done, and what is asked */
	const char *models[OSC_LESSON_MODELS];
	const char *paths[2]; /* asked in turn; the second may be NULL */
	unsigned int connections, rate; /* rate 0: closed loop */
	unsigned int idle; /* connections that others hold meanwhile */
	/* The first is what is judged, and what `judged` calls it. */
	enum osc_lesson_metric columns[OSC_LESSON_COLUMNS];
	const char *judged;
	/* What is expected: {more, less} of it. */
	const char *pairs[OSC_LESSON_PAIRS][2];
	const char *why; /* said when all pairs were seen */
	const char *question;
	const char *measure[2]; /* the commands that answer it */
};

/* The last has no name. */
extern const struct osc_lesson osc_lessons[];
/* NULL after printing that there is none, and which is like it. */
const struct osc_lesson *osc_lesson_find(const char *name);

struct osc_lesson_settings {
	const struct osc_lesson *lesson;
	uint64_t runs, duration_ns;
	bool json, progress;
};

/* What one run of one model measured; NaN where it did not. */
struct osc_lesson_run {
	double value[OSC_NR_LESSON_METRICS];
	bool valid; /* the load generator vouches for its times */
	char why[160]; /* the first reason against it, or "" */
};

struct osc_lesson_result {
	const struct osc_lesson_settings *set;
	struct osc_lesson_run run[OSC_LESSON_MODELS][OSC_LESSON_RUNS_MAX];
	size_t runs; /* complete rounds */
	char server_cpus[256], client_cpus[256], source[16];
};

/*
 * *stop is set by a signal handler, which also ends the process osc_lesson_load:
 * the rounds that are complete stay. 0 or -errno.
 */
extern volatile sig_atomic_t osc_lesson_load;
int osc_lesson_measure(struct osc_lesson_result *r,
		       const volatile sig_atomic_t *stop, struct osc_error *e);

/* Prints text or JSON. The exit code, or -errno and *e. */
int osc_lesson_print(const struct osc_lesson_result *r, struct osc_error *e);

/*
 * What is seen of two models: 1 the first has more, -1 it has less, 0 neither can
 * be said, as their intervals touch or one of them has too few values.
 */
int osc_lesson_compare(const struct osc_spread *a, const struct osc_spread *b);

#endif
