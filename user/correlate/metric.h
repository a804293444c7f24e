/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metric.h - by what models are compared: where in a row of a summary the
 * number is, which side of it is better, and its interval.
 */
#ifndef OSC_CORRELATE_METRIC_H
#define OSC_CORRELATE_METRIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "correlate/line.h"

enum osc_metric_of {
	OSC_METRIC_REQUEST, /* a spread (stats.h), of requests */
	OSC_METRIC_CONNECTION, /* a line (line.h), of held connections */
};

struct osc_metric {
	const char *name;
	const char *group; /* of the row; NULL: the row itself */
	enum osc_metric_of of;
	bool more; /* is better */
	bool time; /* means nothing on an emulated CPU */
	bool client; /* of a suspect run it may reflect the client, or chance */
	bool bytes;
	bool fixed; /* the fixed cost is told beside the slope */
	const char *part_of; /* whose finding has the same, if it names a model */
	const char *what; /* is compared, where no model wins by it */
	const char *wins; /* "MODEL wins at 16 connections: 3 UNIT." */
	const char *unit;
};

/* Those that a model wins by, and those that a win is explained by. */
extern const struct osc_metric osc_metrics[];
extern const size_t osc_nr_metrics;
extern const struct osc_metric osc_metric_causes[];
extern const size_t osc_nr_metric_causes;

/* Of those that a model wins by; NULL when there is none of that name. */
const struct osc_metric *osc_metric_find(const char *name);

struct osc_interval {
	double value, low, high; /* a median, or a slope */
	struct osc_cost cost, fixed; /* of a line: the slope, and beside it */
	bool sure; /* it holds the true value with 95 %: of enough runs */
};

/* False where the row has no such number. */
bool osc_metric_interval(const json_t *row, const struct osc_metric *m,
			 struct osc_interval *out);

/* Whether the number is all that there was, and not a lower bound. */
bool osc_metric_is_whole(const json_t *row, const struct osc_metric *m);

/* Why the row has no such number: never NULL. */
const char *osc_metric_why_absent(const json_t *row,
				  const struct osc_metric *m);

/* Of the client's word: some of its runs may reflect something else. */
bool osc_metric_is_suspect(const json_t *row, const struct osc_metric *m);

/* The runs were too short to tell what was done once from each request. */
bool osc_metric_is_average(const json_t *row, const struct osc_metric *m);

/*
 * Whether a is better than b for sure: both intervals are, and a's lies wholly
 * on the better side of b's. Of a lower bound b may have more; a may not.
 */
bool osc_metric_beats(const json_t *a, const json_t *b,
		      const struct osc_metric *m);

/*
 * "110 per second", "at least 5 system calls per request", "2.0 MiB + 62 B per
 * connection"; returns out. The row must have the number.
 */
char *osc_metric_text(const json_t *row, const struct osc_metric *m, bool unit,
		      char *out, size_t size);

#endif
