// SPDX-License-Identifier: GPL-2.0
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/string.h>

#include "current.h"
#include "instance.h"
#include "member.h"
#include "nest.h"
#include "owner.h"
#include "slot.h"
#include "target.h"
#include "tasks.h"
#include "timing.h"

/**
 * osc_sums_add() - add sums, modulo 2^64
 * @to: added to
 * @what: added
 */
void osc_sums_add(struct osc_sums *to, const struct osc_sums *what)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_FIELDS; i++)
		to->fields[i] += what->fields[i];
	to->epoll_callbacks += what->epoll_callbacks;
	to->epoll_wakeups += what->epoll_wakeups;
	to->tasks_exited += what->tasks_exited;
	to->lost += what->lost;
}

/**
 * osc_sums_sub() - subtract sums, modulo 2^64
 * @from: subtracted from
 * @what: subtracted
 */
void osc_sums_sub(struct osc_sums *from, const struct osc_sums *what)
{
	unsigned int i;

	for (i = 0; i < OSC_NR_FIELDS; i++)
		from->fields[i] -= what->fields[i];
	from->epoll_callbacks -= what->epoll_callbacks;
	from->epoll_wakeups -= what->epoll_wakeups;
	from->tasks_exited -= what->tasks_exited;
	from->lost -= what->lost;
}

/* A macro: without lockdep there is no function that it names. */
#define NESTING_IS_HELD \
	(rcu_read_lock_sched_held() || lockdep_is_held(&osc_targets_lock))

/**
 * osc_nest_outer() - the target that directly holds another
 * @target: held
 *
 * Context: under RCU, a hook with preemption off, or osc_targets_lock.
 * Return: the target, or NULL.
 */
struct osc_target *osc_nest_outer(const struct osc_target *target)
{
	return rcu_dereference_check(target->outer, NESTING_IS_HELD);
}

/**
 * osc_nest_next() - walk a target and all that are inside it
 * @at: the last one, @top at first
 * @top: the target
 *
 * Context: under osc_targets_lock.
 * Return: the next one, behind the one that holds it; NULL at the end.
 */
struct osc_target *osc_nest_next(struct osc_target *at,
				 const struct osc_target *top)
{
	struct osc_target *outer;

	if (!list_empty(&at->inner))
		return list_first_entry(&at->inner, struct osc_target,
					in_outer);
	for (; at != top; at = outer) {
		outer = osc_nest_outer(at);
		if (!list_is_last(&at->in_outer, &outer->inner))
			return list_next_entry(at, in_outer);
	}
	return NULL;
}

/**
 * osc_nest_has() - whether a target is another, or inside it
 * @outer: the other
 * @target: the target
 *
 * Context: as osc_nest_outer().
 * Return: true when it is.
 */
bool osc_nest_has(const struct osc_target *outer,
		  const struct osc_target *target)
{
	while (target && target != outer)
		target = osc_nest_outer(target);
	return target;
}

/**
 * osc_nest_below() - the target directly inside another that has a third one
 * @outer: the other, NULL for no target
 * @target: the third, which may be the answer
 *
 * Context: as osc_nest_outer().
 * Return: the target, or NULL when @target is not inside @outer.
 */
struct osc_target *osc_nest_below(const struct osc_target *outer,
				  struct osc_target *target)
{
	struct osc_target *next;

	for (; target; target = next) {
		next = osc_nest_outer(target);
		if (next == outer)
			return target;
	}
	return NULL;
}

static bool follows(const struct osc_target *target)
{
	return !(target->flags & OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW);
}

/**
 * osc_nest_may_hold() - whether a target may have another one inside
 * @outer: watches what @inner watches, as far as the trees tell
 * @inner: the other one
 *
 * The owner of @outer may watch whatever @inner may, and @outer takes along
 * whom @inner takes along.
 *
 * Context: any.
 * Return: true when it may.
 */
bool osc_nest_may_hold(const struct osc_target *outer,
		       const struct osc_target *inner)
{
	if (!follows(outer) && (follows(inner) || outer->pid != inner->pid))
		return false;
	return outer->privileged ||
	       (!inner->privileged && uid_eq(outer->owner, inner->owner));
}

/* Of two targets of one process, the first cannot be inside the second. */
static bool is_wider(const struct osc_target *target,
		     const struct osc_target *other)
{
	return (target->privileged && !other->privileged) ||
	       (follows(target) && !follows(other));
}

