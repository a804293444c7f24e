// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sequential.c - one connection after another in a process, which sleeps in
 * accept, read and write. Alone it is the iterative server of the textbook,
 * where everybody else waits in the backlog; many of them that were forked
 * beforehand, and wait for the same listener, are a preforking one.
 *
 * With a shared accept the kernel wakes one of those who sleep in it. Serialised,
 * they sleep for a lock instead, and one at a time waits for the listener.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/accepted.h"
#include "servers/blocking.h"
#include "servers/board.h"
#include "servers/engine.h"
#include "servers/listen.h"

/*
 * From a stop on, so often: what it has to end may begin to sleep just behind
 * our look whether it was to end.
 */
#define TICK_NS (50 * OSC_NS_PER_MS)

static struct sequential {
	struct osc_server *server;
	struct osc_service service;
	unsigned int index;
	int listener; /* -1: closed */
	timer_t ticker;
	struct osc_blocking served;
	/* What the handler has taken from the backlog, to be served in turn. */
	struct osc_accepted late;
	/* For the handlers. */
	volatile sig_atomic_t serving;
	volatile sig_atomic_t stopped;
	volatile sig_atomic_t retired;
	atomic_bool draining;
	atomic_bool hang_up;
	_Atomic uint64_t last_call_ns, end_ns; /* set before `stopped` */
} s;

static void count(enum osc_account_field field)
{
	osc_books_add(&s.service.books, field, 1);
}

static void start_ticks(void)
{
	static const struct itimerspec ticks = {
		.it_interval.tv_nsec = TICK_NS,
		.it_value.tv_nsec = TICK_NS,
	};

	timer_settime(s.ticker, 0, &ticks, NULL);
}

static bool others_are_idle(void)
{
	return s.server->board && osc_board_nr_idle(s.server->board, 1);
}

/*
 * Nobody new may get in while the one connection goes on, perhaps for long; who
 * is in already must not be lost.
 */
static void close_listener(void)
{
	int fd = 0;

	while (!others_are_idle()) {
		fd = osc_listen_accept(s.listener, 0);
		count(OSC_ACCOUNT_CALLS);
		if (fd < 0)
			break;
		count(OSC_ACCOUNT_ACCEPTS);
		osc_accepted_put(&s.late, fd);
	}
	/* Those for whom there is no descriptor now, later. */
	if (fd == -EMFILE)
		return;
	close(s.listener);
	count(OSC_ACCOUNT_CALLS);
	s.listener = -1;
}

/* From here on no accept sleeps, neither one that has begun. */
static void on_stop(int signo)
{
	int saved = errno;
	uint64_t now = osc_clock_ns();

	(void)signo;
	if (!s.stopped) {
		atomic_store(&s.last_call_ns, now + OSC_SERVER_LAST_CALL_NS);
		atomic_store(&s.end_ns, now + s.server->config->grace_ns);
		atomic_store(&s.draining, true);
		s.stopped = 1;
		fcntl(s.listener, F_SETFL,
		      fcntl(s.listener, F_GETFL) | O_NONBLOCK);
		if (s.serving)
			close_listener();
		start_ticks();
	}
	errno = saved;
}

static void on_retire(int signo)
{
	int saved = errno;

	(void)signo;
	s.retired = 1;
	start_ticks();
	errno = saved;
}

/* The master counts as cut what we leave open. */
static void on_tick(int signo)
{
	int saved = errno;
	uint64_t now = osc_clock_ns();

	(void)signo;
	if (s.stopped && now >= atomic_load(&s.end_ns))
		_exit(OSC_EXIT_OK);
	if (s.stopped && now >= atomic_load(&s.last_call_ns)) {
		atomic_store(&s.hang_up, true);
		if (s.serving)
			osc_blocking_wake(&s.served);
	}
	errno = saved;
}

static int handle(int signo, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigfillset(&action.sa_mask);
	return sigaction(signo, &action, NULL);
}

