// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts watch - rates of the system, its CPUs and its targets. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/wait.h"
#include "lib/clock.h"
#include "lib/counters_output.h"
#include "lib/module.h"
#include "lib/notes.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/signals.h"
#include "lib/standing.h"

struct settings {
	enum osc_counters_kind kind;
	pid_t pid;
	uint64_t interval_ns;
	uint64_t count; /* 0: until Ctrl-C */
	bool json;
};

/* One line of a report, and what it is named by from one to the next. */
struct line {
	enum scope { SCOPE_SYSTEM, SCOPE_CPU, SCOPE_TARGET } scope;
	uint32_t id; /* CPU or target */
	char name[64];
	struct osc_counts counts;
};

struct look {
	struct line *line;
	size_t n, room;
};

struct session {
	const struct settings *set;
	struct osc_counters *counters;
	uint32_t target; /* of --pid */
	int pidfd; /* of that process, until it has ended */
	bool ended; /* it has, and all its children */
	bool had_children; /* that outlived it */
	struct osc_notes notes; /* why numbers are not exact */
	struct look before;
	uint64_t start_ns;
	bool redraw;
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts watch [options]\n"
	      "\n"
	      "Shows how much happens per second: in the whole system, on each CPU\n"
	      "and in each target, until Ctrl-C; of a process also until it and its\n"
	      "children have ended.\n"
	      "\n"
	      "Options:\n"
	      "  -p, --pid PID        only this process and its children\n"
	      "  -i, --interval TIME  between two reports: 500ms, 2s; a number alone\n"
	      "                       is in seconds (default 1s)\n"
	      "  -n, --count N        end after N reports\n"
	      "  -j, --json           print one JSON object a line\n"
	      "      --backend KIND   module, procfs, or auto (the default)\n"
	      "  -h, --help           show this help\n"
	      "\n"
	      "Exit status: 0 ended by Ctrl-C, --count or the end of the process,\n"
	      "1 failed, 2 usage, 77 no module. See osconcepts-watch(1).\n",
	      out);
}

static int add_line(struct look *look, enum scope scope, uint32_t id,
		    const char *name, const struct osc_counts *counts,
		    struct osc_error *e)
{
	struct line *line;

	if (look->n == look->room) {
		size_t room = look->room ? look->room * 2 : 16;
		struct line *more =
			reallocarray(look->line, room, sizeof(*more));

		if (!more)
			return osc_error_set(e, ENOMEM,
					     "cannot watch: out of memory");
		look->line = more;
		look->room = room;
	}
	line = &look->line[look->n++];
	line->scope = scope;
	line->id = id;
	line->counts = *counts;
	snprintf(line->name, sizeof(line->name), "%s", name);
	return 0;
}

static int look_at_cpus(struct osc_module *m, struct look *look,
			struct osc_error *e)
{
	struct osc_cpu_counts *cpus;
	size_t n;
	int ret = osc_module_cpus(m, &cpus, &n, e);

	for (size_t i = 0; !ret && i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "cpu%u", cpus[i].cpu);
		ret = add_line(look, SCOPE_CPU, cpus[i].cpu, name,
			       &cpus[i].counts, e);
	}
	free(cpus);
	return ret;
}

static int look_at_targets(struct osc_module *m, struct look *look,
			   struct osc_error *e)
{
	struct osc_target *targets;
	size_t n;
	int ret = osc_module_targets(m, &targets, &n, e);

	for (size_t i = 0; !ret && i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%u: %s[%d]%s", targets[i].id,
			 targets[i].comm, (int)targets[i].pid,
			 targets[i].exited ? " ended" : "");
		ret = add_line(look, SCOPE_TARGET, targets[i].id, name,
			       &targets[i].counts, e);
	}
	free(targets);
	return ret;
}

static int look_at_pid(struct session *s, struct look *look,
		       struct osc_error *e)
{
	struct osc_counts counts;
	char name[32];
	int ret = osc_counters_read(s->counters, s->target, &counts, e);

	if (ret)
		return ret;
	s->ended = s->pidfd < 0 && !counts.tasks_live;
	snprintf(name, sizeof(name), "%s %d%s",
		 s->had_children && !s->ended ? "children of" : "process",
		 (int)s->set->pid, s->ended ? " ended" : "");
	return add_line(look, SCOPE_TARGET, s->target, name, &counts, e);
}

static int look_around(struct session *s, struct look *look,
		       struct osc_error *e)
{
	struct osc_module *m = osc_counters_module(s->counters);
	struct osc_counts totals;
	int ret;

