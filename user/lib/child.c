// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/child_exec.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/procfs.h"

static const char *const step_names[] = {
	[OSC_CHILD_STEP_DESCRIPTORS] = "hand over descriptors",
	[OSC_CHILD_STEP_GROUP] = "make a process group",
	[OSC_CHILD_STEP_AFFINITY] = "set the CPUs",
	[OSC_CHILD_STEP_DEATHSIG] = "ask for a signal at our end",
	[OSC_CHILD_STEP_EXEC] = "execute",
};

/* What to try when the pipes or the process could not be had. */
static const char *hint(int err)
{
	switch (err) {
	case EMFILE:
		return "; try 'ulimit -n 1024'";
	case EAGAIN:
		return "; try a higher 'ulimit -u'";
	}
	return "";
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void plumbing_close(struct osc_child_plumbing *p)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&p->report[i]);
		close_fd(&p->gate[i]);
		close_fd(&p->out[i]);
	}
}

static int plumbing_open(struct osc_child_plumbing *p, unsigned int flags)
{
	*p = (struct osc_child_plumbing){
		.report = { -1, -1 },
		.gate = { -1, -1 },
		.out = { -1, -1 },
		.parent = getpid(),
	};
	if (pipe2(p->report, O_CLOEXEC))
		return -errno;
	/* A socket, since a write to a pipe whose child was killed raises
	 * SIGPIPE, and whether that is ignored is not ours to decide.
	 */
	if ((flags & OSC_CHILD_GATE) &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->gate))
		return -errno;
	if ((flags & OSC_CHILD_CAPTURE) && pipe2(p->out, O_CLOEXEC))
		return -errno;
	return 0;
}

/* Waits for the exec: end of file is success, anything else the reason. */
static int await_exec(struct osc_child *c, struct osc_error *e)
{
	struct osc_child_report r;
	ssize_t n;

	do {
		n = read(c->report, &r, sizeof(r));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return osc_error_set(e, errno, "cannot hear from the child: %s",
				     strerror(errno));
	close_fd(&c->report);
	if (!n)
		return 0;
	if (n != sizeof(r) || r.step > OSC_CHILD_STEP_EXEC)
		return osc_error_set(e, EPROTO, "cannot hear from the child");
	if (r.step == OSC_CHILD_STEP_EXEC)
		return osc_error_set(e, r.err, "cannot execute %s: %s%s",
				     c->program, strerror(r.err),
				     r.err == ENOENT ? "; try a full path" :
						       "");
	return osc_error_set(e, r.err, "cannot start %s: cannot %s: %s",
			     c->program, step_names[r.step], strerror(r.err));
}

static pid_t fork_child(const struct osc_child_options *o,
			struct osc_child_plumbing *p)
{
	sigset_t all, old, none;
	pid_t pid;
	int err;

	/* Our handlers must not run in the child. */
	sigfillset(&all);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (!pid)
		osc_child_exec(o, p, &none);
	err = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return pid;
}

/* How long a child may take to come to its gate before we go on without. */
#define GATE_NS (5 * OSC_NS_PER_S)

/*
 * Until the child sleeps at its gate: it does nothing from then on. On its way
 * there it blocks nowhere else, so one that sleeps and has blocked is there.
 * What cannot be read is not waited for.
 */
static void await_gate(const struct osc_child *c)
{
	const struct timespec pause = { .tv_nsec = 100 * OSC_NS_PER_US };
	uint64_t start = osc_clock_ns();
	bool waiting = true;

	while (waiting && osc_clock_ns() - start < GATE_NS) {
		struct osc_procfs_tasks tasks = { 0 };
		const struct osc_procfs_task *t;

		waiting = !osc_procfs_threads(c->pid, &tasks);
		t = tasks.task;
		if (waiting && t->state == 'S')
			waiting = !t->counts.value[OSC_SWITCHES_VOLUNTARY];
		else if (waiting)
			waiting = t->state != 'Z';
		free(tasks.task);
		if (waiting)
			nanosleep(&pause, NULL);
	}
}

static int check(const struct osc_child_options *o, struct osc_error *e)
{
	if (!o->argv || !o->argv[0])
		return osc_error_set(e, EINVAL,
				     "cannot start a child: no "
				     "program was given");
	if (o->nr_fds > OSC_CHILD_FDS_MAX)
		return osc_error_set(e, EINVAL,
				     "cannot start %s: more than %d "
				     "descriptors to hand over",
				     o->argv[0], OSC_CHILD_FDS_MAX);
	return 0;
}

int osc_child_start(struct osc_child *c, const struct osc_child_options *o,
		    struct osc_error *e)
{
	struct osc_child_plumbing p;
	int ret = check(o, e);

	*c = (struct osc_child)OSC_CHILD_NONE;
	if (ret)
		return ret;
	ret = plumbing_open(&p, o->flags);
	if (!ret) {
		c->pid = fork_child(o, &p);
		if (c->pid < 0)
			ret = -errno;
	}
	if (ret) {
		c->pid = 0;
		plumbing_close(&p);
		return osc_error_set(e, -ret, "cannot start %s: %s%s",
				     o->argv[0], strerror(-ret), hint(-ret));
	}
	snprintf(c->program, sizeof(c->program), "%s", o->argv[0]);
	c->group = o->flags & OSC_CHILD_GROUP;
	c->report = p.report[0];
	c->gate = p.gate[1];
	c->out = p.out[0];
	p.report[0] = p.gate[1] = p.out[0] = -1;
	plumbing_close(&p);
	/* Also here, lest a signal to the group come before it exists. It may
	 * have executed or ended already, which is fine.
	 */
	if (c->group)
		setpgid(c->pid, c->pid);
	/* Ours and not yet waited for: the number cannot be another's. */
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0)
		ret = osc_error_set(e, errno, "cannot start %s: no pidfd: %s%s",
				    o->argv[0], strerror(errno), hint(errno));
	else if (c->gate < 0)
		ret = await_exec(c, e);
	else
		await_gate(c);
	if (ret)
		osc_child_close(c);
	return ret;
}

