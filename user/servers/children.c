// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/children.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/signals.h"
#include "servers/blocking.h"
#include "servers/board.h"
#include "servers/closing.h"
#include "servers/listen.h"

/* Signals of the first process; a child has its own two flags. */
static volatile sig_atomic_t stopped;
static volatile sig_atomic_t stopped_again;
static bool is_child;
static atomic_bool draining;
static atomic_bool hang_up;
static struct osc_blocking *served; /* the child's connection */

/*
 * One handler for both, so that a child need not set its own. In a child,
 * SIGTERM makes the next answer the last and OSC_BOARD_RETIRE ends the idle, too.
 * SIGINT and SIGHUP, from a terminal, are for the first process alone, as
 * OSC_BOARD_RETIRE, which that has blocked, is for children.
 */
static void on_stop(int signo)
{
	int saved = errno;

	if (!is_child) {
		stopped_again = stopped;
		stopped = 1;
	} else if (signo == SIGTERM || signo == OSC_BOARD_RETIRE) {
		atomic_store(&draining, true);
		if (signo == OSC_BOARD_RETIRE) {
			atomic_store(&hang_up, true);
			if (served)
				osc_blocking_wake(served);
		}
	}
	errno = saved;
}

/* Ends the wait it arrives in; the loop then looks for what has ended. */
static void on_child(int signo)
{
	(void)signo;
}

static int handle(int signo, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	if (osc_signal_stays_ignored(signo))
		return 0;
	sigemptyset(&action.sa_mask);
	return sigaction(signo, &action, NULL);
}

static void release_pids(struct osc_children *c)
{
	munmap(c->pid, c->pid_bytes);
}

static int set_up(struct osc_children *c, struct osc_server *server,
		  unsigned int index, struct osc_error *e)
{
	c->server = server;
	c->self = getpid();
	c->pid_bytes = server->workers * sizeof(pid_t);
	c->pid = mmap(NULL, c->pid_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->pid == MAP_FAILED)
		return osc_error_set(e, errno,
				     "cannot keep the pids of %u children: "
				     "%s; try fewer --workers",
				     server->workers, strerror(errno));
	if (madvise(c->pid, c->pid_bytes, MADV_DONTFORK) ||
	    handle(SIGTERM, on_stop) || handle(SIGINT, on_stop) ||
	    handle(SIGHUP, on_stop) || handle(SIGCHLD, on_child) ||
	    handle(OSC_BOARD_RETIRE, on_stop)) {
		int err = errno;

		release_pids(c);
		return osc_error_set(e, err, "cannot set up signals: %s",
				     strerror(err));
	}
	osc_server_service(server, index, false, &draining, &c->service);
	return 0;
}

/* Stop signals are blocked on entry, so none is lost on the way here. */
static void become_child(struct osc_children *c)
{
	/* A child must not outlive the server, however that ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != c->self)
		_exit(OSC_EXIT_FAILED);
	is_child = true;
	/* What sigprocmask() calls, on a page of its own. */
	if (pthread_sigmask(SIG_SETMASK, &c->server->old_mask, NULL))
		_exit(OSC_EXIT_FAILED);
	/* These three, and the exit to come. */
	osc_books_add(&c->service.books, OSC_ACCOUNT_CALLS, 4);
	osc_acceptor_leave(&c->acceptor);
}

pid_t osc_children_fork(struct osc_children *c)
{
	pid_t pid = fork();

	/* Not in the child, which has the books, too. */
	if (pid)
		osc_books_add(&c->service.books, OSC_ACCOUNT_CALLS, 1);
	if (pid < 0)
		return -errno;
	if (!pid) {
		become_child(c);
		return 0;
	}
	c->pid[c->active++] = pid;
	osc_books_add(&c->service.books, OSC_ACCOUNT_FORKS, 1);
	return pid;
}

void osc_child_serve(struct osc_children *c, int fd, unsigned int slot)
{
	struct osc_service service = c->service;
	struct osc_blocking b = {
		.server = c->server,
		.hang_up = &hang_up,
		.fd = fd,
	};

	service.books = osc_account_books(c->server->account, slot, false);
	served = &b;
	osc_blocking_serve(&b, &service);
	served = NULL;
}

static void count_end(const struct osc_children *c, int status)
{
	bool in_order = WIFEXITED(status) && !WEXITSTATUS(status);

	osc_books_add(&c->service.books,
		      in_order ? OSC_ACCOUNT_WORKER_EXITS :
				 OSC_ACCOUNT_WORKER_DEATHS,
		      1);
	if (!in_order)
		osc_closing_reset(c->service.closing);
}

