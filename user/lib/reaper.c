// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/procfs.h"

/* A program may be started by one that had children already. */
static int list_strangers(struct osc_reaper *r, struct osc_error *e)
{
	size_t n = osc_reaper_left(r, NULL, 0);
	struct osc_left *left = calloc(n + 1, sizeof(*left));
	pid_t *strangers = calloc(n + 1, sizeof(*strangers));

	r->strangers = strangers;
	if (left && strangers) {
		size_t now = osc_reaper_left(r, left, n);

		for (size_t i = 0; i < n && i < now; i++)
			r->strangers[r->nr_strangers++] = left[i].pid;
	}
	free(left);
	if (left && strangers)
		return 0;
	return osc_error_set(e, ENOMEM,
			     "cannot wait for children: out of memory");
}

int osc_reaper_open(struct osc_reaper *r, struct osc_error *e)
{
	sigset_t set;
	int ret;

	*r = (struct osc_reaper)OSC_REAPER_NONE;
	ret = list_strangers(r, e);
	if (ret)
		return ret;
	/* Where it is ignored the kernel waits for children, and tells nobody
	 * what they used.
	 */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1))
		return osc_error_set(e, errno, "cannot wait for children: %s",
				     strerror(errno));
	r->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->fd < 0)
		return osc_error_set(e, errno, "cannot wait for children: %s",
				     strerror(errno));
	return 0;
}

void osc_reaper_close(struct osc_reaper *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	free(r->strangers);
	r->strangers = NULL;
	r->nr_strangers = 0;
}

static uint64_t nanoseconds(const struct timeval *t)
{
	return ((uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec) * 1000;
}

static void add_usage(struct osc_reaper *r, const struct rusage *u)
{
	struct osc_counts c = { 0 };

	osc_counts_set(&c, OSC_SWITCHES_VOLUNTARY, (uint64_t)u->ru_nvcsw);
	osc_counts_set(&c, OSC_SWITCHES_INVOLUNTARY, (uint64_t)u->ru_nivcsw);
	osc_counts_set(&c, OSC_SWITCHES,
		       (uint64_t)u->ru_nvcsw + (uint64_t)u->ru_nivcsw);
	osc_counts_set(&c, OSC_FAULTS_MINOR, (uint64_t)u->ru_minflt);
	osc_counts_set(&c, OSC_FAULTS_MAJOR, (uint64_t)u->ru_majflt);
	osc_counts_set(&c, OSC_CPU_NS,
		       nanoseconds(&u->ru_utime) + nanoseconds(&u->ru_stime));
	osc_counts_add(&r->usage, &c);
	timeradd(&r->user, &u->ru_utime, &r->user);
	timeradd(&r->system, &u->ru_stime, &r->system);
}

int osc_reaper_begin(struct osc_reaper *r, const struct osc_child *child,
		     struct osc_error *e)
{
	return osc_procfs_process(child->pid, &r->before, e);
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

void osc_reaper_times(const struct osc_reaper *r, double *user_s, double *sys_s)
{
	double before = (double)r->before.value[OSC_CPU_NS] / OSC_NS_PER_S;

	/* The kernel divides the sum by its ticks, and so short a time has had
	 * none: the part of the gate is taken from either.
	 */
	*user_s = seconds(&r->user);
	*sys_s = seconds(&r->system) - before;
	if (*sys_s < 0) {
		*user_s += *sys_s;
		*sys_s = 0;
	}
	if (*user_s < 0)
		*user_s = 0;
}

/* Counts that a look and an rusage both show to the unit. */
static const enum osc_counter shown_by_both[] = {
	OSC_SWITCHES_VOLUNTARY,
	OSC_SWITCHES_INVOLUNTARY,
	OSC_FAULTS_MINOR,
	OSC_FAULTS_MAJOR,
};

/*
 * A process that ignores SIGCHLD, or sets SA_NOCLDWAIT, has what its children did
 * discarded, and may have come and gone between two looks: so none may have been
 * missed, not even of those that their parent has waited for.
 */
static bool is_whole(const struct osc_reaper *r, const struct osc_child *child,
		     const struct osc_counts *used, const struct osc_counts *c)
{
	if (!child->ended || c->tasks_live || c->children_discarded ||
	    c->unproved || osc_reaper_left(r, NULL, 0))
		return false;
	for (size_t i = 0; i < sizeof(shown_by_both) / sizeof(*shown_by_both);
	     i++) {
		if (c->value[shown_by_both[i]] > used->value[shown_by_both[i]])
			return false;
	}
	return true;
}

void osc_reaper_prove(const struct osc_reaper *r, const struct osc_child *child,
		      struct osc_counts *c)
{
	struct osc_counts used;
	bool whole;

	if (c->backend != OSC_BACKEND_PROCFS)
		return;
	osc_counts_since(&r->usage, &r->before, &used);
	whole = is_whole(r, child, &used, c);
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		if (!osc_counts_have(&used, (enum osc_counter)i))
			continue;
		/* Both are lower bounds. */
		if ((int64_t)used.value[i] > (int64_t)c->value[i])
			c->value[i] = used.value[i];
		if (whole)
			c->proved |= 1u << i;
	}
}

bool osc_reaper_has_ended(const struct osc_reaper *r,
			  const struct osc_child *child)
{
	struct signalfd_siginfo signal;
	siginfo_t info = { .si_pid = 0 };

	/* Before the question: a child that ends after it makes fd readable. */
	while (read(r->fd, &signal, sizeof(signal)) > 0)
		;

	return child->ended || (!waitid(P_PID, (id_t)child->pid, &info,
					WEXITED | WNOHANG | WNOWAIT) &&
				info.si_pid);
}

int osc_reaper_wait(struct osc_reaper *r, struct osc_child *child,
		    struct osc_error *e)
{
	int ret = osc_child_wait(child, OSC_CHILD_FOREVER, e);

	if (!ret)
		add_usage(r, &child->usage);
	return ret;
}

static pid_t *find_stranger(const struct osc_reaper *r, pid_t pid)
{
	for (size_t i = 0; i < r->nr_strangers; i++) {
		if (r->strangers[i] == pid)
			return &r->strangers[i];
	}
	return NULL;
}

/* The next that has ended and is not the child; 0: none now. */
static pid_t next_orphan(const struct osc_child *child)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT))
		return 0;
	return !child->ended && info.si_pid == child->pid ? 0 : info.si_pid;
}

