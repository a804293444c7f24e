// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>
#include <net/sock.h>

#include "compat.h"
#include "reader.h"

/**
 * osc_reader_of_file() - the opener of a file in /proc
 * @file: open
 * @reader: overwritten
 *
 * The opener's rights count, not those of the process that happens to read:
 * a privileged program may have been handed the descriptor.
 */
void osc_reader_of_file(const struct file *file, struct osc_reader *reader)
{
	reader->uid = file->f_cred->euid;
	reader->privileged =
		file_ns_capable(file, &init_user_ns, CAP_PERFMON) ||
		file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
	reader->pid_ns = proc_pid_ns(file_inode(file)->i_sb);
}

/**
 * osc_reader_of_message() - the sender of a netlink message
 * @skb: the message, in the sender's own context
 * @reader: overwritten
 *
 * Both the opener of the socket and the sender must have a right, or a
 * privileged program could be made to write to a socket that it was handed.
 */
void osc_reader_of_message(const struct sk_buff *skb, struct osc_reader *reader)
{
	const struct sock *sk = NETLINK_CB(skb).sk;

	reader->uid = uid_eq(sk->sk_uid, current_euid()) ? current_euid() :
							   INVALID_UID;
	reader->privileged = netlink_capable(skb, CAP_PERFMON) ||
			     netlink_capable(skb, CAP_SYS_ADMIN);
	reader->pid_ns = task_active_pid_ns(current);
}

/**
 * osc_reader_may_see() - whether a reader may see and remove a target
 * @reader: who asks
 * @owner: the user who added the target
 * @privileged: that was done with a capability, so it may watch what the user
 *	without it may not
 *
 * Return: true when it may.
 */
bool osc_reader_may_see(const struct osc_reader *reader, kuid_t owner,
			bool privileged)
{
	return reader->privileged || (!privileged && uid_valid(reader->uid) &&
				      uid_eq(reader->uid, owner));
}

static bool is_all_of(kuid_t uid, const struct task_struct *task)
{
	const struct cred *cred;
	bool all;

	rcu_read_lock();
	cred = __task_cred(task);
	all = uid_eq(cred->uid, uid) && uid_eq(cred->euid, uid) &&
	      uid_eq(cred->suid, uid);
	rcu_read_unlock();
	return all;
}

/**
 * osc_owner_may_watch_current() - whether the running task is its owner's
 * @owner: an unprivileged user
 *
 * As osc_owner_may_watch() has it, but without a lock, for the exec hook.
 *
 * Context: the task itself, after an exec.
 * Return: true when it is.
 */
bool osc_owner_may_watch_current(kuid_t owner)
{
	return is_all_of(owner, current) && osc_current_is_dumpable();
}

/* A leader that has ended, or gives way to an exec, has no memory: others have. */
static bool is_dumpable(struct task_struct *leader)
{
	bool dumpable = false, found = false;
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(leader, thread) {
		found = osc_is_dumpable(thread, &dumpable);
		if (found)
			break;
	}
	rcu_read_unlock();
	return dumpable;
}

/**
 * osc_owner_may_watch() - whether a process is its owner's to watch
 * @owner: an unprivileged user
 * @task: of the process
 *
 * Every user ID is the owner's, and no program that raised its rights or hides
 * its memory has been started since.
 *
 * Context: any that may take task_lock().
 * Return: true when it is.
 */
bool osc_owner_may_watch(kuid_t owner, struct task_struct *task)
{
	return is_all_of(owner, task) && is_dumpable(task);
}

static bool may_watch(const struct osc_reader *reader, struct task_struct *task)
{
	return reader->privileged || (uid_valid(reader->uid) &&
				      osc_owner_may_watch(reader->uid, task));
}

/*
 * A PID is there to be found before the fork is over, and the hook would take
 * the child for a process without a target. It is over soon, but where the
 * parent sleeps on its way out, on a page of its own that does not come.
 */
static int wait_for_birth(const struct task_struct *task)
{
	int looks = 100;

	/* Pairs with wake_up_new_task(), which follows the hook. */
	while (smp_load_acquire(&task->__state) & TASK_NEW) {
		if (!looks-- || fatal_signal_pending(current))
			return -EAGAIN;
		usleep_range(100, 200);
	}
	return 0;
}

/**
 * osc_reader_find_process() - find a process that a reader may watch
 * @reader: who asks
 * @nr: its PID in the reader's namespace
 * @process: set to it, with a reference for the caller to put
 * @extack: why not
 *
 * Context: may sleep.
 * Return: 0, -ESRCH, -EINVAL for what is no process, -EPERM, or -EAGAIN for a
 * child whose fork is not over.
 */
int osc_reader_find_process(const struct osc_reader *reader, u32 nr,
			    struct task_struct **process,
			    struct netlink_ext_ack *extack)
{
	struct task_struct *task;
	bool is_thread = false;
	struct pid *pid;
	int ret = -ESRCH;

	rcu_read_lock();
	pid = find_pid_ns(nr, reader->pid_ns);
	task = pid_task(pid, PIDTYPE_TGID);
	if (task)
		get_task_struct(task);
	else
		is_thread = pid_task(pid, PIDTYPE_PID);
	rcu_read_unlock();

	if (is_thread) {
		NL_SET_ERR_MSG(extack,
			       "a thread's ID; give that of its process");
		return -EINVAL;
	}
	if (!task) {
		NL_SET_ERR_MSG(extack, "no process has this PID");
		return -ESRCH;
	}
	if (READ_ONCE(task->flags) & PF_KTHREAD) {
		NL_SET_ERR_MSG(extack, "kernel threads cannot be watched");
		ret = -EINVAL;
	} else if (!atomic_read(&task->signal->live)) {
		NL_SET_ERR_MSG(extack, "the process has ended already");
	} else if (!may_watch(reader, task)) {
		NL_SET_ERR_MSG(extack, "not your process; needs CAP_PERFMON");
		ret = -EPERM;
	} else if (wait_for_birth(task)) {
		NL_SET_ERR_MSG(extack, "its fork is not over yet; try again");
		ret = -EAGAIN;
	} else {
		*process = task;
		return 0;
	}
	put_task_struct(task);
	return ret;
}
