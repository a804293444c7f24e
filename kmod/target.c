// SPDX-License-Identifier: GPL-2.0
/*
 * target.c - adding, reading, removing targets.
 *
 * One mutex guards all of it; readers and writers both may sleep. The hooks
 * never take it: they find a target by its slot under RCU and hand it records
 * by a lock-free list. The hooks are attached while there is a target.
 */
#include <linux/cred.h>
#include <linux/irq_work.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "epoll.h"
#include "current.h"
#include "instance.h"
#include "layout.h"
#include "member.h"
#include "nest.h"
#include "netlink.h"
#include "owner.h"
#include "reader.h"
#include "slot.h"
#include "target.h"
#include "tasks.h"
#include "tree.h"

static unsigned int max_targets = 16384;
module_param(max_targets, uint, 0444);
MODULE_PARM_DESC(max_targets, "Most targets, up to 32767 (default: 16384)");

static unsigned int max_targets_user = 128;
module_param(max_targets_user, uint, 0444);
MODULE_PARM_DESC(max_targets_user, "Most targets of a user (default: 128)");

static unsigned int max_memory = 1 << 20;
module_param(max_memory, uint, 0444);
MODULE_PARM_DESC(max_memory,
		 "Most memory of targets, in KiB (default: 1048576)");

static unsigned int max_memory_user = 1 << 16;
module_param(max_memory_user, uint, 0444);
MODULE_PARM_DESC(max_memory_user,
		 "Most memory of a user's targets, in KiB (default: 65536)");

/* Long enough for an exiting task to make its last switch. */
#define SWEEP_DELAY msecs_to_jiffies(20)
#define SWEEP_DOUBLINGS 5

/* Guards targets, their records and histograms, and what is timed. */
DEFINE_MUTEX(osc_targets_lock);
DEFINE_XARRAY_ALLOC1(osc_targets); /* by id */
static u32 next_id;
static unsigned int nr_targets;
static u64 nr_refused; /* by the limits, since the module was loaded */
static unsigned int generation = 1;

DEFINE_STATIC_KEY_FALSE(osc_targets_exist);

static void sweep_work_func(struct work_struct *work);
static void refill_work_func(struct work_struct *work);
static void kick_func(struct irq_work *work);

static DECLARE_DELAYED_WORK(sweep_work, sweep_work_func);
static DECLARE_WORK(refill_work, refill_work_func);
static DEFINE_IRQ_WORK(kick_work, kick_func);

/* From an interrupt: a hook may not queue work, which takes locks. */
static void kick_func(struct irq_work *work)
{
	queue_work(system_highpri_wq, &refill_work);
	queue_delayed_work(system_wq, &sweep_work, SWEEP_DELAY);
}

/**
 * osc_target_kick() - have records folded and the pools refilled, soon
 * @refill: what the hooks take from is low; at once
 *
 * Context: any but NMI; takes no lock.
 */
void osc_target_kick(bool refill)
{
	if (refill || !delayed_work_pending(&sweep_work))
		irq_work_queue(&kick_work);
}

/* Once a callback has proven how it is attributed. */
static void settle_layout(void)
{
	struct osc_target *target;
	unsigned long id;

	if (!osc_layout_settle())
		return;
	xa_for_each(&osc_targets, id, target)
		set_bit(OSC_MARK_LATE, &target->marks);
}

static void refill_work_func(struct work_struct *work)
{
	mutex_lock(&osc_targets_lock);
	settle_layout();
	/* Without memory now, the hooks count what they cannot record. */
	if (nr_targets) {
		osc_record_pool_fill();
		osc_member_refill();
	}
	mutex_unlock(&osc_targets_lock);
}

/**
 * osc_target_of_slot() - the target that has a slot
 * @slot: less than osc_nr_slots
 *
 * Context: under osc_targets_lock.
 * Return: the target, or NULL.
 */
struct osc_target *osc_target_of_slot(u16 slot)
{
	return rcu_dereference_protected(osc_slots[slot],
					 lockdep_is_held(&osc_targets_lock));
}

/**
 * osc_targets_take() - take in what the hooks have handed over to any target
 *
 * Context: under osc_targets_lock.
 */
