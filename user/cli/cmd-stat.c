// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * osconcepts stat - counts what one command, one process tree or the whole
 * system does, and prints it once, like perf stat.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/stat_report.h"
#include "cli/wait.h"
#include "lib/child.h"
#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/error.h"
#include "lib/outfile.h"
#include "lib/parse.h"
#include "lib/reaper.h"
#include "lib/signals.h"

/* How old counts may be that are left when the module is unloaded. */
#define LOOK_NS OSC_NS_PER_S

/* How long a command that was told to end may take to do so. */
#define GRACE_NS (5 * OSC_NS_PER_S)

enum { OPT_PER_PROCESS = 256, OPT_PER_THREAD };

struct settings {
	enum osc_counters_kind kind;
	pid_t pid;
	char **command;
	const char *output;
	bool json;
	enum osc_stat_per per; /* a row for each of these, with --pid */
	uint64_t interval_ns; /* 0: only the sum at the end */
	uint64_t duration_ns; /* 0: until it ends, or Ctrl-C */
};

struct session {
	const struct settings *set;
	struct osc_counters *counters;
	struct osc_child child;
	struct osc_reaper reaper; /* of what the command leaves behind */
	struct osc_stat_tasks tasks; /* of --pid */
	uint32_t target; /* 0: the whole system */
	int signals;
	int pidfd; /* of the process that was named */
	FILE *out;
	struct osc_outfile file; /* of --output */
	bool printed; /* the result is in it */
	uint64_t start_ns;
	struct osc_counts base; /* totals when it began */
	struct osc_counts last; /* at the last line of -I */
	unsigned int lines;
	struct osc_notes notes;
	bool ended; /* it did, rather than we stopped counting */
	struct osc_counts known; /* as read last */
	uint64_t known_ns; /* when that was; 0: not yet */
	bool cut; /* the module was unloaded since */
	struct osc_error why_cut;
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts stat [options] [--] COMMAND [ARG...]\n"
	      "       osconcepts stat [options] -p PID\n"
	      "       osconcepts stat [options]\n"
	      "\n"
	      "Counts context switches, page faults, epoll events and CPU time of\n"
	      "a command and all it starts, of a running process and its\n"
	      "children, or of the whole system until Ctrl-C.\n"
	      "\n"
	      "Options:\n"
	      "  -p, --pid PID          a running process, until it ends or Ctrl-C\n"
	      "      --per-process      with --pid, a row for each process\n"
	      "      --per-thread       or one for each thread\n"
	      "  -d, --duration TIME    no longer than this: 10s, 500ms, 2m; a number\n"
	      "                         alone is in seconds; with a COMMAND that\n"
	      "                         leaves processes, these too\n"
	      "  -I, --interval TIME    a line every TIME, too: 1s, 500ms; a number\n"
	      "                         alone is in milliseconds\n"
	      "  -j, --json             print JSON\n"
	      "  -o, --output FILE      print to FILE, not to stderr (with COMMAND)\n"
	      "                         or stdout; - is stdout\n"
	      "      --backend KIND     module, procfs, or auto (the default)\n"
	      "  -h, --help             show this help\n"
	      "\n"
	      "Exit status: that of COMMAND (128 + N when signal N ended it, 126 or\n"
	      "127 when it could not be run); else 0 counted, 1 failed, 2 usage,\n"
	      "77 no module. See osconcepts-stat(1).\n",
	      out);
}

static int read_now(struct session *s, bool final, struct osc_counts *out,
		    struct osc_error *e)
{
	struct osc_counts now;
	int ret;

	if (s->target && final)
		return osc_counters_read_final(s->counters, s->target, out, e);
	if (s->target)
		return osc_counters_read(s->counters, s->target, out, e);
	ret = osc_counters_totals(s->counters, &now, e);
	if (!ret)
		osc_counts_since(&now, &s->base, out);
	return ret;
}

/* Once the module has been unloaded: what it had counted when last read. */
static int read_counts(struct session *s, bool final, struct osc_counts *out,
		       struct osc_error *e)
{
	int ret;

	if (!s->cut) {
		ret = read_now(s, final, out, e);
		if (!ret) {
			s->known = *out;
			s->known_ns = osc_clock_ns();
		}
		if (ret != -ENODEV || !s->known_ns)
			return ret;
		s->cut = true;
		s->why_cut = *e;
	}
	*out = s->known;
	out->cut_short = true;
	return 0;
}

