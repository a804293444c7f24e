// SPDX-License-Identifier: GPL-2.0
/*
 * epoll.c - readiness callbacks and waiter wakeups.
 *
 * epoll has no tracepoint, and most of its functions are inlined away or move
 * between stable updates. Three are called by address, so that they exist
 * under their names in every build:
 *
 *	ep_poll_callback		a watched file has become ready
 *	ep_autoremove_wake_function	a waiter is taken off the queue and woken
 *	ep_ptable_queue_proc		a descriptor is being registered
 *
 * A wakeup is attributed to the waiter, which is in the queue entry. A callback
 * runs in the context of whoever made the file ready, often an interrupt; it
 * is attributed to the owner of the epoll instance (owner.h).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/hardirq.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "canary.h"
#include "epoll.h"
#include "hook.h"
#include "instance.h"
#include "layout.h"
#include "member.h"
#include "owner.h"
#include "slot.h"
#include "source.h"
#include "target.h"
#include "timing.h"

static char *epoll_via = "direct";
module_param(epoll_via, charp, 0444);
MODULE_PARM_DESC(epoll_via, "Cheapest hook to try: direct, ftrace, kprobe");

static DEFINE_PER_CPU(struct osc_slot_counts, totals);
static enum osconcepts_via first_rung;
static int anchor_error;
static bool attached;

/**
 * struct health - whether events reach the hooks
 * @silencer: what keeps them from it, as last seen, or NULL
 * @gaps: how often that began
 * @gap_since_ns: when the last one was noticed, boot time
 */
static struct health {
	const char *silencer;
	u64 gaps;
	u64 gap_since_ns;
} health;

static DEFINE_MUTEX(health_lock);

static __always_inline void attribute_callback(const void *wait)
{
	const void *const *item = osc_layout_item(wait);
	unsigned long slot = osc_instance_slot(osc_layout_instance(item));

	if (static_branch_unlikely(&osc_layout_unproven))
		osc_layout_note(item);
	raw_cpu_write(osc_owner_last, slot);
	this_cpu_inc(READ_ONCE(osc_slot_counts[slot])->epoll_callbacks);
}

/* Interrupts off, under the lock of the file's wait queue. */
static __always_inline void on_ready(void *wait)
{
	this_cpu_inc(totals.epoll_callbacks);
	if (static_branch_unlikely(&osc_targets_exist))
		attribute_callback(wait);
}

static __always_inline const struct task_struct *waiter_of(const void *wait)
{
	return ((const struct wait_queue_entry *)wait)->private;
}

static __always_inline unsigned long count_wakeup(const void *wait)
{
	unsigned long slot = osc_member_slot(waiter_of(wait)->tgid);

	this_cpu_inc(READ_ONCE(osc_slot_counts[slot])->epoll_wakeups);
	if (static_branch_unlikely(&osc_layout_unproven))
		osc_layout_prove(wait);
	osc_owner_waits(wait, slot);
	return slot;
}

/*
 * Not inlined: where wakeups are not timed, a direct call shall not save the
 * registers for it.
 */
static OSC_DIRECT noinline notrace void time_wakeup(const void *wait)
{
	unsigned long slot = 0;

	if (static_branch_unlikely(&osc_targets_exist))
		slot = count_wakeup(wait);
	if (slot || static_branch_unlikely(&osc_timing_all))
		osc_epoll_woken(waiter_of(wait), slot);
}

/* Interrupts off, under the lock of the epoll instance. */
static __always_inline void on_wake(void *wait)
{
	this_cpu_inc(totals.epoll_wakeups);
	/* One way out of line, or else both save registers before they part. */
	if (static_branch_unlikely(&osc_targets_exist) ||
	    static_branch_unlikely(&osc_epoll_timed)) {
		if (static_branch_unlikely(&osc_epoll_timed))
			time_wakeup(wait);
		else
			count_wakeup(wait);
	}
}

/*
 * The registering process, which may sleep; the instance's mutex is held.
 * Preemption goes off before the look at the key, so that whoever turns the key
 * off can wait for those who saw it on.
 */
static __always_inline void on_register(void *pt)
{
	const void *const *item;

	preempt_disable_notrace();
	if (static_branch_unlikely(&osc_targets_exist)) {
		item = osc_layout_new_item(pt);
		if (item)
			osc_owner_registers(osc_layout_instance(item),
					    osc_member_slot(current->tgid));
	}
	preempt_enable_notrace();
}

