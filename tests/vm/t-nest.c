// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Several targets watch one process: each counts what happens while it is there,
 * exactly, in whichever order they come and go, and none changes what another
 * shows. Where that is not possible an add is refused, naming the target that is
 * in the way to those who may see it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nl_time.h"
#include "lib/nobody.h"
#include "lib/pages.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define PAGE 4096
#define PAGES 100
#define ROUNDS 20
#define CHURNS 40

#define CALLBACKS OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS
#define MINOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR
#define NO_FOLLOW OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW

/* --- a parent and its child, which do what they are told */

struct member {
	pid_t pid;
	int to[2], from[2];
	uint64_t faults; /* its own, as it has said last */
};

static struct member parent, child;
static struct nl nl;

/* What a member says after each thing that it was told. */
struct reply {
	pid_t child;
	uint64_t faults;
};

static int event_fd, epoll_fd;

static void touch_pages(void)
{
	char *memory = pages_map(PAGES * PAGE);

	if (!memory)
		_exit(1);
	for (int i = 0; i < PAGES; i++)
		memory[(size_t)i * PAGE] = 1;
	munmap(memory, PAGES * PAGE);
}

static void register_event(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (event_fd < 0 || epoll_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want))
		_exit(1);
}

static void call_back(void)
{
	const uint64_t one = 1;

	for (int i = 0; i < ROUNDS; i++) {
		if (write(event_fd, &one, sizeof(one)) != sizeof(one))
			_exit(1);
	}
}

static void live(struct member *m);

static pid_t bear(void)
{
	pid_t pid = fork();

	if (!pid)
		live(&child);
	return pid;
}

/* 'f' faults, 'k' a child, 'e' a registration, 'r' readiness, 's' sleeps. */
static pid_t obey(char what)
{
	switch (what) {
	case 'f':
		touch_pages();
		return 0;
	case 'k':
		return bear();
	case 'e':
		register_event();
		return 0;
	case 'r':
		call_back();
		return 0;
	case 's':
		for (int i = 0; i < ROUNDS; i++)
			usleep(100);
		return 0;
	}
	return 0;
}

/* Ends when the test closes its end, or does. */
static void live(struct member *m)
{
	struct reply reply;
	struct rusage usage;
	char what;

	if (m == &parent) {
		close(parent.to[1]);
		close(child.to[1]);
	}
	while (read(m->to[0], &what, 1) == 1) {
		reply.child = obey(what);
		getrusage(RUSAGE_SELF, &usage);
		reply.faults = (uint64_t)usage.ru_minflt;
		if (write(m->from[1], &reply, sizeof(reply)) != sizeof(reply))
			break;
	}
	_exit(0);
}

/* It has gone back to its read. */
static void sleeps(pid_t pid)
{
	char tid[16];

	snprintf(tid, sizeof(tid), "%d", pid);
	for (int i = 0; i < 10000 && task_state(pid, tid) != 'S'; i++)
		usleep(100);
}

/* How many faults it has made since the last time; its child's PID is noted. */
static uint64_t tell(struct member *m, char what)
{
	uint64_t before = m->faults;
	struct reply reply;

	if (write(m->to[1], &what, 1) != 1 ||
	    read(m->from[0], &reply, sizeof(reply)) != sizeof(reply))
		tap_bail("a member does not answer");
	m->faults = reply.faults;
	if (reply.child)
		child.pid = reply.child;
	sleeps(m->pid);
	return m->faults - before;
}

static void open_pipes(struct member *m)
{
	memset(m, 0, sizeof(*m));
	if (pipe2(m->to, O_CLOEXEC) || pipe2(m->from, O_CLOEXEC))
		tap_bail("pipe");
}

