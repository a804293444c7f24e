// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A target is a tree: what its threads and descendants did is in it, to the
 * last switch of the dead, and no counter ever runs backwards.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define STORM_CHILDREN 300
#define THREADS 20
#define EXECS 10
#define ORPHANS 10

#define VOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY
#define INVOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY
#define MINOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR
#define MAJOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR

/* --- steps: the storms run as ordinary tasks, so that they preempt each other */

/* A life with faults, a block and an end. */
static _Noreturn void live_briefly(unsigned int i)
{
	size_t size = 16384 + 4096 * (i % 5);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	memset(memory, 1, size);
	usleep(50);
	_exit(0);
}

static void fork_one(unsigned int i)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork");
	if (!pid)
		live_briefly(i);
}

static void reap_all(void)
{
	while (wait(NULL) > 0)
		;
}

/* Up to ten at a time, as a fork server has them. */
static void fork_storm(struct work_shared *shared)
{
	(void)shared;
	work_schedule(0, 0);
	for (unsigned int i = 0; i < STORM_CHILDREN; i++) {
		fork_one(i);
		if (i % 10 == 9)
			reap_all();
	}
	reap_all();
	work_schedule(0, WORK_PRIORITY);
}

static void *thread_life(void *arg)
{
	usleep(50);
	return arg;
}

static void exiting_threads(struct work_shared *shared)
{
	pthread_t thread[THREADS];

	(void)shared;
	for (int i = 0; i < THREADS; i++) {
		errno = pthread_create(&thread[i], NULL, thread_life, NULL);
		if (errno)
			tap_bail("pthread_create");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static char *const true_argv[] = { "true", NULL };

static void vfork_and_exec(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < EXECS; i++) {
		pid_t pid = vfork();

		if (!pid) {
			execv("/bin/true", true_argv);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			tap_bail("vfork");
	}
}

static void spawn(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < EXECS; i++) {
		pid_t pid;

		errno = posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv,
				    environ);
		if (errno || waitpid(pid, NULL, 0) != pid)
			tap_bail("posix_spawn");
	}
}

/* Children whose parent is gone before they work: init reaps them. */
static void double_fork(struct work_shared *shared)
{
	(void)shared;
	for (unsigned int i = 0; i < ORPHANS; i++) {
		pid_t pid = fork();

		if (!pid) {
			fork_one(i);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			tap_bail("double fork");
	}
}

/* --- tests */

static uint64_t usage_of(const struct rusage *self,
			 const struct rusage *children, int attribute)
{
	switch (attribute) {
	case VOLUNTARY:
		return (uint64_t)(self->ru_nvcsw + children->ru_nvcsw);
	case INVOLUNTARY:
		return (uint64_t)(self->ru_nivcsw + children->ru_nivcsw);
	case MINOR:
		return (uint64_t)(self->ru_minflt + children->ru_minflt);
	default:
		return (uint64_t)(self->ru_majflt + children->ru_majflt);
	}
}

/*
 * One step of a worker, watched; then: exited tasks are the number wanted, none
 * lost, and rusage <= ours <= rusage + exited in switches, since the kernel
 * books the last switch of a dying task late or nowhere.
 */
static void test_step(const char *name, work_step step, uint64_t exited)
{
	struct rusage self, children;
	struct target target;
	struct work work;
	struct nl nl;

	nl_open(&nl);
	work_start(&work, &step, 1);
	watch_add(&nl, work.pid, 0, &target);
	self = work.shared->self;
	children = work.shared->children;
	work_next(&work);
	watch_settled(&nl, &target, 1);
	tap_equal(target.tasks_live, 1, "%s: the root lives", name);
	tap_equal(target.tasks_exited, exited, "%s: all exited are folded in",
		  name);
	tap_equal(target.lost, 0, "%s: none lost", name);
	for (int a = VOLUNTARY; a <= MAJOR; a++) {
		uint64_t used = usage_of(&work.shared->self,
					 &work.shared->children, a) -
				usage_of(&self, &children, a);
		uint64_t more = a <= INVOLUNTARY ? exited : 0;

		/* The root can be preempted between its look at the books and
		 * its block.
		 */
		if (a == INVOLUNTARY)
			more += 2;
		tap_between(used, counter(&target.counts, a), used + more,
			    "%s: %s agree with getrusage", name,
			    counter_name(a));
	}
	work_end(&work, NULL);
	watch_settled(&nl, &target, 0);
	tap_equal(target.state, OSCONCEPTS_TARGET_STATE_EXITED,
		  "%s: the target is exited", name);
	tap_equal(target.tasks_exited, exited + 1,
		  "%s: the root is folded in too", name);
	nl_target_del(&nl, target.id, NULL);
	nl_close(&nl);
}

/* Nobody waits for orphans: only the count of them is known. */
static void test_double_fork(void)
{
	const work_step step = double_fork;
	struct target target;
	struct work work;
	struct nl nl;

	nl_open(&nl);
	work_start(&work, &step, 1);
	watch_add(&nl, work.pid, 0, &target);
	work_next(&work);
	watch_settled(&nl, &target, 1);
	tap_equal(target.tasks_exited, 2 * ORPHANS,
		  "double fork: re-parented grandchildren stay in the tree");
	tap_equal(target.lost, 0, "double fork: none lost");
	work_end(&work, NULL);
	nl_target_del(&nl, target.id, NULL);
	nl_close(&nl);
}

static void *exec_sleep(void *arg)
{
	execl("/bin/sleep", "sleep", "1000", NULL);
	return arg;
}

/* A thread that is not the leader execs: it becomes the leader. */
static pid_t exec_by_a_thread(int gate)
{
	pthread_t thread;
	char byte;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(gate, &byte, 1) != 1 ||
	    pthread_create(&thread, NULL, exec_sleep, NULL))
		_exit(1);
	for (;;)
		pause();
}

