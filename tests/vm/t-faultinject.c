// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each allocation of loading, of every netlink command, of reading
 * /proc/osconcepts and of a watched fork fails once: the operation then fails
 * cleanly or does without, and it works again afterwards. Needs a kernel with
 * fault injection (scripts/kernel debug), which also looks for what leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nl_time.h"
#include "lib/sleeper.h"
#include "lib/tap.h"
#include "lib/watch.h"

#define DEBUGFS "/sys/kernel/debug/"
/* No operation of ours makes as many allocations. */
#define ALLOCATIONS_MAX 3000
#define ANSWER_TIMEOUT_S 10

/* What an operation needs, and what it may leave for its clean(). */
struct state {
	struct nl nl;
	pid_t watched, victim;
	struct target fixed, added;
};

/* run() is what fails: 0 or -errno. */
struct operation {
	const char *name;
	void (*prepare)(struct state *state);
	int (*run)(struct state *state);
	void (*clean)(struct state *state, int rc);
};

/* --- the injection */

static int fail_nth_fd = -1;
/* 1: each allocation; OSC_FAULT_STEP=N: each Nth, where there is little time. */
static unsigned int step = 1;

static void fail_nth(unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth_fd, text, (size_t)length, 0) != length)
		tap_bail("/proc/self/fail-nth");
}

/* How many allocations are left until the one that fails: 0, it has failed. */
static unsigned int still_to_go(void)
{
	char text[16] = "";

	if (pread(fail_nth_fd, text, sizeof(text) - 1, 0) <= 0)
		tap_bail("/proc/self/fail-nth");
	return (unsigned int)strtoul(text, NULL, 10);
}

static void set(const char *fault, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", fault, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		tap_bail(path);
	close(fd);
}

static const char *const faults[] = { "failslab", "fail_page_alloc" };
#define FAULTS (sizeof(faults) / sizeof(*faults))

/* From below which functions allocations fail ("require") or not ("reject"). */
static void where(const char *what, uint64_t start, uint64_t end)
{
	char name[32];
	char text[32];

	for (size_t i = 0; i < FAULTS; i++) {
		snprintf(text, sizeof(text), "0x%" PRIx64, start);
		snprintf(name, sizeof(name), "%s-start", what);
		set(faults[i], name, text);
		snprintf(text, sizeof(text), "0x%" PRIx64, end);
		snprintf(name, sizeof(name), "%s-end", what);
		set(faults[i], name, text);
	}
}

/* Sleeping allocations too, and without a report of each. */
static void arm(void)
{
	for (size_t i = 0; i < FAULTS; i++) {
		set(faults[i], "ignore-gfp-wait", "N");
		set(faults[i], "verbose", "0");
	}
	set("fail_page_alloc", "ignore-gfp-highmem", "N");
	set("fail_page_alloc", "min-order", "0");
}

/*
 * Fail the first allocation, the second … until there are no more. Every run
 * in which one failed may fail; the last, in which none did, must not.
 */
static void fail_each(const struct operation *op, struct state *state)
{
	unsigned int n, failures = 0, left;
	int rc, odd = 0;

	for (n = 1; n < ALLOCATIONS_MAX; n += step) {
		if (op->prepare)
			op->prepare(state);
		fail_nth(n);
		rc = op->run(state);
		left = still_to_go();
		fail_nth(0);
		if (op->clean)
			op->clean(state, rc);
		if (left)
			break;
		failures += rc < 0;
		if (rc < 0 && rc != -ENOMEM && rc != -ENOBUFS && !odd) {
			tap_note("%s: allocation %u fails with %s", op->name, n,
				 strerror(-rc));
			odd = rc;
		}
	}
	tap_note("%s: up to %u allocations, step %u: %u failed", op->name,
		 n - 1, step, failures);
	tap_ok(n > 1 && n < ALLOCATIONS_MAX, "%s: allocations were refused",
	       op->name);
	tap_equal((uint64_t)-odd, 0, "%s: fails for want of memory alone",
		  op->name);
	tap_equal((uint64_t)-rc, 0, "%s: works when no allocation fails",
		  op->name);
}