/* Both are warm: what they do first is done. */
static void family_start(void)
{
	open_pipes(&parent);
	open_pipes(&child);
	fflush(stdout);
	parent.pid = fork();
	if (!parent.pid)
		live(&parent);
	if (parent.pid < 0)
		tap_bail("fork");
	for (int i = 0; i < 3; i++)
		tell(&parent, 'f');
	tell(&parent, 'k');
	for (int i = 0; i < 3; i++)
		tell(&child, 'f');
	tell(&parent, 'f');
}

static void close_pipes(struct member *m)
{
	close(m->to[0]);
	close(m->to[1]);
	close(m->from[0]);
	close(m->from[1]);
}

static void family_end(void)
{
	close(child.to[1]);
	close(parent.to[1]);
	waitpid(parent.pid, NULL, 0);
	parent.to[1] = child.to[1] = -1;
	close_pipes(&parent);
	close_pipes(&child);
}

static void remove_target(struct target *target)
{
	if (nl_target_del(&nl, target->id, target))
		tap_bail("a target cannot be removed");
}

static uint64_t faults(struct target *target)
{
	watch_get(&nl, target);
	return counter(&target->counts, MINOR);
}

static uint64_t callbacks(struct target *target)
{
	watch_get(&nl, target);
	return counter(&target->counts, CALLBACKS);
}

static void none_lost(struct target *target, const char *name)
{
	watch_get(&nl, target);
	tap_equal(target->lost, 0, "%s: nothing lost", name);
}

/* --- the tests */

/* Three of one process; the first and then the last but one go before the rest. */
static void test_same_root(void)
{
	struct target a, b, c;
	uint64_t of_a = 0, of_b = 0, of_c = 0, did;

	family_start();
	watch_add(&nl, parent.pid, 0, &a);
	of_a += tell(&parent, 'f') + tell(&child, 'f');
	watch_add(&nl, parent.pid, 0, &b);
	did = tell(&parent, 'f') + tell(&child, 'f');
	of_a += did;
	of_b += did;
	watch_add(&nl, parent.pid, 0, &c);
	did = tell(&child, 'f');
	of_a += did;
	of_b += did;
	of_c += did;
	tap_equal(faults(&a), of_a, "same root: the first has all");
	tap_equal(faults(&b), of_b, "same root: the second what came since");
	tap_equal(faults(&c), of_c, "same root: the third what came since");
	tap_equal(a.tasks_live, 2, "same root: both tasks are in the first");
	tap_equal(b.tasks_live, 2, "same root: and in the second");
	tap_equal(c.tasks_live, 2, "same root: and in the third");
	remove_target(&a);
	tap_equal(counter(&a.counts, MINOR), of_a,
		  "same root: removed, the first shows the same");
	did = tell(&parent, 'f');
	of_b += did;
	of_c += did;
	remove_target(&b);
	tap_equal(counter(&b.counts, MINOR), of_b,
		  "same root: the second goes on without the first");
	did = tell(&child, 'f');
	of_c += did;
	tap_equal(faults(&c), of_c, "same root: and the third without both");
	watch_add(&nl, parent.pid, 0, &a);
	did = tell(&child, 'f');
	of_c += did;
	tap_equal(faults(&a), did, "same root: one more");
	remove_target(&a);
	did = tell(&parent, 'f') + tell(&child, 'f');
	of_c += did;
	tap_equal(faults(&c), of_c,
		  "same root: what one inside was has gone on is in the outer");
	none_lost(&c, "same root");
	family_end();
	watch_settled(&nl, &c, 0);
	tap_equal(c.state, OSCONCEPTS_TARGET_STATE_EXITED,
		  "same root: the end is seen");
	tap_equal(c.tasks_exited, 2, "same root: both have ended");
	remove_target(&c);
}

