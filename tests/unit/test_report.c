// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.html: well-formed and harmless whatever the document holds. Run from
 * the top of the tree, where the fixture's path begins.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/emulated.h"
#include "lib/error.h"
#include "report/html.h"
#include "report/doc.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/svg.h"
#include "servers/engine.h"

#define FIXTURE "tests/unit/data/compare.json"

static json_t *load_emulated(void)
{
	json_error_t error;
	json_t *doc = json_load_file(FIXTURE, 0, &error);

	if (!doc)
		fail_msg("%s: %s", FIXTURE, error.text);
	return doc;
}

/* The same, of a real CPU. */
static json_t *load(void)
{
	json_t *doc = load_emulated();

	json_object_set_new(json_object_get(doc, "platform"), "emulated",
			    json_false());
	return doc;
}

/* The page, to be freed; NULL, with the code in *err, when it failed. */
static char *render(const json_t *doc, int *err)
{
	struct osc_error e = { 0 };
	char *page = NULL;
	size_t size;
	FILE *out = open_memstream(&page, &size);

	assert_non_null(out);
	*err = osc_report_html(doc, out, &e);
	fclose(out);
	if (!*err)
		return page;
	assert_non_null(strstr(e.text, "; try "));
	free(page);
	return NULL;
}

struct tag {
	const char *name;
	size_t len;
};

static bool is_void(const struct tag *tag)
{
	return *tag->name == '!' ||
	       (tag->len == 4 && !strncmp(tag->name, "meta", 4));
}

static bool is_shape(const struct tag *tag)
{
	static const char *const shapes[] = { "line", "rect", "text",
					      "polyline" };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		if (strlen(shapes[i]) == tag->len &&
		    !strncmp(shapes[i], tag->name, tag->len))
			return true;
	}
	return false;
}

/* Every tag closed in order; every shape with finite coordinates. */
static void check_page(const char *page)
{
	struct tag open[64];
	size_t depth = 0;

	for (const char *p = strchr(page, '<'); p; p = strchr(p, '<')) {
		bool closes = p[1] == '/';
		struct tag tag = { p + 1 + closes, 0 };
		const char *end = strchr(p, '>');

		assert_non_null(end);
		tag.len = strcspn(tag.name, " />");
		if (is_shape(&tag)) {
			char *text = strndup(p, (size_t)(end - p));

			assert_non_null(text);
			if (strstr(text, "nan") || strstr(text, "inf"))
				fail_msg("not a coordinate: %s", text);
			free(text);
		}
		p = end;
		if (closes) {
			assert_true(depth > 0);
			depth--;
			assert_int_equal(open[depth].len, tag.len);
			assert_memory_equal(open[depth].name, tag.name,
					    tag.len);
		} else if (end[-1] != '/' && !is_void(&tag)) {
			assert_true(depth < sizeof(open) / sizeof(*open));
			open[depth++] = tag;
		}
	}
	assert_int_equal(depth, 0);
}

static void page_shows_the_comparison(void **state)
{
	static const char *const expected[] = {
		"<h1>fork and epoll compared</h1>",
		"Audit holds.",
		"<strong>Not valid: </strong>",
		"<strong>Suspect: </strong>",
		"1 of 5 runs, says the load generator.",
		"the client waited 31 % of the time for a CPU",
		"<small>1 suspect</small>",
		"<td class=\"warn\">suspect</td>",
		"<span class=\"warn\">1</span>",
		"the client waited 7 % of the time for a CPU",
		"Voluntary switches",
		"Latency by percentile",
		"Counters over time",
		"kernel == independent",
		"QEMU Virtual CPU version 2.5+",
		"prefers-color-scheme: dark",
		"Zero everywhere: Major page faults.",
	};
	json_t *doc = load();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_non_null(page);
	check_page(page);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		if (!strstr(page, expected[i]))
			fail_msg("the page lacks '%s'", expected[i]);
	}
	free(page);
	json_decref(doc);
}

