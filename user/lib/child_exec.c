// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All of this runs in the child of a process that may have threads: only
 * async-signal-safe calls, no allocation.
 */
#include "lib/child_exec.h"

#include "lib/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void __attribute__((noreturn)) child_fail(int report, int step)
{
	struct osc_child_report r = { .step = step, .err = errno };

	/* If even this cannot be written, the end of the pipe and our exit
	 * status still tell.
	 */
	if (write(report, &r, sizeof(r)) < 0)
		_exit(126);
	_exit(127);
}

/* Moves fd to `floor` or above, where no descriptor handed over will land. */
static int lift(int fd, int floor)
{
	if (fd < 0 || fd >= floor)
		return fd;
	return fcntl(fd, F_DUPFD_CLOEXEC, floor);
}

static int place(const struct osc_child_fd *fds, size_t n, int floor)
{
	/* All are lifted before one is placed: a place may be another's
	 * origin. The copies close at exec.
	 */
	int copy[OSC_CHILD_FDS_MAX];

	for (size_t i = 0; i < n; i++) {
		copy[i] = fcntl(fds[i].parent, F_DUPFD_CLOEXEC, floor);
		if (copy[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (dup2(copy[i], fds[i].child) < 0)
			return -1;
	}
	return 0;
}

static int child_descriptors(const struct osc_child_options *o,
			     struct osc_child_plumbing *p)
{
	int floor = 3;

	/* The parent's ends: first, as their numbers may be handed over. */
	close_fd(&p->report[0]);
	close_fd(&p->gate[1]);
	close_fd(&p->out[0]);
	for (size_t i = 0; i < o->nr_fds; i++) {
		if (o->fds[i].child >= floor)
			floor = o->fds[i].child + 1;
	}
	p->report[1] = lift(p->report[1], floor);
	p->gate[0] = lift(p->gate[0], floor);
	p->out[1] = lift(p->out[1], floor);
	if (p->report[1] < 0)
		return -1;
	if (o->flags & OSC_CHILD_STDIN_NULL) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (null < 0 || dup2(null, STDIN_FILENO) < 0)
			return -1;
	}
	if (p->out[1] >= 0 && dup2(p->out[1], STDOUT_FILENO) < 0)
		return -1;
	return place(o->fds, o->nr_fds, floor);
}

/* A wait for one byte: its absence means that the parent went away. */
static void child_gate(struct osc_child_plumbing *p)
{
	char go;
	ssize_t n;

	do {
		n = read(p->gate[0], &go, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(127);
}

void __attribute__((noreturn))
osc_child_exec(const struct osc_child_options *o, struct osc_child_plumbing *p,
	       const sigset_t *no_signals)
{
	if (child_descriptors(o, p))
		child_fail(p->report[1], OSC_CHILD_STEP_DESCRIPTORS);
	if ((o->flags & OSC_CHILD_GROUP) && setpgid(0, 0))
		child_fail(p->report[1], OSC_CHILD_STEP_GROUP);
	if (o->cpus && sched_setaffinity(0, sizeof(*o->cpus), o->cpus))
		child_fail(p->report[1], OSC_CHILD_STEP_AFFINITY);
	if (o->flags & OSC_CHILD_PDEATHSIG) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL))
			child_fail(p->report[1], OSC_CHILD_STEP_DEATHSIG);
		/* It may have ended before the signal was asked for. */
		if (getppid() != p->parent)
			_exit(127);
	}
	/* An ignored signal and a blocked one survive exec: the program must
	 * not inherit what we set for ourselves.
	 */
	osc_signals_restore();
	sigprocmask(SIG_SETMASK, no_signals, NULL);
	if (o->flags & OSC_CHILD_GATE)
		child_gate(p);
	execvp(o->argv[0], (char *const *)o->argv);
	child_fail(p->report[1], OSC_CHILD_STEP_EXEC);
}