/* One on a member of another, and one around it. */
static void test_inner_and_outer(void)
{
	struct target outer, inner, around;
	uint64_t of_outer = 0, of_inner = 0, of_around = 0, did;

	family_start();
	watch_add(&nl, parent.pid, 0, &outer);
	of_outer += tell(&child, 'f');
	watch_add(&nl, child.pid, 0, &inner);
	tap_equal(counter(&inner.counts, MINOR), 0, "inside: begins at 0");
	did = tell(&child, 'f');
	of_outer += did;
	of_inner += did;
	of_outer += tell(&parent, 'f');
	tap_equal(faults(&outer), of_outer, "inside: the outer one has all");
	tap_equal(faults(&inner), of_inner, "inside: the inner one its part");
	tap_equal(inner.tasks_live, 1, "inside: the child alone");
	remove_target(&outer);
	of_inner += tell(&child, 'f');
	tap_equal(faults(&inner), of_inner,
		  "inside: goes on without the outer");
	watch_add(&nl, parent.pid, 0, &around);
	tap_equal(counter(&around.counts, MINOR), 0, "around: begins at 0");
	tap_equal(around.tasks_live, 2, "around: with the child");
	did = tell(&child, 'f');
	of_inner += did;
	of_around += did + tell(&parent, 'f');
	tap_equal(faults(&around), of_around, "around: has both");
	tap_equal(faults(&inner), of_inner,
		  "around: the inner one is as it was");
	remove_target(&inner);
	tap_equal(faults(&around), of_around,
		  "around: what the inner one had has stays");
	of_around += tell(&child, 'f') + tell(&parent, 'f');
	tap_equal(faults(&around), of_around, "around: and goes on");
	none_lost(&around, "around");
	family_end();
	watch_settled(&nl, &around, 0);
	tap_equal(around.tasks_exited, 2, "around: both have ended");
	remove_target(&around);
}

/* The ends of the inner one's tasks are the outer one's. */
static void test_ends(void)
{
	struct target outer, inner;

	family_start();
	watch_add(&nl, parent.pid, 0, &outer);
	watch_add(&nl, child.pid, 0, &inner);
	close(child.to[1]);
	child.to[1] = -1;
	watch_settled(&nl, &inner, 0);
	tap_equal(inner.state, OSCONCEPTS_TARGET_STATE_EXITED,
		  "ends: the inner one's last task");
	watch_get(&nl, &outer);
	tap_equal(outer.tasks_exited, 1, "ends: it is one of the outer one's");
	tap_equal(outer.state, OSCONCEPTS_TARGET_STATE_LIVE,
		  "ends: which lives on");
	family_end();
	watch_settled(&nl, &outer, 0);
	tap_equal(outer.tasks_exited, 2, "ends: then its own");
	remove_target(&inner);
	watch_get(&nl, &outer);
	tap_equal(outer.tasks_exited, 2, "ends: none is counted twice");
	remove_target(&outer);
}

static void test_no_follow(void)
{
	struct target all, one, again;
	uint64_t did;

	family_start();
	watch_add(&nl, parent.pid, NO_FOLLOW, &one);
	watch_add(&nl, parent.pid, 0, &all);
	tap_equal(all.tasks_live, 2, "no-follow: one that follows has both");
	did = tell(&parent, 'f');
	tap_equal(faults(&one), did, "no-follow: the process");
	did += tell(&child, 'f');
	tap_equal(faults(&all), did, "no-follow: and its child");
	watch_add(&nl, parent.pid, NO_FOLLOW, &again);
	did += tell(&child, 'f');
	tap_equal(faults(&again), 0, "no-follow: without the child");
	tap_equal(faults(&all), did, "no-follow: which is in the outer one");
	/* Born now: a child of none that follows but the outermost. */
	close(child.to[1]);
	close_pipes(&child);
	open_pipes(&child);
	remove_target(&again);
	remove_target(&one);
	did += tell(&parent, 'f');
	tap_equal(faults(&all), did, "no-follow: the process goes on in it");
	family_end();
	remove_target(&all);
}

