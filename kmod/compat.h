/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - every difference between the kernels this module builds for.
 * The other files carry no version test.
 */
#ifndef OSC_COMPAT_H
#define OSC_COMPAT_H

#include <linux/ftrace.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <net/genetlink.h>

/*
 * 6.1 has two kinds of direct calls, by address and by ops; from 6.6 on only
 * the latter is left, under the shorter name.
 */
#if KERNEL_VERSION(6, 6, 0) > LINUX_VERSION_CODE
#define osc_register_direct register_ftrace_direct_multi
#define osc_unregister_direct unregister_ftrace_direct_multi
#else
#define osc_register_direct register_ftrace_direct
/**
 * osc_unregister_direct() - undo osc_register_direct()
 * @ops: as given to it
 * @addr: likewise
 *
 * Return: 0, or what ftrace returned.
 */
static inline int osc_unregister_direct(struct ftrace_ops *ops,
					unsigned long addr)
{
	/* The filter is its owner's to free, as in 6.1. */
	return unregister_ftrace_direct(ops, addr, false);
}
#endif

/* retbleed=stuff, from 6.2 on. */
#ifdef X86_FEATURE_CALL_DEPTH
#define OSC_HAS_CALL_DEPTH_TRACKING boot_cpu_has(X86_FEATURE_CALL_DEPTH)
#else
#define OSC_HAS_CALL_DEPTH_TRACKING false
#endif

/* Argument @n of the hooked function, as its caller left it in registers. */
#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) \
	regs_get_kernel_argument(&(fregs)->regs, n)
#endif

/* The attributes that came with the request for a dump. */
#if KERNEL_VERSION(6, 7, 0) > LINUX_VERSION_CODE
#define osc_dump_attrs(cb) (genl_dumpit_info(cb)->attrs)
#else
#define osc_dump_attrs(cb) (genl_info_dump(cb)->attrs)
#endif

/* Threads which the kernel makes for a process behind the fork tracepoint. */
#ifdef PF_USER_WORKER
#define OSC_PF_WORKER (PF_IO_WORKER | PF_USER_WORKER)
#else
#define OSC_PF_WORKER PF_IO_WORKER
#endif

#endif /* OSC_COMPAT_H */
