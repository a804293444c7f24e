// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/held.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "correlate/line.h"
#include "lib/output.h"

#define PAGE 4096.0
/* With fewer the growth is lost in what a server does anyway. */
#define LADDER_FIRST_MIN 16

const char *const osc_held_memory_names[OSC_NR_HELD_MEMORY] = {
	[OSC_HELD_PSS] = "pss",
	[OSC_HELD_USER_STACKS] = "user_stacks",
	[OSC_HELD_PAGE_TABLES] = "page_tables",
	[OSC_HELD_KERNEL_STACKS] = "kernel_stacks",
	[OSC_HELD_SLAB] = "slab",
	[OSC_HELD_OWN] = "own",
	[OSC_HELD_TOTAL] = "total",
};

/*
 * 1, 1.25, 1.5, 2, 3, 4, 6, 8… times the first: the first four are near each
 * other, since a process for each connection takes its time.
 */
size_t osc_held_ladder(uint64_t load, uint64_t most,
		       uint64_t out[OSC_HELD_LEVELS])
{
	uint64_t first = load + load / 2, step;
	size_t n = 0;

	if (first < LADDER_FIRST_MIN)
		first = LADDER_FIRST_MIN;
	/* Where descriptors are short: as many of the first as have room. */
	if (first > most / 2)
		first = most / 2;
	for (size_t i = 0; first && n < OSC_HELD_LEVELS; i++) {
		if (i < 3)
			step = first + first * i / 4;
		else
			step = (i % 2 ? 2 * first : 3 * first) << (i - 3) / 2;
		if (step > most)
			break;
		if (!n || step > out[n - 1])
			out[n++] = step;
	}
	return n < OSC_LINE_LEVELS_MIN ? 0 : n;
}

/* --- one run */

static double since(uint64_t now, uint64_t before)
{
	return (double)now - (double)before;
}

static double memory_of(const struct osc_held_facts *f,
			const struct osc_held_point *p, int n)
{
	const struct osc_memory *now = &p->memory, *fresh = &f->fresh;

	switch (n) {
	case OSC_HELD_PSS:
		return since(now->pss, fresh->pss);
	case OSC_HELD_USER_STACKS:
		return since(now->user_stacks, fresh->user_stacks);
	case OSC_HELD_PAGE_TABLES:
		return since(now->page_tables, fresh->page_tables);
	case OSC_HELD_KERNEL_STACKS:
		return since(now->kernel_stacks, fresh->kernel_stacks);
	case OSC_HELD_SLAB:
		return since(now->system_slab, f->slab_before);
	case OSC_HELD_OWN:
		return memory_of(f, p, OSC_HELD_PSS) +
		       memory_of(f, p, OSC_HELD_PAGE_TABLES) +
		       memory_of(f, p, OSC_HELD_KERNEL_STACKS);
	default:
		return memory_of(f, p, OSC_HELD_OWN) +
		       memory_of(f, p, OSC_HELD_SLAB);
	}
}

static bool stacks_are_hidden(const struct osc_held_facts *f)
{
	bool hidden = f->fresh.stacks_hidden;

	for (size_t i = 0; i < f->n; i++)
		hidden |= f->point[i].memory.stacks_hidden;
	return hidden;
}

static const char *why_no_line(const struct osc_held_facts *f)
{
	if (f->n >= OSC_LINE_LEVELS_MIN)
		return NULL;
	return f->why ? f->why : "no connections were held";
}

static const char *why_no_memory(const struct osc_held_facts *f, int n)
{
	const char *why = why_no_line(f);

	if (why)
		return why;
	if (f->memory_why)
		return f->memory_why;
	if (n == OSC_HELD_USER_STACKS && stacks_are_hidden(f))
		return "a task ran, or /proc does not show where its stack is";
	return NULL;
}

static const char *why_no_counter(const struct osc_held_facts *f, int n)
{
	const char *why = why_no_line(f);

	if (why)
		return why;
	if (f->point[f->n - 1].counts.lost != f->before.lost)
		return "a task ended unseen while connections were held";
	return osc_counts_have(&f->before, n) ? NULL : "it is not counted here";
}

