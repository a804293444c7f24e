// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cpus.h"
#include "lib/error.h"
#include "lib/outfile.h"

static char directory[64];

static int enter(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/osc-test-outfile.XXXXXX");
	return !mkdtemp(directory) || chdir(directory);
}

static int leave(void **state)
{
	(void)state;
	unlink("out");
	unlink("link");
	return chdir("/") || rmdir(directory);
}

static int entries(void)
{
	DIR *d = opendir(".");
	int n = -2; /* . and .. */

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void check_text(const char *expected)
{
	char text[32] = "";
	FILE *f = fopen("out", "r");

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, expected);
	fclose(f);
}

static void put(const char *text)
{
	struct osc_outfile o;
	struct osc_error e;

	assert_int_equal(osc_outfile_open(&o, "out", 4096, &e), 0);
	assert_true(fputs(text, o.file) >= 0);
	assert_int_equal(osc_outfile_commit(&o, &e), 0);
}

static void a_file_appears_with_commit(void **state)
{
	struct osc_outfile o;
	struct osc_error e;
	struct stat st;

	(void)state;
	assert_int_equal(osc_outfile_open(&o, "out", 1 << 20, &e), 0);
	assert_int_equal(access("out", F_OK), -1);
	assert_true(fputs("whole", o.file) >= 0);
	assert_int_equal(access("out", F_OK), -1);
	assert_int_equal(osc_outfile_commit(&o, &e), 0);
	check_text("whole");
	assert_int_equal(stat("out", &st), 0);
	/* The room that was taken is given back. */
	assert_int_equal(st.st_size, 5);
	assert_int_equal(entries(), 1);
	osc_outfile_abandon(&o);
	check_text("whole");
}

static void an_old_file_stays_until_then(void **state)
{
	struct osc_outfile o;
	struct osc_error e;
	struct stat st;

	(void)state;
	put("old");
	assert_int_equal(chmod("out", 0640), 0);
	assert_int_equal(osc_outfile_open(&o, "out", 4096, &e), 0);
	assert_true(fputs("half", o.file) >= 0);
	osc_outfile_abandon(&o);
	check_text("old");
	assert_int_equal(entries(), 1);
	put("new");
	check_text("new");
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void no_bit_beyond_read_and_write_is_taken_from_an_old_file(void **state)
{
	static const struct {
		mode_t old, mask, new;
	} cases[] = {
		{ 04640, 0022, 0640 }, { 02775, 0022, 0644 },
		{ 06777, 0, 0666 },    { 0666, 0077, 0600 },
		{ 01600, 0022, 0600 }, { 0400, 0022, 0400 },
	};
	struct osc_outfile o;
	struct osc_error e;
	mode_t before = umask(0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		umask(022);
		unlink("out");
		put("old");
		assert_int_equal(chmod("out", cases[i].old), 0);
		umask(cases[i].mask);
		/* Only root may write where no bit says so. */
		if (access("out", W_OK))
			continue;
		put("new");
		assert_int_equal(mode_of("out"), cases[i].new);
		assert_int_equal(osc_outfile_open_mapped(&o, "file", "out",
							 4096, &e),
				 0);
		assert_int_equal(osc_outfile_commit(&o, &e), 0);
		/* Nobody else may shrink it. */
		assert_int_equal(mode_of("out"), cases[i].new & ~0022);
	}
	umask(before);
}

static bool is_link(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISLNK(st.st_mode);
}

static void put_at(const char *path, const char *text)
{
	struct osc_outfile o;
	struct osc_error e;

	assert_int_equal(osc_outfile_open(&o, path, 0, &e), 0);
	assert_true(fputs(text, o.file) >= 0);
	assert_int_equal(osc_outfile_commit(&o, &e), 0);
}

static void a_link_stays_and_what_it_names_is_replaced(void **state)
{
	struct osc_outfile o;
	struct osc_error e;

	(void)state;
	put("old");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("../out", "d/second"), 0);
	assert_int_equal(symlink("d/second", "link"), 0);
	put_at("link", "new");
	check_text("new");
	assert_true(is_link("link") && is_link("d/second") && !is_link("out"));
	/* It is made where the link says. */
	unlink("out");
	put_at("link", "made");
	check_text("made");
	assert_true(is_link("link") && is_link("d/second"));
	unlink("link");
	assert_int_equal(symlink("/dev/null", "link"), 0);
	put_at("link", "nothing");
	assert_true(is_link("link"));
	unlink("link");
	assert_int_equal(symlink("link", "link"), 0);
	assert_int_equal(osc_outfile_open(&o, "link", 0, &e), -ELOOP);
	unlink("d/second");
	assert_int_equal(rmdir("d"), 0);
}

