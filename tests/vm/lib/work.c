// SPDX-License-Identifier: GPL-2.0-or-later
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/*
 * Long enough for an emulated CPU and a kernel that checks every access; reached
 * only when something hangs, and the runner may be faster.
 */
#define SETTLE_TRIES 100000
#define SETTLE_PAUSE_US 2000

void work_schedule(int cpu, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param))
		tap_bail("the scheduling class cannot be set");
}

void work_thread(void *(*run)(void *), void *arg, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	errno = pthread_create(&thread, &attr, run, arg);
	if (errno)
		tap_bail("a thread cannot be made");
	pthread_attr_destroy(&attr);
}

bool work_switches_are_blocks(void)
{
	struct utsname name;

	return uname(&name) || !strstr(name.version, "PREEMPT_RT");
}

static void run_steps(int gate, struct work_shared *shared,
		      const work_step *steps, unsigned int count)
{
	unsigned int i = 0;
	char byte;

	while (read(gate, &byte, 1) == 1) {
		/* 'w' warms up: the same path without a step. */
		if (byte == 's' && i < count)
			steps[i++](shared);
		getrusage(RUSAGE_CHILDREN, &shared->children);
		getrusage(RUSAGE_SELF, &shared->self);
		atomic_fetch_add(&shared->done, 1);
	}
}

static void let_go(struct work *work, char byte)
{
	if (write(work->gate, &byte, 1) != 1)
		tap_bail("the worker's gate cannot be opened");
	work->released++;
}

void work_start(struct work *work, const work_step *steps, unsigned int count)
{
	int gate[2];

	work->released = 0;
	work->shared = mmap(NULL, sizeof(*work->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (work->shared == MAP_FAILED || pipe(gate))
		tap_bail("the worker cannot be set up");
	fflush(stdout);
	work->pid = fork();
	if (work->pid < 0)
		tap_bail("fork");
	if (!work->pid) {
		close(gate[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work_schedule(0, WORK_PRIORITY);
		run_steps(gate[0], work->shared, steps, count);
		_exit(0);
	}
	close(gate[0]);
	work->gate = gate[1];
	for (int i = 0; i < 2; i++) {
		let_go(work, 'w');
		work_settle(work);
	}
}

void work_release(struct work *work)
{
	let_go(work, 's');
}

static bool same_books(const struct books *a, const struct books *b)
{
	return !memcmp(a, b, sizeof(*a));
}

char task_state(pid_t pid, const char *tid)
{
	char path[64], line[512], *name_end = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.10s/stat", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return '\0';
	if (fgets(line, sizeof(line), file))
		name_end = strrchr(line, ')');
	fclose(file);
	return name_end && name_end[1] ? name_end[2] : '\0';
}

/* Whether every thread of the process sleeps, or is a dead leader. */
static bool all_blocked(pid_t pid)
{
	struct dirent *entry;
	bool blocked = true;
	char path[64], state;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return false;
	while (blocked && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		state = task_state(pid, entry->d_name);
		if (state)
			blocked = state == 'S' || state == 'Z';
	}
	closedir(tasks);
	return blocked;
}

void work_settle(struct work *work)
{
	struct books before, after;

	for (int i = 0; i < SETTLE_TRIES; i++) {
		/* A task shows as asleep a moment before its switch is booked:
		 * twice the same books make sure.
		 */
		if (atomic_load(&work->shared->done) == work->released &&
		    all_blocked(work->pid) && !books_read(work->pid, &before)) {
			usleep(SETTLE_PAUSE_US);
			if (!books_read(work->pid, &after) &&
			    same_books(&before, &after))
				return;
		}
		usleep(SETTLE_PAUSE_US);
	}
	errno = ETIMEDOUT;
	tap_bail("the worker does not come to rest");
}

void work_next(struct work *work)
{
	work_release(work);
	work_settle(work);
}

int work_end(struct work *work, struct rusage *usage)
{
	struct rusage scratch;
	int status;

	close(work->gate);
	if (wait4(work->pid, &status, 0, usage ? usage : &scratch) < 0)
		tap_bail("wait4");
	munmap(work->shared, sizeof(*work->shared));
	return status;
}

const int booked[] = {
	OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY,
	OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY,
	OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR,
	OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR,
	OSCONCEPTS_A_COUNTERS_CPU_NS,
	OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS,
	0,
};

const char *counter_name(int attribute)
{
	static const char *const names[] = {
		[OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY] =
			"voluntary switches",
		[OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY] =
			"involuntary switches",
		[OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR] = "minor faults",
		[OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR] = "major faults",
		[OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS] = "epoll callbacks",
		[OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS] = "epoll wakeups",
		[OSCONCEPTS_A_COUNTERS_CPU_NS] = "CPU time",
		[OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS] = "run delay",
	};

	return names[attribute];
}

static int read_status(const char *path, struct books *out)
{
	FILE *file = fopen(path, "re");
	uint64_t value;
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &value) ==
		    1)
			out->value[booked[0]] += value;
		if (sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64,
			   &value) == 1)
			out->value[booked[1]] += value;
	}
	fclose(file);
	return 0;
}

static int read_schedstat(const char *path, struct books *out)
{
	FILE *file = fopen(path, "re");
	uint64_t ran, waited;
	int fields;

	if (!file)
		return -1;
	fields = fscanf(file, "%" SCNu64 " %" SCNu64, &ran, &waited);
	fclose(file);
	if (fields != 2)
		return -1;
	out->value[OSCONCEPTS_A_COUNTERS_CPU_NS] += ran;
	out->value[OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS] += waited;
	return 0;
}

/* The faults of the whole process, its exited threads included. */
static int read_faults(pid_t pid, struct books *out)
{
	char path[64], line[512], *end;
	FILE *file;
	int fields = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file)) {
		end = strrchr(line, ')');
		if (end)
			fields = sscanf(
				end + 1,
				" %*c %*d %*d %*d %*d %*d %*u %" SCNu64
				" %*u %" SCNu64,
				&out->value
					 [OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR],
				&out->value
					 [OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR]);
	}
	fclose(file);
	return fields == 2 ? 0 : -1;
}

int books_read(pid_t pid, struct books *out)
{
	struct dirent *entry;
	char path[64];
	DIR *tasks;
	int rc;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -1;
	rc = read_faults(pid, out);
	while (!rc && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%.10s/status", pid,
			 entry->d_name);
		rc = read_status(path, out);
		snprintf(path, sizeof(path), "/proc/%d/task/%.10s/schedstat",
			 pid, entry->d_name);
		rc = rc ? rc : read_schedstat(path, out);
	}
	closedir(tasks);
	return rc;
}

void books_equal(struct nl *nl, uint32_t id, pid_t pid,
		 const struct books *base, const char *name)
{
	struct target target;
	struct books now;
	int rc;

	rc = nl_target_get(nl, id, &target);
	if (rc || books_read(pid, &now)) {
		tap_ok(false, "%s: the books can be read", name);
		return;
	}
	for (const int *a = booked; *a; a++)
		tap_equal(counter(&target.counts, *a),
			  now.value[*a] - base->value[*a], "%s: %s as in /proc",
			  name, counter_name(*a));
}
