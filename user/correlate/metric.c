// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "correlate/stats.h"
#include "lib/output.h"
#include "lib/standing.h"

#define SYSTEM_CALLS "system_calls_per_request"
#define PER_CONNECTION " per connection"

const struct osc_metric osc_metrics[] = {
	{ .name = "rps",
	  .more = true,
	  .time = true,
	  .client = true,
	  .what = "requests per second",
	  .wins = "answers the most requests",
	  .unit = " per second" },
	{ .name = "cpu_us",
	  .group = "per_request",
	  .time = true,
	  .what = "CPU time per request",
	  .wins = "takes the least CPU time",
	  .unit = " us per request" },
	{ .name = "p99",
	  .group = "latency_us",
	  .time = true,
	  .client = true,
	  .what = "99th percentile of latency",
	  .wins = "has the lowest 99th percentile of latency",
	  .unit = " us" },
	{ .name = SYSTEM_CALLS,
	  .group = "calls",
	  .what = "system calls per request",
	  .wins = "makes the fewest system calls",
	  .unit = " per request" },
	{ .name = "context_switches",
	  .group = "per_request",
	  .what = "context switches per request",
	  .wins = "switches least",
	  .unit = " times per request" },
	{ .name = "page_faults_minor",
	  .group = "per_connection",
	  .of = OSC_METRIC_CONNECTION,
	  .what = "page faults per connection",
	  .wins = "faults least when a connection is set up",
	  .unit = " times" PER_CONNECTION },
	{ .name = "total",
	  .group = "memory",
	  .of = OSC_METRIC_CONNECTION,
	  .bytes = true,
	  .fixed = true,
	  .what = "memory per further idle connection",
	  .wins = "takes the least memory per further idle connection",
	  .unit = "" },
	{ .name = "own",
	  .group = "memory",
	  .of = OSC_METRIC_CONNECTION,
	  .bytes = true,
	  .fixed = true,
	  .part_of = "total",
	  .what = "own memory (without slab) per further idle connection",
	  .wins = "takes the least own memory (without slab) per further idle "
		  "connection",
	  .unit = "" },
};
const size_t osc_nr_metrics = sizeof(osc_metrics) / sizeof(*osc_metrics);

const struct osc_metric osc_metric_causes[] = {
	{ .name = SYSTEM_CALLS,
	  .group = "calls",
	  .unit = " system calls per request" },
	{ .name = "events_per_wait",
	  .group = "calls",
	  .more = true,
	  .unit = " events per return of its wait" },
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
	{ .name = "page_faults_minor",
	  .group = "per_connection",
	  .of = OSC_METRIC_CONNECTION,
	  .unit = " page faults" PER_CONNECTION },
	{ .name = "context_switches_voluntary",
	  .group = "per_connection",
	  .of = OSC_METRIC_CONNECTION,
	  .unit = " voluntary switches" PER_CONNECTION },
	{ .name = "pss",
	  .group = "memory",
	  .of = OSC_METRIC_CONNECTION,
	  .bytes = true,
	  .unit = " of PSS" PER_CONNECTION },
	{ .name = "page_tables",
	  .group = "memory",
	  .of = OSC_METRIC_CONNECTION,
	  .bytes = true,
	  .unit = " of page tables" PER_CONNECTION },
	{ .name = "kernel_stacks",
	  .group = "memory",
	  .of = OSC_METRIC_CONNECTION,
	  .bytes = true,
	  .unit = " of kernel stacks" PER_CONNECTION },
};
const size_t osc_nr_metric_causes =
	sizeof(osc_metric_causes) / sizeof(*osc_metric_causes);

const struct osc_metric *osc_metric_find(const char *name)
{
	for (size_t i = 0; i < osc_nr_metrics; i++) {
		if (!strcmp(osc_metrics[i].name, name))
			return &osc_metrics[i];
	}
	return NULL;
}

static const json_t *group_of(const json_t *row, const struct osc_metric *m)
{
	return m->group ? json_object_get(row, m->group) : row;
}

