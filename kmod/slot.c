// SPDX-License-Identifier: GPL-2.0
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "current.h"
#include "instance.h"
#include "member.h"
#include "slot.h"
#include "target.h"

struct osc_target __rcu **osc_slots;
struct osc_slot_counts __percpu **osc_slot_counts;

/* Of all slots without a target. */
static DEFINE_PER_CPU(struct osc_slot_counts, nobodys_counts);

unsigned int osc_nr_slots;
u16 *osc_slot_owners;
static unsigned long *taken; /* retired ones included */
static unsigned long *retired;

/**
 * osc_slots_init() - make room for the slots
 * @max_targets: at most as many at a time; twice as many slots make the pass
 *	over the tables rare
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int osc_slots_init(unsigned int max_targets)
{
	unsigned int slot;

	osc_nr_slots = min(2 * max_targets + 1, (unsigned int)OSC_OWNER_LOST);
	osc_slots = kvcalloc(osc_nr_slots, sizeof(*osc_slots), GFP_KERNEL);
	osc_slot_counts =
		kvcalloc(osc_nr_slots, sizeof(*osc_slot_counts), GFP_KERNEL);
	osc_slot_owners =
		kvcalloc(osc_nr_slots, sizeof(*osc_slot_owners), GFP_KERNEL);
	taken = bitmap_zalloc(osc_nr_slots, GFP_KERNEL);
	retired = bitmap_zalloc(osc_nr_slots, GFP_KERNEL);
	if (osc_slots && osc_slot_counts && osc_slot_owners && taken &&
	    retired) {
		for (slot = 0; slot < osc_nr_slots; slot++)
			osc_slot_counts[slot] = &nobodys_counts;
		__set_bit(0, taken);
		return 0;
	}
	osc_slots_exit();
	return -ENOMEM;
}

/**
 * osc_slots_exit() - undo osc_slots_init()
 *
 * Context: may sleep; no hook may be running or come to run.
 */
void osc_slots_exit(void)
{
	bitmap_free(retired);
	bitmap_free(taken);
	kvfree(osc_slot_owners);
	kvfree(osc_slot_counts);
	kvfree(osc_slots);
}

static void forget_retired(void)
{
	/* Hooks that still hold one of them may write it to a table. */
	synchronize_rcu();
	osc_member_forget(retired);
	osc_instance_forget(retired);
	/* And a task that has run ever since may bear one. */
	osc_current_refresh();
	/* Those that took one from a table just before are done with it. */
	synchronize_rcu();
	bitmap_andnot(taken, taken, retired, osc_nr_slots);
	bitmap_zero(retired, osc_nr_slots);
}

/**
 * osc_slot_take() - a slot for a new target
 *
 * Context: may sleep, under the lock of target.c, while the tables exist.
 * Return: the slot, 0 when all are in use.
 */
u16 osc_slot_take(void)
{
	unsigned long slot = find_first_zero_bit(taken, osc_nr_slots);

	if (slot >= osc_nr_slots) {
		forget_retired();
		slot = find_first_zero_bit(taken, osc_nr_slots);
	}
	if (slot >= osc_nr_slots)
		return 0;
	__set_bit(slot, taken);
	return slot;
}

/**
 * osc_slot_publish() - let the hooks see a target
 * @slot: from osc_slot_take(); of the target, or of one inside it that is about
 *	to go
 * @target: complete
 *
 * Context: under the lock of target.c.
 */
void osc_slot_publish(u16 slot, struct osc_target *target)
{
	WRITE_ONCE(osc_slot_counts[slot], target->counts);
	rcu_assign_pointer(osc_slots[slot], target);
}

/**
 * osc_slot_seek() - let the hooks count for an instance and seek its owner
 * @slot: from osc_slot_take()
 * @counts: of the instance
 *
 * Context: under the lock of target.c.
 */
void osc_slot_seek(u16 slot, struct osc_slot_counts __percpu *counts)
{
	WRITE_ONCE(osc_slot_counts[slot], counts);
	WRITE_ONCE(osc_slot_owners[slot], OSC_OWNER_SOUGHT);
}

/**
 * osc_slot_decide() - an instance has shown its owner; the first to say so counts
 * @slot: of the instance
 * @owner: slot of the target, OSC_OWNER_FOREIGN or OSC_OWNER_LOST
 *
 * Context: any; takes no lock.
 */
void osc_slot_decide(u16 slot, u16 owner)
{
	cmpxchg(&osc_slot_owners[slot], OSC_OWNER_SOUGHT, owner);
}

/**
 * osc_slot_retire() - hide a target or an instance from the hooks
 * @slot: of it; those hooks that run now may see it for an RCU grace period
 *
 * Context: under the lock of target.c.
 */
void osc_slot_retire(u16 slot)
{
	WRITE_ONCE(osc_slot_owners[slot], 0);
	rcu_assign_pointer(osc_slots[slot], NULL);
	WRITE_ONCE(osc_slot_counts[slot], &nobodys_counts);
	__set_bit(slot, retired);
}

/**
 * osc_slots_reset() - take back the slots of all removed targets
 *
 * Context: under the lock of target.c, once the tables are empty.
 */
void osc_slots_reset(void)
{
	bitmap_andnot(taken, taken, retired, osc_nr_slots);
	bitmap_zero(retired, osc_nr_slots);
}

/**
 * osc_slots_unattributed() - readiness callbacks that were no target's
 *
 * Context: any.
 * Return: their number, while there were targets.
 */
u64 osc_slots_unattributed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(nobodys_counts, cpu).epoll_callbacks);
	return sum;
}