static void test_birth_in_no_follow(void)
{
	struct target all, one;

	open_pipes(&parent);
	open_pipes(&child);
	fflush(stdout);
	parent.pid = fork();
	if (!parent.pid)
		live(&parent);
	watch_add(&nl, parent.pid, 0, &all);
	watch_add(&nl, parent.pid, NO_FOLLOW, &one);
	tell(&parent, 'k');
	watch_get(&nl, &all);
	watch_get(&nl, &one);
	tap_equal(all.tasks_live, 2, "birth: in the target that follows");
	tap_equal(one.tasks_live, 1, "birth: not in the one that does not");
	family_end();
	remove_target(&one);
	remove_target(&all);
}

/* Registrations made before the second one came are both's. */
static void test_callbacks(void)
{
	struct target a, b;

	family_start();
	watch_add(&nl, parent.pid, 0, &a);
	tell(&parent, 'e');
	tell(&parent, 'r');
	watch_add(&nl, parent.pid, 0, &b);
	tell(&parent, 'r');
	tap_equal(callbacks(&a), 2 * ROUNDS, "callbacks: all in the first");
	tap_equal(callbacks(&b), ROUNDS,
		  "callbacks: those since in the second");
	remove_target(&b);
	tell(&parent, 'r');
	tap_equal(callbacks(&a), 3 * ROUNDS,
		  "callbacks: of its registrations when the second has gone");
	watch_add(&nl, parent.pid, 0, &b);
	remove_target(&a);
	tell(&parent, 'r');
	tap_equal(callbacks(&b), ROUNDS, "callbacks: or the first");
	remove_target(&b);
	family_end();
}

/* Of a child's registration from before, the inner one says that it may be its. */
static void test_callbacks_unknown(void)
{
	struct target outer, inner;

	family_start();
	watch_add(&nl, parent.pid, 0, &outer);
	tell(&child, 'e');
	watch_add(&nl, child.pid, 0, &inner);
	tell(&child, 'r');
	tap_equal(callbacks(&outer), ROUNDS, "unknown: the outer one has them");
	watch_get(&nl, &inner);
	tap_ok(counter(&inner.counts, CALLBACKS) <= ROUNDS &&
		       counter(&inner.counts, CALLBACKS) +
				       inner.callbacks_unknown >=
			       ROUNDS,
	       "unknown: %d are between what the inner one knows and may have",
	       ROUNDS);
	remove_target(&inner);
	remove_target(&outer);
	family_end();
}

static uint64_t slices(const struct target *target)
{
	static struct histogram h;

	if (nl_histogram_get(&nl, target->id, "time_slice", &h))
		tap_bail("a histogram cannot be read");
	if (h.count != h.in_slots)
		tap_bail("a histogram does not add up");
	return h.count;
}

static uint64_t switches(struct target *target)
{
	watch_get(&nl, target);
	return counter(&target->counts,
		       OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY) +
	       counter(&target->counts,
		       OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY);
}

#define SWITCH_TRIES 1000

/* As many slices as switches, in each, however they are nested. */
static void slices_equal(struct target *target, const char *name)
{
	uint64_t before = 0, after = 0;

	/* A task may be between the count of its last switch and the hook. */
	for (int i = 0; i < SWITCH_TRIES; i++) {
		before = switches(target);
		after = slices(target);
		if (after == before)
			break;
		usleep(1000);
	}
	tap_equal(after, before, "times: %s", name);
}

