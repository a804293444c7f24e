// SPDX-License-Identifier: GPL-2.0
/*
 * timing.c - switches the kinds of timing on and off and keeps the histograms:
 * those of a target from osc_timing_enter() or the switching on, to its end or
 * the switching off. All of it is under the lock of target.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "clock.h"
#include "current.h"
#include "epoll.h"
#include "fault_time.h"
#include "slot.h"
#include "target.h"
#include "timing.h"

/**
 * struct timing - one kind of timing
 * @name: as shown by every surface
 * @source: how it is done
 * @first: its first histogram
 * @nr: how many it has
 * @level: whose events are timed now
 * @since_ns: since when
 */
struct timing {
	const char *name;
	const struct osc_timing_source *source;
	enum osc_histogram_name first;
	unsigned int nr;
	enum osconcepts_timing_level level;
	u64 since_ns;
};

static struct timing timings[OSC_NR_TIMINGS] = {
	[OSC_TIMING_SCHED] = {
		.name = "sched",
		.source = &osc_sched_timing,
		.first = OSC_HIST_RUN_QUEUE_WAIT,
		.nr = 2,
	},
	[OSC_TIMING_OFF_CPU] = {
		.name = "off_cpu",
		.source = &osc_off_cpu_timing,
		.first = OSC_HIST_OFF_CPU_VOLUNTARY,
		.nr = 2,
	},
	[OSC_TIMING_FAULT] = {
		.name = "fault",
		.source = &osc_fault_timing,
		.first = OSC_HIST_FAULT_MINOR,
		.nr = 2,
	},
	[OSC_TIMING_EPOLL] = {
		.name = "epoll",
		.source = &osc_epoll_timing,
		.first = OSC_HIST_EPOLL_WAKE_TO_RUN,
		.nr = 1,
	},
	[OSC_TIMING_EPOLL_RETURN] = {
		.name = "epoll_return",
		.source = &osc_epoll_return_timing,
		.first = OSC_HIST_EPOLL_WAKE_TO_RETURN,
		.nr = 1,
	},
};

const char *const osc_histogram_names[OSC_NR_HISTOGRAMS] = {
	[OSC_HIST_RUN_QUEUE_WAIT] = "run_queue_wait",
	[OSC_HIST_TIME_SLICE] = "time_slice",
	[OSC_HIST_OFF_CPU_VOLUNTARY] = "off_cpu_voluntary",
	[OSC_HIST_OFF_CPU_INVOLUNTARY] = "off_cpu_involuntary",
	[OSC_HIST_FAULT_MINOR] = "fault_minor",
	[OSC_HIST_FAULT_MAJOR] = "fault_major",
	[OSC_HIST_EPOLL_WAKE_TO_RUN] = "epoll_wake_to_run",
	[OSC_HIST_EPOLL_WAKE_TO_RETURN] = "epoll_wake_to_return",
};

const char *const osc_timing_level_names[OSC_NR_TIMING_LEVELS] = {
	[OSCONCEPTS_TIMING_LEVEL_OFF] = "off",
	[OSCONCEPTS_TIMING_LEVEL_TARGETS] = "targets",
	[OSCONCEPTS_TIMING_LEVEL_ALL] = "all",
};

struct osc_histogram __percpu **osc_histograms[OSC_NR_TIMINGS];
DEFINE_STATIC_KEY_ARRAY_FALSE(osc_timing_on, OSC_NR_TIMINGS);
DEFINE_STATIC_KEY_FALSE(osc_timing_all);

/* Between osc_timing_init() and osc_timing_exit(). */
static bool open;

/* What it takes of a target on a CPU. */
static size_t bytes_of(unsigned int timing)
{
	return timings[timing].nr * sizeof(struct osc_histogram);
}

static struct osc_histogram __percpu *alloc_histograms(unsigned int timing)
{
	/* Charged to who adds the target, or switches the timing on. */
	return __alloc_percpu_gfp(bytes_of(timing),
				  __alignof__(struct osc_histogram),
				  GFP_KERNEL_ACCOUNT);
}

