// SPDX-License-Identifier: GPL-2.0
/*
 * sched.c - context switches of the whole system, by kind.
 *
 * The tracepoint's arguments do not tell the kind: since 6.12.35 a task that
 * blocks with a signal pending is shown as running but booked as voluntary. So
 * what the scheduler booked is read off the task: its nvcsw has grown by one
 * since it was switched in, or it has not. What nvcsw was then is remembered
 * per CPU, which needs no memory per task.
 *
 * Targets need none of this: they read nvcsw and nivcsw on demand (record.c).
 */
#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "source.h"
#include "tracepoint.h"

static bool totals = true;
module_param(totals, bool, 0444);
MODULE_PARM_DESC(totals, "Count switches of the whole system (default: Y)");

/**
 * struct sched_cpu - written by its own CPU alone, with interrupts off
 * @voluntary: switches booked in prev->nvcsw
 * @involuntary: the others
 * @switched_in: nvcsw of the running task when it was switched in
 */
struct sched_cpu {
	u64 voluntary;
	u64 involuntary;
	unsigned long switched_in;
};

static DEFINE_PER_CPU(struct sched_cpu, sched_cpu);
static int attach_error;

/* Interrupts off, under the run-queue lock. */
static notrace void on_switch(void *data, bool preempt,
			      struct task_struct *prev,
			      struct task_struct *next, unsigned int prev_state)
{
	unsigned long voluntary;

	voluntary = prev->nvcsw - this_cpu_read(sched_cpu.switched_in);
	this_cpu_add(sched_cpu.voluntary, voluntary);
	this_cpu_add(sched_cpu.involuntary, 1 - voluntary);
	this_cpu_write(sched_cpu.switched_in, next->nvcsw);
}

static struct osc_probe switch_probe = {
	.name = "sched_switch",
	.func = on_switch,
};

/*
 * Runs on each CPU with interrupts off, once the probe is in place: before
 * that, switched_in is not known, and what was counted with it is void.
 * A CPU that is offline now needs nothing: it comes up in its idle task, which
 * never switches voluntarily, so that its nvcsw is the 0 already there.
 */
static void set_baseline(void *unused)
{
	this_cpu_write(sched_cpu.switched_in, current->nvcsw);
	this_cpu_write(sched_cpu.voluntary, 0);
	this_cpu_write(sched_cpu.involuntary, 0);
}

static int sched_attach(void)
{
	check_trace_callback_type_sched_switch(on_switch);
	if (!totals)
		return 0;
	attach_error = osc_probe_attach(&switch_probe);
	if (!attach_error)
		on_each_cpu(set_baseline, NULL, 1);
	return attach_error;
}

static void sched_detach(void)
{
	osc_probe_detach(&switch_probe);
	tracepoint_synchronize_unregister();
}

static void read_cpu(struct osc_counts *counts, int cpu)
{
	const struct sched_cpu *s = per_cpu_ptr(&sched_cpu, cpu);

	counts->value[OSC_VOLUNTARY] += READ_ONCE(s->voluntary);
	counts->value[OSC_INVOLUNTARY] += READ_ONCE(s->involuntary);
}

static void sched_read(struct osc_counts *counts, int cpu)
{
	if (!switch_probe.tp)
		return;
	osc_counts_set(counts, OSC_VOLUNTARY, 0);
	osc_counts_set(counts, OSC_INVOLUNTARY, 0);
	if (cpu >= 0) {
		read_cpu(counts, cpu);
		return;
	}
	/* CPUs that went offline keep what they have counted. */
	for_each_possible_cpu(cpu)
		read_cpu(counts, cpu);
}

static void sched_status(struct osc_source_status *status)
{
	struct osc_counts counts = {};

	memset(status, 0, sizeof(*status));
	if (switch_probe.tp) {
		status->state = OSCONCEPTS_SOURCE_STATE_ON;
		status->via = OSCONCEPTS_VIA_TRACEPOINT;
		sched_read(&counts, -1);
		status->hits = counts.value[OSC_VOLUNTARY] +
			       counts.value[OSC_INVOLUNTARY];
	} else if (!totals) {
		status->state = OSCONCEPTS_SOURCE_STATE_OFF;
		strscpy(status->why, "totals=0; targets count all the same",
			sizeof(status->why));
	} else {
		status->state = OSCONCEPTS_SOURCE_STATE_UNAVAILABLE;
		snprintf(status->why, sizeof(status->why),
			 "no probe on tracepoint sched_switch (error %d)",
			 attach_error);
	}
}

const struct osc_source osc_sched_source = {
	.name = "sched",
	.attach = sched_attach,
	.detach = sched_detach,
	.read = sched_read,
	.status = sched_status,
};
