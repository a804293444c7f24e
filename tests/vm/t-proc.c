// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/osconcepts: complete lines and true sums under any read size, seek and
 * change; and the totals between two readings of the kernel's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/crowd.h"
#include "lib/nl.h"
#include "lib/tap.h"

#define PATH "/proc/osconcepts"
#define TEXT_MAX (256 * 1024)

static const size_t sizes[] = { 1, 7, 4096, 65536 };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

/* The whole file, read size bytes at a time, as a string. */
static size_t read_text(char *text, size_t size)
{
	int fd = open(PATH, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (fd < 0)
		tap_bail(PATH);
	while ((got = read(fd, text + length, size)) > 0) {
		length += (size_t)got;
		if (length + size >= TEXT_MAX)
			tap_bail("the text is too long");
	}
	if (got < 0)
		tap_bail("read");
	close(fd);
	text[length] = '\0';
	return length;
}

/* The value of a line "name value"; UINT64_MAX when there is not exactly one. */
static uint64_t value_of(const char *text, const char *name)
{
	uint64_t value = UINT64_MAX;
	unsigned int lines = 0;
	size_t length = strlen(name);

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line += line != NULL) {
		if (strncmp(line, name, length) || line[length] != ' ')
			continue;
		lines++;
		if (sscanf(line + length, " %" SCNu64, &value) != 1)
			return UINT64_MAX;
	}
	return lines == 1 ? value : UINT64_MAX;
}

static unsigned int lines_with(const char *text, const char *start)
{
	unsigned int lines = 0;

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line += line != NULL)
		lines += !strncmp(line, start, strlen(start));
	return lines;
}

static bool sum_holds(const char *text)
{
	uint64_t voluntary = value_of(text, "context_switches_voluntary");
	uint64_t involuntary = value_of(text, "context_switches_involuntary");

	return voluntary != UINT64_MAX && involuntary != UINT64_MAX &&
	       value_of(text, "context_switches") == voluntary + involuntary;
}

static void test_format(char *text)
{
	static const char *const names[] = {
		"context_switches",
		"context_switches_voluntary",
		"context_switches_involuntary",
		"page_faults_minor",
		"page_faults_major",
		"epoll_callbacks",
		"epoll_wakeups",
		"epoll_lost",
	};

	for (size_t s = 0; s < SIZES; s++) {
		size_t length = read_text(text, sizes[s]);

		tap_ok(!strncmp(text, "osconcepts 1\n", 13),
		       "%zu bytes at a time: the first line is osconcepts 1",
		       sizes[s]);
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			tap_ok(value_of(text, names[i]) != UINT64_MAX,
			       "%zu bytes at a time: %s has one line", sizes[s],
			       names[i]);
		tap_ok(sum_holds(text),
		       "%zu bytes at a time: context_switches is its parts' sum",
		       sizes[s]);
		tap_equal(lines_with(text, "source "), 3,
			  "%zu bytes at a time: a line per source", sizes[s]);
		tap_equal(lines_with(text, "cpu"),
			  (uint64_t)sysconf(_SC_NPROCESSORS_CONF),
			  "%zu bytes at a time: a line per CPU", sizes[s]);
		tap_ok(length && text[length - 1] == '\n',
		       "%zu bytes at a time: the last line is whole", sizes[s]);
	}
}

/* What does not change is the same from wherever it is read. */
static void test_seek(char *text)
{
	int fd = open(PATH, O_RDONLY | O_CLOEXEC);
	const char *changing;
	unsigned int wrong = 0;
	char piece[16];
	size_t length;

	read_text(text, 4096);
	changing = strstr(text, "\ntime_ns ");
	if (fd < 0 || !changing)
		tap_bail("the lines that do not change");
	length = (size_t)(changing - text);
	for (size_t at = length; at-- > 0;) {
		size_t want = length - at < sizeof(piece) ? length - at :
							    sizeof(piece);

		if (pread(fd, piece, want, (off_t)at) != (ssize_t)want ||
		    memcmp(piece, text + at, want))
			wrong++;
	}
	tap_equal(wrong, 0, "pread at each of %zu offsets", length);
	tap_ok(lseek(fd, 11, SEEK_SET) == 11 && read(fd, piece, 2) == 2 &&
		       !memcmp(piece, "1\n", 2),
	       "read after lseek");
	tap_ok(pread(fd, piece, 1, 1 << 30) == 0, "nothing beyond the end");
	close(fd);
}

