/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tree.h - who belongs to a target: the tasks that are there when it is added,
 * and through the fork hook those that come.
 */
#ifndef OSC_TREE_H
#define OSC_TREE_H

#include <linux/types.h>

struct osc_target;
struct task_struct;

int osc_tree_attach(void);
void osc_tree_detach(void);
int osc_tree_enter(struct osc_target *target, struct task_struct *root,
		   struct osc_target **in_the_way);
void osc_tree_add_workers(struct osc_target *target, struct task_struct *task);
void osc_tree_add_survivors(struct osc_target *target,
			    struct task_struct *task);

#endif /* OSC_TREE_H */