	*look = (struct look){ 0 };
	if (s->target)
		return look_at_pid(s, look, e);
	ret = osc_counters_totals(s->counters, &totals, e);
	if (!ret)
		ret = add_line(look, SCOPE_SYSTEM, 0, "system", &totals, e);
	if (!ret && m)
		ret = look_at_cpus(m, look, e);
	if (!ret && m)
		ret = look_at_targets(m, look, e);
	return ret;
}

/* The line as it was; NULL for a CPU or target that came in between. */
static const struct line *earlier(const struct look *before,
				  const struct line *line)
{
	for (size_t i = 0; i < before->n; i++) {
		if (before->line[i].scope == line->scope &&
		    before->line[i].id == line->id)
			return &before->line[i];
	}
	return NULL;
}

/* Returns the seconds between the two, by the clock of the counter. */
static double difference(const struct line *now, const struct line *old,
			 struct osc_counts *delta)
{
	double seconds =
		osc_clock_seconds(old->counts.time_ns, now->counts.time_ns);

	osc_counts_since(&now->counts, &old->counts, delta);
	osc_counts_check_times(delta, seconds,
			       now->scope == SCOPE_CPU ? 1 : osc_cpus_online());
	return seconds;
}

static json_t *line_json(const struct line *now, const struct line *old)
{
	static const char *const scopes[] = { "system", "cpu", "target" };
	struct osc_counts delta;
	double seconds = difference(now, old, &delta);

	return json_pack("{s:s, s:o, s:o, s:f, s:o, s:o}", "scope",
			 scopes[now->scope], "id",
			 now->scope == SCOPE_SYSTEM ? json_null() :
						      json_integer(now->id),
			 "name", osc_json_text(now->name), "interval_s",
			 seconds, "per_second", osc_rates_json(&delta, seconds),
			 "standing", osc_standing_json(&delta));
}

static json_t *report_json(const struct session *s, const struct look *now)
{
	json_t *lines = json_array();

	for (size_t i = 0; lines && i < now->n; i++) {
		const struct line *old = earlier(&s->before, &now->line[i]);

		if (old && json_array_append_new(lines, line_json(&now->line[i],
								  old))) {
			json_decref(lines);
			lines = NULL;
		}
	}
	return json_pack("{s:s, s:o, s:f, s:b, s:o}", "schema",
			 "osconcepts-watch/1", "source",
			 osc_json_text(osc_counters_source(s->counters)),
			 "time_s",
			 (double)(osc_clock_ns() - s->start_ns) / OSC_NS_PER_S,
			 "ended", s->ended, "rates", lines);
}

static struct osc_table *report_table(struct session *s, const struct look *now)
{
	static const struct osc_column columns[] = {
		{ "name", "WHAT", OSC_COLUMN_TEXT },
		OSC_RATE_COLUMNS,
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; t && i < now->n; i++) {
		const struct line *old = earlier(&s->before, &now->line[i]);
		struct osc_counts delta;
		double seconds;

		if (!old)
			continue;
		seconds = difference(&now->line[i], old, &delta);
		osc_notes_counts(&s->notes, &delta, osc_counter_heading);
		osc_table_row(t);
		osc_table_text(t, "name", now->line[i].name);
		osc_rates_cells(t, &delta, seconds);
	}
	return t;
}

static int print_text(struct session *s, const struct look *now,
		      struct osc_error *e)
{
	struct osc_table *t;
	time_t wall = time(NULL);
	struct tm tm;
	char clock[16];
	int ret;

	/* What is drawn over is written again. */
	if (s->redraw)
		s->notes = (struct osc_notes){ 0 };
	t = report_table(s, now);
	if (!t)
		return osc_error_set(e, ENOMEM, "cannot watch: out of memory");
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&wall, &tm));
	/* Home, print over, then clear what is left: no flicker. */
	printf("%s%s, per second, source: %s%s\n",
	       s->redraw ? "\033[H\033[2K" : "", clock,
	       osc_counters_source(s->counters),
	       s->redraw ? "; Ctrl-C ends" : "");
	ret = osc_table_print(t, stdout, e);
	osc_table_free(t);
	if (s->redraw)
		fputs("\033[J", stdout);
	osc_notes_print(&s->notes, stdout);
	if (s->ended)
		printf("\nProcess %d has ended%s.\n", (int)s->set->pid,
		       s->had_children ? ", and so have its children" : "");
	else if (!s->redraw)
		fputc('\n', stdout);
	if (!ret && fflush(stdout))
		ret = osc_error_set(e, errno, "cannot write the output: %s",
				    strerror(errno));
	return ret;
}

