// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The time level: each histogram has as many events as the counter beside it,
 * its sum is what the kernel has booked where it books one, and it comes and
 * goes with its switch.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nl_time.h"
#include "lib/nobody.h"
#include "lib/pages.h"
#include "lib/pingpong.h"
#include "lib/tap.h"
#include "lib/watch.h"
#include "lib/work.h"

#define OFF OSCONCEPTS_TIMING_LEVEL_OFF
#define TARGETS OSCONCEPTS_TIMING_LEVEL_TARGETS
#define ALL OSCONCEPTS_TIMING_LEVEL_ALL

#define PAGES 500
#define EVENTS 2000
#define STOLEN 100
#define CYCLES 40

static const char *const timings[] = { "sched", "off_cpu", "fault", "epoll",
				       "epoll_return" };
#define NR_TIMINGS (sizeof(timings) / sizeof(*timings))

static struct nl nl;

static void set_all(uint32_t level)
{
	for (size_t i = 0; i < NR_TIMINGS; i++) {
		int rc = nl_timing_set(&nl, timings[i], level);

		if (!rc)
			continue;
		tap_note("%s: %s", timings[i], nl.message);
		errno = -rc;
		tap_bail("a timing cannot be set");
	}
}

static struct histogram *read_histogram(uint32_t target, const char *name)
{
	static struct histogram h;
	int rc = nl_histogram_get(&nl, target, name, &h);

	if (rc) {
		tap_note("%s: %s", name, nl.message);
		errno = -rc;
		tap_bail("a histogram cannot be read");
	}
	tap_equal(h.in_slots, h.count, "%s: the slots add up to the count",
		  name);
	return &h;
}

static uint64_t value(const struct target *t, int attribute)
{
	return counter(&t->counts, attribute);
}

static uint64_t switches(const struct target *t)
{
	return value(t, OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY) +
	       value(t, OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY);
}

/* --- steps, run by the worker */

static void touch_pages(struct work_shared *shared)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *pages = pages_map(PAGES * page);

	(void)shared;
	if (!pages)
		tap_bail("pages cannot be mapped");
	for (size_t i = 0; i < PAGES; i++)
		pages[i * page] = 1;
}

/* The program's own text, which the test has dropped from the page cache. */
static void touch_file(struct work_shared *shared)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	volatile char *at;

	(void)shared;
	if (size <= 0)
		tap_bail("the file to map");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		tap_bail("the file cannot be mapped");
	for (off_t i = 0; i < size; i += (off_t)page)
		(void)at[i];
	close(fd);
}

static int event_fd, epoll_fd;
enum { RETURNS, WAITER };

static void *wait_for_events(void *arg)
{
	struct work_shared *shared = arg;
	struct epoll_event event;

	atomic_store(&shared->value[WAITER], (unsigned long)gettid());
	while (epoll_wait(epoll_fd, &event, 1, -1) == 1)
		atomic_fetch_add(&shared->value[RETURNS], 1);
	return NULL;
}

static void set_up_epoll(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	event_fd = eventfd(0, EFD_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (event_fd < 0 || epoll_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want))
		tap_bail("epoll cannot be set up");
}

/* The waiter comes on the CPU at each write. */
static void wait_above(struct work_shared *shared)
{
	set_up_epoll();
	work_thread(wait_for_events, shared, WORK_PRIORITY + 1);
}

/* The waiter comes on the CPU when the writer blocks. */
static void wait_below(struct work_shared *shared)
{
	set_up_epoll();
	work_thread(wait_for_events, shared, WORK_PRIORITY - 1);
}

static void write_event(void)
{
	const uint64_t one = 1;

	if (write(event_fd, &one, sizeof(one)) != sizeof(one))
		tap_bail("an event cannot be written");
}

static void write_events(struct work_shared *shared)
{
	(void)shared;
	for (int i = 0; i < EVENTS; i++)
		write_event();
}

/* The waiter asks under the lock of the epoll, so it is queued when it sleeps. */
static bool waiter_sleeps(unsigned long tid)
{
	char text[16], state;

	snprintf(text, sizeof(text), "%lu", tid);
	state = task_state(getpid(), text);
	if (!state)
		tap_bail("the waiter's state cannot be read");
	return state == 'S';
}

