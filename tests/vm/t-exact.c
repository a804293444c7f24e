// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a target counts equals, to the unit, what the kernel books about the
 * process (getrusage, /proc) and what the process knows it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/pages.h"
#include "lib/pingpong.h"
#include "lib/tap.h"
#include "lib/work.h"

#define EPOLL_ROUNDS 20000
#define LATE_ROUNDS 1000
#define TOUCHED_PAGES 1000
#define COLD_PAGES 300
/* Far more than fit, and few enough for any bucket of the table. */
#define REGISTERED_MANY 500
#define REGISTERED_FEW 10

/* --- steps, run by the worker */

static int event_fd, epoll_fd;
/* Of work_shared.value: returns of epoll_wait; writes that were not taken by a
 * waiter before the next one.
 */
enum { RETURNS, SLIPS, MAPPED_PAGES };

static void *wait_for_events(void *arg)
{
	struct work_shared *shared = arg;
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, -1) == 1)
		atomic_fetch_add(&shared->value[RETURNS], 1);
	return NULL;
}

/*
 * Edge-triggered, and the counter is never read: a read would be an event of
 * its own. The waiter's priority is higher, so each write runs it at once, up
 * to its next epoll_wait.
 */
static void register_and_wait(struct work_shared *shared)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	event_fd = eventfd(0, EFD_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (event_fd < 0 || epoll_fd < 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want))
		tap_bail("epoll cannot be set up");
	work_thread(wait_for_events, shared, WORK_PRIORITY + 1);
}

static void write_events(struct work_shared *shared, unsigned long rounds)
{
	unsigned long before = atomic_load(&shared->value[RETURNS]);
	const uint64_t one = 1;

	for (unsigned long i = 1; i <= rounds; i++) {
		if (write(event_fd, &one, sizeof(one)) != sizeof(one) ||
		    atomic_load(&shared->value[RETURNS]) != before + i)
			atomic_fetch_add(&shared->value[SLIPS], 1);
	}
}

static void write_20000(struct work_shared *shared)
{
	write_events(shared, EPOLL_ROUNDS);
}

static void write_1000(struct work_shared *shared)
{
	write_events(shared, LATE_ROUNDS);
}

/* One eventfd, with so many instances. */
static void register_some(int count)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLET };

	event_fd = eventfd(0, EFD_CLOEXEC);
	if (event_fd < 0)
		tap_bail("eventfd");
	for (int i = 0; i < count; i++) {
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		if (epoll_fd < 0 ||
		    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &want))
			tap_bail("an eventfd cannot be registered");
	}
}

static void register_many(struct work_shared *shared)
{
	(void)shared;
	register_some(REGISTERED_MANY);
}

static void register_few(struct work_shared *shared)
{
	(void)shared;
	register_some(REGISTERED_FEW);
}

/* A callback of each instance, waiter or not. */
static void write_once(struct work_shared *shared)
{
	const uint64_t one = 1;

	(void)shared;
	if (write(event_fd, &one, sizeof(one)) != sizeof(one))
		tap_bail("an eventfd cannot be written");
}

/* Has usage read once more, with the other thread at rest too. */
static void look_again(struct work_shared *shared)
{
	(void)shared;
}

static char *pages;
static size_t page_size;

static void map_pages(struct work_shared *shared)
{
	(void)shared;
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	pages = pages_map(TOUCHED_PAGES * page_size);
	if (!pages)
		tap_bail("pages cannot be mapped");
}

static void touch_pages(struct work_shared *shared)
{
	(void)shared;
	for (size_t i = 0; i < TOUCHED_PAGES; i++)
		((volatile char *)pages)[i * page_size] = 1;
}

static const char *cold_path;
static volatile char *cold;
static size_t cold_pages;

