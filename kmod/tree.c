// SPDX-License-Identifier: GPL-2.0
#include <linux/binfmts.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "current.h"
#include "fault_time.h"
#include "instance.h"
#include "member.h"
#include "nest.h"
#include "reader.h"
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
		osc_target_kick(true);
}

/* The target that a child is born into, or NULL. */
static struct osc_target *heir_of(const struct task_struct *parent,
				  struct task_struct *child)
{
	struct osc_target *target = target_of(parent);

	if (!thread_group_leader(child))
		return target;
	while (target && (target->flags & OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW))
		target = osc_nest_outer(target);
	return target;
}

static struct osc_target *enter_child(struct osc_target *target,
				      const struct task_struct *child)
{
	if (osc_member_set(child->tgid, target->slot)) {
		atomic64_inc(&target->lost);
		target = NULL;
	}
	if (READ_ONCE(osc_member_is_low))
		osc_target_kick(true);
	return target;
}

/*
 * In the parent, before the child runs for the first time. Every new process
 * passes here, watched or not: its number may be that of a dead member.
 */
static void on_fork(void *data, struct task_struct *parent,
		    struct task_struct *child)
{
	struct osc_target *target;

	preempt_disable_notrace();
	if (static_branch_unlikely(&osc_current_followed))
		osc_timing_forget(child->pid);
	target = heir_of(parent, child);
	if (!target && thread_group_leader(child) &&
	    osc_member_slot(child->tgid)) {
		osc_member_set(child->tgid, 0);
		/*
		 * Not a dead member's, but of an add that has found the child
		 * already? Pairs with the barrier in enter_process().
		 */
		smp_mb();
		target = heir_of(parent, child);
	}
	if (target && thread_group_leader(child))
		target = enter_child(target, child);
	if (target)
		record(target, child, true);
	preempt_enable_notrace();
}

static void mark_dirty(struct osc_target *target)
{
	if (atomic_read(&target->dirty))
		return;
	atomic_set(&target->dirty, 1);
	/* A sweep that is under way sees it, or it is seen to be over. */
	smp_mb();
}

/*
 * In the task itself, which will make one more switch at least. A worker of
 * io_uring was not seen by the fork hook; its fields began at 0 all the same.
 * By now 6.1 has taken the flag from it that told it from other threads, so
 * that each thread is reported; those known already are recognised.
 */
static void on_exit(OSC_EXIT_PROBE_ARGS)
{
	struct osc_target *target;

	preempt_disable_notrace();
	/* Killed between two attempts at a fault? */
	if (static_branch_unlikely(&osc_current_followed))
		osc_fault_time_forget(task->pid);
	target = target_of(task);
	if (target) {
		if (!thread_group_leader(task))
			record(target, task, false);
		mark_dirty(target);
		osc_target_kick(false);
	}
	preempt_enable_notrace();
}

/* Execs by which a process leaves its target: so many, and so many recorded. */
static atomic_t leaves_begun, leaves_done;

/* The innermost of a target and those that hold it which may go on watching. */
static struct osc_target *heir_after_exec(struct osc_target *target)
{
	while (target && !target->privileged &&
	       !osc_owner_may_watch_current(target->owner))
		target = osc_nest_outer(target);
	return target;
}

/* Without a record of the leave, what they count is what they may not see. */
static void seal(struct osc_target *target, const struct osc_target *heir)
{
	atomic64_inc(&target->lost);
	for (; target != heir; target = osc_nest_outer(target))
		WRITE_ONCE(target->sealed, true);
}

/*
 * A process that starts a program with raised rights is no longer its user's
 * to watch: it leaves the target with what it has done so far, for the one that
 * holds it and may watch on, if there is one. The exec has ended its other
 * threads.
 */
static void on_exec(void *data, struct task_struct *task, pid_t old_pid,
		    struct linux_binprm *bprm)
{
	struct osc_target *target, *heir;
	struct osc_record *r;
	u16 slot;

