// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "instance.h"
#include "slot.h"

static unsigned int epoll_instances = 16384;
module_param(epoll_instances, uint, 0444);
MODULE_PARM_DESC(epoll_instances, "Room for epoll instances (default: 16384)");

/* Entries that are looked at without a pause. */
#define ENTRIES_AT_ONCE 4096

#define SLOT_MASK GENMASK_ULL(OSC_INSTANCE_SLOT_BITS - 1, 0)

u64 *osc_instances;
u32 osc_instance_mask;

static u64 tag_of(const void *key)
{
	return (u64)(uintptr_t)key << OSC_INSTANCE_SLOT_BITS;
}

static bool has_tag(u64 entry, u64 tag)
{
	return !((entry ^ tag) >> OSC_INSTANCE_SLOT_BITS);
}

/* Empty, or no target's, or of a target that has been removed. */
static bool is_free(u64 entry)
{
	return entry == OSC_INSTANCE_EMPTY || !osc_slot_is_used((u16)entry);
}

/*
 * Replaces the entry of the key, if there is one and, unless @replace, if it is
 * free. Unless another key has just taken a free entry's place: one that was
 * only forgotten meanwhile is still there.
 */
static bool replace_entry(u64 *bucket, u64 tag, u16 slot, bool replace,
			  u16 *before)
{
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_INSTANCE_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		while (has_tag(entry, tag)) {
			*before = entry;
			if (!replace && !is_free(entry))
				return true;
			/* The usual case; a write would take the cache line. */
			if (entry == (tag | slot) ||
			    try_cmpxchg(&bucket[i], &entry, tag | slot))
				return true;
		}
	}
	return false;
}

/* Two that entered the same key at once both see it; the first entry counts. */
static void drop_doubles(u64 *bucket, u64 tag)
{
	bool found = false;
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_INSTANCE_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (!has_tag(entry, tag))
			continue;
		if (found)
			cmpxchg(&bucket[i], entry, tag);
		found = true;
	}
}

static int enter(const void *key, u16 slot, bool replace, u16 *before)
{
	u64 *bucket = osc_instance_bucket(key);
	u64 tag = tag_of(key);
	unsigned int i;
	u64 entry;

	*before = 0;
	if (replace_entry(bucket, tag, slot, replace, before) || !slot)
		return 0;
	for (i = 0; i < OSC_INSTANCE_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (is_free(entry) &&
		    cmpxchg(&bucket[i], entry, tag | slot) == entry) {
			drop_doubles(bucket, tag);
			return 0;
		}
	}
	return -ENOSPC;
}

/**
 * osc_instance_set() - enter an instance, or mark it as no target's
 * @key: address of the instance
 * @slot: of the target, 0 for none
 * @before: set to the slot that it had
 *
 * Context: any, while the table exists; takes no lock.
 * Return: 0, or -ENOSPC when the key cannot be entered.
 */
int osc_instance_set(const void *key, u16 slot, u16 *before)
{
	return enter(key, slot, true, before);
}

/**
 * osc_instance_add() - enter an instance that is no target's
 * @key: address of the instance
 * @slot: of the target
 *
 * Context: any, while the table exists; takes no lock.
 * Return: 0; -EEXIST when it is a target's, -ENOSPC when the key cannot be
 * entered.
 */
int osc_instance_add(const void *key, u16 slot)
{
	u16 before;
	int ret;

	ret = enter(key, slot, false, &before);
	if (!ret && before && osc_slot_is_used(before))
		return -EEXIST;
	return ret;
}

/**
 * osc_instance_move() - give an instance to another slot
 * @key: address of the instance
 * @from: the slot that it has
 * @to: the slot that it gets, 0 for none
 *
 * Context: any, while the table exists; takes no lock.
 * Return: false when it has not had @from.
 */
bool osc_instance_move(const void *key, u16 from, u16 to)
{
	u64 *bucket = osc_instance_bucket(key);
	u64 tag = tag_of(key);
	unsigned int i;

	for (i = 0; i < OSC_INSTANCE_WAYS; i++) {
		if (cmpxchg(&bucket[i], tag | from, tag | to) == (tag | from))
			return true;
	}
	return false;
}

/* Four times the asked-for number: buckets do not fill evenly. */
static size_t entries(void)
{
	return 4UL * epoll_instances;
}

/**
 * osc_instance_init() - settle the table's size, so that sysfs shows it
 */
void osc_instance_init(void)
{
	epoll_instances =
		roundup_pow_of_two(clamp(epoll_instances, 64U, 1U << 25));
}

/**
 * osc_instance_alloc() - make the table
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int osc_instance_alloc(void)
{
	osc_instance_init();
	osc_instance_mask = entries() - OSC_INSTANCE_WAYS;
	osc_instances = kvcalloc(entries(), sizeof(*osc_instances), GFP_KERNEL);
	return osc_instances ? 0 : -ENOMEM;
}

/* The table may have 2^27 entries. */
static void pause_after(size_t entry)
{
	if (!(entry % ENTRIES_AT_ONCE))
		cond_resched();
}

/**
 * osc_instance_forget() - drop the entries of removed targets
 * @retired: bitmap of slots that no hook hands out any more
 *
 * Context: may sleep.
 */
void osc_instance_forget(const unsigned long *retired)
{
	size_t i;
	u64 entry;

	for (i = 0; i < entries(); i++) {
		entry = READ_ONCE(osc_instances[i]);
		if (test_bit((u16)entry, retired))
			cmpxchg(&osc_instances[i], entry, entry & ~SLOT_MASK);
		pause_after(i);
	}
}

/**
 * osc_instance_replace() - hand the instances of one slot to another
 * @from: that no hook enters any more
 * @to: the other
 *
 * Context: may sleep.
 */
void osc_instance_replace(u16 from, u16 to)
{
	size_t i;
	u64 entry;

	for (i = 0; i < entries(); i++) {
		entry = READ_ONCE(osc_instances[i]);
		if ((u16)entry == from)
			cmpxchg(&osc_instances[i], entry,
				(entry & ~SLOT_MASK) | to);
		pause_after(i);
	}
}

/**
 * osc_instance_free() - free the table
 *
 * Context: may sleep; no hook may be reading it or come to read it.
 */
void osc_instance_free(void)
{
	kvfree(osc_instances);
	osc_instances = NULL;
}
