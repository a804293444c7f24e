// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel.c - what the kernel does to tasks: moves, freezes, works for them. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/tap.h"
#include "exact.h"

#define MOVES 200
#define PLUGS 5
#define FREEZES 10
#define READS 100
#define CPU1 "/sys/devices/system/cpu/cpu1/online"
#define GROUPS "/tmp/exact-cgroup"
#define GROUP GROUPS "/frozen"

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	exact_check(sched_setaffinity(0, sizeof(set), &set),
		    "sched_setaffinity");
}

static void affinity(struct work_shared *shared)
{
	(void)shared;
	for (int i = 1; i <= MOVES; i++)
		run_on(i % 2);
	run_on(0);
}

/* Sleeps and runs by turns, wherever it may. */
static void move_about(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(1, &set);
	exact_check(sched_setaffinity(0, sizeof(set), &set),
		    "sched_setaffinity");
	for (int i = 0; i < 400; i++)
		usleep(1000);
}

static void hotplug(struct work_shared *shared)
{
	if (access(CPU1, W_OK)) {
		atomic_store(&shared->stop, NO_HOTPLUG);
		return;
	}
	work_schedule(0, 0);
	for (int i = 0; i < 4; i++)
		exact_child(move_about);
	for (int i = 0; i < PLUGS; i++) {
		exact_check(exact_write(CPU1, "0") || exact_write(CPU1, "1"),
			    "the second CPU");
		usleep(20000);
	}
	exact_reap();
	work_schedule(0, WORK_PRIORITY);
}

static void tick(void)
{
	for (;;)
		usleep(500);
}

static int freeze(const char *pid)
{
	for (int i = 0; i < FREEZES; i++) {
		if (exact_write(GROUP "/cgroup.freeze", "1"))
			return -1;
		usleep(5000);
		if (exact_write(GROUP "/cgroup.freeze", "0"))
			return -1;
		usleep(5000);
	}
	return exact_write(GROUPS "/cgroup.procs", pid);
}

static void freezer(struct work_shared *shared)
{
	char text[16];
	pid_t pid;

	mkdir(GROUPS, 0755);
	if (mount("exact", GROUPS, "cgroup2", 0, NULL) || mkdir(GROUP, 0755)) {
		atomic_store(&shared->stop, NO_FREEZER);
		return;
	}
	pid = exact_child(tick);
	snprintf(text, sizeof(text), "%d", pid);
	exact_check(exact_write(GROUP "/cgroup.procs", text) || freeze(text),
		    "the freezer");
	kill(pid, SIGKILL);
	exact_reap();
	rmdir(GROUP);
	umount(GROUPS);
}

/*
 * Reads that a worker of the kernel does for the process. The ring stays: with
 * it, the worker would end.
 */
static void io_uring(struct work_shared *shared)
{
	static struct io_uring ring;
	static char buf[4096];
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int fd = open("/bin/bash", O_RDONLY | O_CLOEXEC);

	exact_check(fd < 0, "/bin/bash");
	if (io_uring_queue_init(8, &ring, 0)) {
		atomic_store(&shared->stop, NO_IO_URING);
		return;
	}
	for (unsigned int i = 0; i < READS; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, fd, buf, sizeof(buf), i * sizeof(buf));
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
		exact_check(io_uring_submit_and_wait(&ring, 1) != 1 ||
				    io_uring_peek_cqe(&ring, &cqe),
			    "io_uring");
		io_uring_cqe_seen(&ring, cqe);
	}
	close(fd);
}

const struct workload exact_kernel[] = { { "affinity changes", affinity, 0, 0 },
					 { "CPU hotplug", hotplug, 0, 4 },
					 { "freezer", freezer, 0, 1 },
					 { "io_uring workers", io_uring,
					   UNTRACED | UNREAPED, 0 },
					 {} };
