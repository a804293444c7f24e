/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clock.h - the one clock of the hooks. The time stamp counter costs a hook
 * three instructions where sched_clock() costs forty, and is used where the
 * kernel itself trusts it across CPUs.
 */
#ifndef OSC_CLOCK_H
#define OSC_CLOCK_H

#include <linux/types.h>

#ifdef CONFIG_X86_TSC
#include <linux/math64.h>
#include <asm/tsc.h>

/* A constant shift saves a hook four instructions. */
#define OSC_CLOCK_SHIFT 32

extern u64 osc_clock_mult;

/**
 * osc_clock() - now
 *
 * Context: any.
 * Return: ticks; only differences mean something.
 */
static __always_inline u64 osc_clock(void)
{
	return rdtsc();
}

/**
 * osc_clock_ns() - ticks as nanoseconds
 * @from: an earlier osc_clock()
 * @to: a later one, perhaps of another CPU
 *
 * Return: the time between; 0 when the clocks of two CPUs differ by more.
 */
static __always_inline u64 osc_clock_ns(u64 from, u64 to)
{
	if (unlikely((s64)(to - from) < 0))
		return 0;
	return mul_u64_u64_shr(to - from, osc_clock_mult, OSC_CLOCK_SHIFT);
}
#else
#include <linux/sched/clock.h>

static __always_inline u64 osc_clock(void)
{
	return local_clock();
}

static __always_inline u64 osc_clock_ns(u64 from, u64 to)
{
	return unlikely((s64)(to - from) < 0) ? 0 : to - from;
}
#endif

void osc_clock_init(void);
bool osc_clock_is_sound(void);

#endif /* OSC_CLOCK_H */
