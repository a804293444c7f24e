/* SPDX-License-Identifier: GPL-2.0 */
/*
 * target.h - targets: process trees that somebody watches.
 *
 * A target is its records (record.h), one per task that is or was in the tree:
 * live ones are read on demand, final ones are folded into a sum. Targets that
 * watch the same process are one inside another (nest.h).
 */
#ifndef OSC_TARGET_H
#define OSC_TARGET_H

#include <linux/atomic.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/osconcepts.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include "counters.h"
#include "nest.h"
#include "record.h"
#include "timing.h"

struct net;
struct netlink_ext_ack;
struct osc_reader;
struct pid;
struct pid_namespace;

/**
 * struct osc_slot_counts - what only hooks can count, per target and CPU
 * @epoll_callbacks: readiness callbacks of its registrations
 * @epoll_wakeups: wakeups of its waiters
 */
struct osc_slot_counts {
	u64 epoll_callbacks;
	u64 epoll_wakeups;
};

/**
 * struct osc_target - a watched process tree
 * @id: its name on every surface
 * @slot: its name in the hooks (member.h)
 * @flags: enum osconcepts_target_flags
 * @owner: the user who added it
 * @privileged: who may watch whatever a member becomes
 * @pid: the root process
 * @root_start_ns: when it started, boot time; with its number it names it
 * @comm: its name when last seen alive
 * @tgid: its number in the initial PID namespace
 * @net: with @portid, the socket that a bound target goes away with
 * @portid: see @net
 * @since_ns: when it was added, boot time
 * @exited: all tasks are final; said once
 * @outer: the target that it is inside of, or NULL
 * @inner: the targets directly inside it
 * @in_outer: in the list of @outer
 * @carried: counted beside its own tasks and @inner
 * @fresh: records from the hooks
 * @tasks: records of live tasks
 * @tasks_live: how many
 * @tasks_exited: how many were folded
 * @folded: their sum
 * @shown: what was read last
 * @counts: per CPU, from the hooks
 * @histograms: likewise, by timing, of those that are on
 * @carried_times: likewise, not per CPU; of a target that holds or is held
 * @sealed: shows no more than it did: it holds what its owner may not see
 * @lost: tasks that could not be recorded, and kinds of @marks
 * @marks: bits of enum osc_owner_mark
 * @claims: epoll instances that it may own (owner.c)
 * @nr_claims: how many
 * @is_searched: those that were there when it was added are found
 * @callbacks_claimed: of instances that have turned out to be its own
 * @callbacks_unclaimed: of those that were freed before
 * @callbacks_late: that may have come before an instance was found late
 * @unattributed: readiness callbacks of no target when it was added
 * @outside: those of targets that hold it, by then
 * @gaps: of the epoll hooks that were over when it was added
 * @dirty: a task has ended since the last sweep
 * @rcu: the hooks may still see it
 *
 * The hooks use @slot, @flags, @owner, @privileged, @outer, @fresh, @counts,
 * @sealed, @lost, @marks, @nr_claims, @is_searched and @dirty; all else is under
 * the lock of target.c.
 */
struct osc_target {
	u32 id;
	u16 slot;
	u32 flags;
	kuid_t owner;
	bool privileged;
	struct pid *pid;
	u64 root_start_ns;
	char comm[TASK_COMM_LEN];
	pid_t tgid;
	const struct net *net;
	u32 portid;
	u64 since_ns;
	bool exited;
	struct osc_target __rcu *outer;
	struct list_head inner;
	struct list_head in_outer;
	struct osc_sums carried;
	struct llist_head fresh;
	struct list_head tasks;
	u64 tasks_live;
	u64 tasks_exited;
	u64 folded[OSC_NR_FIELDS];
	u64 shown[OSC_NR_FIELDS];
	struct osc_slot_counts __percpu *counts;
	struct osc_histogram __percpu *histograms[OSC_NR_TIMINGS];
	struct osc_histogram *carried_times[OSC_NR_TIMINGS];
	bool sealed;
	atomic64_t lost;
	unsigned long marks;
	struct list_head claims;
	unsigned int nr_claims;
	bool is_searched;
	u64 callbacks_claimed;
	u64 callbacks_unclaimed;
	u64 callbacks_late;
	u64 unattributed;
	u64 outside;
	u64 gaps;
	atomic_t dirty;
	struct rcu_head rcu;
};

