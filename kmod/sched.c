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
 *
 * The time level shares the probe. No clock is read for slices and waits: the
 * scheduler has measured both already, and what it has booked between a task's
 * switch-in and its switch-out is the slice and the wait before it.
 */
#include <linux/cpumask.h>
#include <linux/jump_label.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "clock.h"
#include "current.h"
#include "epoll.h"
#include "member.h"
#include "moment.h"
#include "slot.h"
#include "source.h"
#include "timing.h"
#include "tracepoint.h"

static bool totals = true;
module_param(totals, bool, 0444);
MODULE_PARM_DESC(totals, "Count switches of the whole system (default: Y)");

/**
 * struct sched_cpu - written by its own CPU alone, with interrupts off
 * @voluntary: switches booked in prev->nvcsw
 * @switches: all of them; written after @voluntary
 * @switched_in: nvcsw of the running task when it was switched in
 * @exec: its se.sum_exec_runtime then, if it is timed
 * @delay: its sched_info.run_delay then, likewise
 * @nvcsw: as @switched_in, likewise
 * @involuntary: as last read, under totals_lock
 * @cut: a task that came to be a target's amid its slice, which for the whole
 *	system goes on: of the one that began at @cut_exec it holds
 * @cut_exec: @exec after the cut
 * @whole_exec: @exec before it
 * @whole_delay: @delay before it
 */
struct sched_cpu {
	u64 voluntary;
	u64 switches;
	unsigned long switched_in;
	u64 exec;
	u64 delay;
	unsigned long nvcsw;
	u64 involuntary;
	const struct task_struct *cut;
	u64 cut_exec;
	u64 whole_exec;
	u64 whole_delay;
};

DEFINE_PER_CPU(u32, osc_current_slot);
DEFINE_STATIC_KEY_FALSE(osc_current_followed);

static DEFINE_PER_CPU(struct sched_cpu, sched_cpu);
static DEFINE_STATIC_KEY_FALSE(counted);
static unsigned int nr_timed; /* kinds of timing that need the probe */
static struct osc_moments left;
static int attach_error;

static DEFINE_MUTEX(totals_lock);

/* By %gs, not by a pointer: that is half the instructions. */
static __always_inline void count(const struct task_struct *prev,
				  const struct task_struct *next)
{
	this_cpu_add(sched_cpu.voluntary,
		     prev->nvcsw - this_cpu_read(sched_cpu.switched_in));
	/* Pairs with the smp_rmb() in read_cpu(). */
	smp_wmb();
	this_cpu_inc(sched_cpu.switches);
	this_cpu_write(sched_cpu.switched_in, next->nvcsw);
}

/*
 * Whether somebody is interested in the times of a task. The system's are those
 * of tasks, not of idleness.
 */
static __always_inline bool is_timed(const struct task_struct *task,
				     unsigned long slot)
{
	if (static_branch_unlikely(&osc_timing_all) && !slot)
		return !is_idle_task(task);
	return slot;
}

static __always_inline void book_slice_of(unsigned long slot, u64 wait,
					  u64 slice)
{
	struct osc_histogram __percpu *histograms =
		READ_ONCE(osc_histograms[OSC_TIMING_SCHED][slot]);
	struct osc_histogram *h;

	if (unlikely(!histograms))
		return;
	h = raw_cpu_ptr(histograms);
	osc_histogram_add(&h[0], wait);
	osc_histogram_add(&h[1], slice);
}

/* Whether what of the slice is the target's is not all of it. */
static __always_inline bool is_cut(const struct sched_cpu *s,
				   const struct task_struct *task)
{
	return unlikely(s->cut == task) && s->cut_exec == s->exec;
}

static __always_inline u64 wait_of(const struct sched_cpu *s,
				   const struct task_struct *task)
{
	return task->sched_info.run_delay - s->delay;
}

static __always_inline u64 slice_of(const struct sched_cpu *s,
				    const struct task_struct *task)
{
	return task->se.sum_exec_runtime - s->exec;
}

/* For the whole system, and for the target; apart, so as to cost those nothing. */
static noinline notrace void book_slice_all(struct sched_cpu *s,
					    const struct task_struct *task,
					    unsigned long slot)
{
	u64 wait = wait_of(s, task), slice = slice_of(s, task);

	if (slot)
		book_slice_of(slot, wait, slice);
	if (is_cut(s, task)) {
		wait = task->sched_info.run_delay - s->whole_delay;
		slice = task->se.sum_exec_runtime - s->whole_exec;
		s->cut = NULL;
	}
	book_slice_of(0, wait, slice);
}

