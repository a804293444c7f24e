/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/lib - what every other room stands on: errors, clocks, parsing,
 * counters, children. It calls nothing above it, and it never prints or exits.
 *
 * error.h - an error is made once, where it happens, with all its facts, and
 * printed once, at the edge: "what failed: why; try ...".
 */
#ifndef OSC_LIB_ERROR_H
#define OSC_LIB_ERROR_H

/* Exit codes of every command. */
enum osc_exit {
	OSC_EXIT_OK = 0,
	OSC_EXIT_FAILED = 1,
	OSC_EXIT_USAGE = 2,
	OSC_EXIT_GATE = 3, /* a threshold the caller set was breached */
	OSC_EXIT_INVALID = 4, /* measured, but not to be trusted */
	OSC_EXIT_MISSING = 77, /* something needed is missing here */
};

struct osc_error {
	enum osc_exit exit_code; /* OSC_EXIT_FAILED unless raised */
	int err; /* positive errno */
	char text[512]; /* "what: why; try ...", no newline */
};

/*
 * Records an error and returns -err, so that a caller can write
 * "return osc_error_set(e, errno, ...)". err 0 is taken as EIO: a function
 * that reports a failure must not return success. Where descriptors have run
 * out, what is to be tried is about these. e may be NULL.
 */
int osc_error_set(struct osc_error *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for errors whose exit code is not OSC_EXIT_FAILED. */
int osc_error_set_exit(struct osc_error *e, enum osc_exit code, int err,
		       const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
