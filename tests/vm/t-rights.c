// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be watched, how much of it, and how targets end: with their process,
 * by hand, with their socket. Who may do what is in t-may.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nobody.h"
#include "lib/sleeper.h"
#include "lib/tap.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* The default of the module's parameter max_targets_user. */
#define USER_LIMIT 128

/* --- processes to watch */

static void expect_error(struct nl *nl, int rc, int error, const char *name)
{
	tap_equal((uint64_t)-rc, (uint64_t)error, "%s: %s", name,
		  strerror(error));
	tap_ok(nl->message[0], "%s: \"%s\"", name, nl->message);
}

/* --- what can be watched */

static pid_t thread_id;

static void *tell_id(void *arg)
{
	thread_id = gettid();
	pthread_barrier_wait(arg);
	for (;;)
		pause();
	return NULL;
}

static void test_what_is_no_process(struct nl *nl)
{
	pthread_barrier_t told;
	struct target target;
	pthread_t thread;
	pid_t dead;

	expect_error(nl, nl_target_add(nl, 4194303, 0, NULL), ESRCH,
		     "an unused pid");
	dead = sleeper_start();
	kill(dead, SIGKILL);
	waitid(P_PID, (id_t)dead, NULL, WEXITED | WNOWAIT);
	expect_error(nl, nl_target_add(nl, dead, 0, NULL), ESRCH, "a zombie");
	waitpid(dead, NULL, 0);
	expect_error(nl, nl_target_add(nl, dead, 0, NULL), ESRCH,
		     "a dead process");
	expect_error(nl, nl_target_add(nl, 2, 0, NULL), EINVAL,
		     "a kernel thread");
	pthread_barrier_init(&told, NULL, 2);
	if (pthread_create(&thread, NULL, tell_id, &told))
		tap_bail("pthread_create");
	pthread_barrier_wait(&told);
	expect_error(nl, nl_target_add(nl, thread_id, 0, NULL), EINVAL,
		     "a thread that is no process");
	if (nl_target_add(nl, getpid(), 0, &target))
		tap_bail("oneself cannot be watched");
	tap_equal(target.pid, (uint64_t)getpid(), "the reply has the pid");
	tap_equal(target.tasks_live, 2, "the reply has both threads");
	tap_ok(!strcmp(target.comm, "t-rights"), "the reply has the name (%s)",
	       target.comm);
	nl_target_del(nl, target.id, NULL);
	expect_error(nl, nl_target_del(nl, target.id, NULL), ENOENT,
		     "a target that was removed");
}

/* --- other users. Each check returns 0 when all is as it must be, or the
 * number of the step that is not.
 */

static int refused_for_nobody(pid_t victim)
{
	struct nl nl;

	nl_open(&nl);
	if (nl_target_add(&nl, victim, 0, NULL) != -EPERM)
		return 1;
	if (!strstr(nl.message, "CAP_PERFMON"))
		return 2;
	return 0;
}

static int own_for_nobody(pid_t unused)
{
	struct target own, child;
	pid_t pid = sleeper_start();
	struct nl nl;

	(void)unused;
	nl_open(&nl);
	if (nl_target_add(&nl, pid, 0, &child) || child.uid != NOBODY)
		return 1;
	if (nl_target_add(&nl, getpid(), 0, &own))
		return 2;
	sleeper_end(pid);
	if (nl_target_del(&nl, own.id, NULL) ||
	    nl_target_del(&nl, child.id, NULL))
		return 3;
	return 0;
}

static int user_limit(pid_t unused)
{
	pid_t pids[USER_LIMIT + 1];
	unsigned int added = 0;
	struct nl nl;
	int rc = 0;

	(void)unused;
	nl_open(&nl);
	for (int i = 0; i <= USER_LIMIT; i++) {
		pids[i] = sleeper_start();
		rc = nl_target_add(&nl, pids[i], OSCONCEPTS_TARGET_FLAGS_BOUND,
				   NULL);
		if (!rc)
			added++;
	}
	for (int i = 0; i <= USER_LIMIT; i++)
		sleeper_end(pids[i]);
	if (added != USER_LIMIT || rc != -ENOSPC)
		return 1;
	return strstr(nl.message, "max_targets_user") ? 0 : 2;
}

static void test_other_users(void)
{
	pid_t victim = sleeper_start();

	tap_equal((uint64_t)as_nobody(refused_for_nobody, victim), 0,
		  "another user's process is refused, naming CAP_PERFMON");
	tap_equal((uint64_t)as_nobody(own_for_nobody, 0), 0,
		  "one's own process needs no root");
	tap_equal((uint64_t)as_nobody(user_limit, 0), 0,
		  "a user's 129th target is refused, naming max_targets_user");
	sleeper_end(victim);
}

/* --- namespaces */

static int in_pid_namespace(uint32_t outer)
{
	struct target target;
	struct nl nl;

	nl_open(&nl);
	if (nl_target_add(&nl, 1, 0, &target) || target.pid != 1)
		return 1;
	if (nl_target_get(&nl, outer, &target) || target.pid != 0)
		return 2;
	return 0;
}

static void test_pid_namespace(struct nl *nl)
{
	pid_t victim = sleeper_start(), pid;
	struct target outer, seen[4];
	int status, count;

	if (nl_target_add(nl, victim, 0, &outer))
		tap_bail("the victim cannot be watched");
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		tap_bail("a PID namespace cannot be made");
	if (!pid)
		_exit(in_pid_namespace(outer.id));
	/* Unreaped, it keeps its number. */
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	count = nl_targets(nl, seen, 4);
	tap_equal((uint64_t)count, 2, "both targets are seen from outside");
	tap_ok(seen[1].pid == (uint32_t)pid,
	       "the pid is that of the reader's namespace");
	waitpid(pid, &status, 0);
	tap_equal((uint64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 255), 0,
		  "inside, pid 1 is itself and outsiders have none");
	for (int i = 0; i < count && i < 4; i++)
		nl_target_del(nl, seen[i].id, NULL);
	sleeper_end(victim);
}

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#define SHIFT_S 1000000UL

