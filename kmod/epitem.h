/* SPDX-License-Identifier: GPL-2.0 */
/*
 * epitem.h - which target registered a descriptor with epoll, for the
 * readiness callback, which runs in the context of whoever made the file
 * ready. The key is the address of the registration (struct epitem); it is
 * compared and never followed.
 *
 * The table has a fixed size: what finds its bucket full is not attributed,
 * and counted as lost. Like the entries of member.h, these stay when their
 * registration ends: the next one at that address overwrites them, since every
 * registration passes the hook. Those of removed targets make room.
 */
#ifndef OSC_EPITEM_H
#define OSC_EPITEM_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/types.h>

#define OSC_EPITEM_WAYS 4

/*
 * An entry is the key's address without its 16 uppermost bits, and the slot, 0
 * for a registration that is nobody's any more. Those bits are the same for all
 * kernel memory below 256 TiB. A bucket is filled from its beginning, and what
 * has been filled never becomes empty: an empty entry is the end.
 */
#define OSC_EPITEM_SLOT_BITS 16
#define OSC_EPITEM_EMPTY 0

extern u64 *osc_epitems;
extern u32 osc_epitem_mask; /* of the indexes of first entries */

/**
 * osc_epitem_bucket() - where a registration is, if it is anywhere
 * @key: address of the registration
 *
 * A constant shift, not hash_ptr(), which would cost the callback five more
 * instructions. The bits used depend on all lower ones of the key.
 *
 * Return: the first of OSC_EPITEM_WAYS entries.
 */
static __always_inline u64 *osc_epitem_bucket(const void *key)
{
	u64 product = (u64)(uintptr_t)key * GOLDEN_RATIO_32;

	return osc_epitems + ((u32)(product >> 32) & osc_epitem_mask);
}

/**
 * osc_epitem_slot() - the slot of the target that registered a descriptor
 * @key: address of the registration
 *
 * Context: any, while the table exists.
 * Return: the slot, 0 for none.
 */
static __always_inline unsigned long osc_epitem_slot(const void *key)
{
	const u64 *bucket = osc_epitem_bucket(key);
	u64 tag = (u64)(uintptr_t)key << OSC_EPITEM_SLOT_BITS;
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_EPITEM_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (entry == OSC_EPITEM_EMPTY)
			break;
		entry -= tag;
		if (entry < BIT(OSC_EPITEM_SLOT_BITS))
			return entry;
	}
	return 0;
}

int osc_epitem_set(const void *key, u16 slot);
void osc_epitem_init(void);
int osc_epitem_alloc(void);
void osc_epitem_forget(const unsigned long *retired);
void osc_epitem_replace(u16 from, u16 to);
void osc_epitem_free(void);

#endif /* OSC_EPITEM_H */
