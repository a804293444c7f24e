// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of oracles: what a target counts beside what somebody else counted,
 * for every kind of life, memory and waiting (exact/), with the relation that
 * must hold. With names of workloads: those alone.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exact/exact.h"
#include "lib/nl.h"
#include "lib/sleeper.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define VOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY
#define INVOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY
#define MINOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR
#define MAJOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR

static const char *const why_not[] = {
	[NO_HUGEPAGES] = "no memory for huge pages",
	[NO_SWAP] = "no zram to swap to",
	[NO_USERFAULTFD] = "no userfaultfd",
	[NO_IO_URING] = "io_uring is absent or forbidden",
	[NO_HOTPLUG] = "the second CPU cannot be switched off",
	[NO_FREEZER] = "no cgroup2",
	[NO_NAMESPACE] = "no PID namespaces",
	[NOT_COLD] = "the file was not cold",
};

static const struct workload *const tables[] = {
	exact_processes,
	exact_memory,
	exact_epoll,
	exact_kernel,
};

/* A workload and what is known after it. */
struct trial {
	const struct workload *w;
	struct target target;
	struct trace trace;
	bool traced;
	struct rusage self, children; /* before */
	struct books base, books; /* before and after */
	struct work work;
};

static unsigned int exited(const struct workload *w)
{
	return w->exited == A_BOMB ? exact_bomb() : w->exited;
}

static uint64_t used(const struct trial *t, int attribute)
{
	const struct rusage *now[] = { &t->work.shared->self,
				       &t->work.shared->children };
	const struct rusage *before[] = { &t->self, &t->children };
	long sum = 0;

	for (int i = 0; i < 2; i++) {
		switch (attribute) {
		case VOLUNTARY:
			sum += now[i]->ru_nvcsw - before[i]->ru_nvcsw;
			break;
		case INVOLUNTARY:
			sum += now[i]->ru_nivcsw - before[i]->ru_nivcsw;
			break;
		case MINOR:
			sum += now[i]->ru_minflt - before[i]->ru_minflt;
			break;
		default:
			sum += now[i]->ru_majflt - before[i]->ru_majflt;
		}
	}
	return (uint64_t)sum;
}

/* A row of the table and a test: low <= ours <= low + more. */
static void row(const struct trial *t, const char *counter, uint64_t ours,
		const char *oracle, uint64_t low, uint64_t more)
{
	bool ok = ours >= low && ours <= low + more;
	char relation[32];

	if (more)
		snprintf(relation, sizeof(relation), "0..%" PRIu64 " more",
			 more);
	else
		snprintf(relation, sizeof(relation), "equal");
	tap_note("%-20s  %-20s %9" PRIu64 "  %-20s %9" PRIu64 "  %-12s %s",
		 t->w->name, counter, ours, oracle, low, relation,
		 ok ? "ok" : "NOT OK");
	tap_ok(ok, "%s: %s as %s has it (%s)", t->w->name, counter, oracle,
	       relation);
}

static void compare_with_usage(const struct trial *t)
{
	for (int a = VOLUNTARY; a <= MAJOR; a++) {
		uint64_t more = a <= INVOLUNTARY ? exited(t->w) : 0;

		/* The root can be preempted between its look at the books and
		 * its block.
		 */
		if (a == INVOLUNTARY)
			more += 2;
		row(t, counter_name(a), counter(&t->target.counts, a), "rusage",
		    used(t, a), more);
	}
}

/* Where no tracepoint tells of a task, /proc does while it lives. */
static void compare_with_proc(const struct trial *t)
{
	if (t->target.tasks_exited) {
		tap_skip("tasks as in /proc", "%s: one of them has ended",
			 t->w->name);
		return;
	}
	for (int a = VOLUNTARY; a <= INVOLUNTARY; a++)
		row(t, counter_name(a), counter(&t->target.counts, a),
		    "/proc/PID/task", t->books.value[a] - t->base.value[a], 0);
	for (int a = MINOR; a <= MAJOR; a++)
		row(t, counter_name(a), counter(&t->target.counts, a),
		    "/proc/PID/stat", t->books.value[a] - t->base.value[a], 0);
}

static bool is_traced(const struct trial *t)
{
	if (t->traced && !t->trace.lost)
		return true;
	tap_skip("switches as traced",
		 "%s: no trace, or %" PRIu64 " of its events are lost",
		 t->w->name, t->trace.lost);
	return false;
}

static uint64_t all_switches(const struct trial *t)
{
	return counter(&t->target.counts, VOLUNTARY) +
	       counter(&t->target.counts, INVOLUNTARY);
}

static void compare_with_trace(const struct trial *t)
{
	if (!is_traced(t))
		return;
	row(t, "all switches", all_switches(t), "sched_switch",
	    t->trace.switches, 0);
	row(t, "exited tasks", t->target.tasks_exited, "sched_process_exit",
	    t->trace.exits, 0);
}

static void compare_with_workload(const struct trial *t)
{
	if (!(t->w->without & UNTRACED))
		row(t, "exited tasks", t->target.tasks_exited, "the workload",
		    exited(t->w), 0);
	row(t, "epoll callbacks",
	    counter(&t->target.counts, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS),
	    "the workload", atomic_load(&t->work.shared->value[CALLBACKS]), 0);
	row(t, "epoll wakeups",
	    counter(&t->target.counts, OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS),
	    "the workload", atomic_load(&t->work.shared->value[WAKEUPS]), 0);
}

