// SPDX-License-Identifier: GPL-2.0
/*
 * timing_param.c - the parameter that says what is timed: "sched,fault=all".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "timing.h"

static int parse_level(const char *name, u32 *level)
{
	int i = match_string(osc_timing_level_names, OSC_NR_TIMING_LEVELS,
			     name);

	if (i < 0)
		return -EINVAL;
	*level = i;
	return 0;
}

static int parse_item(char *item, u32 *levels)
{
	char *name = strsep(&item, "=");
	u32 level = OSCONCEPTS_TIMING_LEVEL_TARGETS;
	int timing = osc_timing_find(name);

	if (timing < 0 || (item && parse_level(item, &level))) {
		pr_err("time: %s%s%s: not sched, off_cpu, fault, epoll or epoll_return, with =targets, =all or =off\n",
		       name, item ? "=" : "", item ?: "");
		return -EINVAL;
	}
	levels[timing] = level;
	return 0;
}

static int parse_list(const char *text, u32 *levels)
{
	char *copy = kstrdup(text, GFP_KERNEL);
	char *rest, *item;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	rest = strim(copy);
	while (!ret && (item = strsep(&rest, ","))) {
		if (*item)
			ret = parse_item(item, levels);
	}
	kfree(copy);
	return ret;
}

/* What the list does not name is switched off. */
static int set_time(const char *text, const struct kernel_param *param)
{
	u32 levels[OSC_NR_TIMINGS] = {};
	int ret;

	ret = parse_list(text, levels);
	return ret ?: osc_timing_set_all(levels);
}

static int get_time(char *buffer, const struct kernel_param *param)
{
	struct osc_timing_view view;
	unsigned int i;
	int len = 0;

	for (i = 0; i < OSC_NR_TIMINGS; i++) {
		osc_timing_get(i, &view);
		if (view.level == OSCONCEPTS_TIMING_LEVEL_OFF)
			continue;
		len += sysfs_emit_at(buffer, len, "%s%s=%s", len ? "," : "",
				     view.name,
				     osc_timing_level_names[view.level]);
	}
	return len + sysfs_emit_at(buffer, len, "\n");
}

static const struct kernel_param_ops time_ops = {
	.set = set_time,
	.get = get_time,
};
module_param_cb(time, &time_ops, NULL, 0644);
MODULE_PARM_DESC(time, "What to time: sched,off_cpu,fault,epoll,epoll_return");
