/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest.h - which known word somebody may have meant by a misspelt one.
 *
 *	osc_nearest_begin(&n, "comapre");
 *	for each known word: osc_nearest_offer(&n, word);
 *	if (n.best) ...
 */
#ifndef OSC_LIB_NEAREST_H
#define OSC_LIB_NEAREST_H

struct option; /* <getopt.h> */

struct osc_nearest {
	const char *word; /* as typed */
	const char *best; /* the nearest offered so far, NULL: none is near */
	unsigned int distance; /* of best */
};

void osc_nearest_begin(struct osc_nearest *n, const char *word);

/*
 * Near is a third of the word's letters at most, each inserted, left out,
 * replaced or swapped with its neighbour (Damerau's distance), or a word that
 * begins with what was typed. Of two equally near ones the first stays.
 */
void osc_nearest_offer(struct osc_nearest *n, const char *known);

/* The long option that "--modle" may have meant, without hyphens, or NULL. */
const char *osc_nearest_option(const char *typed, const struct option *longs);

#endif