int osc_child_release(struct osc_child *c, struct osc_error *e)
{
	int ret = 0;

	if (c->gate < 0)
		return osc_error_set(e, EINVAL,
				     "cannot release the child: it has no "
				     "gate");
	if (send(c->gate, "g", 1, MSG_NOSIGNAL) != 1)
		ret = osc_error_set(e, errno,
				    "cannot release the child: %s; it was "
				    "killed at its gate",
				    strerror(errno));
	close_fd(&c->gate);
	return ret ? ret : await_exec(c, e);
}

/* What is left of a wait that began at start_ns, in poll's milliseconds. */
static int remaining_ms(uint64_t start_ns, uint64_t timeout_ns)
{
	uint64_t spent = osc_clock_ns() - start_ns;
	uint64_t left;

	if (timeout_ns == OSC_CHILD_FOREVER)
		return -1;
	if (spent >= timeout_ns)
		return 0;
	left = (timeout_ns - spent + OSC_NS_PER_MS - 1) / OSC_NS_PER_MS;
	return left > 1000000 ? 1000000 : (int)left;
}

static int poll_until(int fd, uint64_t start_ns, uint64_t timeout_ns)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	for (;;) {
		int ms = remaining_ms(start_ns, timeout_ns);
		int n = poll(&pfd, 1, ms);

		if (n < 0)
			return -errno;
		if (n > 0)
			return 0;
		if (!ms)
			return -ETIMEDOUT;
	}
}

int osc_child_await(struct osc_child *c, uint64_t timeout_ns,
		    struct osc_error *e)
{
	int ret;

	if (c->ended)
		return 0;
	if (c->pid <= 0)
		return osc_error_set(e, ECHILD,
				     "cannot wait for a child: there is none");
	ret = poll_until(c->pidfd, osc_clock_ns(), timeout_ns);
	if (ret)
		return osc_error_set(
			e, -ret, "cannot wait for process %d: %s", (int)c->pid,
			ret == -ETIMEDOUT ? "it still runs" : strerror(-ret));
	return 0;
}

int osc_child_wait(struct osc_child *c, uint64_t timeout_ns,
		   struct osc_error *e)
{
	int ret = osc_child_await(c, timeout_ns, e);
	pid_t pid;

