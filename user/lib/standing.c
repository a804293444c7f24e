// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/standing.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/output.h"

static const char *const kind_names[] = {
	[OSC_EXACT] = "exact",
	[OSC_LOWER_BOUND] = "lower-bound",
	[OSC_INTERVAL] = "interval",
	[OSC_ABSENT] = "absent",
};

static const char *why_absent(const struct osc_counts *c, enum osc_counter n)
{
	if (c->withheld & 1u << n)
		return "the interval is too short for a rate of it, or it grew "
		       "by more than is possible in one; try a longer interval";
	/* Of a target the module counts it. */
	if (n == OSC_RUN_DELAY_NS)
		return "this kernel does not show it in /proc/schedstat";
	if (c->backend == OSC_BACKEND_MODULE)
		return "the module does not count it here; see "
		       "osconcepts-sources(1)";
	switch (n) {
	case OSC_EPOLL_CALLBACKS:
	case OSC_EPOLL_WAKEUPS:
		return "/proc does not count epoll events; load the module";
	case OSC_SWITCHES_VOLUNTARY:
	case OSC_SWITCHES_INVOLUNTARY:
		return "/proc does not tell the kinds of switches of the "
		       "whole system; load the module";
	default:
		return "/proc does not show it on this kernel";
	}
}

static const char *why_least(const struct osc_counts *c)
{
	if (c->cut_short)
		return "the module was unloaded before the end; what came "
		       "after was not counted";
	if (c->task_ended)
		return "what a task that has ended did after the last look "
		       "at it is missing";
	if (c->backend == OSC_BACKEND_MODULE)
		return "the module lost events or tasks";
	if (c->children_discarded)
		return "a process ignored SIGCHLD: nobody waits for its "
		       "children; load the module";
	return "a task may have ended between two looks at /proc; load the "
	       "module";
}

struct osc_standing osc_standing(const struct osc_counts *c, enum osc_counter n)
{
	struct osc_standing s = { OSC_EXACT, c->value[n], c->value[n], NULL };

	if (!osc_counts_have(c, n)) {
		s = (struct osc_standing){ OSC_ABSENT, 0, UINT64_MAX,
					   why_absent(c, n) };
	} else if (c->cut_short || c->task_ended ||
		   ((c->missed[n] || c->unproved) && !(c->proved >> n & 1))) {
		s.kind = OSC_LOWER_BOUND;
		s.high = UINT64_MAX;
		s.why = why_least(c);
	} else if (n == OSC_EPOLL_CALLBACKS && c->callbacks_unknown) {
		s.kind = OSC_INTERVAL;
		s.high += c->callbacks_unknown;
		s.why = "the owners of some epoll registrations that were "
			"made earlier are not known yet";
	} else if (n == OSC_CPU_NS && c->cpu_grain_ns) {
		s.kind = OSC_INTERVAL;
		s.low -= c->cpu_grain_ns < s.low ? c->cpu_grain_ns : s.low;
		s.high += c->cpu_grain_ns;
		if (c->cpu_most_ns && s.high > c->cpu_most_ns)
			s.high = c->cpu_most_ns > s.low ? c->cpu_most_ns :
							  s.low;
		s.why = "the kernel adds up the CPU time of the whole system "
			"at its ticks";
	}
	return s;
}

struct osc_standing osc_standing_of_tasks(const struct osc_counts *c)
{
	bool is_least = c->backend == OSC_BACKEND_PROCFS &&
			(c->unproved || c->lost);
	struct osc_standing s = { OSC_EXACT, c->tasks_exited, c->tasks_exited,
				  NULL };

	if (is_least || c->cut_short) {
		s.kind = OSC_LOWER_BOUND;
		s.high = UINT64_MAX;
		s.why = why_least(c);
	}
	return s;
}

const char *osc_standing_sign(enum osc_standing_kind kind)
{
	switch (kind) {
	case OSC_EXACT:
		break;
	case OSC_LOWER_BOUND:
		return osc_text_is_utf8() ? "\xe2\x89\xa5" : ">=";
	case OSC_INTERVAL:
		return "a..b";
	case OSC_ABSENT:
		return "-";
	}
	return "";
}

/* How a value is written where there is less room, from 0, in full, to 4. */
enum { LEVELS = 5 };

static double rounded(double value, bool up)
{
	return up ? ceil(value) : floor(value);
}

