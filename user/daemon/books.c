// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/books.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/procfs.h"

/* Deeper than any server forks; ends a walk that follows pid reuse in rings. */
#define DEPTH_MAX 32
#define TRIES 100

/* Faults of children that were waited for, which osc_procfs_process leaves. */
static int waited_faults(pid_t pid, struct osc_tree *t)
{
	uint64_t cmin, cmaj;
	char path[48], *text, *after;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ret = osc_procfs_slurp(path, &text);
	if (ret)
		return ret;
	/* The name may hold anything, also blanks and parentheses. */
	after = strrchr(text, ')');
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt ... */
	if (!after ||
	    sscanf(after + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %" SCNu64 " %*u %" SCNu64,
		   &cmin, &cmaj) != 2)
		ret = -EPROTO;
	free(text);
	if (ret)
		return ret;
	t->minor += cmin;
	t->major += cmaj;
	return 0;
}

static int add_process(pid_t pid, void *tree)
{
	struct osc_tree *t = tree;
	struct osc_counts c;
	struct osc_error e;
	int ret = osc_procfs_process(pid, &c, &e);

	if (!ret)
		ret = waited_faults(pid, t);
	if (ret)
		return ret;
	t->voluntary += c.value[OSC_SWITCHES_VOLUNTARY];
	t->involuntary += c.value[OSC_SWITCHES_INVOLUNTARY];
	t->minor += c.value[OSC_FAULTS_MINOR];
	t->major += c.value[OSC_FAULTS_MAJOR];
	t->cpu_ns += c.value[OSC_CPU_NS];
	t->tasks += c.tasks_live;
	return 0;
}

/*
 * Whether a task sleeps. One that could run but has no CPU moves no more than
 * one that sleeps, for the moment; a zombie is still to be waited for.
 */
static int add_state(pid_t pid, pid_t tid, void *tree)
{
	struct osc_tree *t = tree;
	char path[64], *text, *after;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid,
		 (int)tid);
	ret = osc_procfs_slurp(path, &text);
	if (ret == -ENOENT || ret == -ESRCH) {
		t->awake++; /* it has just ended */
		return 0;
	}
	if (ret)
		return ret;
	after = strrchr(text, ')');
	if (!after || strncmp(after, ") S ", 4))
		t->awake++;
	free(text);
	return 0;
}

struct walk {
	const struct osc_tree_visitor *v;
	size_t tasks; /* so far */
};

static int walk(struct walk *w, pid_t pid, int depth);

/* The children of one thread; those that vanish meanwhile are no error. */
static int walk_children(struct walk *w, pid_t pid, pid_t tid, int depth)
{
	char path[64], *text, *p;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
		 (int)tid);
	ret = osc_procfs_slurp(path, &text);
	if (ret)
		return ret == -ENOENT || ret == -ESRCH ? 0 : ret;
	for (p = text; !ret;) {
		char *end;
		long child = strtol(p, &end, 10);

		if (end == p)
			break;
		p = end;
		ret = walk(w, (pid_t)child, depth + 1);
		if (ret == -ESRCH || ret == -ENOENT)
			ret = 0;
	}
	free(text);
	return ret;
}

static int count_tasks(struct walk *w, DIR *tasks)
{
	const struct dirent *d;

	while ((d = readdir(tasks))) {
		if (isdigit((unsigned char)*d->d_name) &&
		    ++w->tasks > OSC_TREE_TASKS_MAX)
			return -E2BIG;
	}
	rewinddir(tasks);
	return 0;
}

static int walk_tasks(struct walk *w, pid_t pid, int depth, DIR *tasks)
{
	const struct osc_tree_visitor *v = w->v;
	const struct dirent *d;
	int ret = 0;

	while (!ret && (d = readdir(tasks))) {
		pid_t tid = (pid_t)atoi(d->d_name);

		if (!isdigit((unsigned char)*d->d_name))
			continue;
		ret = v->task ? v->task(pid, tid, v->arg) : 0;
		if (!ret)
			ret = walk_children(w, pid, tid, depth);
	}
	return ret;
}

static int walk(struct walk *w, pid_t pid, int depth)
{
	char path[48];
	DIR *tasks;
	int ret;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	/* First: what is done with a process takes longer with its tasks. */
	ret = count_tasks(w, tasks);
	if (!ret && w->v->process)
		ret = w->v->process(pid, w->v->arg);
	if (!ret)
		ret = walk_tasks(w, pid, depth, tasks);
	closedir(tasks);
	return ret;
}

int osc_tree_walk(pid_t pid, const struct osc_tree_visitor *v)
{
	struct walk w = { .v = v };

	return walk(&w, pid, 0);
}

