// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics.c - what is pictured and tabled, and what there is against it. */
#include "report/metrics.h"

#include <math.h>
#include <string.h>

#include "lib/standing.h"

#define REQUEST "per request"
#define CONNECTION "per further connection"

#define LEAST "\xe2\x89\xa5 "
#define MOST "\xe2\x89\xa4 "
#define SUSPECT "~ "

/* Behind the counters of doc.h. */
static const struct metric others[METRIC_NR - DOC_NR_COUNTERS] = {
	{ "per_request", "context_switches", "Context switches", REQUEST,
	  html_value, 1, false, METRIC_KERNEL,
	  "Switches of both kinds together." },
	{ "per_request", "cpu_us", "Requests per CPU second",
	  "of the server's own", html_value, 1e6, true, METRIC_KERNEL,
	  "A second divided by the CPU time of a request: what one CPU could "
	  "answer if the server had all of it." },
	{ "calls", "system_calls_per_request", "System calls", REQUEST,
	  html_value, 1, false, METRIC_CALLS,
	  "Calls that the server makes for its connections: reads, writes, "
	  "waits and others, by its own statistics." },
	{ "calls", "bytes_copied_per_request", "Bytes copied", REQUEST,
	  html_value, 1, false, METRIC_SERVER,
	  "Bytes copied between the kernel and the server, in and out; pages "
	  "that were passed on are not." },
	{ "calls", "empty_per_read", "EAGAIN", "per read", html_value, 1, false,
	  METRIC_SERVER, "The share of the reads that found nothing to read." },
	{ "calls", "events_per_wait", "Events", "per wait", html_value, 1,
	  false, METRIC_SERVER,
	  "How much a return of select, poll or epoll_wait brings: more of "
	  "them means a wait, and its switch, is shared by more requests." },
	{ "calls", "useless_per_wait", "Useless waits", "per wait", html_value,
	  1, false, METRIC_SERVER,
	  "The share of the waits that returned events of which nothing came, "
	  "as another had been first." },
	{ "calls", "wakes_per_accept", "Woken", "per connection accepted",
	  html_value, 1, false, METRIC_SERVER,
	  "Tasks woken for a connection. More than 1 is a thundering "
	  "herd; less, that one takes several at once." },
	{ "calls", "vain_per_accept_wake", "Spurious wakeups", "per task woken",
	  html_value, 1, false, METRIC_SERVER,
	  "The share of those woken that found no connection." },
	{ NULL, "rps", "Requests per second", "as the client saw", html_value,
	  1, false, METRIC_CLIENT,
	  "What the load generator had answered, with the CPUs it left to "
	  "the server." },
	{ "latency_us", "p99", "Latency p99", REQUEST, html_microseconds, 1,
	  false, METRIC_CLIENT,
	  "99 % of the requests took at most this long." },
	{ "memory", "total", "Memory, fixed", "once", html_bytes, 1, false,
	  METRIC_FIXED,
	  "What the server takes once, such as a pool: where the line through "
	  "several numbers of connections begins. Without slab." },
	{ "memory", "total", "Memory", CONNECTION, html_bytes, 1, false,
	  METRIC_LINE,
	  "The slope of that line: its own memory, page tables, kernel stacks "
	  "and slab together." },
	{ "memory", "pss", "of which its own (PSS)", CONNECTION, html_bytes, 1,
	  false, METRIC_LINE,
	  "Memory of the server's processes that is of no file, shared pages "
	  "in parts." },
	{ "memory", "user_stacks", "of PSS, stacks", CONNECTION, html_bytes, 1,
	  false, METRIC_LINE,
	  "What of it processes and threads have their stacks in." },
	{ "memory", "page_tables", "Page tables", CONNECTION, html_bytes, 1,
	  false, METRIC_LINE,
	  "A process has tables of its own, threads share them." },
	{ "memory", "kernel_stacks", "Kernel stacks", CONNECTION, html_bytes, 1,
	  false, METRIC_LINE, "Each task has one, which is never paged out." },
	{ "memory", "slab", "Slab of the system", CONNECTION, html_bytes, 1,
	  false, METRIC_LINE,
	  "Sockets, files and tasks, with the client's ends and whatever "
	  "others do meanwhile." },
	{ "per_connection", "page_faults_minor", "Minor page faults",
	  CONNECTION, html_value, 1, false, METRIC_LINE,
	  "To accept a connection and to make a process or thread for it, if "
	  "the model does; without its requests." },
	{ "per_connection", "context_switches_voluntary", "Voluntary switches",
	  CONNECTION, html_value, 1, false, METRIC_LINE,
	  "To accept a connection and wait for its first request." },
};

