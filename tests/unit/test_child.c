// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/child.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/procfs.h"
#include "lib/signals.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct osc_error e;

static void start(struct osc_child *c, const char *const *argv,
		  unsigned int flags)
{
	const struct osc_child_options o = { .argv = argv, .flags = flags };

	if (osc_child_start(c, &o, &e))
		fail_msg("%s", e.text);
}

static void wait_for(struct osc_child *c)
{
	if (osc_child_wait(c, OSC_CHILD_FOREVER, &e))
		fail_msg("%s", e.text);
}

static char *output_of(const char *const *argv, unsigned int flags)
{
	struct osc_child c;
	char *text;

	start(&c, argv, flags | OSC_CHILD_CAPTURE);
	if (osc_child_output(&c, 4096, OSC_CHILD_FOREVER, &text, NULL, &e))
		fail_msg("%s", e.text);
	osc_child_close(&c);
	return text;
}

static void gives_the_exit_status(void **state)
{
	struct osc_child c;

	(void)state;
	start(&c, ARGV("sh", "-c", "exit 7"), 0);
	wait_for(&c);
	assert_int_equal(osc_child_exit_code(&c), 7);
	/* Waiting again is harmless. */
	wait_for(&c);
	osc_child_close(&c);
	start(&c, ARGV("sh", "-c", "kill -USR1 $$"), 0);
	wait_for(&c);
	assert_int_equal(osc_child_exit_code(&c), 128 + SIGUSR1);
	osc_child_close(&c);
}

