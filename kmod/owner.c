// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/magic.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "nest.h"
#include "owner.h"
#include "record.h"
#include "target.h"

/* Descriptors that are looked at without a pause. */
#define FDS_AT_ONCE 256

/* Each takes a slot: what a target may have beyond does not fit. */
#define MAX_CLAIMS 256

/**
 * struct candidate - an instance whose owner is sought
 * @instance: its address, only compared
 * @slot: under which it is in the table
 * @counts: its callbacks meanwhile
 * @nr_claims: targets that it may belong to
 * @is_decided: @grace is set
 * @grace: when it has passed, no hook uses @counts
 * @rcu: hooks may still use @counts
 */
struct candidate {
	const void *instance;
	u16 slot;
	struct osc_slot_counts __percpu *counts;
	unsigned int nr_claims;
	bool is_decided;
	unsigned long grace;
	struct rcu_head rcu;
};

/**
 * struct claim - a target that a candidate may belong to
 * @of_target: in the target's list
 * @candidate: which
 * @base: callbacks of the candidate before the target was added
 * @found: descriptors of the target's tasks that refer to it
 * @refs: most references to it at a time, whoever had them
 */
struct claim {
	struct list_head of_target;
	struct candidate *candidate;
	u64 base;
	long found;
	long refs;
};

DEFINE_PER_CPU(unsigned long, osc_owner_last);

/* By slot; under osc_targets_lock. */
static DEFINE_XARRAY(candidates);
static unsigned int nr_candidates;

/* Since the last search: an owner is not sought any more. Under the same lock. */
static bool gave_up;
static u64 gave_up_at; /* callbacks of no target by then */

/* Any context: what is wrong counts as lost once. */
static notrace void mark(struct osc_target *target, enum osc_owner_mark bit)
{
	if (!test_and_set_bit(bit, &target->marks) &&
	    (bit == OSC_MARK_NO_ROOM || bit == OSC_MARK_SHARED))
		atomic64_inc(&target->lost);
}

/*
 * Preemption off, or under osc_targets_lock: @target uses what is another's. One
 * that is inside it is counted in it; one that holds it loses nothing to it.
 */
static notrace void share(struct osc_target *target, struct osc_target *other,
			  const void *instance)
{
	if (!other || osc_nest_has(target, other))
		return;
	if (!osc_nest_has(other, target)) {
		mark(target, OSC_MARK_SHARED);
		return;
	}
	mark(target, OSC_MARK_OUTER);
	if (instance)
		osc_instance_move(instance, other->slot, target->slot);
}

/* Preemption off: a task of @slot waits for @instance, which is of @owner. */
static notrace void show_owner(const void *instance, u16 owner, u16 slot)
{
	struct osc_target *target = rcu_dereference_sched(osc_slots[slot]);
	int ret;

	slot = target ? target->slot : 0;
	if (owner == slot)
		return;
	if (READ_ONCE(osc_slot_owners[owner]) == OSC_OWNER_SOUGHT) {
		if (osc_instance_move(instance, owner, slot))
			osc_slot_decide(owner, slot ?: OSC_OWNER_FOREIGN);
		/* It came to the target after the search. */
		if (target && !READ_ONCE(target->nr_claims))
			mark(target, OSC_MARK_LATE);
		return;
	}
	/* Of a target that has been removed: it need not be looked at again. */
	if (!slot && !osc_slot_is_used(owner))
		osc_instance_move(instance, owner, 0);
	if (!target || !READ_ONCE(target->is_searched))
		return;
	ret = osc_instance_add(instance, slot);
	if (ret == -EEXIST)
		share(target, rcu_dereference_sched(osc_slots[owner]),
		      instance);
	else
		mark(target, ret ? OSC_MARK_NO_ROOM : OSC_MARK_LATE);
}

/**
 * osc_owner_shown() - a task is woken from an instance that may not be its target's
 * @wait: first argument of ep_autoremove_wake_function
 * @slot: of the task's target, 0 for none
 *
 * Context: a direct call, so every register is kept; interrupts off.
 */