/* What time it is there, by the clock and by the module. */
static _Noreturn void tell_time(int say)
{
	struct totals totals;
	uint64_t told[2];
	struct nl nl;

	nl_open(&nl);
	if (nl_totals_get(&nl, &totals))
		_exit(1);
	told[0] = boottime_ns();
	told[1] = totals.time_ns;
	_exit(write(say, told, sizeof(told)) != sizeof(told));
}

static int in_time_namespace(int say)
{
	FILE *offsets;
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWTIME))
		return errno == EINVAL ? 77 : 1;
	offsets = fopen("/proc/self/timens_offsets", "we");
	if (!offsets || fprintf(offsets, "boottime %lu 0\n", SHIFT_S) < 0 ||
	    fclose(offsets))
		return 2;
	pid = fork();
	if (!pid)
		tell_time(say);
	return pid < 0 || waitpid(pid, &status, 0) != pid || status ? 3 : 0;
}

/* Times are the host's, so that readers in different namespaces agree. */
static void test_time_namespace(void)
{
	uint64_t before = boottime_ns(), told[2];
	int say[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe(say))
		tap_bail("pipe");
	pid = fork();
	if (!pid)
		_exit(in_time_namespace(say[1]));
	close(say[1]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		tap_bail("a child");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		tap_skip("time namespace", "this kernel has none");
	} else if (tap_equal((uint64_t)status, 0, "a time namespace is made") &&
		   read(say[0], told, sizeof(told)) == sizeof(told)) {
		tap_ok(told[0] >= before + SHIFT_S * 1000000000,
		       "the clock is another one in a time namespace");
		tap_between(before, told[1], boottime_ns(),
			    "the module's time is the host's there");
	}
	close(say[0]);
}

/* --- ends */

/* A child that adds a target for victim, says its id, and waits. */
static pid_t owner_of(pid_t victim, uint32_t flags, uint32_t *id)
{
	int say[2];
	pid_t pid;

	if (pipe(say))
		tap_bail("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct target target = { 0 };
		struct nl nl;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		nl_open(&nl);
		nl_target_add(&nl, victim, flags, &target);
		if (write(say[1], &target.id, sizeof(target.id)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (pid < 0 || read(say[0], id, sizeof(*id)) != sizeof(*id) || !*id)
		tap_bail("a child cannot add a target");
	close(say[0]);
	close(say[1]);
	return pid;
}

static void test_bound(struct nl *nl)
{
	pid_t victim = sleeper_start(), owner;
	struct target target;
	uint32_t id;
	int rc = 0;

	owner = owner_of(victim, OSCONCEPTS_TARGET_FLAGS_BOUND, &id);
	tap_ok(!nl_target_get(nl, id, &target) &&
		       target.flags == OSCONCEPTS_TARGET_FLAGS_BOUND,
	       "a bound target is there while its socket is open");
	sleeper_end(owner);
	for (int i = 0; i < 500 && !rc; i++) {
		rc = nl_target_get(nl, id, &target);
		usleep(10000);
	}
	tap_equal((uint64_t)-rc, ENOENT,
		  "it is gone when its owner was killed");
	owner = owner_of(victim, 0, &id);
	sleeper_end(owner);
	tap_ok(!nl_target_get(nl, id, &target),
	       "an unbound target outlives its owner");
	nl_target_del(nl, id, NULL);
	sleeper_end(victim);
}

static void test_notifications(void)
{
	pid_t victim = sleeper_start();
	struct target added, told;
	struct nl nl, watcher;

	nl_open(&nl);
	nl_open(&watcher);
	if (nl_subscribe(&watcher))
		tap_bail("the group cannot be joined");
	if (nl_target_add(&nl, victim, 0, &added))
		tap_bail("the victim cannot be watched");
	tap_equal((uint64_t)nl_notified(&watcher, 10000, &told),
		  OSCONCEPTS_CMD_TARGET_ADD_NTF, "an addition is told");
	tap_ok(told.id == added.id && told.pid == (uint32_t)victim,
	       "with its id and pid");
	sleeper_end(victim);
	tap_equal((uint64_t)nl_notified(&watcher, 10000, &told),
		  OSCONCEPTS_CMD_TARGET_EXIT_NTF,
		  "the exit is told without anybody reading the target");
	tap_ok(told.id == added.id &&
		       told.state == OSCONCEPTS_TARGET_STATE_EXITED &&
		       told.tasks_live == 0 && told.tasks_exited == 1,
	       "with its final state");
	nl_target_del(&nl, added.id, NULL);
	tap_equal((uint64_t)nl_notified(&watcher, 10000, &told),
		  OSCONCEPTS_CMD_TARGET_DEL_NTF, "the removal is told");
	tap_equal((uint64_t)nl_notified(&watcher, 0, &told), 0,
		  "and nothing else");
	nl_close(&watcher);
	nl_close(&nl);
}

int main(void)
{
	struct nl nl;

	nl_open(&nl);
	test_what_is_no_process(&nl);
	test_other_users();
	test_pid_namespace(&nl);
	test_time_namespace();
	test_bound(&nl);
	nl_close(&nl);
	test_notifications();
	return tap_done();
}