/* Thousands, millions: never more than it was, or, up, never less. */
static void format_short(uint64_t value, double scale, int level, bool up,
			 char *buf, size_t size)
{
	static const double unit[LEVELS] = { 1, 1, 1e3, 1e6, 1e9 };
	static const char *const name[LEVELS] = { "", "", "k", "M", "G" };
	static const double part[LEVELS] = { 1, 100, 10, 1, 1 };

	if (scale == 1 && !level)
		osc_format_count(value, buf, size);
	else if (scale == 1)
		snprintf(buf, size, "%.0f%s",
			 rounded((double)value / unit[level], up), name[level]);
	else if (!level)
		osc_format_real((double)value * scale, buf, size);
	else
		snprintf(buf, size, "%.*f", level < 3 ? 3 - level : 0,
			 rounded((double)value * scale * part[level], up) /
				 part[level]);
}

char *osc_standing_short(const struct osc_counts *c, enum osc_counter n,
			 double scale, int width, char *buf, size_t size)
{
	const struct osc_standing s = osc_standing(c, n);
	int level = 0;

	do {
		char low[32], high[32] = "";

		format_short(s.low, scale, level, false, low, sizeof(low));
		if (s.kind == OSC_INTERVAL)
			format_short(s.high, scale, level, true, high,
				     sizeof(high));
		if (s.kind == OSC_ABSENT)
			snprintf(buf, size, "-");
		else if (s.kind == OSC_INTERVAL)
			snprintf(buf, size, "%s..%s", low, high);
		else
			snprintf(buf, size, "%s%s", osc_standing_sign(s.kind),
				 low);
	} while (++level < LEVELS && (int)mbstowcs(NULL, buf, 0) > width);
	return buf;
}

char *osc_standing_text(const struct osc_counts *c, enum osc_counter n,
			char *buf, size_t size)
{
	return osc_standing_short(c, n, 1, INT_MAX, buf, size);
}

char *osc_standing_scaled(const struct osc_counts *c, enum osc_counter n,
			  double scale, char *buf, size_t size)
{
	return osc_standing_short(c, n, scale, INT_MAX, buf, size);
}

static const json_t *find(const json_t *document, const char *name)
{
	if (!strcmp(name, "cpu_us"))
		name = osc_counter_info[OSC_CPU_NS].name;
	return json_object_get(json_object_get(document, "standing"), name);
}

static enum osc_standing_kind kind_of(const json_t *entry)
{
	const char *said =
		json_string_value(json_object_get(entry, "standing"));

	for (size_t i = 0; said && i < sizeof(kind_names) / sizeof(*kind_names);
	     i++) {
		if (!strcmp(said, kind_names[i]))
			return (enum osc_standing_kind)i;
	}
	return OSC_EXACT;
}

enum osc_standing_kind osc_standing_of(const json_t *document, const char *name)
{
	return kind_of(find(document, name));
}

const char *osc_standing_why(const json_t *document, const char *name)
{
	return json_string_value(json_object_get(find(document, name), "why"));
}

/* What is absent in one run is counted in others: it does not matter most. */
static int weight(enum osc_standing_kind kind)
{
	static const int weights[] = {
		[OSC_EXACT] = 0,
		[OSC_ABSENT] = 1,
		[OSC_INTERVAL] = 2,
		[OSC_LOWER_BOUND] = 3,
	};

	return weights[kind];
}

int osc_standing_put(json_t *standing, const char *name,
		     enum osc_standing_kind kind, const char *why)
{
	if (weight(kind) <= weight(kind_of(json_object_get(standing, name))))
		return 0;
	return json_object_set_new(standing, name,
				   json_pack("{s:s, s:o}", "standing",
					     kind_names[kind], "why",
					     osc_json_text(why)));
}

static json_t *entry(const struct osc_standing *s)
{
	if (s->kind == OSC_INTERVAL)
		return json_pack("{s:s, s:I, s:I, s:o}", "standing",
				 kind_names[s->kind], "low", (json_int_t)s->low,
				 "high", (json_int_t)s->high, "why",
				 osc_json_text(s->why));
	return json_pack("{s:s, s:o}", "standing", kind_names[s->kind], "why",
			 osc_json_text(s->why));
}

json_t *osc_standing_json(const struct osc_counts *c)
{
	const struct osc_standing tasks = osc_standing_of_tasks(c);
	json_t *all = json_object();

	for (int i = 0; all && i < OSC_NR_COUNTERS; i++) {
		struct osc_standing s = osc_standing(c, (enum osc_counter)i);

		if (s.kind != OSC_EXACT &&
		    json_object_set_new(all, osc_counter_info[i].name,
					entry(&s))) {
			json_decref(all);
			all = NULL;
		}
	}
	if (all &&
	    (osc_standing_put(all, "tasks_exited", tasks.kind, tasks.why) ||
	     osc_standing_put(all, "lost", tasks.kind, tasks.why))) {
		json_decref(all);
		all = NULL;
	}
	return all;
}