static __always_inline void book_slice(struct sched_cpu *s,
				       const struct task_struct *task,
				       unsigned long slot)
{
	if (!static_branch_likely(&osc_timing_on[OSC_TIMING_SCHED]))
		return;
	if (static_branch_unlikely(&osc_timing_all))
		book_slice_all(s, task, slot);
	else
		book_slice_of(slot, wait_of(s, task), slice_of(s, task));
}

static __always_inline void begin_slice(struct sched_cpu *s,
					const struct task_struct *task)
{
	s->exec = task->se.sum_exec_runtime;
	s->delay = task->sched_info.run_delay;
}

static __always_inline unsigned long enter(const struct task_struct *task)
{
	unsigned long slot = osc_member_slot(task->tgid);

	raw_cpu_write(osc_current_slot, slot);
	return slot;
}

/* More is timed at a switch than slices. */
static __always_inline bool is_more_timed(void)
{
	return static_branch_unlikely(&osc_timing_on[OSC_TIMING_OFF_CPU]) ||
	       static_branch_unlikely(&osc_timing_on[OSC_TIMING_EPOLL]);
}

/* A timed task is being switched out. */
static void leave(struct sched_cpu *s, const struct task_struct *task,
		  unsigned long slot)
{
	book_slice(s, task, slot);
	/* After its last switch, the next one under that number is another. */
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_OFF_CPU]) &&
	    READ_ONCE(task->__state) != TASK_DEAD)
		osc_moment_put(&left, task->pid, task->nvcsw == s->nvcsw,
			       osc_clock());
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_EPOLL]))
		osc_epoll_switched_out(task, slot);
}

static __always_inline void book_off_cpu(const struct task_struct *task,
					 unsigned long slot)
{
	struct osc_moment moment;

	if (osc_moment_take(&left, task->pid, &moment))
		osc_timing_book_both(OSC_TIMING_OFF_CPU, slot, moment.kind,
				     osc_clock_ns(moment.time, osc_clock()));
}

/* A timed task is being switched in. */
static void arrive(struct sched_cpu *s, const struct task_struct *task,
		   unsigned long slot)
{
	begin_slice(s, task);
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_OFF_CPU])) {
		s->nvcsw = task->nvcsw;
		book_off_cpu(task, slot);
	}
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_EPOLL]))
		osc_epoll_switched_in(task, slot);
}

/*
 * These take the arguments of the probe where it has them, so that none need
 * be moved: the compiler shall leave them there.
 */
static noinline notrace __attribute__((__noipa__)) void
time_more(void *data, unsigned long preempt, const struct task_struct *prev,
	  const struct task_struct *next, unsigned long slot)
{
	struct sched_cpu *s = raw_cpu_ptr(&sched_cpu);

	if (is_timed(prev, slot))
		leave(s, prev, slot);
	slot = enter(next);
	if (is_timed(next, slot))
		arrive(s, next, slot);
}

/*
 * Slices alone are timed, and all of them: time_more() does the same, for 25
 * instructions more.
 */
static noinline notrace __attribute__((__noipa__)) void
time_all(void *data, unsigned long preempt, const struct task_struct *prev,
	 const struct task_struct *next, unsigned long slot)
{
	struct sched_cpu *s = raw_cpu_ptr(&sched_cpu);

	if (is_timed(prev, slot))
		book_slice(s, prev, slot);
	slot = enter(next);
	if (is_timed(next, slot))
		begin_slice(s, next);
}

/* Somebody is interested in the task that leaves, or in all. */
static noinline notrace __attribute__((__noipa__)) void
time_left(void *data, unsigned long preempt, const struct task_struct *prev,
	  const struct task_struct *next, unsigned long slot)
{
	struct sched_cpu *s;

	if (is_more_timed()) {
		time_more(data, preempt, prev, next, slot);
		return;
	}
	if (static_branch_unlikely(&osc_timing_all)) {
		time_all(data, preempt, prev, next, slot);
		return;
	}
	s = raw_cpu_ptr(&sched_cpu);
	if (static_branch_likely(&osc_timing_on[OSC_TIMING_SCHED]))
		book_slice_of(slot, wait_of(s, prev), slice_of(s, prev));
	slot = enter(next);
	if (slot)
		begin_slice(s, next);
}

/* Somebody is interested in the task that comes, nobody in the one before. */
static noinline notrace __attribute__((__noipa__)) void
time_arrived(void *data, unsigned long preempt, const struct task_struct *prev,
	     const struct task_struct *next, unsigned long slot)
{
	arrive(raw_cpu_ptr(&sched_cpu), next, slot);
}

/*
 * Interrupts off, under the run-queue lock. What a task in no target costs is
 * all here; the rest is called last, so that no register need be saved for it.
 */