/* A file of the host's disk, which no page cache of the guest holds yet. */
static void map_cold_file(struct work_shared *shared)
{
	int fd = open(cold_path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size <= 0)
		tap_bail("the file to map");
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	cold_pages = (size_t)size / page_size;
	if (cold_pages > COLD_PAGES)
		cold_pages = COLD_PAGES;
	cold = mmap(NULL, cold_pages * page_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
	if (cold == MAP_FAILED ||
	    madvise((void *)cold, cold_pages * page_size, MADV_RANDOM))
		tap_bail("the file cannot be mapped");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	atomic_store(&shared->value[MAPPED_PAGES], cold_pages);
}

static void touch_cold_file(struct work_shared *shared)
{
	(void)shared;
	for (size_t i = 0; i < cold_pages; i++)
		(void)cold[i * page_size];
}

/* --- tests */

struct trial {
	struct nl nl;
	struct work work;
	struct books base;
	struct rusage usage;
	struct target target;
};

/* Start watching a worker that stands still, and note everybody's books. */
static void watch(struct trial *t)
{
	int rc = nl_target_add(&t->nl, t->work.pid, 0, &t->target);

	if (rc) {
		errno = -rc;
		tap_note("extack: %s", t->nl.message);
		tap_bail("the target cannot be added");
	}
	if (books_read(t->work.pid, &t->base))
		tap_bail("the worker's books");
	t->usage = t->work.shared->self;
}

static void start(struct trial *t, const work_step *steps, unsigned int count)
{
	memset(t, 0, sizeof(*t));
	nl_open(&t->nl);
	work_start(&t->work, steps, count);
}

static void finish(struct trial *t)
{
	int rc = nl_target_del(&t->nl, t->target.id, NULL);

	tap_ok(!rc, "the target can be removed");
	work_end(&t->work, NULL);
	nl_close(&t->nl);
}

static uint64_t counted(struct trial *t, int attribute)
{
	if (nl_target_get(&t->nl, t->target.id, &t->target))
		return UINT64_MAX;
	return counter(&t->target.counts, attribute);
}

/* The process read its usage once before and once after the same block. */
static void equals_rusage(struct trial *t, const char *name)
{
	const struct rusage *now = &t->work.shared->self;

	tap_equal(counted(t, OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY),
		  (uint64_t)(now->ru_nvcsw - t->usage.ru_nvcsw),
		  "%s: voluntary switches as in getrusage", name);
	tap_equal(counted(t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR),
		  (uint64_t)(now->ru_minflt - t->usage.ru_minflt),
		  "%s: minor faults as in getrusage", name);
	tap_equal(counted(t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR),
		  (uint64_t)(now->ru_majflt - t->usage.ru_majflt),
		  "%s: major faults as in getrusage", name);
	tap_equal(t->target.lost, 0, "%s: nothing lost", name);
}

static void test_epoll(void)
{
	static const work_step steps[] = { register_and_wait, write_20000 };
	struct totals before, after;
	struct trial t;

	start(&t, steps, 2);
	watch(&t);
	work_next(&t.work);
	if (nl_totals_get(&t.nl, &before))
		tap_bail("totals");
	work_next(&t.work);
	if (nl_totals_get(&t.nl, &after))
		tap_bail("totals");
	tap_equal(atomic_load(&t.work.shared->value[SLIPS]), 0,
		  "epoll: every write found a blocked waiter");
	tap_equal(atomic_load(&t.work.shared->value[RETURNS]), EPOLL_ROUNDS,
		  "epoll: 20,000 returns of epoll_wait");
	tap_equal(counted(&t, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS),
		  EPOLL_ROUNDS, "epoll: 20,000 callbacks in the target");
	tap_equal(counted(&t, OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS),
		  EPOLL_ROUNDS, "epoll: 20,000 wakeups in the target");
	for (int a = OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS;
	     a <= OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS; a++)
		tap_equal(counter(&after.counts, a) -
				  counter(&before.counts, a),
			  EPOLL_ROUNDS, "epoll: 20,000 %s in the totals",
			  counter_name(a));
	equals_rusage(&t, "epoll");
	books_equal(&t.nl, t.target.id, t.work.pid, &t.base, "epoll");
	finish(&t);
}

/* The instance is found when the target is added. */
static void test_epoll_registered_before(void)
{
	static const work_step steps[] = { register_and_wait, write_1000 };
	struct trial t;

	start(&t, steps, 2);
	work_next(&t.work);
	watch(&t);
	work_next(&t.work);
	tap_equal(atomic_load(&t.work.shared->value[SLIPS]), 0,
		  "registered before: every write found a blocked waiter");
	tap_equal(counted(&t, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS),
		  LATE_ROUNDS,
		  "registered before: its callbacks in the target");
	tap_equal(t.target.callbacks_unknown, 0,
		  "registered before: no others are in doubt");
	tap_equal(counted(&t, OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS), LATE_ROUNDS,
		  "registered before: its wakeups in the target");
	tap_equal(t.target.lost, 0, "registered before: nothing lost");
	finish(&t);
}

static void test_pingpong(void)
{
	static const work_step steps[] = { pingpong_start, look_again,
					   pingpong_play };
	/* Each side blocks once a round; and once at the gate. */
	const uint64_t blocks = 2 * PINGPONG_ROUNDS + 1;
	struct trial t;

	start(&t, steps, 3);
	work_next(&t.work);
	work_next(&t.work);
	watch(&t);
	work_next(&t.work);
	tap_between(blocks,
		    counted(&t,
			    OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY),
		    work_switches_are_blocks() ? blocks : UINT64_MAX,
		    "ping-pong: two voluntary switches a round");
	equals_rusage(&t, "ping-pong");
	books_equal(&t.nl, t.target.id, t.work.pid, &t.base, "ping-pong");
	finish(&t);
}

static void test_minor_faults(void)
{
	static const work_step steps[] = { map_pages, touch_pages };
	struct trial t;

	start(&t, steps, 2);
	work_next(&t.work);
	watch(&t);
	work_next(&t.work);
	tap_between(TOUCHED_PAGES,
		    counted(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR),
		    TOUCHED_PAGES + 8, "1,000 pages: as many minor faults");
	equals_rusage(&t, "1,000 pages");
	books_equal(&t.nl, t.target.id, t.work.pid, &t.base, "1,000 pages");
	finish(&t);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sync();
	if (fd < 0 || write(fd, "1", 1) != 1)
		tap_bail("drop_caches");
	close(fd);
}

static void test_major_faults(void)
{
	static const work_step steps[] = { map_cold_file, touch_cold_file };
	struct trial t;

	start(&t, steps, 2);
	work_next(&t.work);
	watch(&t);
	drop_caches();
	work_next(&t.work);
	if (!counted(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR) &&
	    t.work.shared->self.ru_majflt == t.usage.ru_majflt)
		tap_skip("cold file: major faults",
			 "%s was not cold: no fault waited for I/O", cold_path);
	else
		tap_between(
			1, counted(&t, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR),
			atomic_load(&t.work.shared->value[MAPPED_PAGES]),
			"cold file: major faults");
	equals_rusage(&t, "cold file");
	books_equal(&t.nl, t.target.id, t.work.pid, &t.base, "cold file");
	finish(&t);
}

/*
 * For a module loaded with epoll_instances=64: a table filled by one target is
 * free for the next when that one is removed. Its process keeps its instances,
 * and a third target keeps the table.
 */
static void test_room(void)
{
	static const work_step many[] = { register_many, write_once };
	static const work_step few[] = { register_few, write_once };
	struct trial keeper, filler, t;
	uint64_t known;

	start(&keeper, NULL, 0);
	watch(&keeper);
	start(&filler, many, 2);
	watch(&filler);
	start(&t, few, 2);
	work_next(&filler.work);
	counted(&filler, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS);
	tap_equal(filler.target.lost, 1, "room: the table is full");
	work_next(&filler.work);
	known = counted(&filler, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS);
	tap_ok(known < REGISTERED_MANY &&
		       known + filler.target.callbacks_unknown >=
			       REGISTERED_MANY,
	       "room: what is not attributed is unknown");
	tap_ok(!nl_target_del(&filler.nl, filler.target.id, NULL),
	       "room: who filled it can be removed");
	watch(&t);
	work_next(&t.work);
	work_next(&t.work);
	tap_equal(counted(&t, OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS),
		  REGISTERED_FEW, "room: the next target has its callbacks");
	tap_equal(t.target.lost, 0, "room: the next target has lost none");
	finish(&t);
	work_end(&filler.work, NULL);
	nl_close(&filler.nl);
	finish(&keeper);
}

/*
 * With the word "epoll" or "room": those tests alone, for a module loaded
 * otherwise.
 */
int main(int argc, char **argv)
{
	cold_path = "/bin/bash";
	if (argc > 1 && !strcmp(argv[1], "room")) {
		test_room();
		return tap_done();
	}
	test_epoll();
	test_epoll_registered_before();
	if (argc > 1 && !strcmp(argv[1], "epoll"))
		return tap_done();
	test_pingpong();
	test_minor_faults();
	test_major_faults();
	return tap_done();
}
