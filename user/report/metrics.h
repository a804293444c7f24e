/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h - what is pictured and tabled of each model under each load: the
 * counters of doc.h per request, what its system calls were good for, what the
 * client saw, and what each further connection costs that is open and idle.
 */
#ifndef OSC_REPORT_METRICS_H
#define OSC_REPORT_METRICS_H

#include "report/doc.h"
#include "report/html.h"

typedef struct html_number number_format(double value);

/* Whose word it is, and so what there may be against it. */
enum metric_word {
	METRIC_KERNEL, /* of tasks that ended unseen it lacks what they did */
	METRIC_SERVER, /* its own statistics: nothing */
	METRIC_CALLS, /* the same, but the C library makes calls beneath */
	METRIC_CLIENT, /* runs may be suspect */
	METRIC_LINE, /* the slope of a line, which may be none */
	METRIC_FIXED, /* its fixed part */
};

struct metric {
	const char *group; /* of a row of the summary; NULL: the row itself */
	const char *key;
	const char *label, *unit; /* "Minor faults", "per request" */
	number_format *format;
	double scale; /* to what is shown */
	bool inverse; /* the scale divided by the number is shown */
	enum metric_word word;
	const char *meaning; /* how to read it, one sentence */
};

/* In this order: of requests, and of connections. */
#define METRIC_NR_REQUEST (DOC_NR_COUNTERS + 11)
#define METRIC_NR_CONNECTION 9
#define METRIC_NR (METRIC_NR_REQUEST + METRIC_NR_CONNECTION)
/* Of those of requests, what the system calls were good for. */
#define METRIC_CALLS_FIRST (DOC_NR_COUNTERS + 2)
#define METRIC_NR_CALLS 7

struct metric metric_at(size_t i);

struct doc_spread metric_spread(const struct metric *metric,
				const struct doc_group *group);
/* The longest bar or whisker; NaN when no group has it. */
double metric_most(const struct doc *doc, const struct metric *metric);

/*
 * Before a number that is a lower or an upper bound, of runs some of which are
 * suspect, or the slope of a line that is not straight: "≥ ", "≤ ", "~ ", "≈ ".
 * "" where nothing is against it.
 */
const char *metric_mark(const struct metric *metric,
			const struct doc_group *group);
/* What the marks mean: where any of these metrics has one. */
void metric_tell_marks(FILE *out, const struct doc *doc, size_t first,
		       size_t n);

#endif