/* The writer takes the event itself before the waiter it has woken runs. */
static void write_and_steal(struct work_shared *shared)
{
	struct epoll_event event;

	for (int i = 0; i < STOLEN; i++) {
		write_event();
		if (epoll_wait(epoll_fd, &event, 1, 0) != 1)
			tap_bail("the event was not there to take");
		/* Below us, the waiter looks and finds nothing; on a slow
		 * kernel that takes longer than a pause of ours.
		 */
		do
			usleep(1000);
		while (!waiter_sleeps(atomic_load(&shared->value[WAITER])));
	}
}

static void write_one(struct work_shared *shared)
{
	(void)shared;
	write_event();
}

/* Until the test has done what it wants to do meanwhile. */
static void spin(struct work_shared *shared)
{
	atomic_store(&shared->value[0], 1);
	while (!atomic_load(&shared->stop))
		;
	atomic_store(&shared->stop, 0);
}

/* --- tests */

static void begin(struct work *work, struct target *target,
		  const work_step *steps, unsigned int count)
{
	work_start(work, steps, count);
	watch_add(&nl, work->pid, 0, target);
}

static void finish(struct work *work, struct target *target)
{
	tap_equal(target->lost, 0, "nothing lost");
	tap_ok(!nl_target_del(&nl, target->id, NULL),
	       "the target can be removed");
	work_end(work, NULL);
}

/* Two tasks switch back and forth; both were there and asleep when added. */
static void test_switches(void)
{
	static const work_step steps[] = { pingpong_start, pingpong_play };
	struct target t;
	struct work work;
	uint64_t voluntary, involuntary;

	work_start(&work, steps, 2);
	work_next(&work);
	watch_add(&nl, work.pid, 0, &t);
	work_next(&work);
	watch_get(&nl, &t);
	voluntary = value(&t, OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY);
	involuntary =
		value(&t, OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY);
	tap_between(2 * PINGPONG_ROUNDS, voluntary,
		    work_switches_are_blocks() ? 2 * PINGPONG_ROUNDS + 2 :
						 UINT64_MAX,
		    "ping-pong: two switches a round");
	tap_equal(read_histogram(t.id, "time_slice")->count, switches(&t),
		  "time_slice: one for each switch");
	tap_equal(read_histogram(t.id, "run_queue_wait")->count, switches(&t),
		  "run_queue_wait: one for each switch");
	tap_equal(read_histogram(t.id, "time_slice")->sum,
		  value(&t, OSCONCEPTS_A_COUNTERS_CPU_NS),
		  "time_slice: adds up to the time on a CPU");
	tap_equal(read_histogram(t.id, "run_queue_wait")->sum,
		  value(&t, OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS),
		  "run_queue_wait: adds up to the run delay");
	/* Each is off the CPU now, and was so when it came under watch. */
	tap_between(voluntary - 2,
		    read_histogram(t.id, "off_cpu_voluntary")->count,
		    voluntary - 1,
		    "off_cpu_voluntary: one between two switches");
	tap_equal(read_histogram(t.id, "off_cpu_involuntary")->count,
		  involuntary,
		  "off_cpu_involuntary: one for each involuntary switch");
	finish(&work, &t);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	if (fd < 0 || write(fd, "1", 1) != 1)
		tap_bail("drop_caches");
	close(fd);
}

static void test_faults(void)
{
	static const work_step steps[] = { touch_pages, touch_file };
	struct target t;
	struct work work;

	begin(&work, &t, steps, 2);
	work_next(&work);
	watch_get(&nl, &t);
	tap_between(PAGES, value(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR),
		    PAGES + 16, "pages: as many minor faults");
	drop_caches();
	work_next(&work);
	watch_get(&nl, &t);
	tap_note("%llu major faults",
		 (unsigned long long)value(
			 &t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR));
	tap_equal(read_histogram(t.id, "fault_minor")->count,
		  value(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR),
		  "fault_minor: one for each minor fault");
	tap_equal(read_histogram(t.id, "fault_major")->count,
		  value(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR),
		  "fault_major: one for each major fault");
	finish(&work, &t);
}

