// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "moment.h"

static unsigned int timed_tasks = 16384;
module_param(timed_tasks, uint, 0444);
MODULE_PARM_DESC(timed_tasks,
		 "Tasks that can be timed at once (default: 16384)");

/**
 * osc_moments_alloc() - make an empty table
 * @table: without entries
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int osc_moments_alloc(struct osc_moments *table)
{
	/* Numbers come one after another: tasks that live share no entry. */
	timed_tasks = roundup_pow_of_two(clamp(timed_tasks, 64U, 1U << 22));
	table->at = kvcalloc(timed_tasks, sizeof(*table->at), GFP_KERNEL);
	if (!table->at)
		return -ENOMEM;
	table->mask = timed_tasks - 1;
	atomic64_set(&table->lost, 0);
	return 0;
}

/**
 * osc_moments_free() - free the entries
 * @table: with or without entries; no hook may be using it or come to use it
 *
 * Context: may sleep.
 */
void osc_moments_free(struct osc_moments *table)
{
	kvfree(table->at);
	table->at = NULL;
}

/**
 * osc_moments_forget() - drop what is remembered of a task
 * @table: with or without entries, none of which is freed meanwhile
 * @tid: of the task
 *
 * Context: any.
 * Return: true when there was something.
 */
bool osc_moments_forget(struct osc_moments *table, u32 tid)
{
	struct osc_moment ignored;

	return table->at && osc_moment_take(table, tid, &ignored);
}

/**
 * osc_moments_clear() - drop what is remembered of all tasks
 * @table: allocated; hooks may be using it
 *
 * Context: may sleep.
 */
void osc_moments_clear(struct osc_moments *table)
{
	unsigned int i;
	u32 tid;

	for (i = 0; i <= table->mask; i++) {
		tid = READ_ONCE(table->at[i].tid);
		if (tid != OSC_MOMENT_FREE && tid != OSC_MOMENT_BUSY)
			cmpxchg(&table->at[i].tid, tid, OSC_MOMENT_FREE);
	}
}
