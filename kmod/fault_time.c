// SPDX-License-Identifier: GPL-2.0
/*
 * fault_time.c - how long a page fault takes to be served.
 *
 * A direct call from the first instruction of handle_mm_fault() takes the place
 * of the function and calls the rest of it (fault_entry.S). A kretprobe would
 * cost ten times as much and lose returns, since a fault may sleep; so where a
 * direct call is not possible, faults are not timed.
 *
 * For the same reason our own code may have a task sleeping in it for as long
 * as it takes: until every fault that entered has left, the module cannot be
 * unloaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "canary.h"
#include "clock.h"
#include "current.h"
#include "fault_time.h"
#include "hook.h"
#include "moment.h"
#include "timing.h"
#include "tracepoint.h"

#if defined(CONFIG_X86_64) && defined(CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)

/* Where handle_mm_fault() goes on after its call: behind endbr64, if any. */
#ifdef CONFIG_X86_KERNEL_IBT
#define PAST_CALL 9
#else
#define PAST_CALL 5
#endif
#define CALL_SIZE 5
#define CALL_OPCODE 0xe8
/* The first of the five bytes of a nop there. */
#define NOP_OPCODE 0x0f

#define DRAIN_DELAY msecs_to_jiffies(100)

static DEFINE_PER_CPU(unsigned long, entered);
static DEFINE_PER_CPU(unsigned long, left);

/*
 * A fault that waits for I/O without the lock of the address space is begun
 * anew (VM_FAULT_RETRY): when it began at first, and the page.
 */
static struct osc_moments begun;
static atomic_t nr_begun;

/* Of the module, held for faults that may still be inside. */
static atomic_t nr_references;

static void drain_work_func(struct work_struct *work);
static DECLARE_DELAYED_WORK(drain_work, drain_work_func);

static __always_inline vm_fault_t
rest_of_handle_mm_fault(struct vm_area_struct *vma, unsigned long address,
			unsigned int flags, struct pt_regs *regs)
{
	unsigned long a1 = (unsigned long)vma, a2 = address, a3 = flags,
		      a4 = (unsigned long)regs;
	unsigned long ret;

	/* A direct call: the place called has no endbr64 of its own. */
	asm volatile("call handle_mm_fault+%c[past]"
		     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+c"(a4),
		       ASM_CALL_CONSTRAINT
		     : [past] "i"(PAST_CALL)
		     : "r8", "r9", "r10", "r11", "memory", "cc");
	return (__force vm_fault_t)ret;
}

static noinline notrace u64 began_at(unsigned long address, u64 start)
{
	struct osc_moment moment;

	if (!osc_moment_take(&begun, current->pid, &moment))
		return start;
	atomic_dec(&nr_begun);
	/* Or else it was given up, for a signal. */
	return moment.kind == (u32)(address >> PAGE_SHIFT) ? moment.time :
							     start;
}

/* As fault_signal_pending(): a fault that a signal ends is not begun anew. */
static __always_inline bool is_given_up(unsigned int flags)
{
	return fatal_signal_pending(current) ||
	       ((flags & FAULT_FLAG_USER) && signal_pending(current));
}

static noinline notrace void remember_begin(unsigned long address,
					    unsigned int flags, u64 start)
{
	start = began_at(address, start);
	if (is_given_up(flags))
		return;
	/* One that displaces another task's takes its place in the count, too. */
	if (osc_moment_put(&begun, current->pid, address >> PAGE_SHIFT,
			   start) == OSC_MOMENT_FREE)
		atomic_inc(&nr_begun);
}

/**
 * osc_fault_time_forget() - what is remembered under a number is another task's
 * @tid: of the task
 *
 * Context: as osc_timing_forget().
 */
notrace void osc_fault_time_forget(u32 tid)
{
	/* The dead task was killed between two attempts. */
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_FAULT]) &&
	    osc_moments_forget(&begun, tid))
		atomic_dec(&nr_begun);
}

