// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts hist - how long it took: the module's histograms, as bars. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/hist_session.h"
#include "cli/wait.h"
#include "lib/clock.h"
#include "lib/parse.h"
#include "lib/program.h"
#include "lib/signals.h"

#define TIME_MAX 128

/* How old histograms may be that are left when the module is unloaded. */
#define LOOK_NS OSC_NS_PER_S

struct settings {
	const char *target;
	const char *time;
	osc_histogram_set set;
	struct osc_timing_wish wish[OSC_NR_TIMING_KINDS];
	size_t nr_wishes;
	uint64_t interval_ns; /* 0: only the sum at the end */
	uint64_t duration_ns; /* 0: until Ctrl-C */
	bool json;
};

struct measure {
	const struct settings *set;
	struct osc_hist_session session;
	struct osc_hist_look base,
		last; /* at the beginning, at the last line */
	struct osc_hist_look since; /* a later one, or empty */
	int signals;
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts hist [options]\n"
	      "\n"
	      "Shows how long waiting for a CPU, time slices, page faults and epoll\n"
	      "wakeups took, as histograms: of the whole system and of each target,\n"
	      "since they were timed, or with -d, -I or -T of what happens now.\n"
	      "\n"
	      "Options:\n"
	      "  -t, --target WHICH     only this target (ID, PID or name), or 'system';\n"
	      "                         a PID that is none is watched for the measure,\n"
	      "                         which ends with the process\n"
	      "      --source NAME,...  only these timings or histograms\n"
	      "  -d, --duration TIME    what happens in this time: 10s, 500ms, 2m; a\n"
	      "                         number alone is in seconds\n"
	      "  -I, --interval TIME    a report every TIME, too: 1s, 500ms; a number\n"
	      "                         alone is in milliseconds\n"
	      "  -T, --time NAME,...    time NAME or NAME=targets or NAME=all until the\n"
	      "                         measure ends, by -d or Ctrl-C\n"
	      "  -j, --json             print JSON, with every slot\n"
	      "  -h, --help             show this help\n"
	      "\n"
	      "NAME: sched, off_cpu, fault, epoll, epoll_return; see osconcepts-timings(1).\n"
	      "\n"
	      "Exit status: 0 shown, 1 failed or nothing is timed, 2 usage, 77 no\n"
	      "module, no right, or not possible here. See osconcepts-hist(1).\n",
	      out);
}

static struct osc_hist_report describe(const struct measure *x,
				       const struct osc_hist_look *now,
				       const struct osc_hist_look *before)
{
	return (struct osc_hist_report){
		.session = &x->session,
		.now = now,
		.before = before,
		.set = x->set->set,
		.json = x->set->json,
		.one_line = x->set->interval_ns,
		.schema = "osconcepts-hist/1",
	};
}

static int report_end(struct measure *x, const struct osc_hist_look *before,
		      struct osc_error *e)
{
	struct osc_hist_report r;
	struct osc_hist_look now;
	int ret = osc_hist_look(&x->session, &now, e);

	if (ret)
		return ret;
	r = describe(x, &now, before);
	ret = osc_hist_report(&r, e);
	osc_hist_look_free(&now);
	return ret;
}

static int report_interval(struct measure *x, struct osc_error *e)
{
	struct osc_hist_report r;
	struct osc_hist_look now;
	int ret = osc_hist_look(&x->session, &now, e);

	if (ret)
		return ret;
	r = describe(x, &now, x->last.timing ? &x->last : &x->base);
	r.schema = "osconcepts-hist-interval/1";
	ret = osc_hist_report(&r, e);
	osc_hist_look_free(&x->last);
	osc_hist_look_free(&x->since);
	x->last = now;
	return ret;
}

static int look_again(struct measure *x, struct osc_error *e)
{
	struct osc_hist_look now;
	int ret = osc_hist_look(&x->session, &now, e);

	if (ret)
		return ret;
	osc_hist_look_free(&x->since);
	x->since = now;
	return 0;
}

/* The module was unloaded: what it had shown last. */
static int report_kept(struct measure *x, struct osc_error *e)
{
	struct osc_hist_report r = describe(x, &x->base, &x->base);

	if (x->since.timing)
		r.now = &x->since;
	else if (x->last.timing)
		r.now = &x->last;
	r.cut_short = true;
	return osc_hist_report(&r, e);
}

static int wait_for_end(struct measure *x, struct osc_error *e)
{
	uint64_t start = osc_clock_ns(), line = start;
	uint64_t end = x->set->duration_ns ? start + x->set->duration_ns :
					     UINT64_MAX;
	struct osc_cli_signal signal;
	int ret = 0;

	while (!ret) {
		uint64_t next = x->set->interval_ns ?
					line + x->set->interval_ns :
					UINT64_MAX;

		uint64_t until = next < end ? next : end;

		if (osc_clock_ns() + LOOK_NS < until)
			until = osc_clock_ns() + LOOK_NS;
		ret = osc_cli_wait(x->signals, x->session.pidfd, until, &signal,
				   e);
		if (ret == OSC_CLI_SIGNAL || ret == OSC_CLI_READY)
			return 0;
		if (ret)
			return ret;
		if (osc_clock_ns() >= end)
			return 0;
		if (osc_clock_ns() < next) {
			ret = look_again(x, e);
			continue;
		}
		ret = report_interval(x, e);
		line = next;
	}
	return ret;
}