OSC_DIRECT noinline notrace void osc_owner_shown(const void *wait,
						 unsigned long slot)
{
	const void *instance = osc_layout_waited(wait);
	unsigned long owner;

	if (!osc_layout_is_proven())
		return;
	/* With PREEMPT_RT the lock that wakers hold does not keep it off. */
	preempt_disable_notrace();
	owner = osc_instance_slot(instance);
	if (owner != slot)
		show_owner(instance, owner, slot);
	preempt_enable_notrace();
}

/**
 * osc_owner_registers() - a task registers a descriptor
 * @instance: with which
 * @slot: of the task's target, 0 for none
 *
 * Context: process context with preemption off, while the tables exist.
 */
notrace void osc_owner_registers(const void *instance, u16 slot)
{
	struct osc_target *target = rcu_dereference_sched(osc_slots[slot]);
	u16 before;
	int ret;

	/* The slot of one that is about to go leads to the one that holds it. */
	slot = target ? target->slot : 0;
	ret = osc_instance_set(instance, slot, &before);
	if (READ_ONCE(osc_slot_owners[before]) == OSC_OWNER_SOUGHT)
		osc_slot_decide(before, slot ?: OSC_OWNER_LOST);
	if (ret)
		mark(target, OSC_MARK_NO_ROOM);
}

static u64 callbacks_of(const struct candidate *candidate)
{
	const struct osc_slot_counts *counts;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		counts = per_cpu_ptr(candidate->counts, cpu);
		sum += READ_ONCE(counts->epoll_callbacks);
	}
	return sum;
}

static void free_candidate_rcu(struct rcu_head *head)
{
	struct candidate *candidate = container_of(head, struct candidate, rcu);

	free_percpu(candidate->counts);
	kfree(candidate);
}

static void put_candidate(struct candidate *candidate)
{
	if (candidate->nr_claims)
		return;
	xa_erase(&candidates, candidate->slot);
	nr_candidates--;
	osc_slot_retire(candidate->slot);
	call_rcu(&candidate->rcu, free_candidate_rcu);
}

static void drop_claim(struct osc_target *target, struct claim *claim)
{
	list_del(&claim->of_target);
	WRITE_ONCE(target->nr_claims, target->nr_claims - 1);
	claim->candidate->nr_claims--;
	put_candidate(claim->candidate);
	kfree(claim);
}

/**
 * struct walk - a look through the descriptors of a target's tasks
 * @target: of which
 * @tables: descriptor tables that were looked through: tasks may share them. One
 *	that is made at the address of another is passed over, and what is in it
 *	is found late.
 * @stop: where to pause
 * @again: a claim or a candidate has to be made for the one just seen
 * @is_full: none can be made
 * @claim: made ahead, or NULL
 * @candidate: likewise
 */
struct walk {
	struct osc_target *target;
	struct xarray tables;
	unsigned int stop;
	bool again;
	bool is_full;
	struct claim *claim;
	struct candidate *candidate;
};

static struct candidate *make_candidate(const struct osc_target *target)
{
	struct candidate *candidate;

	/* The other half is for targets; privileged ones find room where others do not. */
	if (nr_candidates >= osc_nr_slots / (target->privileged ? 2 : 4))
		return NULL;
	/* Charged to who adds the target. */
	candidate = kzalloc(sizeof(*candidate), GFP_KERNEL_ACCOUNT);
	if (!candidate)
		return NULL;
	candidate->counts =
		alloc_percpu_gfp(struct osc_slot_counts, GFP_KERNEL_ACCOUNT);
	if (!candidate->counts)
		goto free;
	candidate->slot = osc_slot_take();
	if (!candidate->slot)
		goto free_counts;
	osc_slot_seek(candidate->slot, candidate->counts);
	if (!xa_err(xa_store(&candidates, candidate->slot, candidate,
			     GFP_KERNEL))) {
		nr_candidates++;
		return candidate;
	}
	osc_slot_retire(candidate->slot);
free_counts:
	free_percpu(candidate->counts);
free:
	kfree(candidate);
	return NULL;
}