static int add_number(json_t *o, const char *name, double value)
{
	return json_object_set_new(o, name, json_integer(llround(value)));
}

static json_t *point_document(const struct osc_held_facts *f,
			      const struct osc_held_point *p)
{
	json_t *o =
		json_pack("{s:I}", "connections", (json_int_t)p->connections);
	int ret = o ? 0 : -1;

	for (int i = 0; i < OSC_NR_HELD_MEMORY; i++) {
		if (!why_no_memory(f, i))
			ret |= add_number(o, osc_held_memory_names[i],
					  memory_of(f, p, i));
	}
	if (!why_no_memory(f, OSC_HELD_PSS))
		ret |= add_number(o, "huge_pages", (double)p->memory.huge);
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		if (!why_no_counter(f, i))
			ret |= add_number(o, osc_counter_info[i].name,
					  since(p->counts.value[i],
						f->before.value[i]));
	}
	if (!ret)
		return o;
	json_decref(o);
	return NULL;
}

json_t *osc_held_document(const struct osc_held_facts *f)
{
	json_t *points = json_array(), *absent = json_object();
	int ret = 0;

	for (size_t i = 0; i < f->n; i++)
		ret |= json_array_append_new(points,
					     point_document(f, &f->point[i]));
	for (int i = 0; i < OSC_NR_HELD_MEMORY; i++) {
		const char *why = why_no_memory(f, i);

		if (why)
			ret |= json_object_set_new(absent,
						   osc_held_memory_names[i],
						   osc_json_text(why));
	}
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		const char *why = why_no_counter(f, i);

		if (why)
			ret |= json_object_set_new(absent,
						   osc_counter_info[i].name,
						   osc_json_text(why));
	}
	if (!ret)
		return json_pack("{s:o, s:o}", "points", points, "absent",
				 absent);
	json_decref(points);
	json_decref(absent);
	return NULL;
}

/* --- the runs of a row */

struct points {
	struct osc_line_point *p;
	size_t n;
	double hidden; /* of huge pages, per connection; of the worst run */
};

static const json_t *points_of(const json_t *run)
{
	return json_object_get(json_object_get(run, "held"), "points");
}

static int gather(const json_t *const *runs, size_t n, const char *name,
		  struct points *out)
{
	size_t room = 1;

	for (size_t i = 0; i < n; i++)
		room += json_array_size(points_of(runs[i]));
	*out = (struct points){ .p = calloc(room, sizeof(*out->p)) };
	if (!out->p)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const json_t *point;
		size_t j;

		json_array_foreach(points_of(runs[i]), j, point) {
			const json_t *y = json_object_get(point, name);
			double x = json_number_value(
				json_object_get(point, "connections"));
			double huge = json_number_value(
				json_object_get(point, "huge_pages"));

			if (!json_is_number(y) || x <= 0)
				continue;
			out->p[out->n++] =
				(struct osc_line_point){ (unsigned int)i, x,
							 json_number_value(y) };
			if (j + 1 == json_array_size(points_of(runs[i])))
				out->hidden = fmax(out->hidden, huge / x);
		}
	}
	return 0;
}

/* By the first of the runs that says so. */
static const char *why_absent(const json_t *const *runs, size_t n,
			      const char *name)
{
	const char *why = NULL;

	for (size_t i = 0; i < n && !why; i++)
		why = json_string_value(json_object_get(
			json_object_get(json_object_get(runs[i], "held"),
					"absent"),
			name));
	return why ? why : "it was not measured";
}

static const char *const fixed_keys[] = { "fixed", "fixed_low", "fixed_high" };

/* The kinds that `total` is the sum of. */
static const enum osc_held_memory kinds[] = { OSC_HELD_PSS,
					      OSC_HELD_PAGE_TABLES,
					      OSC_HELD_KERNEL_STACKS,
					      OSC_HELD_SLAB };

