// SPDX-License-Identifier: GPL-2.0
#include <linux/clocksource.h>
#include <linux/init.h>
#include <linux/time64.h>

#include "clock.h"

#ifdef CONFIG_X86_TSC
u32 osc_clock_mult;
u32 osc_clock_shift;

/* The product has 128 bits: the multiplier may be as fine as 32 bits allow. */
#define LONGEST_SEC 1

/**
 * osc_clock_init() - find out how long a tick is
 */
void osc_clock_init(void)
{
	clocks_calc_mult_shift(&osc_clock_mult, &osc_clock_shift, tsc_khz,
			       NSEC_PER_MSEC, LONGEST_SEC);
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