void osc_targets_take(void)
{
	struct osc_target *target;
	unsigned long id;

	xa_for_each(&osc_targets, id, target)
		osc_tasks_take(target);
}

/* Dumps look at it without the lock. */
static void next_generation(void)
{
	WRITE_ONCE(generation, generation + 1);
}

static void notify(u8 command, struct osc_target *target)
{
	struct osc_target_view view;

	osc_target_fill(target, NULL, &view);
	osc_netlink_notify(command, &view);
}

static void look_for_end(struct osc_target *target)
{
	if (target->exited || !osc_nest_has_ended(target))
		return;
	target->exited = true;
	next_generation();
	notify(OSCONCEPTS_CMD_TARGET_EXIT_NTF, target);
}

/**
 * osc_target_update() - fold what has ended; say so when the last task has
 * @target: the target; those inside it are updated with it
 *
 * Context: may sleep, under osc_targets_lock.
 * Return: true while a task of it is exiting.
 */
bool osc_target_update(struct osc_target *target)
{
	struct osc_target *at;
	bool exiting = false;

	for (at = target; at; at = osc_nest_next(at, target))
		exiting |= osc_tasks_sweep(at);
	for (at = target; at; at = osc_nest_next(at, target))
		look_for_end(at);
	/* Its last task may have been the last of those that hold it. */
	for (at = osc_nest_outer(target); at; at = osc_nest_outer(at))
		look_for_end(at);
	return exiting;
}

/*
 * A task may stay on its way out, in the flush of a file that does not end: the
 * longer nothing becomes final, the more seldom it is looked at.
 */
static void sweep_work_func(struct work_struct *work)
{
	static unsigned int doublings;
	bool again = false, any = false;
	struct osc_target *target;
	unsigned long id;
	u64 before;

	mutex_lock(&osc_targets_lock);
	xa_for_each(&osc_targets, id, target) {
		if (!atomic_xchg(&target->dirty, 0))
			continue;
		before = target->tasks_exited;
		if (osc_target_update(target)) {
			atomic_set(&target->dirty, 1);
			again = true;
		}
		any |= target->tasks_exited != before;
	}
	mutex_unlock(&osc_targets_lock);
	doublings = any || !again ? 0 : min(doublings + 1, SWEEP_DOUBLINGS);
	if (again)
		queue_delayed_work(system_wq, &sweep_work,
				   SWEEP_DELAY << doublings);
}

/* With the first target: the tables, the pools, the hooks. */
static int start(struct netlink_ext_ack *extack)
{
	int ret;

	ret = osc_instance_alloc();
	if (!ret)
		ret = osc_record_pool_fill();
	if (!ret)
		ret = osc_member_refill();
	if (ret) {
		NL_SET_ERR_MSG(extack, "no memory for the tables of targets");
		goto free;
	}
	ret = osc_tree_attach();
	if (ret) {
		NL_SET_ERR_MSG(extack,
			       "no tracepoints to follow processes with");
		ret = -EOPNOTSUPP;
		goto free;
	}
	static_branch_enable(&osc_targets_exist);
	return 0;

free:
	osc_member_reset();
	osc_record_pool_drain();
	osc_instance_free();
	return ret;
}

/* With the last one. */
static void stop(void)
{
	static_branch_disable(&osc_targets_exist);
	osc_tree_detach();
	/* The epoll hooks that passed the key before it went off. */
	synchronize_rcu();
	osc_member_reset();
	/* Slots are given out anew, and a task may still run that bears one. */
	osc_current_refresh();
	osc_slots_reset();
	osc_record_pool_drain();
	osc_instance_free();
}

static void free_target(struct osc_target *target)
{
	osc_tasks_drop_fresh(target);
	osc_timing_free(target);
	free_percpu(target->counts);
	put_pid(target->pid);
	kfree(target);
}

static void free_target_rcu(struct rcu_head *head)
{
	free_target(container_of(head, struct osc_target, rcu));
}

