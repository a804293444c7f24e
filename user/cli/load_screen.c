// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_screen.c - osconcepts load while it runs, on a terminal: a few lines that
 * are drawn over themselves, so that what was there before stays, and nothing
 * is left of them when the result comes. Where the cursor cannot be moved, or
 * there is no room, it is one line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/load.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/output.h"

/* Bars are made for lines from so wide. */
#define COLUMNS_MIN 60
/* What stands before the bar and before the sparks. */
#define BAR_LABEL 34
#define SPARK_LABEL 19

/* Unknown rows are enough. */
static bool has_room(const struct osc_bars *bars)
{
	struct winsize size;

	if (!bars->cursor || bars->columns < COLUMNS_MIN)
		return false;
	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_row ||
	       size.ws_row > OSC_LOAD_SCREEN_LINES;
}

/* A rate of all answers, also of those that are not measured. */
static double rate(const struct osc_load_interval *i)
{
	double s = osc_clock_seconds(i->from_ns, i->to_ns);

	return s > 0 ? (double)(i->stats.requests + i->stats.warmup_requests) /
			       s :
		       0;
}

/* "12 s to go", "1,234 to go"; and the part that is done. */
static double remaining(const struct osc_load_result *r, uint64_t now_ns,
			char *text, size_t size)
{
	const struct osc_load_config *c = r->config;
	uint64_t done = r->stats.requests + r->stats.warmup_requests +
			osc_failures_total(&r->stats.failures);
	double spent = osc_clock_seconds(r->start_ns, now_ns), all, left;
	char count[32];

	if (c->requests) {
		done = done < c->requests ? done : c->requests;
		snprintf(text, size, "%s to go",
			 osc_format_count(c->requests - done, count,
					  sizeof(count)));
		return (double)done / (double)c->requests;
	}
	if (r->measure_ns == UINT64_MAX) {
		snprintf(text, size, "opening connections");
		return 0;
	}
	all = osc_clock_seconds(r->start_ns, r->measure_ns + c->duration_ns);
	left = spent < all ? all - spent : 0;
	snprintf(text, size, "%.0f s to go", left);
	return 1 - left / all;
}

static void draw_bar(const struct osc_bars *bars,
		     const struct osc_load_result *r, uint64_t now_ns,
		     FILE *out)
{
	char left[48], text[96];
	double part = remaining(r, now_ns, left, sizeof(left));

	snprintf(text, sizeof(text), "%.0f s%s, %s",
		 osc_clock_seconds(r->start_ns, now_ns),
		 now_ns < r->start_ns + r->config->warmup_ns ? " of warm-up" :
							       "",
		 left);
	fprintf(out, "%-*s|", BAR_LABEL - 1, text);
	osc_bar_draw(bars, part, BAR_LABEL, out);
	fputc('\n', out);
}

static void draw_times(const char *name, double rps, const struct osc_hist *h,
		       FILE *out)
{
	char count[32], p50[32] = "-", p99[32] = "-";

	if (h->count) {
		osc_format_ns((double)osc_hist_percentile(h, 50), p50,
			      sizeof(p50));
		osc_format_ns((double)osc_hist_percentile(h, 99), p99,
			      sizeof(p99));
	}
	fprintf(out, "%-5s %11s requests/s   p50 %-9s p99 %s\n", name,
		osc_format_count((uint64_t)rps, count, sizeof(count)), p50,
		p99);
}

static void draw_sparks(const struct osc_load_screen *sc,
			const struct osc_bars *bars, FILE *out)
{
	size_t n = bars->columns - SPARK_LABEL - 1;
	const uint64_t *from;
	uint64_t most = 0;
	char text[32];

	n = n < OSC_LOAD_SPARKS ? n : OSC_LOAD_SPARKS;
	from = sc->p99_ns + OSC_LOAD_SPARKS - n;
	for (size_t i = 0; i < n; i++)
		most = from[i] > most ? from[i] : most;
	/* They begin at the left, and move when the line is full. */
	while (n && !*from) {
		from++;
		n--;
	}
	fprintf(out, "p99 up to %-*s", SPARK_LABEL - 10,
		osc_format_ns((double)most, text, sizeof(text)));
	osc_spark_draw(bars, from, n, most, out);
	fputc('\n', out);
}

static void draw_errors(const struct osc_failures *f, FILE *out)
{
	char name[64], count[32];

	fprintf(out, "%s", f->n ? "errors:" : "no errors");
	for (unsigned int i = 0; i < f->n; i++)
		fprintf(out, "%s %s %s", i ? "," : "",
			osc_format_count(f->rows[i].count, count,
					 sizeof(count)),
			osc_failure_name(&f->rows[i], name, sizeof(name)));
	fputc('\n', out);
}

static void draw_verdict(const struct osc_load_result *r, FILE *out)
{
	fprintf(out, "so far %s", osc_verdict_word(r->validity.verdict));
	if (r->client.cpu >= 0)
		fprintf(out, ", client %.0f %% busy", r->client.cpu * 100);
	if (r->validity.n)
		fprintf(out, ": %s", r->validity.why[0]);
}

