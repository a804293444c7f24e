// SPDX-License-Identifier: GPL-2.0
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "member.h"
#include "slot.h"
#include "target.h"
#include "tasks.h"
#include "tracepoint.h"
#include "tree.h"

/* Under RCU, or with preemption off as in the hooks. */
static struct osc_target *target_of(const struct task_struct *task)
{
	return rcu_dereference_check(osc_slots[osc_member_slot(task->tgid)],
				     rcu_read_lock_sched_held());
}

/* In a hook, preemption off: hand a record of @task to the target. */
static void record(struct osc_target *target, struct task_struct *task,
		   bool born)
{
	struct osc_record *r = osc_record_take();

	if (!r) {
		atomic64_inc(&target->lost);
	} else {
		r->task = get_task_struct(task);
		r->born = born;
		llist_add(&r->fresh, &target->fresh);
	}
	if (!r || osc_record_pool_is_low())
		osc_target_kick();
}

/*
 * In the parent, before the child runs for the first time. Every new process
 * passes here, watched or not: its number may be that of a dead member.
 */
static void on_fork(void *data, struct task_struct *parent,
		    struct task_struct *child)
{
	struct osc_target *target;
	bool is_process = thread_group_leader(child);

	preempt_disable_notrace();
	target = target_of(parent);
	if (target && is_process &&
	    (target->flags & OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW))
		target = NULL;
	if (is_process &&
	    osc_member_set(child->tgid, target ? target->slot : 0)) {
		atomic64_inc(&target->lost);
		osc_target_kick();
		target = NULL;
	}
	if (target)
		record(target, child, true);
	preempt_enable_notrace();
}

/*
 * In the task itself, which will make one more switch at least. A worker of
 * io_uring was not seen by the fork hook; its fields began at 0 all the same.
 */
static void on_exit(void *data, struct task_struct *task)
{
	struct osc_target *target;

	preempt_disable_notrace();
	target = target_of(task);
	if (target) {
		if (task->flags & OSC_PF_WORKER)
			record(target, task, false);
		if (!atomic_read(&target->dirty))
			atomic_set(&target->dirty, 1);
		osc_target_kick();
	}
	preempt_enable_notrace();
}

static struct osc_probe fork_probe = {
	.name = "sched_process_fork",
	.func = on_fork,
};

static struct osc_probe exit_probe = {
	.name = "sched_process_exit",
	.func = on_exit,
};

/**
 * osc_tree_attach() - have births and deaths reported
 *
 * Context: may sleep.
 * Return: 0, or the error of the probe that failed.
 */
int osc_tree_attach(void)
{
	int ret;

	check_trace_callback_type_sched_process_fork(on_fork);
	check_trace_callback_type_sched_process_exit(on_exit);
	ret = osc_probe_attach(&fork_probe);
	if (ret)
		return ret;
	ret = osc_probe_attach(&exit_probe);
	if (ret)
		osc_tree_detach();
	return ret;
}

/**
 * osc_tree_detach() - no hook runs any more when this returns
 *
 * Context: may sleep.
 */
void osc_tree_detach(void)
{
	osc_probe_detach(&exit_probe);
	osc_probe_detach(&fork_probe);
	tracepoint_synchronize_unregister();
}

/* Under RCU: a process and all its threads. */
static int enter_process(struct osc_target *target, struct task_struct *leader)
{
	struct task_struct *thread;
	int ret;

	ret = osc_member_set(leader->tgid, target->slot);
	if (ret)
		return ret;
	/* Threads born from here on are recorded by the fork hook as well. */
	smp_mb();
	for_each_thread(leader, thread) {
		ret = osc_tasks_add(target, thread, false);
		if (ret)
			return ret;
	}
	return 0;
}

/* Under RCU: children of members that are not members of any target yet. */
static int enter_children(struct osc_target *target, bool *found)
{
	struct task_struct *process, *parent;
	int ret;

	for_each_process(process) {
		parent = rcu_dereference(process->real_parent);
		if (osc_member_slot(parent->tgid) != target->slot ||
		    target_of(process) || (process->flags & PF_KTHREAD))
			continue;
		ret = enter_process(target, process);
		if (ret)
			return ret;
		*found = true;
	}
	return 0;
}

/**
 * osc_tree_enter() - enter the tasks that are there now
 * @target: known to the hooks
 * @root: the process at the root
 *
 * A child that is born while its parent is not yet a member is not seen by the
 * fork hook: the search is repeated until it finds nobody new. Then each
 * member's children are members, and later ones become it at birth.
 *
 * Context: under the lock of target.c.
 * Return: 0 or -ENOMEM.
 */
int osc_tree_enter(struct osc_target *target, struct task_struct *root)
{
	bool found = true;
	int ret;

	rcu_read_lock();
	ret = enter_process(target, root);
	rcu_read_unlock();
	if (target->flags & OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW)
		return ret;
	while (!ret && found) {
		found = false;
		if (osc_member_refill())
			return -ENOMEM;
		rcu_read_lock();
		ret = enter_children(target, &found);
		rcu_read_unlock();
	}
	return ret;
}

/**
 * osc_tree_add_workers() - record the io_uring workers of a process
 * @target: it belongs to
 * @task: any task; does nothing unless it leads its process
 *
 * Their birth is behind the fork hook's back. Those that end before they are
 * found here are recorded by the exit hook.
 *
 * Context: under the lock of target.c.
 */
void osc_tree_add_workers(struct osc_target *target, struct task_struct *task)
{
	struct task_struct *thread;

	if (!thread_group_leader(task))
		return;
	rcu_read_lock();
	for_each_thread(task, thread) {
		if ((thread->flags & OSC_PF_WORKER) &&
		    osc_tasks_add(target, thread, true))
			break;
	}
	rcu_read_unlock();
}
