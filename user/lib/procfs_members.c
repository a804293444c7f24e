// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/procfs_members.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

struct process {
	pid_t pid, ppid;
	bool member;
	bool visited;
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
	all->p[all->n++] = (struct process){ pid, ppid, member, false };
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

static int list_processes(struct processes *all, size_t most,
			  osc_procfs_is_known *is_known, const void *arg)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		ret = most && all->n == most ?
			      -E2BIG :
			      consider(all, atoi(entry->d_name), is_known, arg);
	}
	closedir(dir);
	return ret;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

static struct process *parent(const struct processes *all,
			      const struct process *p)
{
	const struct process wanted = { .pid = p->ppid };

	return bsearch(&wanted, all->p, all->n, sizeof(wanted), by_pid);
}

/*
 * Up from each process to one that is a member, or is known not to be one. None
 * is visited more than twice: a machine may have very many.
 */
static void spread(struct processes *all)
{
	if (all->n)
		qsort(all->p, all->n, sizeof(*all->p), by_pid);
	for (size_t i = 0; i < all->n; i++) {
		struct process *first = &all->p[i], *last = first;

		/* Read at different times, parents may form a ring. */
		while (last && !last->member && !last->visited) {
			last->visited = true;
			last = parent(all, last);
		}
		if (!last || !last->member)
			continue;
		for (struct process *p = first; p != last; p = parent(all, p))
			p->member = true;
	}
}

int osc_procfs_members(pid_t only, osc_procfs_is_known *is_known,
		       const void *arg, struct osc_procfs_tasks *tasks)
{
	struct processes all = { 0 };
	int ret = only ? consider(&all, only, is_known, arg) :
			 list_processes(&all, tasks->most, is_known, arg);

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