/* Out of the hooks' sight, without its records; freed when they are done. */
static void discard(struct osc_target *target)
{
	osc_nest_detach(target);
	if (target->slot) {
		osc_slot_retire(target->slot);
		osc_timing_retire(target->slot);
	}
	osc_owner_drop(target);
	osc_tasks_drop(target);
	call_rcu(&target->rcu, free_target_rcu);
	if (!--nr_targets)
		stop();
	else
		osc_owner_find_again();
}

static void remove(struct osc_target *target)
{
	xa_erase(&osc_targets, target->id);
	next_generation();
	notify(OSCONCEPTS_CMD_TARGET_DEL_NTF, target);
	discard(target);
}

static struct osc_target *create(const struct osc_target_request *request,
				 struct task_struct *root)
{
	struct osc_target *target;

	/* Charged to who adds it. */
	target = kzalloc(sizeof(*target), GFP_KERNEL_ACCOUNT);
	if (!target)
		return NULL;
	target->counts =
		alloc_percpu_gfp(struct osc_slot_counts, GFP_KERNEL_ACCOUNT);
	if (!target->counts || osc_timing_enter(target)) {
		osc_timing_free(target);
		free_percpu(target->counts);
		kfree(target);
		return NULL;
	}
	target->flags = request->flags;
	target->owner = request->reader->uid;
	target->privileged = request->reader->privileged;
	target->pid = get_task_pid(root, PIDTYPE_TGID);
	target->root_start_ns = root->start_boottime;
	target->tgid = root->tgid;
	target->net = request->net;
	target->portid = request->portid;
	target->since_ns = ktime_get_boottime_ns();
	target->gaps = osc_epoll_gaps(true);
	INIT_LIST_HEAD(&target->claims);
	init_llist_head(&target->fresh);
	INIT_LIST_HEAD(&target->tasks);
	INIT_LIST_HEAD(&target->inner);
	INIT_LIST_HEAD(&target->in_outer);
	return target;
}

static unsigned int count_of_user(kuid_t uid)
{
	struct osc_target *target;
	unsigned int count = 0;
	unsigned long id;

	xa_for_each(&osc_targets, id, target)
		count += uid_eq(target->owner, uid);
	return count;
}

/*
 * Whether so many targets are within so many KiB, with so much more for each on
 * each CPU. Without their tasks' records: of these there are no more than tasks.
 */
static bool is_within(unsigned int targets, size_t more, unsigned int kib)
{
	size_t per_cpu =
		sizeof(struct osc_slot_counts) + osc_timing_bytes() + more;
	u64 each =
		sizeof(struct osc_target) + (u64)num_possible_cpus() * per_cpu;

	return targets * each <= (u64)kib << 10;
}

/**
 * osc_targets_may_grow() - whether the limit on memory leaves room
 * @more: bytes for each target on each CPU
 *
 * Context: under the lock of target.c.
 * Return: whether all targets may have so much more.
 */
bool osc_targets_may_grow(size_t more)
{
	return is_within(nr_targets, more, max_memory);
}

static int check_limits(const struct osc_reader *reader,
			struct netlink_ext_ack *extack)
{
	unsigned int of_user = 0;

	if (!reader->privileged)
		of_user = count_of_user(reader->uid);
	if (nr_targets >= max_targets)
		NL_SET_ERR_MSG(extack, "max_targets targets exist already");
	else if (!is_within(nr_targets + 1, 0, max_memory))
		NL_SET_ERR_MSG(extack, "the targets take max_memory already");
	else if (!reader->privileged && of_user >= max_targets_user)
		NL_SET_ERR_MSG(extack,
			       "this user has max_targets_user targets");
	else if (!reader->privileged &&
		 !is_within(of_user + 1, 0, max_memory_user))
		NL_SET_ERR_MSG(extack,
			       "this user's targets take max_memory_user");
	else
		return 0;
	nr_refused++;
	return -ENOSPC;
}

/* Refused for another target, whose ID is for those who may see it. */
static int refuse(const struct osc_reader *reader,
		  const struct osc_target *in_the_way,
		  struct netlink_ext_ack *extack)
{
	if (!osc_reader_may_see(reader, in_the_way->owner,
				in_the_way->privileged)) {
		NL_SET_ERR_MSG(extack,
			       "another user's target has part of the tree");
		return -EBUSY;
	}
	NL_SET_ERR_MSG(extack,
		       "a target that excludes this one has part of the tree");
	if (extack) {
		BUILD_BUG_ON(sizeof(in_the_way->id) > sizeof(extack->cookie));
		memcpy(extack->cookie, &in_the_way->id, sizeof(in_the_way->id));
		extack->cookie_len = sizeof(in_the_way->id);
	}
	return -EBUSY;
}

