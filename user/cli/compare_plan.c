// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The matrix: what is to be run, by which members of a run one sees which of
 * it that was, and what an earlier command has done of it already.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/compare.h"
#include "correlate/compare.h"
#include "lib/output.h"

size_t osc_compare_rows(const struct osc_compare_settings *s)
{
	return s->models.n * s->modes.n * s->connections.n * s->work_us.n *
	       s->io_us.n;
}

/* The next lower digit of a number whose digits have different bases. */
static size_t digit(size_t *row, size_t base)
{
	size_t d = *row % base;

	*row /= base;
	return d;
}

struct osc_compare_item osc_compare_item(const struct osc_compare_settings *s,
					 size_t row, unsigned int run)
{
	struct osc_compare_item item = { .run = run };

	/* Models and modes turn fastest: what is compared is close in time. */
	item.mode = s->modes.word[digit(&row, s->modes.n)];
	item.model = s->models.word[digit(&row, s->models.n)];
	item.connections = s->connections.number[digit(&row, s->connections.n)];
	item.work_us = s->work_us.number[digit(&row, s->work_us.n)];
	item.io_us = s->io_us.number[digit(&row, s->io_us.n)];
	return item;
}

const char *osc_compare_path(const struct osc_compare_settings *s,
			     const struct osc_compare_item *item, char *out,
			     size_t size)
{
	if (s->path)
		return s->path;
	if (item->work_us && item->io_us)
		snprintf(out, size, "/work/%" PRIu64 "/sleep/%" PRIu64,
			 item->work_us, item->io_us);
	else if (item->work_us)
		snprintf(out, size, "/work/%" PRIu64, item->work_us);
	else if (item->io_us)
		snprintf(out, size, "/sleep/%" PRIu64, item->io_us);
	else
		snprintf(out, size, "/");
	return out;
}

static void append(char *out, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *out, size_t size, const char *fmt, ...)
{
	size_t length = strlen(out);
	va_list args;

	va_start(args, fmt);
	vsnprintf(out + length, size - length, fmt, args);
	va_end(args);
}

/* As people write it: 100us, 2ms, 1s. */
static void append_time(char *out, size_t size, const char *before, uint64_t us,
			const char *behind)
{
	static const char *const units[] = { "us", "ms", "s" };
	size_t unit = 0;

	while (us && !(us % 1000) && unit < 2) {
		us /= 1000;
		unit++;
	}
	append(out, size, "%s%" PRIu64 "%s%s", before, us, units[unit], behind);
}

void osc_compare_name(const struct osc_compare_settings *s,
		      const struct osc_compare_item *item, char *out,
		      size_t size)
{
	snprintf(out, size, "%s %s", item->model, item->mode);
	if (s->connections.n > 1)
		append(out, size, " -c %" PRIu64, item->connections);
	if (s->work_us.n > 1)
		append_time(out, size, " work ", item->work_us, "");
	if (s->io_us.n > 1)
		append_time(out, size, " io ", item->io_us, "");
}

int osc_compare_mark(json_t *run, const struct osc_compare_item *item)
{
	json_t *key = json_pack("{s:o, s:o, s:I, s:I, s:I, s:i}", "model",
				osc_json_text(item->model), "mode",
				osc_json_text(item->mode), "concurrency",
				(json_int_t)item->connections, "work_us",
				(json_int_t)item->work_us, "io_us",
				(json_int_t)item->io_us, "run", (int)item->run);
	int ret = key ? json_object_update(run, key) : -1;

	json_decref(key);
	return ret ? -ENOMEM : 0;
}

static bool is_text(const json_t *run, const char *key, const char *text)
{
	const char *its = json_string_value(json_object_get(run, key));

	return its && !strcmp(its, text);
}

static uint64_t number(const json_t *run, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(run, key));
}

bool osc_compare_is_done(const json_t *runs,
			 const struct osc_compare_item *item)
{
	const json_t *run;
	size_t i;

	json_array_foreach(runs, i, run) {
		if (is_text(run, "model", item->model) &&
		    is_text(run, "mode", item->mode) &&
		    number(run, "concurrency") == item->connections &&
		    number(run, "work_us") == item->work_us &&
		    number(run, "io_us") == item->io_us &&
		    number(run, "run") == item->run)
			return true;
	}
	return false;
}

void osc_compare_scenario(const json_t *run, char *out, size_t size)
{
	uint64_t connections = number(run, "concurrency");

	int n = snprintf(out, size, "%" PRIu64 " connection%s", connections,
			 connections == 1 ? "" : "s");

	osc_compare_times(run, out + n, size - (size_t)n);
}

void osc_compare_times(const json_t *run, char *out, size_t size)
{
	*out = '\0';
	if (number(run, "work_us"))
		append_time(out, size, ", ", number(run, "work_us"),
			    " of work");
	if (number(run, "io_us"))
		append_time(out, size, ", ", number(run, "io_us"), " of io");
}

/* True where both have no such member, too. */
static bool is_same(const json_t *a, const json_t *b, const char *key)
{
	const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);

	return x == y || json_equal(x, y);
}

static bool is_of_same(const json_t *earlier, const json_t *config,
		       const json_t *platform, const char *source)
{
	static const char *const keys[] = { "kernel", "cpu_model",
					    "cpus_allowed", "module_version" };
	const json_t *machine = json_object_get(earlier, "platform");
	bool same = is_text(earlier, "source", source) &&
		    json_equal(json_object_get(earlier, "config"), config);

	for (size_t i = 0; same && i < sizeof(keys) / sizeof(*keys); i++)
		same = is_same(machine, platform, keys[i]);
	return same && json_is_array(json_object_get(earlier, "runs"));
}

/* Runs of an older format do not say which of their numbers are lower bounds. */
static int check_format(const struct osc_compare_settings *s,
			const json_t *earlier, struct osc_error *e)
{
	const char *schema =
		json_string_value(json_object_get(earlier, "schema"));

	if (schema && !strcmp(schema, OSC_COMPARE_SCHEMA))
		return 0;
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--resume: '%s' has the format '%.40s', not "
				  "'" OSC_COMPARE_SCHEMA
				  "': its runs cannot be used; try "
				  "another file, or without --resume",
				  s->json, schema ?: "unknown");
}

int osc_compare_resume(const struct osc_compare_settings *s,
		       const json_t *config, const json_t *platform,
		       const char *source, json_t **earlier,
		       struct osc_error *e)
{
	json_error_t error;
	int ret;

	*earlier = NULL;
	if (access(s->json, F_OK) && errno == ENOENT)
		return 0;
	*earlier = json_load_file(s->json, 0, &error);
	if (!*earlier)
		return osc_error_set(e, EINVAL,
				     "--resume: cannot read '%s': %s; try "
				     "another file, or without --resume",
				     s->json, error.text);
	ret = check_format(s, *earlier, e);
	if (!ret && !is_of_same(*earlier, config, platform, source))
		ret = osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--resume: '%s' is of another comparison (its options, "
			"kernel, CPUs or source differ); try the same options, "
			"or another file",
			s->json);
	if (!ret)
		return 0;
	json_decref(*earlier);
	*earlier = NULL;
	return ret;
}
