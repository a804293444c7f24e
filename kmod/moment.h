/* SPDX-License-Identifier: GPL-2.0 */
/*
 * moment.h - when something happened to a task, by its number (tid), from one
 * hook to the next: it was switched out, it was woken. There is no room of our
 * own in task_struct and hooks cannot allocate, so the table has a fixed size
 * and one entry for all numbers that are equal modulo that size. Of two tasks
 * that need one entry at a time, one goes untimed, and is counted as lost.
 *
 * Writers never wait: whoever meets an entry that is being written gives up.
 */
#ifndef OSC_MOMENT_H
#define OSC_MOMENT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define OSC_MOMENT_FREE 0U
#define OSC_MOMENT_BUSY U32_MAX

/**
 * struct osc_moment - an entry
 * @tid: of the task, OSC_MOMENT_FREE or OSC_MOMENT_BUSY
 * @kind: what its user wants to know besides the time
 * @time: osc_clock()
 */
struct osc_moment {
	u32 tid;
	u32 kind;
	u64 time;
};

/**
 * struct osc_moments - a table
 * @at: its entries, while there is one
 * @mask: their number less one
 * @lost: moments that found no room or lost theirs
 */
struct osc_moments {
	struct osc_moment *at;
	u32 mask;
	atomic64_t lost;
};

/**
 * osc_moment_put() - remember a moment
 * @table: allocated
 * @tid: of the task
 * @kind: handed to osc_moment_take()
 * @time: likewise
 *
 * Context: any.
 * Return: what the entry held: OSC_MOMENT_FREE, @tid for an earlier moment of
 * the same task, another task's number, or OSC_MOMENT_BUSY where nothing was
 * put.
 */
static __always_inline u32 osc_moment_put(struct osc_moments *table, u32 tid,
					  u32 kind, u64 time)
{
	struct osc_moment *moment = &table->at[tid & table->mask];
	u32 old = xchg(&moment->tid, OSC_MOMENT_BUSY);

	if (unlikely(old != OSC_MOMENT_FREE && old != tid)) {
		atomic64_inc(&table->lost);
		if (old == OSC_MOMENT_BUSY)
			return old;
	}
	moment->kind = kind;
	moment->time = time;
	/* Pairs with the cmpxchg in osc_moment_take(). */
	smp_store_release(&moment->tid, tid);
	return old;
}

/**
 * osc_moment_take() - the moment remembered for a task, which is then forgotten
 * @table: allocated
 * @tid: of the task
 * @moment: set to it
 *
 * Context: any.
 * Return: false when there is none.
 */
static __always_inline bool osc_moment_take(struct osc_moments *table, u32 tid,
					    struct osc_moment *moment)
{
	struct osc_moment *at = &table->at[tid & table->mask];

	if (READ_ONCE(at->tid) != tid ||
	    cmpxchg(&at->tid, tid, OSC_MOMENT_BUSY) != tid)
		return false;
	moment->kind = at->kind;
	moment->time = at->time;
	/* Reads come before the entry is given to another writer. */
	smp_store_release(&at->tid, OSC_MOMENT_FREE);
	return true;
}

int osc_moments_alloc(struct osc_moments *table);
void osc_moments_free(struct osc_moments *table);
bool osc_moments_forget(struct osc_moments *table, u32 tid);
void osc_moments_clear(struct osc_moments *table);

#endif /* OSC_MOMENT_H */
