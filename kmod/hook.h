/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hook.h - hooks on kernel functions that have no tracepoint, by the cheapest
 * way this kernel allows:
 *
 *	direct	the function's first instruction calls our code; 2 instructions
 *	ftrace	a callback of an ftrace_ops; some 35
 *	kprobe	a kprobe; some 150
 *
 * A function takes one direct caller only, so that a BPF program on it takes
 * that rung from us, or we from it; the other two live beside anything.
 *
 * All three rest on ftrace, which "sysctl kernel.ftrace_enabled=0" would
 * silence without a word. An anchor, an ftrace_ops that the kernel refuses to
 * disable, makes that command fail instead while the module is loaded.
 */
#ifndef OSC_HOOK_H
#define OSC_HOOK_H

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/osconcepts.h>

#include "compat.h"

/**
 * struct osc_hook - one hooked function
 * @function: name of the kernel function
 * @direct: our code, called with its arguments still in their registers
 * @ops: for the direct and the ftrace rung
 * @ops_func: the callback of the ftrace rung
 * @kprobe: for the last rung
 * @kprobe_handler: its handler
 * @via: the rung in use, OSCONCEPTS_VIA_NOTHING while detached
 * @error: what the last rung that was tried returned
 * @refused: what the first rung returned, if a later one is in use
 */
struct osc_hook {
	const char *function;
	void *direct;
	struct ftrace_ops ops;
	ftrace_func_t ops_func;
	struct kprobe kprobe;
	kprobe_pre_handler_t kprobe_handler;
	enum osconcepts_via via;
	int error;
	int refused;
};

/*
 * The caller of a hooked function has saved nothing for us: every register we
 * use must be preserved, and the compiler then saves just those.
 */
#if !__has_attribute(__no_caller_saved_registers__)
#error "this compiler cannot keep the registers of a direct call"
#endif
#define OSC_DIRECT __no_caller_saved_registers

/**
 * OSC_DEFINE_HOOK() - the three rungs for one function and one handler
 * @name: of the struct osc_hook
 * @symbol: the kernel function
 * @handler: static __always_inline void handler(void *argument)
 * @argument: which argument of @symbol it gets, 0 or 2
 */
#define OSC_DEFINE_HOOK(name, symbol, handler, argument)                       \
	static OSC_DIRECT notrace void name##_direct(void *arg0, void *arg1,   \
						     void *arg2)               \
	{                                                                      \
		handler(arg##argument);                                        \
	}                                                                      \
	static notrace void name##_ops(unsigned long ip, unsigned long parent, \
				       struct ftrace_ops *ops,                 \
				       struct ftrace_regs *fregs)              \
	{                                                                      \
		handler((void *)ftrace_regs_get_argument(fregs, argument));    \
	}                                                                      \
	static int name##_kprobe(struct kprobe *probe, struct pt_regs *regs)   \
	{                                                                      \
		handler((void *)regs_get_kernel_argument(regs, argument));     \
		return 0;                                                      \
	}                                                                      \
	NOKPROBE_SYMBOL(name##_kprobe);                                        \
	static struct osc_hook name = {                                        \
		.function = #symbol,                                           \
		.direct = name##_direct,                                       \
		.ops_func = name##_ops,                                        \
		.kprobe_handler = name##_kprobe,                               \
	}

const char *osc_direct_obstacle(void);
int osc_hook_attach_direct(struct osc_hook *hook);
int osc_hook_attach(struct osc_hook *hook, enum osconcepts_via first);
void osc_hook_detach(struct osc_hook *hook);
u64 osc_hook_lost(const struct osc_hook *hook);
const char *osc_hook_silencer(struct osc_hook *hook);

#endif /* OSC_HOOK_H */