/* Frees the histograms of a timing that is off, of everybody. */
static void free_histograms(unsigned int timing)
{
	struct osc_target *target;
	unsigned int slot;

	if (!osc_histograms[timing])
		return;
	for (slot = 1; slot < osc_nr_slots; slot++) {
		target = osc_target_of_slot(slot);
		if (!target)
			continue;
		free_percpu(target->histograms[timing]);
		target->histograms[timing] = NULL;
		kfree(target->carried_times[timing]);
		target->carried_times[timing] = NULL;
	}
	free_percpu(osc_histograms[timing][0]);
	kvfree(osc_histograms[timing]);
	osc_histograms[timing] = NULL;
}

static int carry(struct osc_target *target, unsigned int timing, gfp_t gfp)
{
	if (!target->histograms[timing] || target->carried_times[timing])
		return 0;
	target->carried_times[timing] = kzalloc(bytes_of(timing), gfp);
	return target->carried_times[timing] ? 0 : -ENOMEM;
}

static bool is_nested(const struct osc_target *target)
{
	return osc_nest_outer(target) || !list_empty(&target->inner);
}

static int make_histograms(unsigned int timing, bool all)
{
	struct osc_histogram __percpu **by_slot;
	struct osc_target *target;
	unsigned int slot;

	by_slot = kvcalloc(osc_nr_slots, sizeof(*by_slot), GFP_KERNEL);
	if (!by_slot)
		return -ENOMEM;
	osc_histograms[timing] = by_slot;
	if (all) {
		by_slot[0] = alloc_histograms(timing);
		if (!by_slot[0])
			return -ENOMEM;
	}
	for (slot = 1; slot < osc_nr_slots; slot++) {
		target = osc_target_of_slot(slot);
		if (!target)
			continue;
		by_slot[slot] = alloc_histograms(timing);
		target->histograms[timing] = by_slot[slot];
		if (!by_slot[slot] ||
		    (is_nested(target) &&
		     carry(target, timing, GFP_KERNEL_ACCOUNT)))
			return -ENOMEM;
	}
	return 0;
}

static bool any_of_all(void)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (timings[i].level == OSCONCEPTS_TIMING_LEVEL_ALL)
			return true;
	}
	return false;
}

static void set_all_key(void)
{
	if (any_of_all())
		static_branch_enable(&osc_timing_all);
	else
		static_branch_disable(&osc_timing_all);
}

static void switch_off(unsigned int timing)
{
	struct timing *t = &timings[timing];

	if (t->level == OSCONCEPTS_TIMING_LEVEL_OFF)
		return;
	t->level = OSCONCEPTS_TIMING_LEVEL_OFF;
	t->source->detach();
	set_all_key();
	/* Those that run now may book still. */
	synchronize_rcu();
	free_histograms(timing);
}

static int switch_on(unsigned int timing, enum osconcepts_timing_level level,
		     struct netlink_ext_ack *extack)
{
	bool all = level == OSCONCEPTS_TIMING_LEVEL_ALL;
	struct timing *t = &timings[timing];
	int ret;

	if (t->source->obstacle()) {
		/* A literal, as NL_SET_ERR_MSG() would have it. */
		if (extack)
			extack->_msg = t->source->obstacle();
		return -EOPNOTSUPP;
	}
	if (!osc_targets_may_grow(bytes_of(timing))) {
		NL_SET_ERR_MSG(extack, "the histograms exceed max_memory");
		return -ENOSPC;
	}
	ret = make_histograms(timing, all);
	if (ret) {
		free_histograms(timing);
		NL_SET_ERR_MSG(extack, "no memory for the histograms");
		return ret;
	}
	t->level = level;
	set_all_key();
	t->since_ns = ktime_get_boottime_ns();
	ret = t->source->attach(all);
	if (!ret)
		return 0;
	if (ret == -EBUSY)
		NL_SET_ERR_MSG(extack, "another tracer's, or ftrace is off");
	else
		NL_SET_ERR_MSG(extack, "the hooks could not be attached");
	t->level = OSCONCEPTS_TIMING_LEVEL_OFF;
	set_all_key();
	synchronize_rcu();
	free_histograms(timing);
	return ret;
}

