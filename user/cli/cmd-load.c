// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts load - the load generator: how fast, and can it be trusted? */
#include <errno.h>
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
/* The screen is drawn that often, or more. */
#define SCREEN_NS (500 * OSC_NS_PER_MS)
/* Threads hand over when their time comes; so much later it has been done. */
#define GRACE_NS (10 * OSC_NS_PER_MS)

/* What has come since the last time. */
static void show(struct osc_load *load, struct osc_load_screen *screen)
{
	static struct osc_load_interval slice;

	osc_load_collect(load, &slice);
	osc_load_screen_show(screen, &slice, osc_load_so_far(load));
}

/* Until the load has ended or a signal ends it. Returns the signal, or 0. */
static int wait_for_end(struct osc_load *load, struct osc_load_screen *screen,
			int signal_fd, struct osc_error *e)
{
	const struct osc_load_result *r = osc_load_so_far(load);
	uint64_t slice = r->config->slice_ns, at = r->start_ns + slice;
	struct osc_cli_signal signal;

	for (;;) {
		int event = osc_cli_wait(signal_fd, osc_load_fd(load),
					 slice ? at + GRACE_NS : UINT64_MAX,
					 &signal, e);

		if (event == OSC_CLI_TIME) {
			show(load, screen);
			while (at + GRACE_NS <= osc_clock_ns())
				at += slice;
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
	struct osc_load_screen screen = { .on = s->screen };
	struct osc_load *load;
	int signal, ret;

	s->load.slice_ns = s->screen ? SCREEN_NS : 0;
	ret = osc_load_start(&s->load, &load, e);
	if (ret)
		return ret;
	signal = wait_for_end(load, &screen, signal_fd, e);
	osc_load_wait(load);
	osc_load_screen_clear(&screen);
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

	s->screen = !s->no_progress && isatty(STDERR_FILENO) &&
		    !getenv("NO_COLOR");
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
