// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose callbacks are: of epoll instances that were there before the target, that
 * several processes share, that are freed. At every moment the true number lies
 * between what is known and that plus what is unknown; and what shows an owner
 * closes the interval at the number that the test itself has caused.
 *
 * With the word "unproven": for a module that does not know where an instance is.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/tap.h"
#include "lib/work.h"

#define CHURN 500
#define SLEEP_TRIES 100000

/* Inherited by each actor: nobody's own. */
static int shared_epoll, shared_event;

static void make_instance(int *epoll, int *event)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	*epoll = epoll_create1(0);
	*event = eventfd(0, 0);
	if (*epoll < 0 || *event < 0 ||
	    epoll_ctl(*epoll, EPOLL_CTL_ADD, *event, &want))
		tap_bail("an epoll instance cannot be made");
}

/* Each is one callback, whether somebody waits or not. */
static void write_events(int event, unsigned int times)
{
	const uint64_t one = 1;

	while (times--)
		if (write(event, &one, sizeof(one)) != sizeof(one))
			tap_bail("an eventfd cannot be written");
}

/* --- an actor: a child that does what it is told, a letter at a time */

struct actor {
	pid_t pid;
	int to, from;
};

enum order {
	OPEN = 'o', /* an instance of its own */
	CLOSE = 'c', /* which it closes */
	NEST = 'n', /* and another that watches it */
	THREAD = 't', /* in which a thread waits for ever */
	WRITE = 'w', /* one event of its own instance */
	TAKE = 'p', /* the shared instance, of the parent, by a late descriptor */
	WAIT = 's', /* for an event of the shared instance; replies twice */
	FORK = 'f', /* a child that has nothing of the shared instance */
};

static int own_epoll, own_event;

static void *wait_for_ever(void *arg)
{
	const int *epoll = arg;
	struct epoll_event event;

	for (;;)
		epoll_wait(*epoll, &event, 1, -1);
	return NULL;
}

/* A thread that waits for an instance of its own. */
static void start_thread(void)
{
	int *epoll = malloc(sizeof(*epoll));
	pthread_t thread;

	if (!epoll)
		tap_bail("no memory");
	*epoll = own_epoll;
	errno = pthread_create(&thread, NULL, wait_for_ever, epoll);
	if (errno)
		tap_bail("a thread cannot be made");
}

static void fork_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(shared_epoll);
	for (;;)
		pause();
}

static void nest(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };
	int outer = epoll_create1(0);

	if (outer < 0 || epoll_ctl(outer, EPOLL_CTL_ADD, own_epoll, &want))
		tap_bail("epoll instances cannot be nested");
}

static void take_shared(void)
{
	int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);

	shared_epoll = (int)syscall(SYS_pidfd_getfd, parent, shared_epoll, 0);
	if (shared_epoll < 0)
		tap_bail("pidfd_getfd");
}

static void reply(int fd)
{
	if (write(fd, "!", 1) != 1)
		_exit(1);
}

static void obey(char order, int to_parent)
{
	struct epoll_event event;

	switch (order) {
	case OPEN:
		make_instance(&own_epoll, &own_event);
		break;
	case CLOSE:
		close(own_epoll);
		break;
	case NEST:
		nest();
		break;
	case THREAD:
		start_thread();
		break;
	case FORK:
		fork_child();
		break;
	case WRITE:
		write_events(own_event, 1);
		break;
	case TAKE:
		take_shared();
		break;
	case WAIT:
		/* What has come before wakes nobody. */
		epoll_wait(shared_epoll, &event, 1, 0);
		reply(to_parent);
		epoll_wait(shared_epoll, &event, 1, -1);
		break;
	}
}

static void await_reply(struct actor *a)
{
	char byte;

	if (read(a->from, &byte, 1) != 1)
		tap_bail("an actor does not reply");
}