	if (ret || c->ended)
		return ret;
	do {
		pid = wait4(c->pid, &c->status, 0, &c->usage);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return osc_error_set(e, errno, "cannot wait for process %d: %s",
				     (int)c->pid, strerror(errno));
	c->ended = true;
	return 0;
}

int osc_child_kill(struct osc_child *c, int sig, struct osc_error *e)
{
	int ret;

	/* Once reaped, the number may be a stranger's. */
	if (c->pid <= 0 || c->ended)
		return 0;
	ret = kill(c->group ? -c->pid : c->pid, sig);
	if (ret && errno != ESRCH)
		return osc_error_set(e, errno,
				     "cannot send signal %d to process %d: %s",
				     sig, (int)c->pid, strerror(errno));
	return 0;
}

/* wait, undisturbed by signals to us. */
static int wait_through(struct osc_child *c, uint64_t timeout_ns,
			struct osc_error *e)
{
	uint64_t start = osc_clock_ns();
	int ret;

	do {
		uint64_t spent = osc_clock_ns() - start;

		if (timeout_ns != OSC_CHILD_FOREVER)
			ret = osc_child_wait(
				c, spent < timeout_ns ? timeout_ns - spent : 0,
				e);
		else
			ret = osc_child_wait(c, timeout_ns, e);
	} while (ret == -EINTR);
	return ret;
}

int osc_child_stop(struct osc_child *c, uint64_t grace_ns, struct osc_error *e)
{
	int ret;

	if (c->pid <= 0 || c->ended)
		return 0;
	ret = osc_child_kill(c, SIGTERM, e);
	if (!ret)
		ret = wait_through(c, grace_ns, e);
	if (ret != -ETIMEDOUT)
		return ret;
	ret = osc_child_kill(c, SIGKILL, e);
	return ret ? ret : wait_through(c, OSC_CHILD_FOREVER, e);
}

/* Reads on until the end of file, the deadline or max. */
static int drain(int fd, char *buf, size_t max, size_t *length,
		 uint64_t timeout_ns)
{
	uint64_t start = osc_clock_ns();

	for (;;) {
		ssize_t n;
		int ret = poll_until(fd, start, timeout_ns);

		if (ret == -EINTR)
			continue;
		if (ret)
			return ret;
		/* One that writes on and on is never not ready. */
		if (*length && !remaining_ms(start, timeout_ns))
			return -ETIMEDOUT;
		if (*length == max)
			return -EMSGSIZE;
		n = read(fd, buf + *length, max - *length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		if (n > 0)
			*length += (size_t)n;
	}
}

int osc_child_output(struct osc_child *c, size_t max, uint64_t timeout_ns,
		     char **text, size_t *length, struct osc_error *e)
{
	size_t n = 0;
	char *buf;
	int ret;

	*text = NULL;
	if (c->out < 0)
		return osc_error_set(e, EBADF,
				     "cannot read the child's output: it was "
				     "not captured");
	/* One byte more than max, to tell "exactly max" from "too much". */
	buf = malloc(max + 2);
	if (!buf)
		return osc_error_set(e, ENOMEM,
				     "cannot read the child's output: out of "
				     "memory");
	ret = drain(c->out, buf, max + 1, &n, timeout_ns);
	if (!ret && n > max)
		ret = -EMSGSIZE;
	if (ret) {
		free(buf);
		return osc_error_set(
			e, -ret, "cannot read the child's output: %s",
			ret == -EMSGSIZE ? "it is too long" : strerror(-ret));
	}
	buf[n] = '\0';
	*text = buf;
	if (length)
		*length = n;
	return 0;
}

void osc_child_close(struct osc_child *c)
{
	if (c->pid > 0 && !c->ended) {
		osc_child_kill(c, SIGKILL, NULL);
		if (c->pidfd >= 0)
			wait_through(c, OSC_CHILD_FOREVER, NULL);
		else
			while (wait4(c->pid, &c->status, 0, &c->usage) < 0 &&
			       errno == EINTR)
				;
	}
	close_fd(&c->pidfd);
	close_fd(&c->out);
	close_fd(&c->gate);
	close_fd(&c->report);
	*c = (struct osc_child)OSC_CHILD_NONE;
}

int osc_child_exit_code(const struct osc_child *c)
{
	if (WIFSIGNALED(c->status))
		return 128 + WTERMSIG(c->status);
	return WEXITSTATUS(c->status);
}
