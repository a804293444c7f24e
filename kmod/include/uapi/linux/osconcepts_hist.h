/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Log-linear histogram slots: the one formula behind every histogram of
 * osconcepts, in the kernel and in user space. Raw slots may cross the ABI, so
 * their bounds are part of it.
 *
 * Each power of two is split into 2^sub_bits equal slots; values below
 * 2^sub_bits have a slot each. The width of a slot is at most
 * value / 2^sub_bits: 25 % with 2 sub-bits, 0.8 % with 7. It is the bucketing
 * of Gil Tene's HdrHistogram with a power-of-two bucket count.
 */
#ifndef _UAPI_LINUX_OSCONCEPTS_HIST_H
#define _UAPI_LINUX_OSCONCEPTS_HIST_H

#include <linux/types.h>

/* Slots that cover every 64-bit value. */
#define OSC_HIST_SLOTS(sub_bits) ((65 - (sub_bits)) << (sub_bits))

/**
 * osc_hist_slot() - the slot of a value
 * @value: any 64-bit value
 * @sub_bits: 0 to 16
 *
 * Return: 0 to OSC_HIST_SLOTS(sub_bits) - 1, growing with @value.
 */
static inline unsigned int osc_hist_slot(__u64 value, unsigned int sub_bits)
{
	/* 0 for all values below 2 << sub_bits: those have a slot each. */
	unsigned int shift =
		63 ^ (unsigned int)__builtin_clzll((value >> sub_bits) | 1);

	return (shift << sub_bits) + (unsigned int)(value >> shift);
}

/**
 * osc_hist_lower() - the least value of a slot
 * @slot: as from osc_hist_slot()
 * @sub_bits: the same as there
 *
 * Return: the bound, which belongs to the slot.
 */
static inline __u64 osc_hist_lower(unsigned int slot, unsigned int sub_bits)
{
	unsigned int linear = 1U << sub_bits;

	if (slot < linear)
		return slot;
	return (__u64)(linear + (slot & (linear - 1)))
	       << ((slot >> sub_bits) - 1);
}

/**
 * osc_hist_upper() - the greatest value of a slot
 * @slot: as from osc_hist_slot()
 * @sub_bits: the same as there
 *
 * Return: the bound, which belongs to the slot.
 */
static inline __u64 osc_hist_upper(unsigned int slot, unsigned int sub_bits)
{
	if (slot < (1U << sub_bits))
		return slot;
	return osc_hist_lower(slot, sub_bits) +
	       ((1ULL << ((slot >> sub_bits) - 1)) - 1);
}

#endif /* _UAPI_LINUX_OSCONCEPTS_HIST_H */
