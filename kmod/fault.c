// SPDX-License-Identifier: GPL-2.0
/*
 * fault.c - page faults of the whole system.
 *
 * Nothing is hooked: the kernel books every fault, and its books are read on
 * demand. Here these are the events behind /proc/vmstat; targets read min_flt
 * and maj_flt of their tasks (record.c).
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "source.h"

/**
 * struct faults - a reading of the kernel's books
 * @minor: pgfault less pgmajfault
 * @major: pgmajfault
 */
struct faults {
	u64 minor;
	u64 major;
};

/* Under the lock: readings in the order they are handed out. */
static DEFINE_MUTEX(fault_lock);
static struct faults base;
static struct faults last;
static bool attached;

static int read_books(struct faults *now)
{
	unsigned long *events;

	events = kcalloc(NR_VM_EVENT_ITEMS, sizeof(*events), GFP_KERNEL);
	if (!events)
		return -ENOMEM;
	all_vm_events(events);
	now->major = events[PGMAJFAULT];
	/* The two are not read at one instant. */
	now->minor = events[PGFAULT] > events[PGMAJFAULT] ?
			     events[PGFAULT] - events[PGMAJFAULT] :
			     0;
	kfree(events);
	return 0;
}

static int fault_attach(void)
{
	int ret;

	ret = read_books(&base);
	if (ret)
		return ret;
	last = base;
	attached = true;
	return 0;
}

static void fault_detach(void)
{
	attached = false;
}

/*
 * A fault may be booked in pgfault at its start and in pgmajfault only when it
 * does I/O, so the difference can step back by the faults in flight. It is
 * shown when it has passed what was shown before: counters never decrease.
 */
static void fault_read(struct osc_counts *counts, int cpu)
{
	struct faults now;

	/* The books of a CPU move to another one when it goes offline. */
	if (!attached || cpu >= 0)
		return;
	mutex_lock(&fault_lock);
	if (!read_books(&now)) {
		last.minor = max(last.minor, now.minor);
		last.major = max(last.major, now.major);
	}
	osc_counts_set(counts, OSC_FAULTS_MINOR, last.minor - base.minor);
	osc_counts_set(counts, OSC_FAULTS_MAJOR, last.major - base.major);
	mutex_unlock(&fault_lock);
}

static void fault_status(struct osc_source_status *status)
{
	struct osc_counts counts = {};

	memset(status, 0, sizeof(*status));
	if (!attached) {
		status->state = OSCONCEPTS_SOURCE_STATE_UNAVAILABLE;
		strscpy(status->why, "no memory to read the kernel's counters",
			sizeof(status->why));
		return;
	}
	status->state = OSCONCEPTS_SOURCE_STATE_ON;
	status->via = OSCONCEPTS_VIA_FIELDS;
	fault_read(&counts, -1);
	status->hits =
		counts.value[OSC_FAULTS_MINOR] + counts.value[OSC_FAULTS_MAJOR];
}

const struct osc_source osc_fault_source = {
	.name = "fault",
	.attach = fault_attach,
	.detach = fault_detach,
	.read = fault_read,
	.status = fault_status,
};
