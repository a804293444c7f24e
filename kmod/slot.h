/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slot.h - slots: the small numbers by which hooks know targets.
 *
 * The tables of the hooks (member.h, epitem.h) may name a removed target long
 * after. So a slot is retired first, and used again only when no slot is left
 * otherwise: then one pass over the tables forgets all retired ones.
 */
#ifndef OSC_SLOT_H
#define OSC_SLOT_H

#include <linux/compiler.h>
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

int osc_slots_init(unsigned int max_targets);
void osc_slots_exit(void);
u16 osc_slot_take(void);
void osc_slot_publish(u16 slot, struct osc_target *target);
void osc_slot_retire(u16 slot);
void osc_slots_reset(void);
u64 osc_slots_unattributed(void);

#endif /* OSC_SLOT_H */