/**
 * struct osc_target_view - a target as one reader sees it
 * @id: of the target
 * @pid: in the reader's PID namespace, 0 if it has no number there
 * @flags: enum osconcepts_target_flags
 * @owner: the user who added it
 * @comm: name of the root process
 * @state: live or exited
 * @counts: its counters
 * @callbacks_unknown: readiness callbacks that may be its own beside those in
 *	@counts
 * @tasks_live: tasks that are not final
 * @tasks_exited: tasks that are
 * @lost: what could not be recorded, and gaps of the epoll hooks
 * @since_ns: when it was added, boot time
 * @time_ns: when it was read, boot time
 * @root_state: exited when @pid may be another process's
 * @root_start_ns: when the root process started, boot time
 */
struct osc_target_view {
	u32 id;
	u32 pid;
	u32 flags;
	kuid_t owner;
	char comm[TASK_COMM_LEN];
	enum osconcepts_target_state state;
	struct osc_counts counts;
	u64 callbacks_unknown;
	u64 tasks_live;
	u64 tasks_exited;
	u64 lost;
	u64 since_ns;
	u64 time_ns;
	enum osconcepts_target_state root_state;
	u64 root_start_ns;
};

/**
 * struct osc_target_request - what to watch, and for whom
 * @reader: who asks
 * @pid: of the root process in the reader's namespace
 * @flags: enum osconcepts_target_flags
 * @net: of the socket that asks
 * @portid: of the socket that asks
 */
struct osc_target_request {
	const struct osc_reader *reader;
	u32 pid;
	u32 flags;
	const struct net *net;
	u32 portid;
};

/* Held by whoever reads or changes targets and what is timed. */
extern struct mutex osc_targets_lock;

/* Off: the epoll hooks need not look for targets. */
DECLARE_STATIC_KEY_FALSE(osc_targets_exist);

/* By ID, of struct osc_target; under that lock. */
extern struct xarray osc_targets;

struct osc_target *osc_target_of_slot(u16 slot);
int osc_target_add(const struct osc_target_request *request,
		   struct osc_target_view *view,
		   struct netlink_ext_ack *extack);
int osc_target_del(u32 id, const struct osc_reader *reader,
		   struct osc_target_view *view);
void osc_targets_count(u64 *now, u64 *refused);
bool osc_targets_may_grow(size_t more);
unsigned int osc_target_generation(void);
void osc_target_unbind(const struct net *net, u32 portid);
bool osc_target_update(struct osc_target *target);
void osc_target_kick(bool refill);
void osc_targets_take(void);

int osc_target_init(void);
void osc_target_exit(void);

/* target_read.c */
void osc_target_fill(struct osc_target *target, struct pid_namespace *ns,
		     struct osc_target_view *view);
void osc_target_read(struct osc_target *target, const struct osc_reader *reader,
		     struct osc_target_view *view);
struct osc_target *osc_target_find(u32 id, const struct osc_reader *reader);
int osc_target_get(u32 id, const struct osc_reader *reader,
		   struct osc_target_view *view);
void osc_target_entered(u32 id);
u32 osc_target_last(void);
bool osc_target_next(u32 *id, u32 last, const struct osc_reader *reader,
		     struct osc_target_view *view);
bool osc_target_find_next(u32 *id, u32 last, const struct osc_reader *reader);
bool osc_target_histogram(u32 id, const struct osc_reader *reader,
			  unsigned int histogram,
			  struct osc_histogram_view *view);

#endif /* OSC_TARGET_H */