static double part(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void read_spread(const json_t *o, struct osc_interval *out)
{
	out->value = part(o, "median");
	out->sure = part(o, "coverage") >= OSC_SPREAD_COVERAGE;
}

static bool read_line(const json_t *o, struct osc_interval *out)
{
	struct osc_cost slope;

	if (!osc_line_cost(o, OSC_LINE_SLOPE, &slope))
		return false;
	*out = (struct osc_interval){
		.value = slope.value,
		.low = slope.low,
		.high = slope.high,
		.cost = slope,
		.sure = part(o, "runs") >= OSC_SPREAD_MIN,
	};
	/* The slab of the system has none. */
	osc_line_cost(o, OSC_LINE_FIXED, &out->fixed);
	return true;
}

bool osc_metric_interval(const json_t *row, const struct osc_metric *m,
			 struct osc_interval *out)
{
	const json_t *o = json_object_get(group_of(row, m), m->name);

	if (!json_is_object(o))
		return false;
	if (m->of == OSC_METRIC_CONNECTION)
		return read_line(o, out);
	*out = (struct osc_interval){ .low = part(o, "low"),
				      .high = part(o, "high") };
	read_spread(o, out);
	return true;
}

bool osc_metric_is_whole(const json_t *row, const struct osc_metric *m)
{
	/* What the row says is of its load; nothing is lost of a line. */
	return m->of == OSC_METRIC_CONNECTION ||
	       osc_standing_of(row, m->name) == OSC_EXACT;
}

const char *osc_metric_why_absent(const json_t *row, const struct osc_metric *m)
{
	const char *why = json_string_value(json_object_get(
		json_object_get(group_of(row, m), "absent"), m->name));

	if (why)
		return why;
	return m->client ? "none of its runs is valid" : "it was not measured";
}

bool osc_metric_is_suspect(const json_t *row, const struct osc_metric *m)
{
	return m->client && json_integer_value(json_object_get(row, "suspect"));
}

bool osc_metric_beats(const json_t *a, const json_t *b,
		      const struct osc_metric *m)
{
	struct osc_interval x, y;

	if (!osc_metric_interval(a, m, &x) || !osc_metric_interval(b, m, &y) ||
	    !x.sure || !y.sure || !osc_metric_is_whole(a, m) ||
	    osc_metric_is_suspect(a, m) || osc_metric_is_suspect(b, m))
		return false;
	return m->more ? x.low > y.high : x.high < y.low;
}

/* Three digits, which is more than runs agree on; all before the point. */
static char *number_text(double v, char *out, size_t size)
{
	if (v >= 1000)
		return osc_format_real(v, out, size);
	snprintf(out, size, "%.3g", v);
	return out;
}

bool osc_metric_is_average(const json_t *row, const struct osc_metric *m)
{
	return m->of == OSC_METRIC_REQUEST && !m->client && m->group &&
	       json_is_false(json_object_get(row, "marginal"));
}

/* "at most 19 KiB", "about 5.7 KiB", "6.0 KiB to 19 KiB", "62 B" */
static void cost_text(const struct osc_cost *c, bool bytes, char *out,
		      size_t size)
{
	char *(*const text)(double, char *, size_t) = bytes ? osc_format_bytes :
							      number_text;
	char a[32], b[32];

	if (c->at_most)
		snprintf(out, size, "at most %s", text(c->high, a, sizeof(a)));
	else if (osc_interval_is_wide(c->value, c->low, c->high))
		snprintf(out, size, "%s to %s", text(c->low, a, sizeof(a)),
			 text(c->high, b, sizeof(b)));
	else
		snprintf(out, size, "%s%s", c->about ? "about " : "",
			 text(c->value, a, sizeof(a)));
}

char *osc_metric_text(const json_t *row, const struct osc_metric *m, bool unit,
		      char *out, size_t size)
{
	char value[96], once[96];
	struct osc_interval i;
	int n = 0;

	if (!osc_metric_interval(row, m, &i)) {
		snprintf(out, size, "?");
		return out;
	}
	if (m->fixed) {
		cost_text(&i.fixed, true, once, sizeof(once));
		n = snprintf(out, size, "%s + ", once);
	}
	if (m->of == OSC_METRIC_CONNECTION)
		cost_text(&i.cost, m->bytes, value, sizeof(value));
	else
		number_text(i.value, value, sizeof(value));
	snprintf(out + n, size - (size_t)n, "%s%s%s",
		 osc_metric_is_whole(row, m) ? "" : "at least ", value,
		 unit ? m->unit : "");
	return out;
}