static int set_up(struct osc_server *server, unsigned int index)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	sigset_t ours;
	int flags, ret;

	ret = osc_accepted_open(&s.late, (size_t)sysconf(_SC_OPEN_MAX));
	if (ret)
		return ret;
	s.server = server;
	s.index = index;
	s.listener = osc_server_listener(server, index);
	osc_server_service(server, index, false, &s.draining, &s.service);
	/* To sleep in accept, as nobody but we and our like uses it. */
	flags = fcntl(s.listener, F_GETFL);
	if (flags < 0 || fcntl(s.listener, F_SETFL, flags & ~O_NONBLOCK) ||
	    timer_create(CLOCK_MONOTONIC, &event, &s.ticker) ||
	    handle(SIGTERM, on_stop) || handle(SIGALRM, on_tick) ||
	    handle(OSC_BOARD_RETIRE, on_retire))
		return -errno;
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGALRM);
	sigaddset(&ours, OSC_BOARD_RETIRE);
	return sigprocmask(SIG_UNBLOCK, &ours, NULL) ? -errno : 0;
}

/* In the order of the lock, where there is one. A signal ends the wait. */
static bool may_accept(bool lock)
{
	struct flock whole = { .l_type = lock ? F_WRLCK : F_UNLCK,
			       .l_whence = SEEK_SET };

	if (s.server->accept_lock < 0)
		return true;
	count(OSC_ACCOUNT_CALLS);
	return !fcntl(s.server->accept_lock, F_SETLKW, &whole);
}

/* As osc_listen_accept(); -EAGAIN also where a signal has come. */
static int accept_next(void)
{
	int fd = -EAGAIN;

	if (!may_accept(true))
		return fd;
	if (!s.retired) {
		fd = osc_listen_accept(s.listener, 0);
		count(OSC_ACCOUNT_CALLS);
	}
	may_accept(false);
	return fd;
}

static void serve(int fd)
{
	if (s.server->board && !osc_board_busy(s.server->board, s.index))
		count(OSC_ACCOUNT_ACCEPT_PAUSES);
	s.served = (struct osc_blocking){
		.server = s.server,
		.hang_up = &s.hang_up,
		.fd = fd,
	};
	s.serving = 1;
	/* The stop came just before, or this is one of the last. */
	if (s.stopped && s.listener >= 0)
		close_listener();
	osc_blocking_serve(&s.served, &s.service);
	s.serving = 0;
	close(fd);
	count(OSC_ACCOUNT_CALLS);
	count(OSC_ACCOUNT_CLOSES);
	if (s.server->board)
		osc_board_idle(s.server->board, s.index);
}

static void pause_accepting(void)
{
	count(OSC_ACCOUNT_ACCEPT_PAUSES);
	count(OSC_ACCOUNT_CALLS);
	poll(NULL, 0, OSC_SERVER_PAUSE_MS);
}

/* 0, or what broke the listener. */
static int serve_all(void)
{
	while (!s.retired && s.listener >= 0) {
		bool last = s.stopped;
		int fd = accept_next();

		if (fd >= 0) {
			/* The kernel wakes who is to have it, and no other. */
			count(OSC_ACCOUNT_ACCEPT_WAKES);
			count(OSC_ACCOUNT_ACCEPTS);
			serve(fd);
		} else if (fd == -EMFILE) {
			pause_accepting();
		} else if (fd != -EAGAIN) {
			return fd;
		} else if (last) {
			break;
		}
	}
	return 0;
}

int osc_engine_sequential(struct osc_server *server, unsigned int index,
			  struct osc_server_report *report, struct osc_error *e)
{
	int ret = set_up(server, index);

	(void)report; /* the master's: what is left open is what was cut */
	if (ret)
		return osc_error_set(e, -ret, "cannot set up a worker: %s",
				     strerror(-ret));
	osc_server_is_set_up(server, index);
	ret = serve_all();
	if (ret)
		return osc_error_set(e, -ret, "cannot accept connections: %s",
				     strerror(-ret));
	while (osc_accepted_left(&s.late))
		serve(osc_accepted_take(&s.late));
	return 0;
}
