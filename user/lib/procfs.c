// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/procfs_cpus.h"

int osc_procfs_slurp(const char *path, char **text)
{
	size_t n = 0, room = 4096;
	char *buf = malloc(room);
	int fd, ret = 0;

	*text = NULL;
	if (!buf)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		free(buf);
		return ret;
	}
	for (;;) {
		ssize_t got = read(fd, buf + n, room - n - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ret = -errno;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (n == room - 1) {
			char *more = realloc(buf, room * 2);

			if (!more) {
				ret = -ENOMEM;
				break;
			}
			buf = more;
			room *= 2;
		}
	}
	close(fd);
	if (ret) {
		free(buf);
		return ret;
	}
	buf[n] = '\0';
	*text = buf;
	return 0;
}

static bool number(const char **p, uint64_t *out)
{
	char *end;

	*p += strspn(*p, " \t");
	if (!isdigit((unsigned char)**p))
		return false;
	*out = strtoull(*p, &end, 10);
	*p = end;
	return true;
}

/* The number after `name` at the start of a line. */
static bool field(const char *text, const char *name, uint64_t *out)
{
	size_t length = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		const char *value;

		p += *p == '\n';
		if (strncmp(p, name, length))
			continue;
		value = p + length;
		if (number(&value, out))
			return true;
	}
	return false;
}

/*
 * "pid (comm) state ppid …": comm may hold blanks and brackets, so the fields
 * begin behind the last bracket. whole: take the faults, too.
 */
static bool parse_stat(const char *text, bool whole, struct osc_procfs_task *t)
{
	enum {
		PPID = 4,
		MINFLT = 10,
		CMINFLT,
		MAJFLT,
		CMAJFLT,
		UTIME,
		STIME,
		CUTIME,
		CSTIME,
		STARTTIME = 22
	};
	const char *p = strrchr(text, ')'), *comm = strchr(text, '(');
	uint64_t value[STARTTIME + 1] = { 0 };

	if (!p || !comm || comm > p || p[1] != ' ' || !p[2])
		return false;
	snprintf(t->comm, sizeof(t->comm), "%.*s", (int)(p - comm - 1),
		 comm + 1);
	t->state = p[2];
	p += 3;
	for (int i = PPID; i <= STARTTIME; i++) {
		p += strspn(p, " -");
		if (!number(&p, &value[i]))
			return false;
	}
	t->ppid = (pid_t)value[PPID];
	t->start_ticks = value[STARTTIME];
	t->user_ticks = value[UTIME];
	t->system_ticks = value[STIME];
	t->reaped = (struct osc_procfs_reaped){
		.minor = value[CMINFLT],
		.major = value[CMAJFLT],
		.user_ticks = value[CUTIME],
		.system_ticks = value[CSTIME],
	};
	if (whole) {
		osc_counts_set(&t->counts, OSC_FAULTS_MINOR, value[MINFLT]);
		osc_counts_set(&t->counts, OSC_FAULTS_MAJOR, value[MAJFLT]);
	}
	return true;
}

/* Bit 0 of the mask is signal 1. */
static bool ignores(const char *text, int signal)
{
	const char *mask = strstr(text, "\nSigIgn:");

	return mask &&
	       strtoull(mask + strlen("\nSigIgn:"), NULL, 16) >> (signal - 1) &
		       1;
}

static bool parse_status(const char *text, struct osc_procfs_task *t)
{
	struct osc_counts *c = &t->counts;
	uint64_t voluntary, involuntary;

	t->discards_children = ignores(text, SIGCHLD);
	if (!field(text, "voluntary_ctxt_switches:", &voluntary) ||
	    !field(text, "nonvoluntary_ctxt_switches:", &involuntary))
		return false;
	osc_counts_set(c, OSC_SWITCHES_VOLUNTARY, voluntary);
	osc_counts_set(c, OSC_SWITCHES_INVOLUNTARY, involuntary);
	osc_counts_set(c, OSC_SWITCHES, voluntary + involuntary);
	return true;
}

/* "cpu_ns run_delay_ns timeslices" */
static bool parse_schedstat(const char *p, struct osc_counts *c)
{
	uint64_t cpu, delay;

	if (!number(&p, &cpu) || !number(&p, &delay))
		return false;
	osc_counts_set(c, OSC_CPU_NS, cpu);
	osc_counts_set(c, OSC_RUN_DELAY_NS, delay);
	return true;
}

