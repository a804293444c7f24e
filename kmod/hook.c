// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/string.h>

#include "canary.h"
#include "hook.h"
#include "tracepoint.h"

/**
 * osc_direct_obstacle() - why direct calls are not used here
 *
 * With call depth tracking the kernel accounts for each call and each return,
 * to know when the processor's return predictions are used up. It would see
 * our return, but not the call.
 *
 * Return: NULL when they are.
 */
const char *osc_direct_obstacle(void)
{
	if (osc_hidden("direct"))
		return "direct calls are hidden by the parameter";
	if (OSC_HAS_CALL_DEPTH_TRACKING)
		return "call depth tracking does not see direct calls";
	return NULL;
}

static int attach_direct(struct osc_hook *hook)
{
	int ret;

	if (osc_direct_obstacle())
		return -EOPNOTSUPP;
	ret = osc_ftrace_prepare(&hook->ops, NULL, hook->function);
	if (ret)
		return ret;
	ret = osc_register_direct(&hook->ops, (unsigned long)hook->direct);
	if (ret)
		ftrace_free_filter(&hook->ops);
	return ret;
}

static int attach_ftrace(struct osc_hook *hook)
{
	int ret;

	ret = osc_ftrace_prepare(&hook->ops, hook->ops_func, hook->function);
	if (ret)
		return ret;
	ret = register_ftrace_function(&hook->ops);
	if (ret)
		ftrace_free_filter(&hook->ops);
	return ret;
}

static int attach_kprobe(struct osc_hook *hook)
{
	int ret;

	ret = osc_kprobe_canary_attach();
	if (ret)
		return ret;
	memset(&hook->kprobe, 0, sizeof(hook->kprobe));
	hook->kprobe.symbol_name = hook->function;
	hook->kprobe.pre_handler = hook->kprobe_handler;
	ret = register_kprobe(&hook->kprobe);
	if (ret)
		osc_kprobe_canary_detach();
	return ret;
}

/**
 * osc_hook_attach_direct() - hook the function by a direct call or not at all
 * @hook: detached
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when it is another tracer's, -EOPNOTSUPP where there is an
 * obstacle, or what ftrace returned.
 */
int osc_hook_attach_direct(struct osc_hook *hook)
{
	hook->error = attach_direct(hook);
	if (!hook->error)
		hook->via = OSCONCEPTS_VIA_DIRECT;
	return hook->error;
}

typedef int (*attach_rung)(struct osc_hook *hook);

/**
 * osc_hook_attach() - hook the function, by the cheapest rung that works
 * @hook: detached
 * @first: the rung to begin with
 *
 * Context: may sleep. The anchor must be attached.
 * Return: 0, or what the last rung returned: -ENOENT (or -EINVAL) when this
 * kernel has no such function to hook.
 */
int osc_hook_attach(struct osc_hook *hook, enum osconcepts_via first)
{
	static const attach_rung rungs[] = {
		[OSCONCEPTS_VIA_DIRECT] = attach_direct,
		[OSCONCEPTS_VIA_FTRACE] = attach_ftrace,
		[OSCONCEPTS_VIA_KPROBE] = attach_kprobe,
	};
	unsigned int rung;

	hook->refused = 0;
	hook->error = -ENOENT;
	if (osc_hidden(hook->function))
		return hook->error;
	for (rung = first; rung < ARRAY_SIZE(rungs); rung++) {
		hook->error = rungs[rung](hook);
		if (hook->error) {
			hook->refused = hook->refused ?: hook->error;
			continue;
		}
		hook->via = rung;
		return 0;
	}
	return hook->error;
}

/**
 * osc_hook_detach() - take the hook off, if it is on
 * @hook: its code may still be running on other CPUs when this returns; call
 *	synchronize_rcu_tasks() before the module or its data goes away
 *
 * Context: may sleep.
 */
void osc_hook_detach(struct osc_hook *hook)
{
	switch (hook->via) {
	case OSCONCEPTS_VIA_DIRECT:
		osc_unregister_direct(&hook->ops, (unsigned long)hook->direct);
		ftrace_free_filter(&hook->ops);
		break;
	case OSCONCEPTS_VIA_FTRACE:
		unregister_ftrace_function(&hook->ops);
		ftrace_free_filter(&hook->ops);
		break;
	case OSCONCEPTS_VIA_KPROBE:
		unregister_kprobe(&hook->kprobe);
		osc_kprobe_canary_detach();
		break;
	default:
		break;
	}
	hook->via = OSCONCEPTS_VIA_NOTHING;
}

/**
 * osc_hook_lost() - events the hook is known to have missed
 * @hook: attached or not
 *
 * Return: for a kprobe, the hits that came while another kprobe was running on
 * that CPU; the other rungs miss nothing.
 */
u64 osc_hook_lost(const struct osc_hook *hook)
{
	if (hook->via != OSCONCEPTS_VIA_KPROBE)
		return 0;
	return READ_ONCE(hook->kprobe.nmissed);
}

/**
 * osc_hook_silencer() - what keeps events from reaching an attached hook
 * @hook: attached or not
 *
 * Context: may sleep; the anchor is attached.
 * Return: NULL when nothing does.
 */
const char *osc_hook_silencer(struct osc_hook *hook)
{
	switch (hook->via) {
	case OSCONCEPTS_VIA_DIRECT:
	case OSCONCEPTS_VIA_FTRACE:
		return osc_ftrace_silencer();
	case OSCONCEPTS_VIA_KPROBE:
		if (kprobe_disabled(&hook->kprobe))
			return "the kprobe is disabled";
		return osc_kprobe_silencer();
	default:
		return NULL;
	}
}