static void test_exec(void)
{
	struct target target;
	struct nl nl;
	int gate[2];
	pid_t pid;

	nl_open(&nl);
	if (pipe(gate))
		tap_bail("pipe");
	pid = exec_by_a_thread(gate[0]);
	watch_add(&nl, pid, 0, &target);
	if (write(gate[1], "g", 1) != 1)
		tap_bail("the gate");
	for (int i = 0; i < 500 && strcmp(target.comm, "sleep"); i++) {
		usleep(10000);
		watch_get(&nl, &target);
	}
	watch_settled(&nl, &target, 1);
	tap_ok(!strcmp(target.comm, "sleep"),
	       "exec by a thread: the name is the new program's (%s)",
	       target.comm);
	tap_equal(target.tasks_live, 1,
		  "exec by a thread: it is all that lives");
	tap_equal(target.tasks_exited, 1,
		  "exec by a thread: the former leader is folded in");
	tap_equal(target.pid, (uint64_t)pid,
		  "exec by a thread: the pid is the same");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	watch_settled(&nl, &target, 0);
	tap_equal(target.tasks_exited, 2,
		  "exec by a thread: its end is the target's");
	tap_equal(target.lost, 0, "exec by a thread: none lost");
	nl_target_del(&nl, target.id, NULL);
	nl_close(&nl);
	close(gate[0]);
	close(gate[1]);
}

static void test_no_follow(void)
{
	const work_step step = fork_storm;
	struct target target;
	struct work work;
	struct books base;
	struct nl nl;

	nl_open(&nl);
	work_start(&work, &step, 1);
	watch_add(&nl, work.pid, OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW, &target);
	if (books_read(work.pid, &base))
		tap_bail("the worker's books");
	work_next(&work);
	watch_get(&nl, &target);
	tap_equal(target.tasks_exited, 0, "no-follow: no child is in it");
	books_equal(&nl, target.id, work.pid, &base, "no-follow");
	work_end(&work, NULL);
	nl_target_del(&nl, target.id, NULL);
	nl_close(&nl);
}

static bool grows(const struct counts *before, const struct counts *now)
{
	for (int a = 1; a <= OSCONCEPTS_A_COUNTERS_MAX; a++)
		if (now->value[a] < before->value[a])
			return false;
	return true;
}

/* Sampled in the storm: never less than before, in the target and in all. */
static void test_never_backwards(void)
{
	const work_step step = fork_storm;
	unsigned int samples = 0, back = 0, totals_back = 0;
	struct totals totals, last_totals;
	struct target target, last;
	struct work work;
	struct nl nl;

	nl_open(&nl);
	work_start(&work, &step, 1);
	watch_add(&nl, work.pid, 0, &target);
	last = target;
	if (nl_totals_get(&nl, &last_totals))
		tap_bail("totals");
	work_release(&work);
	while (atomic_load(&work.shared->done) != work.released) {
		watch_get(&nl, &target);
		if (nl_totals_get(&nl, &totals))
			tap_bail("totals");
		back += !grows(&last.counts, &target.counts) ||
			target.tasks_exited < last.tasks_exited;
		totals_back += !grows(&last_totals.counts, &totals.counts);
		last = target;
		last_totals = totals;
		samples++;
	}
	work_settle(&work);
	tap_ok(samples > 10, "storm: %u samples were taken in it", samples);
	tap_equal(back, 0, "storm: the target never runs backwards");
	tap_equal(totals_back, 0, "storm: the totals never run backwards");
	work_end(&work, NULL);
	nl_target_del(&nl, target.id, NULL);
	nl_close(&nl);
}

/*
 * Added in the midst of a storm: existing descendants are in it, and from then
 * on every birth and end. Whoever was dying right then may be in or not.
 */
static void test_added_in_a_storm(void)
{
	const work_step step = fork_storm;
	struct target target;
	struct work work;
	struct nl nl;

	nl_open(&nl);
	for (int i = 0; i < 5; i++) {
		work_start(&work, &step, 1);
		work_release(&work);
		usleep(20000 * (useconds_t)(i + 1));
		watch_add(&nl, work.pid, 0, &target);
		work_settle(&work);
		watch_settled(&nl, &target, 1);
		tap_equal(target.tasks_live, 1,
			  "added in a storm: only the root lives after it");
		tap_equal(target.lost, 0, "added in a storm: none lost");
		work_end(&work, NULL);
		watch_settled(&nl, &target, 0);
		tap_equal(target.state, OSCONCEPTS_TARGET_STATE_EXITED,
			  "added in a storm: the target ends with the tree");
		nl_target_del(&nl, target.id, NULL);
	}
	nl_close(&nl);
}

int main(void)
{
	test_step("fork storm", fork_storm, STORM_CHILDREN);
	test_step("threads", exiting_threads, THREADS);
	test_step("vfork and exec", vfork_and_exec, EXECS);
	test_step("posix_spawn", spawn, EXECS);
	test_double_fork();
	test_exec();
	test_no_follow();
	test_never_backwards();
	test_added_in_a_storm();
	return tap_done();
}
