// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts compare - measures server models against each other. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "correlate/audit.h"
#include "correlate/compare.h"
#include "correlate/verdict.h"
#include "lib/clock.h"
#include "lib/outfile.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "lib/signals.h"
#include "report/report.h"
#include "servers/engine.h"

/* Room taken before the first run; a result is rarely larger. */
#define RESERVE (1u << 20)
#define SECOND OSC_NS_PER_S

static volatile sig_atomic_t stop;

struct comparison {
	const struct osc_compare_settings *set;
	struct osc_session session;
	struct osc_outfile json, html;
	json_t *platform, *config, *calibration, *runs;
	bool partial;
};

static bool is_emulated(const struct comparison *c)
{
	return json_is_true(json_object_get(c->platform, "emulated"));
}

static int run_one(struct comparison *c, const struct osc_compare_item *item,
		   const struct osc_compare_progress *p, struct osc_error *e)
{
	char name[128];
	json_t *run;
	int ret = osc_session_run(&c->session, c->set, item, &run, e);

	if (ret)
		return ret;
	osc_compare_name(c->set, item, name, sizeof(name));
	osc_compare_say_run(c->set, run, name, p);
	if (json_array_append_new(c->runs, run))
		return osc_error_set(e, ENOMEM,
				     "cannot keep the results: out of memory");
	return 0;
}

/*
 * Round after round, each beginning one further on: whatever drifts, or is
 * left behind by the run before, falls on all alike. What was done before is
 * passed over.
 */
static int run_all(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	size_t rows = osc_compare_rows(s);
	struct osc_compare_progress p = { .done = json_array_size(c->runs),
					  .all = rows * s->runs,
					  .begun_ns = osc_clock_ns(),
					  .emulated = is_emulated(c) };
	int ret = 0;

	for (size_t n = 0; !ret && n < p.all; n++) {
		size_t round = n / rows;
		struct osc_compare_item item = osc_compare_item(
			s, (n + round) % rows, (unsigned int)round + 1);

		if (osc_compare_is_done(c->runs, &item))
			continue;
		p.done++;
		p.made++;
		ret = run_one(c, &item, &p, e);
	}
	return ret;
}