#define UNUSUAL (VM_FAULT_RETRY | VM_FAULT_ERROR | VM_FAULT_MAJOR)

/* As mm_account_fault() in mm/memory.c, so that the counts agree. */
static noinline notrace void book_unusual(unsigned long address,
					  unsigned int flags, vm_fault_t ret,
					  u64 start, u64 end)
{
	bool major = (ret & VM_FAULT_MAJOR) || (flags & FAULT_FLAG_TRIED);

	if (ret & VM_FAULT_RETRY) {
		remember_begin(address, flags, start);
		return;
	}
	if (atomic_read(&nr_begun))
		start = began_at(address, start);
	if (ret & VM_FAULT_ERROR)
		return;
	osc_timing_book_both(OSC_TIMING_FAULT, raw_cpu_read(osc_current_slot),
			     major, osc_clock_ns(start, end));
}

static __always_inline void book(unsigned long address, unsigned int flags,
				 vm_fault_t ret, u64 start, u64 end)
{
	if (unlikely((ret & UNUSUAL) || (flags & FAULT_FLAG_TRIED) ||
		     atomic_read(&nr_begun)))
		book_unusual(address, flags, ret, start, end);
	else
		osc_timing_book_both(OSC_TIMING_FAULT,
				     raw_cpu_read(osc_current_slot), 0,
				     osc_clock_ns(start, end));
}

/**
 * osc_fault_timed() - serve a fault and book its time
 * @vma: as for handle_mm_fault()
 * @address: likewise
 * @flags: likewise
 * @regs: likewise
 *
 * Context: called by fault_entry.S as if it were handle_mm_fault(); sleeps.
 * Return: what handle_mm_fault() returned.
 */
notrace vm_fault_t osc_fault_timed(struct vm_area_struct *vma,
				   unsigned long address, unsigned int flags,
				   struct pt_regs *regs)
{
	vm_fault_t ret;
	u64 start;

	this_cpu_inc(entered);
	start = osc_clock();
	ret = rest_of_handle_mm_fault(vma, address, flags, regs);
	preempt_disable_notrace();
	/* It may have been switched off while this fault slept. */
	if (static_branch_likely(&osc_timing_on[OSC_TIMING_FAULT]))
		book(address, flags, ret, start, osc_clock());
	preempt_enable_notrace();
	this_cpu_inc(left);
	return ret;
}

static struct osc_hook fault_hook = {
	.function = "handle_mm_fault",
};

/* Read in this order, it cannot seem that all have left. */
static unsigned long nr_inside(void)
{
	unsigned long out = 0, in = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		out += per_cpu(left, cpu);
	/* Pairs with nothing: a fault that enters later is seen next time. */
	smp_mb();
	for_each_possible_cpu(cpu)
		in += per_cpu(entered, cpu);
	return in - out;
}

/*
 * Always the same queue: a work is run once at a time only within one, and
 * schedule_delayed_work() has not the same on every kernel.
 */
static void drain_in(unsigned long delay)
{
	mod_delayed_work(system_long_wq, &drain_work, delay);
}

/* Lets the module go when the last fault has left. */
static void drain_work_func(struct work_struct *work)
{
	/* Of those that are detached; what is attached again has its own. */
	int references = atomic_read(&nr_references);
	int i;

	/* Those on their way in, who have not said so yet. */
	synchronize_rcu_tasks();
	if (nr_inside()) {
		drain_in(DRAIN_DELAY);
		return;
	}
	/* And the last instructions behind the count. */
	synchronize_rcu_tasks();
	atomic_sub(references, &nr_references);
	for (i = 0; i < references; i++)
		module_put(THIS_MODULE);
}

/* What PAST_CALL jumps over is the place for the call, and nothing else. */
static bool has_call_where_expected(void)
{
	const u8 *call = (const u8 *)handle_mm_fault + PAST_CALL - CALL_SIZE;

	return *call == CALL_OPCODE || *call == NOP_OPCODE;
}