static int report(struct session *s, struct osc_error *e)
{
	struct look now;
	int ret = look_around(s, &now, e);

	if (!ret)
		ret = s->set->json ? osc_json_print_line(report_json(s, &now),
							 stdout, e) :
				     print_text(s, &now, e);
	if (ret) {
		free(now.line);
		return ret;
	}
	free(s->before.line);
	s->before = now;
	return 0;
}

/* The process has ended. 1: its children have, too. */
static int on_end(struct session *s, struct osc_error *e)
{
	struct osc_counts counts;
	int ret = osc_counters_read_final(s->counters, s->target, &counts, e);

	close(s->pidfd);
	s->pidfd = -1;
	s->had_children = !ret && counts.tasks_live;
	return ret ? ret : !counts.tasks_live;
}

static void say_when(const struct session *s)
{
	char text[16];

	printf("\033[H\033[JThe first report comes in %s; Ctrl-C ends\n",
	       osc_format_ns((double)s->set->interval_ns, text, sizeof(text)));
	fflush(stdout);
}

static int loop(struct session *s, int signals, struct osc_error *e)
{
	uint64_t next = s->start_ns, reports = 0;
	struct osc_cli_signal signal;
	int ret = look_around(s, &s->before, e);

	if (!ret && s->redraw)
		say_when(s);
	/* From the start, not from now: reports do not drift. */
	next = osc_cli_next_report(next, s->set->interval_ns, osc_clock_ns());
	while (!ret && !s->ended &&
	       (!s->set->count || reports < s->set->count)) {
		ret = osc_cli_wait(signals, s->pidfd, next, &signal, e);
		if (ret == OSC_CLI_SIGNAL)
			return 0;
		if (ret == OSC_CLI_READY) {
			ret = on_end(s, e);
			if (!ret)
				continue;
		}
		if (ret >= 0)
			ret = report(s, e);
		reports++;
		next = osc_cli_next_report(next, s->set->interval_ns,
					   osc_clock_ns());
	}
	return ret;
}

static int watch_pid(struct session *s, struct osc_error *e)
{
	int ret = osc_cli_open_process(s->set->pid, &s->pidfd, e);

	if (!ret)
		ret = osc_counters_watch(s->counters, s->set->pid,
					 OSC_WATCH_BOUND, &s->target, e);
	return ret ? ret : osc_cli_check_process(s->set->pid, s->pidfd, e);
}

static int run(const struct settings *set)
{
	struct session s = {
		.set = set,
		.pidfd = -1,
		.redraw = isatty(STDOUT_FILENO) && !set->json,
	};
	struct osc_error e = { 0 };
	int signals = -1;
	int ret = osc_counters_open(&s.counters, set->kind, &e);

	if (!ret && set->pid)
		ret = watch_pid(&s, &e);
	if (!ret) {
		signals = osc_signals_open(&e);
		ret = signals < 0 ? signals : 0;
	}
	if (!ret) {
		s.start_ns = osc_clock_ns();
		ret = loop(&s, signals, &e);
	}
	free(s.before.line);
	if (s.pidfd >= 0)
		close(s.pidfd);
	if (signals >= 0)
		close(signals);
	osc_counters_close(s.counters);
	return osc_cli_end("watch", ret, &e);
}

static int set_option(struct settings *set, int option, struct osc_error *e)
{
	uint64_t pid = 0;
	int ret;

	switch (option) {
	case 'p':
		ret = osc_parse_u64("--pid", optarg, 1, INT32_MAX, &pid, e);
		set->pid = (pid_t)pid;
		return ret;
	case 'i':
		return osc_parse_duration_ns("--interval", optarg,
					     10 * OSC_NS_PER_MS,
					     3600 * OSC_NS_PER_S,
					     &set->interval_ns, e);
	case 'n':
		return osc_parse_u64("--count", optarg, 1, UINT32_MAX,
				     &set->count, e);
	case 'j':
		set->json = true;
		return 0;
	case 's':
		return osc_counters_kind_parse(optarg, &set->kind, e);
	}
	return 1;
}

int cmd_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "backend", required_argument, NULL, 's' },
		/* Its name until 0.1. */
		{ "source", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings set = { .interval_ns = OSC_NS_PER_S };
	struct osc_error e = { 0 };
	int c, ret;

	while ((c = osc_cli_getopt(argc, argv, "p:i:n:jh", options)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return OSC_EXIT_OK;
		}
		ret = set_option(&set, c, &e);
		if (ret)
			return ret < 0 ? osc_cli_fail("watch", &e) :
					 osc_cli_usage("watch");
	}
	if (optind < argc)
		return osc_cli_unexpected("watch", argv[optind]);
	return run(&set);
}