static void test_epoll(void)
{
	static const work_step steps[] = { wait_above, write_events };
	const struct histogram *h;
	struct target t;
	struct work work;

	begin(&work, &t, steps, 2);
	work_next(&work);
	work_next(&work);
	watch_get(&nl, &t);
	tap_equal(value(&t, OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS), EVENTS,
		  "events: as many wakeups");
	h = read_histogram(t.id, "epoll_wake_to_run");
	tap_equal(h->count, EVENTS, "epoll_wake_to_run: one for each wakeup");
	tap_ok(h->sum > 0, "epoll_wake_to_run: takes time");
	h = read_histogram(t.id, "epoll_wake_to_return");
	tap_equal(h->count, EVENTS,
		  "epoll_wake_to_return: one for each return with an event");
	tap_equal(h->useless, 0, "epoll_wake_to_return: none was useless");
	finish(&work, &t);
}

static void test_useless(void)
{
	static const work_step steps[] = { wait_below, write_and_steal,
					   write_one };
	const struct histogram *h;
	struct target t;
	struct work work;

	begin(&work, &t, steps, 3);
	for (int i = 0; i < 3; i++)
		work_next(&work);
	watch_get(&nl, &t);
	tap_equal(atomic_load(&work.shared->value[RETURNS]), 1,
		  "stolen events: the waiter returned once");
	tap_equal(value(&t, OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS), STOLEN + 1,
		  "stolen events: each woke the waiter");
	h = read_histogram(t.id, "epoll_wake_to_return");
	tap_equal(h->count, 1, "epoll_wake_to_return: the one that returned");
	tap_equal(h->useless, STOLEN,
		  "epoll_wake_to_return: the others were useless");
	tap_equal(read_histogram(t.id, "epoll_wake_to_run")->count, STOLEN + 1,
		  "epoll_wake_to_run: every one ran");
	finish(&work, &t);
}

/* The whole system's slices are at least those of its targets. */
static void test_all(void)
{
	static const work_step steps[] = { pingpong_start, pingpong_play };
	uint64_t of_target;
	struct target t;
	struct work work;

	set_all(ALL);
	work_start(&work, steps, 2);
	work_next(&work);
	watch_add(&nl, work.pid, 0, &t);
	work_next(&work);
	of_target = read_histogram(t.id, "time_slice")->count;
	tap_ok(of_target >= 2 * PINGPONG_ROUNDS, "all: the target's slices");
	tap_ok(read_histogram(0, "time_slice")->count >= of_target,
	       "all: the system's slices include the target's");
	tap_ok(read_histogram(0, "off_cpu_voluntary")->sum <
		       read_histogram(0, "off_cpu_voluntary")->count *
			       600000000000ULL,
	       "all: nobody has slept for longer than the guest runs");
	finish(&work, &t);
}

static void test_dump(void)
{
	static struct histogram out[64];
	struct target a, b;
	struct work one, two;
	int count;

	begin(&one, &a, NULL, 0);
	begin(&two, &b, NULL, 0);
	set_all(ALL);
	count = nl_histograms(&nl, -1, out, 64);
	tap_equal((uint64_t)count, 24, "dump: eight of the system, eight each");
	tap_ok(count == 24 && !out[7].target && out[8].target == a.id &&
		       out[16].target == b.id,
	       "dump: in the order of targets");
	tap_equal((uint64_t)nl_histograms(&nl, b.id, out, 64), 8,
		  "dump of a target: its eight");
	tap_equal(out[0].target, b.id, "dump of a target: its own");
	tap_equal((uint64_t)nl_histograms(&nl, 0, out, 64), 8,
		  "dump of the system: its eight");
	set_all(TARGETS);
	tap_equal((uint64_t)nl_histograms(&nl, -1, out, 64), 16,
		  "dump at the level of targets: theirs");
	/* The second was forked with the first one's gate. */
	finish(&two, &b);
	finish(&one, &a);
}

static int nobody_sets(pid_t victim)
{
	struct nl mine;
	int rc;

	(void)victim;
	nl_open(&mine);
	rc = nl_timing_set(&mine, "sched", ALL);
	return rc == -EPERM && mine.message[0] ? 0 : 1;
}

