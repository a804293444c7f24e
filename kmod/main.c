// SPDX-License-Identifier: GPL-2.0
/*
 * osconcepts - counts what the scheduler, the page-fault handler and epoll do.
 *
 * In reading order: source.c and the sources sched.c, fault.c, epoll.c; hook.c
 * and tracepoint.c, by which they get at their events; target.c, the watched
 * process trees, with tree.c, tasks.c, record.c, slot.c, member.c; instance.c,
 * owner.c and layout.c, whose epoll instances are;
 * timing.c, what is timed, with clock.c, moment.c, fault_time.c, epoll_time.c;
 * and the surfaces proc.c and netlink.c, with reader.c, which knows who asks.
 */
#include <linux/module.h>
#include <linux/timekeeping.h>

#include "epoll.h"
#include "main.h"
#include "netlink.h"
#include "proc.h"
#include "source.h"
#include "target.h"
#include "timing.h"

u64 osc_since_ns;

static int __init osc_init(void)
{
	int ret;

	ret = osc_epoll_check();
	if (ret)
		return ret;
	ret = osc_target_init();
	if (ret)
		return ret;
	osc_sources_attach();
	osc_since_ns = ktime_get_boottime_ns();
	ret = osc_timing_init();
	if (ret)
		goto sources;
	ret = osc_proc_init();
	if (ret)
		goto timing;
	ret = osc_netlink_init();
	if (ret)
		goto proc;
	return 0;

proc:
	osc_proc_exit();
timing:
	osc_timing_exit();
sources:
	osc_sources_detach();
	osc_target_exit();
	return ret;
}

static void __exit osc_exit(void)
{
	osc_netlink_exit();
	osc_proc_exit();
	osc_timing_exit();
	/* The hooks of targets first: those of epoll may serve them still. */
	osc_target_exit();
	osc_sources_detach();
}

module_init(osc_init);
module_exit(osc_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The osconcepts developers");
MODULE_DESCRIPTION("Exact counts of switches, faults, epoll wakeups");
MODULE_VERSION(OSC_MODULE_VERSION);
