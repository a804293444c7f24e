// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/timings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/hist.h"
#include "lib/nearest.h"

const struct osc_timing_kind osc_timing_kinds[OSC_NR_TIMING_KINDS] = {
	{ "sched",
	  "sched",
	  { { "run_queue_wait", "from runnable to on a CPU" },
	    { "time_slice", "from switched in to switched out" } } },
	{ "off_cpu",
	  "sched",
	  { { "off_cpu_voluntary", "blocked, until on a CPU again" },
	    { "off_cpu_involuntary", "preempted, until on a CPU again" } } },
	{ "fault",
	  "fault",
	  { { "fault_minor", "handling a page fault without I/O" },
	    { "fault_major", "handling a page fault with I/O" } } },
	{ "epoll",
	  "epoll",
	  { { "epoll_wake_to_run", "from woken to on a CPU" } } },
	{ "epoll_return",
	  "epoll",
	  { { "epoll_wake_to_return",
	      "from woken to the return of epoll_wait" } } },
};

static const char *const levels[] = {
	[OSC_TIMING_OFF] = "off",
	[OSC_TIMING_TARGETS] = "targets",
	[OSC_TIMING_ALL] = "all",
};

#define NR_LEVELS (sizeof(levels) / sizeof(*levels))

static bool is(const char *name, const char *text, size_t length)
{
	return name && strlen(name) == length && !memcmp(name, text, length);
}

static const struct osc_timing_kind *find_kind(const char *text, size_t length)
{
	for (size_t i = 0; i < OSC_NR_TIMING_KINDS; i++) {
		if (is(osc_timing_kinds[i].name, text, length))
			return &osc_timing_kinds[i];
	}
	return NULL;
}

const struct osc_timing_kind *osc_timing_kind(const char *timing)
{
	return find_kind(timing, strlen(timing));
}

/* The number of a histogram, or -1. */
static int find_histogram(const char *text, size_t length)
{
	for (int i = 0; i < OSC_NR_TIMING_KINDS * OSC_TIMING_HISTOGRAMS; i++) {
		const struct osc_timing_kind *kind =
			&osc_timing_kinds[i / OSC_TIMING_HISTOGRAMS];

		if (is(kind->histogram[i % OSC_TIMING_HISTOGRAMS].name, text,
		       length))
			return i;
	}
	return -1;
}

const struct osc_timing_kind *osc_timing_kind_of(const char *histogram)
{
	int i = find_histogram(histogram, strlen(histogram));

	return i < 0 ? NULL : &osc_timing_kinds[i / OSC_TIMING_HISTOGRAMS];
}

const char *osc_histogram_meaning(const char *histogram)
{
	int i = find_histogram(histogram, strlen(histogram));

	return i < 0 ? NULL :
		       osc_timing_kinds[i / OSC_TIMING_HISTOGRAMS]
			       .histogram[i % OSC_TIMING_HISTOGRAMS]
			       .meaning;
}

const char *osc_timing_level_name(uint32_t level)
{
	return level < NR_LEVELS ? levels[level] : "unknown";
}

osc_histogram_set osc_histogram_set_of(const struct osc_timing_kind *kind)
{
	unsigned int first =
		(unsigned int)(kind - osc_timing_kinds) * OSC_TIMING_HISTOGRAMS;

	return ((1u << OSC_TIMING_HISTOGRAMS) - 1) << first;
}

/* The names of all timings; room for them and a NULL. */
static void timing_names(const char **names)
{
	for (int i = 0; i < OSC_NR_TIMING_KINDS; i++)
		names[i] = osc_timing_kinds[i].name;
	names[OSC_NR_TIMING_KINDS] = NULL;
}

static int no_histogram(const char *what, const char *text, size_t length,
			struct osc_error *e)
{
	const char *names[OSC_NR_TIMING_KINDS + 1];
	struct osc_nearest near;
	char known[128];