/* A task that ends while it is read is gone: -ESRCH, whatever /proc says. */
static int slurp_task(const struct osc_procfs_task *t, const char *name,
		      char **text)
{
	char path[80];
	int ret;

	/* The stat of the process, not of its first thread, has the faults. */
	if (t->tid == t->pid && !strcmp(name, "stat"))
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)t->pid);
	else
		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)t->pid,
			 (int)t->tid, name);
	ret = osc_procfs_slurp(path, text);
	return ret == -ENOENT ? -ESRCH : ret;
}

static int read_stat(struct osc_procfs_task *t)
{
	char *text;
	bool good;
	int ret = slurp_task(t, "stat", &text);

	if (ret)
		return ret;
	good = parse_stat(text, t->tid == t->pid, t);
	free(text);
	return good ? 0 : -EPROTO;
}

int osc_procfs_leader(pid_t pid, struct osc_procfs_task *out)
{
	*out = (struct osc_procfs_task){ .pid = pid, .tid = pid };
	return read_stat(out);
}

/*
 * A thread takes what it ran with it when it ends; the clock of its process
 * keeps it.
 */
static void take_process_clock(struct osc_procfs_task *t)
{
	struct timespec ts;
	clockid_t clock;

	if (t->tid != t->pid)
		t->counts.present &= ~(1u << OSC_CPU_NS);
	else if (!clock_getcpuclockid(t->pid, &clock) &&
		 !clock_gettime(clock, &ts))
		osc_counts_set(&t->counts, OSC_CPU_NS,
			       (uint64_t)ts.tv_sec * OSC_NS_PER_S +
				       (uint64_t)ts.tv_nsec);
}

static int read_task(struct osc_procfs_task *t)
{
	char *text;
	bool good;
	int ret = read_stat(t);

	if (ret)
		return ret;
	ret = slurp_task(t, "status", &text);
	if (ret)
		return ret;
	good = parse_status(text, t);
	free(text);
	if (!good)
		return -EPROTO;

	/* Not every kernel has it: then neither time is counted. */
	ret = slurp_task(t, "schedstat", &text);
	if (ret)
		return ret == -ESRCH ? 0 : ret;
	good = parse_schedstat(text, &t->counts);
	free(text);
	if (good)
		take_process_clock(t);
	return good ? 0 : -EPROTO;
}

/* One thread with its own faults and CPU time, be it the first or not. */
static int read_thread(struct osc_procfs_task *out)
{
	static const char *const names[] = { "stat", "status", "schedstat" };
	int ret = 0;

	for (int i = 0; i < 3 && !ret; i++) {
		char path[80], *text;
		bool good;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s",
			 (int)out->pid, (int)out->tid, names[i]);
		ret = osc_procfs_slurp(path, &text);
		/* Not every kernel has the last. */
		if (ret == -ENOENT)
			ret = i < 2 || access("/proc/self/schedstat", F_OK) ==
						      0 ?
				      -ESRCH :
				      0;
		if (ret || !text)
			continue;
		good = i == 0 ? parse_stat(text, true, out) :
		       i == 1 ? parse_status(text, out) :
				parse_schedstat(text, &out->counts);
		free(text);
		ret = good ? 0 : -EPROTO;
	}
	return ret;
}

/* The one behind the last; NULL without memory. */
static struct osc_procfs_task *more_room(struct osc_procfs_tasks *tasks)
{
	if (tasks->n == tasks->room) {
		size_t room = tasks->room ? tasks->room * 2 : 16;
		struct osc_procfs_task *more =
			reallocarray(tasks->task, room, sizeof(*more));

		if (!more)
			return NULL;
		tasks->task = more;
		tasks->room = room;
	}
	return &tasks->task[tasks->n];
}

typedef int read_one(struct osc_procfs_task *t);

static int append_task(struct osc_procfs_tasks *tasks, pid_t pid, pid_t tid,
		       read_one *read)
{
	struct osc_procfs_task *t;
	int ret;

	if (tasks->most && tasks->n == tasks->most)
		return -E2BIG;
	t = more_room(tasks);
	if (!t)
		return -ENOMEM;
	*t = (struct osc_procfs_task){ .pid = pid, .tid = tid };
	ret = read(t);
	if (!ret)
		tasks->n++;
	return ret == -ESRCH ? 0 : ret;
}

