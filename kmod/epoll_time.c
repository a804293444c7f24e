// SPDX-License-Identifier: GPL-2.0
/*
 * epoll_time.c - how long a waiter in epoll_wait takes from its wakeup to
 * running, and to its return to user mode.
 *
 * The functions in which it waits are not hooked: it sleeps in them, and a
 * hook on the way out would lose or delay it. The moment of the wakeup is
 * remembered by the waiter's number, for the switch that brings it on a CPU
 * and for the end of its system call.
 */
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <trace/events/syscalls.h>

#include "clock.h"
#include "current.h"
#include "epoll.h"
#include "hook.h"
#include "moment.h"
#include "timing.h"
#include "tracepoint.h"

DEFINE_STATIC_KEY_FALSE(osc_epoll_timed);

static struct osc_moments woken; /* until it runs */
static struct osc_moments awake; /* until it returns */
static unsigned int nr_timed;

/* A wakeup that led to nothing. */
static __always_inline void book_useless_of(unsigned long slot)
{
	struct osc_histogram __percpu *histograms =
		READ_ONCE(osc_histograms[OSC_TIMING_EPOLL_RETURN][slot]);

	if (histograms)
		this_cpu_inc(histograms->useless);
}

static __always_inline void book_useless(unsigned long slot)
{
	if (static_branch_unlikely(&osc_timing_all)) {
		book_useless_of(0);
		if (!slot)
			return;
	}
	book_useless_of(slot);
}

/**
 * osc_epoll_woken() - a waiter is being woken
 * @waiter: the task
 * @slot: of its target, 0 for none
 *
 * What is left of an earlier wakeup then: the waiter has run since without
 * having been switched in, that is, it had not gone to sleep yet; and it has
 * not returned since, that is, it found nothing and waited again.
 *
 * Context: a direct call, so every register is kept; interrupts off.
 */
OSC_DIRECT notrace void osc_epoll_woken(const struct task_struct *waiter,
					unsigned long slot)
{
	u64 now = osc_clock();

	/* With PREEMPT_RT the lock that wakers hold does not keep it off. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable_notrace();
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_EPOLL]) &&
	    osc_moment_put(&woken, waiter->pid, 0, now) == waiter->pid)
		osc_timing_book_both(OSC_TIMING_EPOLL, slot, 0, 0);
	if (static_branch_unlikely(&osc_timing_on[OSC_TIMING_EPOLL_RETURN]) &&
	    osc_moment_put(&awake, waiter->pid, 0, now) == waiter->pid)
		book_useless(slot);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable_notrace();
}

/**
 * osc_epoll_switched_out() - a timed task leaves its CPU
 * @task: it
 * @slot: of its target, 0 for none
 *
 * It was woken while it ran, if it was woken.
 *
 * Context: the switch probe, while the epoll timing is on.
 */
notrace void osc_epoll_switched_out(const struct task_struct *task,
				    unsigned long slot)
{
	struct osc_moment moment;

	if (osc_moment_take(&woken, task->pid, &moment))
		osc_timing_book_both(OSC_TIMING_EPOLL, slot, 0, 0);
}

/**
 * osc_epoll_switched_in() - a timed task comes on a CPU
 * @task: it
 * @slot: of its target, 0 for none
 *
 * Context: the switch probe, while the epoll timing is on.
 */
notrace void osc_epoll_switched_in(const struct task_struct *task,
				   unsigned long slot)
{
	struct osc_moment moment;

	if (osc_moment_take(&woken, task->pid, &moment))
		osc_timing_book_both(OSC_TIMING_EPOLL, slot, 0,
				     osc_clock_ns(moment.time, osc_clock()));
}

/**
 * osc_epoll_time_forget() - what is remembered under a number is another task's
 * @tid: of the task
 *
 * Context: as osc_timing_forget().
 */
notrace void osc_epoll_time_forget(u32 tid)
{
	osc_timing_drop(OSC_TIMING_EPOLL, &woken, tid);
	osc_timing_drop(OSC_TIMING_EPOLL_RETURN, &awake, tid);
}

/* At the end of every system call of every task, while it is attached. */
static notrace void on_sys_exit(void *data, struct pt_regs *regs, long ret)
{
	struct osc_moment moment;
	unsigned long slot;

	preempt_disable_notrace();
	slot = raw_cpu_read(osc_current_slot);
	if ((slot || static_branch_unlikely(&osc_timing_all)) &&
	    osc_moment_take(&awake, current->pid, &moment)) {
		if (ret > 0)
			osc_timing_book_both(OSC_TIMING_EPOLL_RETURN, slot, 0,
					     osc_clock_ns(moment.time,
							  osc_clock()));
		else
			book_useless(slot);
	}
	preempt_enable_notrace();
}

static struct osc_probe sys_exit_probe = {
	.name = "sys_exit",
	.func = on_sys_exit,
};

static int timing_attach(enum osc_timing timing)
{
	int ret;

	ret = osc_current_follow();
	if (ret)
		return ret;
	static_branch_enable(&osc_timing_on[timing]);
	if (!nr_timed++)
		static_branch_enable(&osc_epoll_timed);
	return 0;
}

/* Nobody uses its table of moments any more when this returns. */
static void timing_detach(enum osc_timing timing)
{
	if (!--nr_timed)
		static_branch_disable(&osc_epoll_timed);
	static_branch_disable(&osc_timing_on[timing]);
	osc_current_unfollow();
	synchronize_rcu();
}

static int run_attach(bool all)
{
	int ret;

	ret = osc_moments_alloc(&woken);
	if (ret)
		return ret;
	ret = timing_attach(OSC_TIMING_EPOLL);
	if (ret)
		osc_moments_free(&woken);
	return ret;
}

static void run_detach(void)
{
	timing_detach(OSC_TIMING_EPOLL);
	osc_moments_free(&woken);
}

static int return_attach(bool all)
{
	int ret;

	check_trace_callback_type_sys_exit(on_sys_exit);
	ret = osc_moments_alloc(&awake);
	if (ret)
		return ret;
	ret = osc_probe_attach(&sys_exit_probe);
	if (ret)
		goto free;
	ret = timing_attach(OSC_TIMING_EPOLL_RETURN);
	if (!ret)
		return 0;
	osc_probe_detach(&sys_exit_probe);
	tracepoint_synchronize_unregister();
free:
	osc_moments_free(&awake);
	return ret;
}

static void return_detach(void)
{
	osc_probe_detach(&sys_exit_probe);
	tracepoint_synchronize_unregister();
	timing_detach(OSC_TIMING_EPOLL_RETURN);
	osc_moments_free(&awake);
}

static const char *run_obstacle(void)
{
	if (!osc_epoll_has_wakeups())
		return "the epoll source does not count";
	if (!osc_clock_is_sound())
		return "the time stamp counter is unstable";
	return osc_current_obstacle();
}

static const char *return_obstacle(void)
{
	if (osc_hidden(sys_exit_probe.name))
		return "no tracepoint sys_exit";
	return run_obstacle();
}

static u64 run_lost(void)
{
	return atomic64_read(&woken.lost);
}

static u64 return_lost(void)
{
	return atomic64_read(&awake.lost);
}

const struct osc_timing_source osc_epoll_timing = {
	.attach = run_attach,
	.detach = run_detach,
	.obstacle = run_obstacle,
	.lost = run_lost,
	.silencer = osc_epoll_silencer,
};

const struct osc_timing_source osc_epoll_return_timing = {
	.attach = return_attach,
	.detach = return_detach,
	.obstacle = return_obstacle,
	.lost = return_lost,
	.silencer = osc_epoll_silencer,
};