int osc_tree_error(pid_t pid, const char *what, int err, struct osc_error *e)
{
	if (err == E2BIG)
		return osc_error_set(e, err,
				     "cannot read %s process %d: it and its "
				     "descendants have more than %d tasks; try "
				     "fewer connections or workers",
				     what, (int)pid, OSC_TREE_TASKS_MAX);
	return osc_error_set(e, err, "cannot read %s process %d: %s", what,
			     (int)pid, strerror(err));
}

int osc_tree_read(pid_t pid, struct osc_tree *out, struct osc_error *e)
{
	const struct osc_tree_visitor v = { add_process, add_state, out };
	int ret;

	*out = (struct osc_tree){ 0 };
	/* Or a tree would look like its root alone. */
	if (access("/proc/thread-self/children", F_OK))
		return osc_error_set(
			e, ENOTSUP,
			"this kernel does not tell a process's children (it lacks CONFIG_PROC_CHILDREN): the audit has nothing to compare with");
	ret = osc_tree_walk(pid, &v);
	return ret ? osc_tree_error(pid, "/proc of", -ret, e) : 0;
}

static bool same_and_asleep(const struct osc_tree *a, const struct osc_tree *b)
{
	return a->voluntary == b->voluntary &&
	       a->involuntary == b->involuntary && a->minor == b->minor &&
	       a->major == b->major && a->cpu_ns == b->cpu_ns &&
	       a->tasks == b->tasks && !a->awake && !b->awake;
}

int osc_tree_watch(struct osc_counters *c, pid_t pid, uint32_t *id,
		   struct osc_tree *base, struct osc_error *e)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct osc_tree after;
	int ret;

	/* On its way to the gate it still moves: what it had done is known
   * only where two readings around the watch agree.
   */
	for (int i = 0; i < TRIES; i++) {
		ret = osc_tree_read(pid, base, e);
		if (!ret)
			ret = osc_counters_watch(c, pid, OSC_WATCH_BOUND, id,
						 e);
		if (ret)
			return ret;
		ret = osc_tree_read(pid, &after, e);
		if (!ret && same_and_asleep(base, &after))
			return 0;
		if (ret) {
			osc_counters_unwatch(c, *id, NULL);
			return ret;
		}
		ret = osc_counters_unwatch(c, *id, e);
		if (ret)
			return ret;
		nanosleep(&pause, NULL);
	}
	return osc_error_set(e, EBUSY,
			     "cannot watch process %d from a known state: it "
			     "does not come to rest; try again on a quieter "
			     "machine",
			     (int)pid);
}

int osc_system_read(struct osc_counters *c, struct osc_system *out,
		    struct osc_error *e)
{
	uint64_t faults, majors;
	int ret;

	*out = (struct osc_system){ 0 };
	if (!osc_counters_module(c))
		return 0;
	ret = osc_counters_totals(c, &out->before, e);
	if (!ret)
		ret = osc_procfs_context_switches(&out->switches, e);
	if (!ret)
		ret = osc_procfs_faults(&faults, &majors, e);
	if (!ret)
		ret = osc_counters_totals(c, &out->after, e);
	if (ret)
		return ret;
	out->faults = faults;
	out->faults_major = majors;
	out->present = true;
	return 0;
}

static uint64_t both_switches(const struct osc_counts *c)
{
	return c->value[OSC_SWITCHES_VOLUNTARY] +
	       c->value[OSC_SWITCHES_INVOLUNTARY];
}

static uint64_t both_faults(const struct osc_counts *c)
{
	return c->value[OSC_FAULTS_MINOR] + c->value[OSC_FAULTS_MAJOR];
}

static uint64_t majors(const struct osc_counts *c)
{
	return c->value[OSC_FAULTS_MAJOR];
}

static struct osc_bracket bracket(const struct osc_system *from,
				  const struct osc_system *to,
				  uint64_t (*ours)(const struct osc_counts *),
				  uint64_t theirs, enum osc_counter needed)
{
	return (struct osc_bracket){
		.inner = ours(&to->before) - ours(&from->after),
		.independent = theirs,
		.outer = ours(&to->after) - ours(&from->before),
		.present = from->present && to->present &&
			   osc_counts_have(&from->before, needed) &&
			   osc_counts_have(&to->before, needed),
	};
}

void osc_system_brackets(const struct osc_system *from,
			 const struct osc_system *to, struct osc_audit_facts *f)
{
	f->switches = bracket(from, to, both_switches,
			      to->switches - from->switches,
			      OSC_SWITCHES_VOLUNTARY);
	f->faults = bracket(from, to, both_faults, to->faults - from->faults,
			    OSC_FAULTS_MINOR);
	f->faults_major = bracket(from, to, majors,
				  to->faults_major - from->faults_major,
				  OSC_FAULTS_MAJOR);
}
