// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * procfs_targets.c - process trees watched by looking at /proc now and then.
 *
 * Each look lists every task of the tree. A task seen before goes on from its
 * base (what it had done when the watch began); one that is gone is folded in
 * as it was last seen, and counted in `lost` unless it was seen ended: what it
 * did since that look, and what it started, is not known.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/error.h"
#include "lib/procfs.h"

struct record {
	struct osc_procfs_task task; /* as last seen */
	struct osc_counts base;
	bool final; /* it was seen ended */
};

struct tree {
	uint32_t id;
	pid_t root;
	unsigned int flags;
	uint64_t since_ticks;
	bool begun; /* the root was found: its number may be another's later */
	struct record *record; /* sorted by tid and start */
	size_t n;
	struct osc_counts gone; /* of tasks that are no longer there */
	struct osc_counts shown; /* the last reading: none may be less */
	struct tree *next;
};

struct targets {
	struct tree *trees;
	uint32_t last_id;
};

static bool is_leader(const struct osc_procfs_task *task)
{
	return task->tid == task->pid;
}

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

/* Sorted by number and, for numbers used twice, by start. */
static int order(const struct osc_procfs_task *a,
		 const struct osc_procfs_task *b)
{
	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	if (a->start_ticks != b->start_ticks)
		return a->start_ticks < b->start_ticks ? -1 : 1;
	return 0;
}

static int compare_records(const void *a, const void *b)
{
	return order(&((const struct record *)a)->task,
		     &((const struct record *)b)->task);
}

static struct record *find(const struct record *records, size_t n,
			   const struct osc_procfs_task *task)
{
	struct record key = { .task = *task };

	return n ? bsearch(&key, records, n, sizeof(key), compare_records) :
		   NULL;
}

/*
 * Adds a process. Known ones are members by their records, not by their
 * parents: a member stays one when its parent ends and it is handed to
 * another, and a stranger that was given the same number is none.
 */
static int consider(const struct tree *t, struct processes *all, pid_t pid)
{
	struct osc_procfs_task leader;
	int ret = osc_procfs_leader(pid, &leader);

	if (ret)
		return ret == -ESRCH ? 0 : ret;
	return add_process(all, pid, leader.ppid,
			   t->begun ? !!find(t->record, t->n, &leader) :
				      pid == t->root);
}

static int list_processes(const struct tree *t, struct processes *all)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	if (t->flags & OSC_WATCH_NO_FOLLOW)
		return consider(t, all, t->root);
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = consider(t, all, atoi(entry->d_name));
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

static int look(const struct tree *t, struct osc_procfs_tasks *tasks)
{
	struct processes all = { 0 };
	int ret = list_processes(t, &all);

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

/*
 * A leader that ended before its threads still gathers their faults: it is
 * final only when it is the last.
 */
static void unfinish_leaders(struct record *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record *leader = &r[i];

		if (!is_leader(&leader->task) || !leader->final)
			continue;
		for (size_t k = 0; k < n && leader->final; k++) {
			if (k != i && r[k].task.pid == leader->task.pid)
				leader->final = false;
		}
	}
}

static int make_records(const struct tree *t, struct record **out, size_t *n)
{
	struct osc_procfs_tasks tasks = { 0 };
	struct record *r = NULL;
	int ret = look(t, &tasks);

	if (!ret) {
		r = calloc(tasks.n + 1, sizeof(*r));
		if (!r)
			ret = -ENOMEM;
	}
	for (size_t i = 0; !ret && i < tasks.n; i++) {
		r[i].task = tasks.task[i];
		r[i].final = tasks.task[i].state == 'Z';
	}
	*n = tasks.n;
	free(tasks.task);
	if (ret)
		return ret;
	unfinish_leaders(r, *n);
	qsort(r, *n, sizeof(*r), compare_records);
	*out = r;
	return 0;
}

static void fold(struct tree *t, const struct record *r)
{
	struct osc_counts did;

	osc_counts_since(&r->task.counts, &r->base, &did);
	osc_counts_add(&t->gone, &did);
	t->gone.tasks_exited++;
	t->gone.lost += !r->final;
}

/* Where a task that was not there before begins. */
static struct osc_counts base_of(const struct tree *t, const struct record *r)
{
	struct osc_counts zero = { .present = r->task.counts.present };

	/* Ours from its birth, or an older one that came to us. */
	return r->task.start_ticks >= t->since_ticks && t->n ? zero :
							       r->task.counts;
}

/* Whether `parent` had a child that was never seen, or not to its end. */
static bool missed_children(const struct tree *t, const struct record *now,
			    size_t n, const struct osc_procfs_task *parent,
			    uint64_t reaped_before)
{
	uint64_t known = reaped_before;

	for (size_t i = 0; i < t->n; i++) {
		const struct osc_procfs_task *child = &t->record[i].task;

		if (!is_leader(child) || child->ppid != parent->pid ||
		    find(now, n, child))
			continue;
		/* That one is marked already. */
		if (!t->record[i].final)
			return false;
		known += child->counts.value[OSC_FAULTS_MINOR] +
			 child->reaped_minor;
	}
	/* No process lives without a fault: what came and went unseen shows
	 * in the faults that its parent inherited.
	 */
	return parent->reaped_minor > known;
}

