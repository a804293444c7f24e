// SPDX-License-Identifier: GPL-2.0-or-later
/* lesson_report.c - what a lesson has measured, and what is seen of it by a rule. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "cli/lesson.h"
#include "lib/clock.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "lib/program.h"

static const struct {
	const char *key, *heading;
	const char *unit; /* behind a number in a sentence */
	double scale; /* of what is printed */
	bool client; /* the client's word: of valid runs only */
	bool module; /* only the module counts it */
} metrics[OSC_NR_LESSON_METRICS] = {
	[OSC_LESSON_FAST_P50] = { "fast_p50_us", "FAST p50 ms", "ms", 1e-3,
				  true, false },
	[OSC_LESSON_FAST_P99] = { "fast_p99_us", "FAST p99 ms", "ms", 1e-3,
				  true, false },
	[OSC_LESSON_SLOW_P50] = { "slow_p50_us", "SLOW p50 ms", "ms", 1e-3,
				  true, false },
	[OSC_LESSON_CPU_US] = { "cpu_us_per_request", "CPU us/REQ", "us", 1,
				false, false },
	[OSC_LESSON_CPUS] = { "cpus", "CPUS USED", "", 1, false, false },
	[OSC_LESSON_WAKEUPS] = { "epoll_wakeups_per_request", "EPWAKE/REQ", "",
				 1, false, true },
};

/* Of all rounds that have the number; the client's times, of valid runs. */
static struct osc_spread spread_of(const struct osc_lesson_result *r, size_t m,
				   enum osc_lesson_metric metric)
{
	double values[OSC_LESSON_RUNS_MAX];
	struct osc_spread s = { .median = NAN };
	size_t n = 0;

	for (size_t i = 0; i < r->runs; i++) {
		const struct osc_lesson_run *run = &r->run[m][i];

		if (!isnan(run->value[metric]) &&
		    (run->valid || !metrics[metric].client))
			values[n++] = run->value[metric];
	}
	osc_spread(values, n, &s);
	s.n = n;
	return s;
}

int osc_lesson_compare(const struct osc_spread *a, const struct osc_spread *b)
{
	if (a->n < OSC_LESSON_RUNS_MIN || b->n < OSC_LESSON_RUNS_MIN)
		return 0;
	return a->low > b->high ? 1 : a->high < b->low ? -1 : 0;
}

static size_t model_at(const struct osc_lesson *l, const char *name)
{
	for (size_t i = 0; i < OSC_LESSON_MODELS; i++) {
		if (!strcmp(l->models[i], name))
			return i;
	}
	return 0;
}

/* "4 of 5 runs of thread", or "". */
static const char *lack(const struct osc_lesson_result *r,
			const struct osc_spread *s, const char *model,
			char *out, size_t size)
{
	*out = '\0';
	if (s->n < OSC_LESSON_RUNS_MIN)
		snprintf(out, size, "%zu of %zu runs of %s", s->n, r->runs,
			 model);
	return out;
}

static int describe_lack(const struct osc_lesson_result *r,
			 const struct osc_spread *more,
			 const struct osc_spread *less,
			 const char *const pair[2], char **text)
{
	char a[64], b[64];
	bool both;

	lack(r, more, pair[0], a, sizeof(a));
	lack(r, less, pair[1], b, sizeof(b));
	both = *a && *b;
	return asprintf(text,
			"Not known: only %s%s%s %s valid, %d are needed%s.", a,
			both ? " and " : "", b,
			!both && (*a ? more : less)->n == 1 ? "is" : "are",
			OSC_LESSON_RUNS_MIN, both ? " of each" : "");
}

/* What is seen of one pair, in a sentence that is to be freed. */
static char *describe(const struct osc_lesson_result *r,
		      const char *const pair[2], int *seen)
{
	const struct osc_lesson *l = r->set->lesson;
	enum osc_lesson_metric metric = l->columns[0];
	double scale = metrics[metric].scale;
	const char *unit = metrics[metric].unit;
	struct osc_spread more = spread_of(r, model_at(l, pair[0]), metric);
	struct osc_spread less = spread_of(r, model_at(l, pair[1]), metric);
	char *text = NULL;
	int ret;

	*seen = osc_lesson_compare(&more, &less);
	if (more.n < OSC_LESSON_RUNS_MIN || less.n < OSC_LESSON_RUNS_MIN)
		ret = describe_lack(r, &more, &less, pair, &text);
	else if (*seen)
		ret = asprintf(&text,
			       "%s: %s is %.3g %s with %s and %.3g %s with %s, "
			       "%.3g times as much.",
			       *seen > 0 ? "Seen" : "Seen is the opposite",
			       l->judged, more.median * scale, unit, pair[0],
			       less.median * scale, unit, pair[1],
			       *seen > 0 ? more.median / less.median :
					   less.median / more.median);
	else
		ret = asprintf(
			&text,
			"Not seen: %s lies between %.3g and %.3g %s with "
			"%s, and between %.3g and %.3g %s with %s.",
			l->judged, more.low * scale, more.high * scale, unit,
			pair[0], less.low * scale, less.high * scale, unit,
			pair[1]);
	return ret < 0 ? NULL : text;
}