static void test_times(void)
{
	struct target outer, inner, same;
	uint64_t before;

	if (nl_timing_set(&nl, "sched", OSCONCEPTS_TIMING_LEVEL_TARGETS))
		tap_bail("sched cannot be timed");
	family_start();
	watch_add(&nl, parent.pid, 0, &outer);
	tell(&parent, 's');
	tell(&child, 's');
	slices_equal(&outer, "of the outer one alone");
	watch_add(&nl, child.pid, 0, &inner);
	watch_add(&nl, parent.pid, 0, &same);
	tell(&parent, 's');
	tell(&child, 's');
	slices_equal(&inner, "of the inner one");
	slices_equal(&same, "of the one between, which came last");
	slices_equal(&outer, "of the outer one with both inside");
	remove_target(&same);
	tell(&parent, 's');
	slices_equal(&outer, "of the outer one when one has gone");
	remove_target(&inner);
	tell(&child, 's');
	slices_equal(&outer, "and when both have");
	/* What is carried goes with the timing, too. */
	watch_add(&nl, parent.pid, 0, &same);
	if (nl_timing_set(&nl, "sched", OSCONCEPTS_TIMING_LEVEL_OFF) ||
	    nl_timing_set(&nl, "sched", OSCONCEPTS_TIMING_LEVEL_TARGETS))
		tap_bail("sched cannot be timed again");
	tap_equal(slices(&outer), 0, "times: begun anew");
	before = switches(&outer);
	tell(&child, 's');
	remove_target(&same);
	tap_equal(slices(&outer), switches(&outer) - before,
		  "times: of one that went are kept");
	remove_target(&outer);
	family_end();
	nl_timing_set(&nl, "sched", OSCONCEPTS_TIMING_LEVEL_OFF);
}

/* --- users */

static uint32_t nobodys; /* target */

static int add_as_nobody(pid_t pid)
{
	struct target target;
	struct nl own;
	int rc;

	nl_open(&own);
	rc = nl_target_add(&own, pid, 0, &target);
	if (rc == -EBUSY)
		return own.in_the_way ? 201 : 200;
	return rc || target.id > 199 ? 202 : (int)target.id;
}

static void family_of_nobody(void)
{
	open_pipes(&parent);
	open_pipes(&child);
	fflush(stdout);
	parent.pid = fork();
	if (!parent.pid) {
		become_nobody();
		live(&parent);
	}
	for (int i = 0; i < 3; i++)
		tell(&parent, 'f');
	tell(&parent, 'k');
	for (int i = 0; i < 3; i++)
		tell(&child, 'f');
	tell(&parent, 'f');
}

/* An administrator's target and a user's, in either order. */
static void test_users(void)
{
	struct target admins, users = { 0 };
	uint64_t did;

	family_of_nobody();
	nobodys = (uint32_t)as_nobody(add_as_nobody, parent.pid);
	tap_ok(nobodys < 200, "users: a user adds a process of their own");
	users.id = nobodys;
	watch_add(&nl, parent.pid, 0, &admins);
	did = tell(&parent, 'f') + tell(&child, 'f');
	tap_equal(faults(&admins), did, "users: an administrator, too");
	tap_equal(faults(&users), did, "users: both count");
	remove_target(&users);
	did += tell(&child, 'f');
	tap_equal(faults(&admins), did, "users: the administrator's goes on");
	nobodys = (uint32_t)as_nobody(add_as_nobody, parent.pid);
	tap_ok(nobodys < 200, "users: a user adds what an administrator has");
	users.id = nobodys;
	did = tell(&parent, 'f') + tell(&child, 'f');
	tap_equal(faults(&users), did, "users: and has what came since");
	remove_target(&admins);
	did += tell(&child, 'f');
	tap_equal(faults(&users), did, "users: the user's goes on");
	remove_target(&users);
	family_end();
}

static void test_refused(void)
{
	struct target inner, outer;
	uint64_t did;
	uint32_t id;
	int rc;

	family_of_nobody();
	id = (uint32_t)as_nobody(add_as_nobody, parent.pid);
	rc = nl_target_add(&nl, child.pid, 0, &inner);
	tap_equal((uint64_t)-rc, EBUSY,
		  "refused: an administrator's inside a user's");
	tap_equal(nl.in_the_way, id, "refused: naming the user's");
	tap_note("%s", nl.message);
	outer.id = id;
	did = faults(&outer);
	did += tell(&child, 'f');
	tap_equal(faults(&outer), did, "refused: the user's is as it was");
	none_lost(&outer, "refused");
	remove_target(&outer);
	watch_add(&nl, child.pid, 0, &inner);
	tap_equal((uint64_t)as_nobody(add_as_nobody, parent.pid), 200,
		  "refused: a user's around an administrator's, naming none");
	did = tell(&child, 'f');
	tap_equal(faults(&inner), did,
		  "refused: the administrator's is as it was");
	remove_target(&inner);
	family_end();
}

