// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LONGEST OSC_NEAREST_LONGEST

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment; both are at most LONGEST letters. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int cost[LONGEST + 1][LONGEST + 1];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t i = 0; i <= na; i++)
		cost[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= nb; j++)
		cost[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			unsigned int differ = !same(a[i - 1], b[j - 1]);

			cost[i][j] = least(cost[i - 1][j] + 1,
					   cost[i][j - 1] + 1,
					   cost[i - 1][j - 1] + differ);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1]) &&
			    cost[i - 2][j - 2] + 1 < cost[i][j])
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	}
	return cost[na][nb];
}

void osc_nearest_begin(struct osc_nearest *n, const char *word, size_t length)
{
	*n = (struct osc_nearest){ 0 };
	if (length <= LONGEST)
		memcpy(n->word, word, length);
}

void osc_nearest_offer(struct osc_nearest *n, const char *known)
{
	size_t typed = strlen(n->word), length = strlen(known);
	size_t shorter = typed < length ? typed : length;
	unsigned int d, rank;

	if (typed < 2 || length > LONGEST)
		return;
	d = rank = distance(n->word, known);
	/* One word begins with the other, of which three letters are some. */
	if ((shorter == typed || shorter > 2) &&
	    !strncasecmp(known, n->word, shorter))
		d = 1;
	if (d * 3 > (typed < 3 ? 3 : typed))
		return;
	rank += d * LONGEST;
	if (n->best && rank >= n->rank)
		return;
	n->best = known;
	n->rank = rank;
}

/* "auto, module or procfs" */
static void list(const char *const *known, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; known[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 !i	      ? "" :
					 known[i + 1] ? ", " :
							" or ",
					 known[i]);
}

const char *osc_nearest_try(const char *word, size_t length,
			    const char *const *known, char *text, size_t size)
{
	struct osc_nearest n;

	osc_nearest_begin(&n, word, length);
	for (size_t i = 0; known[i]; i++)
		osc_nearest_offer(&n, known[i]);
	if (n.best)
		snprintf(text, size, "%s", n.best);
	else
		list(known, text, size);
	return text;
}