/* Before a look that would need them. */
static void make_room(struct walk *walk)
{
	if (walk->target->nr_claims >= MAX_CLAIMS) {
		walk->is_full = true;
		return;
	}
	if (!walk->claim)
		walk->claim = kzalloc(sizeof(*walk->claim), GFP_KERNEL_ACCOUNT);
	if (!walk->candidate)
		walk->candidate = make_candidate(walk->target);
	walk->is_full = !walk->claim || !walk->candidate;
}

static struct claim *find_claim(const struct osc_target *target,
				const struct candidate *candidate)
{
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target) {
		if (claim->candidate == candidate)
			return claim;
	}
	return NULL;
}

static struct claim *claim_candidate(struct walk *walk,
				     struct candidate *candidate)
{
	struct claim *claim = walk->claim;

	walk->claim = NULL;
	claim->candidate = candidate;
	claim->base = callbacks_of(candidate);
	candidate->nr_claims++;
	list_add(&claim->of_target, &walk->target->claims);
	WRITE_ONCE(walk->target->nr_claims, walk->target->nr_claims + 1);
	return claim;
}

/* The claim for an instance, NULL when it is not a candidate. */
static struct claim *claim_instance(struct walk *walk, const void *instance,
				    u16 slot)
{
	struct candidate *candidate = walk->candidate;
	struct claim *claim;

	if (slot) {
		candidate = xa_load(&candidates, slot);
		claim = find_claim(walk->target, candidate);
		if (claim)
			return claim;
	}
	if (walk->is_full) {
		mark(walk->target, OSC_MARK_NO_ROOM);
		return NULL;
	}
	walk->again = !walk->claim || !candidate;
	if (walk->again)
		return NULL;
	if (!slot) {
		switch (osc_instance_add(instance, candidate->slot)) {
		case 0:
			candidate->instance = instance;
			walk->candidate = NULL;
			break;
		case -EEXIST: /* Just registered with. */
			walk->again = true;
			return NULL;
		default:
			mark(walk->target, OSC_MARK_NO_ROOM);
			return NULL;
		}
	}
	return claim_candidate(walk, candidate);
}

/*
 * The descriptor that is being looked at is the only reference, and its table is
 * locked: nobody else has the instance or gets it. False when a registration has
 * just changed whose it is.
 */
static bool take_alone(struct osc_target *target, const void *instance,
		       u16 slot)
{
	int ret;

	if (osc_target_of_slot(slot))
		return osc_instance_move(instance, slot, target->slot);
	ret = osc_instance_add(instance, target->slot);
	if (ret == -ENOSPC)
		mark(target, OSC_MARK_NO_ROOM);
	return ret != -EEXIST;
}

static void see_instance(struct walk *walk, struct file *file)
{
	struct osc_target *target = walk->target, *other;
	const void *instance = file->private_data;
	u16 slot = osc_instance_slot(instance);
	struct claim *claim;

	other = osc_target_of_slot(slot);
	if (other == target)
		return;
	/* What another target may have meanwhile is not known to be this one's. */
	if (file_count(file) == 1 &&
	    (other ? osc_nest_has(other, target) : !osc_slot_is_used(slot))) {
		walk->again = !take_alone(target, instance, slot);
		return;
	}
	if (other) {
		share(target, other, NULL);
		return;
	}
	claim = claim_instance(walk, instance,
			       osc_slot_is_used(slot) ? slot : 0);
	if (claim) {
		claim->found++;
		claim->refs = max(claim->refs, file_count(file));
	}
}

/* Its name is a constant of epoll's, on a file system without paths. */
static bool is_epoll(const struct file *file)
{
	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, "[eventpoll]");
}

/*
 * For iterate_fd(), under the lock of the descriptor table: an instance that is
 * entered here is not freed before, and whoever uses its address next registers
 * after it.
 */
static int look_at(const void *data, struct file *file, unsigned int fd)
{
	struct walk *walk = (struct walk *)data;

	if (is_epoll(file))
		see_instance(walk, file);
	/* Anything but 0 is a pause. */
	return walk->again || fd >= walk->stop ? fd + 1 : 0;
}

