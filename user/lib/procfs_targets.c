// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * procfs_targets.c - process trees watched by looking at /proc now and then.
 *
 * Each look lists every task of the tree. A task seen before goes on from its
 * base (what it had done when the watch began); one that is gone is folded in
 * as it was last seen, and counted in `lost` unless it was seen ended: what it
 * did since that look, and what it started, is not known.
 *
 * A process inherits the faults and the CPU time of the children that it waits
 * for, and of theirs: what exceeds that which was seen of them is added. What a
 * child did whose parent never waits, and switches, nobody inherits. Whether a
 * task came and went unseen is in doubt after each look, unless the kernel's
 * count of all tasks ever made rose only by those that are there.
 */
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
#include "lib/procfs_members.h"

/* Of children that have ended, and of theirs. */
struct inherited {
	uint64_t minor, major, cpu_ns;
};

struct record {
	struct osc_procfs_task task; /* as last seen */
	struct osc_counts base;
	bool final; /* it was seen ended */
	/* Of a leader: */
	struct osc_procfs_reaped reaped_base;
	bool since_birth; /* the base is nothing */
	struct inherited known; /* what children were seen to do that ended */
	struct inherited unseen; /* what it inherited besides */
	bool missed_child; /* one of this look that is in `lost` */
};

struct tree {
	uint32_t id;
	pid_t root;
	unsigned int flags;
	uint64_t since_ticks;
	bool begun; /* the root was found: its number may be another's later */
	struct record *record; /* sorted by tid and start */
	size_t n;
	uint64_t forks; /* tasks made in the whole system, at the last look */
	bool forks_known;
	bool children_discarded; /* by one that was seen */
	uint64_t unproved; /* looks after which some may have been missed */
	struct osc_counts gone; /* of tasks that are no longer there */
	struct osc_counts shown; /* the last reading: none may be less */
	struct tree *next;
};

struct targets {
	struct tree *trees;
	uint32_t last_id;
	size_t most; /* tasks that a reading looks at; 0: no limit */
};