static void page_needs_no_network_and_no_script(void **state)
{
	static const char *const forbidden[] = {
		"http:", "https:",  "src=",  "@import",
		"url(",	 "<script", "<link",
	};
	json_t *doc = load();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_non_null(page);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
		if (strstr(page, forbidden[i]))
			fail_msg("the page has '%s'", forbidden[i]);
	}
	free(page);
	json_decref(doc);
}

static void failed_audit_is_open_and_first(void **state)
{
	json_t *doc = load();
	json_t *run = json_array_get(json_object_get(doc, "runs"), 0);
	json_t *row = json_array_get(json_object_get(run, "audit"), 2);
	const char *details, *failed, *ok;
	char *page;
	int err;

	(void)state;
	json_object_set_new(row, "ok", json_false());
	json_object_set_new(json_object_get(doc, "overall"), "failed",
			    json_integer(1));
	json_object_set_new(json_object_get(doc, "overall"), "ok",
			    json_false());
	page = render(doc, &err);
	assert_non_null(page);
	assert_non_null(strstr(page, "Audit failed."));
	details = strstr(page, "<details open=\"\">");
	assert_non_null(details);
	failed = strstr(details, "<td class=\"bad\">failed</td>");
	ok = strstr(details, "<td class=\"good\">ok</td>");
	assert_non_null(failed);
	assert_true(failed < ok);
	free(page);
	json_decref(doc);
}

static void a_failed_calibration_is_open(void **state)
{
	json_t *doc = load();
	json_t *rows = json_pack("[{s:s, s:i, s:i, s:i, s:s, s:s, s:b}]",
				 "counter", "epoll_wakeups", "kernel", 0,
				 "independent", 471, "exited", 0, "relation",
				 "kernel == independent", "oracle",
				 "known writes", "ok", 0);
	const char *details;
	char *page;
	int err;

	(void)state;
	json_object_set_new(doc, "calibration", rows);
	page = render(doc, &err);
	assert_non_null(page);
	details = strstr(page, "<details open=\"\">");
	assert_non_null(details);
	assert_non_null(strstr(details, "calibration"));
	assert_non_null(strstr(details, "471"));
	assert_non_null(strstr(details, "known writes"));
	free(page);
	json_decref(doc);
}

/* On an emulated CPU the client is often too slow to vouch for any time. */
static void counters_stand_without_a_valid_run(void **state)
{
	json_t *doc = load(), *run;
	char *page;
	size_t i;
	int err;

	(void)state;
	json_array_foreach(json_object_get(doc, "runs"), i, run)
		json_object_set_new(run, "valid", json_false());
	page = render(doc, &err);
	assert_non_null(page);
	check_page(page);
	assert_non_null(strstr(page, "5 of 5 runs, says"));
	assert_non_null(strstr(page, "0 of 1 valid"));
	assert_non_null(strstr(page, "Concerns fork, epoll."));
	assert_non_null(strstr(page, "<polyline class=\"curve m1\""));
	assert_non_null(strstr(page, "<polyline class=\"trace m1\""));
	free(page);
	json_decref(doc);
}

static void partial_comparison_says_so(void **state)
{
	json_t *doc = load();
	char *page;
	int err;

	(void)state;
	json_object_set_new(doc, "partial", json_true());
	page = render(doc, &err);
	assert_non_null(page);
	assert_non_null(strstr(page, "Stopped early."));
	free(page);
	json_decref(doc);
}

static void without(const char *page, const char *text)
{
	if (strstr(page, text))
		fail_msg("the page has '%s'", text);
}

/* The text of the next element of that tag and attribute, before `end`. */
static const char *next_text(const char **at, const char *end, const char *tag,
			     char *text, size_t size)
{
	const char *from = strstr(*at, tag);
	const char *to;

	if (!from || from >= end)
		return NULL;
	from = strchr(from, '>') + 1;
	to = strchr(from, '<');
	snprintf(text, size, "%.*s", (int)(to - from), from);
	*at = to;
	return text;
}

