/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signals.h - what each program does at each signal: one table, which the programs
 * act on, osconcepts(1) prints and the tests try out.
 */
#ifndef OSC_LIB_SIGNALS_H
#define OSC_LIB_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

struct osc_error;

enum osc_signal_program {
	OSC_SIGNAL_SERVE, /* the first process of a server */
	OSC_SIGNAL_WORKER, /* its other processes */
	OSC_SIGNAL_LOAD, /* load and sweep */
	OSC_SIGNAL_COMPARE,
	OSC_SIGNAL_WATCH, /* stat without a command, watch, hist, monitor */
	OSC_SIGNAL_DAEMON,
	OSC_NR_SIGNAL_PROGRAMS,
};

enum osc_signal_effect {
	OSC_SIGNAL_DEFAULT, /* the kernel's: signal(7) */
	OSC_SIGNAL_IGNORED,
	OSC_SIGNAL_ENDS, /* in order; exit 0 */
	OSC_SIGNAL_ENDS_128, /* with a partial result; exit 128 + number */
	OSC_SIGNAL_ENDS_1, /* with a partial result; exit 1 */
	OSC_SIGNAL_RETIRES, /* a worker, when its connections have ended */
	OSC_NR_SIGNAL_EFFECTS,
};

struct osc_signal_row {
	int number;
	const char *name; /* "SIGHUP" */
	unsigned char effect[OSC_NR_SIGNAL_PROGRAMS];
};

/* Ends with a row without a name. All other signals have their default. */
extern const struct osc_signal_row osc_signal_rows[];

/* As the manual page words it: "ends, 0". */
const char *osc_signal_effect_text(enum osc_signal_effect effect);

/*
 * First of all in main(): ignores what the table says every program ignores, and
 * remembers what was ignored before.
 */
void osc_signals_start(void);

/*
 * Whether this signal was ignored when the program started and has to stay so:
 * SIGHUP for nohup(1), SIGINT for a job that a shell runs in the background.
 */
bool osc_signal_stays_ignored(int signo);

/* SIGTERM, and SIGINT and SIGHUP but where they stay ignored. */
void osc_signals_of_end(sigset_t *set);

/* In a child that is about to execute another program; async-signal-safe. */
void osc_signals_restore(void);

/*
 * Blocks the signals that end a program and returns a non-blocking signalfd for
 * them, which the caller closes; or -errno. Call before threads are started.
 * A child does not inherit the block: osc_child_start() undoes it.
 */
int osc_signals_open(struct osc_error *e);

#endif