	preempt_disable_notrace();
	/* The new rights are seen by whoever makes it a member after this. */
	smp_mb();
	target = target_of(task);
	heir = heir_after_exec(target);
	if (target != heir) {
		slot = heir ? heir->slot : 0;
		atomic_inc(&leaves_begun);
		/* Pairs with the one in enter_process(): then it may be added. */
		smp_mb__after_atomic();
		osc_member_set(task->tgid, slot);
		raw_cpu_write(osc_current_slot, slot);
		r = osc_record_take();
		if (r) {
			r->task = get_task_struct(task);
			r->left = true;
			r->target = heir;
			osc_task_fields(task, r->base);
			llist_add(&r->fresh, &target->fresh);
		} else {
			seal(target, heir);
		}
		atomic_inc_return_release(&leaves_done);
		mark_dirty(target);
		osc_target_kick(true);
	}
	preempt_enable_notrace();
}

static struct osc_probe exec_probe = {
	.name = "sched_process_exec",
	.func = on_exec,
};

static struct osc_probe fork_probe = {
	.name = "sched_process_fork",
	.func = on_fork,
};

static struct osc_probe exit_probe = {
	.name = "sched_process_exit",
	.func = on_exit,
};

/**
 * osc_tree_attach() - have births, deaths and execs reported
 *
 * Context: may sleep.
 * Return: 0, or the error of the probe that failed.
 */
int osc_tree_attach(void)
{
	int ret;

	check_trace_callback_type_sched_process_fork(on_fork);
	check_trace_callback_type_sched_process_exit(on_exit);
	check_trace_callback_type_sched_process_exec(on_exec);
	ret = osc_probe_attach(&fork_probe);
	if (ret)
		return ret;
	ret = osc_probe_attach(&exit_probe);
	if (!ret)
		ret = osc_probe_attach(&exec_probe);
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
	osc_probe_detach(&exec_probe);
	osc_probe_detach(&exit_probe);
	osc_probe_detach(&fork_probe);
	tracepoint_synchronize_unregister();
}

/*
 * What a process did in a target that it has just left is there to be taken in
 * before it is recorded elsewhere. The exec hook does not sleep: it is waited for.
 */
static void take_leaves(void)
{
	static int taken;
	int done;

	for (;;) {
		done = atomic_read_acquire(&leaves_done);
		if (done == atomic_read(&leaves_begun))
			break;
		cpu_relax();
	}
	if (done != taken)
		osc_targets_take();
	taken = done;
}

/* A dead process' number may be another's already. */
static int check_process(const struct osc_target *target,
			 struct task_struct *leader)
{
	/* It may die at any moment, also after this. */
	if (!data_race(pid_alive(leader)))
		return -ESRCH;
	if (target->privileged || osc_owner_may_watch(target->owner, leader))
		return 0;
	return -EPERM;
}

/* The slot of the innermost that holds a target and may watch a process. */
static u16 slot_outside(const struct osc_target *target,
			struct task_struct *leader)
{
	struct osc_target *at = osc_nest_outer(target);

	while (at && !at->privileged && !osc_owner_may_watch(at->owner, leader))
		at = osc_nest_outer(at);
	return at ? at->slot : 0;
}

/*
 * Under RCU: a process and all its threads. Checked again once it is a member:
 * an exec that raised its rights just before has not seen that it is one. Then
 * the target is no good any more (-ESTALE).
 */
