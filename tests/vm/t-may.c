// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may do what: the table in Documentation/rights.md, each cell tried. The
 * document is the expectation; rows and columns must be those below.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/osconcepts.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl_time.h"
#include "lib/nobody.h"
#include "lib/sleeper.h"
#include "lib/tap.h"

#define DOCUMENT "Documentation/rights.md"
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define ANOTHER 1 /* daemon */

/* What is acted upon: a user's target, and a process that it has besides. */
struct object {
	pid_t watched;
	pid_t unwatched;
	uint32_t id;
	/* Of that user too, who had CAP_PERFMON then. */
	pid_t privileged;
	uint32_t privileged_id;
};

/* --- who. Each changes its process for good, and exits where it cannot. */

static void become_root(void)
{
}

static void set_capabilities(uint64_t capabilities)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { 0 };

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(capabilities >> (32 * i));
		data[i].permitted = data[i].effective;
	}
	if (syscall(SYS_capset, &header, data))
		_exit(NOT_BECOME);
}

static void become_powerless_root(void)
{
	set_capabilities(0);
}

static void keep_only(uid_t uid, int capability)
{
	prctl(PR_SET_KEEPCAPS, 1);
	become_user(uid);
	set_capabilities(1ULL << capability);
}

static void become_perfmon(void)
{
	keep_only(ANOTHER, CAP_PERFMON);
}

static void become_sys_admin(void)
{
	keep_only(ANOTHER, CAP_SYS_ADMIN);
}

static void become_owner(void)
{
	become_nobody();
}

static void become_another(void)
{
	become_user(ANOTHER);
}

static void enter(uid_t uid, int namespaces)
{
	become_user(uid);
	if (unshare(namespaces))
		_exit(NOT_BECOME);
}

static void become_owner_in_namespace(void)
{
	enter(NOBODY, CLONE_NEWUSER);
}

static void become_another_in_namespace(void)
{
	enter(ANOTHER, CLONE_NEWUSER | CLONE_NEWNET);
}

/* The caller is outside: its child goes in, does all the rest, and is waited
 * for.
 */
static void enter_pid_namespace(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		_exit(NOT_BECOME);
	pid = fork();
	if (!pid)
		return;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		_exit(NOT_BECOME);
	_exit(WEXITSTATUS(status));
}

static const struct subject {
	const char *name;
	void (*become)(void);
} subjects[] = {
	{ "root", become_root },
	{ "root without capabilities", become_powerless_root },
	{ "CAP_PERFMON alone", become_perfmon },
	{ "CAP_SYS_ADMIN alone", become_sys_admin },
	{ "the owner", become_owner },
	{ "another user", become_another },
	{ "the owner, root of a user namespace", become_owner_in_namespace },
	{ "another user, root of user and network namespaces",
	  become_another_in_namespace },
	{ "root in a PID namespace", enter_pid_namespace },
};

/* --- what. 0, -errno, or that it is not to be seen. */

#define ABSENT 200

static int watch(struct nl *nl, const struct object *object)
{
	return nl_target_add(nl, object->unwatched, 0, NULL);
}

static int watch_itself(struct nl *nl, const struct object *object)
{
	(void)object;
	return nl_target_add(nl, getpid(), OSCONCEPTS_TARGET_FLAGS_BOUND, NULL);
}

static int get(struct nl *nl, const struct object *object)
{
	struct target target;

	return nl_target_get(nl, object->id, &target);
}

static int get_privileged(struct nl *nl, const struct object *object)
{
	struct target target;

	return nl_target_get(nl, object->privileged_id, &target);
}

static int find_id(struct nl *nl, uint32_t id)
{
	struct target targets[16];
	int count = nl_targets(nl, targets, COUNT(targets));

	for (int i = 0; i < count && i < (int)COUNT(targets); i++) {
		if (targets[i].id == id)
			return 0;
	}
	return count < 0 ? count : ABSENT;
}

static int find(struct nl *nl, const struct object *object)
{
	return find_id(nl, object->id);
}

static int find_privileged(struct nl *nl, const struct object *object)
{
	return find_id(nl, object->privileged_id);
}

static int find_id_in_proc(uint32_t wanted)
{
	FILE *file = fopen("/proc/osconcepts", "re");
	unsigned int id;
	char line[1024];
	int rc = ABSENT;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "target %u ", &id) == 1 && id == wanted)
			rc = 0;
	}
	fclose(file);
	return rc;
}