static json_t *spread_json(const struct osc_spread *s)
{
	return s->n ? json_pack("{s:f, s:f, s:f, s:I}", "median", s->median,
				"low", s->low, "high", s->high, "n",
				(json_int_t)s->n) :
		      json_null();
}

static json_t *runs_json(const struct osc_lesson_result *r, size_t m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->runs; i++) {
		const struct osc_lesson_run *run = &r->run[m][i];
		json_t *o = json_pack("{s:b, s:o}", "valid", run->valid, "why",
				      osc_json_text(run->why));

		for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++) {
			double v = run->value[r->set->lesson->columns[c]];

			json_object_set_new(
				o, metrics[r->set->lesson->columns[c]].key,
				isnan(v) ? json_null() : json_real(v));
		}
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *models_json(const struct osc_lesson_result *r)
{
	const struct osc_lesson *l = r->set->lesson;
	json_t *all = json_array();

	for (size_t m = 0; m < OSC_LESSON_MODELS; m++) {
		json_t *o = json_pack("{s:o, s:o}", "model",
				      osc_json_text(l->models[m]), "runs",
				      runs_json(r, m));

		for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++) {
			struct osc_spread s = spread_of(r, m, l->columns[c]);

			json_object_set_new(o, metrics[l->columns[c]].key,
					    spread_json(&s));
		}
		json_array_append_new(all, o);
	}
	return all;
}

/* And whether all pairs were seen as they are expected. */
static json_t *findings_json(const struct osc_lesson_result *r, bool *all_seen)
{
	const struct osc_lesson *l = r->set->lesson;
	json_t *all = json_array();

	*all_seen = true;
	for (size_t i = 0; i < OSC_LESSON_PAIRS; i++) {
		static const char *const words[] = { "opposite", "not seen",
						     "seen" };
		int seen;
		char *text = describe(r, l->pairs[i], &seen);

		*all_seen &= seen > 0;
		if (!text ||
		    json_array_append_new(
			    all,
			    json_pack("{s:o, s:o, s:s, s:o}", "more",
				      osc_json_text(l->pairs[i][0]), "less",
				      osc_json_text(l->pairs[i][1]), "result",
				      words[seen + 1], "text",
				      osc_json_text(text)))) {
			json_decref(all);
			all = NULL;
		}
		free(text);
	}
	return all;
}

static json_t *document(const struct osc_lesson_result *r)
{
	const struct osc_lesson_settings *set = r->set;
	const struct osc_lesson *l = set->lesson;
	bool all_seen;
	json_t *findings = findings_json(r, &all_seen);

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:f, s:I, s:o, s:o}, s:o,"
		" s:o, s:o, s:o}",
		"schema", "osconcepts-lesson/1", "lesson",
		osc_json_text(l->name), "title", osc_json_text(l->title),
		"about", osc_json_text(l->about), "platform", osc_platform(),
		"source", osc_json_text(r->source), "config", "duration_s",
		(double)set->duration_ns / OSC_NS_PER_S, "runs",
		(json_int_t)set->runs, "server_cpus",
		osc_json_text(r->server_cpus), "client_cpus",
		osc_json_text(r->client_cpus), "models", models_json(r),
		"findings", findings, "why",
		all_seen ? osc_json_text(l->why) : json_null(), "question",
		osc_json_text(l->question));
}

/* "35.1 (31-40.2)": the median and the interval of it; "n=4": of fewer runs. */
static void cell(struct osc_table *t, enum osc_lesson_metric metric,
		 const struct osc_spread *s, size_t runs)
{
	double scale = metrics[metric].scale;
	char text[64] = "-", fewer[24] = "";

	if (s->n < runs)
		snprintf(fewer, sizeof(fewer), " n=%zu", s->n);
	if (s->n)
		snprintf(text, sizeof(text), "%.3g (%.3g-%.3g)%s",
			 s->median * scale, s->low * scale, s->high * scale,
			 fewer);
	osc_table_text(t, metrics[metric].key, text);
}

static int print_table(const struct osc_lesson_result *r, struct osc_error *e)
{
	const struct osc_lesson *l = r->set->lesson;
	struct osc_column columns[OSC_LESSON_COLUMNS + 1] = {
		{ "model", "MODEL", OSC_COLUMN_TEXT },
	};
	struct osc_table *t;
	int ret;

	for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++)
		columns[c + 1] =
			(struct osc_column){ metrics[l->columns[c]].key,
					     metrics[l->columns[c]].heading,
					     OSC_COLUMN_PLAIN };
	t = osc_table_new(columns, OSC_LESSON_COLUMNS + 1);
	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print a table: out of memory");
	for (size_t m = 0; m < OSC_LESSON_MODELS; m++) {
		osc_table_row(t);
		osc_table_text(t, "model", l->models[m]);
		for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++) {
			struct osc_spread s = spread_of(r, m, l->columns[c]);

			cell(t, l->columns[c], &s, r->runs);
		}
	}
	ret = osc_table_print(t, stdout, e);
	osc_table_free(t);
	return ret;
}

