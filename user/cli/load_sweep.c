// SPDX-License-Identifier: GPL-2.0-or-later
/* load_sweep.c - osconcepts load --sweep: latency against load, and the knee. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/load.h"
#include "lib/bars.h"
#include "lib/emulated.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "load/sweep.h"

/* "   123,456/s   123,456/s    291 us   7.93 ms  SUSPECT |", then a bar. */
#define LABEL 55
/* A narrower line has no bars, and one that is narrower still no p50. */
#define BARS_FROM (LABEL + 16)
#define P50_FROM (LABEL - 1)

struct sweep {
	const struct osc_load_settings *set;
	double closed_rps; /* 0: not asked for */
	unsigned int n; /* steps done */
	int knee, capacity; /* steps, or -1 */
	bool beyond; /* a step beyond the knee was seen */
	int signal;
	struct osc_sweep_step steps[OSC_SWEEP_STEPS];
};

static int run_one(struct osc_load_settings *s, struct sweep *w, int signal_fd,
		   struct osc_load_result *result, struct osc_error *e)
{
	int ret = osc_load_attend(s, signal_fd, result, e);

	if (ret > 0)
		w->signal = ret;
	return ret < 0 ? ret : 0;
}

/* How fast without waiting for a schedule: where the steps are to end. */
static int find_top(struct osc_load_settings *s, struct sweep *w, int signal_fd,
		    struct osc_load_result *result, struct osc_error *e)
{
	int ret;

	if (s->load.arrivals.rate)
		return 0;
	ret = run_one(s, w, signal_fd, result, e);
	osc_load_result_free(result);
	if (ret || w->signal)
		return ret;
	w->closed_rps = result->rps;
	s->load.arrivals.rate = (uint64_t)result->rps;
	if (s->load.arrivals.rate)
		return 0;
	return osc_error_set(
		e, ENODATA,
		"--sweep: nothing was answered in the closed loop; "
		"try a longer --duration");
}

static int run_steps(struct osc_load_settings *s, struct sweep *w,
		     int signal_fd, struct osc_load_result *result,
		     struct osc_error *e)
{
	int ret = find_top(s, w, signal_fd, result, e);
	uint64_t top = s->load.arrivals.rate;

	for (unsigned int i = 0; !ret && !w->signal && i < s->sweep; i++) {
		s->load.arrivals.rate = osc_sweep_rate(top, i, s->sweep);
		ret = run_one(s, w, signal_fd, result, e);
		if (!ret && !w->signal)
			osc_sweep_take(&w->steps[w->n++], result);
		osc_load_result_free(result);
	}
	w->knee = osc_sweep_knee(w->steps, w->n);
	w->beyond = osc_sweep_beyond(w->steps, w->n, w->knee);
	w->capacity = s->load.nr_slos ? osc_sweep_capacity(w->steps, w->n) : -1;
	return ret;
}

/* Between the least and the greatest, by their logarithms. */
static double part_of(const struct sweep *w, uint64_t ns)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned int i = 0; i < w->n; i++) {
		if (!w->steps[i].answered)
			continue;
		least = w->steps[i].p99_ns < least ? w->steps[i].p99_ns : least;
		most = w->steps[i].p99_ns > most ? w->steps[i].p99_ns : most;
	}
	if (most <= least || !least)
		return 1;
	/* The least is a tenth, so that it is seen. */
	return 0.1 + 0.9 * log((double)ns / (double)least) /
			     log((double)most / (double)least);
}

/* A time, or none where nothing was answered. */
static void print_time(const struct osc_sweep_step *step, uint64_t ns)
{
	char text[24];

	printf(" %9s", step->answered ?
			       osc_format_ns((double)ns, text, sizeof(text)) :
			       "-");
}

static void print_step(const struct sweep *w, unsigned int i,
		       const struct osc_bars *bars)
{
	const struct osc_sweep_step *step = &w->steps[i];
	char rate[32], rps[32];

	printf("%10s/s %9s/s", osc_format_count(step->rate, rate, sizeof(rate)),
	       osc_format_count((uint64_t)step->rps, rps, sizeof(rps)));
	if (bars->columns >= P50_FROM)
		print_time(step, step->p50_ns);
	print_time(step, step->p99_ns);
	if (bars->columns < BARS_FROM) {
		printf("  %s\n", osc_verdict_word(step->verdict));
		return;
	}
	printf("  %-7s |", osc_verdict_word(step->verdict));
	if (step->answered)
		osc_bar_draw(bars, part_of(w, step->p99_ns), LABEL, stdout);
	putchar('\n');
}

static void print_steps(const struct sweep *w, const struct osc_bars *bars)
{
	printf("\n%12s %11s", "asked", "answered");
	if (bars->columns >= P50_FROM)
		printf(" %9s", "p50");
	printf(" %9s", "p99");
	if (bars->columns >= BARS_FROM)
		printf("  %-7s  p99 (log scale)", "");
	putchar('\n');
	for (unsigned int i = 0; i < w->n; i++)
		print_step(w, i, bars);
	putchar('\n');
}