static int find_in_proc(struct nl *nl, const struct object *object)
{
	(void)nl;
	return find_id_in_proc(object->id);
}

static int find_privileged_in_proc(struct nl *nl, const struct object *object)
{
	(void)nl;
	return find_id_in_proc(object->privileged_id);
}

static int read_histogram(struct nl *nl, const struct object *object)
{
	static struct histogram histogram;

	return nl_histogram_get(nl, object->id, "run_queue_wait", &histogram);
}

static int find_histograms(struct nl *nl, const struct object *object)
{
	static struct histogram histograms[64];
	int count = nl_histograms(nl, -1, histograms, COUNT(histograms));

	for (int i = 0; i < count && i < (int)COUNT(histograms); i++) {
		if (histograms[i].target == object->id)
			return 0;
	}
	return count < 0 ? count : ABSENT;
}

static int end(struct nl *nl, const struct object *object)
{
	return nl_target_del(nl, object->id, NULL);
}

static int end_privileged(struct nl *nl, const struct object *object)
{
	return nl_target_del(nl, object->privileged_id, NULL);
}

/* Here of one's own: whoever is told of one is told of all. */
static int be_told(struct nl *nl, const struct object *object)
{
	struct target told;
	struct nl other;
	int rc = nl_subscribe(nl);

	if (rc)
		return rc;
	nl_open(&other);
	rc = watch_itself(&other, object);
	if (rc)
		return rc;
	rc = nl_notified(nl, 2000, &told);
	nl_close(&other);
	return rc > 0 ? 0 : rc ? rc : ABSENT;
}

static int read_sources(struct nl *nl, const struct object *object)
{
	struct source source;

	(void)object;
	return nl_source_get(nl, "sched", &source);
}

static int read_totals(struct nl *nl, const struct object *object)
{
	struct totals totals;

	(void)object;
	return nl_totals_get(nl, &totals);
}

static int read_system_histogram(struct nl *nl, const struct object *object)
{
	static struct histogram histogram;

	(void)object;
	return nl_histogram_get(nl, 0, "run_queue_wait", &histogram);
}

static int read_timing(struct nl *nl, const struct object *object)
{
	struct timing timing;

	(void)object;
	return nl_timing_get(nl, "sched", &timing);
}

static int switch_timing(struct nl *nl, const struct object *object)
{
	(void)object;
	return nl_timing_set(nl, "sched", OSCONCEPTS_TIMING_LEVEL_ALL);
}

static int write_parameter(struct nl *nl, const struct object *object)
{
	static const char value[] = "sched=all"; /* as it is */
	int fd = open("/sys/module/osconcepts/parameters/time",
		      O_WRONLY | O_CLOEXEC);
	int rc;

	(void)nl;
	(void)object;
	if (fd < 0)
		return -errno;
	rc = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static const struct action {
	const char *name;
	int (*act)(struct nl *nl, const struct object *object);
} actions[] = {
	{ "watch a process of the owner's", watch },
	{ "watch one's own process", watch_itself },
	{ "read the target", get },
	{ "find it in a dump", find },
	{ "find it in /proc/osconcepts", find_in_proc },
	{ "read a histogram of it", read_histogram },
	{ "find its histograms in a dump", find_histograms },
	{ "remove it", end },
	{ "read one added with CAP_PERFMON", get_privileged },
	{ "find that in a dump", find_privileged },
	{ "find that in /proc/osconcepts", find_privileged_in_proc },
	{ "remove that", end_privileged },
	{ "be told of all targets", be_told },
	{ "read the sources", read_sources },
	{ "read the totals", read_totals },
	{ "read a histogram of the system", read_system_histogram },
	{ "read how timings stand", read_timing },
	{ "switch a timing", switch_timing },
	{ "write a parameter of the module", write_parameter },
};

/* --- one cell */

static uint32_t watch_oneself(void)
{
	struct target target;
	struct nl nl;

	nl_open(&nl);
	if (nl_target_add(&nl, getpid(), 0, &target))
		_exit(1);
	return target.id;
}

static void become_owner_with_perfmon(void)
{
	keep_only(NOBODY, CAP_PERFMON);
}

/* The user's; *id is of its target, where it is to watch itself. */
static pid_t start_process(void (*become)(void), bool watches, uint32_t *id)
{
	int say[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(say))
		tap_bail("pipe");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		become();
		*id = watches ? watch_oneself() : 0;
		if (write(say[1], id, sizeof(*id)) != sizeof(*id))
			_exit(1);
		for (;;)
			pause();
	}
	close(say[1]);
	if (pid < 0 || read(say[0], id, sizeof(*id)) != sizeof(*id))
		tap_bail("a process of the owner's");
	close(say[0]);
	return pid;
}

