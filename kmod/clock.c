// SPDX-License-Identifier: GPL-2.0
#include <linux/init.h>
#include <linux/math64.h>
#include <linux/time64.h>

#include "clock.h"

#ifdef CONFIG_X86_TSC
u64 osc_clock_mult; /* nanoseconds per tick, times 2^OSC_CLOCK_SHIFT */

/**
 * osc_clock_init() - find out how long a tick is
 */
void osc_clock_init(void)
{
	if (tsc_khz)
		osc_clock_mult =
			div_u64((u64)NSEC_PER_MSEC << OSC_CLOCK_SHIFT, tsc_khz);
}

/**
 * osc_clock_is_sound() - whether ticks may be compared across CPUs
 *
 * Return: what the kernel has found out about the counter, which may turn from
 * true to false while the system runs.
 */
bool osc_clock_is_sound(void)
{
	return osc_clock_mult && !check_tsc_unstable();
}
#else
void osc_clock_init(void)
{
}

bool osc_clock_is_sound(void)
{
	return true;
}
#endif
