// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/holding.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "lib/error.h"
#include "servers/engine.h"

/* Of the daemon's descriptors, those that it needs for itself. */
#define SPARE 256

/* The first reason stays. */
static void note(char (*why)[160], const char **fact, const char *text)
{
	if (!**why)
		snprintf(*why, sizeof(*why), "%.159s", text);
	*fact = *why;
}

/* Without rights to read it, or on an older kernel, the run goes on. */
static void read_memory(struct osc_holding *h, const struct osc_hosted *s,
			struct osc_memory *m, struct osc_held_facts *f)
{
	struct osc_error e;

	if (osc_memory_read(s->child.pid, m, &e))
		note(&h->memory_why, &f->memory_why, e.text);
}

void osc_holding_fresh(struct osc_holding *h, const struct osc_hosted *s,
		       struct osc_held_facts *f)
{
	read_memory(h, s, &f->fresh, f);
}

/* As many connections as the daemon and the server have descriptors for. */
static uint64_t most_connections(const struct osc_engine *engine)
{
	struct rlimit limit;
	uint64_t most = UINT32_MAX;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < most)
		most = limit.rlim_cur;
	if (engine->descriptors_max && engine->descriptors_max < most)
		most = engine->descriptors_max;
	return most > SPARE ? most - SPARE : 0;
}

bool osc_holding_missing(const struct osc_holding *h,
			 const struct osc_held_facts *f)
{
	return h->connections.n < h->ladder[f->n];
}

bool osc_holding_open(struct osc_holding *h, const struct osc_hosted *s,
		      struct osc_held_facts *f)
{
	struct osc_error e;
	int ret = osc_hold_open(&h->connections, s->options.address, s->port,
				h->ladder[f->n], &e);

	h->opened |= h->connections.n;
	if (ret)
		note(&h->why, &f->why, e.text);
	return !ret;
}

bool osc_holding_begin(struct osc_holding *h, const struct osc_hosted *s,
		       uint64_t load, struct osc_held_facts *f)
{
	const struct osc_engine *engine = osc_engine_find(s->options.model);
	struct osc_error e;

	h->nr_ladder =
		osc_held_ladder(load, most_connections(engine), h->ladder);
	if (engine->one_at_a_time)
		note(&h->why, &f->why, "it takes one connection at a time");
	else if (!h->nr_ladder)
		note(&h->why, &f->why,
		     "there are too few descriptors; try a higher 'ulimit -n'");
	else if (osc_slab_read(&f->slab_before, &e))
		note(&h->why, &f->why, e.text);
	return !f->why && osc_holding_open(h, s, f);
}

static bool wants_more(const struct osc_holding *h, bool has_time,
		       const struct osc_held_facts *f)
{
	bool makes_tasks = f->point[0].counts.tasks_live > f->before.tasks_live;

	return f->n < h->nr_ladder &&
	       (has_time || f->n < (makes_tasks ? OSC_HELD_LEVELS_MIN :
						  OSC_HELD_LEVELS_LOOP));
}

bool osc_holding_take(struct osc_holding *h, const struct osc_hosted *s,
		      uint64_t open, const struct osc_counts *counts,
		      bool has_time, struct osc_held_facts *f)
{
	struct osc_held_point *p = &f->point[f->n];
	uint64_t wanted = h->ladder[f->n];
	char text[160];

	if (open == wanted) {
		*p = (struct osc_held_point){ .connections = wanted,
					      .counts = *counts };
		read_memory(h, s, &p->memory, f);
		f->n++;
		if (wants_more(h, has_time, f) && osc_holding_open(h, s, f))
			return true;
	} else {
		snprintf(text, sizeof(text),
			 "it took %" PRIu64 " of %" PRIu64 " connections", open,
			 wanted);
		note(&h->why, &f->why, text);
	}
	return false;
}

void osc_holding_end(struct osc_holding *h, struct osc_held_facts *f,
		     const char *why)
{
	note(&h->why, &f->why, why);
}