/* On a narrow screen the headings of a table are not shown: its cells have labels. */
static void cells_keep_their_units(const char *page)
{
	size_t tables = 0;

	for (const char *t = page; (t = strstr(t, "<table role=\"table\""));) {
		const char *end = strstr(t, "</table>");
		const char *head = t, *head_end = strstr(t, "</thead>");
		const char *row = strstr(head_end, "<td role=\"cell\"");
		char heading[64];

		/* The first is the model, which is the row's header. */
		assert_non_null(next_text(&head, head_end, "<th ", heading,
					  sizeof(heading)));
		while (next_text(&head, head_end, "<th ", heading,
				 sizeof(heading))) {
			const char *label = strstr(row, "data-label=\"") + 12;
			char unit[64] = "", all[160];

			if (!strncmp(head, "<small>", 7))
				next_text(&head, head_end, "<small>", unit,
					  sizeof(unit));
			snprintf(all, sizeof(all), "%.*s",
				 (int)strcspn(label, "\""), label);
			if (!strstr(all, unit))
				fail_msg("'%s' lacks its unit '%s'", all, unit);
			row = strstr(row + 1, "<td role=\"cell\"");
			if (!row)
				break;
		}
		tables++;
		t = end;
	}
	assert_true(tables >= 3);
}

static void a_narrow_page_keeps_its_units(void **state)
{
	static const char *const rules[] = {
		"@media (max-width: 40rem)",
		".cards thead { display: none; }",
		".cards td::before { content: attr(data-label);",
	};
	json_t *doc = load();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_int_equal(err, 0);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		assert_non_null(strstr(page, rules[i]));
	cells_keep_their_units(page);
	free(page);
	json_decref(doc);
}

static void each_model_is_explained(void **state)
{
	json_t *doc = load_emulated();
	int err;
	char *page = render(doc, &err);

	(void)state;
	for (const struct osc_engine *e = osc_engines; e->name; e++) {
		if (!report_model_meaning(e->name))
			fail_msg("%s is not explained", e->name);
	}
	assert_null(report_model_meaning("none"));
	assert_int_equal(err, 0);
	assert_non_null(strstr(page, report_model_meaning("fork")));
	assert_non_null(strstr(page, report_model_meaning("epoll")));
	without(page, report_model_meaning("thread"));
	assert_non_null(strstr(page, "<dt>Voluntary switch</dt>"));
	assert_non_null(strstr(page, "<dt>Minor page fault</dt>"));
	assert_non_null(strstr(page, "<code>osconcepts lesson</code>"));
	/* This run has two of each. */
	assert_non_null(strstr(page, "fewer than six runs"));
	without(page, "Times are those of this machine");
	free(page);
	json_decref(doc);
	doc = load();
	page = render(doc, &err);
	assert_non_null(strstr(page, "Times are those of this machine"));
	free(page);
	json_decref(doc);
}

static void set_sample(json_t *samples, double t_s, double cpu_s)
{
	json_array_append_new(
		samples, json_pack("{s:f, s:i, s:i, s:i, s:I, s:I}", "t_s", t_s,
				   "requests", (int)(1000 * t_s), "tasks_live",
				   1, "tasks_exited", 0, "cpu_ns",
				   (json_int_t)(cpu_s * 1e9), "run_delay_ns",
				   (json_int_t)(cpu_s * 3e9)));
}

