// SPDX-License-Identifier: GPL-2.0
#include <linux/hashtable.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "current.h"
#include "member.h"
#include "target.h"
#include "tasks.h"
#include "tree.h"

static DEFINE_HASHTABLE(records, 12); /* by task, of all targets */

static struct osc_record *find_record(const struct task_struct *task)
{
	struct osc_record *record;

	hash_for_each_possible(records, record, by_task, (unsigned long)task) {
		if (record->task == task)
			return record;
	}
	return NULL;
}

static void admit(struct osc_target *target, struct osc_record *record)
{
	hash_add(records, &record->by_task, (unsigned long)record->task);
	list_add_tail(&record->of_target, &target->tasks);
	record->target = target;
	target->tasks_live++;
}

/* What a task did up to now stays with its target. */
static void fold_fields(struct osc_target *target, struct osc_record *record,
			const u64 *fields)
{
	unsigned int i;

	/* One that left while it was being entered has a base past its end. */
	for (i = 0; i < OSC_NR_FIELDS; i++) {
		if (fields[i] > record->base[i])
			target->folded[i] += fields[i] - record->base[i];
	}
}

/* The last name of a root process, for each target that it is the root of. */
static void keep_comm(struct osc_target *target, struct task_struct *task)
{
	/* Not of a program that has left with it. */
	if (!thread_group_leader(task) ||
	    osc_member_slot(task->tgid) != target->slot)
		return;
	/* Nor of a descendant that has been given the root's number. */
	for (; target; target = osc_nest_outer(target)) {
		if (task->tgid == target->tgid &&
		    task->start_boottime == target->root_start_ns)
			strscpy(target->comm, task->comm, TASK_COMM_LEN);
	}
}

static void fold(struct osc_target *target, struct osc_record *record,
		 const u64 *fields)
{
	fold_fields(target, record, fields);
	keep_comm(target, record->task);
	hash_del(&record->by_task);
	list_del(&record->of_target);
	target->tasks_live--;
	target->tasks_exited++;
	osc_record_free(record);
}

/* From a target to one inside it: each has what the task does while it is its. */
static void move_in(struct osc_target *target, struct osc_record *record)
{
	u64 fields[OSC_NR_FIELDS];

	osc_task_fields(record->task, fields);
	fold_fields(record->target, record, fields);
	memcpy(record->base, fields, sizeof(fields));
	list_move_tail(&record->of_target, &target->tasks);
	record->target->tasks_live--;
	target->tasks_live++;
	record->target = target;
}

/*
 * A thread that ended while the target was being entered, unseen by the search
 * for its first members: what of it came before is not known any more.
 */
static bool is_older(const struct osc_record *record,
		     const struct osc_target *target)
{
	return !record->born && record->task->start_boottime < target->since_ns;
}

/*
 * A task has left a target. Where one that the target is inside of may go on
 * watching it, the record of that goes there: true.
 */
static bool leave(struct osc_target *target, struct osc_record *known,
		  struct osc_record *record)
{
	struct osc_target *heir = record->target;

	fold(target, known, record->base);
	if (!heir)
		return false;
	record->left = false;
	/* It goes on there: nobody has ended for the heir. */
	heir->carried.tasks_exited--;
	admit(heir, record);
	return true;
}

static void take_birth(struct osc_target *target, struct osc_record *known)
{
	unsigned int i;

	if (known->target == target)
		memset(known->base, 0, sizeof(known->base));
	else if (osc_nest_has(target, known->target))
		for (i = 0; i < OSC_NR_FIELDS; i++)
			target->folded[i] += known->base[i];
}

/**
 * osc_tasks_take() - take in what the hooks have handed over
 * @target: it was handed to
 *
 * A task may be there already: found by the search for the first members and seen
 * at its birth or end as well. One that was born into a target while another was
 * added inside it may be the latter's already: what it did before is the former's.
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_take(struct osc_target *target)
{
	struct osc_record *record, *next, *known;
	struct llist_node *list;

	/* Oldest first: a birth comes before what leaves. */
	list = llist_reverse_order(llist_del_all(&target->fresh));
	llist_for_each_entry_safe(record, next, list, fresh) {
		known = find_record(record->task);
		if (!known && !record->left) {
			if (!is_older(record, target)) {
				admit(target, record);
				continue;
			}
			atomic64_inc(&target->lost);
		}
		if (known && known->target == target && record->left) {
			if (leave(target, known, record))
				continue;
		} else if (known && record->born) {
			take_birth(target, known);
		}
		osc_record_free(record);
	}
}

/*
 * The task has left another target, which has not been swept since: it gives up
 * its record now. Where the exec hook had none to report the task with, what that
 * target shows is sealed. Or the task goes on to a target inside its own.
 */
static struct osc_record *take_leave(struct osc_target *target,
				     struct osc_record *record)
{
	struct task_struct *task = record->task;
	u64 fields[OSC_NR_FIELDS];

	osc_tasks_take(record->target);
	record = find_record(task);
	if (!record || record->target == target)
		return record;
	if (osc_nest_has(record->target, target)) {
		move_in(target, record);
		return record;
	}
	osc_task_fields(task, fields);
	fold(record->target, record, fields);
	return NULL;
}

