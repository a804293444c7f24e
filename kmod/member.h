/* SPDX-License-Identifier: GPL-2.0 */
/*
 * member.h - which target a process belongs to, for the hooks: a two-level
 * table from the process's number (tgid) to the slot of its target. One lookup
 * is two loads, hit or miss, however many targets there are; threads and
 * io_uring workers share the tgid, so only the birth of a process writes it.
 *
 * Entries of dead processes stay: nobody runs under that number until the fork
 * hook sees the next process take it and writes the entry anew. Entries of
 * removed targets stay too; their slots are not used again until
 * osc_member_forget().
 */
#ifndef OSC_MEMBER_H
#define OSC_MEMBER_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define OSC_MEMBER_LEAF_SHIFT 12
#define OSC_MEMBER_LEAF BIT(OSC_MEMBER_LEAF_SHIFT)
#define OSC_MEMBER_LEAVES 1024 /* times OSC_MEMBER_LEAF: PID_MAX_LIMIT */

extern u16 *osc_member_leaves[OSC_MEMBER_LEAVES];

/* osc_member_refill() is due. */
extern bool osc_member_is_low;

/**
 * osc_member_slot() - the slot of the target a process belongs to
 * @tgid: in the initial PID namespace
 *
 * Context: any.
 * Return: the slot, 0 for none.
 */
static __always_inline u16 osc_member_slot(u32 tgid)
{
	const u16 *leaf;

	leaf = READ_ONCE(osc_member_leaves[tgid >> OSC_MEMBER_LEAF_SHIFT]);
	return READ_ONCE(leaf[tgid & (OSC_MEMBER_LEAF - 1)]);
}

void osc_member_init(void);
int osc_member_set(u32 tgid, u16 slot);
int osc_member_refill(void);
void osc_member_forget(const unsigned long *retired);
void osc_member_replace(u16 from, u16 to);
void osc_member_reset(void);

#endif /* OSC_MEMBER_H */