static void draw_screen(const struct osc_load_screen *sc,
			const struct osc_bars *bars,
			const struct osc_load_interval *now,
			const struct osc_load_result *r, FILE *out)
{
	const struct osc_load_config *c = r->config;
	char url[OSC_LOAD_URL_TEXT], open[32], flight[32];

	fprintf(out, "%s %s\n", c->method,
		osc_load_url_text(c, url, sizeof(url)));
	draw_bar(bars, r, now->to_ns, out);
	draw_times("now", rate(now), &now->stats.latency, out);
	draw_times("all", r->rps, &r->stats.latency, out);
	draw_sparks(sc, bars, out);
	fprintf(out, "%s of %" PRIu32 " connections open, %s in flight\n",
		osc_format_count(now->open, open, sizeof(open)), c->connections,
		osc_format_count(now->in_flight, flight, sizeof(flight)));
	draw_errors(&r->stats.failures, out);
	draw_verdict(r, out);
}

static void draw_line(const struct osc_load_interval *now,
		      const struct osc_load_result *r, FILE *out)
{
	char left[48], p99[32];

	remaining(r, now->to_ns, left, sizeof(left));
	fprintf(out, "%.0f requests/s, p99 %s, %" PRIu64 " errors, %s",
		rate(now),
		osc_format_ns((double)osc_hist_percentile(&r->stats.latency,
							  99),
			      p99, sizeof(p99)),
		osc_failures_total(&r->stats.failures), left);
}

/* As much of a line as has room; returns how many columns that is. */
static unsigned int put_line(const char *line, size_t n, unsigned int room,
			     FILE *out)
{
	unsigned int width = 0;

	for (size_t i = 0; i < n; i++) {
		if (line[i] == '\033') {
			while (i < n && line[i] != 'm')
				fputc(line[i++], out);
			fputc('m', out);
		} else if ((line[i] & 0xc0) == 0x80) {
			/* The rest of a character. */
			if (width <= room)
				fputc(line[i], out);
		} else if (width++ < room) {
			fputc(line[i], out);
		}
	}
	return width < room ? width : room;
}

/*
 * To the first column of the first line that stands there. Where the terminal
 * has become narrower since, its lines may have been broken into several.
 */
static void go_back(const struct osc_load_screen *sc, unsigned int columns,
		    FILE *out)
{
	unsigned int up = 0;

	for (unsigned int i = 0; i < sc->lines; i++)
		up += sc->width[i] ? (sc->width[i] - 1) / columns + 1 : 1;
	fputc('\r', out);
	if (up > 1)
		fprintf(out, "\033[%uA", up - 1);
}

/* Over what is there, line by line: nothing flickers. */
static void put_text(struct osc_load_screen *sc, const char *text,
		     const struct osc_bars *bars, FILE *out)
{
	/* The last column stays free: behind it some begin a new line. */
	unsigned int room = bars->columns > 1 ? bars->columns - 1 : 1;

	go_back(sc, bars->columns, out);
	sc->lines = 0;
	while (sc->lines < OSC_LOAD_SCREEN_LINES) {
		size_t n = strcspn(text, "\n");

		sc->width[sc->lines++] = put_line(text, n, room, out);
		fputs("\033[K", out);
		if (!text[n])
			break;
		text += n + 1;
		fputc('\n', out);
	}
	if (bars->cursor)
		fputs("\033[J", out);
}

static char *draw(const struct osc_load_screen *sc, const struct osc_bars *bars,
		  const struct osc_load_interval *now,
		  const struct osc_load_result *so_far)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (has_room(bars))
		draw_screen(sc, bars, now, so_far, out);
	else
		draw_line(now, so_far, out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/* In one write, so that nobody sees half of it. */
static void write_out(char *bytes, size_t n)
{
	fwrite(bytes, 1, n, stderr);
	free(bytes);
}

void osc_load_screen_show(struct osc_load_screen *sc,
			  const struct osc_load_interval *now,
			  const struct osc_load_result *so_far)
{
	struct osc_bars bars = osc_bars_for(stderr);
	char *text, *bytes = NULL;
	size_t n;
	FILE *out;

	if (!sc->on)
		return;
	memmove(sc->p99_ns, sc->p99_ns + 1,
		sizeof(sc->p99_ns) - sizeof(*sc->p99_ns));
	sc->p99_ns[OSC_LOAD_SPARKS - 1] =
		osc_hist_percentile(&now->stats.latency, 99);
	/* Without memory it is not drawn: the load goes on. */
	text = draw(sc, &bars, now, so_far);
	out = text ? open_memstream(&bytes, &n) : NULL;
	if (out) {
		put_text(sc, text, &bars, out);
		if (!fclose(out))
			write_out(bytes, n);
	}
	free(text);
}

void osc_load_screen_clear(struct osc_load_screen *sc)
{
	struct osc_bars bars = osc_bars_for(stderr);

	if (!sc->on || !sc->lines)
		return;
	go_back(sc, bars.columns, stderr);
	fputs(bars.cursor ? "\033[J" : "\033[K", stderr);
	sc->lines = 0;
}