static int update(struct tree *t)
{
	struct record *now;
	size_t n;
	int ret = make_records(t, &now, &n);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		const struct record *old = find(t->record, t->n, &now[i].task);

		now[i].base = old ? old->base : base_of(t, &now[i]);
		if (t->n && is_leader(&now[i].task) &&
		    missed_children(t, now, n, &now[i].task,
				    old ? old->task.reaped_minor : 0))
			t->gone.lost++;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct record *r = &t->record[i];

		if (!find(now, n, &r->task))
			fold(t, r);
	}
	free(t->record);
	t->record = now;
	t->n = n;
	t->begun = true;
	return 0;
}

static void sum(struct tree *t)
{
	struct osc_counts total = t->gone;

	for (size_t i = 0; i < t->n; i++) {
		const struct record *r = &t->record[i];
		struct osc_counts did;

		osc_counts_since(&r->task.counts, &r->base, &did);
		osc_counts_add(&total, &did);
		if (r->task.state == 'Z')
			total.tasks_exited++;
		else
			total.tasks_live++;
	}
	/* exec by a thread hands its books to the leader's number: what the
	 * leader did before is then no longer to be seen, but it happened.
	 */
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		if (total.value[i] < t->shown.value[i])
			total.value[i] = t->shown.value[i];
	}
	total.backend = OSC_BACKEND_PROCFS;
	osc_counts_missed(&total, total.lost);
	total.time_ns = osc_clock_ns();
	t->shown = total;
}

static uint64_t boot_ticks(void)
{
	struct timespec ts;
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * hz +
	       (uint64_t)ts.tv_nsec * hz / OSC_NS_PER_S;
}

static int procfs_open(void **state, struct osc_error *e)
{
	*state = calloc(1, sizeof(struct targets));
	if (!*state)
		return osc_error_set(e, ENOMEM,
				     "cannot read /proc: out of memory");
	return 0;
}

static void free_tree(struct tree *t)
{
	free(t->record);
	free(t);
}

static void procfs_close(void *state)
{
	struct targets *all = state;

	while (all->trees) {
		struct tree *t = all->trees;

		all->trees = t->next;
		free_tree(t);
	}
	free(all);
}

static int procfs_totals(void *state, struct osc_counts *out,
			 struct osc_error *e)
{
	(void)state;
	return osc_procfs_totals(out, e);
}

static int procfs_watch(void *state, pid_t pid, unsigned int flags,
			uint32_t *id, struct osc_error *e)
{
	struct targets *all = state;
	struct tree *t = calloc(1, sizeof(*t));
	int ret = -ENOMEM;

	if (t) {
		t->root = pid;
		t->flags = flags;
		t->since_ticks = boot_ticks();
		ret = update(t);
	}
	if (!ret && !t->n)
		ret = -ESRCH;
	if (ret) {
		if (t)
			free_tree(t);
		return osc_error_set(e, -ret, "cannot watch process %d: %s%s",
				     (int)pid, strerror(-ret),
				     ret == -ESRCH ? "; try ps -e" : "");
	}
	sum(t);
	t->id = ++all->last_id;
	t->next = all->trees;
	all->trees = t;
	*id = t->id;
	return 0;
}

static struct tree **lookup(struct targets *all, uint32_t id)
{
	struct tree **t = &all->trees;

	while (*t && (*t)->id != id)
		t = &(*t)->next;
	return t;
}

static int no_target(uint32_t id, struct osc_error *e)
{
	return osc_error_set(e, ENOENT, "cannot read target %u: there is none",
			     id);
}

static int procfs_read(void *state, uint32_t id, struct osc_counts *out,
		       struct osc_error *e)
{
	struct tree *t = *lookup(state, id);
	int ret;

	if (!t)
		return no_target(id, e);
	ret = update(t);
	if (ret)
		return osc_error_set(e, -ret, "cannot read target %u: %s", id,
				     strerror(-ret));
	sum(t);
	*out = t->shown;
	return 0;
}

static int procfs_unwatch(void *state, uint32_t id, struct osc_error *e)
{
	struct tree **t = lookup(state, id), *gone = *t;

	if (!gone)
		return no_target(id, e);
	*t = gone->next;
	free_tree(gone);
	return 0;
}

const struct osc_counters_ops osc_procfs_ops = {
	.name = "procfs",
	.open = procfs_open,
	.close = procfs_close,
	.totals = procfs_totals,
	.watch = procfs_watch,
	.read = procfs_read,
	.unwatch = procfs_unwatch,
};
