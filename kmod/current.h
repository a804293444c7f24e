/* SPDX-License-Identifier: GPL-2.0 */
/*
 * current.h - which target the running task belongs to, for hooks that run in
 * it and cannot afford a lookup: kept up to date by the switch probe (sched.c)
 * while a kind of timing needs it.
 */
#ifndef OSC_CURRENT_H
#define OSC_CURRENT_H

#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* 0 for none; also read by fault_entry.S. */
DECLARE_PER_CPU(u32, osc_current_slot);

int osc_current_follow(void);
void osc_current_unfollow(void);
void osc_current_refresh(void);
const char *osc_current_obstacle(void);
void osc_off_cpu_forget(u32 tid);

/* On: osc_current_slot is kept up to date, since something is timed. */
DECLARE_STATIC_KEY_FALSE(osc_current_followed);

#endif /* OSC_CURRENT_H */