/* Takes those that have ended; counts them. */
static void reap(struct osc_children *c)
{
	int status;
	pid_t pid;

	while (c->active) {
		unsigned int i = 0;

		pid = waitpid(-1, &status, WNOHANG);
		osc_books_add(&c->service.books, OSC_ACCOUNT_CALLS, 1);
		if (pid <= 0)
			break;

		while (i < c->active && c->pid[i] != pid)
			i++;
		if (i == c->active)
			continue;
		c->pid[i] = c->pid[--c->active];
		count_end(c, status);
		c->ops->ended(c->engine, i);
	}
}

/* The signals to wait with: those of the end, and of children, come through. */
static void waiting_mask(sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, NULL, mask);
	sigdelset(mask, SIGCHLD);
	sigdelset(mask, SIGTERM);
	sigdelset(mask, SIGINT);
	sigdelset(mask, SIGHUP);
}

static void signal_all(const struct osc_children *c, int signo)
{
	for (unsigned int i = 0; i < c->active; i++)
		kill(c->pid[i], signo);
}

static void kill_all(struct osc_children *c)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signal_all(c, SIGKILL);
	for (reap(c); c->active; reap(c))
		sigwaitinfo(&child, NULL);
}

/* Until a child has ended or is idle, or it is time. */
static void wait_for_child(int wake_fd, uint64_t now, uint64_t until)
{
	struct pollfd pfd = { .fd = wake_fd, .events = POLLIN };
	struct timespec timeout = {
		.tv_sec = (time_t)((until - now) / OSC_NS_PER_S),
		.tv_nsec = (long)((until - now) % OSC_NS_PER_S),
	};
	sigset_t waiting;
	uint64_t told;

	waiting_mask(&waiting);
	if (ppoll(&pfd, 1, &timeout, &waiting) > 0)
		(void)!read(wake_fd, &told, sizeof(told));
}

/* Takes those that have ended, and has others take their place. */
static bool goes_on(struct osc_children *c, bool *done)
{
	bool late;

	reap(c);
	late = osc_acceptor_finish(&c->acceptor);
	if (!late && !*done && c->ops->done)
		c->ops->done(c->engine);
	*done = !late;
	return late || c->active;
}

/* They were accepted, and end with us. */
static unsigned int count_late(const struct osc_children *c)
{
	size_t n = osc_accepted_left(&c->acceptor.waiting);

	osc_books_add(&c->service.books, OSC_ACCOUNT_CLOSES, n);
	return (unsigned int)n;
}

static void drain(struct osc_children *c, struct osc_server_report *report)
{
	uint64_t now = osc_clock_ns();
	uint64_t last_call = now + OSC_SERVER_LAST_CALL_NS;
	uint64_t end = now + c->server->config->grace_ns;
	uint64_t same_until = now + OSC_SERVER_SAME_STOP_NS;
	bool done = false;

	/* For children that are forked from now on. */
	atomic_store(&draining, true);
	signal_all(c, SIGTERM);
	while (goes_on(c, &done)) {
		now = osc_clock_ns();
		if (now < same_until)
			stopped_again = 0;
		if (stopped_again || now >= end) {
			report->forced = stopped_again;
			report->cut = c->active + count_late(c);
			kill_all(c);
			return;
		}
		if (last_call && now >= last_call) {
			atomic_store(&hang_up, true);
			signal_all(c, OSC_BOARD_RETIRE);
			last_call = 0;
			continue;
		}
		wait_for_child(c->wake_fd, now,
			       last_call && last_call < end ? last_call : end);
	}
}

static unsigned int active(void *children)
{
	const struct osc_children *c = children;

	return c->ops->active(c->engine);
}

static int start(void *children, int fd)
{
	const struct osc_children *c = children;

	return c->ops->start(c->engine, fd);
}

static void tend(void *children)
{
	reap(children);
}

int osc_children_run(struct osc_children *c, struct osc_server *server,
		     unsigned int index, struct osc_server_report *report,
		     struct osc_error *e)
{
	int ret = set_up(c, server, index, e);

	if (ret)
		return ret;
	c->acceptor = (struct osc_acceptor){
		.server = server,
		.service = &c->service,
		.listener = server->listeners[0],
		.wake_fd = c->wake_fd,
		.limit = server->workers,
		.stop = &stopped,
		.engine = c,
		.active = active,
		.start = start,
		.tend = tend,
	};
	waiting_mask(&c->acceptor.waiting_mask);
	ret = osc_acceptor_run(&c->acceptor, e);
	osc_listen_stop(server->listeners[0]);
	drain(c, report);
	release_pids(c);
	return ret;
}
