// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is in a target without being announced: workers of io_uring, children at
 * their birth, members of another target.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/pages.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define READS 300
#define RING_ENTRIES 4
#define WAKES 50
#define TOUCHED_PAGES 200

#define VOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY
#define INVOLUNTARY OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY
#define MINOR OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR

/* Of work_shared.value: what io_uring_setup said; the child. */
enum { SETUP_ERROR, CHILD };

/* --- steps */

struct ring {
	int fd;
	unsigned int *tail, *array, *seen, *completed;
	struct io_uring_sqe *sqe;
};

static int ring_open(struct ring *ring, unsigned int flags)
{
	struct io_uring_params params = { .flags = flags, .sq_thread_idle = 1 };
	char *queues;

	ring->fd = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &params);
	if (ring->fd < 0)
		return -1;
	if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
		errno = ENOTSUP;
		return -1;
	}
	queues = mmap(NULL,
		      params.cq_off.cqes +
			      params.cq_entries * sizeof(struct io_uring_cqe),
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      ring->fd, IORING_OFF_SQ_RING);
	ring->sqe = mmap(NULL, RING_ENTRIES * sizeof(*ring->sqe),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 ring->fd, IORING_OFF_SQES);
	if (queues == MAP_FAILED || ring->sqe == MAP_FAILED)
		tap_bail("the io_uring cannot be mapped");
	ring->tail = (void *)(queues + params.sq_off.tail);
	ring->array = (void *)(queues + params.sq_off.array);
	ring->seen = (void *)(queues + params.cq_off.head);
	ring->completed = (void *)(queues + params.cq_off.tail);
	return 0;
}

/* Asked to be asynchronous: a worker reads, while the caller blocks. */
static void read_by_worker(struct ring *ring, int fd, void *byte)
{
	unsigned int tail = *ring->tail;
	unsigned int i = tail % RING_ENTRIES;

	memset(&ring->sqe[i], 0, sizeof(ring->sqe[i]));
	ring->sqe[i].opcode = IORING_OP_READ;
	ring->sqe[i].flags = IOSQE_ASYNC;
	ring->sqe[i].fd = fd;
	ring->sqe[i].addr = (uintptr_t)byte;
	ring->sqe[i].len = 1;
	ring->array[i] = i;
	__atomic_store_n(ring->tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1 ||
	    __atomic_load_n(ring->completed, __ATOMIC_ACQUIRE) == *ring->seen)
		tap_bail("io_uring_enter");
	__atomic_store_n(ring->seen, *ring->seen + 1, __ATOMIC_RELEASE);
}

static void use_io_uring(struct work_shared *shared)
{
	struct ring ring;
	int bytes[2];
	char byte = 'b';

	if (ring_open(&ring, 0)) {
		atomic_store(&shared->value[SETUP_ERROR], (unsigned long)errno);
		return;
	}
	if (pipe(bytes))
		tap_bail("pipe");
	for (int i = 0; i < READS; i++) {
		if (write(bytes[1], &byte, 1) != 1)
			tap_bail("the pipe");
		read_by_worker(&ring, bytes[0], &byte);
	}
}

static void *survive(void *arg)
{
	struct work_shared *shared = arg;

	use_io_uring(shared);
	atomic_fetch_add(&shared->done, 1);
	for (;;)
		pause();
	return NULL;
}

/* The process goes on without its leader. */
static void end_the_leader(struct work_shared *shared)
{
	work_thread(survive, shared, WORK_PRIORITY);
	pthread_exit(NULL);
}

static struct ring polled;

static void *wake_the_poller(void *arg)
{
	struct work_shared *shared = arg;

	for (int i = 0; i < WAKES; i++) {
		if (syscall(SYS_io_uring_enter, polled.fd, 0, 0,
			    IORING_ENTER_SQ_WAKEUP, NULL, 0) < 0)
			tap_bail("io_uring_enter");
		usleep(5000);
	}
	atomic_fetch_add(&shared->done, 1);
	for (;;)
		pause();
	return NULL;
}

/* The kernel's thread that polls for requests is older than the one that stays. */
static void leave_a_poller(struct work_shared *shared)
{
	if (ring_open(&polled, IORING_SETUP_SQPOLL)) {
		atomic_store(&shared->value[SETUP_ERROR], (unsigned long)errno);
		return;
	}
	work_thread(wake_the_poller, shared, WORK_PRIORITY);
	pthread_exit(NULL);
}

static int child_gate[2];

static _Noreturn void touch_when_told(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = pages_map(TOUCHED_PAGES * page);
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!memory || read(child_gate[0], &byte, 1) != 1)
		_exit(1);
	for (size_t i = 0; i < TOUCHED_PAGES; i++)
		((volatile char *)memory)[i * page] = 1;
	for (;;)
		pause();
}

static void fork_child(struct work_shared *shared)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork");
	if (!pid)
		touch_when_told();
	atomic_store(&shared->value[CHILD], (unsigned long)pid);
}

