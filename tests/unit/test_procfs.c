// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/child.h"
#include "lib/counters.h"
#include "lib/error.h"
#include "lib/procfs.h"
#include "lib/standing.h"

static struct osc_error e;

/* A child that works when told to: a byte in, a byte out. */
struct worker {
	pid_t pid;
	int to, from;
};

static void touch_pages(size_t pages)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, pages * size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	madvise(p, pages * size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		p[i * size] = 1;
	munmap(p, pages * size);
}

static void *thread_main(void *arg)
{
	touch_pages(200);
	return arg;
}

static void wait_for(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(1);
}

static void run_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		touch_pages(500);
		_exit(0);
	}
	wait_for(pid);
}

/* Nobody waits for it, so nobody inherits what it did. */
static void run_ignored_child(void)
{
	signal(SIGCHLD, SIG_IGN);
	if (!fork()) {
		touch_pages(500);
		_exit(0);
	}
	/* It returns when no child is left. */
	waitpid(-1, NULL, 0);
	signal(SIGCHLD, SIG_DFL);
}

/* It shares our memory: it may live without a fault of its own. */
static void run_faultless_child(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	wait_for(pid);
}

static void burn(void)
{
	struct timespec t;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (!t.tv_sec && t.tv_nsec < 50000000);
}

static void run_busy_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		burn();
		_exit(0);
	}
	wait_for(pid);
}

static void *busy_thread_main(void *arg)
{
	burn();
	return arg;
}

static void run_thread(void *(*body)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, NULL) ||
	    pthread_join(thread, NULL))
		_exit(1);
}

/*
 * 'f': 1000 faults; 'c': a child with 500, waited for; 'i': the same, not waited
 * for; 'v': a child without faults; 't': a thread with 200; 'C', 'T': a child, a
 * thread with 50 ms of CPU time.
 */
