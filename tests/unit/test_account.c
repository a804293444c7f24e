// SPDX-License-Identifier: GPL-2.0-or-later
/* The server's own statistics: exact under concurrent writers, readable after
 * the writer's death, and no crash of the reader over a damaged file.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/account.h"
#include "lib/error.h"

static char directory[64];
static char path[128];

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test_account.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/books", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void every_field_has_a_name(void **state)
{
	(void)state;
	for (int f = 0; f < OSC_NR_ACCOUNT; f++)
		assert_non_null(osc_account_name(f));
}

static void what_a_killed_writer_booked_stays(void **state)
{
	struct osc_account_reader reader;
	struct osc_account_snapshot s;
	struct osc_account *a;
	pid_t pid;

	(void)state;
	assert_int_equal(osc_account_create(path, "epoll", &a, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct osc_books b = osc_account_books(a, 3, true);

		osc_books_add(&b, OSC_ACCOUNT_ACCEPTS, 5);
		osc_books_add(&b, OSC_ACCOUNT_CLOSES, 2);
		abort();
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	osc_account_destroy(a);
	assert_int_equal(osc_account_open(path, &reader, NULL), 0);
	assert_int_equal(osc_account_read(&reader, &s, NULL), 0);
	assert_int_equal(s.value[OSC_ACCOUNT_ACCEPTS], 5);
	assert_int_equal(s.connections_open, 3);
	assert_string_equal(s.model, "epoll");
	assert_int_equal(s.pid, getpid());
	osc_account_reader_close(&reader);
}

static void writers_of_one_slot_lose_nothing(void **state)
{
	enum { WRITERS = 4, ROUNDS = 20000 };
	struct osc_account_snapshot s;
	struct osc_account *a;

	(void)state;
	assert_int_equal(osc_account_create(NULL, "fork", &a, NULL), 0);
	for (int i = 0; i < WRITERS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			struct osc_books b = osc_account_books(a, 7, false);

			for (int r = 0; r < ROUNDS; r++)
				osc_books_add(&b, OSC_ACCOUNT_REQUESTS, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		assert_true(wait(NULL) > 0);
	osc_account_sum(a, &s);
	assert_int_equal(s.value[OSC_ACCOUNT_REQUESTS], WRITERS * ROUNDS);
	osc_account_destroy(a);
}

static void an_index_beyond_the_slots_is_not_exclusive(void **state)
{
	struct osc_account *a;

	(void)state;
	assert_int_equal(osc_account_create(NULL, "epoll", &a, NULL), 0);
	assert_true(osc_account_books(a, 0, true).exclusive);
	assert_false(osc_account_books(a, OSC_ACCOUNT_MASTER, true).exclusive);
	/* The master's slot is nobody else's. */
	for (unsigned int i = 0; i < 1000; i++)
		assert_ptr_not_equal(osc_account_books(a, i, true).slot,
				     &a->slot[OSC_ACCOUNT_MASTER]);
	osc_account_destroy(a);
}

static void a_cut_file_is_an_error_not_a_crash(void **state)
{
	struct osc_account_reader reader;
	struct osc_account_snapshot s;
	struct osc_error e = { 0 };
	struct osc_account *a;

	(void)state;
	assert_int_equal(osc_account_create(path, "epoll", &a, NULL), 0);
	osc_account_destroy(a);
	assert_int_equal(osc_account_open(path, &reader, NULL), 0);
	assert_int_equal(truncate(path, 100), 0);
	assert_true(osc_account_read(&reader, &s, &e) < 0);
	assert_non_null(strstr(e.text, "100 bytes instead of"));
	osc_account_reader_close(&reader);
	assert_true(osc_account_open(path, &reader, &e) < 0);
	/* The right size and no sense in it. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, sizeof(struct osc_account)), 0);
	assert_true(osc_account_open(path, &reader, &e) < 0);
	assert_non_null(strstr(e.text, "not the account"));
}

/* In the writer, whose other processes have it mapped, too. */
static void a_writer_outlives_the_file(void **state)
{
	struct osc_account *a;
	struct osc_books b;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(osc_account_create(path, "epoll", &a, NULL), 0);
	assert_true(osc_account_is_intact(a));
	b = osc_account_books(a, 0, true);
	assert_int_equal(truncate(path, 0), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		osc_books_add(&b, OSC_ACCOUNT_REQUESTS, 1);
		_exit(osc_account_is_intact(a) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	osc_books_add(&b, OSC_ACCOUNT_REQUESTS, 1);
	assert_false(osc_account_is_intact(a));
	osc_account_destroy(a);
	/* Another bus error is what it was. */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static void a_new_server_leaves_the_old_ones_books_alone(void **state)
{
	struct osc_account *old, *new;
	struct osc_account_snapshot s;
	struct osc_books b;

	(void)state;
	assert_int_equal(osc_account_create(path, "fork", &old, NULL), 0);
	b = osc_account_books(old, 0, true);
	osc_books_add(&b, OSC_ACCOUNT_REQUESTS, 9);
	assert_int_equal(osc_account_create(path, "epoll", &new, NULL), 0);
	osc_account_sum(old, &s);
	assert_int_equal(s.value[OSC_ACCOUNT_REQUESTS], 9);
	osc_account_sum(new, &s);
	assert_int_equal(s.value[OSC_ACCOUNT_REQUESTS], 0);
	osc_account_destroy(old);
	osc_account_destroy(new);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
	struct osc_error e = { 0 };
	struct osc_account *a;

	(void)state;
	assert_true(osc_account_create("/nowhere/books", "fork", &a, &e) < 0);
	assert_non_null(strstr(e.text, "/nowhere/books"));
	assert_non_null(strstr(e.text, "; try "));
}

#define WITH_FILE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_has_a_name),
		WITH_FILE(what_a_killed_writer_booked_stays),
		cmocka_unit_test(writers_of_one_slot_lose_nothing),
		cmocka_unit_test(an_index_beyond_the_slots_is_not_exclusive),
		WITH_FILE(a_cut_file_is_an_error_not_a_crash),
		WITH_FILE(a_writer_outlives_the_file),
		WITH_FILE(a_new_server_leaves_the_old_ones_books_alone),
		cmocka_unit_test(a_place_that_cannot_be_written_is_named),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
