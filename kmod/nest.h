/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nest.h - targets inside targets, so that several may watch one process.
 *
 * For the hooks a process belongs to one target: the innermost one that watches
 * it. What a target counts is the sum of
 *	- what its own tasks do,
 *	- what the targets directly inside it count,
 *	- what it carries: the difference that a change of the nesting makes.
 * A target that was counting before it came inside another is taken off what
 * that one counts, and when it is removed, what it counted stays in that one.
 * So no reading jumps when targets come and go. Sums are modulo 2^64: what is
 * carried may be less than nothing, a reading never is.
 *
 * A target is inside another only when every process of it may be watched by
 * the other one's owner.
 */
#ifndef OSC_NEST_H
#define OSC_NEST_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "record.h"

struct osc_target;

/**
 * struct osc_sums - what is added up over targets
 * @fields: of tasks
 * @epoll_callbacks: readiness callbacks
 * @epoll_wakeups: wakeups of waiters
 * @tasks_exited: tasks that were folded
 * @lost: what could not be recorded
 */
struct osc_sums {
	u64 fields[OSC_NR_FIELDS];
	u64 epoll_callbacks;
	u64 epoll_wakeups;
	u64 tasks_exited;
	u64 lost;
};

void osc_sums_add(struct osc_sums *to, const struct osc_sums *what);
void osc_sums_sub(struct osc_sums *from, const struct osc_sums *what);

/* Most targets that may hold a process, one inside another. */
#define OSC_NEST_MAX 64

struct osc_target *osc_nest_outer(const struct osc_target *target);
struct osc_target *osc_nest_next(struct osc_target *at,
				 const struct osc_target *top);
bool osc_nest_has(const struct osc_target *outer,
		  const struct osc_target *target);
struct osc_target *osc_nest_below(const struct osc_target *outer,
				  struct osc_target *target);
bool osc_nest_may_hold(const struct osc_target *outer,
		       const struct osc_target *inner);
int osc_nest_place(struct osc_target *target, struct osc_target *holder,
		   struct osc_target **inner, struct osc_target **in_the_way);
int osc_nest_attach(struct osc_target *inner, struct osc_target *target);
void osc_nest_detach(struct osc_target *target);

void osc_nest_read(struct osc_target *target, struct osc_sums *sums,
		   u64 *tasks_live);
u64 osc_nest_callbacks_outside(const struct osc_target *target);
bool osc_nest_is_sealed(struct osc_target *target);
bool osc_nest_has_ended(struct osc_target *target);

#endif /* OSC_NEST_H */