struct metric metric_at(size_t i)
{
	const struct doc_counter *counter;

	if (i >= DOC_NR_COUNTERS)
		return others[i - DOC_NR_COUNTERS];
	counter = &doc_counters[i];
	return (struct metric){
		.group = "per_request",
		.key = counter->key,
		.label = counter->label,
		.unit = REQUEST,
		.format = counter->to_us ? html_microseconds : html_value,
		.scale = counter->to_us ? counter->to_us : 1,
		.word = METRIC_KERNEL,
		.meaning = counter->meaning,
	};
}

static double shown(const struct metric *metric, double value)
{
	if (!metric->inverse)
		return value * metric->scale;
	return value > 0 ? metric->scale / value : NAN;
}

/* What the kernel or the server counted is not all there was. */
static bool is_bound(const struct metric *metric, const struct doc_group *group)
{
	return (metric->word == METRIC_KERNEL ||
		metric->word == METRIC_CALLS) &&
	       osc_standing_of(group->summary, metric->key) != OSC_EXACT;
}

struct doc_spread metric_spread(const struct metric *metric,
				const struct doc_group *group)
{
	const json_t *object =
		metric->group ? json_object_get(group->summary, metric->group) :
				group->summary;
	struct doc_spread s = metric->word == METRIC_FIXED ?
				      doc_fixed(object, metric->key) :
				      doc_spread(object, metric->key);

	/* How far apart lower bounds lie says nothing of the number. */
	if (is_bound(metric, group))
		s.low = s.high = s.median;
	return (struct doc_spread){
		.mark = s.mark,
		.median = shown(metric, s.median),
		.low = shown(metric, metric->inverse ? s.high : s.low),
		.high = shown(metric, metric->inverse ? s.low : s.high),
	};
}

double metric_most(const struct doc *doc, const struct metric *metric)
{
	double most = NAN;

	for (size_t i = 0; i < doc->nr_groups; i++) {
		struct doc_spread s = metric_spread(metric, &doc->groups[i]);

		if (!isnan(s.median))
			most = fmax(most, fmax(s.median, s.high));
	}
	return most;
}

static bool any_run(const struct doc_group *group, bool (*is)(const json_t *))
{
	for (size_t i = 0; i < group->nr_runs; i++) {
		if (is(group->runs[i]))
			return true;
	}
	return false;
}

const char *metric_mark(const struct metric *metric,
			const struct doc_group *group)
{
	switch (metric->word) {
	case METRIC_KERNEL:
	case METRIC_CALLS:
		if (!is_bound(metric, group))
			return "";
		return metric->inverse ? MOST : LEAST;
	case METRIC_CLIENT:
		return any_run(group, doc_run_is_suspect) ? SUSPECT : "";
	case METRIC_LINE:
	case METRIC_FIXED:
		return metric_spread(metric, group).mark;
	case METRIC_SERVER:
		break;
	}
	return "";
}

static bool is_marked(const struct doc *doc, size_t first, size_t n,
		      enum metric_word word)
{
	for (size_t i = first; i < first + n; i++) {
		struct metric metric = metric_at(i);

		/* Both parts of a line are marked by one rule. */
		if (metric.word == METRIC_FIXED)
			metric.word = METRIC_LINE;
		if (metric.word != word)
			continue;
		metric = metric_at(i);
		for (size_t g = 0; g < doc->nr_groups; g++) {
			const struct doc_group *group = &doc->groups[g];

			if (*metric_mark(&metric, group) &&
			    !isnan(metric_spread(&metric, group).median))
				return true;
		}
	}
	return false;
}

void metric_tell_marks(FILE *out, const struct doc *doc, size_t first, size_t n)
{
	static const struct {
		enum metric_word word;
		const char *text;
	} notes[] = {
		{ METRIC_KERNEL,
		  LEAST "and " MOST "before what the kernel counted: tasks "
			"ended unseen, what they did is missing." },
		{ METRIC_CALLS,
		  LEAST "before system calls: where a model locks, forks or "
			"makes threads, the C library makes others beneath, "
			"which are not booked." },
		{ METRIC_CLIENT,
		  SUSPECT "before what the client saw: some of the runs are "
			  "suspect." },
		{ METRIC_LINE,
		  DOC_AT_MOST "before what cannot be told from zero: the upper "
			      "end of its interval of 95 %. " DOC_BENT
			      "where the line is not straight: growth in "
			      "steps, or a curve." },
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		if (is_marked(doc, first, n, notes[i].word))
			html_element(out, "p", "warn", notes[i].text);
	}
}
