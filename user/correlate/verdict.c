// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/verdict.h"

#include <stdio.h>
#include <string.h>

#include "correlate/stats.h"
#include "lib/output.h"
#include "lib/standing.h"

struct metric {
	const char *name;
	const char *group; /* of the row; NULL: the row itself */
	bool more; /* is better */
	bool time; /* means nothing on an emulated CPU */
	bool client; /* of a suspect run it may tell of the client, or of luck */
	const char *wins; /* "MODEL wins: 3 UNIT against 4 of NEXT" */
	const char *unit;
};

#define SYSTEM_CALLS "system_calls_per_request"

static const struct metric metrics[] = {
	{ "rps", NULL, true, true, true, "answers the most requests",
	  " per second" },
	{ "cpu_us", "per_request", false, true, false,
	  "takes the least time of a CPU", " us per request" },
	{ "p99", "latency_us", false, true, true,
	  "has the lowest 99th percentile of latency", " us" },
	{ SYSTEM_CALLS, "calls", false, false, false,
	  "makes the fewest system calls", " per request" },
	{ "context_switches", "per_request", false, false, false,
	  "switches least", " times per request" },
	{ "page_faults_minor", "per_connection", false, false, false,
	  "faults least", " times per connection" },
	{ "pss", "memory", false, false, false,
	  "takes the least memory of its own",
	  " bytes of PSS per idle connection" },
};
#define NR_METRICS (sizeof(metrics) / sizeof(*metrics))

/* By what a win may be explained; fewer of each is better. */
static const struct metric causes[] = {
	{ .name = SYSTEM_CALLS,
	  .group = "calls",
	  .unit = " system calls per request" },
	{ .name = "context_switches_voluntary",
	  .group = "per_request",
	  .unit = " voluntary switches per request" },
	{ .name = "context_switches_involuntary",
	  .group = "per_request",
	  .unit = " involuntary switches per request" },
	{ .name = "epoll_wakeups",
	  .group = "per_request",
	  .unit = " wakeups from epoll per request" },
	{ .name = "page_faults_minor",
	  .group = "per_request",
	  .unit = " page faults per request" },
};
#define NR_CAUSES (sizeof(causes) / sizeof(*causes))

/* A load: what rows must have in common to be compared. */
static const char *const load_keys[] = { "mode", "concurrency", "work_us",
					 "io_us" };
#define NR_LOAD_KEYS (sizeof(load_keys) / sizeof(*load_keys))

static bool under_one_load(const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < NR_LOAD_KEYS; i++) {
		const json_t *x = json_object_get(a, load_keys[i]);
		const json_t *y = json_object_get(b, load_keys[i]);

		if (x != y && !json_equal(x, y))
			return false;
	}
	return true;
}

static const json_t *spread_of(const json_t *row, const struct metric *m)
{
	return json_object_get(m->group ? json_object_get(row, m->group) : row,
			       m->name);
}

static double part(const json_t *spread, const char *key)
{
	return json_number_value(json_object_get(spread, key));
}

static bool is_sure(const json_t *spread)
{
	return json_is_object(spread) &&
	       part(spread, "coverage") >= OSC_SPREAD_COVERAGE;
}

static const char *model_of(const json_t *row)
{
	return json_string_value(json_object_get(row, "model")) ?: "?";
}

/* Whether the number is all that there was, and not the least of it. */
static bool is_whole(const json_t *row, const struct metric *m)
{
	return osc_standing_of(row, m->name) == OSC_EXACT;
}

/* Whether some of its runs may tell of something else than the server. */
static bool is_doubtful(const json_t *row, const struct metric *m)
{
	return m->client && json_integer_value(json_object_get(row, "suspect"));
}

/*
 * Both are sure, and a's interval lies wholly on the better side of b's. Of
 * what is the least, b may have more; a may not.
 */
static bool beats(const json_t *a, const json_t *b, const struct metric *m)
{
	const json_t *x = spread_of(a, m), *y = spread_of(b, m);

	if (!is_sure(x) || !is_sure(y) || !is_whole(a, m) ||
	    is_doubtful(a, m) || is_doubtful(b, m))
		return false;
	return m->more ? part(x, "low") > part(y, "high") :
			 part(x, "high") < part(y, "low");
}