static void serve(int in, int out)
{
	char what;

	while (read(in, &what, 1) == 1) {
		switch (what) {
		case 'f':
			touch_pages(1000);
			break;
		case 'c':
			run_child();
			break;
		case 'i':
			run_ignored_child();
			break;
		case 'v':
			run_faultless_child();
			break;
		case 't':
			run_thread(thread_main);
			break;
		case 'C':
			run_busy_child();
			break;
		case 'T':
			run_thread(busy_thread_main);
			break;
		}
		if (write(out, &what, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void worker_start(struct worker *w)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (!w->pid) {
		close(to[1]);
		close(from[0]);
		serve(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	w->to = to[1];
	w->from = from[0];
}

/* Its counters stand still once it has blocked for the next order. */
static void wait_until_asleep(pid_t pid)
{
	struct osc_procfs_task task;

	do {
		usleep(100);
		assert_int_equal(osc_procfs_leader(pid, &task), 0);
	} while (task.state != 'S');
}

static void worker_do(struct worker *w, char what)
{
	assert_int_equal(write(w->to, &what, 1), 1);
	assert_int_equal(read(w->from, &what, 1), 1);
	wait_until_asleep(w->pid);
}

static void worker_end(struct worker *w, struct rusage *usage)
{
	int status;

	close(w->to);
	close(w->from);
	assert_int_equal(wait4(w->pid, &status, 0, usage), w->pid);
	assert_int_equal(status, 0);
}

static void a_process_reads_as_it_was_booked(void **state)
{
	struct osc_counts before, after;
	struct worker w;

	(void)state;
	worker_start(&w);
	worker_do(&w, 'x');
	assert_int_equal(osc_procfs_process(w.pid, &before, &e), 0);
	worker_do(&w, 'f');
	assert_int_equal(osc_procfs_process(w.pid, &after, &e), 0);
	assert_int_equal(after.tasks_live, 1);
	/* The pages, and what the C library or a sanitizer does besides; not
	 * twice the pages.
	 */
	assert_in_range(after.value[OSC_FAULTS_MINOR] -
				before.value[OSC_FAULTS_MINOR],
			1000, 1999);
	assert_true(after.value[OSC_SWITCHES_VOLUNTARY] >
		    before.value[OSC_SWITCHES_VOLUNTARY]);
	assert_int_equal(after.value[OSC_SWITCHES],
			 after.value[OSC_SWITCHES_VOLUNTARY] +
				 after.value[OSC_SWITCHES_INVOLUNTARY]);
	assert_false(osc_counts_have(&after, OSC_EPOLL_CALLBACKS));
	worker_end(&w, NULL);
}

static void a_zombie_still_reads_and_equals_its_rusage(void **state)
{
	struct osc_counts counts;
	struct rusage usage;
	struct worker w;
	siginfo_t info;

	(void)state;
	worker_start(&w);
	worker_do(&w, 'f');
	close(w.to);
	assert_int_equal(waitid(P_PID, (id_t)w.pid, &info, WEXITED | WNOWAIT),
			 0);
	assert_int_equal(osc_procfs_process(w.pid, &counts, &e), 0);
	assert_int_equal(counts.tasks_exited, 1);
	worker_end(&w, &usage);
	assert_int_equal(counts.value[OSC_FAULTS_MINOR], usage.ru_minflt);
	assert_int_equal(counts.value[OSC_FAULTS_MAJOR], usage.ru_majflt);
	/* The last switch of a dying thread is booked late or nowhere. */
	assert_in_range(counts.value[OSC_SWITCHES_VOLUNTARY],
			(uintmax_t)(usage.ru_nvcsw > 0 ? usage.ru_nvcsw - 1 :
							 0),
			(uintmax_t)usage.ru_nvcsw + 1);
}

static void a_process_that_is_gone_is_no_process(void **state)
{
	struct osc_counts counts;
	struct worker w;

	(void)state;
	worker_start(&w);
	worker_end(&w, NULL);
	assert_int_equal(osc_procfs_process(w.pid, &counts, &e), -ESRCH);
	assert_non_null(strstr(e.text, "No such process"));
}

static void totals_go_up_and_contain_us(void **state)
{
	struct osc_counts before, after;

	(void)state;
	assert_int_equal(osc_procfs_totals(&before, &e), 0);
	touch_pages(1000);
	usleep(1000);
	assert_int_equal(osc_procfs_totals(&after, &e), 0);
	assert_true(after.value[OSC_FAULTS_MINOR] >=
		    before.value[OSC_FAULTS_MINOR] + 1000);
	assert_true(after.value[OSC_SWITCHES] > before.value[OSC_SWITCHES]);
	assert_false(osc_counts_have(&after, OSC_SWITCHES_VOLUNTARY));
	assert_false(osc_counts_have(&after, OSC_EPOLL_WAKEUPS));
}

static void a_missing_file_is_an_errno(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(osc_procfs_slurp("/proc/nonesuch", &text), -ENOENT);
	assert_null(text);
	assert_int_equal(osc_procfs_slurp("/proc", &text), -EISDIR);
}

static struct osc_counters *open_procfs(void)
{
	struct osc_counters *c;

	if (osc_counters_open(&c, OSC_COUNTERS_PROCFS, &e))
		fail_msg("%s", e.text);
	assert_string_equal(osc_counters_source(c), "procfs");
	return c;
}

static struct osc_counts read_target(struct osc_counters *c, uint32_t id)
{
	struct osc_counts counts;

	if (osc_counters_read(c, id, &counts, &e))
		fail_msg("%s", e.text);
	return counts;
}

static void a_target_counts_from_the_watch_on(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	worker_do(&w, 'f');
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	counts = read_target(c, id);
	assert_int_equal(counts.value[OSC_FAULTS_MINOR], 0);
	assert_int_equal(counts.tasks_live, 1);
	worker_do(&w, 'f');
	counts = read_target(c, id);
	assert_in_range(counts.value[OSC_FAULTS_MINOR], 1000, 1999);
	assert_int_equal(counts.lost, 0);
	assert_int_equal(osc_counters_unwatch(c, id, &e), 0);
	assert_int_equal(osc_counters_read(c, id, &counts, &e), -ENOENT);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

static void a_child_that_came_and_went_unseen_is_marked(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	worker_do(&w, 'c');
	counts = read_target(c, id);
	assert_int_equal(counts.lost, 1);
	/* Once for each time, not for ever. */
	assert_int_equal(read_target(c, id).lost, 1);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

static enum osc_standing_kind stands(const struct osc_counts *c,
				     enum osc_counter n)
{
	return osc_standing(c, n).kind;
}

/* What children did that were waited for is inherited, however short they are. */
static void what_unseen_children_did_is_counted(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	/* What it inherited before the watch began is not counted. */
	worker_do(&w, 'c');
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	for (int i = 0; i < 10; i++)
		worker_do(&w, 'c');
	counts = read_target(c, id);
	assert_in_range(counts.value[OSC_FAULTS_MINOR], 5000, 9999);
	for (int i = 0; i < 4; i++) {
		worker_do(&w, 'C');
		worker_do(&w, 'T');
	}
	counts = read_target(c, id);
	/* 400 ms, of which a tick of either kind may be missing. */
	assert_true(counts.value[OSC_CPU_NS] > 370000000);
	assert_int_equal(stands(&counts, OSC_CPU_NS), OSC_LOWER_BOUND);
	assert_int_equal(stands(&counts, OSC_SWITCHES), OSC_LOWER_BOUND);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

/* Whatever begins and ends between two looks: no count is called exact. */
static void what_may_have_been_missed_is_no_exact_count(void **state)
{
	static const char orders[] = "civtCT";

	(void)state;
	for (const char *order = orders; *order; order++) {
		struct osc_counters *c = open_procfs();
		struct osc_counts counts;
		struct worker w;
		uint32_t id;

		worker_start(&w);
		assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
		worker_do(&w, *order);
		counts = read_target(c, id);
		for (int i = 0; i < OSC_NR_COUNTERS; i++)
			assert_int_not_equal(stands(&counts,
						    (enum osc_counter)i),
					     OSC_EXACT);
		/* Nor does it become so. */
		worker_do(&w, 'f');
		counts = read_target(c, id);
		assert_int_equal(stands(&counts, OSC_SWITCHES),
				 OSC_LOWER_BOUND);
		worker_end(&w, NULL);
		osc_counters_close(c);
	}
}

/* Where the kernel made no task at all, nothing can have been missed. */
static void what_cannot_have_been_missed_is_exact(void **state)
{
	struct osc_counters *c = open_procfs();
	uint64_t before, after;
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_procfs_forks(&before, &e), 0);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	worker_do(&w, 'f');
	counts = read_target(c, id);
	assert_int_equal(osc_procfs_forks(&after, &e), 0);
	if (before == after)
		assert_int_equal(stands(&counts, OSC_FAULTS_MINOR), OSC_EXACT);
	assert_int_equal(stands(&counts, OSC_EPOLL_WAKEUPS), OSC_ABSENT);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

/* At random, looked at now and then: never more than the kernel's own sum. */
static void no_count_exceeds_what_the_kernel_says(void **state)
{
	static const char orders[] = "ffcvtCT";

	(void)state;
	srand(21);
	for (int run = 0; run < 20; run++) {
		struct osc_counters *c = open_procfs();
		struct osc_counts counts;
		struct rusage usage;
		struct worker w;
		siginfo_t info;
		uint32_t id;
		uint64_t us;

		worker_start(&w);
		assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
		for (int i = rand() % 8; i >= 0; i--) {
			worker_do(&w, orders[rand() % (int)strlen(orders)]);
			if (rand() % 2)
				read_target(c, id);
		}
		close(w.to);
		assert_int_equal(waitid(P_PID, (id_t)w.pid, &info,
					WEXITED | WNOWAIT),
				 0);
		counts = read_target(c, id);
		worker_end(&w, &usage);
		us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
			     1000000 +
		     (uint64_t)(usage.ru_utime.tv_usec +
				usage.ru_stime.tv_usec) +
		     2;
		assert_true(counts.value[OSC_FAULTS_MINOR] <=
			    (uint64_t)usage.ru_minflt);
		assert_true(counts.value[OSC_SWITCHES_VOLUNTARY] <=
			    (uint64_t)usage.ru_nvcsw + 1);
		assert_true(counts.value[OSC_CPU_NS] <= us * 1000);
		osc_counters_close(c);
	}
}

static void faults_of_threads_that_ended_are_kept(void **state)
{
	struct osc_counters *c = open_procfs();
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	worker_do(&w, 't');
	assert_true(read_target(c, id).value[OSC_FAULTS_MINOR] >= 200);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

static void a_target_that_ends_keeps_its_counts_and_marks_the_rest(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts before, after;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	worker_do(&w, 'f');
	before = read_target(c, id);
	worker_end(&w, NULL);
	after = read_target(c, id);
	assert_int_equal(after.tasks_live, 0);
	assert_int_equal(after.tasks_exited, 1);
	assert_int_equal(after.lost, 1);
	assert_int_equal(after.value[OSC_FAULTS_MINOR],
			 before.value[OSC_FAULTS_MINOR]);
	osc_counters_close(c);
}

static void a_child_of_a_dead_member_stays_in_the_tree(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_child_fd in = { .child = STDIN_FILENO };
	const struct osc_child_options o = {
		.argv = (const char *const[]){ "sh", "-c",
					       "sleep 60 & echo; read x",
					       NULL },
		.flags = OSC_CHILD_CAPTURE | OSC_CHILD_GROUP,
		.fds = &in,
		.nr_fds = 1,
	};
	struct osc_child child;
	struct osc_counts counts;
	uint32_t id;
	int hold[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	in.parent = hold[0];
	assert_int_equal(osc_child_start(&child, &o, &e), 0);
	assert_int_equal(read(child.out, &byte, 1), 1);
	assert_int_equal(osc_counters_watch(c, child.pid, 0, &id, &e), 0);
	assert_int_equal(read_target(c, id).tasks_live, 2);
	/* The shell ends, and sleep is handed to another parent. */
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(osc_child_await(&child, OSC_CHILD_FOREVER, &e), 0);
	counts = read_target(c, id);
	assert_int_equal(counts.tasks_live, 1);
	assert_int_equal(counts.tasks_exited, 1);
	osc_child_kill(&child, SIGKILL, &e);
	osc_child_close(&child);
	osc_counters_close(c);
}

static void watching_nobody_is_an_error(void **state)
{
	struct osc_counters *c = open_procfs();
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	worker_end(&w, NULL);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), -ESRCH);
	assert_non_null(strstr(e.text, "try"));
	osc_counters_close(c);
}

static void no_follow_leaves_children_out(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_counters_watch(c, getpid(), OSC_WATCH_NO_FOLLOW,
					    &id, &e),
			 0);
	worker_do(&w, 'f');
	counts = read_target(c, id);
	assert_true(counts.value[OSC_FAULTS_MINOR] < 1000);
	assert_int_equal(counts.tasks_live, 1);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

/* The same before and after: a reading is whole, or there is none. */
static void a_target_with_more_tasks_than_the_limit_is_not_read(void **state)
{
	struct osc_counters *c = open_procfs();
	struct osc_counts counts;
	struct worker w;
	uint32_t id;

	(void)state;
	worker_start(&w);
	assert_int_equal(osc_counters_watch(c, w.pid, 0, &id, &e), 0);
	osc_procfs_limit(c, 1);
	assert_int_equal(osc_counters_read(c, id, &counts, &e), -E2BIG);
	assert_non_null(strstr(e.text, "more than 1 tasks"));
	assert_non_null(strstr(e.text, "try"));
	osc_procfs_limit(c, 0);
	assert_int_equal(read_target(c, id).tasks_live, 1);
	worker_end(&w, NULL);
	osc_counters_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_reads_as_it_was_booked),
		cmocka_unit_test(a_zombie_still_reads_and_equals_its_rusage),
		cmocka_unit_test(a_process_that_is_gone_is_no_process),
		cmocka_unit_test(totals_go_up_and_contain_us),
		cmocka_unit_test(a_missing_file_is_an_errno),
		cmocka_unit_test(a_target_counts_from_the_watch_on),
		cmocka_unit_test(a_child_that_came_and_went_unseen_is_marked),
		cmocka_unit_test(what_unseen_children_did_is_counted),
		cmocka_unit_test(what_may_have_been_missed_is_no_exact_count),
		cmocka_unit_test(what_cannot_have_been_missed_is_exact),
		cmocka_unit_test(no_count_exceeds_what_the_kernel_says),
		cmocka_unit_test(faults_of_threads_that_ended_are_kept),
		cmocka_unit_test(
			a_target_that_ends_keeps_its_counts_and_marks_the_rest),
		cmocka_unit_test(a_child_of_a_dead_member_stays_in_the_tree),
		cmocka_unit_test(watching_nobody_is_an_error),
		cmocka_unit_test(no_follow_leaves_children_out),
		cmocka_unit_test(
			a_target_with_more_tasks_than_the_limit_is_not_read),
	};

	return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