/* --- races */

static _Noreturn void storm(int go, int report)
{
	struct rusage self, children;
	uint64_t sum;
	volatile uint64_t *each_time = &sum;

	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid) {
			if (i % 3 == 0 && !fork()) {
				touch_pages();
				_exit(0);
			}
			touch_pages();
			while (wait(NULL) > 0)
				;
			_exit(0);
		}
		if (i % 8 == 7)
			while (wait(NULL) > 0)
				;
	}
	while (wait(NULL) > 0)
		;
	/*
	 * Twice: the first time it writes to pages of the stack that fork() has
	 * made read-only, and faults after it has read the counter.
	 */
	for (int i = 0; i < 2; i++) {
		getrusage(RUSAGE_SELF, &self);
		getrusage(RUSAGE_CHILDREN, &children);
		*each_time = (uint64_t)(self.ru_minflt + children.ru_minflt);
	}
	if (write(report, &sum, sizeof(sum)) != sizeof(sum))
		_exit(1);
	/* Called before: what it faults for the first time is counted. */
	if (read(go, &sum, 1) != 1)
		_exit(1);
	_exit(0);
}

/*
 * Targets come and go inside another while its processes fork and end: no fault
 * is lost to the outer one, or counted twice.
 */
static void test_storm(void)
{
	uint64_t sum = 0, before;
	struct target outer, inner;
	struct rusage usage;
	int go[2], report[2];
	pid_t pid;
	char byte;

	if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC | O_NONBLOCK))
		tap_bail("pipe");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		touch_pages();
		/* What the first round calls for the first time faults. */
		for (int i = 0; i < 2; i++) {
			getrusage(RUSAGE_SELF, &usage);
			before = (uint64_t)usage.ru_minflt;
			if (write(report[1], &before, sizeof(before)) < 0 ||
			    read(go[0], &byte, 1) != 1)
				_exit(1);
		}
		storm(go[0], report[1]);
	}
	for (int i = 0; i < 2; i++) {
		while (read(report[0], &before, sizeof(before)) !=
		       sizeof(before))
			usleep(1000);
		if (!i && write(go[1], "w", 1) != 1)
			tap_bail("the storm's gate");
	}
	sleeps(pid);
	watch_add(&nl, pid, 0, &outer);
	if (write(go[1], "g", 1) != 1)
		tap_bail("the storm's gate");
	for (int i = 0;
	     i < CHURNS || read(report[0], &sum, sizeof(sum)) != sizeof(sum);
	     i++) {
		int rc = nl_target_add(&nl, pid, i & 1 ? NO_FOLLOW : 0, &inner);

		if (rc)
			tap_bail("a target inside cannot be added");
		usleep(1000);
		remove_target(&inner);
		if (inner.lost)
			tap_note("lost %llu", (unsigned long long)inner.lost);
	}
	watch_settled(&nl, &outer, 1);
	tap_equal(counter(&outer.counts, MINOR), sum - before,
		  "storm: the outer one has every fault once");
	tap_equal(outer.lost, 0, "storm: nothing lost");
	tap_equal(outer.tasks_live, 1, "storm: only the root lives");
	tap_equal(outer.tasks_exited, 200 + 67, "storm: each has ended once");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	remove_target(&outer);
	close_pipes(&(struct member){ .to = { go[0], go[1] },
				      .from = { report[0], report[1] } });
}

int main(void)
{
	nl_open(&nl);
	test_same_root();
	test_inner_and_outer();
	test_ends();
	test_no_follow();
	test_birth_in_no_follow();
	test_callbacks();
	test_callbacks_unknown();
	test_times();
	test_users();
	test_refused();
	test_storm();
	nl_close(&nl);
	return tap_done();
}