static notrace void on_switch(void *data, bool preempt,
			      struct task_struct *prev,
			      struct task_struct *next, unsigned int prev_state)
{
	unsigned long slot;

	if (static_branch_likely(&counted))
		count(prev, next);
	if (!static_branch_unlikely(&osc_current_followed))
		return;
	slot = raw_cpu_read(osc_current_slot);
	if (static_branch_unlikely(&osc_timing_all) || unlikely(slot)) {
		time_left(data, preempt, prev, next, slot);
		return;
	}
	slot = enter(next);
	if (unlikely(slot))
		time_arrived(data, preempt, prev, next, slot);
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
	this_cpu_write(sched_cpu.switches, 0);
	this_cpu_write(sched_cpu.involuntary, 0);
}

/* One probe for the totals and for the times. */
static int attach_probe(void)
{
	int ret;

	if (switch_probe.tp)
		return 0;
	ret = osc_probe_attach(&switch_probe);
	if (!ret)
		on_each_cpu(set_baseline, NULL, 1);
	return ret;
}

static int sched_attach(void)
{
	check_trace_callback_type_sched_switch(on_switch);
	if (!totals)
		return 0;
	static_branch_enable(&counted);
	attach_error = attach_probe();
	return attach_error;
}

static void sched_detach(void)
{
	osc_probe_detach(&switch_probe);
	tracepoint_synchronize_unregister();
}

/*
 * The task that runs now was switched in unseen, or before it was a target's:
 * its slice begins here.
 */
static void look_at_current(void *unused)
{
	struct sched_cpu *s = this_cpu_ptr(&sched_cpu);

	this_cpu_write(osc_current_slot, osc_member_slot(current->tgid));
	/* Another CPU may bring it up to date meanwhile: task_sched_runtime(). */
	s->exec = READ_ONCE(current->se.sum_exec_runtime);
	s->delay = current->sched_info.run_delay;
	s->nvcsw = current->nvcsw;
	s->cut = NULL;
}

/* Whether its next switch is voluntary can be told from here on. */
static void look_at_kind(void *unused)
{
	this_cpu_write(sched_cpu.nvcsw, current->nvcsw);
}

static bool is_system_timed(void)
{
	return static_branch_unlikely(&osc_timing_on[OSC_TIMING_SCHED]) &&
	       READ_ONCE(osc_histograms[OSC_TIMING_SCHED][0]);
}

/* Its slice is being timed already, and must not be cut. */
static bool is_slice_timed(unsigned int slot)
{
	return static_branch_unlikely(&osc_timing_on[OSC_TIMING_SCHED]) &&
	       slot == this_cpu_read(osc_current_slot) &&
	       (slot || is_system_timed());
}

/* The same when one more kind of timing follows the tasks. */
static void follow_current(void *unused)
{
	if (is_slice_timed(osc_member_slot(current->tgid)))
		look_at_kind(unused);
	else
		look_at_current(unused);
}

/* Its slice is the target's from here on; what the whole system has goes on. */
static void cut_slice(struct sched_cpu *s)
{
	bool again = is_cut(s, current);
	u64 exec = s->exec, delay = s->delay;

	look_at_current(NULL);
	if (!is_system_timed())
		return;
	if (!again) {
		s->whole_exec = exec;
		s->whole_delay = delay;
	}
	s->cut = current;
	s->cut_exec = s->exec;
}

/* And where only the slot may be another one than before. */
static void look_at_slot(void *unused)
{
	unsigned int slot = osc_member_slot(current->tgid);
	unsigned int before = this_cpu_read(osc_current_slot);

	/*
	 * From one target to one inside it, or back, the slice goes on: it is in
	 * the outer one's times either way.
	 */
	if (slot && slot != before && !rcu_access_pointer(osc_slots[before]))
		cut_slice(this_cpu_ptr(&sched_cpu));
	this_cpu_write(osc_current_slot, slot);
}

/**
 * osc_current_refresh() - let each CPU see which target its task belongs to
 *
 * To be called when running tasks have become or ceased to be a target's
 * without being switched in.
 *
 * Context: may sleep.
 */
void osc_current_refresh(void)
{
	if (nr_timed)
		on_each_cpu(look_at_slot, NULL, 1);
}

/**
 * osc_current_follow() - keep osc_current_slot up to date from now on
 *
 * Context: may sleep, under the lock of target.c.
 * Return: 0, or why there is no probe.
 */
int osc_current_follow(void)
{
	int ret;

	ret = attach_probe();
	if (ret)
		return ret;
	if (!nr_timed++)
		static_branch_enable(&osc_current_followed);
	on_each_cpu(follow_current, NULL, 1);
	return 0;
}

