/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slot.h - slots: the small numbers by which hooks know targets.
 *
 * The tables of the hooks (member.h, instance.h) may name a removed target long
 * after. So a slot is retired first, and used again only when no slot is left
 * otherwise: then one pass over the tables forgets all retired ones.
 *
 * An epoll instance whose owner is not known yet has a slot of its own, with
 * counts but without a target (owner.h).
 */
#ifndef OSC_SLOT_H
#define OSC_SLOT_H

#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct osc_slot_counts;
struct osc_target;

/*
 * Entry 0 is always NULL, as are those of slots that no target has. The latter
 * share one set of counts, so that hooks need no test.
 */
extern struct osc_target __rcu **osc_slots;
extern struct osc_slot_counts __percpu **osc_slot_counts;

extern unsigned int osc_nr_slots;

/*
 * By slot of an instance: the slot of the target that has shown to be its owner,
 * or one of these. 0 for the slots of targets.
 */
#define OSC_OWNER_SOUGHT U16_MAX
#define OSC_OWNER_FOREIGN (U16_MAX - 1) /* no target */
#define OSC_OWNER_LOST (U16_MAX - 2) /* the instance was freed before */
extern u16 *osc_slot_owners;

/**
 * osc_slot_is_used() - whether an entry of instance.h with a slot must stay
 * @slot: any
 *
 * Context: any.
 * Return: false when it is no target's and no owner is sought for it.
 */
static inline bool osc_slot_is_used(u16 slot)
{
	return rcu_access_pointer(osc_slots[slot]) ||
	       READ_ONCE(osc_slot_owners[slot]) == OSC_OWNER_SOUGHT;
}

int osc_slots_init(unsigned int max_targets);
void osc_slots_exit(void);
u16 osc_slot_take(void);
void osc_slot_publish(u16 slot, struct osc_target *target);
void osc_slot_seek(u16 slot, struct osc_slot_counts __percpu *counts);
void osc_slot_decide(u16 slot, u16 owner);
void osc_slot_retire(u16 slot);
void osc_slots_reset(void);
u64 osc_slots_unattributed(void);

#endif /* OSC_SLOT_H */