/* It is what rmmod, which says "in use", leaves unsaid. */
static const char *fault_time_pin(bool on)
{
	if (on)
		return "rmmod says in use until this is off; try osconcepts timings fault=off";
	if (atomic_read(&nr_references))
		return "rmmod says in use until the last timed fault has ended";
	return NULL;
}

static int fault_time_attach(bool all)
{
	int ret;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	ret = osc_anchor_attach();
	if (ret)
		goto put;
	ret = osc_moments_alloc(&begun);
	if (ret)
		goto detach_anchor;
	atomic_set(&nr_begun, 0);
	ret = osc_current_follow();
	if (ret)
		goto free;
	static_branch_enable(&osc_timing_on[OSC_TIMING_FAULT]);
	fault_hook.direct = all ? (void *)osc_fault_entry_all :
				  (void *)osc_fault_entry_targets;
	ret = osc_hook_attach_direct(&fault_hook);
	if (!ret) {
		pr_notice("faults are timed: %s\n", fault_time_pin(true));
		return 0;
	}
	/* Each kernel has the function: ftrace lacked memory to note that. */
	if (ret == -EINVAL)
		ret = -ENOMEM;
	static_branch_disable(&osc_timing_on[OSC_TIMING_FAULT]);
	osc_current_unfollow();
	synchronize_rcu();
free:
	osc_moments_free(&begun);
detach_anchor:
	osc_anchor_detach();
put:
	module_put(THIS_MODULE);
	return ret;
}

static void fault_time_detach(void)
{
	static_branch_disable(&osc_timing_on[OSC_TIMING_FAULT]);
	osc_hook_detach(&fault_hook);
	osc_anchor_detach();
	osc_current_unfollow();
	/* After that, faults that are still inside book nothing. */
	synchronize_rcu();
	osc_moments_free(&begun);
	atomic_inc(&nr_references);
	drain_in(0);
}

static const char *fault_time_obstacle(void)
{
	if (osc_hidden(fault_hook.function))
		return "no function handle_mm_fault";
	if (!has_call_where_expected())
		return "handle_mm_fault does not begin with a place for a call";
	if (osc_direct_obstacle())
		return osc_direct_obstacle();
	if (!osc_clock_is_sound())
		return "the time stamp counter is unstable";
	return osc_current_obstacle();
}

static u64 fault_time_lost(void)
{
	return atomic64_read(&begun.lost);
}

static const char *fault_time_silencer(void)
{
	return osc_hook_silencer(&fault_hook);
}

/**
 * osc_fault_time_exit() - wait for what lets the module go
 *
 * Faults are inside only if it is the loading of the module that has failed:
 * its references forbid the unloading.
 *
 * Context: may sleep; faults are not timed any more.
 */
void osc_fault_time_exit(void)
{
	while (atomic_read(&nr_references)) {
		flush_delayed_work(&drain_work);
		msleep(20);
	}
	cancel_delayed_work_sync(&drain_work);
}

const struct osc_timing_source osc_fault_timing = {
	.attach = fault_time_attach,
	.detach = fault_time_detach,
	.obstacle = fault_time_obstacle,
	.lost = fault_time_lost,
	.silencer = fault_time_silencer,
	.pin = fault_time_pin,
};

#else /* no direct calls */

void osc_fault_time_forget(u32 tid)
{
}

static int fault_time_attach(bool all)
{
	return -EOPNOTSUPP;
}

static void fault_time_detach(void)
{
}

static const char *fault_time_obstacle(void)
{
	return "faults are timed by direct ftrace calls, which this kernel lacks";
}

static u64 fault_time_lost(void)
{
	return 0;
}

void osc_fault_time_exit(void)
{
}

const struct osc_timing_source osc_fault_timing = {
	.attach = fault_time_attach,
	.detach = fault_time_detach,
	.obstacle = fault_time_obstacle,
	.lost = fault_time_lost,
};

#endif
