/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tasks.h - the tasks of a target: each is recorded once, however it was
 * found, read while it lives and folded into the target's sum when it has made
 * its last switch. All but the last function are called under the lock of
 * target.c.
 */
#ifndef OSC_TASKS_H
#define OSC_TASKS_H

#include <linux/types.h>

struct osc_target;
struct task_struct;

int osc_tasks_add(struct osc_target *target, struct task_struct *task,
		  bool born);
void osc_tasks_take(struct osc_target *target);
void osc_tasks_find_workers(struct osc_target *target);
bool osc_tasks_sweep(struct osc_target *target);
void osc_tasks_read(const struct osc_target *target, u64 *sum);
void osc_tasks_move(struct osc_target *outer, struct osc_target *target);
void osc_tasks_hand_over(struct osc_target *target, struct osc_target *outer);
void osc_tasks_drop(struct osc_target *target);
void osc_tasks_drop_fresh(struct osc_target *target);

#endif /* OSC_TASKS_H */
