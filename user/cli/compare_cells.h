/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare_cells.h - how a number of a summary and its interval are written. */
#ifndef OSC_CLI_COMPARE_CELLS_H
#define OSC_CLI_COMPARE_CELLS_H

#include <jansson.h>

#include "lib/output.h"

struct osc_cell_style {
	int decimals; /* at most */
	const char *gap; /* before the interval; NULL: no interval */
	const char *mark; /* before the number */
};

/*
 * "12.3 +-4%": the median of a spread, and how far the interval of the median
 * reaches from it at most, in percent of it, where that is anything. From 1000 %
 * on the interval itself, "0.01..0.09"; behind a mark no interval.
 */
void osc_cell_spread(struct osc_table *t, const char *key, const json_t *spread,
		     double scale, const struct osc_cell_style *style);
/*
 * The same of the slope of a line, with the interval itself from 100 % on;
 * "<=0.02", its upper end, where it cannot be told from zero; "~" before one
 * whose line is not straight.
 */
void osc_cell_line(struct osc_table *t, const char *key, const json_t *line,
		   double scale, const struct osc_cell_style *style);
/* "2.0 MiB + 62 B": the fixed cost, and the slope, each by the same rule. */
void osc_cell_fixed(struct osc_table *t, const char *key, const json_t *line,
		    const struct osc_cell_style *style);

#endif
