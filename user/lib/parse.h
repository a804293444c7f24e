/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.h - numbers as people type them. Every flag and every field of a file
 * goes through these: the whole text must be the number, and it must lie in
 * the range the caller names. `what` names the flag in the error.
 */
#ifndef OSC_LIB_PARSE_H
#define OSC_LIB_PARSE_H

#include <stdint.h>

struct osc_error;

/* Decimal digits only: no sign, no blanks, no prefix. */
int osc_parse_u64(const char *what, const char *text, uint64_t min,
		  uint64_t max, uint64_t *out, struct osc_error *e);

/* "10", "1.5s", "500ms", "20us", "2m", "1h"; a bare number is in seconds. */
int osc_parse_duration_ns(const char *what, const char *text, uint64_t min_ns,
			  uint64_t max_ns, uint64_t *out_ns,
			  struct osc_error *e);

/* "64", "4k", "16M", "1G": powers of 1024. */
int osc_parse_size(const char *what, const char *text, uint64_t min,
		   uint64_t max, uint64_t *out_bytes, struct osc_error *e);

/* One of the words of a list that NULL ends: its place there, or -errno. */
int osc_parse_word(const char *what, const char *text, const char *const *words,
		   struct osc_error *e);

#endif