OSC_DEFINE_HOOK(ready_hook, ep_poll_callback, on_ready, 0);
OSC_DEFINE_HOOK(wake_hook, ep_autoremove_wake_function, on_wake, 0);
OSC_DEFINE_HOOK(register_hook, ep_ptable_queue_proc, on_register, 2);

static struct osc_hook *const hooks[] = {
	&ready_hook,
	&wake_hook,
	&register_hook,
};

static void detach_hooks(void)
{
	unsigned int i = ARRAY_SIZE(hooks);

	while (i--)
		osc_hook_detach(hooks[i]);
	/* Our code may have been preempted in on_register(). */
	synchronize_rcu_tasks();
}

/**
 * osc_epoll_check() - whether the parameter names a way to hook
 *
 * Return: 0 or -EINVAL.
 */
int __init osc_epoll_check(void)
{
	static const char *const names[] = {
		[OSCONCEPTS_VIA_DIRECT] = "direct",
		[OSCONCEPTS_VIA_FTRACE] = "ftrace",
		[OSCONCEPTS_VIA_KPROBE] = "kprobe",
	};
	unsigned int via;

	for (via = OSCONCEPTS_VIA_DIRECT; via < ARRAY_SIZE(names); via++) {
		if (strcmp(epoll_via, names[via]))
			continue;
		first_rung = via;
		return 0;
	}
	pr_err("epoll_via=%s is none of direct, ftrace, kprobe\n", epoll_via);
	return -EINVAL;
}

static const char *find_silencer(void)
{
	const char *silencer = NULL;
	unsigned int i;

	for (i = 0; !silencer && i < ARRAY_SIZE(hooks); i++)
		silencer = osc_hook_silencer(hooks[i]);
	return silencer;
}

/**
 * osc_epoll_look() - see whether the hooks are reached
 *
 * Context: may sleep.
 */
void osc_epoll_look(void)
{
	const char *silencer;

	mutex_lock(&health_lock);
	silencer = find_silencer();
	if (silencer && !health.silencer) {
		WRITE_ONCE(health.gaps, health.gaps + 1);
		health.gap_since_ns = ktime_get_boottime_ns();
		pr_warn("source epoll is silenced: %s\n", silencer);
	}
	if (!silencer && health.silencer)
		pr_notice("source epoll counts again, with a gap\n");
	WRITE_ONCE(health.silencer, silencer);
	mutex_unlock(&health_lock);
}

/* For the gaps that begin and end between two readings. */
#define HEALTH_PERIOD HZ

static void health_work_func(struct work_struct *work);
static DECLARE_DELAYED_WORK(health_work, health_work_func);

static void health_work_func(struct work_struct *work)
{
	osc_epoll_look();
	schedule_delayed_work(&health_work, HEALTH_PERIOD);
}

static int epoll_attach(void)
{
	int ret;

	anchor_error = osc_anchor_attach();
	if (anchor_error)
		return anchor_error;
	ret = osc_hook_attach(&ready_hook, first_rung);
	if (!ret)
		ret = osc_hook_attach(&wake_hook, first_rung);
	if (ret) {
		detach_hooks();
		osc_anchor_detach();
		return ret;
	}
	/* Without it, callbacks count in the totals only. */
	osc_hook_attach(&register_hook, first_rung);
	attached = true;
	schedule_delayed_work(&health_work, HEALTH_PERIOD);
	return 0;
}

static void epoll_detach(void)
{
	if (!attached)
		return;
	cancel_delayed_work_sync(&health_work);
	attached = false;
	detach_hooks();
	osc_anchor_detach();
}

static void read_cpu(struct osc_counts *counts, int cpu)
{
	const struct osc_slot_counts *c = per_cpu_ptr(&totals, cpu);

	counts->value[OSC_EPOLL_CALLBACKS] += READ_ONCE(c->epoll_callbacks);
	counts->value[OSC_EPOLL_WAKEUPS] += READ_ONCE(c->epoll_wakeups);
}