/**
 * osc_timing_find() - a kind of timing by name
 * @name: of the timing
 *
 * Return: an enum osc_timing, or -ENOENT.
 */
int osc_timing_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (!strcmp(timings[i].name, name))
			return i;
	}
	return -ENOENT;
}

static void get_locked(unsigned int timing, struct osc_timing_view *view)
{
	const struct timing *t = &timings[timing];

	memset(view, 0, sizeof(*view));
	view->name = t->name;
	view->level = t->level;
	view->why = t->source->obstacle();
	if (t->level != OSCONCEPTS_TIMING_LEVEL_OFF) {
		view->state = OSCONCEPTS_SOURCE_STATE_ON;
		if (t->source->silencer && t->source->silencer()) {
			view->state = OSCONCEPTS_SOURCE_STATE_SILENCED;
			view->why = t->source->silencer();
		}
		view->lost = t->source->lost();
		view->since_ns = t->since_ns;
	} else {
		view->state = view->why ? OSCONCEPTS_SOURCE_STATE_UNAVAILABLE :
					  OSCONCEPTS_SOURCE_STATE_OFF;
	}
	if (!view->why && t->source->pin)
		view->why =
			t->source->pin(t->level != OSCONCEPTS_TIMING_LEVEL_OFF);
}

/**
 * osc_timing_get() - how a kind of timing does
 * @timing: an enum osc_timing
 * @view: overwritten
 *
 * Context: may sleep.
 */
void osc_timing_get(unsigned int timing, struct osc_timing_view *view)
{
	mutex_lock(&osc_targets_lock);
	get_locked(timing, view);
	mutex_unlock(&osc_targets_lock);
}

static int set_locked(unsigned int timing, u32 level,
		      struct netlink_ext_ack *extack)
{
	if (!open) {
		NL_SET_ERR_MSG(extack, "the module is being unloaded");
		return -ENODEV;
	}
	/* What was measured goes on, if it is asked for again. */
	if (timings[timing].level == level)
		return 0;
	switch_off(timing);
	if (level == OSCONCEPTS_TIMING_LEVEL_OFF)
		return 0;
	return switch_on(timing, level, extack);
}

/**
 * osc_timing_set() - switch a kind of timing on or off
 * @timing: an enum osc_timing
 * @level: whose events are to be timed; another one than now drops the
 *	histograms and begins anew
 * @extack: why not
 *
 * Context: may sleep.
 * Return: 0, -EOPNOTSUPP, -ENOMEM, -ENOSPC where the limit on memory has no
 * room, -ENODEV while the module is being unloaded, or what attaching the hooks
 * returned. On an error the timing is off.
 */
int osc_timing_set(unsigned int timing, u32 level,
		   struct netlink_ext_ack *extack)
{
	int ret;

	mutex_lock(&osc_targets_lock);
	ret = set_locked(timing, level, extack);
	mutex_unlock(&osc_targets_lock);
	return ret;
}

/**
 * osc_timing_bytes() - what is timed takes of each target
 *
 * Context: under the lock of target.c.
 * Return: bytes on each CPU.
 */
size_t osc_timing_bytes(void)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (timings[i].level != OSCONCEPTS_TIMING_LEVEL_OFF)
			bytes += bytes_of(i);
	}
	return bytes;
}

/**
 * osc_timing_enter() - make the histograms of a new target
 * @target: not yet seen by hooks
 *
 * Context: may sleep, under the lock of target.c.
 * Return: 0 or -ENOMEM, with osc_timing_free() to be called either way.
 */
int osc_timing_enter(struct osc_target *target)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (timings[i].level == OSCONCEPTS_TIMING_LEVEL_OFF)
			continue;
		target->histograms[i] = alloc_histograms(i);
		if (!target->histograms[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * osc_timing_publish() - let the hooks see a target's histograms
 * @slot: as for osc_slot_publish()
 * @target: whose histograms
 *
 * Context: under the lock of target.c.
 */
void osc_timing_publish(u16 slot, const struct osc_target *target)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (osc_histograms[i])
			WRITE_ONCE(osc_histograms[i][slot],
				   target->histograms[i]);
	}
}

