// SPDX-License-Identifier: GPL-2.0
/*
 * target_read.c - reading targets: one, all of them in turn, their histograms.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "epoll.h"
#include "member.h"
#include "nest.h"
#include "owner.h"
#include "reader.h"
#include "target.h"
#include "tasks.h"

static void read_counts(struct osc_target *target, const struct osc_sums *sums,
			struct osc_counts *counts)
{
	unsigned int i;

	/* One that leaves is folded as of then, but may have been read since. */
	for (i = 0; i < OSC_NR_FIELDS && !osc_nest_is_sealed(target); i++)
		target->shown[i] = max(target->shown[i], sums->fields[i]);
	memset(counts, 0, sizeof(*counts));
	osc_fields_to_counts(target->shown, counts);
	if (osc_epoll_has_callbacks())
		osc_counts_set(counts, OSC_EPOLL_CALLBACKS,
			       sums->epoll_callbacks);
	if (osc_epoll_has_wakeups())
		osc_counts_set(counts, OSC_EPOLL_WAKEUPS, sums->epoll_wakeups);
}

/* The leader may be another task since the last look: exec makes it one. */
static void refresh_root(struct osc_target *target,
			 enum osconcepts_target_state *state)
{
	struct osc_target *holder;
	struct task_struct *leader;

	rcu_read_lock();
	leader = pid_task(target->pid, PIDTYPE_TGID);
	/* Until it has been waited for nobody else is given its number. */
	*state = leader ? OSCONCEPTS_TARGET_STATE_LIVE :
			  OSCONCEPTS_TARGET_STATE_EXITED;
	/* One that has left, by raising its rights, shows its new name to nobody. */
	holder = osc_target_of_slot(osc_member_slot(target->tgid));
	if (leader && osc_nest_has(target, holder))
		strscpy(target->comm, leader->comm, TASK_COMM_LEN);
	rcu_read_unlock();
}

/**
 * osc_target_fill() - what is known of a target, as it stands
 * @target: the target
 * @ns: whose PIDs are shown, NULL for the initial namespace
 * @view: overwritten
 *
 * Context: under osc_targets_lock.
 */
void osc_target_fill(struct osc_target *target, struct pid_namespace *ns,
		     struct osc_target_view *view)
{
	struct osc_sums sums;

	view->id = target->id;
	view->pid = ns ? pid_nr_ns(target->pid, ns) : pid_nr(target->pid);
	view->flags = target->flags;
	view->owner = target->owner;
	refresh_root(target, &view->root_state);
	view->root_start_ns = target->root_start_ns;
	strscpy(view->comm, target->comm, sizeof(view->comm));
	view->state = target->exited ? OSCONCEPTS_TARGET_STATE_EXITED :
				       OSCONCEPTS_TARGET_STATE_LIVE;
	osc_nest_read(target, &sums, &view->tasks_live);
	read_counts(target, &sums, &view->counts);
	/* After those that are known: one in between is in either sum or both. */
	view->callbacks_unknown = osc_owner_unknown(target);
	view->tasks_exited = sums.tasks_exited;
	view->lost = sums.lost + (osc_epoll_gaps(false) - target->gaps);
	view->since_ns = target->since_ns;
	view->time_ns = ktime_get_boottime_ns();
}

/**
 * osc_target_read() - read a target
 * @target: the target
 * @reader: who asks
 * @view: overwritten
 *
 * Context: may sleep, under osc_targets_lock.
 */
void osc_target_read(struct osc_target *target, const struct osc_reader *reader,
		     struct osc_target_view *view)
{
	struct osc_target *at;

	osc_target_update(target);
	for (at = target; at; at = osc_nest_next(at, target)) {
		osc_owner_settle(at);
		osc_tasks_find_workers(at);
	}
	osc_target_fill(target, reader->pid_ns, view);
}

static bool may_see(const struct osc_reader *reader,
		    const struct osc_target *target)
{
	return osc_reader_may_see(reader, target->owner, target->privileged);
}

