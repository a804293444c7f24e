// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "epitem.h"
#include "slot.h"

static unsigned int epoll_items = 65536;
module_param(epoll_items, uint, 0444);
MODULE_PARM_DESC(epoll_items, "Room for epoll registrations (default: 65536)");

#define SLOT_MASK GENMASK_ULL(OSC_EPITEM_SLOT_BITS - 1, 0)

u64 *osc_epitems;
u32 osc_epitem_mask;

/* Empty, or nobody's, or of a target that is no more. */
static bool is_free(u64 entry)
{
	return entry == OSC_EPITEM_EMPTY ||
	       !rcu_access_pointer(osc_slots[(u16)entry]);
}

/**
 * osc_epitem_set() - enter a registration, or mark it as nobody's
 * @key: address of the registration
 * @slot: of the target that registers, 0 for none
 *
 * Context: process context with preemption off, while the table exists; takes
 * no lock. Two calls for the same key never run at once: epoll holds the
 * instance's mutex.
 * Return: 0, or -ENOSPC when the key cannot be entered.
 */
int osc_epitem_set(const void *key, u16 slot)
{
	u64 *bucket = osc_epitem_bucket(key);
	u64 tag = (u64)(uintptr_t)key << OSC_EPITEM_SLOT_BITS;
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_EPITEM_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		/*
		 * Unless another key has just taken a retired entry's place. One
		 * that was only forgotten meanwhile is still there.
		 */
		while (!((entry ^ tag) >> OSC_EPITEM_SLOT_BITS)) {
			if (try_cmpxchg(&bucket[i], &entry, tag | slot))
				return 0;
		}
	}
	if (!slot)
		return 0;
	for (i = 0; i < OSC_EPITEM_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (is_free(entry) &&
		    cmpxchg(&bucket[i], entry, tag | slot) == entry)
			return 0;
	}
	return -ENOSPC;
}

/* Four times the asked-for number: buckets do not fill evenly. */
static size_t entries(void)
{
	return 4UL * epoll_items;
}

/**
 * osc_epitem_init() - settle the table's size, so that sysfs shows it
 */
void osc_epitem_init(void)
{
	epoll_items = roundup_pow_of_two(clamp(epoll_items, 64U, 1U << 25));
}

/**
 * osc_epitem_alloc() - make the table
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int osc_epitem_alloc(void)
{
	osc_epitem_init();
	osc_epitem_mask = entries() - OSC_EPITEM_WAYS;
	osc_epitems = kvcalloc(entries(), sizeof(*osc_epitems), GFP_KERNEL);
	return osc_epitems ? 0 : -ENOMEM;
}

/**
 * osc_epitem_forget() - drop the entries of removed targets
 * @retired: bitmap of slots that no hook hands out any more
 *
 * Context: may sleep.
 */
void osc_epitem_forget(const unsigned long *retired)
{
	size_t i;
	u64 entry;

	for (i = 0; i < entries(); i++) {
		entry = READ_ONCE(osc_epitems[i]);
		if (test_bit((u16)entry, retired))
			cmpxchg(&osc_epitems[i], entry, entry & ~SLOT_MASK);
	}
}

/**
 * osc_epitem_replace() - hand the registrations of one slot to another
 * @from: that no hook enters any more
 * @to: the other
 *
 * Context: may sleep.
 */
void osc_epitem_replace(u16 from, u16 to)
{
	size_t i;
	u64 entry;

	for (i = 0; i < entries(); i++) {
		entry = READ_ONCE(osc_epitems[i]);
		if ((u16)entry == from)
			cmpxchg(&osc_epitems[i], entry,
				(entry & ~SLOT_MASK) | to);
	}
}

/**
 * osc_epitem_free() - free the table
 *
 * Context: may sleep; no hook may be reading it or come to read it.
 */
void osc_epitem_free(void)
{
	kvfree(osc_epitems);
	osc_epitems = NULL;
}
