// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/procfs_members.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

struct process {
	pid_t pid, ppid;
	bool member;
};

struct processes {
	struct process *p;
	size_t n, room;
};

static int add_process(struct processes *all, pid_t pid, pid_t ppid,
		       bool member)
{
	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 256;
		struct process *more =
			reallocarray(all->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->p = more;
		all->room = room;
	}
	all->p[all->n++] = (struct process){ pid, ppid, member };
	return 0;
}

static int consider(struct processes *all, pid_t pid,
		    osc_procfs_is_known *is_known, const void *arg)
{
	struct osc_procfs_task leader;
	int ret = osc_procfs_leader(pid, &leader);

	if (ret)
		return ret == -ESRCH ? 0 : ret;
	return add_process(all, pid, leader.ppid, is_known(&leader, arg));
}

static int list_processes(struct processes *all, osc_procfs_is_known *is_known,
			  const void *arg)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = consider(all, atoi(entry->d_name), is_known, arg);
	}
	closedir(dir);
	return ret;
}

static bool parent_is_member(const struct processes *all, pid_t ppid)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->p[i].pid == ppid)
			return all->p[i].member;
	}
	return false;
}

/* Until nothing changes: a child may be listed before its parent. */
static void spread(struct processes *all)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < all->n; i++) {
			struct process *p = &all->p[i];

			if (!p->member && parent_is_member(all, p->ppid))
				p->member = changed = true;
		}
	}
}

int osc_procfs_members(pid_t only, osc_procfs_is_known *is_known,
		       const void *arg, struct osc_procfs_tasks *tasks)
{
	struct processes all = { 0 };
	int ret = only ? consider(&all, only, is_known, arg) :
			 list_processes(&all, is_known, arg);

	if (!ret)
		spread(&all);
	for (size_t i = 0; !ret && i < all.n; i++) {
		if (!all.p[i].member)
			continue;
		ret = osc_procfs_threads(all.p[i].pid, tasks);
		if (ret == -ESRCH)
			ret = 0;
	}
	free(all.p);
	return ret;
}