/* Of times there is neither a number nor a picture; counts stand. */
static void times_of_an_emulated_cpu_are_withheld(void **state)
{
	json_t *doc = load_emulated();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_int_equal(err, 0);
	check_page(page);
	assert_non_null(strstr(page, OSC_EMULATED_NOTE(" ")));
	assert_non_null(strstr(page, "<figcaption>Voluntary switches "));
	assert_non_null(strstr(page, "<polyline class=\"trace m1\""));
	without(page, "<figcaption>CPU time ");
	without(page, "<figcaption>Requests per second ");
	without(page, "<figcaption>Latency p99 ");
	without(page, "<polyline class=\"curve");
	without(page, ">CPU time</text>");
	without(page, ">/s</text>");
	without(page, "rates and latencies are used");
	free(page);
	/* The document keeps them. */
	assert_true(json_is_object(json_object_get(
		json_array_get(json_object_get(doc, "summary"), 0), "rps")));
	json_decref(doc);
	doc = load();
	page = render(doc, &err);
	assert_non_null(strstr(page, "<figcaption>CPU time "));
	assert_non_null(strstr(page, ">/s</text>"));
	without(page, "CPU is emulated");
	free(page);
	json_decref(doc);
}

/* One CPU: a second of it in each second, whenever the samples come. */
static void no_picture_shows_more_time_than_there_is(void **state)
{
	json_t *doc = load(), *runs = json_object_get(doc, "runs"), *run;
	const char *peak;
	size_t r;
	char *page;
	int err;

	(void)state;
	json_array_foreach(runs, r, run) {
		json_t *samples = json_array();

		for (size_t i = 0; i < 20; i++) {
			double at = 0.1 * (double)i;

			set_sample(samples, at, at);
			/* It follows a late one, which had read less. */
			if (i % 5 == 4)
				set_sample(samples, at + 0.001, at + 0.0031);
		}
		json_object_set_new(run, "samples", samples);
	}
	page = render(doc, &err);
	assert_int_equal(err, 0);
	check_page(page);
	peak = strstr(page, ">CPU time</text>");
	assert_non_null(peak);
	peak = strstr(peak, "<text class=\"value\"");
	assert_non_null(peak);
	peak = strchr(peak, '>');
	assert_memory_equal(peak, ">1.00\xe2\x80\xafs<", 9);
	free(page);
	json_decref(doc);
}

/* Load by load; what differs between loads is named, and nothing else. */
static void loads_of_a_matrix_are_told_apart(void **state)
{
	json_t *doc = load(), *verdicts = json_object_get(doc, "verdicts");
	json_t *summary = json_object_get(doc, "summary"), *row;
	char *page;
	size_t i;
	int err;

	(void)state;
	json_array_foreach(summary, i, row) {
		json_object_set_new(row, "concurrency",
				    json_integer(i % 2 ? 1 : 16));
		json_object_set_new(row, "work_us", json_integer(0));
		json_object_set_new(row, "io_us", json_integer(1000));
	}
	json_object_set_new(json_array_get(verdicts, 0), "concurrency",
			    json_integer(16));
	page = render(doc, &err);
	assert_int_equal(err, 0);
	check_page(page);
	assert_non_null(strstr(page,
			       "<figcaption>keepalive, 16 connections"
			       "</figcaption>\n<ul><li>epoll switches least: "
			       "0.1 times per request. The next is fork with "
			       "1.5.<ul><li>It has 2 system calls per request "
			       "against 6.</li>"));
	assert_non_null(strstr(page, "1 connection<"));
	assert_null(strstr(page, "of io"));
	free(page);
	json_decref(doc);
}

/* What the table of the summary has between its first tag and its end. */
static char *summary_of(const char *page)
{
	const char *from = strstr(page, "aria-label=\"Summary by mode");

	assert_non_null(from);
	return strndup(from, (size_t)(strstr(from, "</table>") - from));
}

static void the_summary_marks_lower_bounds(void **state)
{
	json_t *doc = load();
	json_t *row = json_array_get(json_object_get(doc, "summary"), 0);
	char *page, *summary;
	int err;

	(void)state;
	json_object_set_new(row, "standing",
			    json_pack("{s:{s:s, s:s}}",
				      "context_switches_voluntary", "standing",
				      "lower-bound", "why", "a test"));
	page = render(doc, &err);
	assert_int_equal(err, 0);
	summary = summary_of(page);
	assert_non_null(strstr(summary, "Voluntary switches per request\">"
					"<span>\xe2\x89\xa5 "));
	free(summary);
	free(page);
	json_decref(doc);
}