/**
 * osc_timing_retire() - hide a target's histograms from the hooks
 * @slot: of the target; hooks that run now may write to them for an RCU grace
 *	period
 *
 * Context: under the lock of target.c.
 */
void osc_timing_retire(u16 slot)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (osc_histograms[i])
			WRITE_ONCE(osc_histograms[i][slot], NULL);
	}
}

/**
 * osc_timing_free() - free a target's histograms
 * @target: retired an RCU grace period ago, or never published
 *
 * Context: any but hard interrupts.
 */
void osc_timing_free(struct osc_target *target)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		free_percpu(target->histograms[i]);
		kfree(target->carried_times[i]);
	}
}

/**
 * osc_timing_forget() - a task is new, or new to its target
 * @tid: its number, under which moments of another task, or of a time before,
 *	may be remembered; of what the whole system is timed for, they are lost
 *
 * Context: a hook with preemption off, or under the lock of target.c.
 */
notrace void osc_timing_forget(u32 tid)
{
	osc_off_cpu_forget(tid);
	osc_epoll_time_forget(tid);
	osc_fault_time_forget(tid);
}

static unsigned int timing_of(unsigned int histogram)
{
	unsigned int i = 0;

	while (histogram >= timings[i].first + timings[i].nr)
		i++;
	return i;
}

/**
 * osc_timing_carry() - have room for the times that a target carries
 * @target: that comes to hold another, or to be held
 * @gfp: allocation flags
 *
 * Context: under the lock of target.c.
 * Return: 0 or -ENOMEM.
 */
int osc_timing_carry(struct osc_target *target, gfp_t gfp)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < OSC_NR_TIMINGS && !ret; i++)
		ret = carry(target, i, gfp);
	return ret;
}

static void shift(struct osc_histogram *to, const struct osc_histogram *what,
		  u64 factor)
{
	unsigned int i;

	to->sum += factor * READ_ONCE(what->sum);
	to->useless += factor * READ_ONCE(what->useless);
	for (i = 0; i < OSC_TIME_SLOTS; i++)
		to->slots[i] += factor * READ_ONCE(what->slots[i]);
}

/**
 * osc_timing_shift() - add another target's times to those that one carries
 * @to: carries times
 * @what: the other, without those inside it
 * @sign: 1, or -1 to take them off
 *
 * Context: under the lock of target.c.
 */
void osc_timing_shift(struct osc_target *to, const struct osc_target *what,
		      int sign)
{
	u64 factor = sign;
	unsigned int i, k;
	int cpu;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (!to->carried_times[i] || !what->histograms[i])
			continue;
		for (k = 0; k < timings[i].nr; k++) {
			struct osc_histogram *h = &to->carried_times[i][k];

			if (what->carried_times[i])
				shift(h, &what->carried_times[i][k], factor);
			for_each_possible_cpu(cpu)
				shift(h,
				      per_cpu_ptr(what->histograms[i], cpu) + k,
				      factor);
		}
	}
}

static void sum_up(struct osc_histogram_view *view,
		   const struct osc_histogram *histogram)
{
	unsigned int i;

	view->sum += READ_ONCE(histogram->sum);
	view->useless += READ_ONCE(histogram->useless);
	for (i = 0; i < OSC_TIME_SLOTS; i++)
		view->slots[i] += READ_ONCE(histogram->slots[i]);
}

static void sum_up_cpus(struct osc_histogram_view *view,
			const struct osc_histogram __percpu *histograms,
			unsigned int which)
{
	int cpu;

	for_each_possible_cpu(cpu)
		sum_up(view, per_cpu_ptr(histograms, cpu) + which);
}

static void count_slots(struct osc_histogram_view *view)
{
	unsigned int i;

	for (i = 0; i < OSC_TIME_SLOTS; i++) {
		if (!view->slots[i])
			continue;
		if (!view->count)
			view->first = i;
		view->count += view->slots[i];
		view->end = i + 1;
	}
}