/* Why the numbers of a step must not be used. */
static void print_reasons(const struct sweep *w, const struct osc_bars *bars)
{
	char rate[32], text[sizeof(w->steps[0].why) + 48];

	for (unsigned int i = 0; i < w->n; i++) {
		if (w->steps[i].verdict != OSC_INVALID)
			continue;
		snprintf(text, sizeof(text), "  %s/s: %s",
			 osc_format_count(w->steps[i].rate, rate, sizeof(rate)),
			 w->steps[i].why);
		osc_text_fold(text, bars->columns, stdout);
	}
}

static void print_knee(const struct sweep *w, const struct osc_bars *bars)
{
	char rate[32], text[160];

	if (w->knee < 0) {
		puts("Knee: unknown, no step can be trusted");
		return;
	}
	osc_format_count(w->steps[w->knee].rate, rate, sizeof(rate));
	if (w->beyond)
		snprintf(text, sizeof(text),
			 "Knee: %s requests/s; beyond it latency grows faster "
			 "than the load",
			 rate);
	else
		snprintf(text, sizeof(text),
			 "Knee: not below %s requests/s, and no step beyond "
			 "was seen; try a greater --rate",
			 rate);
	osc_text_fold(text, bars->columns, stdout);
}

static void print_text(const struct sweep *w)
{
	const struct osc_load_config *c = &w->set->load;
	struct osc_bars bars = osc_bars_for(stdout);
	char url[OSC_LOAD_URL_TEXT], text[32];

	printf("%s %s: latency against load\n", c->method,
	       osc_load_url_text(c, url, sizeof(url)));
	if (w->closed_rps > 0)
		printf("  closed loop of %" PRIu32
		       " connections: %s requests/s\n",
		       c->connections,
		       osc_format_count((uint64_t)w->closed_rps, text,
					sizeof(text)));
	print_steps(w, &bars);
	print_reasons(w, &bars);
	print_knee(w, &bars);
	if (c->nr_slos && w->capacity >= 0)
		printf("Within the SLO: up to %s requests/s\n",
		       osc_format_count(w->steps[w->capacity].rate, text,
					sizeof(text)));
	else if (c->nr_slos)
		puts("Within the SLO: not even the first step");
	if (w->signal)
		puts("PARTIAL: stopped early");
}

static json_t *step_json(const struct osc_sweep_step *step)
{
	bool any = step->answered;

	return json_pack(
		"{s:I, s:f, s:o, s:o, s:o, s:I, s:I, s:s, s:o, s:b}", "rate",
		(json_int_t)step->rate, "rps", step->rps, "mean_us",
		any ? json_real(step->mean_ns / 1e3) : json_null(), "p50_us",
		any ? json_real((double)step->p50_ns / 1e3) : json_null(),
		"p99_us",
		any ? json_real((double)step->p99_ns / 1e3) : json_null(),
		"requests", (json_int_t)step->answered, "errors",
		(json_int_t)step->errors, "verdict",
		osc_verdict_name(step->verdict), "why",
		osc_json_text(step->why), "slos_met", (int)step->slos_met);
}

static json_t *rate_or_null(const struct sweep *w, int step)
{
	return step < 0 ? json_null() :
			  json_integer((json_int_t)w->steps[step].rate);
}

static json_t *sweep_json(const struct sweep *w)
{
	const struct osc_load_config *c = &w->set->load;
	json_t *steps = json_array();
	int failed = !steps;

	for (unsigned int i = 0; i < w->n && !failed; i++)
		failed = json_array_append_new(steps, step_json(&w->steps[i]));
	if (failed) {
		json_decref(steps);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:b, s:o}",
			 "schema", "osconcepts-sweep/1", "authority",
			 osc_json_text(osc_load_server(c)->authority), "target",
			 osc_json_text(osc_load_server(c)->target), "urls",
			 osc_load_urls_json(c), "connections",
			 (json_int_t)c->connections, "closed_rps",
			 w->closed_rps > 0 ? json_real(w->closed_rps) :
					     json_null(),
			 "knee_rate", rate_or_null(w, w->beyond ? w->knee : -1),
			 "slo_rate", rate_or_null(w, w->capacity), "partial",
			 (int)(w->signal != 0), "steps", steps);
}

static int exit_code(const struct sweep *w)
{
	if (w->signal)
		return 128 + w->signal;
	if (w->knee < 0)
		return OSC_EXIT_INVALID;
	return w->set->load.nr_slos && w->capacity < 0 ? OSC_EXIT_GATE :
							 OSC_EXIT_OK;
}

int osc_load_sweep(struct osc_load_settings *s, int signal_fd)
{
	/* A quarter of a megabyte of histograms. */
	static struct osc_load_result result;
	static struct sweep w;
	struct osc_error e = { 0 };
	int ret;

	w.set = s;
	ret = run_steps(s, &w, signal_fd, &result, &e);
	if (ret)
		return osc_cli_fail(s->name, &e);
	if (s->json)
		ret = osc_json_print(sweep_json(&w), stdout, &e);
	else
		print_text(&w);
	if (ret && ret != -EPIPE)
		return osc_cli_fail(s->name, &e);
	return exit_code(&w);
}