static int append_threads(pid_t pid, struct osc_procfs_tasks *tasks,
			  read_one *read)
{
	size_t before = tasks->n;
	struct dirent *entry;
	char path[40];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!ret) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			/* ENOENT: the process ended while we read. */
			ret = errno == ENOENT ? 0 : -errno;
			break;
		}
		if (isdigit((unsigned char)entry->d_name[0]))
			ret = append_task(tasks, pid, atoi(entry->d_name),
					  read);
	}
	closedir(dir);
	if (!ret && tasks->n == before)
		return -ESRCH;
	return ret;
}

int osc_procfs_threads(pid_t pid, struct osc_procfs_tasks *tasks)
{
	return append_threads(pid, tasks, read_task);
}

int osc_procfs_own_threads(pid_t pid, struct osc_procfs_tasks *tasks)
{
	return append_threads(pid, tasks, read_thread);
}

int osc_procfs_append(struct osc_procfs_tasks *tasks,
		      const struct osc_procfs_task *task)
{
	struct osc_procfs_task *t = more_room(tasks);

	if (!t)
		return -ENOMEM;
	*t = *task;
	tasks->n++;
	return 0;
}

int osc_procfs_process(pid_t pid, struct osc_counts *out, struct osc_error *e)
{
	struct osc_procfs_tasks tasks = { 0 };
	int ret = osc_procfs_threads(pid, &tasks);

	*out = (struct osc_counts){ .backend = OSC_BACKEND_PROCFS,
				    .time_ns = osc_clock_ns() };
	for (size_t i = 0; !ret && i < tasks.n; i++) {
		osc_counts_add(out, &tasks.task[i].counts);
		if (tasks.task[i].state == 'Z')
			out->tasks_exited++;
		else
			out->tasks_live++;
	}
	free(tasks.task);
	if (ret)
		return osc_error_set(e, -ret, "cannot read process %d: %s",
				     (int)pid, strerror(-ret));
	return 0;
}

static int read_fields(const char *path, const char *const *names,
		       uint64_t *const *values, struct osc_error *e)
{
	char *text;
	int ret = osc_procfs_slurp(path, &text);

	if (ret)
		return osc_error_set(e, -ret,
				     "cannot read %s: %s; is /proc mounted?",
				     path, strerror(-ret));
	for (; !ret && *names; names++, values++) {
		if (!field(text, *names, *values))
			ret = osc_error_set(e, EPROTO,
					    "cannot read %s: it has no %s",
					    path, *names);
	}
	free(text);
	return ret;
}

int osc_procfs_context_switches(uint64_t *out, struct osc_error *e)
{
	const char *const names[] = { "ctxt ", NULL };
	uint64_t *const values[] = { out };

	return read_fields("/proc/stat", names, values, e);
}

int osc_procfs_forks(uint64_t *out, struct osc_error *e)
{
	const char *const names[] = { "processes ", NULL };
	uint64_t *const values[] = { out };

	return read_fields("/proc/stat", names, values, e);
}

int osc_procfs_faults(uint64_t *pgfault, uint64_t *pgmajfault,
		      struct osc_error *e)
{
	const char *const names[] = { "pgfault ", "pgmajfault ", NULL };
	uint64_t *const values[] = { pgfault, pgmajfault };

	return read_fields("/proc/vmstat", names, values, e);
}

int osc_procfs_totals(struct osc_counts *out, struct osc_error *e)
{
	struct osc_procfs_cpus cpus;
	uint64_t switches, all, major;
	int ret = osc_procfs_context_switches(&switches, e);

	if (!ret)
		ret = osc_procfs_faults(&all, &major, e);
	if (ret)
		return ret;
	*out = (struct osc_counts){ .backend = OSC_BACKEND_PROCFS,
				    .time_ns = osc_clock_ns() };
	osc_counts_set(out, OSC_SWITCHES, switches);
	/* Both are sums over CPUs taken while these go on: the part may be
	 * ahead of the whole.
	 */
	osc_counts_set(out, OSC_FAULTS_MINOR, all > major ? all - major : 0);
	osc_counts_set(out, OSC_FAULTS_MAJOR, major);
	if (!osc_procfs_cpus_read(&cpus))
		osc_procfs_cpus_add(&cpus, out);
	osc_procfs_cpus_free(&cpus);
	return 0;
}
