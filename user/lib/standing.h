/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * standing.h - how far a number can be trusted: one rule for text, JSON and
 * the page.
 *
 *   exact        the number is what happened
 *   lower bound  at least that much happened; shown as "≥12"
 *   interval     what happened lies between two numbers; shown as "3..8"
 *   absent       it was not counted; shown as "-"
 *
 * A document holds plain numbers under the names of the counters, and beside
 * them an object "standing" with an entry for each that is not exact:
 * {"standing": "lower-bound", "why": "…"}, an interval with "low" and "high".
 */
#ifndef OSC_LIB_STANDING_H
#define OSC_LIB_STANDING_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/counters.h"

enum osc_standing_kind {
	OSC_EXACT,
	OSC_LOWER_BOUND,
	OSC_INTERVAL,
	OSC_ABSENT,
};

struct osc_standing {
	enum osc_standing_kind kind;
	uint64_t low, high; /* UINT64_MAX: no upper end is known */
	const char *why; /* a static text; NULL when exact */
};

/* The rule. */
struct osc_standing osc_standing(const struct osc_counts *c,
				 enum osc_counter n);

/* Of tasks_exited, and lost as well: /proc may show neither a task nor its end. */
struct osc_standing osc_standing_of_tasks(const struct osc_counts *c);

/* By the locale "≥" or ">=", which stands before a number; "a..b", "-" or "". */
const char *osc_standing_sign(enum osc_standing_kind kind);

/* A count for people: "1,234", "≥1,234", "3..8" or "-". Returns buf. */
#define OSC_STANDING_TEXT_SIZE 64
char *osc_standing_text(const struct osc_counts *c, enum osc_counter n,
			char *buf, size_t size);

/*
 * The same with each value multiplied by `scale`, as a real number: rates and
 * times.
 */
char *osc_standing_scaled(const struct osc_counts *c, enum osc_counter n,
			  double scale, char *buf, size_t size);

/*
 * Either of them, in no more than `width` characters as far as that goes: fewer
 * decimals, or thousands (k), millions (M) and so on. What is cut makes the number
 * smaller, and the upper end of an interval larger. A scale of 1 is a count.
 */
char *osc_standing_short(const struct osc_counts *c, enum osc_counter n,
			 double scale, int width, char *buf, size_t size);

/* {counter: {standing, why, ...}} of all that are not exact, tasks too. */
json_t *osc_standing_json(const struct osc_counts *c);

/* Adds to a "standing" object; 0 or -1. A worse entry is not replaced. */
int osc_standing_put(json_t *standing, const char *name,
		     enum osc_standing_kind kind, const char *why);

/*
 * The kind of document["standing"][name]; "cpu_us" stands as "cpu_ns" does. A
 * number that is there and not exact is the low end: at least that much.
 */
enum osc_standing_kind osc_standing_of(const json_t *document,
				       const char *name);
/* Its reason, or NULL. */
const char *osc_standing_why(const json_t *document, const char *name);

#endif