/**
 * osc_timing_read() - read a histogram
 * @target: whose, NULL for the whole system
 * @histogram: an enum osc_histogram_name
 * @view: overwritten
 *
 * Context: may sleep, under the lock of target.c.
 * Return: false when none is kept.
 */
bool osc_timing_read(struct osc_target *target, unsigned int histogram,
		     struct osc_histogram_view *view)
{
	unsigned int timing = timing_of(histogram);
	const struct timing *t = &timings[timing];
	struct osc_target *at;

	if (!osc_histograms[timing])
		return false;
	if (target ? !target->histograms[timing] : !osc_histograms[timing][0])
		return false;
	memset(view, 0, sizeof(*view));
	view->name = osc_histogram_names[histogram];
	view->has_useless = timing == OSC_TIMING_EPOLL_RETURN;
	if (!target)
		sum_up_cpus(view, osc_histograms[timing][0],
			    histogram - t->first);
	for (at = target; at; at = osc_nest_next(at, target)) {
		if (at->carried_times[timing])
			sum_up(view,
			       &at->carried_times[timing][histogram - t->first]);
		sum_up_cpus(view, at->histograms[timing], histogram - t->first);
	}
	count_slots(view);
	view->since_ns = t->since_ns;
	if (target) {
		view->target = target->id;
		view->since_ns = max(view->since_ns, target->since_ns);
	}
	view->time_ns = ktime_get_boottime_ns();
	return true;
}

/* As was asked for before the module was ready to do it. */
static u32 asked_for[OSC_NR_TIMINGS];

static int apply(const u32 *levels)
{
	struct netlink_ext_ack extack = {};
	unsigned int i;
	int ret = 0;

	/* First what goes: it makes room for what comes. */
	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		if (levels[i] != timings[i].level)
			switch_off(i);
	}
	for (i = 0; i < OSC_NR_TIMINGS && !ret; i++) {
		ret = set_locked(i, levels[i], &extack);
		if (ret)
			pr_err("time: %s cannot be switched on (error %d): %s\n",
			       timings[i].name, ret, extack._msg);
	}
	return ret;
}

/* Who loads the module needs no right but to do that. */
static bool may_set(void)
{
	return open ? perfmon_capable() : capable(CAP_SYS_MODULE);
}

/**
 * osc_timing_set_all() - switch every kind of timing on or off
 * @levels: one of enum osconcepts_timing_level for each enum osc_timing; while
 *	the module is being loaded they are kept for osc_timing_init()
 *
 * Those before the one that fails stay as they were asked for, and of those
 * after it the ones that were to change are off; the log says which it was and
 * why.
 *
 * Context: may sleep, in the process that asks.
 * Return: 0, -EPERM for who lacks the capability, or as osc_timing_set().
 */
int osc_timing_set_all(const u32 *levels)
{
	int ret = 0;

	mutex_lock(&osc_targets_lock);
	/* The file's mode asks for root, netlink asks root for more. */
	if (!may_set())
		ret = -EPERM;
	else if (open)
		ret = apply(levels);
	else
		memcpy(asked_for, levels, sizeof(asked_for));
	mutex_unlock(&osc_targets_lock);
	return ret;
}

/**
 * osc_timing_init() - switch on what the parameter asks for
 *
 * Context: may sleep; the sources are attached.
 * Return: 0 or the error of the one that cannot be, with all switched off.
 */
int osc_timing_init(void)
{
	int ret;

	osc_clock_init();
	mutex_lock(&osc_targets_lock);
	open = true;
	ret = apply(asked_for);
	mutex_unlock(&osc_targets_lock);
	if (ret)
		osc_timing_exit();
	return ret;
}

/**
 * osc_timing_exit() - switch everything off, for good
 *
 * Context: may sleep.
 */
void osc_timing_exit(void)
{
	unsigned int i;

	mutex_lock(&osc_targets_lock);
	for (i = 0; i < OSC_NR_TIMINGS; i++)
		switch_off(i);
	open = false;
	mutex_unlock(&osc_targets_lock);
	osc_fault_time_exit();
}
