// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each allocation of loading, without timings and with all of them, of every
 * netlink command, of reading /proc/osconcepts and of a watched fork fails
 * once: the operation then fails cleanly or does without, and it works again
 * afterwards. Needs a kernel with fault injection (scripts/kernel debug), which
 * also looks for what leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
	const char *argument; /* of the operation */
};

/* run() is what fails: 0 or -errno. */
struct operation {
	const char *name;
	void (*prepare)(struct state *state);
	int (*run)(struct state *state);
	void (*clean)(struct state *state, int rc);
	const char *argument; /* the timing, or the module's parameters */
	int also; /* -errno for want of what was done without, or 0 */
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

	state->argument = op->argument;
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
		if (rc < 0 && rc != -ENOMEM && rc != -ENOBUFS &&
		    rc != op->also && !odd) {
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

/* Timed faults hold the module, which need not be there. */
static void switch_timings_off(void)
{
	int fd = open("/sys/module/osconcepts/parameters/time",
		      O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		tap_bail("the timings cannot be switched off");
	close(fd);
}

static int unload(void)
{
	switch_timings_off();
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

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, state->argument, 0))
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
	/* A source that lacks memory is missing, and so are its timings. */
	static const struct operation ops[] = {
		{ "load", NULL, load, unload_loaded, "", 0 },
		{ "load, all timed", NULL, load, unload_loaded,
		  "time=sched=all,off_cpu=all,fault=all,epoll=all,epoll_return=all",
		  -EOPNOTSUPP },
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
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		fail_each(&ops[i], state);
	where("require", 0, UINT64_MAX);
	where("reject", 0, 0);
	state->argument = "";
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

static void reconnect(struct state *state)
{
	nl_close(&state->nl);
	connect_family(state);
}

/* A dump that has nothing to return would pass without having been tried. */
static int some(int count)
{
	return count > 0 ? 0 : count ? count : -ENODATA;
}

static int get_source(struct state *state)
{
	struct source source;

	return nl_source_get(&state->nl, "epoll", &source);
}

static int dump_sources(struct state *state)
{
	struct source sources[8];

	return some(nl_sources(&state->nl, sources, 8));
}

static int get_totals(struct state *state)
{
	struct totals totals;

	return nl_totals_get(&state->nl, &totals);
}

static int dump_totals(struct state *state)
{
	struct totals totals[8];

	return some(nl_totals_by_cpu(&state->nl, totals, 8));
}

static int get_target(struct state *state)
{
	struct target target;

	return nl_target_get(&state->nl, state->fixed.id, &target);
}

static int dump_targets(struct state *state)
{
	struct target targets[8];

	return some(nl_targets(&state->nl, targets, 8));
}

static int add_target(struct state *state)
{
	return nl_target_add(&state->nl, state->victim, 0, &state->added);
}

/* Inside the fixed one. */
static int add_inside(struct state *state)
{
	return nl_target_add(&state->nl, state->watched, 0, &state->added);
}

/* An answer may be lost where the target was made: all but the fixed one go. */
static void del_added(struct state *state, int rc)
{
	struct target targets[8], gone;
	int count;

	(void)rc;
	reconnect(state);
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

static void connect_and_add_inside(struct state *state)
{
	connect_family(state);
	if (add_inside(state))
		tap_bail("the target cannot be added inside another");
}

static int del_target(struct state *state)
{
	struct target gone;

	return nl_target_del(&state->nl, state->added.id, &gone);
}

static int set_timing(struct state *state)
{
	return nl_timing_set(&state->nl, state->argument,
			     OSCONCEPTS_TIMING_LEVEL_ALL);
}

static void reset_timing(struct state *state, int rc)
{
	(void)rc;
	reconnect(state);
	if (nl_timing_set(&state->nl, state->argument,
			  OSCONCEPTS_TIMING_LEVEL_OFF))
		tap_bail("the timing cannot be switched off");
	nl_close(&state->nl);
}

static void connect_and_time(struct state *state)
{
	connect_family(state);
	if (set_timing(state))
		tap_bail("the timing cannot be switched on");
}

/* In this order: a target is then freed with its histograms. */
static void del_timed(struct state *state, int rc)
{
	del_added(state, rc);
	connect_family(state);
	reset_timing(state, rc);
}

static int get_timing(struct state *state)
{
	struct timing timing;

	return nl_timing_get(&state->nl, state->argument, &timing);
}

static int dump_timings(struct state *state)
{
	struct timing timings[8];

	return some(nl_timings(&state->nl, timings, 8));
}

static int get_histogram(struct state *state)
{
	static struct histogram histogram;

	return nl_histogram_get(&state->nl, state->fixed.id, "run_queue_wait",
				&histogram);
}

static int dump_histograms(struct state *state)
{
	static struct histogram histograms[64];

	return some(nl_histograms(&state->nl, -1, histograms, 64));
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

/* An operation that leaves nothing behind, and one on a timing that is off. */
#define ASK(name, run, argument)                                   \
	{                                                          \
		name, connect_family, run, disconnect, argument, 0 \
	}
#define SET(timing)                                                \
	{                                                          \
		"timing-set, " timing, connect_family, set_timing, \
			reset_timing, timing, 0                    \
	}

static const struct operation operations[] = {
	ASK("source-get", get_source, NULL),
	ASK("source-get, dump", dump_sources, NULL),
	ASK("totals-get", get_totals, NULL),
	ASK("totals-get, dump", dump_totals, NULL),
	ASK("target-get", get_target, NULL),
	ASK("target-get, dump", dump_targets, NULL),
	{ "target-add", connect_family, add_target, del_added, NULL, 0 },
	{ "target-add, timed", connect_and_time, add_target, del_timed, "sched",
	  0 },
	{ "target-del", connect_and_add, del_target, del_added, NULL, 0 },
	{ "target-add, inside another", connect_family, add_inside, del_added,
	  NULL, 0 },
	{ "target-add, inside another, timed", connect_and_time, add_inside,
	  del_timed, "sched", 0 },
	{ "target-del, inside another", connect_and_add_inside, del_target,
	  del_added, NULL, 0 },
	SET("sched"),
	SET("off_cpu"),
	SET("fault"),
	SET("epoll"),
	SET("epoll_return"),
	ASK("timing-get", get_timing, "sched"),
	ASK("timing-get, dump", dump_timings, NULL),
	{ "histogram-get", connect_and_time, get_histogram, reset_timing,
	  "sched", 0 },
	{ "histogram-get, dump", connect_and_time, dump_histograms,
	  reset_timing, "sched", 0 },
	{ "read /proc/osconcepts", NULL, read_proc, NULL, NULL, 0 },
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
	/* The victim shares it with us: its owner is sought. */
	if (epoll_create1(0) < 0)
		tap_bail("epoll_create1");
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