static void actor_start(struct actor *a, bool inherits)
{
	int to[2], from[2];
	char order;

	if (pipe(to) || pipe(from))
		tap_bail("pipe");
	fflush(stdout);
	a->pid = fork();
	if (a->pid < 0)
		tap_bail("fork");
	if (!a->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		close(from[0]);
		if (!inherits)
			close(shared_epoll);
		/* The parent may now look at the descriptors. */
		reply(from[1]);
		while (read(to[0], &order, 1) == 1) {
			obey(order, from[1]);
			reply(from[1]);
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	a->to = to[1];
	a->from = from[0];
	await_reply(a);
}

static void await_sleep(pid_t pid)
{
	char tid[16];

	snprintf(tid, sizeof(tid), "%d", pid);
	for (int i = 0; i < SLEEP_TRIES; i++) {
		if (task_state(pid, tid) == 'S')
			return;
		usleep(1000);
	}
	errno = ETIMEDOUT;
	tap_bail("an actor does not go to sleep");
}

static void tell(struct actor *a, enum order order)
{
	char byte = (char)order;

	if (write(a->to, &byte, 1) != 1)
		tap_bail("an actor cannot be told");
	await_reply(a);
	/* After the first of two replies it goes on, to sleep in epoll_wait. */
	if (order == WAIT)
		await_sleep(a->pid);
}

static void actor_end(struct actor *a)
{
	close(a->to);
	close(a->from);
	kill(a->pid, SIGKILL);
	waitpid(a->pid, NULL, 0);
}

/* One event while the actor alone waits: it wakes it. */
static void wake(struct actor *a)
{
	write_events(shared_event, 1);
	await_reply(a);
}

/* --- what targets count */

static struct nl nl;

static uint32_t watch_pid(pid_t pid, uint32_t flags)
{
	struct target target;
	int rc = nl_target_add(&nl, pid, flags, &target);

	if (rc) {
		errno = -rc;
		tap_bail("the target cannot be added");
	}
	return target.id;
}

static uint32_t watch(const struct actor *a)
{
	return watch_pid(a->pid, OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW);
}

static struct target look(uint32_t id)
{
	struct target target;

	if (nl_target_get(&nl, id, &target))
		tap_bail("the target cannot be read");
	return target;
}

static uint64_t known(const struct target *t)
{
	return counter(&t->counts, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS);
}

static void counts(uint32_t id, uint64_t callbacks, uint64_t unknown,
		   const char *name)
{
	struct target t = look(id);

	tap_equal(known(&t), callbacks, "%s: known", name);
	tap_equal(t.callbacks_unknown, unknown, "%s: unknown", name);
}

/* The interval holds what was caused, and does not pretend to be exact. */
static void holds(uint32_t id, uint64_t caused, const char *name)
{
	struct target t = look(id);

	tap_ok(known(&t) <= caused && caused <= known(&t) + t.callbacks_unknown,
	       "%s: %ju in [%ju, %ju]", name, (uintmax_t)caused,
	       (uintmax_t)known(&t),
	       (uintmax_t)(known(&t) + t.callbacks_unknown));
}

static void forget(uint32_t id, struct actor *a, uint64_t lost,
		   const char *name)
{
	struct target t = look(id);

	tap_equal(t.lost, lost, "%s: lost", name);
	nl_target_del(&nl, id, NULL);
	actor_end(a);
}

/* --- tests */

/* A wakeup anywhere proves where an instance is: once for all tests. */
static void prove(void)
{
	struct actor a, outsider;
	uint32_t id;

	actor_start(&a, true);
	actor_start(&outsider, true);
	id = watch(&a);
	tell(&outsider, WAIT);
	wake(&outsider);
	forget(id, &a, 0, "the first wakeup");
	actor_end(&outsider);
}

static void test_own_instance(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	tell(&a, OPEN);
	tell(&a, WRITE);
	id = watch(&a);
	counts(id, 0, 0, "registered before, used by nobody else");
	for (int i = 0; i < 5; i++)
		tell(&a, WRITE);
	counts(id, 5, 0, "its five events");
	tell(&a, OPEN);
	tell(&a, WRITE);
	counts(id, 6, 0, "and one of an instance made since");
	forget(id, &a, 0, "an instance of its own");
}

/* While a thread waits, the kernel holds a reference of its own. */
static void test_thread_that_waits(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	tell(&a, OPEN);
	tell(&a, THREAD);
	id = watch(&a);
	tell(&a, WRITE);
	tell(&a, WRITE);
	counts(id, 2, 0, "a thread waits, two events");
	forget(id, &a, 0, "a thread waits");
}

static void test_inherited_and_used(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, true);
	write_events(shared_event, 2);
	id = watch(&a);
	counts(id, 0, 0, "inherited: what came before");
	write_events(shared_event, 3);
	counts(id, 0, 3, "inherited: nobody has waited yet");
	tell(&a, WAIT);
	wake(&a);
	counts(id, 4, 0, "inherited: it waits, all four are its own");
	write_events(shared_event, 1);
	counts(id, 5, 0, "inherited: and those after");
	forget(id, &a, 0, "inherited and used");
}

static void test_inherited_and_not_used(void)
{
	struct actor a, outsider;
	uint32_t id;

	actor_start(&a, true);
	actor_start(&outsider, true);
	id = watch(&a);
	write_events(shared_event, 3);
	counts(id, 0, 3, "not used: nobody has waited yet");
	tell(&outsider, WAIT);
	wake(&outsider);
	counts(id, 0, 0, "not used: an outsider waits, none is its own");
	write_events(shared_event, 1);
	counts(id, 0, 0, "not used: nor are those after");
	forget(id, &a, 0, "inherited and not used");
	actor_end(&outsider);
}

static void test_two_targets(void)
{
	struct actor a, b;
	uint32_t of_a, of_b;

	actor_start(&a, true);
	actor_start(&b, true);
	of_a = watch(&a);
	write_events(shared_event, 1);
	of_b = watch(&b);
	write_events(shared_event, 2);
	counts(of_a, 0, 3, "two targets: the first may have three");
	counts(of_b, 0, 2, "two targets: the second two, added later");
	tell(&b, WAIT);
	wake(&b);
	counts(of_a, 0, 0, "two targets: the second waits, the first has none");
	counts(of_b, 3, 0,
	       "two targets: the second has all since it was added");
	tell(&a, WAIT);
	wake(&a);
	counts(of_b, 4, 0, "two targets: an instance stays whose it is");
	forget(of_a, &a, 1, "two targets: the first, which waited later");
	forget(of_b, &b, 0, "two targets: the second");
}

/* Whoever registers last has the instance: its address may be another's. */
static void test_outsider_registers(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };
	struct actor a;
	uint32_t id;
	int other = eventfd(0, 0);

	actor_start(&a, true);
	id = watch(&a);
	write_events(shared_event, 2);
	if (other < 0 || epoll_ctl(shared_epoll, EPOLL_CTL_ADD, other, &want))
		tap_bail("epoll_ctl");
	counts(id, 0, 2, "an outsider registers: no owner is shown");
	write_events(shared_event, 1);
	tell(&a, WAIT);
	wake(&a);
	holds(id, 4, "an outsider registers, then it waits");
	forget(id, &a, 0, "an outsider registers");
	close(other);
}