static int enter_process(struct osc_target *target, struct task_struct *leader)
{
	struct task_struct *thread;
	int ret;

	ret = check_process(target, leader);
	if (ret)
		return ret;
	/*
	 * Before any of them is taken for a member. What is remembered of those
	 * that were one already is in the outer target's times, and stays.
	 */
	if (!target_of(leader)) {
		for_each_thread(leader, thread)
			osc_timing_forget(thread->pid);
	}
	ret = osc_member_set(leader->tgid, target->slot);
	if (ret)
		return ret;
	/*
	 * Threads born from here on are recorded by the fork hook as well.
	 * Pairs with the barrier in on_exec(), too.
	 */
	smp_mb();
	if (check_process(target, leader)) {
		osc_member_set(leader->tgid, slot_outside(target, leader));
		/* It may have had children meanwhile. */
		return -ESTALE;
	}
	take_leaves();
	for_each_thread(leader, thread) {
		/* What has ended in the outer target stays there. */
		if (osc_nest_outer(target) && osc_task_is_final(thread))
			continue;
		ret = osc_tasks_add(target, thread, false);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * struct walk - a search for the processes of a new target
 * @target: the target
 * @found: there was a process or a target to be entered
 * @in_the_way: a target that has a process of the tree and cannot be inside
 */
struct walk {
	struct osc_target *target;
	bool found;
	struct osc_target *in_the_way;
};

/* Under RCU: a child of a member that belongs to a target, not to @outer. */
static int meet_target(struct walk *walk, struct task_struct *process,
		       struct osc_target *of)
{
	struct osc_target *target = walk->target;
	struct osc_target *top = osc_nest_below(osc_nest_outer(target), of);

	/* Not its owner's to watch. */
	if (check_process(target, process) == -EPERM)
		return 0;
	/* All that it has descends from its root: so that must be here. */
	if (top && pid_task(top->pid, PIDTYPE_TGID) == process &&
	    osc_nest_may_hold(target, top)) {
		walk->found = true;
		return osc_nest_attach(top, target);
	}
	/* The root may come yet. */
	walk->in_the_way = top ?: of;
	return 0;
}

/* Under RCU: children of members that are not in the target yet. */
static int enter_children(struct walk *walk)
{
	struct osc_target *target = walk->target, *of;
	struct task_struct *process, *parent;
	int ret;

	walk->found = false;
	walk->in_the_way = NULL;
	for_each_process(process) {
		parent = rcu_dereference(process->real_parent);
		if (!osc_nest_has(target, target_of(parent)) ||
		    (READ_ONCE(process->flags) & PF_KTHREAD))
			continue;
		of = target_of(process);
		if (osc_nest_has(target, of))
			continue;
		if (of && of != osc_nest_outer(target)) {
			ret = meet_target(walk, process, of);
			if (ret)
				return ret;
			continue;
		}
		ret = enter_process(target, process);
		/* Not its owner's to watch. */
		if (ret == -EPERM)
			continue;
		walk->found = true;
		/* Gone, or its leader gives way to an exec. */
		if (ret && ret != -ESRCH)
			return ret;
	}
	return 0;
}

/*
 * The fork hook may just have taken a child for the outer target's, by what it
 * read of the parent before that came in.
 */
static void take_latecomers(struct osc_target *outer, struct osc_target *target)
{
	synchronize_rcu_expedited();
	osc_tasks_take(outer);
	osc_tasks_move(outer, target);
}

/* What the root has with it, until nobody new is found. */
static int enter_others(struct walk *walk)
{
	struct osc_target *target = walk->target;
	struct osc_target *outer = osc_nest_outer(target);
	int ret;

	do {
		if (outer)
			take_latecomers(outer, target);
		if (target->flags & OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW)
			return 0;
		if (osc_member_refill())
			return -ENOMEM;
		rcu_read_lock();
		ret = enter_children(walk);
		rcu_read_unlock();
		/* More new ranges of numbers than there were spare leaves. */
		if (ret == -EAGAIN)
			ret = 0;
	} while (!ret && walk->found);
	return ret;
}

static int enter_root(struct osc_target *target, struct task_struct *root)
{
	int ret;

	do {
		if (osc_member_refill())
			return -ENOMEM;
		rcu_read_lock();
		/* Or it is in a target of the same process, inside this one. */
		ret = osc_nest_has(target, target_of(root)) ?
			      0 :
			      enter_process(target, root);
		rcu_read_unlock();
	} while (ret == -EAGAIN);
	return ret;
}

/**
 * osc_tree_enter() - enter the tasks that are there now
 * @target: known to the hooks, inside the target that it belongs into
 * @root: the process at the root
 * @in_the_way: set on -EBUSY
 *
 * A child that is born while its parent is not yet a member is not seen by the
 * fork hook: the search is repeated until it finds nobody new. Then each
 * member's children are members, and later ones become it at birth.
 *
 * A descendant that belongs to another target brings this one along, if its
 * root is a descendant, too. One that @target's owner may not watch stays out.
 *
 * Context: under the lock of target.c.
 * Return: 0, -ENOMEM, of @root -ESRCH or -EPERM, or -ESTALE: in vain, since a
 * process has ended or raised its rights just now; -EBUSY where a target has
 * part of the tree that cannot be inside this one.
 */
int osc_tree_enter(struct osc_target *target, struct task_struct *root,
		   struct osc_target **in_the_way)
{
	struct osc_target *outer = osc_nest_outer(target);
	struct walk walk = { .target = target };
	int ret;

	if (outer) {
		/* Births that were before this are known to be the outer one's. */
		synchronize_rcu_expedited();
		osc_tasks_sweep(outer);
	}
	ret = enter_root(target, root);
	if (!ret)
		ret = enter_others(&walk);
	if (ret)
		return ret;
	if (walk.in_the_way) {
		*in_the_way = walk.in_the_way;
		return -EBUSY;
	}
	/* Then all that were registered are its own, or will be nobody's. */
	if (outer && list_empty(&outer->tasks) &&
	    list_is_singular(&outer->inner))
		osc_instance_replace(outer->slot, target->slot);
	return 0;
}

/*
 * Under RCU: one look a process is enough, at its leader; where that has ended
 * before the others, the first of them speaks. The list has few that have ended:
 * but for the leader they leave it first.
 */
static bool speaks_for_process(struct task_struct *task)
{
	struct task_struct *thread;

	if (thread_group_leader(task))
		return true;
	/* Before its release, a task's leader is there. */
	if (!data_race(pid_alive(task)) ||
	    !osc_task_is_final(task->group_leader))
		return false;
	for_each_thread(task, thread) {
		/* Workers may be ahead of it, and not yet recorded. */
		if (!osc_task_is_final(thread) &&
		    !(READ_ONCE(thread->flags) & OSC_PF_WORKER))
			return thread == task;
	}
	return false;
}

/**
 * osc_tree_add_workers() - record the io_uring workers of a process
 * @target: it belongs to
 * @task: any task; does nothing unless it speaks for its process
 *
 * Their birth is behind the fork hook's back. Those that end before they are
 * found here are recorded by the exit hook.
 *
 * Context: under the lock of target.c.
 */
void osc_tree_add_workers(struct osc_target *target, struct task_struct *task)
{
	struct task_struct *thread;

	rcu_read_lock();
	if (!speaks_for_process(task))
		goto out;
	for_each_thread(task, thread) {
		/*
		 * A process that has raised its rights has left the target
		 * before it starts a worker that is not the target's.
		 */
		smp_rmb();
		if (target_of(task) != target)
			break;
		if ((READ_ONCE(thread->flags) & OSC_PF_WORKER) &&
		    osc_tasks_add(target, thread, true))
			break;
	}
out:
	rcu_read_unlock();
}

/**
 * osc_tree_add_survivors() - record those who end after their leader, unseen
 * @target: it belongs to
 * @task: final; does nothing unless its leader is
 *
 * A process waits for its workers before it ends, but only until they have let
 * go of its io_uring: they have yet to end themselves, and to be reported by the
 * exit hook. Without them the last record of a target would seem to be the last
 * task. On 6.1 they have given up the flag that tells them by then, so whoever is
 * not recorded is taken for one. The list has few: but for the leader, tasks leave
 * it before they are final.
 *
 * Context: under the lock of target.c.
 */
void osc_tree_add_survivors(struct osc_target *target, struct task_struct *task)
{
	struct task_struct *thread;

	rcu_read_lock();
	/* While there is anybody, the leader is, and comes first. */
	thread = list_first_or_null_rcu(&task->signal->thread_head,
					struct task_struct, thread_node);
	if (!thread || !osc_task_is_final(thread) || target_of(task) != target)
		goto out;
	for_each_thread(task, thread) {
		if (!osc_task_is_final(thread) &&
		    osc_tasks_add(target, thread, true))
			break;
	}
out:
	rcu_read_unlock();
}