/* --- tests of io_uring */

/*
 * The kernel closes the books of a task that ends before its last instructions:
 * there it may be preempted, and blocks for the last time. So each kind of
 * switch agrees with the books to one for each task that has ended.
 */
static void switches_agree(const struct target *target, uint64_t voluntary,
			   uint64_t involuntary, const char *name)
{
	uint64_t ended = target->tasks_exited;

	tap_between(voluntary, counter(&target->counts, VOLUNTARY),
		    voluntary + ended, "%s: voluntary switches", name);
	tap_between(involuntary, counter(&target->counts, INVOLUNTARY),
		    involuntary + ended, "%s: involuntary switches", name);
	tap_equal(target->lost, 0, "%s: none lost", name);
}

struct trial {
	struct nl nl;
	struct work work;
	struct books base;
	struct target target;
};

static void start(struct trial *t, const work_step *step)
{
	nl_open(&t->nl);
	work_start(&t->work, step, 1);
	watch_add(&t->nl, t->work.pid, 0, &t->target);
	if (books_read(t->work.pid, &t->base))
		tap_bail("the worker's books");
}

static void finish(struct trial *t)
{
	nl_target_del(&t->nl, t->target.id, NULL);
	nl_close(&t->nl);
}

/* Run the step; false when this kernel has no io_uring for us. */
static bool ring_was_used(struct trial *t, const char *name)
{
	unsigned long error;

	work_next(&t->work);
	error = atomic_load(&t->work.shared->value[SETUP_ERROR]);
	if (error)
		tap_skip(name, "%s", strerror((int)error));
	return !error;
}

/* Workers are threads that no fork event announces. */
static void test_workers_alive(void)
{
	const work_step step = use_io_uring;
	struct trial t;

	start(&t, &step);
	if (ring_was_used(&t, "io_uring")) {
		watch_get(&t.nl, &t.target);
		tap_ok(t.target.tasks_live + t.target.tasks_exited >= 2,
		       "io_uring: its workers are in the target");
		books_equal(&t.nl, t.target.id, t.work.pid, &t.base,
			    "io_uring");
	}
	work_end(&t.work, NULL);
	finish(&t);
}

/* Nobody reads the target before all are dead. */
static void test_workers_unread(void)
{
	const char *name = "workers that end unread";
	const work_step step = use_io_uring;
	struct rusage usage;
	struct trial t;
	bool ran;

	start(&t, &step);
	ran = ring_was_used(&t, name);
	work_end(&t.work, &usage);
	watch_settled(&t.nl, &t.target, 0);
	if (ran) {
		tap_ok(t.target.tasks_exited >= 2, "%s: are folded in", name);
		switches_agree(
			&t.target,
			(uint64_t)usage.ru_nvcsw - t.base.value[VOLUNTARY],
			(uint64_t)usage.ru_nivcsw - t.base.value[INVOLUNTARY],
			name);
	}
	finish(&t);
}

/* A thread goes on, whose process has no leader any more. */
static void test_workers_without_leader(work_step step, const char *name)
{
	struct books books;
	struct trial t;

	start(&t, &step);
	if (ring_was_used(&t, name)) {
		watch_get(&t.nl, &t.target);
		if (books_read(t.work.pid, &books))
			tap_bail("the worker's books");
		switches_agree(&t.target,
			       books.value[VOLUNTARY] - t.base.value[VOLUNTARY],
			       books.value[INVOLUNTARY] -
				       t.base.value[INVOLUNTARY],
			       name);
	}
	kill(t.work.pid, SIGKILL);
	work_end(&t.work, NULL);
	finish(&t);
}

/* Added when its leader has ended, it is no process that has ended. */
static void test_add_without_leader(void)
{
	const work_step step = end_the_leader;
	struct work work;
	struct trial t;

	nl_open(&t.nl);
	work_start(&work, &step, 1);
	work_next(&work);
	tap_equal((uint64_t)-nl_target_add(&t.nl, work.pid, 0, &t.target), 0,
		  "without a leader: a process can be added");
	watch_get(&t.nl, &t.target);
	tap_ok(t.target.tasks_live >= 1 &&
		       t.target.state == OSCONCEPTS_TARGET_STATE_LIVE,
	       "without a leader: and lives");
	kill(work.pid, SIGKILL);
	work_end(&work, NULL);
	finish(&t);
}

/* --- tests of who belongs to whom */

static void touch_and_wait(struct nl *nl, struct target *target)
{
	uint64_t before;

	watch_get(nl, target);
	before = counter(&target->counts, MINOR);
	if (write(child_gate[1], "g", 1) != 1)
		tap_bail("the child's gate");
	for (int i = 0; i < 500; i++) {
		watch_get(nl, target);
		if (counter(&target->counts, MINOR) >= before + TOUCHED_PAGES)
			break;
		usleep(10000);
	}
	tap_between(before + TOUCHED_PAGES, counter(&target->counts, MINOR),
		    before + TOUCHED_PAGES + 16,
		    "the first target has what the child does");
}

