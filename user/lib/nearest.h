/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest.h - which known word somebody may have meant by a misspelt one.
 *
 *	osc_nearest_begin(&n, "comapre", 7);
 *	for each known word: osc_nearest_offer(&n, word);
 *	if (n.best) ...
 *
 * or, where the known words are a short list, osc_nearest_try().
 */
#ifndef OSC_LIB_NEAREST_H
#define OSC_LIB_NEAREST_H

#include <stddef.h>

/* Longer words are no command, option or value. */
#define OSC_NEAREST_LONGEST 32

struct osc_nearest {
	char word[OSC_NEAREST_LONGEST + 1]; /* as typed; empty: too long */
	const char *best; /* the nearest offered so far, NULL: none is near */
	unsigned int rank; /* of best; less is nearer */
};

void osc_nearest_begin(struct osc_nearest *n, const char *word, size_t length);

/*
 * Near is a third of the word's letters at most, each inserted, left out,
 * replaced or swapped with its neighbour (Damerau's distance), a word that begins
 * with what was typed, or one that what was typed begins with. Capital letters are
 * as good as small ones. Of two equally near ones the first stays.
 */
void osc_nearest_offer(struct osc_nearest *n, const char *known);

/*
 * What a message says to try instead of a word that is none of `known`, which NULL
 * ends: the one that is like it, or all, "auto, module or procfs". Returns text.
 */
const char *osc_nearest_try(const char *word, size_t length,
			    const char *const *known, char *text, size_t size);

#endif