	osc_nearest_begin(&near, text, length);
	timing_names(names);
	for (int i = 0; i < OSC_NR_TIMING_KINDS; i++) {
		osc_nearest_offer(&near, names[i]);
		for (int j = 0; j < OSC_TIMING_HISTOGRAMS; j++) {
			if (osc_timing_kinds[i].histogram[j].name)
				osc_nearest_offer(
					&near,
					osc_timing_kinds[i].histogram[j].name);
		}
	}
	return osc_error_set_exit(
		e, OSC_EXIT_USAGE, EINVAL,
		"%s '%.*s': no such timing or histogram; try %s", what,
		(int)length, text,
		near.best ?:
			    osc_nearest_try("", 0, names, known, sizeof(known)));
}

int osc_histogram_set_parse(const char *what, const char *text,
			    osc_histogram_set *out, struct osc_error *e)
{
	*out = 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		const struct osc_timing_kind *kind = find_kind(text, length);
		int histogram = find_histogram(text, length);

		if (!kind && histogram < 0)
			return no_histogram(what, text, length, e);
		*out |= kind ? osc_histogram_set_of(kind) : 1u << histogram;
		text += length;
		if (!*text++)
			return 0;
	}
}

bool osc_histogram_set_has(osc_histogram_set set, const char *histogram)
{
	int i = find_histogram(histogram, strlen(histogram));

	return !set || (i >= 0 && set >> i & 1);
}

bool osc_histogram_set_has_timing(osc_histogram_set set, const char *timing)
{
	const struct osc_timing_kind *kind = osc_timing_kind(timing);

	return !set || (kind && set & osc_histogram_set_of(kind));
}

static int find_level(const char *text)
{
	for (size_t i = 0; i < NR_LEVELS; i++) {
		if (!strcmp(levels[i], text))
			return (int)i;
	}
	return -1;
}

/* Of "fault=al": try fault=all; of "fault" and "fault=x" all levels. */
static int no_level(const char *what, const char *text, const char *timing,
		    bool may_be_off, struct osc_error *e)
{
	const char *level = strchr(text, '=');
	struct osc_nearest near;
	char hint[128] = "";

	osc_nearest_begin(&near, level ? level + 1 : "",
			  level ? strlen(level + 1) : 0);
	for (size_t i = may_be_off ? 0 : OSC_TIMING_OFF + 1; i < NR_LEVELS; i++)
		osc_nearest_offer(&near, levels[i]);
	if (near.best)
		snprintf(hint, sizeof(hint), "%s=%s", timing, near.best);
	else
		snprintf(hint, sizeof(hint), "%s%s%s=targets or %s=all",
			 may_be_off ? timing : "", may_be_off ? "=off, " : "",
			 timing, timing);
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "%s '%s': %s; try %s", what, text,
				  level ? "no such level" : "no level", hint);
}

int osc_timing_wish_parse(const char *what, const char *text, int otherwise,
			  struct osc_timing_wish *out, struct osc_error *e)
{
	size_t length = strcspn(text, "=");
	int level = text[length] ? find_level(text + length + 1) : otherwise;
	const char *names[OSC_NR_TIMING_KINDS + 1];
	char known[128];

	out->kind = find_kind(text, length);
	timing_names(names);
	if (!out->kind)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "%s '%.*s': no such timing; try %s",
					  what, (int)length, text,
					  osc_nearest_try(text, length, names,
							  known,
							  sizeof(known)));
	if (level < 0)
		return no_level(what, text, out->kind->name, otherwise < 0, e);
	out->level = (enum osc_timing_level)level;
	return 0;
}

int osc_histogram_percentile(const struct osc_histogram *h, double percent)
{
	uint64_t rank, seen = 0;
	int last = -1;

	if (!h->count)
		return -1;
	rank = osc_hist_rank(h->count, percent);
	for (int i = 0; i < OSC_TIMES_SLOTS; i++) {
		if (!h->slots[i])
			continue;
		last = i;
		seen += h->slots[i];
		if (seen >= rank)
			break;
	}
	return last;
}

void osc_histogram_since(const struct osc_histogram *now,
			 const struct osc_histogram *before,
			 struct osc_histogram *out)
{
	*out = *now;
	if (!before || before->since_ns != now->since_ns ||
	    before->sub_bits != now->sub_bits)
		return;
	out->since_ns = before->time_ns;
	out->count -= before->count;
	out->sum -= before->sum;
	out->useless -= before->useless;
	for (size_t i = 0; i < OSC_TIMES_SLOTS; i++)
		out->slots[i] -= before->slots[i];
}