static uint64_t tick_ns(void)
{
	return OSC_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t boot_ticks(void)
{
	struct timespec ts;
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * hz +
	       (uint64_t)ts.tv_nsec * hz / OSC_NS_PER_S;
}

static bool is_leader(const struct osc_procfs_task *task)
{
	return task->tid == task->pid;
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

/* Within the tick of the watch only the number tells what began before the root. */
static bool is_younger(const struct osc_procfs_task *task, const struct tree *t)
{
	return task->start_ticks > t->since_ticks ||
	       (task->start_ticks == t->since_ticks && task->pid > t->root);
}

/*
 * Known processes are members by their records, not by their parents: a member
 * stays one when its parent ends and it is handed to another, and a stranger
 * that was given the same number is none.
 */
static bool is_known(const struct osc_procfs_task *leader, const void *tree)
{
	const struct tree *t = tree;

	if (!t->begun)
		return leader->pid == t->root;
	return find(t->record, t->n, leader) ||
	       ((t->flags & OSC_WATCH_ORPHANS) && leader->ppid == getpid() &&
		is_younger(leader, t));
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

static int make_records(const struct tree *t, size_t most, struct record **out,
			size_t *n)
{
	struct osc_procfs_tasks tasks = { .most = most };
	struct record *r = NULL;
	int ret =
		osc_procfs_members(t->flags & OSC_WATCH_NO_FOLLOW ? t->root : 0,
				   is_known, t, &tasks);

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

static const enum osc_counter switches[] = {
	OSC_SWITCHES,
	OSC_SWITCHES_VOLUNTARY,
	OSC_SWITCHES_INVOLUNTARY,
	OSC_RUN_DELAY_NS,
};

/* What no process inherits or keeps of the threads that it had. */
static void lose_switches(struct tree *t)
{
	t->gone.lost++;
	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		t->gone.missed[switches[i]]++;
}

static void add_inherited(struct osc_counts *c, const struct inherited *from)
{
	c->value[OSC_FAULTS_MINOR] += from->minor;
	c->value[OSC_FAULTS_MAJOR] += from->major;
	c->value[OSC_CPU_NS] += from->cpu_ns;
}

/* process_lives: what a thread did is in the faults and times of its leader. */
static void fold(struct tree *t, const struct record *r, bool process_lives)
{
	struct osc_counts did;

	osc_counts_since(&r->task.counts, &r->base, &did);
	add_inherited(&did, &r->unseen);
	osc_counts_add(&t->gone, &did);
	t->gone.tasks_exited++;
	if (r->final)
		return;
	lose_switches(t);
	if (!process_lives) {
		t->gone.missed[OSC_FAULTS_MINOR]++;
		t->gone.missed[OSC_FAULTS_MAJOR]++;
		t->gone.missed[OSC_CPU_NS]++;
	}
}

/* Where a task that was not there before begins. */
static void set_base(const struct tree *t, struct record *r)
{
	/* Ours from its birth, or an older one that came to us. */
	r->since_birth = t->begun && r->task.start_ticks >= t->since_ticks;
	r->base = r->since_birth ?
			  (struct osc_counts){
				  .present = r->task.counts.present,
			  } :
			  r->task.counts;
	r->reaped_base = r->since_birth ? (struct osc_procfs_reaped){ 0 } :
					  r->task.reaped;
}

static struct record *find_leader(struct record *records, size_t n, pid_t pid)
{
	size_t low = 0, high = n;

	/* Numbers used twice lie side by side: the first of them. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (records[middle].task.tid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && records[low].task.tid == pid &&
			       is_leader(&records[low].task) ?
		       &records[low] :
		       NULL;
}

/*
 * Who inherits from a process that is gone: its parent as last seen, or the
 * next one up that is still there.
 */
static struct record *heir(const struct tree *t, struct record *now, size_t n,
			   const struct record *gone)
{
	/* No deeper than there are tasks: numbers used twice make rings. */
	for (size_t depth = 0; gone && depth <= t->n; depth++) {
		pid_t parent = gone->task.ppid;

		gone = find_leader(t->record, t->n, parent);
		if (gone && find(now, n, &gone->task))
			return find(now, n, &gone->task);
	}
	return NULL;
}

/* It was counted; what the heir got beyond that was not. */
static void bequeath(struct record *to, const struct record *gone)
{
	const struct osc_procfs_reaped *base = &gone->reaped_base;
	const uint64_t *own = gone->task.counts.value;
	uint64_t ticks = base->user_ticks + base->system_ticks;

	to->known.minor += own[OSC_FAULTS_MINOR] + base->minor +
			   gone->known.minor + gone->unseen.minor;
	to->known.major += own[OSC_FAULTS_MAJOR] + base->major +
			   gone->known.major + gone->unseen.major;
	/* Both were rounded down. */
	to->known.cpu_ns += own[OSC_CPU_NS] + gone->known.cpu_ns +
			    gone->unseen.cpu_ns +
			    (ticks ? ticks + 2 : 0) * tick_ns();
	to->missed_child |= !gone->final;
}

static uint64_t excess(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

/* At least so many whole ticks lie between two that were rounded down. */
static uint64_t ticks_between(const struct record *r, uint64_t now,
			      uint64_t base)
{
	return r->since_birth ? now : excess(now - base, 1);
}

static void inherit(struct record *r)
{
	const struct osc_procfs_reaped *now = &r->task.reaped;
	const struct osc_procfs_reaped *base = &r->reaped_base;
	uint64_t ticks =
		ticks_between(r, now->user_ticks, base->user_ticks) +
		ticks_between(r, now->system_ticks, base->system_ticks);

	r->unseen = (struct inherited){
		.minor = excess(now->minor - base->minor, r->known.minor),
		.major = excess(now->major - base->major, r->known.major),
		.cpu_ns = excess(ticks * tick_ns(), r->known.cpu_ns),
	};
}

/* Takes up where the last look ended; returns how many tasks are new. */
static uint64_t carry_on(const struct tree *t, struct record *now, size_t n)
{
	uint64_t born = 0;

	for (size_t i = 0; i < n; i++) {
		const struct record *old = find(t->record, t->n, &now[i].task);

		if (!old) {
			set_base(t, &now[i]);
			born++;
			continue;
		}
		now[i].base = old->base;
		now[i].reaped_base = old->reaped_base;
		now[i].since_birth = old->since_birth;
		now[i].known = old->known;
		now[i].unseen = old->unseen;
	}
	return born;
}

static void bury(struct tree *t, struct record *now, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct record *r = &t->record[i];
		struct record *to;

		if (find(now, n, &r->task))
			continue;
		fold(t, r,
		     !is_leader(&r->task) && find_leader(now, n, r->task.pid));
		to = is_leader(&r->task) ? heir(t, now, n, r) : NULL;
		if (to)
			bequeath(to, r);
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t before = now[i].unseen.minor;

		if (!is_leader(&now[i].task))
			continue;
		inherit(&now[i]);
		/* No process lives without a fault: one came and went. */
		if (now[i].unseen.minor > before && !now[i].missed_child) {
			t->gone.tasks_exited++;
			lose_switches(t);
		}
	}
}

/* Whether what was there at the last look may have made a task since. */
static bool could_fork(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!t->record[i].final)
			return true;
	}
	return false;
}

/* The number of tasks ever made, before a look and after it. */
struct forks {
	uint64_t before, after;
	bool known; /* no task was made in between */
};

static void prove(struct tree *t, const struct forks *f, uint64_t born)
{
	if (t->begun && could_fork(t) &&
	    !(t->forks_known && f->known && f->before - t->forks == born))
		t->unproved++;
	t->forks = f->after;
	t->forks_known = f->known;
}

static int update(struct tree *t, size_t most)
{
	struct forks forks = { 0 };
	struct record *now;
	uint64_t born;
	size_t n;
	int ret;

	/* All have ended: who has their numbers now is a stranger. */
	if (t->begun && !t->n)
		return 0;
	forks.known = !osc_procfs_forks(&forks.before, NULL);
	ret = make_records(t, most, &now, &n);
	if (ret)
		return ret;
	forks.known = forks.known && !osc_procfs_forks(&forks.after, NULL) &&
		      forks.before == forks.after;
	born = carry_on(t, now, n);
	for (size_t i = 0; i < n; i++)
		t->children_discarded |= now[i].task.discards_children;
	prove(t, &forks, born);
	bury(t, now, n);
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
		add_inherited(&did, &r->unseen);
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
	total.unproved = t->unproved;
	total.children_discarded = t->children_discarded;
	total.time_ns = osc_clock_ns();
	t->shown = total;
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
		ret = update(t, all->most);
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
	const struct targets *all = state;
	struct tree *t = *lookup(state, id);
	int ret;

	if (!t)
		return no_target(id, e);
	ret = update(t, all->most);
	if (ret == -E2BIG)
		return osc_error_set(
			e, E2BIG,
			"cannot read process %d from /proc: it has "
			"more than %zu tasks, or the machine has "
			"more processes; try the module",
			(int)t->root, all->most);
	if (ret)
		return osc_error_set(e, -ret, "cannot read target %u: %s", id,
				     strerror(-ret));
	sum(t);
	*out = t->shown;
	return 0;
}

void osc_procfs_limit(struct osc_counters *c, size_t most)
{
	struct targets *all = osc_counters_state(c);

	all->most = most;
}

int osc_procfs_target(struct osc_counters *c, uint32_t id, pid_t **pids,
		      size_t *n, struct osc_error *e)
{
	const struct tree *t = *lookup(osc_counters_state(c), id);

	*n = 0;
	*pids = NULL;
	if (!t)
		return no_target(id, e);
	*pids = calloc(t->n + 1, sizeof(**pids));
	if (!*pids)
		return osc_error_set(
			e, ENOMEM, "cannot read target %u: out of memory", id);
	for (size_t i = 0; i < t->n; i++) {
		if (is_leader(&t->record[i].task))
			(*pids)[(*n)++] = t->record[i].task.pid;
	}
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