/**
 * osc_target_find() - the target that has an ID, if a reader may see it
 * @id: of the target
 * @reader: who asks
 *
 * Context: under osc_targets_lock.
 * Return: the target, or NULL: another user's is as if it were not there.
 */
struct osc_target *osc_target_find(u32 id, const struct osc_reader *reader)
{
	struct osc_target *target = xa_load(&osc_targets, id);

	if (target && may_see(reader, target))
		return target;
	return NULL;
}

/**
 * osc_target_get() - read a target
 * @id: of the target
 * @reader: who asks
 * @view: overwritten
 *
 * Context: may sleep.
 * Return: 0, or -ENOENT.
 */
int osc_target_get(u32 id, const struct osc_reader *reader,
		   struct osc_target_view *view)
{
	struct osc_target *target;

	osc_epoll_look();
	mutex_lock(&osc_targets_lock);
	target = osc_target_find(id, reader);
	if (target)
		osc_target_read(target, reader, view);
	mutex_unlock(&osc_targets_lock);
	return target ? 0 : -ENOENT;
}

static u32 greatest_id; /* that was ever used */

/**
 * osc_target_entered() - a target has got its ID
 * @id: of the target
 *
 * Context: under osc_targets_lock.
 */
void osc_target_entered(u32 id)
{
	greatest_id = max(greatest_id, id);
}

/* The first target from @id on that a reader may see. */
static struct osc_target *find_from(unsigned long id, u32 last,
				    const struct osc_reader *reader)
{
	struct osc_target *target;

	xa_for_each_range(&osc_targets, id, target, id, last) {
		if (may_see(reader, target))
			break;
	}
	return target;
}

/**
 * osc_target_last() - where a walk ends that begins now
 *
 * A walk that went on to those added meanwhile might not end while somebody
 * adds and removes.
 *
 * Context: may sleep.
 * Return: an ID that no target there is now exceeds; 0 before the first one.
 */
u32 osc_target_last(void)
{
	u32 last;

	mutex_lock(&osc_targets_lock);
	last = greatest_id;
	mutex_unlock(&osc_targets_lock);
	return last;
}

/**
 * osc_target_find_next() - walk the targets that a reader may see, unread
 * @id: where to begin; on success, of the target found
 * @last: where to end, from osc_target_last()
 * @reader: who asks
 *
 * Context: may sleep.
 * Return: false past the last one.
 */
bool osc_target_find_next(u32 *id, u32 last, const struct osc_reader *reader)
{
	struct osc_target *target;

	mutex_lock(&osc_targets_lock);
	target = find_from(*id, last, reader);
	if (target)
		*id = target->id;
	mutex_unlock(&osc_targets_lock);
	return target;
}

/**
 * osc_target_next() - walk the targets that a reader may see
 * @id: where to begin; on success, of the target found
 * @last: where to end, from osc_target_last()
 * @reader: who asks
 * @view: the first target from @id on
 *
 * Context: may sleep.
 * Return: false past the last one.
 */
bool osc_target_next(u32 *id, u32 last, const struct osc_reader *reader,
		     struct osc_target_view *view)
{
	struct osc_target *target;

	mutex_lock(&osc_targets_lock);
	target = find_from(*id, last, reader);
	if (target) {
		osc_target_read(target, reader, view);
		*id = target->id;
	}
	mutex_unlock(&osc_targets_lock);
	return target;
}

/**
 * osc_target_histogram() - read a histogram of a target or of the whole system
 * @id: of the target, 0 for the whole system
 * @reader: who asks
 * @histogram: an enum osc_histogram_name
 * @view: overwritten
 *
 * Context: may sleep.
 * Return: false when there is no such target, or nothing is timed for it.
 */
bool osc_target_histogram(u32 id, const struct osc_reader *reader,
			  unsigned int histogram,
			  struct osc_histogram_view *view)
{
	struct osc_target *target = NULL;
	bool found = false;

	mutex_lock(&osc_targets_lock);
	if (id)
		target = osc_target_find(id, reader);
	if (target || !id)
		found = osc_timing_read(target, histogram, view);
	mutex_unlock(&osc_targets_lock);
	return found;
}
