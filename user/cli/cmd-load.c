// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * osconcepts load - the load generator: how fast, and can it be trusted?
 * osconcepts sweep - the same, step by step, to the knee.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "cli/wait.h"
#include "lib/clock.h"
#include "lib/output.h"
#include "lib/signals.h"
#include "load/hdr.h"

/* What two dense histograms take. */
#define HDR_RESERVE (128 << 10)
/* The screen is drawn that often, or more. */
#define SCREEN_NS (500 * OSC_NS_PER_MS)
/* Threads hand over when their time comes; so much later it has been done. */
#define GRACE_NS (10 * OSC_NS_PER_MS)

/* Who looks on while a load runs. */
struct audience {
	struct osc_load_settings *set;
	struct osc_load_screen screen;
	struct osc_series series;
};

/* So long that an interval of the series is a number of them. */
static uint64_t slice_ns(const struct osc_load_settings *s)
{
	uint64_t n;

	if (!s->screen)
		return s->series_path ? s->interval_ns : 0;
	if (!s->series_path)
		return SCREEN_NS;
	n = (s->interval_ns + SCREEN_NS - 1) / SCREEN_NS;
	return s->interval_ns / n;
}

/*
 * A series that cannot be written is told at the end, the load goes on. When
 * nobody reads it any more, nobody waits for the load: -EPIPE.
 */
static int heed(struct audience *a, int ret, const struct osc_error *e)
{
	if (!ret)
		return 0;
	a->series.out = NULL;
	if (ret == -EPIPE)
		return ret;
	osc_error_set(&a->set->series_error, e->err,
		      "--series: cannot write '%s': %s", a->set->series_path,
		      strerror(e->err));
	return 0;
}

/* What the slice has brought that ended at at_ns. */
static int show_slice(struct osc_load *load, struct audience *a, uint64_t at_ns)
{
	static struct osc_load_interval slice;
	const struct osc_load_result *so_far;
	struct osc_error e = { 0 };

	osc_load_collect(load, &slice);
	so_far = osc_load_so_far(load);
	osc_load_screen_show(&a->screen, &slice, so_far);
	return heed(a, osc_series_add(&a->series, &slice, so_far, at_ns, &e),
		    &e);
}

/* The last slice, which ends with the load, and nothing more to see. */
static int show_end(struct osc_load *load, struct audience *a)
{
	static struct osc_load_interval slice;
	struct osc_error e = { 0 };

	osc_load_wait(load);
	osc_load_screen_clear(&a->screen);
	osc_load_collect(load, &slice);
	return heed(a,
		    osc_series_end(&a->series, &slice, osc_load_so_far(load),
				   &e),
		    &e);
}

/* Until the load has ended or a signal ends it. Returns the signal, or 0. */
static int wait_for_end(struct osc_load *load, struct audience *a,
			uint64_t start_ns, int signal_fd, struct osc_error *e)
{
	uint64_t slice = a->set->load.slice_ns, at = start_ns + slice;
	struct osc_cli_signal signal;

	for (;;) {
		int event = osc_cli_wait(signal_fd, osc_load_fd(load),
					 slice ? at + GRACE_NS : UINT64_MAX,
					 &signal, e);

		if (event == OSC_CLI_TIME) {
			event = show_slice(load, a, at);
			while (at + GRACE_NS <= osc_clock_ns())
				at += slice;
			if (!event)
				continue;
		}
		if (event == OSC_CLI_READY)
			return 0;
		osc_load_stop(load);
		return event == OSC_CLI_SIGNAL ? signal.number : event;
	}
}

int osc_load_attend(struct osc_load_settings *s, int signal_fd,
		    struct osc_load_result *result, struct osc_error *e)
{
	/* A quarter of a megabyte of histograms. */
	static struct audience a;
	struct osc_load *load;
	uint64_t start_ns;
	int signal, ret;

	a.set = s;
	a.screen = (struct osc_load_screen){ .on = s->screen };
	s->load.slice_ns = slice_ns(s);
	ret = osc_load_start(&s->load, &load, e);
	if (ret)
		return ret;
	start_ns = osc_load_so_far(load)->start_ns;
	osc_series_begin(&a.series, s->series.file, s->interval_ns, start_ns);
	signal = wait_for_end(load, &a, start_ns, signal_fd, e);
	if (signal >= 0 && (ret = show_end(load, &a)))
		signal = ret;
	ret = osc_load_finish(load, result, signal < 0 ? NULL : e);
	return signal < 0 || !ret ? signal : ret;
}