/* Under the lock of a task that has the table. */
static bool is_new_table(struct walk *walk, struct files_struct *table)
{
	unsigned long index = (unsigned long)table / __alignof__(*table);
	int ret;

	ret = xa_insert(&walk->tables, index, table,
			GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
	if (ret == -ENOMEM)
		mark(walk->target, OSC_MARK_NO_ROOM);
	return !ret;
}

static void look_through(struct walk *walk, struct task_struct *task)
{
	const struct files_struct *table = NULL;
	unsigned int from = 0;
	int next;

	do {
		if (walk->again)
			make_room(walk);
		walk->again = false;
		walk->stop = from + FDS_AT_ONCE;
		next = 0;
		task_lock(task);
		if (!table && task->files && is_new_table(walk, task->files))
			table = task->files;
		if (table && table == task->files)
			next = iterate_fd(task->files, from, look_at, walk);
		task_unlock(task);
		from = walk->again ? next - 1 : next;
		cond_resched();
	} while (next);
}

/* All references are descriptors of this target's tasks. */
static void take_own(struct osc_target *target)
{
	struct candidate *candidate;
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target) {
		candidate = claim->candidate;
		if (claim->found != claim->refs || candidate->nr_claims > 1)
			continue;
		preempt_disable();
		if (osc_instance_move(candidate->instance, candidate->slot,
				      target->slot))
			osc_slot_decide(candidate->slot, target->slot);
		preempt_enable();
	}
}

static void search(struct osc_target *target)
{
	struct walk walk = { .target = target };
	struct osc_record *record;

	xa_init(&walk.tables);
	list_for_each_entry(record, &target->tasks, of_target)
		look_through(&walk, record->task);
	xa_destroy(&walk.tables);
	kfree(walk.claim);
	if (walk.candidate)
		put_candidate(walk.candidate);
	take_own(target);
}

/**
 * osc_owner_find() - find the epoll instances of a new target
 * @target: its tasks are entered
 *
 * Context: may sleep, under osc_targets_lock.
 */
void osc_owner_find(struct osc_target *target)
{
	search(target);
	target->unattributed = osc_slots_unattributed();
	target->outside = osc_nest_callbacks_outside(target);
	WRITE_ONCE(target->is_searched, true);
	osc_owner_find_again();
}

/* Whether an instance that the target may own is not sought any more. */
static bool has_lost(const struct osc_target *target)
{
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target) {
		if (READ_ONCE(osc_slot_owners[claim->candidate->slot]) ==
		    OSC_OWNER_LOST)
			return true;
	}
	return false;
}

/**
 * osc_owner_find_again() - find what targets may own beside what was given up
 *
 * The callbacks of such instances meanwhile are among those of no target.
 *
 * Context: may sleep, under osc_targets_lock, which was held since.
 */
void osc_owner_find_again(void)
{
	struct osc_target *target;
	unsigned long id;

	if (!gave_up)
		return;
	xa_for_each(&osc_targets, id, target) {
		cond_resched();
		if (!test_and_clear_bit(OSC_MARK_HEIR, &target->marks) &&
		    !has_lost(target))
			continue;
		search(target);
		target->callbacks_unclaimed +=
			osc_slots_unattributed() - gave_up_at;
	}
	gave_up = false;
}

static u64 outside_since(const struct osc_target *target)
{
	return osc_nest_callbacks_outside(target) - target->outside;
}

static u64 unattributed_since(const struct osc_target *target)
{
	return osc_slots_unattributed() - target->unattributed;
}

/* What a claim adds to callbacks that are known, or that may be the target's. */
static void add_claim(const struct osc_target *target,
		      const struct claim *claim, u64 *callbacks, u64 *unknown)
{
	u16 owner = READ_ONCE(osc_slot_owners[claim->candidate->slot]);
	u64 did = callbacks_of(claim->candidate) - claim->base;

	if (owner == target->slot)
		*callbacks += did;
	else if (owner == OSC_OWNER_SOUGHT || owner == OSC_OWNER_LOST)
		*unknown += did;
}

/* Whether its counts are final. */
static bool is_final(struct candidate *candidate)
{
	if (READ_ONCE(osc_slot_owners[candidate->slot]) == OSC_OWNER_SOUGHT)
		return false;
	if (candidate->is_decided)
		return poll_state_synchronize_rcu(candidate->grace);
	candidate->grace = start_poll_synchronize_rcu();
	candidate->is_decided = true;
	return false;
}