static int begin_command(struct session *s, struct osc_error *e)
{
	const struct osc_child_options o = {
		.argv = (const char *const *)s->set->command,
		.flags = OSC_CHILD_GATE,
	};
	int ret = osc_reaper_open(&s->reaper, e);

	if (!ret)
		ret = osc_child_start(&s->child, &o, e);
	if (!ret)
		ret = osc_counters_watch(s->counters, s->child.pid,
					 OSC_WATCH_BOUND | OSC_WATCH_ORPHANS,
					 &s->target, e);
	if (!ret)
		ret = osc_reaper_begin(&s->reaper, &s->child, e);
	if (ret)
		return ret;
	s->start_ns = osc_clock_ns();
	ret = osc_child_release(&s->child, e);
	/* As shells say it. */
	if (ret)
		e->exit_code = ret == -ENOENT ? 127 : 126;
	return ret;
}

static int begin_pid(struct session *s, struct osc_error *e)
{
	int ret = osc_cli_open_process(s->set->pid, &s->pidfd, e);

	if (!ret)
		ret = osc_counters_watch(s->counters, s->set->pid,
					 OSC_WATCH_BOUND, &s->target, e);
	s->start_ns = osc_clock_ns();
	if (!ret)
		ret = osc_cli_check_process(s->set->pid, s->pidfd, e);
	return ret ? ret :
		     osc_stat_tasks_begin(&s->tasks, s->counters, s->target,
					  s->set->pid, s->set->per, e);
}

static int begin(struct session *s, struct osc_error *e)
{
	int ret;

	if (s->set->command)
		ret = begin_command(s, e);
	else if (s->set->pid)
		ret = begin_pid(s, e);
	else
		ret = osc_counters_totals(s->counters, &s->base, e);
	if (!s->start_ns)
		s->start_ns = osc_clock_ns();
	/* The counts of the first interval begin with nothing. */
	s->last.present = ~0u;
	s->last.time_ns = s->base.time_ns ? s->base.time_ns : s->start_ns;
	/* From here on there is something to be kept. */
	return ret ? ret : read_counts(s, false, &s->known, e);
}

static int print_line(struct session *s, const struct osc_counts *now,
		      struct osc_error *e)
{
	struct osc_counts delta;
	struct osc_stat_interval interval = { .delta = &delta };

	osc_counts_since(now, &s->last, &delta);
	interval.number = s->lines++;
	interval.time_s = (double)(now->time_ns - s->start_ns) / OSC_NS_PER_S;
	/* Of the readings themselves: their rates are limited by it. */
	interval.seconds =
		(double)(now->time_ns - s->last.time_ns) / OSC_NS_PER_S;
	s->last = *now;
	return osc_stat_print_interval(&interval, s->set->json, &s->notes,
				       s->out, e);
}

static int print_interval(struct session *s, struct osc_error *e)
{
	struct osc_counts now;
	int ret = read_counts(s, false, &now, e);

	return ret || s->cut ? ret : print_line(s, &now, e);
}

/* From the counts of the result, so that the lines add up to it. */
static int print_last_interval(struct session *s, const struct osc_counts *end,
			       struct osc_error *e)
{
	if (!s->set->interval_ns || s->cut || end->time_ns <= s->last.time_ns)
		return 0;
	return print_line(s, end, e);
}

/*
 * With a command every signal is for it: it decides whether to end. One from
 * the terminal has reached it already. 1 ends the wait.
 */
static int pass_signal(struct session *s, const struct osc_cli_signal *signal,
		       struct osc_error *e)
{
	if (!s->set->command || s->child.ended)
		return 1;
	return signal->from_terminal ?
		       0 :
		       osc_child_kill(&s->child, signal->number, e);
}

/*
 * Time is up: 1 ends the wait. A command is told to end and waited for, but
 * not what it has left to run by itself.
 */
static int time_is_up(struct session *s, uint64_t *deadline,
		      struct osc_error *e)
{
	bool told = *deadline > s->start_ns + s->set->duration_ns;
	int ret;

	if (!s->set->command || s->child.ended)
		return 1;
	ret = osc_child_kill(&s->child, told ? SIGKILL : SIGTERM, e);
	*deadline = told ? UINT64_MAX : osc_clock_ns() + GRACE_NS;
	return ret;
}

/*
 * A child of ours has ended: the command, or one that it left behind. What has
 * ended is counted while it is a zombie, then it is waited for. 1 ends the wait:
 * the command has ended, and with --duration also what it left behind, unless
 * the duration is over.
 */
static int on_child(struct session *s, struct osc_error *e)
{
	bool was_ended = s->child.ended;
	bool first = osc_reaper_has_ended(&s->reaper, &s->child) && !was_ended;
	struct osc_counts counts;
	int ret = read_counts(s, false, &counts, e);

	if (!ret && first)
		ret = osc_reaper_wait(&s->reaper, &s->child, e);
	if (!ret)
		ret = osc_reaper_collect(&s->reaper, &s->child, e);
	if (ret || !s->child.ended)
		return ret;
	s->ended = !osc_reaper_left(&s->reaper, NULL, 0);
	return s->ended || osc_clock_ns() >= s->start_ns + s->set->duration_ns;
}

