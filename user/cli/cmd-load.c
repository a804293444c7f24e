// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts load - the load generator: how fast, and can it be trusted? */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/wait.h"
#include "lib/clock.h"
#include "lib/output.h"
#include "lib/signals.h"
#include "load/hdr.h"

#define NAME OSC_LOAD_NAME
/* What two dense histograms take. */
#define HDR_RESERVE (128 << 10)
#define PROGRESS_NS (500 * OSC_NS_PER_MS)

static void show_progress(struct osc_load *load,
			  const struct osc_load_settings *s)
{
	static struct osc_load_interval now;
	const struct osc_load_config *c = &s->load;
	const struct osc_load_result *r;
	uint64_t requests;
	double seconds, left;
	char remaining[48];

	osc_load_collect(load, &now);
	r = osc_load_so_far(load);
	requests = r->stats.requests + r->stats.warmup_requests;
	seconds = (double)(osc_clock_ns() - r->start_ns) / OSC_NS_PER_S;
	if (c->requests) {
		snprintf(remaining, sizeof(remaining), "%" PRIu64 " to go",
			 c->requests > requests ? c->requests - requests : 0);
	} else {
		left = (double)(c->warmup_ns + c->duration_ns) / OSC_NS_PER_S -
		       seconds;
		snprintf(remaining, sizeof(remaining), "%.0f s to go",
			 left > 0 ? left : 0);
	}
	fprintf(stderr,
		"\r%.0f requests/s, p99 %.3g ms, %" PRIu64 " errors, %s\033[K",
		(double)(now.stats.requests + now.stats.warmup_requests) *
			OSC_NS_PER_S / PROGRESS_NS,
		(double)osc_hist_percentile(&r->stats.latency, 99) /
			OSC_NS_PER_MS,
		osc_failures_total(&r->stats.failures), remaining);
}

/* Until the load has ended or a signal ends it. Returns the signal, or 0. */
static int wait_for_end(struct osc_load *load,
			const struct osc_load_settings *s, int signal_fd,
			struct osc_error *e)
{
	bool progress = s->load.slice_ns;
	uint64_t next = osc_clock_ns() + PROGRESS_NS;
	struct osc_cli_signal signal;

	for (;;) {
		int event = osc_cli_wait(signal_fd, osc_load_fd(load),
					 progress ? next : UINT64_MAX, &signal,
					 e);

		if (event == OSC_CLI_TIME) {
			show_progress(load, s);
			next += PROGRESS_NS;
			continue;
		}
		if (progress)
			fputs("\r\033[K", stderr);
		if (event == OSC_CLI_READY)
			return 0;
		osc_load_stop(load);
		return event == OSC_CLI_SIGNAL ? signal.number : event;
	}
}

int osc_load_attend(const struct osc_load_settings *s, int signal_fd,
		    struct osc_load_result *result, struct osc_error *e)
{
	struct osc_load *load;
	int signal, ret = osc_load_start(&s->load, &load, e);

	if (ret)
		return ret;
	signal = wait_for_end(load, s, signal_fd, e);
	ret = osc_load_finish(load, result, signal < 0 ? NULL : e);
	return ret ? ret : signal;
}

static int write_hdr(const struct osc_load_result *r,
		     struct osc_load_settings *s, struct osc_error *e)
{
	if (osc_hdr_write(r, s->hdr.file))
		return osc_error_set(e, ENOMEM,
				     "--hdr: cannot encode: out of memory");
	return osc_outfile_commit(&s->hdr, e);
}

static int print(const struct osc_load_result *r, struct osc_load_settings *s,
		 struct osc_error *e)
{
	int ret = s->hdr_path ? write_hdr(r, s, e) : 0;

	if (ret)
		return ret;
	if (s->json)
		return osc_json_print(osc_load_json(r), stdout, e);
	osc_load_text(r, stdout);
	return 0;
}

static int run_once(struct osc_load_settings *s, int signal_fd)
{
	/* A quarter of a megabyte of histograms. */
	static struct osc_load_result result;
	struct osc_error e = { 0 };
	int code = OSC_EXIT_OK, ret = 0;

	if (s->hdr_path)
		ret = osc_outfile_open(&s->hdr, s->hdr_path, HDR_RESERVE, &e);
	if (!ret)
		ret = osc_load_attend(s, signal_fd, &result, &e);
	if (ret > 0)
		code = 128 + ret;
	else if (result.validity.verdict == OSC_INVALID)
		code = OSC_EXIT_INVALID;
	else if (!result.slos_met)
		code = OSC_EXIT_GATE;
	if (ret >= 0)
		ret = print(&result, s, &e);
	osc_outfile_abandon(&s->hdr);
	if (ret && ret != -EPIPE)
		return osc_cli_fail(NAME, &e);
	return osc_cli_finish(NAME, code);
}

static int run(struct osc_load_settings *s)
{
	struct osc_error e = { 0 };
	int signal_fd, code;

	if (!s->no_progress && isatty(STDERR_FILENO) && !getenv("NO_COLOR"))
		s->load.slice_ns = PROGRESS_NS;
	signal_fd = osc_signals_open(&e);
	if (signal_fd < 0)
		return osc_cli_fail(NAME, &e);
	code = s->sweep ? osc_load_sweep(s, signal_fd) : run_once(s, signal_fd);
	close(signal_fd);
	return code;
}

int cmd_load(int argc, char **argv)
{
	static struct osc_load_settings s;
	int code = osc_load_options(argc, argv, &s);

	return code < 0 ? run(&s) : code;
}
