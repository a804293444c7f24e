// SPDX-License-Identifier: GPL-2.0
/*
 * proc.c - /proc/osconcepts, streamed record by record: the system, a line per
 * CPU, a line per target. Positions: 0 is the system, 1 + N is CPU N, and
 * nr_cpu_ids + ID is a target, so that a reader who comes back after a change
 * neither repeats nor skips a record.
 */
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>

#include "main.h"
#include "proc.h"
#include "reader.h"
#include "source.h"
#include "target.h"
#include "timing.h"

#define FORMAT_VERSION 1

/**
 * struct place - where a reader is
 * @reader: who reads
 * @kind: what is there
 * @cpu: for a CPU
 * @last: no target beyond it is shown
 * @view: for a target
 * @histogram: its histograms or the system's, one after another
 */
struct place {
	struct osc_reader reader;
	enum { PLACE_SYSTEM, PLACE_CPU, PLACE_TARGET } kind;
	int cpu;
	u32 last;
	struct osc_target_view view;
	struct osc_histogram_view histogram;
};

static const char *const state_names[] = {
	[OSCONCEPTS_SOURCE_STATE_UNAVAILABLE] = "unavailable",
	[OSCONCEPTS_SOURCE_STATE_OFF] = "off",
	[OSCONCEPTS_SOURCE_STATE_ON] = "on",
	[OSCONCEPTS_SOURCE_STATE_SILENCED] = "silenced",
};

static const char *const via_names[] = {
	[OSCONCEPTS_VIA_NOTHING] = "nothing",
	[OSCONCEPTS_VIA_FIELDS] = "fields",
	[OSCONCEPTS_VIA_TRACEPOINT] = "tracepoint",
	[OSCONCEPTS_VIA_DIRECT] = "direct",
	[OSCONCEPTS_VIA_FTRACE] = "ftrace",
	[OSCONCEPTS_VIA_KPROBE] = "kprobe",
};

/* The record at *pos, or the next one there is; *pos is set to it. */
static void *find(struct seq_file *m, loff_t *pos)
{
	struct place *place = m->private;
	u32 id;

	if (!*pos) {
		place->kind = PLACE_SYSTEM;
		place->last = osc_target_last();
		return place;
	}
	if (*pos <= nr_cpu_ids) {
		place->cpu = cpumask_next(*pos - 2, cpu_possible_mask);
		if (place->cpu < nr_cpu_ids) {
			place->kind = PLACE_CPU;
			*pos = place->cpu + 1;
			return place;
		}
		*pos = nr_cpu_ids + 1;
	}
	if (*pos - nr_cpu_ids > U32_MAX)
		return NULL;
	id = *pos - nr_cpu_ids;
	if (!osc_target_next(&id, place->last, &place->reader, &place->view))
		return NULL;
	place->kind = PLACE_TARGET;
	*pos = (loff_t)nr_cpu_ids + id;
	return place;
}

static void *osc_seq_start(struct seq_file *m, loff_t *pos)
{
	return find(m, pos);
}

static void *osc_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return find(m, pos);
}

static void osc_seq_stop(struct seq_file *m, void *v)
{
}

/* "name value" or " name=value"; "-" for what is not counted. */
static void show_value(struct seq_file *m, const char *before, const char *name,
		       const char *between, const struct osc_counts *counts,
		       enum osc_counter which)
{
	seq_printf(m, "%s%s%s", before, name, between);
	if (counts->present & BIT(which))
		seq_printf(m, "%llu", counts->value[which]);
	else
		seq_putc(m, '-');
}

static void show_switches(struct seq_file *m, const char *before,
			  const char *between, const struct osc_counts *counts)
{
	struct osc_counts sum = {};

	/* Both or none: they come from one source. */
	if (counts->present & BIT(OSC_VOLUNTARY))
		osc_counts_set(&sum, OSC_VOLUNTARY,
			       counts->value[OSC_VOLUNTARY] +
				       counts->value[OSC_INVOLUNTARY]);
	show_value(m, before, "context_switches", between, &sum, OSC_VOLUNTARY);
}

static void show_sources(struct seq_file *m)
{
	const struct osc_source *source;
	struct osc_source_status status;
	unsigned int i;

	for (i = 0; (source = osc_source_at(i)); i++) {
		source->status(&status);
		seq_printf(m, "source %s state=%s via=%s hits=%llu lost=%llu",
			   source->name, state_names[status.state],
			   via_names[status.via], status.hits, status.lost);
		seq_printf(m, " gaps=%llu", status.gaps);
		if (status.why[0])
			seq_printf(m, " why=%s", status.why);
		seq_putc(m, '\n');
	}
}

static void show_timings(struct seq_file *m)
{
	struct osc_timing_view view;
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		osc_timing_get(i, &view);
		seq_printf(m, "timing %s level=%s state=%s lost=%llu",
			   view.name, osc_timing_level_names[view.level],
			   state_names[view.state], view.lost);
		if (view.why)
			seq_printf(m, " why=%s", view.why);
		seq_putc(m, '\n');
	}
}

static void show_slots(struct seq_file *m,
		       const struct osc_histogram_view *view)
{
	const char *before = "";
	unsigned int i;

	for (i = view->first; i < view->end; i++) {
		if (!view->slots[i])
			continue;
		seq_printf(m, "%s%u:%llu", before, i, view->slots[i]);
		before = ",";
	}
	if (!view->end)
		seq_putc(m, '-');
}