/* The least of the runs that a cell is of, of those that have a number. */
static size_t fewest_runs(const struct osc_lesson_result *r)
{
	size_t fewest = r->runs;

	for (size_t m = 0; m < OSC_LESSON_MODELS; m++) {
		for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++) {
			size_t n =
				spread_of(r, m, r->set->lesson->columns[c]).n;

			if (n && n < fewest)
				fewest = n;
		}
	}
	return fewest;
}

static void print_medians(const struct osc_lesson_result *r)
{
	size_t fewest = fewest_runs(r);
	char line[320];

	snprintf(
		line, sizeof(line),
		"Medians of %zu runs of %.3g s each%s, and in brackets the %s%s.",
		r->runs, (double)r->set->duration_ns / OSC_NS_PER_S,
		fewest < r->runs ? " (of fewer where n= says so)" : "",
		r->runs < OSC_SPREAD_MIN ?
			"range of the runs" :
			"interval that holds the true median with a probability "
			"of at least 95 %",
		r->runs >= OSC_SPREAD_MIN && fewest < OSC_SPREAD_MIN ?
			", or the range of too few runs for that" :
			"");
	osc_compare_fold(line, stdout);
}

/* What the kernel counts is used of a run whose latencies are not valid, too. */
static bool is_unused(const struct osc_lesson_result *r,
		      const struct osc_lesson_run *run)
{
	enum osc_lesson_metric judged = r->set->lesson->columns[0];

	return !run->valid &&
	       (metrics[judged].client || isnan(run->value[judged]));
}

static void print_unused(const struct osc_lesson_result *r)
{
	size_t unused = 0;
	const char *why = "";
	char line[320];

	for (size_t m = 0; m < OSC_LESSON_MODELS; m++) {
		for (size_t i = 0; i < r->runs; i++) {
			if (!is_unused(r, &r->run[m][i]))
				continue;
			unused++;
			why = r->run[m][i].why;
		}
	}
	if (!unused)
		return;
	snprintf(line, sizeof(line),
		 "Not valid, so not used: %zu of %zu runs, for instance: %s.",
		 unused, r->runs * OSC_LESSON_MODELS, why);
	osc_compare_fold(line, stdout);
}

static void print_notes(const struct osc_lesson_result *r)
{
	const struct osc_lesson *l = r->set->lesson;
	char line[320];

	print_medians(r);
	print_unused(r);
	if (!*r->server_cpus)
		osc_compare_fold("There is one CPU: server and client take "
				 "time from each other.",
				 stdout);
	for (size_t c = 0; c < OSC_LESSON_COLUMNS; c++) {
		if (!metrics[l->columns[c]].module ||
		    !strcmp(r->source, "module"))
			continue;
		snprintf(line, sizeof(line),
			 "%s is counted only by the module; load it with: %s",
			 metrics[l->columns[c]].heading,
			 osc_program_load_module());
		osc_compare_fold(line, stdout);
	}
}

static void print_headed(const char *heading, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "%s%s", heading, text);
	osc_compare_fold(line, stdout);
}

static void print_findings(const struct osc_lesson *l, const json_t *findings,
			   bool all_seen)
{
	const json_t *f;
	size_t i;

	putchar('\n');
	json_array_foreach(findings, i, f)
		osc_compare_fold(json_string_value(json_object_get(f, "text")),
				 stdout);
	if (all_seen) {
		print_headed("Why: ", l->why);
	} else {
		osc_compare_fold("This run does not show all of what is "
				 "expected; try more --runs, or an idle "
				 "machine.",
				 stdout);
	}
}

static int print_text(const struct osc_lesson_result *r, struct osc_error *e)
{
	const struct osc_lesson *l = r->set->lesson;
	bool all_seen;
	json_t *findings = findings_json(r, &all_seen);
	int ret;

	if (!findings)
		return osc_error_set(e, ENOMEM,
				     "cannot print the lesson: out of memory");
	printf("%s: %s\n\n", l->name, l->title);
	osc_compare_fold(l->about, stdout);
	putchar('\n');
	ret = print_table(r, e);
	if (!ret) {
		print_notes(r);
		print_findings(l, findings, all_seen);
		putchar('\n');
		print_headed("Question: ", l->question);
		for (size_t i = 0; i < 2 && l->measure[i]; i++)
			printf("  %s %s\n", osc_program(), l->measure[i]);
	}
	json_decref(findings);
	return ret;
}

/* Of the metric that is judged, whether each model has enough runs. */
static bool is_known(const struct osc_lesson_result *r)
{
	for (size_t m = 0; m < OSC_LESSON_MODELS; m++) {
		if (spread_of(r, m, r->set->lesson->columns[0]).n <
		    OSC_LESSON_RUNS_MIN)
			return false;
	}
	return true;
}

int osc_lesson_print(const struct osc_lesson_result *r, struct osc_error *e)
{
	int ret = r->set->json ? osc_json_print(document(r), stdout, e) :
				 print_text(r, e);

	if (ret)
		return ret;
	return is_known(r) ? OSC_EXIT_OK : OSC_EXIT_INVALID;
}
