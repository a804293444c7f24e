// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/nearest.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

/* Longer words are no command, option or model. */
#define LONGEST 32

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
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
			unsigned int differ = a[i - 1] != b[j - 1];

			cost[i][j] = least(cost[i - 1][j] + 1,
					   cost[i][j - 1] + 1,
					   cost[i - 1][j - 1] + differ);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    cost[i - 2][j - 2] + 1 < cost[i][j])
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	}
	return cost[na][nb];
}

void osc_nearest_begin(struct osc_nearest *n, const char *word)
{
	*n = (struct osc_nearest){ .word = word };
}

void osc_nearest_offer(struct osc_nearest *n, const char *known)
{
	size_t typed = strlen(n->word);
	unsigned int d;

	if (typed < 2 || typed > LONGEST || strlen(known) > LONGEST)
		return;
	d = strncmp(known, n->word, typed) ? distance(n->word, known) : 1;
	if (d * 3 > (typed < 3 ? 3 : typed) || (n->best && d >= n->distance))
		return;
	n->best = known;
	n->distance = d;
}

const char *osc_nearest_option(const char *typed, const struct option *longs)
{
	char name[LONGEST + 1];
	struct osc_nearest n;
	size_t length;

	if (strncmp(typed, "--", 2))
		return NULL;
	/* "--modle=epoll" is about "modle". */
	length = strcspn(typed + 2, "=");
	if (length > LONGEST)
		return NULL;
	memcpy(name, typed + 2, length);
	name[length] = '\0';
	osc_nearest_begin(&n, name);
	for (; longs->name; longs++)
		osc_nearest_offer(&n, longs->name);
	return n.best;
}