static int enter_tree(struct osc_target *target, struct task_struct *root,
		      const struct osc_reader *reader,
		      struct netlink_ext_ack *extack)
{
	struct osc_target *in_the_way, *inner, *holder;
	int ret;

	/* By the table: a record may still be on its way from a hook. */
	holder = osc_target_of_slot(osc_member_slot(root->tgid));
	ret = osc_nest_place(target, holder, &inner, &in_the_way);
	if (ret == -ENOSPC) {
		nr_refused++;
		NL_SET_ERR_MSG(extack, "too many targets have this process");
	}
	if (ret == -EBUSY)
		return refuse(reader, in_the_way, extack);
	if (ret)
		return ret;
	target->slot = osc_slot_take();
	if (!target->slot) {
		nr_refused++;
		NL_SET_ERR_MSG(extack, "all slots for targets are in use");
		return -ENOSPC;
	}
	osc_timing_publish(target->slot, target);
	osc_slot_publish(target->slot, target);
	if (inner)
		ret = osc_nest_attach(inner, target);
	if (!ret)
		ret = osc_tree_enter(target, root, &in_the_way);
	return ret == -EBUSY ? refuse(reader, in_the_way, extack) : ret;
}

/* Under the lock, with the hooks attached. */
static int enter(struct osc_target *target, struct task_struct *root,
		 const struct osc_reader *reader,
		 struct netlink_ext_ack *extack)
{
	int ret;

	ret = enter_tree(target, root, reader, extack);
	if (!ret)
		ret = xa_alloc_cyclic(&osc_targets, &target->id, target,
				      XA_LIMIT(1, U32_MAX - 1), &next_id,
				      GFP_KERNEL);
	if (ret == -ENOMEM)
		NL_SET_ERR_MSG(extack, "no memory to record the tasks");
	else if (ret == -EPERM)
		NL_SET_ERR_MSG(extack,
			       "the process has just raised its rights");
	else if (ret == -ESRCH)
		NL_SET_ERR_MSG(extack, "the process has ended already");
	if (ret < 0)
		return ret;
	osc_owner_find(target);
	osc_target_entered(target->id);
	return 0;
}

static int add_locked(const struct osc_target_request *request,
		      struct task_struct *root, struct osc_target_view *view,
		      struct netlink_ext_ack *extack)
{
	struct osc_target *target;
	int ret;

	ret = check_limits(request->reader, extack);
	if (ret)
		return ret;
	target = create(request, root);
	if (!target) {
		NL_SET_ERR_MSG(extack, "no memory for a target");
		return -ENOMEM;
	}
	if (!nr_targets)
		ret = start(extack);
	if (ret) {
		free_target(target);
		return ret;
	}
	nr_targets++;
	ret = enter(target, root, request->reader, extack);
	if (ret) {
		discard(target);
		return ret;
	}
	/* Those that run now, without a switch on the way. */
	osc_current_refresh();
	next_generation();
	notify(OSCONCEPTS_CMD_TARGET_ADD_NTF, target);
	osc_target_read(target, request->reader, view);
	return 0;
}

/**
 * osc_target_add() - watch a process and, unless told otherwise, what it forks
 * @request: what to watch, and for whom
 * @view: the new target
 * @extack: why not
 *
 * Context: may sleep.
 * Return: 0; -ESRCH, -EINVAL, -EPERM, -EBUSY with the ID of the target that is
 * in the way as the cookie of @extack, -ENOSPC, -ENOMEM, -EOPNOTSUPP;
 * -EAGAIN when processes under it ended or raised their rights each time it was
 * tried, or when its own birth is not over.
 */
int osc_target_add(const struct osc_target_request *request,
		   struct osc_target_view *view, struct netlink_ext_ack *extack)
{
	struct task_struct *root;
	int ret, tries = 10;

