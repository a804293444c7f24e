/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * line.h - fixed and marginal cost: a straight line through what a server used
 * while it held different numbers of connections.
 *
 * A total divided by a number of connections is not the cost of one: what is
 * taken once, such as a pool, would count as theirs. The slope of the line is
 * the marginal cost, its intercept the fixed cost.
 */
#ifndef OSC_CORRELATE_LINE_H
#define OSC_CORRELATE_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Fewer different numbers of connections in a run give no line. */
#define OSC_LINE_LEVELS_MIN 3
/* The most of them, over all runs. */
#define OSC_LINE_LEVELS_MAX 32

struct osc_line_point {
	unsigned int run; /* points of one run stand together */
	double x, y;
};

/* What the measurement itself leaves open. */
struct osc_line_error {
	/* y grows in units of this: a page, an event. */
	double quantum;
	/* Growth per x that y cannot show, such as inside a huge page. */
	double hidden;
};

enum osc_line_shape {
	OSC_LINE_STRAIGHT,
	/* One step has most of the growth: from it no slope is known. */
	OSC_LINE_STEPS,
	/* It bends: the interval has the slopes of both halves. */
	OSC_LINE_CURVE,
};

struct osc_line {
	/*
	 * The least-squares slope, where each run has an intercept of its own,
	 * and its interval of 95 %: the widest of what the residuals of the
	 * line give (Student's t), what the slopes of the runs give (the same),
	 * and what the quantum gives, or the largest step if that is larger.
	 * It cannot be told from zero where low is not above zero.
	 */
	double slope, low, high;
	/*
	 * The intercept: median over the runs, and its interval, the widest of
	 * what the runs give and what the slope's interval leaves open.
	 */
	double fixed, fixed_low, fixed_high;
	enum osc_line_shape shape;
	size_t runs, levels;
	double least, most; /* x */
	double hidden; /* of high, as osc_line_error has it */
};

/* False, with *out untouched: no run has enough different x. */
bool osc_line_fit(const struct osc_line_point *p, size_t n,
		  const struct osc_line_error *error, struct osc_line *out);

/* {slope, low, high, fixed, …, shape}; NULL without memory. */
json_t *osc_line_document(const struct osc_line *line);

enum osc_line_part { OSC_LINE_SLOPE, OSC_LINE_FIXED };

/*
 * A cost as text, tables and the page show it: what a server gives back is no
 * cost, so nothing of it is below zero.
 */
struct osc_cost {
	double value, low, high;
	bool at_most; /* cannot be told from zero: high is shown, after "<=" */
	bool about; /* the slope of a line that is not straight */
};

/* Of a line's document; false where it has no such part. */
bool osc_line_cost(const json_t *line, enum osc_line_part part,
		   struct osc_cost *out);

/* The interval reaches as far as the slope itself, so it is shown instead. */
#define OSC_INTERVAL_WIDE 1
bool osc_interval_is_wide(double value, double low, double high);

#endif