static void test_switching(void)
{
	struct timing timing;
	struct histogram h;
	struct target t;
	struct work work;

	begin(&work, &t, NULL, 0);
	for (size_t i = 0; i < NR_TIMINGS; i++) {
		tap_ok(!nl_timing_set(&nl, timings[i], OFF) &&
			       !nl_timing_get(&nl, timings[i], &timing) &&
			       timing.level == OFF && !timing.since_ns,
		       "%s can be switched off", timings[i]);
		tap_ok(!nl_timing_set(&nl, timings[i], TARGETS) &&
			       !nl_timing_get(&nl, timings[i], &timing) &&
			       timing.level == TARGETS && timing.since_ns,
		       "%s can be switched on", timings[i]);
	}
	tap_ok(!nl_histogram_get(&nl, t.id, "time_slice", &h),
	       "a target from before has a histogram");
	set_all(OFF);
	tap_equal((uint64_t)-nl_histogram_get(&nl, t.id, "time_slice", &h),
		  ENOENT, "off: no histogram");
	tap_equal((uint64_t)nl_histograms(&nl, -1, &h, 1), 0,
		  "off: an empty dump");
	tap_equal((uint64_t)-nl_timing_set(&nl, "nonsense", TARGETS), ENOENT,
		  "an unknown timing is refused");
	tap_ok(nl_timing_set(&nl, "sched", 3) < 0,
	       "an unknown level is refused");
	tap_equal((uint64_t)as_nobody(nobody_sets, work.pid), 0,
		  "an ordinary user may not switch");
	finish(&work, &t);
}

/* The others follow the running task, too; its slice is not theirs to begin. */
static void test_slice_goes_on(void)
{
	static const work_step steps[] = { spin };
	struct target t;
	struct work work;
	int failed = 0;

	set_all(OFF);
	if (nl_timing_set(&nl, "sched", TARGETS))
		tap_bail("sched cannot be timed");
	begin(&work, &t, steps, 1);
	work_release(&work);
	while (!atomic_load(&work.shared->value[0]))
		usleep(1000);
	for (size_t i = 0; i < NR_TIMINGS; i++) {
		usleep(5000);
		if (strcmp(timings[i], "sched"))
			failed += !!nl_timing_set(&nl, timings[i], TARGETS);
	}
	atomic_store(&work.shared->stop, 1);
	work_settle(&work);
	watch_get(&nl, &t);
	tap_equal((uint64_t)failed, 0, "all is switched on during a slice");
	tap_equal(read_histogram(t.id, "time_slice")->sum,
		  value(&t, OSCONCEPTS_A_COUNTERS_CPU_NS),
		  "time_slice: adds up to the time on a CPU all the same");
	finish(&work, &t);
	set_all(OFF);
}

/* A slice in which a task becomes a target's is all the system's. */
static void test_slice_of_system(void)
{
	static const work_step steps[] = { spin };
	struct books before, after;
	struct target t;
	struct work work;
	uint64_t sum;

	set_all(OFF);
	if (nl_timing_set(&nl, "sched", ALL))
		tap_bail("sched cannot be timed");
	work_start(&work, steps, 1);
	if (books_read(work.pid, &before))
		tap_bail("/proc/PID");
	sum = read_histogram(0, "time_slice")->sum;
	work_release(&work);
	while (!atomic_load(&work.shared->value[0]))
		usleep(1000);
	usleep(200000);
	watch_add(&nl, work.pid, 0, &t);
	atomic_store(&work.shared->stop, 1);
	work_settle(&work);
	if (books_read(work.pid, &after))
		tap_bail("/proc/PID");
	sum = read_histogram(0, "time_slice")->sum - sum;
	watch_get(&nl, &t);
	tap_ok(sum >= after.value[OSCONCEPTS_A_COUNTERS_CPU_NS] -
			       before.value[OSCONCEPTS_A_COUNTERS_CPU_NS],
	       "all: a slice that a target was added in is not cut");
	tap_ok(value(&t, OSCONCEPTS_A_COUNTERS_CPU_NS) < sum,
	       "all: of the target it is what came after that");
	finish(&work, &t);
	set_all(OFF);
}