/* What is against times that nobody sees is not told, either. */
static void withheld_times_are_not_judged(void **state)
{
	(void)state;
	for (int emulated = 0; emulated < 2; emulated++) {
		json_t *doc = emulated ? load_emulated() : load();
		json_t *run = json_array_get(json_object_get(doc, "runs"), 0);
		char *page, *summary;
		int err;

		json_object_set_new(run, "valid", json_true());
		json_object_set_new(run, "verdict", json_string("suspect"));
		page = render(doc, &err);
		assert_int_equal(err, 0);
		summary = summary_of(page);
		assert_int_equal(!strstr(summary, " suspect</small>"),
				 emulated);
		assert_int_equal(!strstr(page,
					 "<td class=\"warn\">suspect</td>"),
				 emulated);
		free(summary);
		free(page);
		json_decref(doc);
	}
}

static void nothing_sure_is_said_so(void **state)
{
	json_t *doc = load();
	char *page;
	int err;

	(void)state;
	json_object_del(doc, "verdicts");
	page = render(doc, &err);
	assert_int_equal(err, 0);
	assert_non_null(strstr(page, "No model wins for sure."));
	free(page);
	json_decref(doc);
}

static void unjudged_checks_are_not_ok(void **state)
{
	json_t *doc = load(), *run, *row;
	size_t i, j;
	char *page;
	int err;

	(void)state;
	json_array_foreach(json_object_get(doc, "runs"), i, run)
		json_array_foreach(json_object_get(run, "audit"), j, row)
			json_object_set_new(row, "ok", json_null());
	json_object_set_new(json_object_get(doc, "overall"), "ok",
			    json_false());
	page = render(doc, &err);
	assert_non_null(page);
	assert_non_null(strstr(page, "Not audited."));
	assert_non_null(strstr(page, "not all judged"));
	assert_null(strstr(page, "<td class=\"good\">ok</td><th"));
	free(page);
	json_decref(doc);
}

/* One way to spoil a value; NULL takes it away. */
static const char *const spoils[] = {
	NULL, "null", "\"<q>&\\\"'\\u0007\"", "-1", "0", "1.7e308", "true",
	"[]", "{}",   "[null, \"<u>\", {}]",
};

static void check_spoilt(json_t *root)
{
	int err;
	char *page = render(root, &err);

	if (!page) {
		/* only the schema's own name is needed */
		assert_int_equal(err, -EINVAL);
		return;
	}
	check_page(page);
	assert_null(strstr(page, "<q>"));
	assert_null(strstr(page, "<u>"));
	free(page);
}

static void spoil_members(json_t *root, json_t *at);