/* Those that are kept for a target, or with @id 0 for the whole system. */
static void show_histograms(struct seq_file *m, u32 id)
{
	struct place *place = m->private;
	struct osc_histogram_view *view = &place->histogram;
	unsigned int i;

	for (i = 0; i < OSC_NR_HISTOGRAMS; i++) {
		if (!osc_target_histogram(id, &place->reader, i, view))
			continue;
		seq_printf(m, "histogram %u %s unit=ns sub_bits=%u", id,
			   view->name, OSC_TIME_SUB_BITS);
		seq_printf(m, " since_ns=%llu count=%llu sum=%llu",
			   view->since_ns, view->count, view->sum);
		if (view->has_useless)
			seq_printf(m, " useless=%llu", view->useless);
		seq_puts(m, " slots=");
		show_slots(m, view);
		seq_putc(m, '\n');
	}
}

static void show_system(struct seq_file *m)
{
	struct osc_source_status epoll;
	struct osc_counts counts;
	u64 targets, refused;
	unsigned int i;

	osc_totals_read(&counts, -1);
	osc_targets_count(&targets, &refused);
	osc_epoll_source.status(&epoll);
	seq_printf(m, "osconcepts %d\n", FORMAT_VERSION);
	seq_printf(m, "module_version %s\n", OSC_MODULE_VERSION);
	seq_printf(m, "since_ns %llu\n", osc_since_ns);
	seq_printf(m, "time_ns %llu\n", ktime_get_boottime_ns());
	show_switches(m, "", " ", &counts);
	for (i = 0; i < OSC_CPU_NS; i++)
		show_value(m, "\n", osc_counter_names[i], " ", &counts, i);
	if (epoll.via != OSCONCEPTS_VIA_NOTHING)
		seq_printf(m, "\nepoll_lost %llu\n", epoll.lost);
	else
		seq_puts(m, "\nepoll_lost -\n");
	seq_printf(m, "targets %llu\ntargets_refused %llu\n", targets, refused);
	show_sources(m);
	show_timings(m);
	show_histograms(m, 0);
}

static void show_cpu(struct seq_file *m, int cpu)
{
	struct osc_counts counts;

	osc_totals_read(&counts, cpu);
	seq_printf(m, "cpu%d", cpu);
	show_switches(m, " ", "=", &counts);
	show_value(m, " ", osc_counter_names[OSC_VOLUNTARY], "=", &counts,
		   OSC_VOLUNTARY);
	show_value(m, " ", osc_counter_names[OSC_INVOLUNTARY], "=", &counts,
		   OSC_INVOLUNTARY);
	show_value(m, " ", osc_counter_names[OSC_EPOLL_CALLBACKS], "=", &counts,
		   OSC_EPOLL_CALLBACKS);
	show_value(m, " ", osc_counter_names[OSC_EPOLL_WAKEUPS], "=", &counts,
		   OSC_EPOLL_WAKEUPS);
	seq_putc(m, '\n');
}

static const char *name_of(enum osconcepts_target_state state)
{
	return state == OSCONCEPTS_TARGET_STATE_LIVE ? "live" : "exited";
}

static void show_target(struct seq_file *m, const struct osc_target_view *view)
{
	unsigned int i;

	seq_printf(m, "target %u pid=%u uid=%u state=%s", view->id, view->pid,
		   from_kuid_munged(seq_user_ns(m), view->owner),
		   name_of(view->state));
	seq_printf(m, " root_state=%s root_start_ns=%llu",
		   name_of(view->root_state), view->root_start_ns);
	seq_printf(m, " tasks_live=%llu tasks_exited=%llu lost=%llu",
		   view->tasks_live, view->tasks_exited, view->lost);
	show_switches(m, " ", "=", &view->counts);
	for (i = 0; i < OSC_NR_COUNTERS; i++)
		show_value(m, " ", osc_counter_names[i], "=", &view->counts, i);
	if (view->counts.present & BIT(OSC_EPOLL_CALLBACKS))
		seq_printf(m, " epoll_callbacks_unknown=%llu",
			   view->callbacks_unknown);
	else
		seq_puts(m, " epoll_callbacks_unknown=-");
	/* Last: a name may hold anything. */
	seq_puts(m, " comm=");
	seq_escape(m, view->comm, " \t\n\\");
	seq_putc(m, '\n');
}

static int osc_seq_show(struct seq_file *m, void *v)
{
	const struct place *place = v;

	switch (place->kind) {
	case PLACE_SYSTEM:
		show_system(m);
		break;
	case PLACE_CPU:
		show_cpu(m, place->cpu);
		break;
	case PLACE_TARGET:
		show_target(m, &place->view);
		show_histograms(m, place->view.id);
		break;
	}
	return 0;
}

static const struct seq_operations osc_seq_ops = {
	.start = osc_seq_start,
	.next = osc_seq_next,
	.stop = osc_seq_stop,
	.show = osc_seq_show,
};

static int osc_proc_open(struct inode *inode, struct file *file)
{
	struct place *place;

	place = __seq_open_private(file, &osc_seq_ops, sizeof(*place));
	if (!place)
		return -ENOMEM;
	osc_reader_of_file(file, &place->reader);
	return 0;
}

static const struct proc_ops osc_proc_ops = {
	.proc_open = osc_proc_open,
	.proc_read = seq_read,
	.proc_read_iter = seq_read_iter,
	.proc_lseek = seq_lseek,
	.proc_release = seq_release_private,
};

/**
 * osc_proc_init() - make /proc/osconcepts
 *
 * Return: 0 or -ENOMEM.
 */
int __init osc_proc_init(void)
{
	return proc_create("osconcepts", 0444, NULL, &osc_proc_ops) ? 0 :
								      -ENOMEM;
}

/**
 * osc_proc_exit() - remove it; no reader is inside when this returns
 */
void osc_proc_exit(void)
{
	remove_proc_entry("osconcepts", NULL);
}