static int begin(struct measure *x, struct osc_error *e)
{
	struct osc_hist_report r;
	int ret = osc_hist_switch_on(&x->session, x->set->wish,
				     x->set->nr_wishes, e);

	if (!ret)
		ret = osc_hist_look(&x->session, &x->base, e);
	if (ret)
		return ret;
	r = describe(x, &x->base, NULL);
	return osc_hist_check(&r, e);
}

/* Signals are held back first: none may come between switching on and off. */
static int measure(struct measure *x, struct osc_error *e)
{
	struct osc_error other = { 0 };
	int ret, restored;

	x->signals = osc_signals_open(e);
	if (x->signals < 0)
		return x->signals;
	ret = begin(x, e);
	if (!ret)
		ret = wait_for_end(x, e);
	if (!ret)
		ret = report_end(x, &x->base, e);
	/* With the module the timings have gone, too. */
	if (ret == -ENODEV && x->base.timing)
		restored = report_kept(x, &other);
	else
		restored = osc_hist_restore(&x->session, ret ? &other : e);
	/* Two failures: that a timing was left on is one to be told, too. */
	if (ret && restored)
		osc_cli_fail("hist", &other);
	osc_hist_look_free(&x->base);
	osc_hist_look_free(&x->last);
	osc_hist_look_free(&x->since);
	close(x->signals);
	return ret ? ret : restored;
}

static int run(const struct settings *set)
{
	bool now = set->duration_ns || set->interval_ns || set->nr_wishes;
	struct measure x = { .set = set, .session.pidfd = -1 };
	struct osc_error e = { 0 };
	int ret = osc_module_open(&x.session.m, &e);

	if (ret == -ENOENT)
		ret = osc_module_missing("show histograms", &e);
	if (!ret && set->target)
		ret = osc_hist_find_target(&x.session, set->target, now, &e);
	if (!ret)
		ret = now ? measure(&x, &e) : report_end(&x, NULL, &e);
	/* A target that we watch goes with the connection. */
	osc_module_close(x.session.m);
	if (x.session.pidfd >= 0)
		close(x.session.pidfd);
	return osc_cli_end("hist", ret, &e);
}

static int add_wish(struct settings *set, const char *word, int otherwise,
		    struct osc_error *e)
{
	struct osc_timing_wish wish;
	int ret = osc_timing_wish_parse("--time", word, otherwise, &wish, e);

	if (ret)
		return ret;
	if (wish.level == OSC_TIMING_OFF)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "--time '%s': nothing to time; try "
					  "%s timings %s",
					  word, osc_program(), word);
	for (size_t i = 0; i < set->nr_wishes; i++) {
		if (set->wish[i].kind == wish.kind)
			return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
						  "--time '%s': %s was named "
						  "before",
						  set->time, wish.kind->name);
	}
	set->wish[set->nr_wishes++] = wish;
	return 0;
}

/*
 * After all options: a target named on the line makes the default its level.
 * What is timed is what is shown, unless something else was named.
 */
static int parse_time(struct settings *set, struct osc_error *e)
{
	bool one = set->target && strcmp(set->target, "system") &&
		   strcmp(set->target, "0");
	int otherwise = one ? OSC_TIMING_TARGETS : OSC_TIMING_ALL;
	osc_histogram_set timed = 0;
	char copy[TIME_MAX], *rest = copy, *word;
	int ret = 0;

	if (!set->time)
		return 0;
	if (strlen(set->time) >= sizeof(copy))
		return osc_error_set_exit(e, OSC_EXIT_USAGE, E2BIG,
					  "--time: the list is too long");
	strcpy(copy, set->time);
	while (!ret && (word = strsep(&rest, ",")))
		ret = add_wish(set, word, otherwise, e);
	for (size_t i = 0; i < set->nr_wishes; i++)
		timed |= osc_histogram_set_of(set->wish[i].kind);
	if (!set->set)
		set->set = timed;
	return ret;
}

static int set_option(struct settings *set, int option, struct osc_error *e)
{
	switch (option) {
	case 't':
		set->target = optarg;
		return 0;
	case 's':
		return osc_histogram_set_parse("--source", optarg, &set->set,
					       e);
	case 'd':
		return osc_cli_parse_duration(optarg, &set->duration_ns, e);
	case 'I':
		return osc_cli_parse_interval(optarg, &set->interval_ns, e);
	case 'T':
		set->time = optarg;
		return 0;
	case 'j':
		set->json = true;
		return 0;
	}
	return 1;
}

int cmd_hist(int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "source", required_argument, NULL, 's' },
		{ "duration", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, 'I' },
		{ "time", required_argument, NULL, 'T' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings set = { 0 };
	struct osc_error e = { 0 };
	int c, ret;

	while ((c = osc_cli_getopt(argc, argv, "t:d:I:T:jh", options)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return OSC_EXIT_OK;
		}
		ret = set_option(&set, c, &e);
		if (ret)
			return ret < 0 ? osc_cli_fail("hist", &e) :
					 osc_cli_usage("hist");
	}
	if (optind < argc)
		return osc_cli_unexpected("hist", argv[optind]);
	if (parse_time(&set, &e))
		return osc_cli_fail("hist", &e);
	return run(&set);
}