static json_t *words_document(const struct osc_words *w)
{
	json_t *a = json_array();

	for (size_t i = 0; i < w->n; i++) {
		if (json_array_append_new(a, osc_json_text(w->word[i]))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static json_t *text_or_null(const char *text)
{
	return *text ? osc_json_text(text) : json_null();
}

static json_t *number_or_null(uint64_t n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

static json_t *numbers_document(const struct osc_numbers *n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n->n; i++) {
		if (json_array_append_new(
			    a, json_integer((json_int_t)n->number[i]))) {
			json_decref(a);
			a = NULL;
		}
	}
	return a;
}

static uint64_t most(const struct osc_numbers *n)
{
	uint64_t max = 0;

	for (size_t i = 0; i < n->n; i++)
		max = n->number[i] > max ? n->number[i] : max;
	return max;
}

static json_t *config_document(const struct osc_compare_settings *s)
{
	return json_pack(
		"{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:f, s:o,"
		" s:o, s:o, s:o}",
		"models", words_document(&s->models), "left_out",
		words_document(&s->left_out), "modes",
		words_document(&s->modes), "connections",
		(json_int_t)most(&s->connections), "concurrency",
		numbers_document(&s->connections), "work_us",
		numbers_document(&s->work_us), "io_us",
		numbers_document(&s->io_us), "duration_s",
		s->requests ? json_null() :
			      json_real((double)s->duration_ns / SECOND),
		"requests", number_or_null(s->requests), "runs",
		(json_int_t)s->runs, "interval_s",
		(double)s->interval_ns / SECOND, "workers",
		number_or_null(s->workers), "path",
		osc_json_text(s->path ?: "/"), "server_cpus",
		text_or_null(s->server_cpus), "client_cpus",
		text_or_null(s->client_cpus));
}

/* NULL and *e without memory. */
static json_t *document(const struct comparison *c, struct osc_error *e)
{
	const char *source = c->session.source;
	bool emulated = is_emulated(c);
	json_t *summary = osc_compare_summary(c->runs);
	time_t now = time(NULL);
	struct tm utc;
	char created[32];
	json_t *o;

	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ",
		 gmtime_r(&now, &utc));
	o = json_pack(
		"{s:s, s:o, s:O, s:o, s:O, s:b, s:O, s:O, s:O, s:o, s:o, s:o}",
		"schema", OSC_COMPARE_SCHEMA, "created", osc_json_text(created),
		"platform", c->platform, "source", osc_json_text(source),
		"config", c->config, "partial", c->partial, "calibration",
		c->calibration, "runs", c->runs, "summary", summary, "verdicts",
		osc_verdicts(summary, emulated), "undecided",
		osc_undecided(summary, emulated), "overall",
		osc_compare_overall(c->runs, c->calibration));
	json_decref(summary);
	if (!o)
		osc_error_set(e, ENOMEM,
			      "cannot make the document: out of memory");
	return o;
}

/* Names the file in an error of writing it, and gives it up. */
static int unwritten(struct osc_outfile *o, int ret, struct osc_error *e)
{
	char path[sizeof(o->path)];

	snprintf(path, sizeof(path), "%s", o->path);
	osc_outfile_abandon(o);
	return osc_error_set(e, -ret, "cannot write '%s': %s", path,
			     strerror(-ret));
}

static int write_files(struct comparison *c, json_t *doc, struct osc_error *e)
{
	int ret;

	if (c->json.file) {
		ret = osc_json_print(json_incref(doc), c->json.file, e);
		if (ret)
			return unwritten(&c->json, ret, e);
		ret = osc_outfile_commit(&c->json, e);
		if (ret)
			return ret;
	}
	if (!c->html.file)
		return 0;
	ret = osc_report_html(doc, c->html.file, e);
	if (ret)
		return unwritten(&c->html, ret, e);
	return osc_outfile_commit(&c->html, e);
}

static int open_files(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	int ret = 0;

	if (s->json)
		ret = osc_outfile_open(&c->json, s->json, RESERVE, e);
	if (!ret && s->html)
		ret = osc_outfile_open(&c->html, s->html, RESERVE, e);
	return ret;
}

static bool table_wanted(const struct osc_compare_settings *s)
{
	return !(s->json && osc_outfile_is_stdout(s->json)) &&
	       !(s->html && osc_outfile_is_stdout(s->html));
}

/* The exit code, or -errno and *e. */
static int conclude(struct comparison *c, struct osc_error *e)
{
	json_t *doc = document(c, e);
	int code = doc ? write_files(c, doc, e) : -e->err;

	if (!code && table_wanted(c->set))
		code = osc_compare_print(doc, stdout, e);
	if (!code)
		code = osc_compare_exit_code(json_object_get(doc, "overall"),
					     json_object_get(doc, "summary"),
					     is_emulated(c));
	/* Not all that was asked for was done. */
	if ((!code || code == OSC_EXIT_INVALID) && c->partial)
		code = OSC_EXIT_FAILED;
	json_decref(doc);
	return code;
}

/* Takes over what was made before; the calibrations of both count. */
static int resume(struct comparison *c, struct osc_error *e)
{
	json_t *earlier;
	int ret = osc_compare_resume(c->set, c->config, c->platform,
				     c->session.source, &earlier, e);

	if (ret || !earlier)
		return ret;
	if (json_array_extend(c->runs, json_object_get(earlier, "runs")) ||
	    json_array_extend(c->calibration,
			      json_object_get(earlier, "calibration")))
		ret = osc_error_set(e, ENOMEM,
				    "cannot take over '%s': out of memory",
				    c->set->json);
	json_decref(earlier);
	return ret;
}

static void say_plan(const struct comparison *c)
{
	const struct osc_compare_settings *s = c->set;
	char what[64] = "";

	for (size_t i = 0; i < s->left_out.n; i++) {
		const struct osc_engine *m =
			osc_engine_find(s->left_out.word[i]);
		struct osc_error why = { 0 };

		m->check(&why);
		osc_compare_say(s, "left out: %s, as %s", m->name, why.text);
	}
	if (s->connections.n == 1)
		snprintf(what, sizeof(what), " %" PRIu64 " connections,",
			 s->connections.number[0]);
	osc_compare_say(s,
			"%zu x %zu x %" PRIu64
			" runs,%s source %s, servers on CPUs %s, "
			"client on %s",
			s->models.n, osc_compare_rows(s) / s->models.n, s->runs,
			what, c->session.source,
			*s->server_cpus ? s->server_cpus : "any",
			*s->client_cpus ? s->client_cpus : "any");
	if (json_array_size(c->runs))
		osc_compare_say(s, "%zu runs are there already",
				json_array_size(c->runs));
}

static int begin(struct comparison *c, struct osc_error *e)
{
	const struct osc_compare_settings *s = c->set;
	int ret = open_files(c, e);

	if (!ret)
		ret = osc_session_open(&c->session, s, e);
	if (ret)
		return ret;
	ret = osc_session_calibrate(&c->session, s, &c->calibration, e);
	if (!ret && s->resume)
		ret = resume(c, e);
	if (ret)
		osc_session_close(&c->session);
	else
		say_plan(c);
	return ret;
}

/*
 * What ended before it was stopped, or before something failed, is kept: it may
 * be the work of hours. An error of the runs is then still the command's.
 */
static int work(struct comparison *c, struct osc_error *e)
{
	struct osc_error failed = { 0 };
	int ret = run_all(c, &failed), code;
	bool stopped = ret == -EINTR && stop;

	osc_session_close(&c->session);
	if (stopped)
		osc_compare_say(c->set, "stopped");
	*e = failed;
	if (ret && !stopped && !json_array_size(c->runs))
		return ret;
	c->partial = ret;
	code = conclude(c, e);
	if (code < 0 || !ret || stopped)
		return code;
	*e = failed;
	return ret;
}

static int compare(struct osc_compare_settings *s, struct osc_error *e)
{
	struct comparison c = {
		.set = s,
		.session = { .stop = &stop },
		.runs = json_array(),
		/* Before the load, whose average it holds. */
		.platform = osc_platform(),
		.config = config_document(s),
	};
	int ret;

	if (!c.runs || !c.platform || !c.config)
		ret = osc_error_set(e, ENOMEM, "cannot begin: out of memory");
	else
		ret = begin(&c, e);
	if (!ret)
		ret = work(&c, e);
	osc_outfile_abandon(&c.json);
	osc_outfile_abandon(&c.html);
	json_decref(c.platform);
	json_decref(c.config);
	json_decref(c.calibration);
	json_decref(c.runs);
	return ret;
}

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int catch_signals(struct osc_error *e)
{
	/* Without SA_RESTART: a wait shall end. */
	struct sigaction a = { .sa_handler = on_signal };

	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!osc_signal_stays_ignored(signals[i]) &&
		    sigaction(signals[i], &a, NULL))
			return osc_error_set(e, errno,
					     "cannot catch signals: %s",
					     strerror(errno));
	}
	return 0;
}

int cmd_compare(int argc, char **argv)
{
	struct osc_compare_settings s;
	struct osc_error e = { 0 };
	int ret = osc_compare_options(argc, argv, &s, &e);

	if (ret == 1)
		return OSC_EXIT_OK;
	if (ret == -EINVAL && !*e.text)
		return osc_cli_usage("compare");
	if (!ret)
		ret = catch_signals(&e);
	if (!ret)
		ret = compare(&s, &e);
	if (ret < 0)
		return osc_cli_fail("compare", &e);
	return ret;
}
