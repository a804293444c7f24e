/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doc.h - reading compare.json without trusting it: whatever is absent, null
 * or of another type is simply missing (NaN, NULL or an empty list).
 */
#ifndef OSC_REPORT_DOC_H
#define OSC_REPORT_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A finite number, or NaN. */
double doc_number(const json_t *object, const char *key);
/* A string, or "". Never NULL. */
const char *doc_string(const json_t *object, const char *key);
/* 1, 0, or -1 for anything but true and false. */
int doc_bool(const json_t *object, const char *key);

struct doc_spread {
	double median, low, high; /* NaN where missing */
	const char *mark; /* "", or DOC_AT_MOST or DOC_BENT of a line */
};

/*
 * Before a number: its upper bound, as it cannot be told from zero; the slope
 * of a line that is not straight.
 */
#define DOC_AT_MOST "\xe2\x89\xa4 "
#define DOC_BENT "\xe2\x89\x88 "

/*
 * Of a spread the median, of a line the slope, or the upper end of its interval
 * where it cannot be told from zero.
 */
struct doc_spread doc_spread(const json_t *object, const char *key);
/* The fixed cost beside the slope of a line. */
struct doc_spread doc_fixed(const json_t *object, const char *key);

/*
 * One model in one mode under one load: a row of the summary and the runs it is
 * made of.
 */
struct doc_group {
	const char *model; /* owned by the document */
	char *mode; /* and, behind it, what of the load is varied */
	char *rest; /* the same without the connections */
	double connections; /* NaN where they are not told */
	unsigned int model_index; /* which model: its colour */
	const json_t *summary; /* NULL when there are only runs */
	const json_t **runs;
	size_t nr_runs;
};

/* By what loads may differ, besides their mode. */
enum doc_dimension {
	DOC_CONCURRENCY,
	DOC_WORK,
	DOC_IO,
	DOC_NR_DIMENSIONS,
};

struct doc {
	const json_t *root;
	struct doc_group *groups; /* in order of first appearance */
	size_t nr_groups;
	bool varied[DOC_NR_DIMENSIONS];
};

/* "concurrency", "work_us", "io_us" */
extern const char *const doc_dimensions[DOC_NR_DIMENSIONS];

/*
 * "close, 256 connections, 100 us of work", of an entry of summary, runs or
 * verdicts: to be freed; NULL without memory.
 */
char *doc_load(const struct doc *doc, const json_t *entry);

/* 0 or -ENOMEM. root must outlive *doc. */
int doc_open(struct doc *doc, const json_t *root);
void doc_close(struct doc *doc);

/*
 * The load generator's verdict on a run's times: what is not valid is left
 * out, what is suspect (valid as well) is used and marked.
 */
bool doc_run_is_valid(const json_t *run);
bool doc_run_is_suspect(const json_t *run);
/* Times are withheld, and with them what the client says of its runs. */
bool doc_times_withheld(const struct doc_group *group);

/* True for the first group of its mode: the mode's own heading or picture. */
bool doc_same_mode(const struct doc *doc, size_t a, size_t b);
bool doc_mode_begins(const struct doc *doc, size_t group);

/* A counter of per_request, per_connection, samples and correlation. */
struct doc_counter {
	const char *key; /* per_request, fixed, per_connection */
	const char *sample_key; /* samples, correlation: may count otherwise */
	const char *label;
	double to_us; /* factor from the unit to microseconds; 0: a count */
	double sample_to_us; /* the same for samples */
	const char *meaning; /* how to read it, one sentence */
};

#define DOC_NR_COUNTERS 8
extern const struct doc_counter doc_counters[DOC_NR_COUNTERS];

#endif