static void forget_current(void *unused)
{
	this_cpu_write(osc_current_slot, 0);
}

/**
 * osc_current_unfollow() - undo osc_current_follow()
 *
 * Context: may sleep, under the lock of target.c.
 */
void osc_current_unfollow(void)
{
	if (--nr_timed)
		return;
	static_branch_disable(&osc_current_followed);
	if (!totals)
		sched_detach();
	synchronize_rcu();
	on_each_cpu(forget_current, NULL, 1);
}

/**
 * osc_current_obstacle() - why tasks cannot be followed here
 *
 * Return: NULL when they can be.
 */
const char *osc_current_obstacle(void)
{
	if (osc_hidden(switch_probe.name))
		return "no tracepoint sched_switch";
	return NULL;
}

/* --- the time level */

static int timing_attach(enum osc_timing timing)
{
	int ret;

	ret = osc_current_follow();
	if (!ret)
		static_branch_enable(&osc_timing_on[timing]);
	return ret;
}

static void timing_detach(enum osc_timing timing)
{
	static_branch_disable(&osc_timing_on[timing]);
	osc_current_unfollow();
}

static int slices_attach(bool all)
{
	return timing_attach(OSC_TIMING_SCHED);
}

static void slices_detach(void)
{
	timing_detach(OSC_TIMING_SCHED);
}

static u64 slices_lost(void)
{
	return 0;
}

static int off_cpu_attach(bool all)
{
	int ret;

	ret = osc_moments_alloc(&left);
	if (ret)
		return ret;
	ret = timing_attach(OSC_TIMING_OFF_CPU);
	if (ret) {
		osc_moments_free(&left);
		return ret;
	}
	/*
	 * Who was switched in before the key was on has no nvcsw of its own:
	 * if it has left since, by a switch of unknown kind.
	 */
	on_each_cpu(look_at_kind, NULL, 1);
	osc_moments_clear(&left);
	return 0;
}

static void off_cpu_detach(void)
{
	timing_detach(OSC_TIMING_OFF_CPU);
	synchronize_rcu();
	osc_moments_free(&left);
}

static const char *off_cpu_obstacle(void)
{
	if (!osc_clock_is_sound())
		return "the time stamp counter is unstable";
	return osc_current_obstacle();
}

static u64 off_cpu_lost(void)
{
	return atomic64_read(&left.lost);
}

const struct osc_timing_source osc_sched_timing = {
	.attach = slices_attach,
	.detach = slices_detach,
	.obstacle = osc_current_obstacle,
	.lost = slices_lost,
};

const struct osc_timing_source osc_off_cpu_timing = {
	.attach = off_cpu_attach,
	.detach = off_cpu_detach,
	.obstacle = off_cpu_obstacle,
	.lost = off_cpu_lost,
};

/**
 * osc_off_cpu_forget() - what is remembered under a number is another task's
 * @tid: of the task
 *
 * Context: as osc_timing_forget().
 */
notrace void osc_off_cpu_forget(u32 tid)
{
	osc_timing_drop(OSC_TIMING_OFF_CPU, &left, tid);
}

/* --- the source */

/*
 * A switch that comes in between is in the voluntary ones alone, so that the
 * difference may be too small, never too great. It is shown when it has passed
 * what was shown before: counters never decrease.
 */
static void read_cpu(struct osc_counts *counts, int cpu)
{
	struct sched_cpu *s = per_cpu_ptr(&sched_cpu, cpu);
	u64 switches, voluntary;

	switches = READ_ONCE(s->switches);
	/* Pairs with the smp_wmb() in count(). */
	smp_rmb();
	voluntary = READ_ONCE(s->voluntary);
	if (switches > voluntary + s->involuntary)
		s->involuntary = switches - voluntary;
	counts->value[OSC_VOLUNTARY] += voluntary;
	counts->value[OSC_INVOLUNTARY] += s->involuntary;
}

static void sched_read(struct osc_counts *counts, int cpu)
{
	if (!totals || !switch_probe.tp)
		return;
	osc_counts_set(counts, OSC_VOLUNTARY, 0);
	osc_counts_set(counts, OSC_INVOLUNTARY, 0);
	mutex_lock(&totals_lock);
	if (cpu >= 0) {
		read_cpu(counts, cpu);
	} else {
		/* CPUs that went offline keep what they have counted. */
		for_each_possible_cpu(cpu)
			read_cpu(counts, cpu);
	}
	mutex_unlock(&totals_lock);
}

static void sched_status(struct osc_source_status *status)
{
	struct osc_counts counts = {};

	memset(status, 0, sizeof(*status));
	if (totals && switch_probe.tp) {
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