/* --- loading */

/* The bounds of a function, from /proc/kallsyms. */
static bool bounds(const char *function, uint64_t *start, uint64_t *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	uint64_t at;

	*start = 0;
	*end = UINT64_MAX;
	if (!symbols)
		return false;
	while (fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%" SCNx64 " %*c %255s", &at, name) == 2 &&
		    !strcmp(name, function))
			*start = at;
	rewind(symbols);
	while (fgets(line, sizeof(line), symbols))
		if (sscanf(line, "%" SCNx64, &at) == 1 && at > *start &&
		    at < *end)
			*end = at;
	fclose(symbols);
	return *start && *end != UINT64_MAX;
}

static int unload(void)
{
	for (int i = 0; i < 100; i++) {
		if (!syscall(SYS_delete_module, "osconcepts", O_NONBLOCK))
			return 0;
		if (errno != EAGAIN && errno != EBUSY)
			break;
		usleep(50000);
	}
	return -errno;
}

static int load(struct state *state)
{
	int fd = open(getenv("OSC_MODULE"), O_RDONLY | O_CLOEXEC);
	int rc = 0;

	(void)state;
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		rc = -errno;
	close(fd);
	return rc;
}

static void unload_loaded(struct state *state, int rc)
{
	(void)state;
	if (!rc && unload())
		tap_bail("the module cannot be unloaded");
	if (rc && !access("/sys/module/osconcepts", F_OK))
		tap_bail("the module is there though it failed to load");
}

/* The loader itself allocates hundreds of times, which is not ours to test. */
static void test_load(struct state *state)
{
	static const struct operation op = {
		.name = "load",
		.run = load,
		.clean = unload_loaded,
	};
	uint64_t start, end;

	if (!getenv("OSC_MODULE"))
		return tap_skip("load", "no OSC_MODULE");
	if (unload())
		tap_bail("the module cannot be unloaded");
	if (!bounds("do_one_initcall", &start, &end))
		tap_bail("do_one_initcall in /proc/kallsyms");
	where("require", start, end);
	/* It leaks the name of the cache when it fails: the kernel's mistake. */
	if (!bounds("sysfs_slab_add", &start, &end))
		tap_bail("sysfs_slab_add in /proc/kallsyms");
	where("reject", start, end);
	fail_each(&op, state);
	where("require", 0, UINT64_MAX);
	where("reject", 0, 0);
	if (load(state))
		tap_bail("the module cannot be loaded again");
}

/* --- netlink */

/* A request whose answer could not be made must not keep us waiting. */
static void connect_family(struct state *state)
{
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };

	nl_open(&state->nl);
	if (setsockopt(mnl_socket_get_fd(state->nl.socket), SOL_SOCKET,
		       SO_RCVTIMEO, &timeout, sizeof(timeout)))
		tap_bail("SO_RCVTIMEO");
}

static void disconnect(struct state *state, int rc)
{
	(void)rc;
	nl_close(&state->nl);
}

static int negative(int rc)
{
	return rc < 0 ? rc : 0;
}

static int get_source(struct state *state)
{
	struct source source;

	return nl_source_get(&state->nl, "epoll", &source);
}

static int dump_sources(struct state *state)
{
	struct source sources[8];

	return negative(nl_sources(&state->nl, sources, 8));
}

static int get_totals(struct state *state)
{
	struct totals totals;

	return nl_totals_get(&state->nl, &totals);
}

static int dump_totals(struct state *state)
{
	struct totals totals[8];

	return negative(nl_totals_by_cpu(&state->nl, totals, 8));
}

static int get_target(struct state *state)
{
	struct target target;

	return nl_target_get(&state->nl, state->fixed.id, &target);
}

static int dump_targets(struct state *state)
{
	struct target targets[8];

	return negative(nl_targets(&state->nl, targets, 8));
}

static int add_target(struct state *state)
{
	return nl_target_add(&state->nl, state->victim, 0, &state->added);
}

