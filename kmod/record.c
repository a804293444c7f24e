// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "record.h"

/*
 * Enough births on one CPU until the refill, which runs at high priority, gets
 * its turn.
 */
#define POOL_FULL 512
#define POOL_LOW 320

/**
 * struct pool - records for the hooks of one CPU
 * @free: taken from by this CPU alone with preemption off, added to by any
 * @count: about how many
 */
struct pool {
	struct llist_head free;
	atomic_t count;
};

static DEFINE_PER_CPU(struct pool, pools);
static struct kmem_cache *cache;

/**
 * osc_task_fields() - what the kernel has booked for a task
 * @task: alive or dead; the caller holds a reference
 * @fields: OSC_NR_FIELDS values, overwritten
 *
 * Context: any. Each field only grows; they are not read at one instant.
 */
void osc_task_fields(const struct task_struct *task, u64 *fields)
{
	fields[OSC_FIELD_VOLUNTARY] = READ_ONCE(task->nvcsw);
	fields[OSC_FIELD_INVOLUNTARY] = READ_ONCE(task->nivcsw);
	fields[OSC_FIELD_FAULTS_MINOR] = READ_ONCE(task->min_flt);
	fields[OSC_FIELD_FAULTS_MAJOR] = READ_ONCE(task->maj_flt);
	fields[OSC_FIELD_CPU_NS] = READ_ONCE(task->se.sum_exec_runtime);
	fields[OSC_FIELD_RUN_DELAY_NS] = READ_ONCE(task->sched_info.run_delay);
}

/**
 * osc_task_is_final() - whether a task has made its last switch
 * @task: the caller holds a reference
 *
 * Context: any.
 * Return: true when its fields will not change any more.
 */
bool osc_task_is_final(const struct task_struct *task)
{
	if (READ_ONCE(task->__state) != TASK_DEAD)
		return false;
	/* Pairs with the release in finish_task(). */
	return !smp_load_acquire(&task->on_cpu);
}

/**
 * osc_fields_to_counts() - fields as counters
 * @fields: OSC_NR_FIELDS values
 * @counts: those counters are set
 */
void osc_fields_to_counts(const u64 *fields, struct osc_counts *counts)
{
	static const enum osc_counter counter_of[OSC_NR_FIELDS] = {
		[OSC_FIELD_VOLUNTARY] = OSC_VOLUNTARY,
		[OSC_FIELD_INVOLUNTARY] = OSC_INVOLUNTARY,
		[OSC_FIELD_FAULTS_MINOR] = OSC_FAULTS_MINOR,
		[OSC_FIELD_FAULTS_MAJOR] = OSC_FAULTS_MAJOR,
		[OSC_FIELD_CPU_NS] = OSC_CPU_NS,
		[OSC_FIELD_RUN_DELAY_NS] = OSC_RUN_DELAY_NS,
	};
	unsigned int i;

	for (i = 0; i < OSC_NR_FIELDS; i++)
		osc_counts_set(counts, counter_of[i], fields[i]);
}

/**
 * osc_record_alloc() - a new record, outside of the hooks
 * @gfp: allocation flags
 *
 * Return: a zeroed record, or NULL. Free with osc_record_free().
 */
struct osc_record *osc_record_alloc(gfp_t gfp)
{
	return kmem_cache_zalloc(cache, gfp);
}

/**
 * osc_record_free() - free a record and its hold on the task
 * @record: in no list
 *
 * Context: any but hard interrupts.
 */
void osc_record_free(struct osc_record *record)
{
	if (record->task)
		put_task_struct(record->task);
	kmem_cache_free(cache, record);
}

/**
 * osc_record_take() - a record from the pool, for the hooks
 *
 * Context: process context with preemption off; takes no lock, allocates
 * nothing.
 * Return: a zeroed record, or NULL when this CPU's pool is empty.
 */
struct osc_record *osc_record_take(void)
{
	struct pool *pool = this_cpu_ptr(&pools);
	struct llist_node *node;

	node = llist_del_first(&pool->free);
	if (!node)
		return NULL;
	atomic_dec(&pool->count);
	return llist_entry(node, struct osc_record, fresh);
}

/**
 * osc_record_pool_is_low() - whether this CPU's pool should be refilled
 *
 * Context: preemption off.
 * Return: true when it should.
 */
bool osc_record_pool_is_low(void)
{
	return atomic_read(this_cpu_ptr(&pools.count)) < POOL_LOW;
}

static int fill_cpu(int cpu)
{
	struct pool *pool = per_cpu_ptr(&pools, cpu);
	struct osc_record *record;

	while (atomic_read(&pool->count) < POOL_FULL) {
		record = osc_record_alloc(GFP_KERNEL);
		if (!record)
			return -ENOMEM;
		atomic_inc(&pool->count);
		llist_add(&record->fresh, &pool->free);
	}
	return 0;
}

/**
 * osc_record_pool_fill() - fill the pools of all CPUs that may run hooks
 *
 * Context: may sleep; one caller at a time.
 * Return: 0 or -ENOMEM, with what there was memory for.
 */
int osc_record_pool_fill(void)
{
	int cpu, ret;

	/* A CPU that comes online later has its own when it does. */
	for_each_present_cpu(cpu) {
		ret = fill_cpu(cpu);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * osc_record_pool_drain() - empty the pools
 *
 * Context: may sleep; no hook may be running or come to run.
 */
void osc_record_pool_drain(void)
{
	struct osc_record *record, *next;
	struct llist_node *list;
	struct pool *pool;
	int cpu;

	for_each_possible_cpu(cpu) {
		pool = per_cpu_ptr(&pools, cpu);
		list = llist_del_all(&pool->free);
		llist_for_each_entry_safe(record, next, list, fresh)
			osc_record_free(record);
		atomic_set(&pool->count, 0);
	}
}

/**
 * osc_record_init() - get ready to record
 *
 * Return: 0 or -ENOMEM.
 */
int osc_record_init(void)
{
	/* Those that the hooks take are charged to nobody: a worker made them. */
	cache = KMEM_CACHE(osc_record, SLAB_ACCOUNT);
	return cache ? 0 : -ENOMEM;
}

/**
 * osc_record_exit() - undo osc_record_init(); all records must be freed
 */
void osc_record_exit(void)
{
	kmem_cache_destroy(cache);
}