/* Of which kind the interval is the widest: the doubt about the sum is its. */
static int add_widest(json_t *lines)
{
	json_t *total =
		json_object_get(lines, osc_held_memory_names[OSC_HELD_TOTAL]);
	const char *widest = NULL;
	double most = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const char *name = osc_held_memory_names[kinds[i]];
		struct osc_cost c;

		if (!osc_line_cost(json_object_get(lines, name), OSC_LINE_SLOPE,
				   &c) ||
		    c.high - c.low <= most)
			continue;
		widest = name;
		most = c.high - c.low;
	}
	if (!json_is_object(total) || !widest)
		return 0;
	return json_object_set_new(total, "widest", osc_json_text(widest));
}

/*
 * A connection takes no less than nothing of the slab, whatever others do to it
 * meanwhile: so all of its memory is no less than the server's own.
 */
static int raise_to_own(const json_t *own, json_t *total)
{
	static const char *const keys[] = { "low", "slope", "high" };
	int ret = 0;

	for (size_t i = 0;
	     json_is_object(own) && json_is_object(total) && i < 3; i++) {
		double least = json_number_value(json_object_get(own, keys[i]));

		if (json_number_value(json_object_get(total, keys[i])) < least)
			ret |= json_object_set_new(total, keys[i],
						   json_real(least));
	}
	return ret;
}

/* Where the line of the system's slab would begin is no cost of the server. */
static int drop_fixed(json_t *line)
{
	int ret = 0;

	for (size_t i = 0; json_is_object(line) && i < 3; i++)
		ret |= json_object_set_new(line, fixed_keys[i], json_null());
	return ret;
}

/* Into lines[name], and where there is none why into absent[name]. */
static int add_line(json_t *lines, json_t *absent, const json_t *const *runs,
		    size_t n, const char *name, double quantum, bool in_pages)
{
	struct osc_line_error error = { .quantum = quantum };
	struct osc_line line;
	struct points points;
	bool fits;

	if (gather(runs, n, name, &points))
		return -1;
	if (in_pages)
		error.hidden = points.hidden;
	fits = osc_line_fit(points.p, points.n, &error, &line);
	free(points.p);
	if (fits)
		return json_object_set_new(lines, name,
					   osc_line_document(&line));
	if (json_object_set_new(absent, name,
				osc_json_text(why_absent(runs, n, name))))
		return -1;
	return json_object_set_new(lines, name, json_null());
}

/* Takes both; NULL where `ret` says that memory was short. */
static json_t *finished(json_t *lines, json_t *absent, int ret)
{
	if (json_object_set_new(lines, "absent", absent))
		ret = -1;
	if (!ret)
		return lines;
	json_decref(lines);
	return NULL;
}

static int copy_fixed(const json_t *from, json_t *to)
{
	int ret = 0;

	for (size_t i = 0; json_is_object(from) && json_is_object(to) && i < 3;
	     i++)
		ret |= json_object_set(to, fixed_keys[i],
				       json_object_get(from, fixed_keys[i]));
	return ret;
}

json_t *osc_held_memory_lines(const json_t *const *runs, size_t n)
{
	json_t *lines = json_object(), *absent = json_object();
	int ret = 0;

	for (int i = 0; i < OSC_NR_HELD_MEMORY; i++)
		ret |= add_line(lines, absent, runs, n,
				osc_held_memory_names[i],
				/* A task has a stack of its own or none. */
				i == OSC_HELD_KERNEL_STACKS ? 0 : PAGE,
				i == OSC_HELD_PSS || i >= OSC_HELD_OWN);
	ret |= copy_fixed(json_object_get(lines, "own"),
			  json_object_get(lines, "total"));
	ret |= raise_to_own(json_object_get(lines, "own"),
			    json_object_get(lines, "total"));
	ret |= drop_fixed(json_object_get(lines, "slab"));
	ret |= add_widest(lines);
	return finished(lines, absent, ret);
}

json_t *osc_held_counter_lines(const json_t *const *runs, size_t n)
{
	json_t *lines = json_object(), *absent = json_object();
	int ret = 0;

	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		ret |= add_line(lines, absent, runs, n,
				osc_counter_info[i].name,
				*osc_counter_info[i].unit ? 0 : 1, false);
	return finished(lines, absent, ret);
}