/**
 * osc_nest_place() - find where a new target belongs
 * @target: not yet seen by hooks; inside the one it belongs into, on success
 * @holder: the target that its root process belongs to, or NULL
 * @inner: set to a target of the same process that is to be inside, or NULL
 * @in_the_way: set to the one that does not go together with it, on an error
 *
 * Context: may sleep, under osc_targets_lock.
 * Return: 0, -EBUSY, -ENOSPC where too many hold the process, -ENOMEM.
 */
int osc_nest_place(struct osc_target *target, struct osc_target *holder,
		   struct osc_target **inner, struct osc_target **in_the_way)
{
	struct osc_target *outer = holder, *at;
	unsigned int depth = 0;
	int ret;

	*inner = NULL;
	while (outer && outer->pid == target->pid && is_wider(target, outer)) {
		*inner = outer;
		outer = osc_nest_outer(outer);
	}
	*in_the_way = *inner;
	if (*inner && !osc_nest_may_hold(target, *inner))
		return -EBUSY;
	*in_the_way = outer;
	if (outer && !osc_nest_may_hold(outer, target))
		return -EBUSY;
	*in_the_way = NULL;
	for (at = holder; at; at = osc_nest_outer(at))
		depth++;
	if (depth >= OSC_NEST_MAX)
		return -ENOSPC;
	if (!outer)
		return 0;
	ret = osc_timing_carry(target, GFP_KERNEL_ACCOUNT);
	if (!ret)
		ret = osc_timing_carry(outer, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	rcu_assign_pointer(target->outer, outer);
	list_add_tail(&target->in_outer, &outer->inner);
	target->outside = osc_nest_callbacks_outside(target);
	for (at = outer; at; at = osc_nest_outer(at))
		osc_owner_give_up(at);
	return 0;
}

/* What the hooks have counted, by CPU, added up. */
static struct osc_slot_counts own_counts(const struct osc_target *target)
{
	struct osc_slot_counts sum = {};
	const struct osc_slot_counts *c;
	int cpu;

	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(target->counts, cpu);
		sum.epoll_callbacks += READ_ONCE(c->epoll_callbacks);
		sum.epoll_wakeups += READ_ONCE(c->epoll_wakeups);
	}
	return sum;
}

static u64 own_callbacks(const struct osc_target *target)
{
	return own_counts(target).epoll_callbacks;
}

/* Without the targets inside it, and without what its live tasks have done. */
static void read_gone(const struct osc_target *target, struct osc_sums *sums)
{
	struct osc_slot_counts counts = own_counts(target);
	unsigned int i;

	*sums = target->carried;
	for (i = 0; i < OSC_NR_FIELDS; i++)
		sums->fields[i] += target->folded[i];
	sums->epoll_callbacks += counts.epoll_callbacks;
	sums->epoll_callbacks += osc_owner_callbacks(target);
	sums->epoll_wakeups += counts.epoll_wakeups;
	sums->tasks_exited += target->tasks_exited;
	sums->lost += atomic64_read(&target->lost);
}

/**
 * osc_nest_read() - what a target counts
 * @target: the target
 * @sums: overwritten
 * @tasks_live: set to the number of recorded tasks, all told
 *
 * Context: under osc_targets_lock.
 */
void osc_nest_read(struct osc_target *target, struct osc_sums *sums,
		   u64 *tasks_live)
{
	struct osc_target *at;
	struct osc_sums own;

	memset(sums, 0, sizeof(*sums));
	*tasks_live = 0;
	for (at = target; at; at = osc_nest_next(at, target)) {
		read_gone(at, &own);
		osc_tasks_read(at, own.fields);
		osc_sums_add(sums, &own);
		*tasks_live += at->tasks_live;
	}
}

/**
 * osc_nest_callbacks_outside() - readiness callbacks of those that hold a target
 * @target: the target
 *
 * Its tasks may have made such registrations before it was added.
 *
 * Context: under osc_targets_lock.
 * Return: their number.
 */
u64 osc_nest_callbacks_outside(const struct osc_target *target)
{
	const struct osc_target *at = target;
	u64 callbacks = 0;

	while ((at = osc_nest_outer(at)))
		callbacks += own_callbacks(at);
	return callbacks;
}

/* @own is of a target that comes to hold @inner, or goes. */
static void shift_outside(struct osc_target *inner, u64 own)
{
	struct osc_target *at;

	for (at = inner; at; at = osc_nest_next(at, inner))
		at->outside += own;
}

