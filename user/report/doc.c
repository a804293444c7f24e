// SPDX-License-Identifier: GPL-2.0-or-later
/* doc.c - reading compare.json without trusting it. */
#include "report/doc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/line.h"
#include "report/html.h"

const struct doc_counter doc_counters[DOC_NR_COUNTERS] = {
	{ "context_switches_voluntary", "context_switches_voluntary",
	  "Voluntary switches", 0, 0,
	  "The task gave the CPU away because it had to wait: for a request, a "
	  "lock, a child. More of them means more waiting in small pieces." },
	{ "context_switches_involuntary", "context_switches_involuntary",
	  "Involuntary switches", 0, 0,
	  "The scheduler took the CPU away because another task's turn had "
	  "come. More of them means more tasks ready than CPUs." },
	{ "epoll_callbacks", "epoll_callbacks", "epoll callbacks", 0, 0,
	  "A watched socket told an epoll instance that it is ready. Only a "
	  "server that uses epoll has any." },
	{ "epoll_wakeups", "epoll_wakeups", "epoll wakeups", 0, 0,
	  "Such a callback found a thread asleep in epoll_wait and woke it. "
	  "Fewer wakeups than callbacks means several requests were taken per "
	  "wakeup." },
	{ "page_faults_minor", "page_faults_minor", "Minor page faults", 0, 0,
	  "Memory touched for the first time, or copied after a fork, without "
	  "reading a disk. A process per connection pays them each time." },
	{ "page_faults_major", "page_faults_major", "Major page faults", 0, 0,
	  "A page had to be read from a disk. In a warm server there are none." },
	{ "cpu_us", "cpu_ns", "CPU time", 1, 1e-3,
	  "Time the server's tasks ran on a CPU, in the kernel and outside." },
	{ "run_delay_ns", "run_delay_ns", "Wait for a CPU", 1e-3, 1e-3,
	  "Time the server's tasks were ready to run but no CPU was free." },
};

double doc_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double number;

	if (!json_is_number(value))
		return NAN;
	number = json_number_value(value);
	return isfinite(number) ? number : NAN;
}

const char *doc_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int doc_bool(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : -1;
}

static struct doc_spread cost(const json_t *line, enum osc_line_part part)
{
	struct osc_cost c;

	if (!osc_line_cost(line, part, &c))
		return (struct doc_spread){ NAN, NAN, NAN, "" };
	if (c.at_most)
		return (struct doc_spread){ c.high, c.high, c.high,
					    DOC_AT_MOST };
	return (struct doc_spread){ c.value, c.low, c.high,
				    c.about ? DOC_BENT : "" };
}

struct doc_spread doc_spread(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!isnan(doc_number(value, "slope")))
		return cost(value, OSC_LINE_SLOPE);
	return (struct doc_spread){
		.median = doc_number(value, "median"),
		.low = doc_number(value, "low"),
		.high = doc_number(value, "high"),
		.mark = "",
	};
}

struct doc_spread doc_fixed(const json_t *object, const char *key)
{
	return cost(json_object_get(object, key), OSC_LINE_FIXED);
}

const char *const doc_dimensions[DOC_NR_DIMENSIONS] = {
	[DOC_CONCURRENCY] = "concurrency",
	[DOC_WORK] = "work_us",
	[DOC_IO] = "io_us",
};

/* A dimension is told where it says anything: the entries differ in it. */
static void find_varied(struct doc *doc, const json_t *entries)
{
	const json_t *first = json_array_get(entries, 0), *entry;
	size_t i;

	json_array_foreach(entries, i, entry) {
		for (size_t d = 0; d < DOC_NR_DIMENSIONS; d++)
			doc->varied[d] |=
				doc_number(entry, doc_dimensions[d]) !=
					doc_number(first, doc_dimensions[d]) &&
				!isnan(doc_number(entry, doc_dimensions[d]));
	}
}

static void write_load(FILE *out, const double value[DOC_NR_DIMENSIONS])
{
	if (!isnan(value[DOC_CONCURRENCY]))
		fprintf(out, ", %s connection%s",
			html_count(value[DOC_CONCURRENCY]).text,
			value[DOC_CONCURRENCY] == 1 ? "" : "s");
	if (value[DOC_WORK] > 0)
		fprintf(out, ", %s of work",
			html_round(html_microseconds(value[DOC_WORK])).text);
	if (value[DOC_IO] > 0)
		fprintf(out, ", %s of io",
			html_round(html_microseconds(value[DOC_IO])).text);
}

