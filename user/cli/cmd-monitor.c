// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts monitor - notifications of the module as they come. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/wait.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/counters_output.h"
#include "lib/module.h"
#include "lib/output.h"
#include "lib/program.h"
#include "lib/signals.h"

static void usage(FILE *out)
{
	fputs("Usage: osconcepts monitor [options]\n"
	      "\n"
	      "Prints a line whenever a target is added, has ended or is\n"
	      "removed, until Ctrl-C. Needs CAP_SYS_ADMIN.\n"
	      "\n"
	      "Options:\n"
	      "  -j, --json  print one JSON object a line\n"
	      "  -h, --help  show this help\n"
	      "\n"
	      "Exit status: 0 ended by Ctrl-C, 1 failed, 2 usage, 77 no module\n"
	      "or no permission. See osconcepts-monitor(1).\n",
	      out);
}

static const char *const kinds[] = {
	[OSC_EVENT_ADD] = "add",
	[OSC_EVENT_EXIT] = "exit",
	[OSC_EVENT_DEL] = "del",
	[OSC_EVENT_LOST] = "lost",
};

static json_t *event_json(const struct osc_event *event, double time_s)
{
	return json_pack("{s:s, s:f, s:s, s:I, s:o}", "schema",
			 "osconcepts-event/1", "time_s", time_s, "event",
			 kinds[event->kind], "lost", (json_int_t)event->lost,
			 "target",
			 event->kind == OSC_EVENT_LOST ?
				 json_null() :
				 osc_target_json(&event->target));
}

/* "2.013s exit target 3 pid 812 nginx uid 0: context_switches 12, …" */
static void print_target(const struct osc_event *event, double time_s)
{
	const struct osc_target *t = &event->target;
	const char *before = ": ";
	char text[1024];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "%.3fs %s target %u pid %d %s uid %u", time_s,
			     kinds[event->kind], t->id, (int)t->pid, t->comm,
			     t->uid);
	/* A new target has nothing to say yet. */
	for (int i = 0; i < OSC_NR_COUNTERS && event->kind != OSC_EVENT_ADD;
	     i++) {
		if (!osc_counts_have(&t->counts, (enum osc_counter)i))
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s%s %" PRIu64, before,
				      osc_counter_info[i].name,
				      t->counts.value[i]);
		before = ", ";
	}
	osc_text_fold(text, osc_terminal_columns(stdout), stdout);
}

static void print_text(const struct osc_event *event, double time_s)
{
	if (event->kind == OSC_EVENT_LOST)
		osc_text_say(stdout,
			     "%.3fs %" PRIu32 " lost: events came faster than "
			     "they could be read; see %s targets",
			     time_s, event->lost, osc_program());
	else
		print_target(event, time_s);
}

static int print(const struct osc_event *event, bool json, double time_s,
		 struct osc_error *e)
{
	if (json)
		return osc_json_print_line(event_json(event, time_s), stdout,
					   e);
	print_text(event, time_s);
	if (fflush(stdout))
		return osc_error_set(e, errno, "cannot write the output: %s",
				     strerror(errno));
	return 0;
}

static int listen_until_signal(struct osc_module *m, int signals, bool json,
			       struct osc_error *e)
{
	uint64_t start = osc_clock_ns();
	struct osc_cli_signal signal;
	struct osc_event event = { 0 };

	for (;;) {
		/* After a loss there may be nothing to wait for. */
		int ret = osc_cli_wait(
			signals, osc_module_fd(m),
			event.kind == OSC_EVENT_LOST ? 0 : UINT64_MAX, &signal,
			e);

		if (ret == OSC_CLI_SIGNAL)
			return 0;
		if (ret < 0)
			return ret;
		ret = osc_module_next(m, &event, e);
		if (ret == -EAGAIN) {
			event = (struct osc_event){ 0 };
			continue;
		}
		if (!ret)
			ret = print(&event, json,
				    (double)(osc_clock_ns() - start) /
					    OSC_NS_PER_S,
				    e);
		if (ret)
			return ret;
	}
}

static int run(bool json)
{
	struct osc_module *m = NULL;
	struct osc_error e = { 0 };
	int signals = -1;
	int ret = osc_module_open(&m, &e);

	if (ret == -ENOENT)
		ret = osc_module_missing("hear notifications", &e);
	if (!ret)
		ret = osc_module_subscribe(m, &e);
	if (!ret) {
		signals = osc_signals_open(&e);
		ret = signals < 0 ? signals : 0;
	}
	if (!ret) {
		/* Whoever waits for this line misses nothing after it. */
		fputs("osconcepts monitor: listening; Ctrl-C ends\n", stderr);
		ret = listen_until_signal(m, signals, json, &e);
	}
	if (signals >= 0)
		close(signals);
	osc_module_close(m);
	return osc_cli_end("monitor", ret, &e);
}

int cmd_monitor(int argc, char **argv)
{
	bool json;
	int code;

	if (!osc_cli_json_option("monitor", argc, argv, usage, &json, &code))
		return code;
	if (optind < argc)
		return osc_cli_unexpected("monitor", argv[optind]);
	return run(json);
}
