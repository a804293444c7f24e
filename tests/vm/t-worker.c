// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process has ended, and a worker that the kernel made for it has not: the
 * target has not ended then, and counts what the worker still does.
 *
 * A process waits for its io_uring's workers until they let go of the ring, which
 * they do before they end. Priorities stretch the moment between: on the first CPU
 * the process goes first and a hog second, which begins when the process has
 * ended; the worker has no priority.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define READS 100
#define HOG_PRIORITY 40
#define PROCESS_PRIORITY 50
#define TURN_NS 1000000L
#define PATIENCE_MS 20000

/* Holds the CPU from the parent's end until it is told to stop. */
static void hog(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    prctl(PR_SET_PDEATHSIG, SIGUSR1))
		_exit(1);
	work_schedule(0, HOG_PRIORITY);
	sigwait(&set, &sig);
	for (;;)
		;
}

/* Reads by a worker, one after the other; the worker is not of our priority. */
static int read_by_worker(int fd)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	char buf[4096];
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (io_uring_queue_init(8, &ring, 0) ||
	    io_uring_register_iowq_aff(&ring, sizeof(first), &first))
		return 1;
	for (unsigned int i = 0; i < READS; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, fd, buf, sizeof(buf), 0);
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
		if (io_uring_submit_and_wait(&ring, 1) < 0 ||
		    io_uring_peek_cqe(&ring, &cqe))
			return 2;
		io_uring_cqe_seen(&ring, cqe);
	}
	return 0;
}

/* What ends; the hog's number is told first. */
static void process(int to, int from)
{
	struct sched_param priority = { .sched_priority = PROCESS_PRIORITY };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	pid_t pid = fork();
	char byte;

	if (!pid)
		hog();
	work_schedule(0, 0);
	if (fd < 0 || pid < 0 ||
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK,
			       &priority) ||
	    write(from, &pid, sizeof(pid)) != sizeof(pid) ||
	    read(to, &byte, 1) != 1)
		_exit(1);
	_exit(read_by_worker(fd));
}

/* Its parent is not told as long as a thread is left. */
static void wait_for_zombie(pid_t pid)
{
	const struct timespec turn = { .tv_nsec = TURN_NS };
	char leader[16];

	snprintf(leader, sizeof(leader), "%d", pid);
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (task_state(pid, leader) == 'Z')
			return;
		nanosleep(&turn, NULL);
	}
	errno = ETIMEDOUT;
	tap_bail("the process does not end");
}

static bool has_ended(const struct target *target)
{
	return target->state == OSCONCEPTS_TARGET_STATE_EXITED;
}

/* Final, as it says, or it goes on. */
static bool is_as_before(const struct target *a, const struct target *b)
{
	const int names[] = {
		OSCONCEPTS_A_COUNTERS_CPU_NS,
		OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY,
		OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (counter(&a->counts, names[i]) !=
		    counter(&b->counts, names[i]))
			return false;
	}
	return a->tasks_exited == b->tasks_exited;
}

static void wait_until_ended(struct nl *nl, struct target *target)
{
	const struct timespec turn = { .tv_nsec = TURN_NS };

	for (int i = 0; i < PATIENCE_MS && !has_ended(target); i++) {
		nanosleep(&turn, NULL);
		watch_get(nl, target);
	}
}

int main(void)
{
	struct target early, late;
	int to[2], from[2], status;
	pid_t pid, hog_pid;
	struct nl nl;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		tap_skip("a worker ends last", "needs two CPUs");
		return tap_done();
	}
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		tap_bail("pipe");
	pid = fork();
	if (!pid)
		process(to[0], from[1]);
	if (pid < 0 || read(from[0], &hog_pid, sizeof(hog_pid)) !=
			       (ssize_t)sizeof(hog_pid))
		tap_bail("the process");
	work_schedule(1, 0);
	nl_open(&nl);
	watch_add(&nl, pid, OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW, &early);
	if (write(to[1], "g", 1) != 1)
		tap_bail("write");
	wait_for_zombie(pid);
	watch_get(&nl, &early);
	tap_ok(!has_ended(&early),
	       "a worker is left: the target has not ended");
	kill(hog_pid, SIGKILL);
	late = early;
	wait_until_ended(&nl, &late);
	tap_ok(has_ended(&late), "it ends with the worker");
	tap_ok(!has_ended(&early) || is_as_before(&early, &late),
	       "nothing is counted after the end");
	/* 6.1 makes several. */
	tap_ok(late.tasks_exited > early.tasks_exited, "its end is counted");
	tap_equal(late.lost, 0, "nothing lost");
	tap_ok(waitpid(pid, &status, 0) == pid && !status,
	       "the worker's reads were made");
	nl_target_del(&nl, late.id, NULL);
	nl_close(&nl);
	return tap_done();
}
