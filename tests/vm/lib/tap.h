/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tap.h - results of one test program, as TAP on standard output. */
#ifndef OSC_TEST_TAP_H
#define OSC_TEST_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* One result; what is false is named. Returns ok. */
bool tap_ok(bool ok, const char *name, ...)
	__attribute__((format(printf, 2, 3)));

/* got == want, both shown when they are not. */
bool tap_equal(uint64_t got, uint64_t want, const char *name, ...)
	__attribute__((format(printf, 3, 4)));

/* low <= got <= high. */
bool tap_between(uint64_t low, uint64_t got, uint64_t high, const char *name,
		 ...) __attribute__((format(printf, 4, 5)));

void tap_skip(const char *name, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/* A line of comment in the log. */
void tap_note(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* The set-up failed, with errno: no test can follow. */
_Noreturn void tap_bail(const char *what);

/* Print the plan; returns the exit status of the program. */
int tap_done(void);

#endif
