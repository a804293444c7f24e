/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record.h - one watched task. The kernel itself counts, in the task's own
 * fields; a record keeps the task_struct until its fields are final. The hooks
 * take records from a pool filled beforehand, one list per CPU.
 */
#ifndef OSC_RECORD_H
#define OSC_RECORD_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/sched.h>

#include "counters.h"

struct osc_target;

/* What is counted per task: the counters that are fields of task_struct. */
enum osc_field {
	OSC_FIELD_VOLUNTARY,
	OSC_FIELD_INVOLUNTARY,
	OSC_FIELD_FAULTS_MINOR,
	OSC_FIELD_FAULTS_MAJOR,
	OSC_FIELD_CPU_NS,
	OSC_FIELD_RUN_DELAY_NS,
	OSC_NR_FIELDS,
};

/**
 * struct osc_record - one task of a target
 * @fresh: on its way from a hook to its target, or in the pool
 * @of_target: in the target's list
 * @by_task: in the hash by task
 * @task: a reference is held
 * @target: it belongs to, once it is in the two above
 * @base: the fields when the task came under watch
 * @born: recorded at its birth, so that @base is 0
 * @left: from a hook: the task is not to be watched any more, and @base is what
 *	it had done by then
 */
struct osc_record {
	struct llist_node fresh;
	struct list_head of_target;
	struct hlist_node by_task;
	struct task_struct *task;
	struct osc_target *target;
	u64 base[OSC_NR_FIELDS];
	bool born;
	bool left;
};

void osc_task_fields(const struct task_struct *task, u64 *fields);
bool osc_task_is_final(const struct task_struct *task);
void osc_fields_to_counts(const u64 *fields, struct osc_counts *counts);

int osc_record_pool_fill(void);
void osc_record_pool_drain(void);
bool osc_record_pool_is_low(void);
struct osc_record *osc_record_take(void);
struct osc_record *osc_record_alloc(gfp_t gfp);
void osc_record_free(struct osc_record *record);

int osc_record_init(void);
void osc_record_exit(void);

#endif /* OSC_RECORD_H */