static void a_program_that_is_not_there_is_an_error_of_start(void **state)
{
	const struct osc_child_options o = { .argv = ARGV("/nonexistent/x") };
	struct osc_child c;

	(void)state;
	assert_int_equal(osc_child_start(&c, &o, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/x"));
	assert_int_equal(c.pid, 0);
	osc_child_close(&c);
	/* Nothing is left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_file_without_permission_is_an_error_of_release(void **state)
{
	const struct osc_child_options o = { .argv = ARGV("/etc/passwd"),
					     .flags = OSC_CHILD_GATE };
	struct osc_child c;

	(void)state;
	assert_int_equal(osc_child_start(&c, &o, &e), 0);
	assert_int_equal(osc_child_release(&c, &e), -EACCES);
	osc_child_close(&c);
}

static void a_gated_child_waits_before_its_program(void **state)
{
	char mark[] = "/tmp/osc-child-XXXXXX", path[64];
	struct osc_child c;

	(void)state;
	assert_non_null(mkdtemp(mark));
	snprintf(path, sizeof(path), "%s/ran", mark);
	start(&c, ARGV("touch", path), OSC_CHILD_GATE);
	assert_int_equal(osc_child_await(&c, 20 * OSC_NS_PER_MS, &e),
			 -ETIMEDOUT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(osc_child_release(&c, &e), 0);
	wait_for(&c);
	assert_int_equal(access(path, F_OK), 0);
	osc_child_close(&c);
	unlink(path);
	rmdir(mark);
}

static void a_gated_child_does_nothing_until_it_is_released(void **state)
{
	const struct timespec pause = { .tv_nsec = 20 * OSC_NS_PER_MS };
	struct osc_counts first, then;
	cpu_set_t before, one;
	struct osc_child c;

	(void)state;
#ifdef __SANITIZE_THREAD__
	print_message(
		"the sanitizer sleeps and wakes by itself in the child\n");
	skip();
#endif
	/* On one CPU we go on after a fork, and the child has not begun. */
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 10; i++) {
		start(&c, ARGV("true"), OSC_CHILD_GATE);
		assert_int_equal(osc_procfs_process(c.pid, &first, &e), 0);
		nanosleep(&pause, NULL);
		assert_int_equal(osc_procfs_process(c.pid, &then, &e), 0);
		assert_memory_equal(first.value, then.value,
				    sizeof(first.value));
		osc_child_close(&c);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void release_of_a_killed_child_is_an_error_not_a_signal(void **state)
{
	struct osc_child c;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	start(&c, ARGV("true"), OSC_CHILD_GATE);
	assert_int_equal(osc_child_kill(&c, SIGKILL, &e), 0);
	wait_for(&c);
	assert_true(osc_child_release(&c, &e) < 0);
	assert_int_equal(osc_child_exit_code(&c), 128 + SIGKILL);
	osc_child_close(&c);
}

static void await_leaves_a_zombie_to_look_at(void **state)
{
	struct osc_child c;
	char path[32];

	(void)state;
	start(&c, ARGV("true"), 0);
	assert_int_equal(osc_child_await(&c, OSC_CHILD_FOREVER, &e), 0);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)c.pid);
	assert_int_equal(access(path, F_OK), 0);
	wait_for(&c);
	assert_int_equal(access(path, F_OK), -1);
	osc_child_close(&c);
}

static void usage_is_that_of_the_tree(void **state)
{
	struct osc_child c;

	(void)state;
	start(&c, ARGV("sh", "-c", "true; (exit 0); exec true"), 0);
	wait_for(&c);
	assert_true(c.usage.ru_minflt > 0);
	osc_child_close(&c);
}

static void captures_output_whole_and_bounded(void **state)
{
	struct osc_child c;
	size_t n;
	char *text;

	(void)state;
	start(&c, ARGV("printf", "12345"), OSC_CHILD_CAPTURE);
	assert_int_equal(
		osc_child_output(&c, 5, OSC_CHILD_FOREVER, &text, &n, &e), 0);
	assert_string_equal(text, "12345");
	assert_int_equal(n, 5);
	free(text);
	osc_child_close(&c);

	start(&c, ARGV("printf", "123456"), OSC_CHILD_CAPTURE);
	assert_int_equal(osc_child_output(&c, 5, OSC_CHILD_FOREVER, &text, &n,
					  &e),
			 -EMSGSIZE);
	assert_null(text);
	osc_child_close(&c);

	start(&c, ARGV("sleep", "60"), OSC_CHILD_CAPTURE);
	assert_int_equal(osc_child_output(&c, 5, OSC_NS_PER_MS, &text, &n, &e),
			 -ETIMEDOUT);
	osc_child_close(&c);
}

static void stdin_can_be_nothing(void **state)
{
	char *text = output_of(ARGV("sh", "-c", "cat; readlink /proc/$$/fd/0"),
			       OSC_CHILD_STDIN_NULL);

	(void)state;
	assert_string_equal(text, "/dev/null\n");
	free(text);
}

static void descriptors_arrive_where_they_were_promised(void **state)
{
	struct osc_child c;
	struct osc_child_fd fds[3];
	char *text;
	int pipes[3][2];
	/* Every number that the parent uses is somebody else's place. */
	const struct osc_child_options o = {
		.argv = ARGV("sh", "-c", "cat <&3; cat <&4; cat <&5"),
		.flags = OSC_CHILD_CAPTURE | OSC_CHILD_GATE,
		.fds = fds,
		.nr_fds = 3,
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
		assert_int_equal(dprintf(pipes[i][1], "%d", i), 1);
		close(pipes[i][1]);
	}
	for (int i = 0; i < 3; i++)
		fds[i] = (struct osc_child_fd){ pipes[i][0], 5 - i };
	if (osc_child_start(&c, &o, &e) || osc_child_release(&c, &e))
		fail_msg("%s", e.text);
	for (int i = 0; i < 3; i++)
		close(pipes[i][0]);
	assert_int_equal(osc_child_output(&c, 100, OSC_CHILD_FOREVER, &text,
					  NULL, &e),
			 0);
	assert_string_equal(text, "210");
	free(text);
	osc_child_close(&c);
}

static void no_descriptor_of_ours_leaks(void **state)
{
	char *text;

	(void)state;
	/* Those that this program was given are not ours. */
	assert_int_equal(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), 0);
	text = output_of(ARGV("sh", "-c", "ls /proc/$$/fd; :"),
			 OSC_CHILD_STDIN_NULL | OSC_CHILD_GROUP);
	assert_string_equal(text, "0\n1\n2\n");
	free(text);
}

