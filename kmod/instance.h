/* SPDX-License-Identifier: GPL-2.0 */
/*
 * instance.h - which target an epoll instance belongs to, for the readiness
 * callback, which runs in the context of whoever made the file ready. The key
 * is the address of the instance (struct eventpoll); it is compared and never
 * followed.
 *
 * The table has a fixed size: an instance that finds its bucket full cannot be
 * attributed. Like the entries of member.h, these stay when their instance is
 * freed: the next one at that address overwrites them, since it has no callback
 * before a descriptor is registered with it, and every registration passes the
 * hook. Those of removed targets make room.
 */
#ifndef OSC_INSTANCE_H
#define OSC_INSTANCE_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/types.h>

#define OSC_INSTANCE_WAYS 4

/*
 * An entry is the key's address without its 16 uppermost bits, and the slot, 0
 * for an instance that is no target's. Those bits are the same for all kernel
 * memory below 256 TiB. A bucket is filled from its beginning, and what has been
 * filled never becomes empty: an empty entry is the end.
 */
#define OSC_INSTANCE_SLOT_BITS 16
#define OSC_INSTANCE_EMPTY 0

extern u64 *osc_instances;
extern u32 osc_instance_mask; /* of the indexes of first entries */

/**
 * osc_instance_bucket() - where an instance is, if it is anywhere
 * @key: address of the instance
 *
 * A constant shift, not hash_ptr(), which would cost the callback five more
 * instructions. The bits used depend on all lower ones of the key.
 *
 * Return: the first of OSC_INSTANCE_WAYS entries.
 */
static __always_inline u64 *osc_instance_bucket(const void *key)
{
	u64 product = (u64)(uintptr_t)key * GOLDEN_RATIO_32;

	return osc_instances + ((u32)(product >> 32) & osc_instance_mask);
}

/**
 * osc_instance_slot() - the slot of the target that an instance belongs to
 * @key: address of the instance
 *
 * Context: any, while the table exists.
 * Return: the slot, 0 for none.
 */
static __always_inline unsigned long osc_instance_slot(const void *key)
{
	const u64 *bucket = osc_instance_bucket(key);
	u64 tag = (u64)(uintptr_t)key << OSC_INSTANCE_SLOT_BITS;
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_INSTANCE_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (entry == OSC_INSTANCE_EMPTY)
			break;
		entry -= tag;
		if (entry < BIT(OSC_INSTANCE_SLOT_BITS))
			return entry;
	}
	return 0;
}

int osc_instance_set(const void *key, u16 slot, u16 *before);
int osc_instance_add(const void *key, u16 slot);
bool osc_instance_move(const void *key, u16 from, u16 to);
void osc_instance_init(void);
int osc_instance_alloc(void);
void osc_instance_forget(const unsigned long *retired);
void osc_instance_replace(u16 from, u16 to);
void osc_instance_free(void);

#endif /* OSC_INSTANCE_H */
