// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/compare.h"

#include <string.h>

#include "correlate/audit.h"
#include "correlate/calls.h"
#include "correlate/held.h"
#include "correlate/stats.h"
#include "lib/counters.h"
#include "lib/error.h"
#include "lib/standing.h"

/* By these a run is one of a row: the model, and the load it was under. */
static const char *const row_keys[] = { "model", "mode", "concurrency",
					"work_us", "io_us" };
#define NR_KEYS (sizeof(row_keys) / sizeof(*row_keys))
/* Of latency: what a run has. */
#define NR_TIMES 6

static bool of_one_row(const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < NR_KEYS; i++) {
		const json_t *x = json_object_get(a, row_keys[i]);
		const json_t *y = json_object_get(b, row_keys[i]);

		if (x != y && !json_equal(x, y))
			return false;
	}
	return true;
}

static bool is_valid(const json_t *run)
{
	return json_is_true(json_object_get(run, "valid"));
}

static bool is_suspect(const json_t *run)
{
	const char *verdict =
		json_string_value(json_object_get(run, "verdict"));

	return is_valid(run) && verdict && !strcmp(verdict, "suspect");
}

/* The runs of one row. */
struct row {
	const json_t *run[OSC_SPREAD_MAX];
	size_t n, valid, suspect;
	json_int_t requests;
	size_t audits, failed;
	json_int_t lost;
};

static void gather(struct row *r, const json_t *first, const json_t *runs)
{
	const json_t *run;
	size_t i, rows, failed;

	json_array_foreach(runs, i, run) {
		if (r->n == OSC_SPREAD_MAX || !of_one_row(run, first))
			continue;
		r->run[r->n++] = run;
		r->valid += is_valid(run);
		r->suspect += is_suspect(run);
		r->requests +=
			json_integer_value(json_object_get(run, "requests"));
		r->lost += json_integer_value(json_object_get(
			json_object_get(run, "kernel"), "lost"));
		osc_audit_count(json_object_get(run, "audit"), &rows, &failed);
		r->audits += rows;
		r->failed += failed;
	}
}

static json_t *spread_of(const double *values, size_t n)
{
	struct osc_spread s;

	if (!osc_spread(values, n, &s))
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:f, s:i}", "median", s.median, "low",
			 s.low, "high", s.high, "coverage", s.coverage, "n",
			 (int)s.n);
}

/* run[group][key], or run[key] where group is NULL; null is left out. */
static json_t *spread(const struct row *r, const char *group, const char *key,
		      bool valid_only)
{
	double values[OSC_SPREAD_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const json_t *run = r->run[i];
		const json_t *o = group ? json_object_get(run, group) : run;
		const json_t *v = json_object_get(o, key);

		if (json_is_number(v) && (!valid_only || is_valid(run)))
			values[n++] = json_number_value(v);
	}
	return spread_of(values, n);
}

typedef const char *name_of(size_t i);

static const char *calls_name(size_t i)
{
	return osc_calls_ratios[i].name;
}

static const char *time_name(size_t i)
{
	static const char *const names[NR_TIMES] = { "p50",  "p90", "p99",
						     "p999", "max", "mean" };

	return names[i];
}

/* run[group][name] of n names. */
static json_t *spreads(const struct row *r, const char *group, size_t n,
		       name_of *name, bool valid_only)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < n; i++) {
		if (!json_object_set_new(o, name(i),
					 spread(r, group, name(i), valid_only)))
			continue;
		json_decref(o);
		o = NULL;
	}
	return o;
}

static bool has_marginal(const json_t *run)
{
	return json_is_true(json_object_get(run, "marginal"));
}

/* Whether per_request is of one request more in each of the runs. */
static bool is_marginal(const struct row *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!has_marginal(r->run[i]))
			return false;
	}
	return r->n;
}

/* Per request, with what was done once: the average of a run. */
static const json_t *average(const json_t *run, const char *key, double *out)
{
	bool us = !strcmp(key, "cpu_us");
	const json_t *v;

	if (!has_marginal(run)) {
		v = json_object_get(json_object_get(run, "per_request"), key);
		*out = json_number_value(v);
		return v;
	}
	v = json_object_get(json_object_get(run, "kernel"),
			    us ? "cpu_ns" : key);
	*out = json_number_value(v) / (us ? 1e3 : 1) /
	       json_number_value(json_object_get(run, "requests"));
	return v;
}

/* Where some runs have no other, averages of all: the two are not mixed. */
static json_t *request_spread(const struct row *r, const char *key)
{
	double values[OSC_SPREAD_MAX];
	size_t n = 0;

	if (is_marginal(r))
		return spread(r, "per_request", key, false);
	for (size_t i = 0; i < r->n; i++)
		n += json_is_number(average(r->run[i], key, &values[n]));
	return spread_of(values, n);
}

