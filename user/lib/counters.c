// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/module.h"
#include "lib/parse.h"

const struct osc_counter_info osc_counter_info[OSC_NR_COUNTERS] = {
	[OSC_SWITCHES] = { "context_switches", "",
			   "times a CPU went from one task to another" },
	[OSC_SWITCHES_VOLUNTARY] = { "context_switches_voluntary", "",
				     "switches because the task blocked" },
	[OSC_SWITCHES_INVOLUNTARY] = { "context_switches_involuntary", "",
				       "switches while the task could have "
				       "gone on" },
	[OSC_FAULTS_MINOR] = { "page_faults_minor", "",
			       "page faults served without I/O" },
	[OSC_FAULTS_MAJOR] = { "page_faults_major", "",
			       "page faults that waited for I/O" },
	[OSC_EPOLL_CALLBACKS] = { "epoll_callbacks", "",
				  "events reported to an epoll instance" },
	[OSC_EPOLL_WAKEUPS] = { "epoll_wakeups", "",
				"waiters woken from epoll_wait" },
	[OSC_CPU_NS] = { "cpu_ns", "ns", "time on a CPU" },
	[OSC_RUN_DELAY_NS] = { "run_delay_ns", "ns",
			       "time runnable but waiting for a CPU" },
};

struct osc_counters {
	const struct osc_counters_ops *ops;
	void *state;
};

static uint64_t rise(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/*
 * What was unknown before may be among the known ones now, with nothing of it
 * done in between: then so many fewer are of the interval.
 */
static void callbacks_since(const struct osc_counts *now,
			    const struct osc_counts *before,
			    struct osc_counts *d)
{
	uint64_t *value = &d->value[OSC_EPOLL_CALLBACKS];
	uint64_t older = before->callbacks_unknown;

	d->callbacks_unknown = 0;
	if (!osc_counts_have(d, OSC_EPOLL_CALLBACKS))
		return;
	if (older > *value)
		older = *value;
	*value -= older;
	d->callbacks_unknown = now->callbacks_unknown + older;
}

void osc_counts_since(const struct osc_counts *now,
		      const struct osc_counts *before, struct osc_counts *out)
{
	struct osc_counts d = *now;

	d.present = now->present & before->present;
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		d.value[i] = d.present >> i & 1 ?
				     now->value[i] - before->value[i] :
				     0;
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		d.missed[i] -= before->missed[i];
	callbacks_since(now, before, &d);
	d.cpu_most_ns = d.cpus * (now->time_ns - before->time_ns);
	/* Of the two, one may have been proved by other means. */
	d.unproved = rise(now->unproved, before->unproved);
	d.tasks_exited -= before->tasks_exited;
	d.lost -= before->lost;
	*out = d;
}

void osc_counts_missed(struct osc_counts *c, uint64_t occasions)
{
	for (int i = 0; i < OSC_NR_COUNTERS; i++)
		c->missed[i] += occasions;
}

void osc_counts_add(struct osc_counts *a, const struct osc_counts *b)
{
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		if (b->present >> i & 1)
			a->value[i] += b->value[i];
		a->missed[i] += b->missed[i];
	}
	a->callbacks_unknown += b->callbacks_unknown;
	a->present |= b->present;
	a->backend = b->backend;
}

int osc_counters_kind_parse(const char *text, enum osc_counters_kind *out,
			    struct osc_error *e)
{
	static const char *const names[] = {
		[OSC_COUNTERS_AUTO] = "auto",
		[OSC_COUNTERS_MODULE] = "module",
		[OSC_COUNTERS_PROCFS] = "procfs",
		NULL,
	};
	int kind = osc_parse_word("backend", text, names, e);

	if (kind >= 0)
		*out = (enum osc_counters_kind)kind;
	return kind < 0 ? kind : 0;
}

/* In the order in which AUTO asks them. */
static const struct osc_counters_ops *const sources[] = {
	&osc_module_ops,
	&osc_procfs_ops,
};

static int open_first(struct osc_counters *c, const char *name,
		      struct osc_error *e)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		int ret;

		if (name && strcmp(name, sources[i]->name))
			continue;
		ret = sources[i]->open(&c->state, e);
		if (ret == -ENOENT)
			continue;
		c->ops = sources[i];
		return ret;
	}
	return osc_module_missing("count with the module", e);
}

int osc_counters_open(struct osc_counters **out, enum osc_counters_kind kind,
		      struct osc_error *e)
{
	static const char *const wanted[] = {
		[OSC_COUNTERS_AUTO] = NULL,
		[OSC_COUNTERS_MODULE] = "module",
		[OSC_COUNTERS_PROCFS] = "procfs",
	};
	struct osc_counters *c = calloc(1, sizeof(*c));
	int ret;

	*out = NULL;
	if (!c)
		return osc_error_set(e, ENOMEM,
				     "cannot open the counters: out of "
				     "memory");
	ret = open_first(c, wanted[kind], e);
	if (ret) {
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}

void osc_counters_close(struct osc_counters *c)
{
	if (!c)
		return;
	c->ops->close(c->state);
	free(c);
}

const char *osc_counters_source(const struct osc_counters *c)
{
	return c->ops->name;
}

struct osc_module *osc_counters_module(struct osc_counters *c)
{
	return c->ops == &osc_module_ops ? c->state : NULL;
}

void *osc_counters_state(struct osc_counters *c)
{
	return c->state;
}

int osc_counters_totals(struct osc_counters *c, struct osc_counts *out,
			struct osc_error *e)
{
	return c->ops->totals(c->state, out, e);
}

int osc_counters_watch(struct osc_counters *c, pid_t pid, unsigned int flags,
		       uint32_t *id, struct osc_error *e)
{
	return c->ops->watch(c->state, pid, flags, id, e);
}

int osc_counters_read(struct osc_counters *c, uint32_t id,
		      struct osc_counts *out, struct osc_error *e)
{
	return c->ops->read(c->state, id, out, e);
}

int osc_counters_read_final(struct osc_counters *c, uint32_t id,
			    struct osc_counts *out, struct osc_error *e)
{
	const struct timespec pause = { .tv_nsec = (long)OSC_NS_PER_MS };
	int ret = osc_counters_read(c, id, out, e);

	for (int i = 0; i < 20 && !ret && out->tasks_live; i++) {
		nanosleep(&pause, NULL);
		ret = osc_counters_read(c, id, out, e);
	}
	return ret;
}

int osc_counters_unwatch(struct osc_counters *c, uint32_t id,
			 struct osc_error *e)
{
	return c->ops->unwatch(c->state, id, e);
}