static void epoll_read(struct osc_counts *counts, int cpu)
{
	if (!osc_epoll_has_wakeups())
		return;
	osc_counts_set(counts, OSC_EPOLL_CALLBACKS, 0);
	osc_counts_set(counts, OSC_EPOLL_WAKEUPS, 0);
	if (cpu >= 0) {
		read_cpu(counts, cpu);
		return;
	}
	for_each_possible_cpu(cpu)
		read_cpu(counts, cpu);
}

/* What is not as it should be, the most important thing only. */
static void say_why(struct osc_source_status *status)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		const struct osc_hook *hook = hooks[i];

		if (hook->via == OSCONCEPTS_VIA_NOTHING && hook->error) {
			snprintf(status->why, sizeof(status->why),
				 "cannot hook %s (error %d)%s", hook->function,
				 hook->error,
				 hook == &register_hook ?
					 "; targets have no epoll_callbacks" :
					 "");
			return;
		}
		if (hook->refused == -EOPNOTSUPP)
			strscpy(status->why, osc_direct_obstacle(),
				sizeof(status->why));
		else if (hook->refused)
			snprintf(status->why, sizeof(status->why),
				 "%s %s (error %d)", hook->function,
				 hook->refused == -EBUSY ?
					 "is another tracer's" :
					 "cannot be hooked in the cheapest way",
				 hook->refused);
	}
}

static void show_health(struct osc_source_status *status)
{
	osc_epoll_look();
	mutex_lock(&health_lock);
	if (health.silencer) {
		status->state = OSCONCEPTS_SOURCE_STATE_SILENCED;
		strscpy(status->why, health.silencer, sizeof(status->why));
	}
	status->gaps = health.gaps;
	status->gap_since_ns = health.gap_since_ns;
	mutex_unlock(&health_lock);
}

static void epoll_status(struct osc_source_status *status)
{
	struct osc_counts counts = {};
	unsigned int i;

	memset(status, 0, sizeof(*status));
	if (anchor_error) {
		status->state = OSCONCEPTS_SOURCE_STATE_UNAVAILABLE;
		snprintf(status->why, sizeof(status->why),
			 anchor_error == -EBUSY ?
				 "kernel.ftrace_enabled is off (error %d)" :
				 "no ftrace callback (error %d)",
			 anchor_error);
		return;
	}
	say_why(status);
	if (!osc_epoll_has_wakeups()) {
		status->state = OSCONCEPTS_SOURCE_STATE_UNAVAILABLE;
		return;
	}
	status->state = OSCONCEPTS_SOURCE_STATE_ON;
	show_health(status);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		status->via = max(status->via, hooks[i]->via);
		status->lost += osc_hook_lost(hooks[i]);
	}
	epoll_read(&counts, -1);
	status->hits = counts.value[OSC_EPOLL_CALLBACKS] +
		       counts.value[OSC_EPOLL_WAKEUPS];
}

/**
 * osc_epoll_gaps() - how often the hooks were taken away so far
 * @over: leave out the gap that goes on, if there is one
 *
 * Context: any.
 * Return: their number as of the last look, a second ago at most.
 */
u64 osc_epoll_gaps(bool over)
{
	return READ_ONCE(health.gaps) - (over && READ_ONCE(health.silencer));
}

/**
 * osc_epoll_silencer() - what keeps events from being counted
 *
 * Context: may sleep.
 * Return: NULL when nothing does.
 */
const char *osc_epoll_silencer(void)
{
	const char *silencer;

	osc_epoll_look();
	mutex_lock(&health_lock);
	silencer = health.silencer;
	mutex_unlock(&health_lock);
	return silencer;
}

/**
 * osc_epoll_has_wakeups() - whether epoll_wakeups of a target are counted
 *
 * Return: true when they are.
 */
bool osc_epoll_has_wakeups(void)
{
	return wake_hook.via != OSCONCEPTS_VIA_NOTHING;
}

/**
 * osc_epoll_has_callbacks() - whether epoll_callbacks of a target are counted
 *
 * Return: true when they are.
 */
bool osc_epoll_has_callbacks(void)
{
	return register_hook.via != OSCONCEPTS_VIA_NOTHING;
}

const struct osc_source osc_epoll_source = {
	.name = "epoll",
	.attach = epoll_attach,
	.detach = epoll_detach,
	.read = epoll_read,
	.status = epoll_status,
};