/**
 * osc_nest_attach() - put a target inside a new one
 * @inner: inside the target that @target is inside of, or like it in none
 * @target: the new one, which may hold it
 *
 * Context: under osc_targets_lock; does not sleep.
 * Return: 0 or -ENOMEM.
 */
int osc_nest_attach(struct osc_target *inner, struct osc_target *target)
{
	struct osc_target *outer = osc_nest_outer(target), *at;
	struct osc_sums sums;
	u64 live;

	if (osc_timing_carry(target, GFP_NOWAIT | __GFP_NOWARN))
		return -ENOMEM;
	for (at = inner; at; at = osc_nest_next(at, inner))
		osc_owner_give_up(at);
	osc_nest_read(inner, &sums, &live);
	osc_sums_sub(&target->carried, &sums);
	if (outer)
		osc_sums_add(&outer->carried, &sums);
	for (at = inner; at; at = osc_nest_next(at, inner)) {
		osc_timing_shift(target, at, -1);
		if (outer)
			osc_timing_shift(outer, at, 1);
	}
	shift_outside(inner, own_callbacks(target));
	list_del(&inner->in_outer);
	list_add_tail(&inner->in_outer, &target->inner);
	rcu_assign_pointer(inner->outer, target);
	return 0;
}

/* What it counted stays with the one that holds it, as do its tasks. */
static void hand_over(struct osc_target *target, struct osc_target *outer)
{
	struct osc_sums sums;

	read_gone(target, &sums);
	osc_sums_add(&outer->carried, &sums);
	osc_owner_hand_over(target, outer);
	osc_tasks_hand_over(target, outer);
	osc_timing_shift(outer, target, 1);
	if (READ_ONCE(target->sealed) && !outer->privileged)
		WRITE_ONCE(outer->sealed, true);
}

/* Its own callbacks are final: the hooks count for it no more. */
static void release_inner(struct osc_target *target, struct osc_target *outer)
{
	struct osc_target *inner, *next;

	list_for_each_entry_safe(inner, next, &target->inner, in_outer) {
		shift_outside(inner, -own_callbacks(target));
		list_del_init(&inner->in_outer);
		if (outer)
			list_add_tail(&inner->in_outer, &outer->inner);
	}
}

/**
 * osc_nest_detach() - take a target out of the nesting, before it goes
 * @target: the target
 *
 * Those inside it are then inside the one that holds it, and so are its tasks,
 * without a gap: while the tables of the hooks change, its slot leads there.
 *
 * Context: may sleep, under osc_targets_lock.
 */
void osc_nest_detach(struct osc_target *target)
{
	struct osc_target *outer = osc_nest_outer(target), *inner;
	bool is_holder = !list_empty(&target->inner);

	list_for_each_entry(inner, &target->inner, in_outer)
		rcu_assign_pointer(inner->outer, outer);
	list_del_init(&target->in_outer);
	if (!target->slot || (!outer && !is_holder))
		return;
	osc_owner_give_up(target);
	if (outer) {
		osc_slot_publish(target->slot, outer);
		osc_timing_publish(target->slot, outer);
	}
	/* The hooks that counted for it, or made it the heir of a task. */
	synchronize_rcu_expedited();
	osc_targets_take();
	osc_tasks_take(target);
	release_inner(target, outer);
	if (!outer)
		return;
	hand_over(target, outer);
	osc_member_replace(target->slot, outer->slot);
	osc_instance_replace(target->slot, outer->slot);
	osc_current_refresh();
	/* Those that have read the slot from a table just before. */
	synchronize_rcu_expedited();
}

/**
 * osc_nest_is_sealed() - whether a target shows no more than it did
 * @target: the target
 *
 * Context: under osc_targets_lock.
 * Return: true when it, or one inside it, holds what its owner may not see.
 */
bool osc_nest_is_sealed(struct osc_target *target)
{
	struct osc_target *at;

	if (target->privileged)
		return false;
	for (at = target; at; at = osc_nest_next(at, target)) {
		if (READ_ONCE(at->sealed))
			return true;
	}
	return false;
}

/**
 * osc_nest_has_ended() - whether no task of a target is left
 * @target: the target
 *
 * Context: under osc_targets_lock.
 * Return: true when none is.
 */
bool osc_nest_has_ended(struct osc_target *target)
{
	struct osc_target *at;

	for (at = target; at; at = osc_nest_next(at, target)) {
		/* A child may be another one's than its parent was. */
		osc_tasks_take(at);
		if (!list_empty(&at->tasks))
			return false;
	}
	return true;
}
