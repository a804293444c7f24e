// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/stat_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/counters_output.h"
#include "lib/emulated.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "lib/reaper.h"
#include "lib/standing.h"

static json_t *command_json(char *const *command)
{
	json_t *list;

	if (!command)
		return json_null();
	list = json_array();
	for (; list && *command; command++) {
		if (json_array_append_new(list, osc_json_text(*command))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *real_or_null(bool have, double value)
{
	return have ? json_real(value) : json_null();
}

static json_t *left_json(const struct osc_stat_result *r)
{
	size_t n = r->child ? osc_reaper_left(r->reaper, NULL, 0) : 0;
	struct osc_left *left = calloc(n + 1, sizeof(*left));
	json_t *all = left ? json_array() : NULL;
	size_t now = n ? osc_reaper_left(r->reaper, left, n) : 0;

	for (size_t i = 0; all && i < n && i < now; i++) {
		if (json_array_append_new(
			    all,
			    json_pack("{s:i, s:o}", "pid", (int)left[i].pid,
				      "comm", osc_json_text(left[i].comm)))) {
			json_decref(all);
			all = NULL;
		}
	}
	free(left);
	return all;
}

/* For rates: a command alone is counted from its first moment to its last. */
static struct osc_counts rated_counts(const struct osc_stat_result *r)
{
	struct osc_counts c = r->counts;

	if (!r->command)
		osc_counts_check_times(&c, r->elapsed_s, osc_cpus_online());
	return c;
}

/* Of a command all that was waited for; of a process to a tick. */
static bool read_times(const struct osc_stat_result *r, double *user_s,
		       double *sys_s)
{
	*user_s = *sys_s = 0;
	if (r->child) {
		osc_reaper_times(r->reaper, user_s, sys_s);
	} else if (r->tasks->procfs) {
		osc_stat_tasks_times(r->tasks, user_s, sys_s);
	}
	return r->child || r->tasks->procfs;
}

/*
 * Of a process that has ended, what the last look showed. Of a command what was
 * waited for: not what it has left running, nor a child that nobody waits for.
 */
static enum osc_standing_kind standing_of_times(const struct osc_stat_result *r)
{
	enum osc_standing_kind cpu = osc_standing(&r->counts, OSC_CPU_NS).kind;
	bool missing = r->child ?
			       r->counts.tasks_live || cpu == OSC_LOWER_BOUND :
			       r->tasks->procfs && (r->tasks->root_ended ||
						    r->counts.tasks_exited);

	return missing ? OSC_LOWER_BOUND : OSC_EXACT;
}

static json_t *standing_json(const struct osc_stat_result *r)
{
	const char *why = r->child ? "what is left running, or was not waited "
				     "for, is missing" :
				     "what a task that has ended did after the "
				     "last look at it is missing";
	json_t *all = osc_standing_json(&r->counts);
	enum osc_standing_kind kind = standing_of_times(r);

	if (all && (osc_standing_put(all, "user_s", kind, why) ||
		    osc_standing_put(all, "sys_s", kind, why))) {
		json_decref(all);
		all = NULL;
	}
	return all;
}

static json_t *result_json(const struct osc_stat_result *r)
{
	const struct osc_counts rated = rated_counts(r);
	double user_s, sys_s;
	bool times = read_times(r, &user_s, &sys_s);
	const struct osc_child *c = r->child;
	bool signalled = c && WIFSIGNALED(c->status);
	double cpus =
		(double)rated.value[OSC_CPU_NS] / OSC_NS_PER_S / r->elapsed_s;

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:f, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o}",
		"schema", "osconcepts-stat/1", "source",
		osc_json_text(r->source), "sample_ms",
		r->sample_ns ? json_integer((json_int_t)(r->sample_ns /
							 OSC_NS_PER_MS)) :
			       json_null(),
		"platform", osc_platform(), "command", command_json(r->command),
		"pid", r->pid ? json_integer(r->pid) : json_null(), "system",
		!r->pid, "elapsed_s", r->elapsed_s, "user_s",
		real_or_null(times, user_s), "sys_s",
		real_or_null(times, sys_s), "exit_status",
		c && !signalled ? json_integer(WEXITSTATUS(c->status)) :
				  json_null(),
		"exit_signal",
		signalled ? json_integer(WTERMSIG(c->status)) : json_null(),
		"counters", osc_counts_json(&r->counts), "standing",
		standing_json(r), "per_second",
		osc_rates_json(&rated, r->elapsed_s), "cpu_utilization",
		real_or_null(osc_counts_have(&rated, OSC_CPU_NS) &&
				     r->elapsed_s > 0,
			     cpus),
		"tasks_live", (json_int_t)r->counts.tasks_live, "tasks_exited",
		(json_int_t)r->counts.tasks_exited, "lost",
		(json_int_t)r->counts.lost, "left_running", left_json(r),
		"comm",
		*r->tasks->comm ? osc_json_text(r->tasks->comm) : json_null(),
		r->tasks->per == OSC_STAT_PER_THREAD ? "threads" : "processes",
		osc_stat_tasks_json(r->tasks));
}

static void rate_cell(struct osc_table *t, const struct osc_stat_result *r,
		      enum osc_counter n)
{
	char number[OSC_STANDING_TEXT_SIZE], text[OSC_STANDING_TEXT_SIZE + 16];
	const struct osc_counts rated = rated_counts(r);

	if (!osc_counts_have(&rated, n))
		return;
	osc_standing_scaled(&rated, n, osc_rate_scale(n, r->elapsed_s), number,
			    sizeof(number));
	snprintf(text, sizeof(text), "%s %s", number,
		 n == OSC_CPU_NS       ? "CPUs used" :
		 n == OSC_RUN_DELAY_NS ? "tasks waiting" :
					 "/s");
	osc_table_text(t, "rate", text);
}

static int print_counters(const struct osc_stat_result *r, FILE *out,
			  struct osc_error *e)
{
	static const struct osc_column columns[] = {
		{ "value", "VALUE", OSC_COLUMN_COUNT },
		{ "counter", "COUNTER", OSC_COLUMN_TEXT },
		{ "rate", "RATE", OSC_COLUMN_PLAIN },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot print the counts: out of memory");
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		enum osc_counter n = (enum osc_counter)i;

		char text[OSC_STANDING_TEXT_SIZE];

		osc_table_row(t);
		osc_table_text(t, "counter", osc_counter_info[i].name);
		osc_table_text(t, "value",
			       osc_standing_text(&r->counts, n, text,
						 sizeof(text)));
		if (osc_counts_have(&r->counts, n) && r->elapsed_s > 0)
			rate_cell(t, r, n);
	}
	ret = osc_table_print(t, out, e);
	osc_table_free(t);
	return ret;
}

static void print_title(const struct osc_stat_result *r, FILE *out)
{
	fputs("\nCounts of ", out);
	if (r->command) {
		const char *before = "'";

		for (char *const *word = r->command; *word; word++) {
			fprintf(out, "%s%s", before, *word);
			before = " ";
		}
		fputc('\'', out);
	} else if (r->pid) {
		fprintf(out, "process %d (%s)", (int)r->pid, r->tasks->comm);
	} else {
		fputs("the whole system", out);
	}
	fprintf(out, ", source: %s", r->source);
	if (r->sample_ns)
		fprintf(out, "\nSampled every %" PRIu64 " ms",
			(uint64_t)(r->sample_ns / OSC_NS_PER_MS));
	fputs("\n\n", out);
}

/* printf counts bytes; a person sees characters. */
static void print_right(const char *text, int width, FILE *out)
{
	int n = (int)mbstowcs(NULL, text, 0);

	fprintf(out, "%*s%s", n < width ? width - n : 1, "", text);
}

static void print_seconds(const struct osc_stat_result *r, double seconds,
			  const char *what, FILE *out)
{
	char text[48];

	snprintf(text, sizeof(text), "%s%.*f",
		 osc_standing_sign(standing_of_times(r)), r->child ? 6 : 2,
		 seconds);
	print_right(text, 14, out);
	fprintf(out, " seconds %s\n", what);
}

static void print_times(const struct osc_stat_result *r, FILE *out)
{
	double user_s, sys_s;

	fprintf(out, "\n%14.6f seconds elapsed\n", r->elapsed_s);
	if (read_times(r, &user_s, &sys_s)) {
		print_seconds(r, user_s, "user", out);
		print_seconds(r, sys_s, "sys", out);
	}
	if (r->pid) {
		const char *sign =
			osc_standing_sign(osc_standing_of_tasks(&r->counts));
		char text[32];

		snprintf(text, sizeof(text), "%s%" PRIu64, sign,
			 r->counts.tasks_exited);
		print_right(text, 14, out);
		fprintf(out,
			" tasks ended, %" PRIu64 " live, %s%" PRIu64 " lost\n",
			r->counts.tasks_live, sign, r->counts.lost);
	}
}

#define LEFT_MAX 8

/* What the command started and did not wait for: its counts are as of now. */
static void print_left(const struct osc_stat_result *r, FILE *out)
{
	struct osc_left left[LEFT_MAX];
	size_t n = r->child ? osc_reaper_left(r->reaper, left, LEFT_MAX) : 0;

	if (!n)
		return;
	fputs("\nThe command has ended and left running:", out);
	for (size_t i = 0; i < n && i < LEFT_MAX; i++)
		fprintf(out, " %s[%d]", left[i].comm, (int)left[i].pid);
	if (n > LEFT_MAX)
		fprintf(out, " and %zu more", n - LEFT_MAX);
	fputs(".\nWhat they do from now on is not counted; try a (longer) "
	      "--duration.\n",
	      out);
}

static void print_notes(const struct osc_stat_result *r, FILE *out)
{
	print_left(r, out);
	osc_standing_notes(&r->counts, out);
	if (osc_platform_emulated())
		fputs("\n" OSC_EMULATED_NOTE("\n") "\n", out);
	fputc('\n', out);
}

/* fprintf leaves its errors in the stream; here they are collected. */
static int check(FILE *out, struct osc_error *e)
{
	if (!fflush(out) && !ferror(out))
		return 0;
	return osc_error_set(e, errno, "cannot write the output: %s",
			     strerror(errno));
}

int osc_stat_print(const struct osc_stat_result *r, bool json, FILE *out,
		   struct osc_error *e)
{
	int ret;

	if (json && r->one_line)
		return osc_json_print_line(result_json(r), out, e);
	if (json)
		return osc_json_print(result_json(r), out, e);
	print_title(r, out);
	ret = print_counters(r, out, e);
	if (ret)
		return ret;
	print_times(r, out);
	ret = osc_stat_tasks_print(r->tasks, out, e);
	if (ret)
		return ret;
	print_notes(r, out);
	return check(out, e);
}

static const struct {
	const char *heading;
	enum osc_counter counter;
} interval_columns[] = {
	{ "SWITCH", OSC_SWITCHES },
	{ "VOLUNT", OSC_SWITCHES_VOLUNTARY },
	{ "INVOL", OSC_SWITCHES_INVOLUNTARY },
	{ "MINFLT", OSC_FAULTS_MINOR },
	{ "MAJFLT", OSC_FAULTS_MAJOR },
	{ "EPCALL", OSC_EPOLL_CALLBACKS },
	{ "EPWAKE", OSC_EPOLL_WAKEUPS },
	{ "CPUS", OSC_CPU_NS },
	{ "DELAY", OSC_RUN_DELAY_NS },
};

#define NR_INTERVAL_COLUMNS \
	(sizeof(interval_columns) / sizeof(*interval_columns))

/* So that all of them fit into a line of 80 columns. */
#define INTERVAL_WIDTH 8

/* A line of cells, which goes on below where the terminal ends. */
struct cells {
	FILE *out;
	int columns; /* of the terminal; 0: any number */
	int used;
};

static void put_cell(struct cells *c, const char *text)
{
	int n = (int)mbstowcs(NULL, text, 0);
	int width = n < INTERVAL_WIDTH ? INTERVAL_WIDTH : n + 1;

	if (c->columns && c->used && c->used + width > c->columns) {
		/* Below the first number: the time stands alone. */
		fprintf(c->out, "\n%*s", INTERVAL_WIDTH, "");
		c->used = INTERVAL_WIDTH;
	}
	print_right(text, INTERVAL_WIDTH, c->out);
	c->used += width;
}

static void interval_headings(FILE *out)
{
	struct cells cells = { out, (int)osc_terminal_columns(out), 0 };

	put_cell(&cells, "TIME");
	for (size_t i = 0; i < NR_INTERVAL_COLUMNS; i++)
		put_cell(&cells, interval_columns[i].heading);
	fputc('\n', out);
}

static void interval_text(double time_s, double seconds,
			  const struct osc_counts *counts, FILE *out)
{
	struct cells cells = { out, (int)osc_terminal_columns(out), 0 };
	struct osc_counts checked = *counts, *delta = &checked;
	char text[OSC_STANDING_TEXT_SIZE];

	osc_counts_check_times(delta, seconds, osc_cpus_online());
	snprintf(text, sizeof(text), "%.3f", time_s);
	put_cell(&cells, text);
	for (size_t i = 0; i < NR_INTERVAL_COLUMNS; i++) {
		enum osc_counter n = interval_columns[i].counter;

		if (n == OSC_CPU_NS || n == OSC_RUN_DELAY_NS)
			osc_standing_scaled(delta, n,
					    osc_rate_scale(n, seconds), text,
					    sizeof(text));
		else
			osc_standing_text(delta, n, text, sizeof(text));
		put_cell(&cells, text);
	}
	fputc('\n', out);
}

int osc_stat_print_interval(unsigned int number, double time_s, double seconds,
			    const struct osc_counts *delta, bool json,
			    FILE *out, struct osc_error *e)
{
	if (json)
		return osc_json_print_line(
			json_pack("{s:s, s:f, s:f, s:o, s:o, s:I, s:I, s:I}",
				  "schema", "osconcepts-stat-interval/1",
				  "time_s", time_s, "interval_s", seconds,
				  "counters", osc_counts_json(delta),
				  "standing", osc_standing_json(delta),
				  "tasks_live", (json_int_t)delta->tasks_live,
				  "tasks_exited",
				  (json_int_t)delta->tasks_exited, "lost",
				  (json_int_t)delta->lost),
			out, e);
	/* As vmstat: the headings come again before they scroll away. */
	if (number % 20 == 0)
		interval_headings(out);
	interval_text(time_s, seconds, delta, out);
	return check(out, e);
}