/* An answer may be lost where the target was made: all but the fixed one go. */
static void del_added(struct state *state, int rc)
{
	struct target targets[8], gone;
	int count;

	disconnect(state, rc);
	connect_family(state);
	count = nl_targets(&state->nl, targets, 8);
	if (count < 1 || count > 2)
		tap_bail("a target too many or too few");
	for (int i = 0; i < count; i++)
		if (targets[i].id != state->fixed.id &&
		    nl_target_del(&state->nl, targets[i].id, &gone))
			tap_bail("the target cannot be removed");
	nl_close(&state->nl);
}

static void connect_and_add(struct state *state)
{
	connect_family(state);
	if (add_target(state))
		tap_bail("the target cannot be added");
}

static int del_target(struct state *state)
{
	struct target gone;

	return nl_target_del(&state->nl, state->added.id, &gone);
}

static int set_timing(struct state *state)
{
	return nl_timing_set(&state->nl, "sched", OSCONCEPTS_TIMING_LEVEL_ALL);
}

static void reset_timing(struct state *state, int rc)
{
	disconnect(state, rc);
	connect_family(state);
	if (nl_timing_set(&state->nl, "sched", OSCONCEPTS_TIMING_LEVEL_OFF))
		tap_bail("the timing cannot be turned off");
	nl_close(&state->nl);
}

static int get_timing(struct state *state)
{
	struct timing timing;

	return nl_timing_get(&state->nl, "sched", &timing);
}

static int dump_histograms(struct state *state)
{
	static struct histogram histograms[64];

	return negative(nl_histograms(&state->nl, -1, histograms, 64));
}

/* --- /proc and the hooks */

static int read_proc(struct state *state)
{
	int fd = open("/proc/osconcepts", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t got;
	int rc;

	(void)state;
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text, sizeof(text));
		rc = got < 0 ? -errno : 0;
	} while (got > 0);
	close(fd);
	return rc;
}

/* We are a target: the hook on fork takes a child along. */
static int fork_watched(struct state *state)
{
	pid_t pid = fork();
	int rc = -errno;

	(void)state;
	if (!pid)
		_exit(0);
	if (pid < 0)
		return rc == -EAGAIN ? -ENOMEM : rc;
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static const struct operation operations[] = {
	{ "source-get", connect_family, get_source, disconnect },
	{ "source-get, dump", connect_family, dump_sources, disconnect },
	{ "totals-get", connect_family, get_totals, disconnect },
	{ "totals-get, dump", connect_family, dump_totals, disconnect },
	{ "target-get", connect_family, get_target, disconnect },
	{ "target-get, dump", connect_family, dump_targets, disconnect },
	{ "target-add", connect_family, add_target, del_added },
	{ "target-del", connect_and_add, del_target, del_added },
	{ "timing-set", connect_family, set_timing, reset_timing },
	{ "timing-get", connect_family, get_timing, disconnect },
	{ "histogram-get, dump", connect_family, dump_histograms, disconnect },
	{ "read /proc/osconcepts", NULL, read_proc, NULL },
};

static const struct operation watched_fork = {
	.name = "a watched fork",
	.run = fork_watched,
};

int main(void)
{
	struct state state = { 0 };
	struct nl owner;

	fail_nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth_fd < 0 || access(DEBUGFS "failslab", F_OK)) {
		tap_skip("each allocation fails once",
			 "this kernel has no fault injection");
		return tap_done();
	}
	if (getenv("OSC_FAULT_STEP"))
		step = (unsigned int)strtoul(getenv("OSC_FAULT_STEP"), NULL,
					     10);
	if (!step) {
		errno = EINVAL;
		tap_bail("OSC_FAULT_STEP is no number from 1 up");
	}
	arm();
	test_load(&state);
	state.watched = sleeper_start();
	state.victim = sleeper_start();
	nl_open(&owner);
	watch_add(&owner, state.watched, 0, &state.fixed);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		fail_each(&operations[i], &state);
	/* Only now: our children belong to it too. */
	watch_add(&owner, getpid(), 0, &state.added);
	fail_each(&watched_fork, &state);
	nl_close(&owner);
	sleeper_end(state.victim);
	sleeper_end(state.watched);
	return tap_done();
}
