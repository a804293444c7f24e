/* SPDX-License-Identifier: GPL-2.0 */
/*
 * timing.h - the time level: what is timed, for whom, and the histograms. Each
 * kind of timing is switched on and off by itself; while it is off, its hooks
 * are detached or behind a static key, and its histograms do not exist.
 */
#ifndef OSC_TIMING_H
#define OSC_TIMING_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/osconcepts.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "histogram.h"
#include "moment.h"

struct netlink_ext_ack;
struct osc_target;

enum osc_timing {
	OSC_TIMING_SCHED,
	OSC_TIMING_OFF_CPU,
	OSC_TIMING_FAULT,
	OSC_TIMING_EPOLL,
	OSC_TIMING_EPOLL_RETURN,
	OSC_NR_TIMINGS,
};

#define OSC_NR_TIMING_LEVELS (OSCONCEPTS_TIMING_LEVEL_ALL + 1)

/* In the order of the timings, each of which has one or two of them. */
enum osc_histogram_name {
	OSC_HIST_RUN_QUEUE_WAIT,
	OSC_HIST_TIME_SLICE,
	OSC_HIST_OFF_CPU_VOLUNTARY,
	OSC_HIST_OFF_CPU_INVOLUNTARY,
	OSC_HIST_FAULT_MINOR,
	OSC_HIST_FAULT_MAJOR,
	OSC_HIST_EPOLL_WAKE_TO_RUN,
	OSC_HIST_EPOLL_WAKE_TO_RETURN,
	OSC_NR_HISTOGRAMS,
};

/**
 * struct osc_timing_source - how one kind of timing is done
 * @attach: begin, for everybody or for targets only; may sleep. The histograms
 *	are there.
 * @detach: end, called after @attach has succeeded; may sleep. Hooks may still
 *	be running for an RCU grace period.
 * @obstacle: why it cannot be switched on here, or NULL
 * @lost: events that went untimed since @attach
 * @silencer: what keeps events from being timed since, or NULL; absent where
 *	nothing can
 * @pin: why the module cannot be unloaded now, or NULL; absent where it always
 *	can
 */
struct osc_timing_source {
	int (*attach)(bool all);
	void (*detach)(void);
	const char *(*obstacle)(void);
	u64 (*lost)(void);
	const char *(*silencer)(void);
	const char *(*pin)(bool on);
};

extern const struct osc_timing_source osc_sched_timing;
extern const struct osc_timing_source osc_off_cpu_timing;
extern const struct osc_timing_source osc_fault_timing;
extern const struct osc_timing_source osc_epoll_timing;
extern const struct osc_timing_source osc_epoll_return_timing;

/*
 * The histograms for the hooks, by slot (slot.h) while the timing is on; entry
 * 0 has those of the whole system. Arrays of as many as the timing has.
 */
extern struct osc_histogram __percpu **osc_histograms[OSC_NR_TIMINGS];

/* Of the hooks that several timings share: this one is on. */
extern struct static_key_false osc_timing_on[OSC_NR_TIMINGS];

/* On: some timing is of the whole system. */
DECLARE_STATIC_KEY_FALSE(osc_timing_all);

/**
 * osc_timing_book() - book an event for a target or the whole system
 * @timing: of which kind, on
 * @slot: of the target, 0 for the whole system; without effect when no
 *	histograms are kept for it
 * @which: of the timing's histograms
 * @ns: its time
 *
 * Context: preemption off; no other event of that kind may come in between.
 */
static __always_inline void osc_timing_book(enum osc_timing timing,
					    unsigned long slot,
					    unsigned int which, u64 ns)
{
	struct osc_histogram __percpu *histograms =
		READ_ONCE(osc_histograms[timing][slot]);

	if (likely(histograms))
		osc_histogram_add(raw_cpu_ptr(histograms) + which, ns);
}

/**
 * osc_timing_book_both() - book an event for a target and for the whole system
 * @timing: of which kind, on
 * @slot: of the target, 0 for none
 * @which: of the timing's histograms
 * @ns: its time
 *
 * Context: as osc_timing_book().
 */
static __always_inline void osc_timing_book_both(enum osc_timing timing,
						 unsigned long slot,
						 unsigned int which, u64 ns)
{
	if (static_branch_unlikely(&osc_timing_all)) {
		osc_timing_book(timing, 0, which, ns);
		if (!slot)
			return;
	}
	osc_timing_book(timing, slot, which, ns);
}

/**
 * osc_timing_drop() - forget what is remembered under a number that is new
 * @timing: of which kind, on or off
 * @table: its moments
 * @tid: of the task
 *
 * What the whole system is timed for is lost with it.
 *
 * Context: as osc_timing_forget().
 */
static __always_inline void osc_timing_drop(enum osc_timing timing,
					    struct osc_moments *table, u32 tid)
{
	if (static_branch_unlikely(&osc_timing_on[timing]) &&
	    osc_moments_forget(table, tid) &&
	    READ_ONCE(osc_histograms[timing][0]))
		atomic64_inc(&table->lost);
}

/**
 * struct osc_timing_view - how a kind of timing does
 * @name: as shown by every surface
 * @level: whose events are timed
 * @state: on, off, unavailable or silenced
 * @why: why it cannot be switched on, what silences it, or why the module cannot
 *	be unloaded, or NULL
 * @lost: events known to have gone untimed since it was switched on
 * @since_ns: when that was, boot time
 */
struct osc_timing_view {
	const char *name;
	enum osconcepts_timing_level level;
	enum osconcepts_source_state state;
	const char *why;
	u64 lost;
	u64 since_ns;
};

/**
 * struct osc_histogram_view - a reading of a histogram, summed over CPUs
 * @name: as shown by every surface
 * @target: ID, 0 for the whole system
 * @count: events with a time; the sum of @slots
 * @sum: of their times in nanoseconds
 * @has_useless: @useless means something
 * @useless: events without a time
 * @since_ns: when timing began, boot time
 * @time_ns: when this was read, boot time
 * @first: first slot that is not empty
 * @end: behind the last one; 0 when all are empty
 * @slots: events by their time
 */
struct osc_histogram_view {
	const char *name;
	u32 target;
	u64 count;
	u64 sum;
	bool has_useless;
	u64 useless;
	u64 since_ns;
	u64 time_ns;
	unsigned int first;
	unsigned int end;
	u64 slots[OSC_TIME_SLOTS];
};

extern const char *const osc_histogram_names[OSC_NR_HISTOGRAMS];
extern const char *const osc_timing_level_names[OSC_NR_TIMING_LEVELS];

int osc_timing_find(const char *name);
void osc_timing_get(unsigned int timing, struct osc_timing_view *view);
int osc_timing_set(unsigned int timing, u32 level,
		   struct netlink_ext_ack *extack);
int osc_timing_set_all(const u32 *levels);

size_t osc_timing_bytes(void);
int osc_timing_enter(struct osc_target *target);
void osc_timing_publish(u16 slot, const struct osc_target *target);
void osc_timing_retire(u16 slot);
void osc_timing_free(struct osc_target *target);
void osc_timing_forget(u32 tid);
int osc_timing_carry(struct osc_target *target, gfp_t gfp);
void osc_timing_shift(struct osc_target *to, const struct osc_target *what,
		      int sign);
bool osc_timing_read(struct osc_target *target, unsigned int histogram,
		     struct osc_histogram_view *view);

int osc_timing_init(void);
void osc_timing_exit(void);

#endif /* OSC_TIMING_H */