static void test_address_used_again(void)
{
	struct actor a;
	int epoll, event;
	uint32_t id;

	actor_start(&a, false);
	tell(&a, OPEN);
	id = watch(&a);
	tell(&a, WRITE);
	tell(&a, CLOSE);
	for (int i = 0; i < CHURN; i++) {
		make_instance(&epoll, &event);
		write_events(event, 1);
		close(epoll);
		close(event);
	}
	counts(id, 1, 0, "others' instances at the address of its own");
	forget(id, &a, 0, "address used again");
}

/* Found by its wakeup: what came before may have been its own. */
static void test_came_later(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	id = watch(&a);
	write_events(shared_event, 2);
	tell(&a, TAKE);
	tell(&a, WAIT);
	wake(&a);
	holds(id, 1, "came later: the event that shows it");
	holds(id, 3, "came later: those before");
	tell(&a, WAIT);
	wake(&a);
	tap_equal(look(id).counts.value[OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS],
		  1, "came later: known from then on");
	forget(id, &a, 0, "came later");
}

static void test_nested(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	tell(&a, OPEN);
	tell(&a, NEST);
	id = watch(&a);
	tell(&a, WRITE);
	counts(id, 2, 0, "nested: a callback of each instance");
	forget(id, &a, 0, "nested");
}

/* More than a server has threads. */
#define INSTANCES 100

static void test_many_instances(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	for (int i = 0; i < INSTANCES; i++)
		tell(&a, OPEN);
	id = watch(&a);
	tell(&a, WRITE);
	counts(id, 1, 0, "many instances: an event of the last one");
	forget(id, &a, 0, "many instances");
}

static void test_many_threads(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	for (int i = 0; i < INSTANCES; i++) {
		tell(&a, OPEN);
		tell(&a, THREAD);
	}
	id = watch(&a);
	tell(&a, WRITE);
	counts(id, 1, 0, "many threads: an event of the last one's instance");
	forget(id, &a, 0, "many threads");
}