/**
 * osc_owner_settle() - take in what candidates have shown since the last time
 * @target: of which
 *
 * Context: may sleep, under osc_targets_lock.
 */
void osc_owner_settle(struct osc_target *target)
{
	struct claim *claim, *next;

	if (test_and_clear_bit(OSC_MARK_LATE, &target->marks))
		target->callbacks_late =
			unattributed_since(target) + outside_since(target);
	list_for_each_entry_safe(claim, next, &target->claims, of_target) {
		if (!is_final(claim->candidate))
			continue;
		add_claim(target, claim, &target->callbacks_claimed,
			  &target->callbacks_unclaimed);
		drop_claim(target, claim);
	}
}

/**
 * osc_owner_callbacks() - callbacks that a target has got from candidates
 * @target: the target
 *
 * Context: under osc_targets_lock, after its own counts were read.
 * Return: their number.
 */
u64 osc_owner_callbacks(const struct osc_target *target)
{
	u64 callbacks = target->callbacks_claimed, unknown = 0;
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target)
		add_claim(target, claim, &callbacks, &unknown);
	return callbacks;
}

/* Without those of targets that hold it: one of these may be the reader. */
static u64 unknown_of(const struct osc_target *target)
{
	u64 callbacks = 0, unknown = target->callbacks_unclaimed;
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target)
		add_claim(target, claim, &callbacks, &unknown);
	if (!osc_layout_is_settled() ||
	    test_bit(OSC_MARK_NO_ROOM, &target->marks))
		return unknown + unattributed_since(target);
	return unknown + target->callbacks_late;
}

/**
 * osc_owner_unknown() - callbacks that may be a target's beside those it knows
 * @target: the target; what those inside it may have, it may have
 *
 * Context: under osc_targets_lock, after the known ones were read.
 * Return: their number.
 */
u64 osc_owner_unknown(struct osc_target *target)
{
	struct osc_target *at;
	u64 unknown = 0;

	for (at = target; at; at = osc_nest_next(at, target))
		unknown += unknown_of(at);
	if (test_bit(OSC_MARK_OUTER, &target->marks) ||
	    test_bit(OSC_MARK_NO_ROOM, &target->marks))
		unknown += outside_since(target);
	return unknown;
}

/**
 * osc_owner_give_up() - end the search for the owners of what a target may own
 * @target: that comes inside another, has one come inside, or goes
 *
 * The callbacks so far stay unknown. Known later, they would be credited to a
 * target as of a time when another one counted for it, or not yet. For later ones
 * osc_owner_find_again() begins another search.
 *
 * Context: under osc_targets_lock.
 */
void osc_owner_give_up(struct osc_target *target)
{
	u64 unattributed = osc_slots_unattributed();
	struct claim *claim;

	list_for_each_entry(claim, &target->claims, of_target) {
		if (!osc_instance_move(claim->candidate->instance,
				       claim->candidate->slot, 0))
			continue;
		osc_slot_decide(claim->candidate->slot, OSC_OWNER_LOST);
		if (!gave_up)
			gave_up_at = unattributed;
		gave_up = true;
	}
}

/**
 * osc_owner_hand_over() - what a target may have, the one that holds it may have
 * @target: which goes
 * @outer: which holds it
 *
 * Context: under osc_targets_lock.
 */
void osc_owner_hand_over(struct osc_target *target, struct osc_target *outer)
{
	if (has_lost(target))
		set_bit(OSC_MARK_HEIR, &outer->marks);
	/* It may not have been read since something was found late. */
	osc_owner_settle(target);
	outer->callbacks_unclaimed += unknown_of(target);
	if (test_bit(OSC_MARK_NO_ROOM, &target->marks))
		set_bit(OSC_MARK_NO_ROOM, &outer->marks);
}

/**
 * osc_owner_drop() - give up what a target may own
 * @target: which is being removed
 *
 * Context: under osc_targets_lock.
 */
void osc_owner_drop(struct osc_target *target)
{
	struct claim *claim, *next;

	list_for_each_entry_safe(claim, next, &target->claims, of_target)
		drop_claim(target, claim);
}
