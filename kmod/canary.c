// SPDX-License-Identifier: GPL-2.0
#include <linux/compiler.h>
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "canary.h"

static DEFINE_MUTEX(canary_lock);

/* --- ftrace */

static unsigned int anchor_users;
static unsigned long anchor_hits;

/* Called under the lock, to see whether anchor_func() is. */
static noinline void osc_ftrace_anchor(void)
{
	barrier();
}

static notrace void anchor_func(unsigned long ip, unsigned long parent,
				struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	WRITE_ONCE(anchor_hits, anchor_hits + 1);
}

static struct ftrace_ops anchor_ops;

/**
 * osc_ftrace_prepare() - make ops ready to be registered for one function
 * @ops: not registered; state of an earlier registration is forgotten
 * @func: called at each entry, or NULL for a direct call
 * @function: its name
 *
 * Context: may sleep. ftrace_free_filter() undoes it.
 * Return: 0; -EINVAL when there is no such function, or no memory to look.
 */
int osc_ftrace_prepare(struct ftrace_ops *ops, ftrace_func_t func,
		       const char *function)
{
	char name[KSYM_NAME_LEN];

	memset(ops, 0, sizeof(*ops));
	ops->func = func;
	strscpy(name, function, sizeof(name));
	return ftrace_set_filter(ops, name, strlen(name), 1);
}

static int register_anchor(void)
{
	int ret;

	ret = osc_ftrace_prepare(&anchor_ops, anchor_func, "osc_ftrace_anchor");
	/* The function is ours and there: it was not found for want of memory. */
	if (ret)
		return ret == -EINVAL ? -ENOMEM : ret;
	anchor_ops.flags |= FTRACE_OPS_FL_PERMANENT;
	ret = register_ftrace_function(&anchor_ops);
	if (ret)
		ftrace_free_filter(&anchor_ops);
	return ret;
}

/**
 * osc_anchor_attach() - keep ftrace from being switched off under the hooks
 *
 * Context: may sleep.
 * Return: 0; -EBUSY while kernel.ftrace_enabled is 0, when every other hook
 * would register without an error and count nothing.
 */
int osc_anchor_attach(void)
{
	int ret = 0;

	mutex_lock(&canary_lock);
	if (!anchor_users)
		ret = register_anchor();
	if (!ret)
		anchor_users++;
	mutex_unlock(&canary_lock);
	return ret;
}

/**
 * osc_anchor_detach() - undo osc_anchor_attach()
 *
 * Context: may sleep.
 */
void osc_anchor_detach(void)
{
	mutex_lock(&canary_lock);
	if (!--anchor_users) {
		unregister_ftrace_function(&anchor_ops);
		ftrace_free_filter(&anchor_ops);
	}
	mutex_unlock(&canary_lock);
}

/**
 * osc_ftrace_silencer() - what keeps ftrace's hooks from being reached
 *
 * The anchor forbids kernel.ftrace_enabled=0; the kernel switches ftrace off by
 * itself when it has found a fault in it.
 *
 * Context: may sleep; the anchor is attached.
 * Return: NULL while they are reached.
 */
const char *osc_ftrace_silencer(void)
{
	unsigned long before;
	bool reached;

	mutex_lock(&canary_lock);
	before = READ_ONCE(anchor_hits);
	osc_ftrace_anchor();
	reached = READ_ONCE(anchor_hits) != before;
	mutex_unlock(&canary_lock);
	return reached ? NULL : "ftrace is switched off";
}

/* --- kprobes */

static unsigned int kprobe_users;
static unsigned long kprobe_hits;

/* As above, for kprobe_handler(). */
static noinline void osc_kprobe_canary(void)
{
	barrier();
}

static int kprobe_handler(struct kprobe *probe, struct pt_regs *regs)
{
	WRITE_ONCE(kprobe_hits, kprobe_hits + 1);
	return 0;
}

NOKPROBE_SYMBOL(kprobe_handler);

static struct kprobe canary_kprobe;

static int register_canary(void)
{
	/* One that was registered before keeps state of it. */
	memset(&canary_kprobe, 0, sizeof(canary_kprobe));
	canary_kprobe.addr = (kprobe_opcode_t *)osc_kprobe_canary;
	canary_kprobe.pre_handler = kprobe_handler;
	return register_kprobe(&canary_kprobe);
}

/**
 * osc_kprobe_canary_attach() - be able to tell whether kprobes are reached
 *
 * Context: may sleep.
 * Return: 0, or what register_kprobe() returned.
 */
int osc_kprobe_canary_attach(void)
{
	int ret = 0;

	mutex_lock(&canary_lock);
	if (!kprobe_users)
		ret = register_canary();
	if (!ret)
		kprobe_users++;
	mutex_unlock(&canary_lock);
	return ret;
}

/**
 * osc_kprobe_canary_detach() - undo osc_kprobe_canary_attach()
 *
 * Context: may sleep.
 */
void osc_kprobe_canary_detach(void)
{
	mutex_lock(&canary_lock);
	if (!--kprobe_users)
		unregister_kprobe(&canary_kprobe);
	mutex_unlock(&canary_lock);
}

/**
 * osc_kprobe_silencer() - what keeps kprobes from being reached
 *
 * Context: may sleep; the canary is attached.
 * Return: NULL while they are reached.
 */
const char *osc_kprobe_silencer(void)
{
	unsigned long before;
	bool reached;

	mutex_lock(&canary_lock);
	before = READ_ONCE(kprobe_hits);
	osc_kprobe_canary();
	reached = READ_ONCE(kprobe_hits) != before;
	mutex_unlock(&canary_lock);
	return reached ? NULL :
			 "kprobes are switched off (debugfs kprobes/enabled)";
}
