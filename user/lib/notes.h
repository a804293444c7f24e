/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notes.h - why numbers in a report are not exact: each reason once, with the
 * names of the numbers that it is about.
 */
#ifndef OSC_LIB_NOTES_H
#define OSC_LIB_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/standing.h"

#define OSC_NOTES_MAX 16
#define OSC_NOTES_NAMES (2 * OSC_NR_COUNTERS + 4)

struct osc_notes {
	struct osc_note {
		enum osc_standing_kind kind;
		const char *why;
		const char *name[OSC_NOTES_NAMES];
		size_t n;
		bool printed;
	} note[OSC_NOTES_MAX];
	size_t n;
};

/* Does nothing for what is exact. The texts must outlive the notes. */
void osc_notes_put(struct osc_notes *notes, enum osc_standing_kind kind,
		   const char *why, const char *name);

/*
 * Of every counter. names: what the report calls them, NULL for one that it does not
 * show; names NULL: all of them, as osc_counter_info does.
 */
void osc_notes_counts(struct osc_notes *notes, const struct osc_counts *c,
		      const char *const *names);

/*
 * Lines "≥ NAME, NAME: why." with an empty line before each, of the notes that
 * were not printed before. No line is wider than a terminal, or 80 columns.
 */
void osc_notes_print(struct osc_notes *notes, FILE *out);

#endif