/* Two processes that do all there is to time, until killed. */
static pid_t start_storm(void)
{
	pid_t pid = fork();
	char byte = 's';
	int there[2], back[2];

	if (pid < 0)
		tap_bail("fork");
	if (pid)
		return pid;
	if (pipe(there) || pipe(back))
		_exit(1);
	if (!fork()) {
		while (read(there[0], &byte, 1) == 1 &&
		       write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	close(there[0]);
	for (;;) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
				  -1, 0);

		if (page == MAP_FAILED || munmap(page, 4096) ||
		    write(there[1], &byte, 1) != 1 ||
		    read(back[0], &byte, 1) != 1)
			_exit(1);
		if (!fork())
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void test_storm(void)
{
	pid_t pid = start_storm();
	struct histogram h;
	struct target t;
	int failed = 0;

	for (int i = 0; i < CYCLES; i++) {
		failed += !!nl_timing_set(&nl, timings[i % 5], i % 3);
		if (nl_target_add(&nl, pid, 0, &t)) {
			failed++;
			continue;
		}
		failed +=
			!!nl_timing_set(&nl, timings[(i + 2) % 5], (i + 1) % 3);
		usleep(2000);
		nl_histograms(&nl, -1, &h, 1);
		failed += !!nl_target_del(&nl, t.id, NULL);
	}
	tap_equal((uint64_t)failed, 0,
		  "timings and targets come and go under a storm");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	set_all(OFF);
}

static long references(void)
{
	FILE *file = fopen("/sys/module/osconcepts/refcnt", "re");
	long count = -1;

	if (file && fscanf(file, "%ld", &count) != 1)
		count = -1;
	if (file)
		fclose(file);
	return count;
}

/* What earlier tests timed may take a moment to end. */
static long references_at_rest(void)
{
	for (int i = 0; i < 1000 && references(); i++)
		usleep(10000);
	return references();
}

/* A page that is there only when somebody brings it. */
static int hold_page(char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	*page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	area.range.start = (uintptr_t)*page;
	area.range.len = 4096;
	if (fd < 0 || *page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &area))
		return -1;
	return fd;
}

static void *touch(void *page)
{
	*(volatile char *)page = 1;
	return NULL;
}

/* Our code is on the stack of a task that sleeps in a fault. */
static void test_sleeping_fault(void)
{
	struct uffdio_zeropage zero = { 0 };
	long before = references_at_rest();
	struct uffd_msg message;
	char *page;
	int fd = hold_page(&page);

	if (fd < 0) {
		tap_skip("a fault that sleeps", "no userfaultfd: %s",
			 strerror(errno));
		return;
	}
	if (nl_timing_set(&nl, "fault", ALL))
		tap_bail("faults cannot be timed");
	tap_equal((uint64_t)references(), (uint64_t)before + 1,
		  "faults are timed: the module is in use");
	work_thread(touch, page, WORK_PRIORITY);
	if (read(fd, &message, sizeof(message)) != sizeof(message))
		tap_bail("userfaultfd");
	if (nl_timing_set(&nl, "fault", OFF))
		tap_bail("the timing of faults cannot be ended");
	usleep(500000);
	tap_equal((uint64_t)references(), (uint64_t)before + 1,
		  "a timed fault sleeps: the module is in use");
	zero.range.start = (uintptr_t)page;
	zero.range.len = 4096;
	if (ioctl(fd, UFFDIO_ZEROPAGE, &zero))
		tap_bail("UFFDIO_ZEROPAGE");
	for (int i = 0; i < 1000 && references() != before; i++)
		usleep(10000);
	tap_equal((uint64_t)references(), (uint64_t)before,
		  "it has ended: the module may go");
	close(fd);
}

int main(void)
{
	nl_open(&nl);
	set_all(TARGETS);
	test_switches();
	test_faults();
	test_epoll();
	test_useless();
	test_all();
	test_dump();
	test_switching();
	test_slice_goes_on();
	test_slice_of_system();
	test_storm();
	test_sleeping_fault();
	nl_close(&nl);
	return tap_done();
}
