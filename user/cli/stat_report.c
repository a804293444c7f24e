// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/stat_report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
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

static const char *why_of_times(const struct osc_stat_result *r)
{
	return r->child ? "what is left running, or was not waited for, is "
			  "missing" :
			  "what a task that has ended did after the last look "
			  "at it is missing";
}

static json_t *standing_json(const struct osc_stat_result *r)
{
	const char *why = why_of_times(r);
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
		const char *sign = osc_standing_sign(
			osc_standing_of_tasks(&r->counts).kind);
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

static void note_result(const struct osc_stat_result *r)
{
	const struct osc_counts rated = rated_counts(r);
	const struct osc_standing tasks = osc_standing_of_tasks(&r->counts);
	enum osc_standing_kind times = standing_of_times(r);

	osc_notes_counts(r->notes, &r->counts, NULL);
	/* And of rates that are withheld. */
	osc_notes_counts(r->notes, &rated, NULL);
	if (r->pid) {
		osc_notes_put(r->notes, tasks.kind, tasks.why, "tasks ended");
		osc_notes_put(r->notes, tasks.kind, tasks.why, "lost");
	}
	osc_notes_put(r->notes, times, why_of_times(r), "user");
	osc_notes_put(r->notes, times, why_of_times(r), "sys");
}

static void print_notes(const struct osc_stat_result *r, FILE *out)
{
	print_left(r, out);
	note_result(r);
	osc_notes_print(r->notes, out);
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

/*
 * A line of cells, which goes on below where the terminal ends. All columns fit
 * into 80 characters, the blank before each included.
 */
struct cells {
	FILE *out;
	int columns; /* of the terminal; 0: any number */
	int used;
};

#define TIME_WIDTH 8

static const int cell_width[OSC_NR_COUNTERS] = {
	[OSC_SWITCHES] = 8,
	[OSC_SWITCHES_VOLUNTARY] = 8,
	[OSC_SWITCHES_INVOLUNTARY] = 8,
	[OSC_FAULTS_MINOR] = 8,
	[OSC_FAULTS_MAJOR] = 7,
	[OSC_EPOLL_CALLBACKS] = 8,
	[OSC_EPOLL_WAKEUPS] = 7,
	[OSC_CPU_NS] = 11,
	[OSC_RUN_DELAY_NS] = 7,
};

static void put_cell(struct cells *c, const char *text, int width)
{
	int n = (int)mbstowcs(NULL, text, 0) + 1;

	if (n < width)
		n = width;
	if (c->columns && c->used && c->used + n > c->columns) {
		/* Below the first number: the time stands alone. */
		fprintf(c->out, "\n%*s", TIME_WIDTH, "");
		c->used = TIME_WIDTH;
	}
	print_right(text, width, c->out);
	c->used += n;
}

static void interval_headings(FILE *out)
{
	struct cells cells = { out, (int)osc_terminal_columns(out), 0 };

	put_cell(&cells, "TIME", TIME_WIDTH);
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		put_cell(&cells, osc_counter_heading[i], cell_width[i]);
	fputc('\n', out);
}

static void interval_text(const struct osc_stat_interval *interval,
			  struct osc_notes *notes, FILE *out)
{
	struct cells cells = { out, (int)osc_terminal_columns(out), 0 };
	struct osc_counts checked = *interval->delta, *delta = &checked;
	char text[OSC_STANDING_TEXT_SIZE];

	osc_counts_check_times(delta, interval->seconds, osc_cpus_online());
	snprintf(text, sizeof(text), "%.3f", interval->time_s);
	put_cell(&cells, text, TIME_WIDTH);
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		enum osc_counter n = (enum osc_counter)i;
		bool time = n == OSC_CPU_NS || n == OSC_RUN_DELAY_NS;

		osc_standing_short(delta, n,
				   time ? osc_rate_scale(n, interval->seconds) :
					  1,
				   cells.columns ? cell_width[i] - 1 : INT_MAX,
				   text, sizeof(text));
		put_cell(&cells, text, cell_width[i]);
	}
	fputc('\n', out);
	osc_notes_counts(notes, delta, osc_counter_heading);
}

int osc_stat_print_interval(const struct osc_stat_interval *interval, bool json,
			    struct osc_notes *notes, FILE *out,
			    struct osc_error *e)
{
	const struct osc_counts *delta = interval->delta;

	if (json)
		return osc_json_print_line(
			json_pack("{s:s, s:f, s:f, s:o, s:o, s:I, s:I, s:I}",
				  "schema", "osconcepts-stat-interval/1",
				  "time_s", interval->time_s, "interval_s",
				  interval->seconds, "counters",
				  osc_counts_json(delta), "standing",
				  osc_standing_json(delta), "tasks_live",
				  (json_int_t)delta->tasks_live, "tasks_exited",
				  (json_int_t)delta->tasks_exited, "lost",
				  (json_int_t)delta->lost),
			out, e);
	/* As vmstat: the headings come again before they scroll away. */
	if (interval->number % 20 == 0)
		interval_headings(out);
	interval_text(interval, notes, out);
	return check(out, e);
}