int osc_reaper_collect(struct osc_reaper *r, const struct osc_child *child,
		       struct osc_error *e)
{
	struct rusage usage;
	pid_t pid, *stranger;

	while ((pid = next_orphan(child))) {
		if (wait4(pid, NULL, WNOHANG, &usage) != pid)
			return osc_error_set(e, errno,
					     "cannot wait for process %d: %s",
					     (int)pid, strerror(errno));
		stranger = find_stranger(r, pid);
		if (!stranger)
			add_usage(r, &usage);
		else /* Its number is free, and may become an orphan's. */
			*stranger = r->strangers[--r->nr_strangers];
	}
	return 0;
}

/* "/proc/PID/comm", or "?". */
static void read_comm(pid_t pid, char *comm, size_t size)
{
	char path[40], *text;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	snprintf(comm, size, "?");
	if (osc_procfs_slurp(path, &text))
		return;
	text[strcspn(text, "\n")] = '\0';
	snprintf(comm, size, "%s", text);
	free(text);
}

size_t osc_reaper_left(const struct osc_reaper *r, struct osc_left *left,
		       size_t room)
{
	char *text, *end;
	size_t n = 0;

	if (osc_procfs_slurp("/proc/thread-self/children", &text))
		return 0;
	for (char *p = text;; p = end) {
		pid_t pid = (pid_t)strtol(p, &end, 10);

		if (end == p)
			break;
		if (find_stranger(r, pid))
			continue;
		if (n < room) {
			left[n].pid = pid;
			read_comm(pid, left[n].comm, sizeof(left[n].comm));
		}
		n++;
	}
	free(text);
	return n;
}