static void test_awk(void)
{
	FILE *pipe =
		popen("awk '$1==\"context_switches\"{print $2}' " PATH, "r");
	uint64_t value = 0;
	char rest;

	if (!pipe)
		tap_bail("popen");
	tap_ok(fscanf(pipe, "%" SCNu64 "%c", &value, &rest) == 2 && value &&
		       rest == '\n' && fgetc(pipe) == EOF,
	       "awk reads context_switches");
	pclose(pipe);
}

static void test_write(void)
{
	int fd = open(PATH, O_WRONLY | O_CLOEXEC);

	tap_ok(fd < 0 || write(fd, "0", 1) < 0, "it cannot be written");
	if (fd >= 0)
		close(fd);
}

/* The ids of the target lines, in order; -1 when a line is not whole. */
static int target_ids(const char *text, uint32_t *ids, int most)
{
	int count = 0;

	for (const char *line = strstr(text, "\ntarget "); line;
	     line = strstr(line + 1, "\ntarget ")) {
		const char *end = strchr(line + 1, '\n');
		const char *comm = strstr(line, " comm=");

		if (!end || !comm || comm > end || count == most ||
		    sscanf(line, "\ntarget %" SCNu32, &ids[count]) != 1)
			return -1;
		count++;
	}
	return count;
}

static void test_change(char *text)
{
	uint32_t ids[CROWD_FIXED + CROWD_CHANGING];
	struct crowd crowd;

	crowd_start(&crowd);
	crowd_change(&crowd);
	for (size_t s = 0; s < SIZES; s++) {
		unsigned int wrong = 0, sums = 0;
		int reads = sizes[s] < 100 ? 4 : 60;

		for (int i = 0; i < reads; i++) {
			int count;

			read_text(text, sizes[s]);
			count = target_ids(text, ids,
					   CROWD_FIXED + CROWD_CHANGING);
			wrong += count < 0 || !crowd_is_in(&crowd, ids, count);
			sums += !sum_holds(text);
		}
		tap_equal(wrong, 0,
			  "in change, %zu bytes at a time: each target once",
			  sizes[s]);
		tap_equal(sums, 0,
			  "in change, %zu bytes at a time: the sums hold",
			  sizes[s]);
	}
	crowd_end(&crowd);
	read_text(text, 4096);
	tap_equal(lines_with(text, "target "), 0,
		  "no target is left, no line either");
}

/* --- totals against the kernel's own */

static uint64_t line_of_file(const char *path, const char *name)
{
	static char text[64 * 1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (fd < 0)
		tap_bail(path);
	while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(fd);
	text[length] = '\0';
	return value_of(text, name);
}

/* One reading of ours between two of theirs. */
struct bracket {
	uint64_t before, ours, after;
};

struct totals_case {
	const char *name, *path, *theirs, *less, *ours;
};

static const struct totals_case totals_cases[] = {
	{ "context switches", "/proc/stat", "ctxt", NULL, "context_switches" },
	{ "minor faults", "/proc/vmstat", "pgfault", "pgmajfault",
	  "page_faults_minor" },
	{ "major faults", "/proc/vmstat", "pgmajfault", NULL,
	  "page_faults_major" },
};

static uint64_t theirs(const struct totals_case *c)
{
	uint64_t value = line_of_file(c->path, c->theirs);

	return c->less ? value - line_of_file(c->path, c->less) : value;
}

static struct bracket bracket(const struct totals_case *c, char *text)
{
	struct bracket b;

	b.before = theirs(c);
	read_text(text, 65536);
	b.ours = value_of(text, c->ours);
	b.after = theirs(c);
	return b;
}

/* Forks, switches and faults for as long as the test runs. */
static pid_t busy(void)
{
	pid_t pid = fork();

	if (pid < 0)
		tap_bail("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
		sched_yield();
	}
}

static void test_totals(char *text)
{
	pid_t worker = busy();

	for (size_t i = 0; i < sizeof(totals_cases) / sizeof(*totals_cases);
	     i++) {
		const struct totals_case *c = &totals_cases[i];
		struct bracket first = bracket(c, text), last;

		usleep(300000);
		last = bracket(c, text);
		tap_between(last.before - first.after, last.ours - first.ours,
			    last.after - first.before,
			    "totals: %s lie between two readings of %s",
			    c->name, c->path);
	}
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
}

int main(void)
{
	char *text = malloc(TEXT_MAX);

	if (!text)
		tap_bail("malloc");
	test_format(text);
	test_seek(text);
	test_awk();
	test_write();
	test_totals(text);
	test_change(text);
	free(text);
	return tap_done();
}