static void signals_are_as_a_program_expects_them(void **state)
{
	const char *const *show =
		ARGV("grep", "-E", "SigBlk|SigIgn", "/proc/self/status");
	sigset_t set, old;
	char *before, *text;

	(void)state;
	/* What nohup or a shell's & has ignored stays so. */
	before = output_of(show, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &old);
	osc_signals_start();
	text = output_of(show, 0);
	osc_signals_restore();
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_string_equal(text, before);
	assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
	free(before);
	free(text);
}

static void stop_kills_what_will_not_end(void **state)
{
	struct osc_child c;
	char ready;

	(void)state;
	start(&c,
	      ARGV("sh", "-c",
		   "trap '' TERM; echo x; while :; do sleep 60; done"),
	      OSC_CHILD_CAPTURE | OSC_CHILD_GROUP);
	assert_int_equal(read(c.out, &ready, 1), 1);
	assert_int_equal(osc_child_stop(&c, 20 * OSC_NS_PER_MS, &e), 0);
	assert_int_equal(osc_child_exit_code(&c), 128 + SIGKILL);
	osc_child_close(&c);

	start(&c, ARGV("sleep", "60"), 0);
	assert_int_equal(osc_child_stop(&c, 60 * OSC_NS_PER_S, &e), 0);
	assert_int_equal(osc_child_exit_code(&c), 128 + SIGTERM);
	osc_child_close(&c);
}

static void a_group_is_signalled_as_a_whole(void **state)
{
	struct osc_child c;
	char byte;

	(void)state;
	start(&c, ARGV("sh", "-c", "sleep 60 & echo; wait"),
	      OSC_CHILD_CAPTURE | OSC_CHILD_GROUP);
	assert_int_equal(read(c.out, &byte, 1), 1);
	assert_int_equal(osc_child_stop(&c, 60 * OSC_NS_PER_S, &e), 0);
	/* The grandchild held the pipe open, too: it has ended with it. */
	assert_int_equal(read(c.out, &byte, 1), 0);
	osc_child_close(&c);
}

static void cpus_are_set(void **state)
{
	struct osc_child c;
	cpu_set_t set, one;
	char *text;
	int first = 0;
	struct osc_child_options o = {
		.argv = ARGV("nproc"),
		.flags = OSC_CHILD_CAPTURE,
		.cpus = &one,
	};

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	if (osc_child_start(&c, &o, &e))
		fail_msg("%s", e.text);
	assert_int_equal(osc_child_output(&c, 100, OSC_CHILD_FOREVER, &text,
					  NULL, &e),
			 0);
	assert_string_equal(text, "1\n");
	free(text);
	osc_child_close(&c);
	/* An empty set cannot be had: said before the program runs. */
	CPU_ZERO(&one);
	assert_int_equal(osc_child_start(&c, &o, &e), -EINVAL);
	assert_non_null(strstr(e.text, "set the CPUs"));
}

static void close_ends_what_still_runs(void **state)
{
	struct osc_child c;
	pid_t pid;

	(void)state;
	start(&c, ARGV("sleep", "60"), 0);
	pid = c.pid;
	osc_child_close(&c);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	osc_child_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_exit_status),
		cmocka_unit_test(
			a_program_that_is_not_there_is_an_error_of_start),
		cmocka_unit_test(
			a_file_without_permission_is_an_error_of_release),
		cmocka_unit_test(a_gated_child_waits_before_its_program),
		cmocka_unit_test(
			a_gated_child_does_nothing_until_it_is_released),
		cmocka_unit_test(
			release_of_a_killed_child_is_an_error_not_a_signal),
		cmocka_unit_test(await_leaves_a_zombie_to_look_at),
		cmocka_unit_test(usage_is_that_of_the_tree),
		cmocka_unit_test(captures_output_whole_and_bounded),
		cmocka_unit_test(stdin_can_be_nothing),
		cmocka_unit_test(descriptors_arrive_where_they_were_promised),
		cmocka_unit_test(no_descriptor_of_ours_leaks),
		cmocka_unit_test(signals_are_as_a_program_expects_them),
		cmocka_unit_test(stop_kills_what_will_not_end),
		cmocka_unit_test(a_group_is_signalled_as_a_whole),
		cmocka_unit_test(cpus_are_set),
		cmocka_unit_test(close_ends_what_still_runs),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
