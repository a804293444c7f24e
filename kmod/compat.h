/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - every difference between the kernels this module builds for.
 * The other files carry no version test.
 */
#ifndef OSC_COMPAT_H
#define OSC_COMPAT_H

#include <linux/ftrace.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/task.h>
#include <linux/version.h>
#include <net/genetlink.h>

/*
 * 6.1 has two kinds of direct calls, by address and by ops; from 6.6 on only
 * the latter is left, under the shorter name.
 */
#if KERNEL_VERSION(6, 6, 0) > LINUX_VERSION_CODE
#define osc_register_direct register_ftrace_direct_multi
#define osc_unregister_direct unregister_ftrace_direct_multi
#else
#define osc_register_direct register_ftrace_direct
/**
 * osc_unregister_direct() - undo osc_register_direct()
 * @ops: as given to it
 * @addr: likewise
 *
 * Return: 0, or what ftrace returned.
 */
static inline int osc_unregister_direct(struct ftrace_ops *ops,
					unsigned long addr)
{
	/* The filter is its owner's to free, as in 6.1. */
	return unregister_ftrace_direct(ops, addr, false);
}
#endif

/* retbleed=stuff, from 6.2 on. */
#ifdef X86_FEATURE_CALL_DEPTH
#define OSC_HAS_CALL_DEPTH_TRACKING boot_cpu_has(X86_FEATURE_CALL_DEPTH)
#else
#define OSC_HAS_CALL_DEPTH_TRACKING false
#endif

/* Argument @n of the hooked function, as its caller left it in registers. */
#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) \
	regs_get_kernel_argument(&(fregs)->regs, n)
#endif

/* The attributes that came with the request for a dump. */
#if KERNEL_VERSION(6, 7, 0) > LINUX_VERSION_CODE
#define osc_dump_attrs(cb) (genl_dumpit_info(cb)->attrs)
#else
#define osc_dump_attrs(cb) (genl_info_dump(cb)->attrs)
#endif

/* Threads which the kernel makes for a process behind the fork tracepoint. */
#ifdef PF_USER_WORKER
#define OSC_PF_WORKER (PF_IO_WORKER | PF_USER_WORKER)
#else
#define OSC_PF_WORKER PF_IO_WORKER
#endif

/* What the tracepoint sched_process_exit passes on, from 6.16 on one more. */
#if KERNEL_VERSION(6, 16, 0) > LINUX_VERSION_CODE
#define OSC_EXIT_PROBE_ARGS void *data, struct task_struct *task
#else
#define OSC_EXIT_PROBE_ARGS \
	void *data, struct task_struct *task, bool group_dead
#endif

/*
 * Whether the program that a task runs may be dumped by its user. False: that is
 * not known any more. It was the memory's, and has become the task's.
 */
#if KERNEL_VERSION(7, 2, 0) <= LINUX_VERSION_CODE
#include <linux/sched/exec_state.h>

static inline bool osc_is_dumpable(struct task_struct *task, bool *dumpable)
{
	const struct task_exec_state *state;

	rcu_read_lock();
	state = rcu_dereference(task->exec_state);
	if (state)
		*dumpable = READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER;
	rcu_read_unlock();
	return state;
}

static inline bool osc_current_is_dumpable(void)
{
	bool dumpable = false;

	return osc_is_dumpable(current, &dumpable) && dumpable;
}
#else
/**
 * osc_is_dumpable() - whether the program that a task runs may be dumped
 * @task: the task
 * @dumpable: set, where it is known
 *
 * Context: any that may take task_lock().
 * Return: false when it is not known any more: the memory is gone.
 */
static inline bool osc_is_dumpable(struct task_struct *task, bool *dumpable)
{
	bool found;

	task_lock(task);
	found = task->mm;
	if (found)
		*dumpable = get_dumpable(task->mm) == SUID_DUMP_USER;
	task_unlock(task);
	return found;
}

/**
 * osc_current_is_dumpable() - osc_is_dumpable() without a lock
 *
 * Context: a task that has memory.
 * Return: true when it is.
 */
static inline bool osc_current_is_dumpable(void)
{
	return get_dumpable(current->mm) == SUID_DUMP_USER;
}
#endif

#endif /* OSC_COMPAT_H */