static void make_object(struct object *object)
{
	uint32_t none;

	object->watched = start_process(become_owner, true, &object->id);
	object->unwatched = start_process(become_owner, false, &none);
	object->privileged = start_process(become_owner_with_perfmon, true,
					   &object->privileged_id);
}

static void end_object(struct nl *nl, const struct object *object)
{
	struct target targets[16];
	int count;

	sleeper_end(object->watched);
	sleeper_end(object->unwatched);
	sleeper_end(object->privileged);
	while ((count = nl_targets(nl, targets, COUNT(targets))) > 0)
		nl_target_del(nl, targets[0].id, NULL);
}

/* 0, ABSENT, NOT_BECOME or the number of an error: an exit status. */
static int try(const struct subject *subject, const struct action *action,
	       const struct object *object)
{
	struct nl nl;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		subject->become();
		nl_open(&nl);
		_exit(abs(action->act(&nl, object)));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return NOT_BECOME;
	return WEXITSTATUS(status);
}

static const char *word_of(int status)
{
	switch (status) {
	case 0:
		return "yes";
	case ABSENT:
		return "no";
	case NOT_BECOME:
		return "cannot be tried";
	}
	return strerrorname_np(status);
}

static void test_cell(struct nl *nl, const struct subject *subject,
		      const struct action *action, const char *want)
{
	struct object object;
	const char *got;

	make_object(&object);
	got = word_of(try(subject, action, &object));
	if (!tap_ok(got && !strcmp(got, want), "%s: %s: %s", subject->name,
		    action->name, want))
		tap_note("got '%s'", got ? got : "an unknown error");
	end_object(nl, &object);
}

/* --- the document */

/* The cells of a row; how many, or 0 where it is none of the table. */
static unsigned int split_row(char *line, char **cells, unsigned int max)
{
	unsigned int count = 0;
	char *cell, *tail, *rest;

	if (strncmp(line, "| ", 2))
		return 0;
	for (cell = strtok_r(line + 1, "|\n", &rest); cell && count < max;
	     cell = strtok_r(NULL, "|\n", &rest)) {
		cell += strspn(cell, " `");
		tail = cell + strlen(cell);
		while (tail > cell && strchr(" `", tail[-1]))
			*--tail = '\0';
		cells[count++] = cell;
	}
	return count;
}

static void check_header(char **cells, unsigned int count)
{
	bool is_same = count == COUNT(subjects) + 1;

	for (unsigned int i = 1; i < count && is_same; i++)
		is_same = !strcmp(cells[i], subjects[i - 1].name);
	if (!tap_ok(is_same, "the columns of %s are those that are tried",
		    DOCUMENT))
		exit(tap_done());
}

static void test_row(struct nl *nl, unsigned int row, char **cells,
		     unsigned int count)
{
	bool is_same = row < COUNT(actions) && count == COUNT(subjects) + 1 &&
		       !strcmp(cells[0], actions[row].name);

	if (!tap_ok(is_same, "row %u is '%s'", row + 1, cells[0]))
		return;
	for (unsigned int i = 0; i < COUNT(subjects); i++)
		test_cell(nl, &subjects[i], &actions[row], cells[i + 1]);
}

static void test_document(struct nl *nl)
{
	FILE *file = fopen(DOCUMENT, "re");
	char line[2048], *cells[COUNT(subjects) + 2];
	unsigned int rows = 0, count;

	if (!file)
		tap_bail(DOCUMENT);
	while (fgets(line, sizeof(line), file)) {
		count = split_row(line, cells, COUNT(cells));
		if (!count || !strncmp(cells[0], "---", 3))
			continue;
		if (rows)
			test_row(nl, rows - 1, cells, count);
		else
			check_header(cells, count);
		rows++;
	}
	fclose(file);
	tap_equal(rows, COUNT(actions) + 1, "rows of %s", DOCUMENT);
}

int main(void)
{
	struct nl nl;

	nl_open(&nl);
	if (nl_timing_set(&nl, "sched", OSCONCEPTS_TIMING_LEVEL_ALL))
		tap_bail("the scheduler's timing cannot be switched on");
	test_document(&nl);
	nl_close(&nl);
	return tap_done();
}
