// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fork.c - a process per connection. The first process accepts and forks; the
 * child serves its one connection and exits. A child that dies takes nothing
 * with it but its connection, so there is no master to replace anything.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/accept.h"
#include "servers/blocking.h"
#include "servers/engine.h"

/* Signals of the first process; a child has its own two flags. */
static volatile sig_atomic_t stopped;
static volatile sig_atomic_t stopped_again;
static atomic_bool draining;
static atomic_bool hang_up;
static struct osc_blocking *served; /* the child's connection */

struct fork_engine {
	struct osc_server *server;
	struct osc_service service;
	pid_t self;
	/* Not in the children, so that a fork does not make it copied. */
	pid_t *children;
	size_t children_bytes;
	unsigned int active;
	unsigned int next_slot;
};

/*
 * One handler for both, so that a child need not set its own. In a child,
 * SIGTERM makes the next answer the last and SIGHUP ends the idle; SIGINT, from
 * a terminal, is for the first process alone.
 */
static void on_stop(int signo)
{
	int saved = errno;

	if (!served) {
		stopped_again = stopped;
		stopped = 1;
	} else if (signo != SIGINT) {
		atomic_store(&draining, true);
		if (signo == SIGHUP) {
			atomic_store(&hang_up, true);
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

	sigemptyset(&action.sa_mask);
	return sigaction(signo, &action, NULL);
}

/* Stop signals are blocked on entry, so none is lost on the way here. */
static void __attribute__((noreturn)) child(struct fork_engine *f, int fd)
{
	struct osc_blocking b = {
		.server = f->server,
		.service = f->service,
		.hang_up = &hang_up,
		.fd = fd,
	};

	/* A child must not outlive the server, however that ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != f->self)
		_exit(OSC_EXIT_FAILED);
	b.service.books =
		osc_account_books(f->server->account, f->next_slot, false);
	served = &b;
	if (sigprocmask(SIG_SETMASK, &f->server->old_mask, NULL))
		_exit(OSC_EXIT_FAILED);
	osc_blocking_serve(&b);
	_exit(OSC_EXIT_OK);
}

static int start(void *engine, int fd)
{
	struct fork_engine *f = engine;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		close(f->server->listeners[0]);
		child(f, fd);
	}
	close(fd);
	f->children[f->active++] = pid;
	f->next_slot++;
	osc_books_add(&f->service.books, OSC_ACCOUNT_FORKS, 1);
	return 0;
}

static unsigned int active(void *engine)
{
	return ((struct fork_engine *)engine)->active;
}

/*
 * Takes the children that have ended. Their connections are counted as closed
 * here, since one that was killed could not do it.
 */
static void tend(void *engine)
{
	struct fork_engine *f = engine;
	int status;
	pid_t pid;

	while (f->active && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		unsigned int i = 0;

		while (i < f->active && f->children[i] != pid)
			i++;
		if (i == f->active)
			continue;
		f->children[i] = f->children[--f->active];
		osc_books_add(&f->service.books, OSC_ACCOUNT_CLOSES, 1);
		osc_books_add(&f->service.books,
			      WIFEXITED(status) && !WEXITSTATUS(status) ?
				      OSC_ACCOUNT_WORKER_EXITS :
				      OSC_ACCOUNT_WORKER_DEATHS,
			      1);
	}
}

static void signal_all(const struct fork_engine *f, int signo)
{
	for (unsigned int i = 0; i < f->active; i++)
		kill(f->children[i], signo);
}

static void kill_all(struct fork_engine *f)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signal_all(f, SIGKILL);
	for (tend(f); f->active; tend(f))
		sigwaitinfo(&child, NULL);
}

/* Waits for the children: SIGTERM, then SIGHUP, then, at the end, SIGKILL. */
static void drain(struct fork_engine *f, struct osc_server_report *report)
{
	uint64_t now = osc_clock_ns();
	uint64_t last_call = now + OSC_SERVER_LAST_CALL_NS;
	uint64_t end = now + f->server->config->grace_ns;
	uint64_t same_until = now + OSC_SERVER_SAME_STOP_NS;
	sigset_t waiting;

	sigprocmask(SIG_SETMASK, NULL, &waiting);
	sigdelset(&waiting, SIGCHLD);
	sigdelset(&waiting, SIGTERM);
	sigdelset(&waiting, SIGINT);
	sigdelset(&waiting, SIGHUP);
	signal_all(f, SIGTERM);
	for (tend(f); f->active; tend(f)) {
		uint64_t until = last_call && last_call < end ? last_call : end;
		struct timespec timeout;

		now = osc_clock_ns();
		if (now < same_until)
			stopped_again = 0;
		if (stopped_again || now >= end) {
			report->forced = stopped_again;
			report->cut = f->active;
			kill_all(f);
			return;
		}
		if (last_call && now >= last_call) {
			signal_all(f, SIGHUP);
			last_call = 0;
			continue;
		}
		timeout.tv_sec = (time_t)((until - now) / OSC_NS_PER_S);
		timeout.tv_nsec = (long)((until - now) % OSC_NS_PER_S);
		ppoll(NULL, 0, &timeout, &waiting);
	}
}

static int set_up(struct fork_engine *f, struct osc_error *e)
{
	f->children_bytes = f->server->workers * sizeof(pid_t);
	f->children = mmap(NULL, f->children_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->children == MAP_FAILED)
		return osc_error_set(e, errno,
				     "cannot keep the pids of %u children: "
				     "%s; try fewer --workers",
				     f->server->workers, strerror(errno));
	if (madvise(f->children, f->children_bytes, MADV_DONTFORK) ||
	    handle(SIGTERM, on_stop) || handle(SIGINT, on_stop) ||
	    handle(SIGHUP, on_stop) || handle(SIGCHLD, on_child)) {
		int err = errno;

		munmap(f->children, f->children_bytes);
		return osc_error_set(e, err, "cannot set up signals: %s",
				     strerror(err));
	}
	return 0;
}

int osc_engine_fork(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e)
{
	struct fork_engine f = { .server = server, .self = getpid() };
	struct osc_acceptor a = {
		.server = server,
		.service = &f.service,
		.listener = server->listeners[0],
		.wake_fd = -1,
		.limit = server->workers,
		.stop = &stopped,
		.engine = &f,
		.active = active,
		.start = start,
		.tend = tend,
	};
	int ret = set_up(&f, e);

	if (ret)
		return ret;
	osc_server_service(server, index, false, &draining, &f.service);
	sigprocmask(SIG_SETMASK, NULL, &a.waiting_mask);
	sigdelset(&a.waiting_mask, SIGCHLD);
	sigdelset(&a.waiting_mask, SIGTERM);
	sigdelset(&a.waiting_mask, SIGINT);
	sigdelset(&a.waiting_mask, SIGHUP);
	ret = osc_acceptor_run(&a, e);
	drain(&f, report);
	munmap(f.children, f.children_bytes);
	return ret;
}