static void compare(const struct trial *t)
{
	int unable = atomic_load(&t->work.shared->stop);

	if (unable) {
		tap_skip(t->w->name, "%s", why_not[unable]);
		return;
	}
	if (!(t->w->without & UNREAPED))
		compare_with_usage(t);
	if (t->w->without & UNTRACED)
		compare_with_proc(t);
	else
		compare_with_trace(t);
	compare_with_workload(t);
	row(t, "lost", t->target.lost, "nobody", 0, 0);
}

static void try_workload(const struct workload *w)
{
	struct trial t = { .w = w };
	struct nl nl;

	nl_open(&nl);
	work_start(&t.work, &w->step, 1);
	watch_add(&nl, t.work.pid, 0, &t.target);
	t.self = t.work.shared->self;
	t.children = t.work.shared->children;
	if (books_read(t.work.pid, &t.base))
		tap_bail("the worker's books");
	t.traced = !exact_trace_begin(t.work.pid);
	work_next(&t.work);
	watch_get(&nl, &t.target);
	if (!(w->without & UNTRACED) && t.target.tasks_exited != exited(w))
		watch_settled(&nl, &t.target,
			      t.target.tasks_live + t.target.tasks_exited -
				      exited(w));
	exact_trace_end(t.work.pid, &t.trace);
	if (books_read(t.work.pid, &t.books))
		tap_bail("the worker's books");
	watch_get(&nl, &t.target);
	compare(&t);
	work_end(&t.work, NULL);
	nl_target_del(&nl, t.target.id, NULL);
	nl_close(&nl);
}

/* How many switches there may be while the target is added: of 20 after it, one. */
#define NARROW 20

/* Between two marks in the trace: before it was added, and after. */
static uint64_t switches_while_added(const struct trial *t)
{
	return t->trace.marked[1] - t->trace.marked[0];
}

static uint64_t switches_after(const struct trial *t)
{
	return t->trace.switches - t->trace.marked[1];
}

static bool is_narrow(const struct trial *t)
{
	return t->trace.marks == 2 &&
	       switches_while_added(t) * NARROW <= switches_after(t);
}

/* Switches before the first mark are not the target's, those after the second
 * are, and those in between may be. One more can be missing: what the CPU of the
 * workload has booked by the second mark, and traces only then.
 */
static void compare_from_the_middle(const struct trial *t)
{
	if (!is_traced(t))
		return;
	if (!tap_ok(t->trace.marks == 2 && t->trace.marked[0] &&
			    switches_after(t),
		    "%s: it went on before and after", t->w->name))
		return;
	tap_ok(is_narrow(t), "%s: little of it went on meanwhile", t->w->name);
	row(t, "all switches", all_switches(t), "sched_switch",
	    switches_after(t) - 1, switches_while_added(t) + 1);
	row(t, "live tasks", t->target.tasks_live, "the workload", 1, 0);
	row(t, "lost", t->target.lost, "nobody", 0, 0);
}

/* Ahead of any ordinary task, so that little happens in between. */
static void add_at_once(struct nl *nl, struct trial *t)
{
	struct sched_param param = { .sched_priority = WORK_PRIORITY };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		tap_bail("the scheduling class cannot be set");
	exact_trace_mark();
	watch_add(nl, t->work.pid, 0, &t->target);
	exact_trace_mark();
	param.sched_priority = 0;
	if (sched_setscheduler(0, SCHED_OTHER, &param))
		tap_bail("the scheduling class cannot be set");
}

static struct trial add_late(struct nl *nl, const struct workload *w)
{
	struct trial t = { .w = w };

	work_start(&t.work, &w->step, 1);
	t.traced = !exact_trace_begin(t.work.pid);
	work_release(&t.work);
	while (atomic_load(&t.work.shared->value[PROGRESS]) < exact_bomb() / 5)
		usleep(1000);
	add_at_once(nl, &t);
	work_settle(&t.work);
	watch_settled(nl, &t.target, 1);
	exact_trace_end(t.work.pid, &t.trace);
	watch_get(nl, &t.target);
	work_end(&t.work, NULL);
	nl_target_del(nl, t.target.id, NULL);
	return t;
}

/* Again where the machine held up the add, or the trace lost events. */
static void try_late(const struct workload *w)
{
	pid_t other = sleeper_start();
	struct target first;
	struct trial t;
	struct nl nl;

	nl_open(&nl);
	/* What the first target brings with it, the hooks, is long. */
	watch_add(&nl, other, 0, &first);
	for (int i = 0; i < 5; i++) {
		t = add_late(&nl, w);
		if (is_narrow(&t) && !t.trace.lost)
			break;
	}
	compare_from_the_middle(&t);
	nl_target_del(&nl, first.id, NULL);
	nl_close(&nl);
	sleeper_end(other);
}

static bool is_asked_for(const char *name, int argc, char **argv)
{
	bool asked = argc < 2;

	for (int i = 1; i < argc; i++)
		asked |= !strcmp(argv[i], name);
	return asked;
}

int main(int argc, char **argv)
{
	exact_make_swap();
	tap_note("%-20s  %-20s %9s  %-20s %9s  %-12s", "WORKLOAD", "COUNTER",
		 "OURS", "ORACLE", "ITS", "RELATION");
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		for (const struct workload *w = tables[i]; w->name; w++) {
			if (!is_asked_for(w->name, argc, argv))
				continue;
			if (w->without & UNBEGUN)
				try_late(w);
			else
				try_workload(w);
		}
	}
	return tap_done();
}
