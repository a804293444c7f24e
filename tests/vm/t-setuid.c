// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that raises its rights is not its user's to watch: not to add, and
 * not any more when a member of a target becomes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nobody.h"
#include "lib/pages.h"
#include "lib/tap.h"

/* A copy of this program, so that only its mode is special. */
static const char setuid_program[] = "/tmp/t-setuid-copy";

#define ROUND_PAGES 64

/* The set-uid program: a round of faults and a block for each byte. */
static int work_in_rounds(void)
{
	size_t size = ROUND_PAGES * (size_t)sysconf(_SC_PAGESIZE);
	char byte, *memory;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		memory = pages_map(size);
		if (!memory)
			return 1;
		memset(memory, 1, size);
		munmap(memory, size);
		if (write(STDOUT_FILENO, &byte, 1) != 1)
			return 1;
	}
	return 0;
}

struct riser {
	pid_t pid;
	int to, from;
};

/* Nobody's process, which becomes the set-uid program at the first byte. */
static void riser_start(struct riser *riser)
{
	int to[2], from[2];
	char byte;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		tap_bail("pipe");
	fflush(stdout);
	riser->pid = fork();
	if (riser->pid < 0)
		tap_bail("fork");
	if (!riser->pid) {
		if (getuid() != NOBODY)
			become_nobody();
		if (dup2(to[0], STDIN_FILENO) < 0 ||
		    dup2(from[1], STDOUT_FILENO) < 0 ||
		    write(STDOUT_FILENO, "r", 1) != 1 ||
		    read(STDIN_FILENO, &byte, 1) != 1)
			_exit(1);
		execl(setuid_program, setuid_program, "rounds", NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	riser->to = to[1];
	riser->from = from[0];
	/* It is nobody by now. */
	if (read(riser->from, &byte, 1) != 1)
		tap_bail("the process that is to raise its rights");
}

static bool riser_rounds(struct riser *riser, int count)
{
	char byte = 'r';

	for (int i = 0; i < count; i++)
		if (write(riser->to, &byte, 1) != 1 ||
		    read(riser->from, &byte, 1) != 1)
			return false;
	return true;
}

/* The first byte starts the program; the answer to the next is its own. */
static bool riser_rise(struct riser *riser)
{
	return write(riser->to, "x", 1) == 1 && riser_rounds(riser, 1);
}

static void riser_end(struct riser *riser)
{
	close(riser->to);
	close(riser->from);
	waitpid(riser->pid, NULL, 0);
}

/* --- tests */

static void copy_setuid(void)
{
	char command[256];
	struct stat stat_now;

	snprintf(command, sizeof(command),
		 "cp /proc/%d/exe %s && chmod 4755 %s", getpid(),
		 setuid_program, setuid_program);
	if (system(command) || stat(setuid_program, &stat_now) ||
	    !(stat_now.st_mode & S_ISUID))
		tap_bail("a setuid program cannot be made");
}

static int refused_for_setuid(pid_t unused)
{
	struct riser riser;
	struct nl nl;
	int rc;

	(void)unused;
	riser_start(&riser);
	if (!riser_rise(&riser))
		return 1;
	nl_open(&nl);
	rc = nl_target_add(&nl, riser.pid, 0, NULL);
	riser_end(&riser);
	return rc == -EPERM ? 0 : 2;
}

static uint64_t faults(const struct target *target)
{
	return counter(&target->counts,
		       OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR);
}

static uint64_t switches(const struct target *target)
{
	return counter(&target->counts,
		       OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY);
}

static bool is_same(const struct target *a, const struct target *b)
{
	return faults(a) == faults(b) && switches(a) == switches(b);
}

#define ROUNDS 10
#define CHANGES 8

/* What nobody sees of a process of its own that has raised its rights. */
static int lost_sight_of_setuid(pid_t unused)
{
	struct target before, risen, later;
	struct riser riser;
	struct nl nl;

	(void)unused;
	riser_start(&riser);
	nl_open(&nl);
	if (nl_target_add(&nl, riser.pid, 0, &before))
		return 1;
	if (nl_target_get(&nl, before.id, &before))
		return 2;
	if (!riser_rise(&riser) || nl_target_get(&nl, before.id, &risen))
		return 3;
	if (!riser_rounds(&riser, ROUNDS) ||
	    nl_target_get(&nl, before.id, &later))
		return 4;
	riser_end(&riser);
	if (faults(&risen) < faults(&before) ||
	    switches(&risen) < switches(&before))
		return 5;
	if (!is_same(&later, &risen))
		return 6;
	if (strcmp(later.comm, before.comm))
		return 9;
	if (nl_target_get(&nl, before.id, &later) || !is_same(&later, &risen))
		return 7;
	return nl_target_del(&nl, later.id, NULL) ? 8 : 0;
}

/* Nobody's own process, with a child that has raised its rights. */
static int not_among_children(pid_t unused)
{
	struct target target;
	struct riser riser;
	struct nl nl;
	int rc = 0;

	(void)unused;
	riser_start(&riser);
	if (!riser_rise(&riser))
		return 1;
	nl_open(&nl);
	if (nl_target_add(&nl, getpid(), 0, &target))
		return 2;
	if (target.tasks_live != 1)
		rc = 3;
	if (!riser_rounds(&riser, ROUNDS) ||
	    nl_target_get(&nl, target.id, &target))
		return 4;
	riser_end(&riser);
	if (!rc && (target.tasks_live != 1 || target.lost))
		rc = 5;
	return nl_target_del(&nl, target.id, NULL) ? 6 : rc;
}

static void test_privilege_keeps_sight(struct nl *nl)
{
	struct target before, later;
	struct riser riser;

	riser_start(&riser);
	if (nl_target_add(nl, riser.pid, 0, &before))
		tap_bail("the process that is to raise its rights");
	if (!riser_rise(&riser) || nl_target_get(nl, before.id, &before) ||
	    !riser_rounds(&riser, ROUNDS) ||
	    nl_target_get(nl, before.id, &later))
		tap_bail("the program with raised rights");
	tap_ok(faults(&later) >= faults(&before) +
					 (uint64_t)ROUNDS * ROUND_PAGES &&
		       switches(&later) > switches(&before),
	       "with privilege it stays in the target");
	riser_end(&riser);
	nl_target_del(nl, later.id, NULL);
}

static int add_for_nobody(pid_t pid)
{
	struct target target;
	struct nl nl;

	nl_open(&nl);
	return nl_target_add(&nl, pid, 0, &target) ? 1 : 0;
}

static bool changes_target(struct nl *nl)
{
	struct target targets[4], target;
	struct riser riser;
	bool good;

	riser_start(&riser);
	if (as_nobody(add_for_nobody, riser.pid) || !riser_rise(&riser))
		tap_bail("the process that is to raise its rights");
	good = !nl_target_add(nl, riser.pid, 0, &target) &&
	       target.tasks_live == 1;
	if (!riser_rounds(&riser, ROUNDS) ||
	    nl_target_get(nl, target.id, &target))
		tap_bail("the program with raised rights");
	good = good && target.state == OSCONCEPTS_TARGET_STATE_LIVE &&
	       faults(&target) >= (uint64_t)ROUNDS * ROUND_PAGES;
	riser_end(&riser);
	while (nl_targets(nl, targets, 4) > 0)
		nl_target_del(nl, targets[0].id, NULL);
	return good;
}

/*
 * Out of one target, and into another before anybody has looked at the first;
 * now and then the module's own look comes in between.
 */
static void test_changes_target(struct nl *nl)
{
	unsigned int good = 0;

	for (int i = 0; i < CHANGES; i++)
		good += changes_target(nl);
	tap_equal(good, CHANGES,
		  "what has left a target counts in another it is added to");
}

/* A target of nobody's, and a process born into it. */
struct family {
	uint32_t target;
	pid_t child;
};

/* Nobody's process, a target; its child raises its rights at once. */
static void family_run(int from, const int until[2])
{
	struct family family = { 0 };
	struct target target;
	struct riser riser;
	struct nl nl;
	char byte;

	/* Its end is ours. */
	close(until[1]);
	become_nobody();
	nl_open(&nl);
	if (nl_target_add(&nl, getpid(), 0, &target))
		_exit(1);
	family.target = target.id;
	riser_start(&riser);
	family.child = riser.pid;
	if (write(riser.to, "x", 1) != 1 ||
	    write(from, &family, sizeof(family)) != sizeof(family))
		_exit(1);
	if (read(until[0], &byte, 1) < 0)
		_exit(1);
	riser_end(&riser);
	_exit(0);
}

/* As soon as it is no member of the other target. */
static bool add_risen(struct nl *nl, pid_t pid, struct target *target)
{
	for (int i = 0; i < 100000; i++) {
		int rc = nl_target_add(nl, pid, 0, target);

		if (rc != -EBUSY)
			return !rc;
	}
	return false;
}

/* Whether what it did in the first target before it left is there. */
static bool leaves_its_past(struct nl *nl)
{
	struct target first, second;
	struct family family;
	int from[2], until[2];
	pid_t pid;
	bool good;

	if (pipe2(from, O_CLOEXEC) || pipe2(until, O_CLOEXEC))
		tap_bail("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid)
		family_run(from[1], until);
	if (pid < 0 ||
	    read(from[0], &family, sizeof(family)) != sizeof(family) ||
	    !add_risen(nl, family.child, &second) ||
	    nl_target_get(nl, family.target, &first))
		tap_bail("a family of nobody's");
	good = first.tasks_live == 1 && first.tasks_exited == 1 && !first.lost;
	close(until[1]);
	waitpid(pid, NULL, 0);
	nl_target_del(nl, second.id, NULL);
	nl_target_del(nl, first.id, NULL);
	close(from[0]);
	close(from[1]);
	close(until[0]);
	return good;
}

static void test_leaves_its_past(struct nl *nl)
{
	unsigned int good = 0;

	for (int i = 0; i < CHANGES; i++)
		good += leaves_its_past(nl);
	tap_equal(good, CHANGES,
		  "one that is added elsewhere leaves behind what it did");
}

int main(int argc, char **argv)
{
	struct nl nl;

	if (argc > 1 && !strcmp(argv[1], "rounds"))
		return work_in_rounds();
	nl_open(&nl);
	copy_setuid();
	tap_equal((uint64_t)as_nobody(refused_for_setuid, 0), 0,
		  "a program that raised its rights is refused");
	tap_equal((uint64_t)as_nobody(lost_sight_of_setuid, 0), 0,
		  "a member that raises its rights leaves its user's target");
	tap_equal((uint64_t)as_nobody(not_among_children, 0), 0,
		  "nor does it come in as a child of its user's process");
	test_privilege_keeps_sight(&nl);
	test_changes_target(&nl);
	test_leaves_its_past(&nl);
	unlink(setuid_program);
	nl_close(&nl);
	return tap_done();
}