static void test_child_at_birth(void)
{
	const work_step step = fork_child;
	struct target inner;
	struct trial t;
	pid_t child;
	int rc;

	start(&t, &step);
	work_next(&t.work);
	child = (pid_t)atomic_load(&t.work.shared->value[CHILD]);
	rc = nl_target_add(&t.nl, child, 0, &inner);
	tap_equal((uint64_t)-rc, 0,
		  "a child of a watched process is added at its birth");
	touch_and_wait(&t.nl, &t.target);
	watch_get(&t.nl, &inner);
	tap_ok(counter(&inner.counts, MINOR) >= TOUCHED_PAGES,
	       "and so has a target of the child's own");
	nl_target_del(&t.nl, inner.id, NULL);
	work_end(&t.work, NULL);
	finish(&t);
}

/* --- a fork that does not end: its parent sleeps on a page, on the way out */

struct slow_fork {
	void *page;
	int userfault;
	atomic_bool *go;
};

static void *give_page(void *arg)
{
	struct slow_fork *slow = arg;
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)slow->page, .len = 4096 },
	};

	while (!atomic_load(slow->go))
		usleep(1000);
	ioctl(slow->userfault, UFFDIO_ZEROPAGE, &zero);
	return NULL;
}

static void fork_slowly(atomic_bool *go)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register where = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct slow_fork slow = { .go = go };
	pthread_t giver;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	slow.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	slow.userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	where.range.start = (uintptr_t)slow.page;
	where.range.len = 4096;
	if (slow.page == MAP_FAILED || slow.userfault < 0 ||
	    ioctl(slow.userfault, UFFDIO_API, &api) ||
	    ioctl(slow.userfault, UFFDIO_REGISTER, &where) ||
	    pthread_create(&giver, NULL, give_page, &slow))
		_exit(1);
	if (!syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, slow.page, 0,
		     0)) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	for (;;)
		pause();
}

/* The one child of a process, once there is one. */
static pid_t only_child(pid_t parent)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent,
		 parent);
	for (int tries = 0; tries < 1000; tries++) {
		FILE *file = fopen(path, "re");
		bool found = file && fgets(text, sizeof(text), file);

		if (file)
			fclose(file);
		if (found && atoi(text) > 0)
			return atoi(text);
		usleep(10000);
	}
	tap_bail("no child to be seen");
}

static void test_fork_that_does_not_end(void)
{
	atomic_bool *go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct nl nl;
	pid_t parent, child;
	int rc, tries = 0;

	if (go == MAP_FAILED)
		tap_bail("mmap");
	fflush(stdout);
	parent = fork();
	if (!parent)
		fork_slowly(go);
	if (parent < 0)
		tap_bail("fork");
	child = only_child(parent);
	nl_open(&nl);
	rc = nl_target_add(&nl, child, 0, NULL);
	tap_equal(
		(uint64_t)-rc, EAGAIN,
		"a child whose parent sleeps in the fork is refused, with \"%s\"",
		nl.message);
	atomic_store(go, true);
	do {
		usleep(10000);
		rc = nl_target_add(&nl, child, OSCONCEPTS_TARGET_FLAGS_BOUND,
				   NULL);
	} while (rc == -EAGAIN && tries++ < 1000);
	tap_equal((uint64_t)-rc, 0, "when the fork is over it is added");
	kill(child, SIGKILL);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	nl_close(&nl);
	munmap(go, sizeof(*go));
}

static void test_parent_of_a_member(void)
{
	const work_step step = fork_child;
	struct target child;
	struct work work;
	struct trial t;
	pid_t pid;
	int rc;

	nl_open(&t.nl);
	work_start(&work, &step, 1);
	work_next(&work);
	pid = (pid_t)atomic_load(&work.shared->value[CHILD]);
	watch_add(&t.nl, pid, 0, &child);
	rc = nl_target_add(&t.nl, work.pid, 0, &t.target);
	tap_equal((uint64_t)-rc, 0, "the parent of a target's root is added");
	tap_equal(t.target.tasks_live, 2, "with the child");
	tap_equal(t.target.lost, 0, "and nothing lost");
	touch_and_wait(&t.nl, &child);
	watch_get(&t.nl, &t.target);
	tap_ok(counter(&t.target.counts, MINOR) >= TOUCHED_PAGES,
	       "it has what the child's own target has");
	nl_target_del(&t.nl, child.id, NULL);
	work_end(&work, NULL);
	finish(&t);
}

int main(void)
{
	if (pipe(child_gate))
		tap_bail("pipe");
	test_workers_alive();
	test_workers_unread();
	test_workers_without_leader(end_the_leader, "workers, no leader");
	test_workers_without_leader(leave_a_poller, "poller, no leader");
	test_add_without_leader();
	test_child_at_birth();
	test_fork_that_does_not_end();
	test_parent_of_a_member();
	return tap_done();
}
