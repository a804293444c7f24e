/* SPDX-License-Identifier: GPL-2.0 */
/*
 * owner.h - whose an epoll instance is.
 *
 * An instance belongs to the target whose task was the last to register a
 * descriptor with it. One that was there before the target is found in the
 * descriptor tables of its tasks. When nobody else refers to it, it is the
 * target's. Otherwise others may have inherited it, or it may be inherited and
 * never used: it is a candidate, with counts of its own, until it shows its
 * owner, by waking a task or by a registration. Then the target gets these counts.
 * Until then the target may have them or not.
 */
#ifndef OSC_OWNER_H
#define OSC_OWNER_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "hook.h"
#include "instance.h"
#include "layout.h"
#include "slot.h"

struct osc_target;

/* Bits of what is wrong with a target's callbacks, set by hooks. */
enum osc_owner_mark {
	OSC_MARK_LATE, /* an instance was found after the search for it */
	OSC_MARK_NO_ROOM, /* an instance does not fit into a table */
	OSC_MARK_SHARED, /* an instance that it uses is another target's */
	OSC_MARK_OUTER, /* or that of a target that holds it */
	OSC_MARK_HEIR, /* one that a removed target may have had is sought */
};

OSC_DIRECT void osc_owner_shown(const void *wait, unsigned long slot);
void osc_owner_registers(const void *instance, u16 slot);

/* To which the last callback on this CPU was attributed. */
DECLARE_PER_CPU(unsigned long, osc_owner_last);

/**
 * osc_owner_waits() - a task is woken from an instance
 * @wait: first argument of ep_autoremove_wake_function
 * @slot: of the task's target, 0 for none
 *
 * Nearly always from within the last callback, which has looked the instance up.
 * From elsewhere the look is made again for nothing, or not made.
 *
 * Context: interrupts off, while the tables exist.
 */
static __always_inline void osc_owner_waits(const void *wait,
					    unsigned long slot)
{
	if (unlikely(raw_cpu_read(osc_owner_last) != slot))
		osc_owner_shown(wait, slot);
}

void osc_owner_find(struct osc_target *target);
void osc_owner_find_again(void);
u64 osc_owner_callbacks(const struct osc_target *target);
u64 osc_owner_unknown(struct osc_target *target);
void osc_owner_give_up(struct osc_target *target);
void osc_owner_hand_over(struct osc_target *target, struct osc_target *outer);
void osc_owner_settle(struct osc_target *target);
void osc_owner_drop(struct osc_target *target);

#endif /* OSC_OWNER_H */