/* 1 ends the wait. */
static int on_ready(struct session *s, struct osc_error *e)
{
	if (s->set->command)
		return on_child(s, e);
	s->ended = true;
	return 1;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What /proc shows of a task is gone when the task is. */
static uint64_t sample_interval(const struct session *s)
{
	return s->target && !osc_counters_module(s->counters) ?
		       OSC_STAT_SAMPLE_NS :
		       0;
}

/* And what the module has counted, when it is unloaded. */
static uint64_t look_interval(const struct session *s)
{
	return osc_counters_module(s->counters) ? LOOK_NS : sample_interval(s);
}

static int look(struct session *s, struct osc_error *e)
{
	struct osc_counts counts;
	int ret = read_counts(s, false, &counts, e);

	return ret || !s->tasks.procfs ? ret :
					 osc_stat_tasks_look(&s->tasks, e);
}

/* The moments that a wait ends at; UINT64_MAX: never. */
struct moments {
	uint64_t deadline, line, sample;
};

static int on_time(struct session *s, struct moments *m, struct osc_error *e)
{
	uint64_t now = osc_clock_ns();
	int ret;

	if (now >= m->deadline)
		return time_is_up(s, &m->deadline, e);
	if (now >= m->line) {
		ret = print_interval(s, e);
		/* The reading may have waited for a CPU. */
		m->line = osc_cli_next_report(m->line, s->set->interval_ns,
					      osc_clock_ns());
		return ret;
	}
	m->sample = now + look_interval(s);
	return look(s, e);
}

static int wait_for_end(struct session *s, struct osc_error *e)
{
	int fd = s->set->command ? s->reaper.fd : s->pidfd;
	struct moments m = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct osc_cli_signal signal;
	int ret = 0;

	if (s->set->duration_ns)
		m.deadline = s->start_ns + s->set->duration_ns;
	if (s->set->interval_ns)
		m.line = s->start_ns + s->set->interval_ns;
	if (look_interval(s))
		m.sample = s->start_ns + look_interval(s);
	while (!ret) {
		ret = osc_cli_wait(s->signals, fd,
				   earliest(m.deadline,
					    earliest(m.line, m.sample)),
				   &signal, e);
		if (ret == OSC_CLI_READY)
			ret = on_ready(s, e);
		else if (ret == OSC_CLI_SIGNAL)
			ret = pass_signal(s, &signal, e);
		else if (ret == OSC_CLI_TIME)
			ret = on_time(s, &m, e);
		if (s->cut)
			m.line = m.sample = UINT64_MAX;
		/* A command runs on. */
		if (!ret && s->cut && !s->set->command)
			return 0;
	}
	return ret < 0 ? ret : 0;
}

static double seconds_of(const struct session *s)
{
	uint64_t end = s->cut ? s->known_ns : osc_clock_ns();

	return (double)(end - s->start_ns) / OSC_NS_PER_S;
}

static int finish(struct session *s, struct osc_error *e)
{
	struct osc_stat_result r = {
		.source = osc_counters_source(s->counters),
		.sample_ns = sample_interval(s),
		.command = s->set->command,
		.child = s->set->command ? &s->child : NULL,
		.reaper = &s->reaper,
		.tasks = &s->tasks,
		.pid = s->set->command ? s->child.pid : s->set->pid,
		.notes = &s->notes,
		.one_line = s->set->interval_ns,
	};
	int ret = read_counts(s, s->ended, &r.counts, e);

	r.elapsed_s = seconds_of(s);
	if (!ret && s->set->command)
		osc_reaper_prove(&s->reaper, &s->child, &r.counts);
	if (!ret)
		ret = print_last_interval(s, &r.counts, e);
	if (!ret && s->tasks.procfs)
		ret = osc_stat_tasks_look(&s->tasks, e);
	if (!ret)
		ret = osc_stat_print(&r, s->set->json, s->out, e);
	s->printed = !ret;
	if (ret || !s->cut)
		return ret;
	*e = s->why_cut;
	return -ENODEV;
}

static int open_output(struct session *s, struct osc_error *e)
{
	int ret;

	/* The command's own output is on stdout: ours must not mix with it. */
	s->out = s->set->command ? stderr : stdout;
	if (!s->set->output)
		return 0;
	/* The lines of -I are read while it runs. */
	ret = s->set->interval_ns ?
		      osc_outfile_stream(&s->file, "cannot write",
					 s->set->output, e) :
		      osc_outfile_open(&s->file, s->set->output, 0, e);
	s->out = s->file.file;
	return ret;
}

static int session_run(struct session *s, struct osc_error *e)
{
	int ret = open_output(s, e);

	if (!ret)
		ret = osc_counters_open(&s->counters, s->set->kind, e);
	if (!ret) {
		s->signals = osc_signals_open(e);
		ret = s->signals < 0 ? s->signals : 0;
	}
	if (!ret)
		ret = begin(s, e);
	if (!ret)
		ret = wait_for_end(s, e);
	if (!ret)
		ret = finish(s, e);
	return ret;
}

static int session_end(struct session *s, int ret, struct osc_error *e)
{
	int code = OSC_EXIT_OK;
	struct osc_error unwritten;
	int written = s->printed && s->file.file ?
			      osc_outfile_commit(&s->file, &unwritten) :
			      0;

	/* Where nothing was counted an old result stays. */
	osc_outfile_abandon(&s->file);
	if (written && !ret) {
		ret = written;
		*e = unwritten;
	}
	if (!ret && s->set->command)
		code = osc_child_exit_code(&s->child);
	osc_child_close(&s->child);
	osc_reaper_close(&s->reaper);
	osc_stat_tasks_end(&s->tasks);
	if (s->pidfd >= 0)
		close(s->pidfd);
	if (s->signals >= 0)
		close(s->signals);
	/* The target goes with the handle. */
	osc_counters_close(s->counters);
	return ret || !s->set->command ? osc_cli_end("stat", ret, e) : code;
}

static int parse_pid(const char *text, pid_t *out, struct osc_error *e)
{
	uint64_t pid = 0;
	int ret = osc_parse_u64("--pid", text, 1, INT32_MAX, &pid, e);

	*out = (pid_t)pid;
	return ret;
}

static int set_per(struct settings *set, enum osc_stat_per per,
		   struct osc_error *e)
{
	if (set->per && set->per != per)
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--per-process and --per-thread: only "
			"one can be shown; try --per-thread, "
			"whose rows name the process");
	set->per = per;
	return 0;
}