struct win {
	const struct metric *metric;
	const json_t *row, *next;
};

/* Whether row beats all others under its load; next is the best of these. */
static bool find_win(const json_t *summary, const json_t *row,
		     const struct metric *m, struct win *w)
{
	const json_t *other;
	size_t i;

	*w = (struct win){ .metric = m, .row = row };
	json_array_foreach(summary, i, other) {
		const json_t *its = spread_of(other, m), *best;

		if (other == row || !under_one_load(row, other))
			continue;
		if (!beats(row, other, m))
			return false;
		best = spread_of(w->next, m);
		if (!w->next ||
		    (m->more ? part(its, "median") > part(best, "median") :
			       part(its, "median") < part(best, "median")))
			w->next = other;
	}
	return w->next;
}

/* Three digits, which is more than runs agree on; all before the point. */
static char *value(const json_t *spread, char *out, size_t size)
{
	double median = part(spread, "median");

	if (median >= 1000)
		return osc_format_real(median, out, size);
	snprintf(out, size, "%.3g", median);
	return out;
}

/* What the other has is told by its median, which may be the least of it. */
static const char *at_least(const json_t *row, const struct metric *m)
{
	return is_whole(row, m) ? "" : "at least ";
}

/* "2.01 system calls per request against at least 5.14", where they are apart. */
static int add_cause(const struct win *w, const struct metric *m, json_t *why)
{
	const json_t *mine = spread_of(w->row, m);
	const json_t *its = spread_of(w->next, m);
	char a[32], b[32];

	if (!beats(w->row, w->next, m))
		return 0;
	return json_array_append_new(why,
				     json_sprintf("%s%s against %s%s",
						  value(mine, a, sizeof(a)),
						  m->unit, at_least(w->next, m),
						  value(its, b, sizeof(b))));
}

/* Counts need no reason: they are what reasons are made of. */
static json_t *reasons(const struct win *w)
{
	json_t *why = json_array();
	int ret = 0;

	for (size_t i = 0; w->metric->time && i < NR_CAUSES; i++)
		ret |= add_cause(w, &causes[i], why);
	if (!ret)
		return why;
	json_decref(why);
	return NULL;
}

static json_t *text(const struct win *w)
{
	char a[32], b[32];

	return json_sprintf("%s %s: %s%s against %s%s of %s, the next",
			    model_of(w->row), w->metric->wins,
			    value(spread_of(w->row, w->metric), a, sizeof(a)),
			    w->metric->unit, at_least(w->next, w->metric),
			    value(spread_of(w->next, w->metric), b, sizeof(b)),
			    model_of(w->next));
}

static json_t *verdict(const struct win *w)
{
	const struct metric *m = w->metric;
	json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:f, s:o, s:o}", "metric",
			      m->name, "model", model_of(w->row), "next",
			      model_of(w->next), "value",
			      part(spread_of(w->row, m), "median"),
			      "next_value",
			      part(spread_of(w->next, m), "median"), "text",
			      text(w), "why", reasons(w));

	for (size_t i = 0; o && i < NR_LOAD_KEYS; i++) {
		json_t *key = json_object_get(w->row, load_keys[i]);

		if (key && json_object_set(o, load_keys[i], key)) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

/* The first row of each load stands for it. */
static bool begins_load(const json_t *summary, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (under_one_load(json_array_get(summary, i),
				   json_array_get(summary, at)))
			return false;
	}
	return true;
}

static int add_verdicts(const json_t *summary, const json_t *load,
			const struct metric *m, json_t *out)
{
	const json_t *row;
	struct win w;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (under_one_load(row, load) &&
		    find_win(summary, row, m, &w) &&
		    json_array_append_new(out, verdict(&w)))
			return -1;
	}
	return 0;
}

json_t *osc_verdicts(const json_t *summary, bool emulated)
{
	json_t *out = json_array();
	const json_t *row;
	size_t i;
	int ret = 0;

	json_array_foreach(summary, i, row) {
		if (!begins_load(summary, i))
			continue;
		for (size_t m = 0; !ret && m < NR_METRICS; m++) {
			if (!emulated || !metrics[m].time)
				ret = add_verdicts(summary, row, &metrics[m],
						   out);
		}
	}
	if (!ret)
		return out;
	json_decref(out);
	return NULL;
}
