// SPDX-License-Identifier: GPL-2.0-or-later
/* processes.c - ways to make, change and end tasks. */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/tap.h"
#include "exact.h"

#define AT_ONCE 50
#define THREADS 200
#define PROGRAMS 20
#define CHILDREN 30
#define NAMESPACED 10

static void nothing(void)
{
}

static void nap(void)
{
	usleep(50);
}

/* As an ordinary task: children preempt each other and the parent. */
static void fork_bomb(struct work_shared *shared)
{
	work_schedule(0, 0);
	for (unsigned int i = 0; i < exact_bomb(); i++) {
		atomic_store(&shared->value[PROGRESS], i);
		exact_child(nap);
		if (i % AT_ONCE == AT_ONCE - 1)
			exact_reap();
	}
	exact_reap();
	work_schedule(0, WORK_PRIORITY);
}

static void *thread_life(void *arg)
{
	nap();
	return arg;
}

static void thread_storm(struct work_shared *shared)
{
	pthread_t thread[THREADS];

	(void)shared;
	for (int i = 0; i < THREADS; i++)
		exact_check((errno = pthread_create(&thread[i], NULL,
						    thread_life, NULL)),
			    "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void exec_thrice(void)
{
	execl("/bin/sh", "sh", "-c", "exec /bin/sh -c 'exec /bin/true'", NULL);
	_exit(127);
}

static void exec_chains(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < PROGRAMS; i++) {
		exact_child(exec_thrice);
		exact_reap();
	}
}

static char *const true_argv[] = { "true", NULL };

static void vforks(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < PROGRAMS; i++) {
		pid_t pid = vfork();

		if (!pid) {
			execv("/bin/true", true_argv);
			_exit(127);
		}
		exact_check(pid < 0, "vfork");
		exact_reap();
	}
}

static void spawns(struct work_shared *shared)
{
	pid_t pid;

	(void)shared;
	for (int i = 0; i < PROGRAMS; i++) {
		exact_check((errno = posix_spawn(&pid, "/bin/true", NULL, NULL,
						 true_argv, environ)),
			    "posix_spawn");
		exact_reap();
	}
}

/* The child's end sends no signal; only __WALL and __WCLONE wait for it. */
static void clones_without_signal(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < CHILDREN; i++) {
		long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, 0);

		exact_check(pid < 0, "clone");
		if (!pid) {
			nap();
			_exit(0);
		}
	}
	exact_reap();
}

static void have_a_child(void)
{
	exact_child(nap);
}

/* The grandchildren become ours, as those of a service manager. */
static void orphans(struct work_shared *shared)
{
	(void)shared;
	exact_check(prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
	for (int i = 0; i < CHILDREN; i++)
		exact_child(have_a_child);
	exact_reap();
}

static void have_a_daemon(void)
{
	exact_check(setsid() < 0, "setsid");
	exact_child(nap);
}

static void daemons(struct work_shared *shared)
{
	(void)shared;
	exact_check(prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
	for (int i = 0; i < CHILDREN; i++)
		exact_child(have_a_daemon);
	exact_reap();
}

/* Nobody waits: the kernel reaps them, and their usage goes nowhere. */
static void reaped_by_the_kernel(struct work_shared *shared)
{
	(void)shared;
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < CHILDREN; i++)
		exact_child(nap);
	exact_reap();
	signal(SIGCHLD, SIG_DFL);
}

static void be_traced(void)
{
	exact_check(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
	raise(SIGSTOP);
	nap();
}

/* Stopped at each system call, in and out. */
static void traced(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < CHILDREN / 3; i++) {
		pid_t pid = exact_child(be_traced);
		int status;

		while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
			exact_check(ptrace(PTRACE_SYSCALL, pid, NULL, NULL),
				    "PTRACE_SYSCALL");
	}
}

static void sleep_long(void)
{
	for (;;)
		pause();
}

static void stopped_and_killed(struct work_shared *shared)
{
	int status;

	(void)shared;
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = exact_child(sleep_long);

		for (int j = 0; j < 3; j++) {
			kill(pid, SIGSTOP);
			waitpid(pid, &status, WUNTRACED);
			kill(pid, SIGCONT);
			waitpid(pid, &status, WCONTINUED);
		}
		kill(pid, i % 2 ? SIGKILL : SIGTERM);
		exact_check(waitpid(pid, &status, 0) != pid, "waitpid");
	}
}

static void be_init(void)
{
	for (int i = 0; i < NAMESPACED; i++)
		exact_child(nap);
	exact_reap();
}

static void pid_namespace(struct work_shared *shared)
{
	struct clone_args args = { .flags = CLONE_NEWPID,
				   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid) {
		be_init();
		_exit(0);
	}
	if (pid < 0)
		atomic_store(&shared->stop, NO_NAMESPACE);
	else
		exact_reap();
}

static void *exec_true(void *arg)
{
	execv("/bin/true", true_argv);
	return arg;
}

/* A thread that is not the leader execs, and becomes it. */
static void exec_in_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_true, NULL))
		_exit(1);
	sleep_long();
}

static void execs_by_a_thread(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < PROGRAMS; i++) {
		exact_child(exec_in_a_thread);
		exact_reap();
	}
}

static void children_of_children(void)
{
	exact_child(have_a_child);
	exact_reap();
}

static void generations(struct work_shared *shared)
{
	(void)shared;
	exact_check(prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
	for (int i = 0; i < CHILDREN; i++)
		exact_child(children_of_children);
	exact_reap();
	exact_child(nothing);
	exact_reap();
}

const struct workload exact_processes[] = {
	{ "fork bomb", fork_bomb, 0, A_BOMB },
	{ "added in its middle", fork_bomb, UNBEGUN, A_BOMB },
	{ "thread storm", thread_storm, 0, THREADS },
	{ "exec chains", exec_chains, 0, PROGRAMS },
	{ "vfork and exec", vforks, 0, PROGRAMS },
	{ "posix_spawn", spawns, 0, PROGRAMS },
	{ "clone, no SIGCHLD", clones_without_signal, 0, CHILDREN },
	{ "double fork", orphans, 0, 2 * CHILDREN },
	{ "setsid daemons", daemons, 0, 2 * CHILDREN },
	{ "generations", generations, 0, 3 * CHILDREN + 1 },
	{ "SIGCHLD ignored", reaped_by_the_kernel, UNREAPED, CHILDREN },
	{ "ptraced", traced, 0, CHILDREN / 3 },
	{ "stopped, killed", stopped_and_killed, 0, CHILDREN },
	{ "pid namespace", pid_namespace, 0, NAMESPACED + 1 },
	{ "exec by a thread", execs_by_a_thread, 0, 2 * PROGRAMS },
	{}
};
