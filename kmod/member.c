// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/threads.h>

#include "member.h"

/* Spare leaves for the fork hook, which must not allocate. */
#define SPARE_LEAVES 4

bool osc_member_is_low;
static LLIST_HEAD(unused); /* taken in vain while their place was filled */

static const u16 empty_leaf[OSC_MEMBER_LEAF];
u16 *osc_member_leaves[OSC_MEMBER_LEAVES];
static u16 *spare[SPARE_LEAVES];

/**
 * osc_member_init() - make every lookup answer "none"; call once, first
 */
void osc_member_init(void)
{
	unsigned int i;

	BUILD_BUG_ON((OSC_MEMBER_LEAVES * OSC_MEMBER_LEAF) < PID_MAX_LIMIT);
	/* Shared by all empty ranges; osc_member_set() never writes to it. */
	for (i = 0; i < OSC_MEMBER_LEAVES; i++)
		osc_member_leaves[i] = (u16 *)empty_leaf;
}

static u16 *take_spare(void)
{
	unsigned int i;
	u16 *leaf;

	WRITE_ONCE(osc_member_is_low, true);
	for (i = 0; i < SPARE_LEAVES; i++) {
		leaf = xchg(&spare[i], NULL);
		if (leaf)
			return leaf;
	}
	return NULL;
}

static void give_spare(u16 *leaf)
{
	unsigned int i;

	for (i = 0; i < SPARE_LEAVES; i++) {
		if (!cmpxchg(&spare[i], NULL, leaf))
			return;
	}
	llist_add((struct llist_node *)leaf, &unused);
}

static void free_unused(void)
{
	struct llist_node *node = llist_del_all(&unused), *next;

	for (; node; node = next) {
		next = node->next;
		kfree(node);
	}
}

/**
 * osc_member_set() - enter a process
 * @tgid: in the initial PID namespace
 * @slot: its target's, 0 for none
 *
 * Context: any but NMI; takes no lock and allocates nothing.
 * Return: 0, or -EAGAIN when the process lies in a new range and all spare
 * leaves are used up: osc_member_refill() then helps.
 */
int osc_member_set(u32 tgid, u16 slot)
{
	u16 **at = &osc_member_leaves[tgid >> OSC_MEMBER_LEAF_SHIFT];
	u16 *leaf = READ_ONCE(*at);
	u16 *fresh;

	if (leaf == empty_leaf) {
		if (!slot)
			return 0;
		fresh = take_spare();
		if (!fresh)
			return -EAGAIN;
		leaf = cmpxchg(at, (u16 *)empty_leaf, fresh);
		if (leaf == empty_leaf)
			leaf = fresh;
		else
			give_spare(fresh);
	}
	WRITE_ONCE(leaf[tgid & (OSC_MEMBER_LEAF - 1)], slot);
	return 0;
}

/**
 * osc_member_refill() - have spare leaves at hand
 *
 * Context: may sleep; one caller at a time.
 * Return: 0 or -ENOMEM, with as many spare leaves as there was memory for.
 */
int osc_member_refill(void)
{
	unsigned int i;
	u16 *leaf;

	free_unused();
	/* One that is taken from here on is for the next time. */
	WRITE_ONCE(osc_member_is_low, false);
	for (i = 0; i < SPARE_LEAVES; i++) {
		if (READ_ONCE(spare[i]))
			continue;
		leaf = kcalloc(OSC_MEMBER_LEAF, sizeof(*leaf), GFP_KERNEL);
		if (!leaf)
			return -ENOMEM;
		if (cmpxchg(&spare[i], NULL, leaf))
			kfree(leaf);
	}
	return 0;
}

static void forget_in(u16 *leaf, const unsigned long *retired)
{
	unsigned int i;
	u16 slot;

	for (i = 0; i < OSC_MEMBER_LEAF; i++) {
		slot = READ_ONCE(leaf[i]);
		/* The fork hook may be writing another target's slot here. */
		if (slot && test_bit(slot, retired))
			cmpxchg(&leaf[i], slot, 0);
	}
}

/**
 * osc_member_forget() - drop the entries of removed targets
 * @retired: bitmap of slots that no hook hands out any more
 *
 * Context: may sleep.
 */
void osc_member_forget(const unsigned long *retired)
{
	unsigned int i;
	u16 *leaf;

	for (i = 0; i < OSC_MEMBER_LEAVES; i++) {
		leaf = READ_ONCE(osc_member_leaves[i]);
		if (leaf != empty_leaf)
			forget_in(leaf, retired);
		cond_resched();
	}
}

/**
 * osc_member_replace() - hand the processes of one slot to another
 * @from: that no hook enters any more
 * @to: the other
 *
 * Context: may sleep.
 */
void osc_member_replace(u16 from, u16 to)
{
	unsigned int i, k;
	u16 *leaf;

	for (i = 0; i < OSC_MEMBER_LEAVES; i++) {
		leaf = READ_ONCE(osc_member_leaves[i]);
		for (k = 0; leaf != empty_leaf && k < OSC_MEMBER_LEAF; k++) {
			if (READ_ONCE(leaf[k]) == from)
				cmpxchg(&leaf[k], from, to);
		}
		cond_resched();
	}
}

/**
 * osc_member_reset() - drop all entries and free the memory
 *
 * Context: may sleep, one caller at a time. No hook may write or come to write;
 * the switch probe may be reading.
 */
void osc_member_reset(void)
{
	static u16 *old[OSC_MEMBER_LEAVES];
	unsigned int i;

	for (i = 0; i < OSC_MEMBER_LEAVES; i++)
		old[i] = xchg(&osc_member_leaves[i], (u16 *)empty_leaf);
	synchronize_rcu();
	for (i = 0; i < OSC_MEMBER_LEAVES; i++) {
		if (old[i] != empty_leaf)
			kfree(old[i]);
	}
	for (i = 0; i < SPARE_LEAVES; i++)
		kfree(xchg(&spare[i], NULL));
	free_unused();
}