/**
 * osc_tasks_add() - record a task that was found running
 * @target: it belongs to
 * @task: may be recorded already
 * @born: it came to be under watch, so that all it did counts
 *
 * Context: under RCU and the lock of target.c.
 * Return: 0 or -ENOMEM.
 */
int osc_tasks_add(struct osc_target *target, struct task_struct *task,
		  bool born)
{
	struct osc_record *record = find_record(task);

	if (record && record->target != target)
		record = take_leave(target, record);
	if (record)
		return 0;
	record = osc_record_alloc(GFP_NOWAIT | __GFP_NOWARN);
	if (!record) {
		atomic64_inc(&target->lost);
		return -ENOMEM;
	}
	record->task = get_task_struct(task);
	if (!born) {
		osc_task_fields(task, record->base);
		osc_timing_forget(task->pid);
	}
	admit(target, record);
	return 0;
}

/**
 * osc_tasks_sweep() - take in what the hooks reported, fold what has ended
 * @target: whose tasks
 *
 * A worker's end is reported by a record of its own, handed over before it was
 * final: so what was handed over is taken in once more, and recognised by the
 * record that is still there, before any is dropped. A worker may also be later
 * than all the others of its process: it is looked for before that.
 *
 * Context: under the lock of target.c.
 * Return: true while tasks are on their way out.
 */
bool osc_tasks_sweep(struct osc_target *target)
{
	struct osc_record *record, *next;
	u64 fields[OSC_NR_FIELDS];
	bool exiting = false;
	LIST_HEAD(final);

	osc_tasks_take(target);
	list_for_each_entry_safe(record, next, &target->tasks, of_target) {
		if (osc_task_is_final(record->task))
			list_move(&record->of_target, &final);
		else if (READ_ONCE(record->task->flags) & PF_EXITING)
			exiting = true;
	}
	list_for_each_entry(record, &final, of_target)
		osc_tree_add_survivors(target, record->task);
	osc_tasks_take(target);
	list_for_each_entry_safe(record, next, &final, of_target) {
		osc_task_fields(record->task, fields);
		fold(target, record, fields);
	}
	return exiting;
}

/**
 * osc_tasks_read() - add what the recorded tasks of a target have done
 * @target: swept just now; without the targets inside it, and without what is
 *	folded
 * @sum: of OSC_NR_FIELDS, added to
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_read(const struct osc_target *target, u64 *sum)
{
	u64 fields[OSC_NR_FIELDS];
	struct osc_record *record;
	unsigned int i;

	list_for_each_entry(record, &target->tasks, of_target) {
		osc_task_fields(record->task, fields);
		for (i = 0; i < OSC_NR_FIELDS; i++)
			sum[i] += fields[i] - record->base[i];
	}
}

/**
 * osc_tasks_move() - let a target have the tasks of its processes
 * @outer: the one that it is inside of, and whose they were
 * @target: the target
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_move(struct osc_target *outer, struct osc_target *target)
{
	struct osc_record *record, *next;

	list_for_each_entry_safe(record, next, &outer->tasks, of_target) {
		/* The number of a dead one may be another's. */
		if (osc_member_slot(record->task->tgid) == target->slot &&
		    !osc_task_is_final(record->task))
			move_in(target, record);
	}
}

/**
 * osc_tasks_hand_over() - let the outer target have the tasks of one that goes
 * @target: the target, which the hooks see no more
 * @outer: the one that it is inside of
 *
 * What they did since they were recorded goes with them.
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_hand_over(struct osc_target *target, struct osc_target *outer)
{
	struct osc_record *record;

	list_for_each_entry(record, &target->tasks, of_target)
		record->target = outer;
	list_splice_tail_init(&target->tasks, &outer->tasks);
	outer->tasks_live += target->tasks_live;
	target->tasks_live = 0;
}

/**
 * osc_tasks_find_workers() - record the workers of the tasks' io_urings
 * @target: whose tasks
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_find_workers(struct osc_target *target)
{
	struct osc_record *record;

	/* Workers are added at the tail; they lead no process. */
	list_for_each_entry(record, &target->tasks, of_target)
		osc_tree_add_workers(target, record->task);
}

/**
 * osc_tasks_drop() - let go of the recorded tasks
 * @target: whose tasks
 *
 * Context: under the lock of target.c.
 */
void osc_tasks_drop(struct osc_target *target)
{
	struct osc_record *record, *next;

	list_for_each_entry_safe(record, next, &target->tasks, of_target) {
		hash_del(&record->by_task);
		list_del(&record->of_target);
		osc_record_free(record);
	}
}

/**
 * osc_tasks_drop_fresh() - let go of what the hooks handed over last
 * @target: out of the hooks' sight for an RCU grace period
 *
 * Context: any but hard interrupts.
 */
void osc_tasks_drop_fresh(struct osc_target *target)
{
	struct osc_record *record, *next;
	struct llist_node *list;

	list = llist_del_all(&target->fresh);
	llist_for_each_entry_safe(record, next, list, fresh)
		osc_record_free(record);
}