/* --- targets inside others */

static struct actor child_of(const struct actor *a)
{
	struct actor child = { .to = -1, .from = -1 };
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", a->pid,
		 a->pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%d", &child.pid) != 1)
		tap_bail("the child of an actor is not found");
	fclose(file);
	return child;
}

/* The inner one's alone: the outer one counts it by the inner one. */
static void test_inside_alone(void)
{
	uint32_t outer, inner;
	struct actor a;

	/* It has other processes, too. */
	outer = watch_pid(getpid(), 0);
	actor_start(&a, false);
	tell(&a, OPEN);
	tell(&a, WRITE);
	inner = watch(&a);
	tell(&a, WRITE);
	tell(&a, WRITE);
	counts(outer, 3, 0, "inside: the outer one has all");
	counts(inner, 2, 0, "inside: the inner one has those since, for sure");
	nl_target_del(&nl, inner, NULL);
	tell(&a, WRITE);
	counts(outer, 4, 0, "inside: and the outer one those after it");
	forget(outer, &a, 0, "inside");
}

/* What the outer one may own is sought on while others come and go inside it. */
static void test_inside_while_sought(void)
{
	struct target before, after;
	uint32_t outer, inner;
	struct actor a, child;

	actor_start(&a, true);
	tell(&a, FORK);
	child = child_of(&a);
	outer = watch_pid(a.pid, 0);
	write_events(shared_event, 2);
	counts(outer, 0, 2, "sought: nobody has waited yet");
	inner = watch(&child);
	write_events(shared_event, 3);
	holds(outer, 5, "sought: a target came inside");
	nl_target_del(&nl, inner, NULL);
	write_events(shared_event, 1);
	holds(outer, 6, "sought: and went");
	inner = watch(&a);
	write_events(shared_event, 1);
	holds(outer, 7, "sought: one came that may own it, too");
	holds(inner, 1, "sought: so it may");
	nl_target_del(&nl, inner, NULL);
	write_events(shared_event, 1);
	holds(outer, 8, "sought: and went, too");
	tell(&a, WAIT);
	wake(&a);
	holds(outer, 9, "sought: its owner is shown");
	before = look(outer);
	write_events(shared_event, 1);
	after = look(outer);
	tap_equal(known(&after) - known(&before), 1,
		  "sought: known from then on");
	tap_equal(after.callbacks_unknown, before.callbacks_unknown,
		  "sought: and nothing else");
	forget(outer, &a, 0, "sought");
}

/* Found late by the inner one, which goes before anybody has read it since. */
static void test_inside_came_later(void)
{
	struct target inner;
	struct actor a;
	uint32_t outer;
	struct nl bound;

	actor_start(&a, false);
	outer = watch_pid(a.pid, 0);
	nl_open(&bound);
	if (nl_target_add(&bound, a.pid, OSCONCEPTS_TARGET_FLAGS_BOUND, &inner))
		tap_bail("a bound target cannot be added");
	write_events(shared_event, 2);
	tell(&a, TAKE);
	tell(&a, WAIT);
	wake(&a);
	nl_close(&bound);
	holds(outer, 1, "inside, came later: the event that shows it");
	holds(outer, 3, "inside, came later: those before");
	forget(outer, &a, 0, "inside, came later");
}

static void test_unproven(void)
{
	struct actor a;
	uint32_t id;

	actor_start(&a, false);
	tell(&a, OPEN);
	id = watch(&a);
	for (int i = 0; i < 5; i++)
		tell(&a, WRITE);
	holds(id, 5, "unproven: five events");
	tap_ok(look(id).callbacks_unknown >= 5, "unproven: and says so");
	forget(id, &a, 0, "unproven");
}

int main(int argc, char **argv)
{
	(void)argv;
	nl_open(&nl);
	make_instance(&shared_epoll, &shared_event);
	if (argc > 1) {
		test_unproven();
		return tap_done();
	}
	prove();
	test_own_instance();
	test_thread_that_waits();
	test_inherited_and_used();
	test_inherited_and_not_used();
	test_two_targets();
	test_outsider_registers();
	test_address_used_again();
	test_came_later();
	test_nested();
	test_many_instances();
	test_many_threads();
	test_inside_alone();
	test_inside_while_sought();
	test_inside_came_later();
	return tap_done();
}