static json_t *fixed_spread(const struct row *r, const char *key)
{
	return is_marginal(r) ? spread(r, "fixed", key, false) : json_null();
}

/* CPU time is a count, too: the kernel's. */
static json_t *counter_spreads(const struct row *r,
			       json_t *(*of)(const struct row *, const char *))
{
	json_t *o = json_pack("{s:o}", "cpu_us", of(r, "cpu_us"));

	for (size_t i = 0; o && i < OSC_NR_COUNTERS; i++) {
		const char *name = osc_counter_info[i].name;

		if (!json_object_set_new(o, name, of(r, name)))
			continue;
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* What stands for one run stands for the row that it is in. */
static int add_standing(json_t *all, const json_t *run)
{
	const json_t *kernel = json_object_get(run, "kernel");
	int ret = 0;

	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		const char *name = osc_counter_info[i].name;

		ret |= osc_standing_put(all, name,
					osc_standing_of(kernel, name),
					osc_standing_why(kernel, name));
	}
	if (!json_is_true(
		    json_object_get(json_object_get(run, "calls"), "all")))
		ret |= osc_standing_put(all, osc_calls_ratios[0].name,
					OSC_LOWER_BOUND,
					"the C library makes further system "
					"calls that the server does not count");
	return ret;
}

static json_t *standing(const struct row *r)
{
	json_t *all = json_object();
	int ret = 0;

	for (size_t i = 0; i < r->n; i++)
		ret |= add_standing(all, r->run[i]);
	if (!ret)
		return all;
	json_decref(all);
	return NULL;
}

static json_t *row_document(const struct row *r)
{
	json_t *o = json_pack(
		"{s:i, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o}",
		"runs", (int)r->n, "valid", (int)r->valid, "suspect",
		(int)r->suspect, "requests", r->requests, "lost", r->lost,
		"standing", standing(r), "rps", spread(r, NULL, "rps", true),
		"per_request", counter_spreads(r, request_spread), "marginal",
		is_marginal(r), "fixed", counter_spreads(r, fixed_spread),
		"per_connection", osc_held_counter_lines(r->run, r->n), "calls",
		spreads(r, "calls", OSC_NR_CALLS_RATIOS, calls_name, false),
		"memory", osc_held_memory_lines(r->run, r->n), "latency_us",
		spreads(r, "latency_us", NR_TIMES, time_name, true), "audits",
		(int)r->audits, "audits_failed", (int)r->failed, "audit_ok",
		r->audits ? json_boolean(!r->failed) : json_null());

	for (size_t i = 0; o && i < NR_KEYS; i++) {
		json_t *key = json_object_get(r->run[0], row_keys[i]);

		if (key && json_object_set(o, row_keys[i], key)) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

static bool have(const json_t *summary, const json_t *run)
{
	const json_t *row;
	size_t i;

	json_array_foreach(summary, i, row) {
		if (of_one_row(row, run))
			return true;
	}
	return false;
}

json_t *osc_compare_summary(const json_t *runs)
{
	json_t *summary = json_array();
	const json_t *run;
	size_t i;

	json_array_foreach(runs, i, run) {
		struct row r = { .n = 0 };

		if (have(summary, run))
			continue;
		gather(&r, run, runs);
		if (json_array_append_new(summary, row_document(&r))) {
			json_decref(summary);
			return NULL;
		}
	}
	return summary;
}

json_t *osc_compare_overall(const json_t *runs, const json_t *calibration)
{
	size_t audits, failed, i;
	const json_t *run;

	osc_audit_count(calibration, &audits, &failed);
	json_array_foreach(runs, i, run) {
		size_t a, f;

		osc_audit_count(json_object_get(run, "audit"), &a, &f);
		audits += a;
		failed += f;
	}
	return json_pack("{s:I, s:I, s:b}", "audits", (json_int_t)audits,
			 "failed", (json_int_t)failed, "ok", audits && !failed);
}

int osc_compare_exit_code(const json_t *overall, const json_t *summary,
			  bool emulated)
{
	const json_t *row;
	size_t i;

	if (!json_is_true(json_object_get(overall, "ok")))
		return OSC_EXIT_FAILED;
	if (emulated)
		return OSC_EXIT_OK;
	json_array_foreach(summary, i, row) {
		if (!json_integer_value(json_object_get(row, "valid")))
			return OSC_EXIT_INVALID;
	}
	return OSC_EXIT_OK;
}