static int set_option(struct settings *set, int option, struct osc_error *e)
{
	switch (option) {
	case 'p':
		return parse_pid(optarg, &set->pid, e);
	case 'd':
		return osc_cli_parse_duration(optarg, &set->duration_ns, e);
	case 'I':
		return osc_cli_parse_interval(optarg, &set->interval_ns, e);
	case 'j':
		set->json = true;
		return 0;
	case 'o':
		set->output = optarg;
		return 0;
	case 's':
		return osc_counters_kind_parse(optarg, &set->kind, e);
	case OPT_PER_PROCESS:
		return set_per(set, OSC_STAT_PER_PROCESS, e);
	case OPT_PER_THREAD:
		return set_per(set, OSC_STAT_PER_THREAD, e);
	}
	return 1;
}

/* 0, or 1 with the exit code in *code. */
static int parse(struct settings *set, int argc, char **argv, int *code)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "duration", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, 'I' },
		{ "json", no_argument, NULL, 'j' },
		{ "output", required_argument, NULL, 'o' },
		{ "backend", required_argument, NULL, 's' },
		/* Its name until 0.1. */
		{ "source", required_argument, NULL, 's' },
		{ "per-process", no_argument, NULL, OPT_PER_PROCESS },
		{ "per-thread", no_argument, NULL, OPT_PER_THREAD },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct osc_error e = { 0 };
	int c, ret;

	/* "+": options behind the command are the command's. */
	while ((c = osc_cli_getopt(argc, argv, "+p:d:I:jo:h", options)) != -1) {
		if (c == 'h') {
			usage(stdout);
			*code = OSC_EXIT_OK;
			return 1;
		}
		ret = set_option(set, c, &e);
		if (ret) {
			*code = ret < 0 ? osc_cli_fail("stat", &e) :
					  osc_cli_usage("stat");
			return 1;
		}
	}
	if (optind < argc)
		set->command = argv + optind;
	if (set->command && set->pid) {
		fputs("osconcepts stat: a command and --pid: only one can be "
		      "counted\n",
		      stderr);
		*code = osc_cli_usage("stat");
		return 1;
	}
	if (set->per && !set->pid) {
		fputs("osconcepts stat: --per-process and --per-thread: only "
		      "with --pid\n",
		      stderr);
		*code = osc_cli_usage("stat");
		return 1;
	}
	return 0;
}

int cmd_stat(int argc, char **argv)
{
	struct settings set = { 0 };
	struct session s = {
		.set = &set,
		.child = OSC_CHILD_NONE,
		.reaper = OSC_REAPER_NONE,
		.signals = -1,
		.pidfd = -1,
	};
	struct osc_error e = { 0 };
	int code;

	if (parse(&set, argc, argv, &code))
		return code;
	return session_end(&s, session_run(&s, &e), &e);
}