	do {
		/* Why the try before has failed is no matter. */
		if (extack)
			extack->_msg = NULL;
		ret = osc_reader_find_process(request->reader, request->pid,
					      &root, extack);
		if (ret)
			return ret;
		mutex_lock(&osc_targets_lock);
		ret = add_locked(request, root, view, extack);
		mutex_unlock(&osc_targets_lock);
		put_task_struct(root);
		/*
		 * Gone, or another thread has become its leader by an exec; or
		 * a program raised its rights while it was being entered.
		 */
	} while ((ret == -ESRCH || ret == -ESTALE) && --tries);
	if (ret != -ESTALE)
		return ret;
	NL_SET_ERR_MSG(extack,
		       "its processes end or raise their rights all the time");
	return -EAGAIN;
}

/**
 * osc_target_del() - stop watching
 * @id: of the target
 * @reader: who asks
 * @view: its last counts
 *
 * Context: may sleep.
 * Return: 0, or -ENOENT.
 */
int osc_target_del(u32 id, const struct osc_reader *reader,
		   struct osc_target_view *view)
{
	struct osc_target *target;

	osc_epoll_look();
	mutex_lock(&osc_targets_lock);
	target = osc_target_find(id, reader);
	if (target) {
		osc_target_read(target, reader, view);
		remove(target);
	}
	mutex_unlock(&osc_targets_lock);
	return target ? 0 : -ENOENT;
}

/**
 * osc_targets_count() - how many targets there are
 * @now: set to their number
 * @refused: set to how many were refused by the limits
 *
 * Context: may sleep.
 */
void osc_targets_count(u64 *now, u64 *refused)
{
	mutex_lock(&osc_targets_lock);
	*now = nr_targets;
	*refused = nr_refused;
	mutex_unlock(&osc_targets_lock);
}

/**
 * osc_target_generation() - changes whenever a target comes, ends or goes
 *
 * Return: never 0.
 */
unsigned int osc_target_generation(void)
{
	return READ_ONCE(generation) ?: 1;
}

/**
 * osc_target_unbind() - remove what was bound to a socket that closes
 * @net: the socket's
 * @portid: the socket's
 *
 * Context: may sleep.
 */
void osc_target_unbind(const struct net *net, u32 portid)
{
	struct osc_target *target;
	unsigned long id;

	/* Every socket of the kind passes here; most have none. */
	if (!READ_ONCE(nr_targets))
		return;
	mutex_lock(&osc_targets_lock);
	xa_for_each(&osc_targets, id, target) {
		if ((target->flags & OSCONCEPTS_TARGET_FLAGS_BOUND) &&
		    target->portid == portid && target->net == net)
			remove(target);
	}
	mutex_unlock(&osc_targets_lock);
}

/**
 * osc_target_init() - get ready for targets
 *
 * Return: 0 or -ENOMEM.
 */
int osc_target_init(void)
{
	int ret;

	max_targets = clamp(max_targets, 1U, (unsigned int)U16_MAX / 2);
	osc_instance_init();
	osc_layout_init();
	osc_member_init();
	ret = osc_record_init();
	if (ret)
		return ret;
	ret = osc_slots_init(max_targets);
	if (ret)
		osc_record_exit();
	return ret;
}

/**
 * osc_target_exit() - remove what is left and wait for whoever still uses it
 *
 * Context: may sleep; no surface is open any more.
 */
void osc_target_exit(void)
{
	struct osc_target *target;
	unsigned long id;

	mutex_lock(&osc_targets_lock);
	/* None hands over what it has: all go. */
	xa_for_each(&osc_targets, id, target) {
		RCU_INIT_POINTER(target->outer, NULL);
		list_del_init(&target->in_outer);
	}
	xa_for_each(&osc_targets, id, target) {
		xa_erase(&osc_targets, id);
		discard(target);
	}
	mutex_unlock(&osc_targets_lock);
	irq_work_sync(&kick_work);
	cancel_work_sync(&refill_work);
	cancel_delayed_work_sync(&sweep_work);
	/* The targets' own callbacks, which free records. */
	rcu_barrier();
	osc_slots_exit();
	osc_record_exit();
	xa_destroy(&osc_targets);
}
