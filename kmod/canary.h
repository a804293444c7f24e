/* SPDX-License-Identifier: GPL-2.0 */
/*
 * canary.h - whether hooks are still reached. All ftrace callbacks, or all
 * kprobes, can be switched off under their owners, who are not told. So a
 * function of our own is hooked in each of the two ways, and called to see
 * whether its hook runs.
 */
#ifndef OSC_CANARY_H
#define OSC_CANARY_H

#include <linux/ftrace.h>

int osc_ftrace_prepare(struct ftrace_ops *ops, ftrace_func_t func,
		       const char *function);

int osc_anchor_attach(void);
void osc_anchor_detach(void);
const char *osc_ftrace_silencer(void);

int osc_kprobe_canary_attach(void);
void osc_kprobe_canary_detach(void);
const char *osc_kprobe_silencer(void);

#endif /* OSC_CANARY_H */