static void spoil_key(json_t *root, json_t *object, const char *key)
{
	json_t *kept = json_incref(json_object_get(object, key));

	for (size_t i = 0; i < sizeof(spoils) / sizeof(*spoils); i++) {
		if (spoils[i])
			json_object_set_new(object, key,
					    json_loads(spoils[i],
						       JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, key);
		check_spoilt(root);
	}
	json_object_set_new(object, key, kept);
	spoil_members(root, kept);
}

/* The names of an object's keys, ended by NULL: it changes under the walk. */
static char **keys_of(json_t *object)
{
	char **keys = calloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	size_t n = 0;

	assert_non_null(keys);
	json_object_foreach(object, key, value) {
		keys[n] = strdup(key);
		assert_non_null(keys[n++]);
	}
	return keys;
}

/* Every key at every depth; of a list the first member stands for all. */
static void spoil_members(json_t *root, json_t *at)
{
	char **keys;

	if (json_is_array(at))
		spoil_members(root, json_array_get(at, 0));
	if (!json_is_object(at))
		return;
	keys = keys_of(at);
	for (size_t i = 0; keys[i]; i++) {
		spoil_key(root, at, keys[i]);
		free(keys[i]);
	}
	free(keys);
}

static void page_survives_any_value_of_any_key(void **state)
{
	json_t *doc = load();

	(void)state;
	spoil_members(doc, doc);
	json_decref(doc);
}

#define NARROW "\xe2\x80\xaf"
#define LEAST "\xe2\x89\xa5 "
#define MOST "\xe2\x89\xa4 "

static void assert_has(const char *page, const char *text)
{
	if (!strstr(page, text))
		fail_msg("the page lacks '%s'", text);
}

static size_t count_of(const char *page, const char *text)
{
	size_t n = 0;

	for (const char *p = page; (p = strstr(p, text)); p++)
		n++;
	return n;
}

/* Of fork the calls are the least there were; why numbers lack is told once. */
static void page_shows_calls_and_memory(void **state)
{
	static const char *const expected[] = {
		"<span>" LEAST "6.10</span>",
		"<span>3.20</span>",
		LEAST "before system calls: ",
		"<rect class=\"bar m0 doubt\"",
		"<li>Events " HTML_MISSING
		" fork: it has no loop that waits for events</li>",
		"<li>Slab of the system " HTML_MISSING
		" fork: the slab of the ",
		"data-label=\"Spurious wakeups per task woken\"",
		"<span>320</span>",
		"<span>56.4" NARROW "KiB<small>",
		"<small>per further connection</small>",
		/* What epoll takes once, and the bound of each connection. */
		"<span>2.00" NARROW "MiB</span>",
		"<span>" DOC_AT_MOST "7.23" NARROW "KiB</span>",
		DOC_AT_MOST "before what cannot be told from zero",
		"<span>" DOC_BENT "512" NARROW "B<small>",
		"<dt>EAGAIN</dt>",
	};
	json_t *doc = load();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_non_null(page);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_has(page, expected[i]);
	/* Bars, as there is one number of connections. */
	assert_null(strstr(page, "connections at a time"));
	free(page);
	json_decref(doc);
}

static const int connections[] = { 1, 16, 256 };
#define NR_STEPS (sizeof(connections) / sizeof(*connections))

static void set_median(json_t *row, const char *group, const char *key,
		       double value)
{
	json_object_set_new(json_object_get(row, group), key,
			    json_pack("{s:f, s:f, s:f}", "median", value, "low",
				      value, "high", value));
}

/* The fixture with each row under three numbers of connections. */
static json_t *load_matrix(void)
{
	json_t *doc = load(), *rows = json_array(), *row, *run;
	size_t i;

	assert_non_null(rows);
	json_array_foreach(json_object_get(doc, "summary"), i, row) {
		for (size_t c = 0; c < NR_STEPS; c++) {
			json_t *copy = json_deep_copy(row);

			json_object_set_new(copy, "concurrency",
					    json_integer(connections[c]));
			set_median(copy, "per_request", "cpu_us",
				   100.0 * (double)(c + 1));
			json_array_append_new(rows, copy);
		}
	}
	json_object_set_new(doc, "summary", rows);
	json_array_foreach(json_object_get(doc, "runs"), i, run)
		json_object_set_new(run, "concurrency", json_integer(16));
	return doc;
}

static void connections_make_curves(void **state)
{
	json_t *doc = load_matrix();
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_non_null(page);
	check_page(page);
	assert_has(page, "<h3>close</h3>");
	assert_has(page, "<h3>keepalive</h3>");
	assert_has(page, "<title>Requests per CPU second</title>\n"
			 "<desc>A curve for each model over the number of "
			 "connections. fork: 10.0" NARROW
			 "k at 1, 5000 at 16, 3333 at 256. epoll: 10.0" NARROW
			 "k at 1, 5000 at 16, 3333 at 256.</desc>");
	/* What is measured stands at the axis, and both ends are within. */
	assert_has(page, ">256</text>");
	assert_has(page, ">16</text>");
	/* Beyond reach of a linear axis. */
	assert_has(page, "per request, logarithmic");
	/* The picture, and not bars of each load. */
	assert_null(strstr(page, "whisker\" x1"));
	free(page);
	json_decref(doc);
}

/* A number that is missing breaks its curve; one with a mark is hollow. */
static void curves_show_what_is_withheld_or_doubtful(void **state)
{
	json_t *doc = load_matrix(), *row;
	json_t *summary = json_object_get(doc, "summary");
	size_t hollow, lines;
	char *page;
	int err;

	(void)state;
	page = render(doc, &err);
	assert_non_null(page);
	hollow = count_of(page, " doubt\" x=");
	lines = count_of(page, "<polyline class=\"curve m0\"");
	free(page);
	/* fork keepalive at 16: no run was valid, and one task was not seen. */
	row = json_array_get(summary, 1);
	json_object_set_new(row, "rps", json_null());
	json_object_set_new(row, "standing",
			    json_pack("{s:{s:s}, s:{s:s}}", "cpu_ns",
				      "standing", "lower-bound",
				      "context_switches", "standing",
				      "lower-bound"));
	page = render(doc, &err);
	assert_non_null(page);
	check_page(page);
	assert_has(page,
		   "fork: 3076 at 1, " HTML_MISSING " at 16, 3076 at 256.");
	assert_has(page, "k at 1, " MOST "5000 at 16");
	assert_has(page, LEAST "and " MOST "before what the kernel counted");
	/* Two ends alone are no line. */
	assert_int_equal(count_of(page, "<polyline class=\"curve m0\""),
			 lines - 1);
	assert_true(count_of(page, " doubt\" x=") > hollow);
	free(page);
	json_decref(doc);
}

static void curves_survive_any_value_of_any_key(void **state)
{
	json_t *doc = load_matrix();

	(void)state;
	spoil_members(doc, json_array_get(json_object_get(doc, "summary"), 0));
	json_decref(doc);
}

static void empty_document_has_a_page(void **state)
{
	json_t *doc = json_pack("{s:s}", "schema", "osconcepts-compare/3");
	int err;
	char *page = render(doc, &err);

	(void)state;
	assert_non_null(page);
	check_page(page);
	assert_non_null(strstr(page, "There is no run."));
	assert_non_null(strstr(page, "Not audited."));
	free(page);
	json_decref(doc);
}

static void other_documents_are_refused(void **state)
{
	json_t *doc = json_pack("{s:s}", "schema", "osconcepts-load/1");
	int err;

	(void)state;
	assert_null(render(doc, &err));
	assert_int_equal(err, -EINVAL);
	assert_null(render(NULL, &err));
	assert_int_equal(err, -EINVAL);
	json_decref(doc);
}

static void full_disk_is_an_error(void **state)
{
	struct osc_error e = { 0 };
	FILE *full = fopen("/dev/full", "w");
	json_t *doc = load();

	(void)state;
	assert_non_null(full);
	assert_int_equal(osc_report_html(doc, full, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "No space left"));
	fclose(full);
	json_decref(doc);
}

static void text_is_escaped(void **state)
{
	static const char *const cases[][2] = {
		{ "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
		{ "\xc2\xb5s \xe2\x80\x93 \xf0\x9f\x90\xa7",
		  "\xc2\xb5s \xe2\x80\x93 \xf0\x9f\x90\xa7" },
		{ "\x1b[0m\x7f", "\xef\xbf\xbd[0m\xef\xbf\xbd" },
		/* cut, overlong, surrogate, lone continuation */
		{ "\xe2\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\x80", "\xef\xbf\xbd" },
		/* would turn the line around */
		{ "\xe2\x80\xae"
		  "x",
		  "\xef\xbf\xbdx" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		html_text(out, cases[i][0]);
		fclose(out);
		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

#define MICRO "\xc2\xb5s"

static void numbers_read_well(void **state)
{
	static const struct {
		struct html_number (*format)(double value);
		double value;
		const char *text;
	} cases[] = {
		{ html_count, 0, "0" },
		{ html_count, 5955, "5955" },
		{ html_count, 47375, "47" NARROW "375" },
		{ html_count, -1234567, "-1" NARROW "234" NARROW "567" },
		{ html_count, NAN, HTML_MISSING },
		{ html_value, 0, "0" },
		{ html_value, 2.003, "2.00" },
		{ html_value, 0.0312, "0.031" },
		{ html_value, 9.999, "10.0" },
		{ html_value, 99.97, "100" },
		{ html_value, 9999, "9999" },
		{ html_value, 9999.6, "10.0" NARROW "k" },
		{ html_value, 1e300, "1e+300" },
		{ html_value, INFINITY, HTML_MISSING },
		{ html_microseconds, 0.5, "500" NARROW "ns" },
		{ html_microseconds, 999.7, "1.00" NARROW "ms" },
		{ html_microseconds, 94.7, "94.7" NARROW MICRO },
		{ html_microseconds, 3e6, "3.00" NARROW "s" },
		{ html_microseconds, NAN, HTML_MISSING },
		{ html_bytes, 1073741824, "1.00" NARROW "GiB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(cases[i].format(cases[i].value).text,
				    cases[i].text);
	assert_string_equal(html_round(html_microseconds(3e6)).text,
			    "3" NARROW "s");
	assert_string_equal(html_round(html_value(1.5)).text, "1.5");
	assert_string_equal(html_round(html_value(100)).text, "100");
}

/* cmocka's own comparison takes infinities and NaN for equal to anything. */
static void assert_near(double value, double expected)
{
	assert_true(fabs(value - expected) < 1e-9);
}

static void axis_keeps_values_inside(void **state)
{
	const struct svg_axis x = { 0, 10, 100, 200, false };
	const struct svg_axis log = { 1, 100, 0, 20, true };
	double ticks[SVG_TICKS];

	(void)state;
	assert_near(svg_axis_at(&x, 5), 150);
	assert_near(svg_axis_at(&x, 1e300), 200);
	assert_near(svg_axis_at(&x, NAN), 100);
	assert_near(svg_axis_at(&log, 10), 10);
	assert_near(svg_axis_at(&log, 0), 0);
	assert_int_equal(svg_axis_ticks(&x, ticks), 3);
	assert_near(ticks[2], 10);
	assert_int_equal(svg_axis_ticks(&log, ticks), 3);
	assert_near(ticks[1], 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(numbers_read_well),
		cmocka_unit_test(axis_keeps_values_inside),
		cmocka_unit_test(page_shows_the_comparison),
		cmocka_unit_test(page_needs_no_network_and_no_script),
		cmocka_unit_test(failed_audit_is_open_and_first),
		cmocka_unit_test(a_failed_calibration_is_open),
		cmocka_unit_test(counters_stand_without_a_valid_run),
		cmocka_unit_test(partial_comparison_says_so),
		cmocka_unit_test(times_of_an_emulated_cpu_are_withheld),
		cmocka_unit_test(a_narrow_page_keeps_its_units),
		cmocka_unit_test(each_model_is_explained),
		cmocka_unit_test(no_picture_shows_more_time_than_there_is),
		cmocka_unit_test(loads_of_a_matrix_are_told_apart),
		cmocka_unit_test(page_shows_calls_and_memory),
		cmocka_unit_test(connections_make_curves),
		cmocka_unit_test(curves_show_what_is_withheld_or_doubtful),
		cmocka_unit_test(curves_survive_any_value_of_any_key),
		cmocka_unit_test(nothing_sure_is_said_so),
		cmocka_unit_test(the_summary_marks_lower_bounds),
		cmocka_unit_test(withheld_times_are_not_judged),
		cmocka_unit_test(unjudged_checks_are_not_ok),
		cmocka_unit_test(empty_document_has_a_page),
		cmocka_unit_test(other_documents_are_refused),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(page_survives_any_value_of_any_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