/* To be freed; NULL without memory. */
static char *load_text(const struct doc *doc, const json_t *entry,
		       bool with_connections)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	double value[DOC_NR_DIMENSIONS];

	if (!out)
		return NULL;
	for (size_t d = 0; d < DOC_NR_DIMENSIONS; d++)
		value[d] = doc->varied[d] && (d != DOC_CONCURRENCY ||
					      with_connections) ?
				   doc_number(entry, doc_dimensions[d]) :
				   NAN;
	fputs(doc_string(entry, "mode"), out);
	write_load(out, value);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

char *doc_load(const struct doc *doc, const json_t *entry)
{
	return load_text(doc, entry, true);
}

/* NULL without memory. */
static struct doc_group *find_group(struct doc *doc, const json_t *entry)
{
	const char *model = doc_string(entry, "model");
	char *mode = doc_load(doc, entry), *rest;
	unsigned int nr_models = 0, index = 0;
	struct doc_group *group;
	bool known = false;

	for (size_t i = 0; mode && i < doc->nr_groups; i++) {
		group = &doc->groups[i];
		if (!strcmp(group->model, model)) {
			if (!strcmp(group->mode, mode)) {
				free(mode);
				return group;
			}
			index = group->model_index;
			known = true;
		}
		if (group->model_index >= nr_models)
			nr_models = group->model_index + 1;
	}
	if (!mode || !(rest = load_text(doc, entry, false))) {
		free(mode);
		return NULL;
	}
	/* doc_open() made room for one group per summary entry and run */
	group = &doc->groups[doc->nr_groups++];
	group->model = model;
	group->mode = mode;
	group->rest = rest;
	group->connections = doc_number(entry, "concurrency");
	group->model_index = known ? index : nr_models;
	return group;
}

static int add_run(struct doc *doc, const json_t *run)
{
	struct doc_group *group = find_group(doc, run);
	const json_t **room;

	if (!group)
		return -ENOMEM;
	room = reallocarray(group->runs, group->nr_runs + 1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	group->runs = room;
	group->runs[group->nr_runs++] = run;
	return 0;
}

int doc_open(struct doc *doc, const json_t *root)
{
	const json_t *summary = json_object_get(root, "summary");
	const json_t *runs = json_object_get(root, "runs");
	size_t most = json_array_size(runs) + json_array_size(summary);
	struct doc_group *group;
	json_t *entry;
	int err = 0;
	size_t i;

	*doc = (struct doc){ .root = root };
	doc->groups = calloc(most ? most : 1, sizeof(*doc->groups));
	if (!doc->groups)
		return -ENOMEM;
	find_varied(doc, summary);
	find_varied(doc, runs);
	json_array_foreach(summary, i, entry) {
		group = err ? NULL : find_group(doc, entry);
		if (group)
			group->summary = entry;
		else
			err = -ENOMEM;
	}
	json_array_foreach(runs, i, entry) {
		if (!err)
			err = add_run(doc, entry);
	}
	if (err)
		doc_close(doc);
	return err;
}

void doc_close(struct doc *doc)
{
	for (size_t i = 0; i < doc->nr_groups; i++) {
		free(doc->groups[i].runs);
		free(doc->groups[i].mode);
		free(doc->groups[i].rest);
	}
	free(doc->groups);
	*doc = (struct doc){ 0 };
}

bool doc_run_is_valid(const json_t *run)
{
	return doc_bool(run, "valid") == 1;
}

bool doc_times_withheld(const struct doc_group *group)
{
	return json_is_null(json_object_get(group->summary, "valid"));
}

bool doc_run_is_suspect(const json_t *run)
{
	return doc_run_is_valid(run) &&
	       !strcmp(doc_string(run, "verdict"), "suspect");
}

bool doc_same_mode(const struct doc *doc, size_t a, size_t b)
{
	return !strcmp(doc->groups[a].mode, doc->groups[b].mode);
}

bool doc_mode_begins(const struct doc *doc, size_t group)
{
	for (size_t i = 0; i < group; i++) {
		if (doc_same_mode(doc, i, group))
			return false;
	}
	return true;
}