static int write_hdr(const struct osc_load_result *r,
		     struct osc_load_settings *s, struct osc_error *e)
{
	if (osc_hdr_write(r, s->hdr.file))
		return osc_error_set(e, ENOMEM,
				     "--hdr: cannot encode: out of memory");
	return osc_outfile_commit(&s->hdr, e);
}

/* Its file is closed by the time that the result is printed. */
static bool series_on_stdout(const struct osc_load_settings *s)
{
	return s->series_path && osc_outfile_is_stdout(s->series_path);
}

static int print(const struct osc_load_result *r, struct osc_load_settings *s,
		 struct osc_error *e)
{
	int printed = 0, logged = 0;

	/* Where one of them cannot be written, the other is all the same. */
	if (s->json)
		printed = osc_json_print(osc_load_json(r), stdout, e);
	else
		osc_load_text(r, s->hdr.file == stdout || series_on_stdout(s) ?
					 stderr :
					 stdout);
	if (s->hdr_path)
		logged = write_hdr(r, s, e);
	return logged ? logged : printed;
}

static int open_series(struct osc_load_settings *s, struct osc_error *e)
{
	if (!s->series_path)
		return 0;
	return osc_outfile_stream(&s->series, "--series: cannot write",
				  s->series_path, e);
}

static void close_series(struct osc_load_settings *s)
{
	struct osc_error e;
	int ret = s->series.file ? osc_outfile_commit(&s->series, &e) : 0;

	if (ret && ret != -EPIPE && !s->series_error.err)
		s->series_error = e;
}

/* All that is written beside standard output. */
static int open_outputs(struct osc_load_settings *s, struct osc_error *e)
{
	int ret = 0;

	if (s->hdr_path)
		ret = osc_outfile_open(&s->hdr, s->hdr_path, HDR_RESERVE, e);
	if (!ret)
		ret = open_series(s, e);
	if (ret)
		osc_outfile_abandon(&s->hdr);
	return ret;
}

static int run_once(struct osc_load_settings *s, int signal_fd)
{
	/* A quarter of a megabyte of histograms. */
	static struct osc_load_result result;
	struct osc_error e = { 0 };
	int code = OSC_EXIT_OK;
	int ret = osc_load_attend(s, signal_fd, &result, &e);

	if (ret > 0)
		code = 128 + ret;
	else if (result.validity.verdict == OSC_INVALID)
		code = OSC_EXIT_INVALID;
	else if (!result.slos_met)
		code = OSC_EXIT_GATE;
	close_series(s);
	if (ret >= 0)
		ret = print(&result, s, &e);
	osc_load_result_free(&result);
	osc_outfile_abandon(&s->hdr);
	/* Their reader of a pipe has seen enough. */
	if (ret == -EPIPE)
		return code;
	if (ret)
		return osc_cli_fail(s->name, &e);
	if (s->series_error.err)
		return osc_cli_fail(s->name, &s->series_error);
	return code;
}

static int run(int argc, char **argv, bool is_sweep)
{
	static struct osc_load_settings settings, *s = &settings;
	struct osc_error e = { 0 };
	int signal_fd, code;

	s->is_sweep = is_sweep;
	code = osc_load_options(argc, argv, s);
	if (code >= 0)
		return code;

	s->screen = !s->no_progress && isatty(STDERR_FILENO) &&
		    !getenv("NO_COLOR");
	/*
	 * Before signals are blocked: a name server may keep us waiting, and so
	 * may a pipe that nobody reads.
	 */
	if (osc_load_resolve(&s->load, &s->load.addresses, &e) ||
	    open_outputs(s, &e))
		return osc_cli_fail(s->name, &e);
	signal_fd = osc_signals_open(&e);
	if (signal_fd < 0)
		return osc_cli_fail(s->name, &e);
	code = s->sweep ? osc_load_sweep(s, signal_fd) : run_once(s, signal_fd);
	close(signal_fd);
	return code;
}

int cmd_load(int argc, char **argv)
{
	return run(argc, argv, false);
}

int cmd_sweep(int argc, char **argv)
{
	return run(argc, argv, true);
}
