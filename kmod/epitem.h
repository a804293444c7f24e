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

#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/types.h>

#define OSC_EPITEM_WAYS 4

/*
 * An entry is the key's address without its 16 uppermost bits, and the slot.
 * Those bits are the same for all kernel memory below 256 TiB.
 */
#define OSC_EPITEM_SLOT_BITS 16

extern u64 *osc_epitems;
extern unsigned int osc_epitem_bits;

static __always_inline u64 *osc_epitem_bucket(const void *key)
{
	return osc_epitems +
	       OSC_EPITEM_WAYS * hash_ptr((void *)key, osc_epitem_bits);
}

/**
 * osc_epitem_slot() - the slot of the target that registered a descriptor
 * @key: address of the registration
 *
 * Context: any, while the table exists.
 * Return: the slot, 0 for none.
 */
static __always_inline u16 osc_epitem_slot(const void *key)
{
	const u64 *bucket = osc_epitem_bucket(key);
	u64 tag = (u64)(uintptr_t)key << OSC_EPITEM_SLOT_BITS;
	unsigned int i;
	u64 entry;

	for (i = 0; i < OSC_EPITEM_WAYS; i++) {
		entry = READ_ONCE(bucket[i]);
		if (!((entry ^ tag) >> OSC_EPITEM_SLOT_BITS))
			return (u16)entry;
	}
	return 0;
}

int osc_epitem_set(const void *key, u16 slot);
void osc_epitem_init(void);
int osc_epitem_alloc(void);
void osc_epitem_forget(const unsigned long *retired);
void osc_epitem_free(void);

#endif /* OSC_EPITEM_H */