static void the_link_of_another_in_a_shared_directory_is_refused(void **state)
{
	struct osc_outfile o;
	struct osc_error e;

	(void)state;
	if (geteuid())
		skip();
	put("old");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(chmod("d", 01777), 0);
	assert_int_equal(symlink("../out", "d/link"), 0);
	put_at("d/link", "ours");
	check_text("ours");
	assert_int_equal(lchown("d/link", 65534, 65534), 0);
	assert_int_equal(osc_outfile_open(&o, "d/link", 0, &e), -EACCES);
	assert_non_null(strstr(e.text, "d/link"));
	assert_non_null(strstr(e.text, "another user"));
	osc_outfile_abandon(&o);
	check_text("ours");
	unlink("d/link");
	assert_int_equal(rmdir("d"), 0);
}

static void a_pipe_with_a_name_is_written_in_place(void **state)
{
	char text[8] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo("link", 0600), 0);
	fd = open("link", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	put_at("link", "through");
	assert_int_equal(read(fd, text, sizeof(text)), 7);
	assert_memory_equal(text, "through", 7);
	close(fd);
	assert_int_equal(entries(), 1);
}

static void stream_at(const char *path, const char *text)
{
	struct osc_outfile o;
	struct osc_error e;

	assert_int_equal(osc_outfile_stream(&o, "cannot write", path, &e), 0);
	assert_true(fputs(text, o.file) >= 0 && !fflush(o.file));
	if (!strcmp(path, "out"))
		check_text(text);
	assert_int_equal(osc_outfile_commit(&o, &e), 0);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* Read while it is written, so it has its name from the beginning. */
static void a_stream_writes_into_a_plain_file_of_ours_only(void **state)
{
	mode_t before = umask(0022);
	struct stat st;
	int held;

	(void)state;
	stream_at("out", "new");
	assert_int_equal(mode_of("out"), 0644);
	/* Held open, so that no other file can have its number. */
	held = open("out", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(held, &st), 0);
	stream_at("out", "2nd");
	assert_int_equal(inode_of("out"), st.st_ino);
	assert_int_equal(chmod("out", 04775), 0);
	stream_at("out", "3rd");
	assert_true(inode_of("out") != st.st_ino);
	assert_int_equal(mode_of("out"), 0644);
	close(held);
	/* Another name keeps what it has. */
	assert_int_equal(link("out", "link"), 0);
	stream_at("out", "4th");
	assert_true(inode_of("out") != inode_of("link"));
	unlink("link");
	if (!geteuid()) {
		assert_int_equal(chmod("out", 0600), 0);
		assert_int_equal(chown("out", 65534, 65534), 0);
		stream_at("out", "5th");
		assert_int_equal(stat("out", &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	assert_int_equal(symlink("out", "link"), 0);
	stream_at("link", "6th");
	check_text("6th");
	assert_true(is_link("link"));
	unlink("link");
	unlink("out");
	umask(before);
	stream_at("/dev/null", "7th");
}

static void a_stream_is_refused_as_a_file_is(void **state)
{
	struct osc_outfile o;
	struct osc_error e;
	int fd;

	(void)state;
	assert_int_equal(osc_outfile_stream(&o, "what", "no/such/out", &e),
			 -ENOENT);
	assert_non_null(strstr(e.text, "what 'no/such/out': No such file"));
	assert_non_null(strstr(e.text, "in a directory that exists"));
	assert_int_equal(osc_outfile_stream(&o, "what", ".", &e), -EISDIR);
	/* Nothing is wrong with the directory that it is in. */
	assert_non_null(strstr(e.text, "Is a directory; try another path"));
	assert_int_equal(osc_outfile_stream(&o, "what", "/dev/fd/99", &e),
			 -EBADF);
	if (!geteuid()) {
		put("old");
		assert_int_equal(mkdir("d", 0700), 0);
		assert_int_equal(chmod("d", 01777), 0);
		assert_int_equal(symlink("../out", "d/link"), 0);
		assert_int_equal(lchown("d/link", 65534, 65534), 0);
		assert_int_equal(osc_outfile_stream(&o, "what", "d/link", &e),
				 -EACCES);
		check_text("old");
		unlink("d/link");
		assert_int_equal(rmdir("d"), 0);
	}
	assert_int_equal(mkfifo("link", 0600), 0);
	fd = open("link", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(osc_outfile_stream(&o, "what", "link", &e), 0);
	osc_outfile_abandon(&o);
	assert_true(mode_of("link") == 0600);
	close(fd);
}

/* A program that is killed before commit. */
static void nothing_is_left_of_a_file_without_commit(void **state)
{
	int status, fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	pid_t pid;

	(void)state;
	/* Not on this file system: there it has a name. */
	if (fd < 0)
		skip();
	close(fd);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct osc_outfile o;

		if (!osc_outfile_open(&o, "out", 4096, NULL) &&
		    fputs("half", o.file) >= 0 && !fflush(o.file))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(entries(), 0);
}

static void a_place_that_cannot_be_written_is_found_at_once(void **state)
{
	struct osc_outfile o;
	struct osc_error e;

	(void)state;
	assert_int_equal(osc_outfile_open(&o, "no/such/out", 1, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no/such/out"));
	osc_outfile_abandon(&o);
	assert_int_equal(osc_outfile_open(&o, ".", 1, &e), -EISDIR);
	assert_int_equal(osc_outfile_open(&o, "", 1, &e), -ENOENT);
	/* More than any disk has. */
	assert_true(osc_outfile_open(&o, "out", SIZE_MAX / 4, &e) < 0);
	assert_int_equal(entries(), 0);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	struct osc_outfile o;
	struct osc_error e;

	(void)state;
	assert_int_equal(osc_outfile_open(&o, "/dev/full", 4096, &e), 0);
	assert_true(fputs("text", o.file) >= 0);
	assert_int_equal(osc_outfile_commit(&o, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "/dev/full"));
	assert_null(o.file);
}

static void cpus_are_numbers_and_ranges_that_are_ours(void **state)
{
	static const char *const bad[] = { "",	   ",",	   "a",	   "0,", ",0",
					   "0-",   "-0",   "1-0",  "0 ", "0;1",
					   "0--0", "0,,0", "99999" };
	cpu_set_t allowed, set;
	char text[64], list[64];
	struct osc_error e;
	int first = 0;

	(void)state;
	assert_int_equal(osc_cpus_allowed(&allowed, &e), 0);
	while (!CPU_ISSET(first, &allowed))
		first++;
	snprintf(text, sizeof(text), "%d,%d-%d", first, first, first);
	assert_int_equal(osc_cpus_parse("--cpus", text, &set, &e), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	snprintf(text, sizeof(text), "%d", first);
	assert_string_equal(osc_cpus_format(&set, list, sizeof(list)), text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(osc_cpus_parse("--cpus", bad[i], &set, &e),
				 -EINVAL);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
	}
	snprintf(text, sizeof(text), "%d", CPU_SETSIZE - 1);
	assert_int_equal(osc_cpus_parse("--cpus", text, &set, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not ours"));
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(2, &set);
	CPU_SET(3, &set);
	CPU_SET(4, &set);
	CPU_SET(9, &set);
	assert_string_equal(osc_cpus_format(&set, list, sizeof(list)),
			    "0,2-4,9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_appears_with_commit,
						enter, leave),
		cmocka_unit_test_setup_teardown(an_old_file_stays_until_then,
						enter, leave),
		cmocka_unit_test_setup_teardown(
			no_bit_beyond_read_and_write_is_taken_from_an_old_file,
			enter, leave),
		cmocka_unit_test_setup_teardown(
			a_link_stays_and_what_it_names_is_replaced, enter,
			leave),
		cmocka_unit_test_setup_teardown(
			the_link_of_another_in_a_shared_directory_is_refused,
			enter, leave),
		cmocka_unit_test_setup_teardown(
			a_pipe_with_a_name_is_written_in_place, enter, leave),
		cmocka_unit_test_setup_teardown(
			a_stream_writes_into_a_plain_file_of_ours_only, enter,
			leave),
		cmocka_unit_test_setup_teardown(
			a_stream_is_refused_as_a_file_is, enter, leave),
		cmocka_unit_test_setup_teardown(
			nothing_is_left_of_a_file_without_commit, enter, leave),
		cmocka_unit_test_setup_teardown(
			a_place_that_cannot_be_written_is_found_at_once, enter,
			leave),
		cmocka_unit_test(a_full_disk_is_told_at_the_end),
		cmocka_unit_test(cpus_are_numbers_and_ranges_that_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
