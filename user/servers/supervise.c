// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/signals.h"
#include "servers/board.h"
#include "servers/closing.h"
#include "servers/engine.h"
#include "servers/listen.h"
#include "servers/restart.h"

/* After more failures in a row by an error of a worker's own the server ends. */
#define FAILURES_MAX 5
/* Until a fork that has failed is tried again. */
#define PAUSE_NS (100 * OSC_NS_PER_MS)
/* Workers mind the grace themselves; one that does not is killed then. */
#define OVERTIME_NS OSC_NS_PER_S
/* Between two looks whether the first worker is set up. */
#define READY_LOOK_NS OSC_NS_PER_MS
/* Of too many idle ones, one is sent home so often. */
#define SHRINK_NS OSC_NS_PER_S

struct worker {
	pid_t pid; /* 0: dead */
	struct osc_restart restart;
	bool wanted;
};

struct master {
	struct osc_server *server;
	struct osc_books books;
	struct osc_error *failure; /* shared: where a worker leaves its error */
	pid_t self;
	unsigned int count;
	unsigned int alive;
	bool ready; /* and has said so */
	struct osc_board *board; /* of a group that grows and shrinks */
	uint64_t shrink_ns; /* when to look for too many */
	struct worker worker[];
};

static void __attribute__((noreturn))
be_worker(struct master *m, unsigned int index)
{
	struct osc_server_report unused = { 0 };
	const struct osc_server_config *config = m->server->config;
	int ours = osc_server_listener(m->server, index);

	/* A worker must not outlive the server, however that ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != m->self)
		_exit(OSC_EXIT_FAILED);
	/* Those of the others: the master keeps them for their successors. */
	for (unsigned int i = 0; i < m->server->nr_listeners; i++) {
		if (m->server->listeners[i] != ours)
			close(m->server->listeners[i]);
	}
	/* Who reads there waits for the end of it, too. */
	if (!m->ready && config->ready_fd >= 0)
		close(config->ready_fd);
	_exit(config->engine->run(m->server, index, &unused, m->failure) ?
		      OSC_EXIT_FAILED :
		      OSC_EXIT_OK);
}

/*
 * It is tried again, since others may end. But where there has never been a worker
 * it counts as a failure of one: nobody else would say why.
 */
static void cannot_fork(struct master *m, struct worker *w, int err)
{
	w->pid = 0;
	w->restart.retry_ns = w->restart.started_ns + PAUSE_NS;
	if (m->ready || m->alive)
		return;
	w->restart.failures++;
	osc_error_set(m->failure, err,
		      "cannot fork: %s; see the limits of 'ulimit -a'",
		      strerror(err));
}

static void spawn(struct master *m, unsigned int index)
{
	struct worker *w = &m->worker[index];
	int err;

	/* Before it may have a connection. */
	if (m->board)
		osc_board_idle(m->board, index);
	atomic_store(&m->server->is_set_up[index], false);
	w->pid = fork();
	if (!w->pid)
		be_worker(m, index);
	err = errno;
	w->restart.started_ns = osc_clock_ns();
	if (w->pid < 0) {
		cannot_fork(m, w, err);
		return;
	}
	m->alive++;
	osc_books_add(&m->books, OSC_ACCOUNT_FORKS, 1);
}

/* Connections of a dead worker have been closed by the kernel. */
static void close_books(struct master *m, unsigned int index)
{
	struct osc_account_slot *slots = m->server->account->slot;

	if (m->count == 1) {
		for (int i = 0; i < OSC_ACCOUNT_MASTER; i++)
			osc_account_close_open(&slots[i]);
	} else if (m->board) {
		struct osc_books books =
			osc_account_books(m->server->account, index, false);

		/* It shares its slot with others, but had one connection. */
		if (m->board->state[index] == OSC_BOARD_BUSY)
			osc_books_add(&books, OSC_ACCOUNT_CLOSES, 1);
	} else if (m->count <= OSC_ACCOUNT_MASTER) {
		osc_account_close_open(&slots[index]);
	}
}

static enum osc_restart_end how_ended(const struct master *m,
				      unsigned int index, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return OSC_RESTART_FAILED;
	return atomic_load(&m->server->is_set_up[index]) ? OSC_RESTART_SERVED :
							   OSC_RESTART_KILLED;
}

static void buried(struct master *m, pid_t pid, int status)
{
	bool in_order = WIFEXITED(status) && !WEXITSTATUS(status);

	for (unsigned int i = 0; i < m->count; i++) {
		if (m->worker[i].pid != pid)
			continue;
		m->worker[i].pid = 0;
		m->alive--;
		osc_books_add(&m->books,
			      in_order ? OSC_ACCOUNT_WORKER_EXITS :
					 OSC_ACCOUNT_WORKER_DEATHS,
			      1);
		if (WIFSIGNALED(status))
			m->failure->text[0] = '\0';
		if (!in_order) {
			close_books(m, i);
			osc_closing_reset(m->server->closing);
		}
		if (m->board)
			m->board->state[i] = OSC_BOARD_ABSENT;
		osc_restart_plan(&m->worker[i].restart, how_ended(m, i, status),
				 osc_clock_ns());
	}
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		buried(m, pid, status);
}

/* False when a worker fails each time it starts. */
static bool replace_dead(struct master *m)
{
	uint64_t now = osc_clock_ns();

	for (unsigned int i = 0; i < m->count; i++) {
		struct worker *w = &m->worker[i];

		if (!w->wanted || w->pid || w->restart.retry_ns > now)
			continue;
		if (w->restart.failures > FAILURES_MAX && m->failure->text[0])
			return false;
		spawn(m, i);
	}
	return true;
}

static uint64_t next_replacement(const struct master *m)
{
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < m->count; i++) {
		const struct worker *w = &m->worker[i];

		if (w->wanted && !w->pid && w->restart.retry_ns < next)
			next = w->restart.retry_ns;
	}
	return next;
}

/* Those who are about to start are as good as idle. */
static unsigned int nr_idle(const struct master *m)
{
	unsigned int idle = 0;

	for (unsigned int i = 0; i < m->count; i++)
		idle += m->worker[i].wanted &&
			m->board->state[i] != OSC_BOARD_BUSY;
	return idle;
}

static void grow(struct master *m)
{
	unsigned int idle, i;

	/* Who asks from here on is heard the next time. */
	atomic_store(&m->board->asked, false);
	idle = nr_idle(m);
	for (i = 0; i < m->count && idle < m->board->least_idle; i++) {
		if (m->worker[i].wanted)
			continue;
		m->worker[i].wanted = true;
		m->worker[i].restart.retry_ns = 0;
		idle++;
	}
	atomic_store(&m->board->full, i == m->count);
}

static void shrink(struct master *m, uint64_t now)
{
	if (now < m->shrink_ns)
		return;
	m->shrink_ns = now + SHRINK_NS;
	if (nr_idle(m) <= m->server->config->spare_max)
		return;
	for (unsigned int i = m->count; i-- > 0;) {
		struct worker *w = &m->worker[i];

		if (w->pid && w->wanted &&
		    m->board->state[i] == OSC_BOARD_IDLE) {
			w->wanted = false;
			kill(w->pid, OSC_BOARD_RETIRE);
			atomic_store(&m->board->full, false);
			return;
		}
	}
}

/* When to look at the group again, if nobody asks. */
static uint64_t adapt(struct master *m)
{
	if (!m->board)
		return UINT64_MAX;
	shrink(m, osc_clock_ns());
	grow(m);
	return m->alive > m->server->config->spare_max ? m->shrink_ns :
							 UINT64_MAX;
}

static void signal_all(const struct master *m, int signo)
{
	for (unsigned int i = 0; i < m->count; i++) {
		if (m->worker[i].pid)
			kill(m->worker[i].pid, signo);
	}
}

/*
 * The next signal of the master's, 0 when `until` comes first. A wait may also end
 * for no signal at all, as after a stop and a SIGCONT, or when the kernel has work
 * to do in this task's name: that is not the end of the time.
 */
static int next_signal(uint64_t until)
{
	sigset_t set;
	int signo;

	osc_signals_of_end(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, OSC_BOARD_ASK);
	do {
		uint64_t now = osc_clock_ns();
		uint64_t left = until > now ? until - now : 0;
		struct timespec timeout = {
			.tv_sec = (time_t)(left / OSC_NS_PER_S),
			.tv_nsec = (long)(left % OSC_NS_PER_S),
		};

		signo = sigtimedwait(&set, NULL,
				     until == UINT64_MAX ? NULL : &timeout);
	} while (signo < 0 && errno == EINTR);
	return signo > 0 ? signo : 0;
}

/*
 * A server whose workers cannot set themselves up is never ready: its clients
 * would wait until it gives up. When to look again.
 */
static int say_ready(struct master *m, uint64_t *look, struct osc_error *e)
{
	*look = UINT64_MAX;
	if (m->ready)
		return 0;
	for (unsigned int i = 0; i < m->count && !m->ready; i++)
		m->ready = atomic_load(&m->server->is_set_up[i]);
	if (m->ready)
		return osc_server_ready(m->server, e);
	*look = osc_clock_ns() + READY_LOOK_NS;
	return 0;
}

static int fail_at_start(const struct master *m, struct osc_error *e)
{
	return osc_error_set(e, m->failure->err,
			     "workers fail as they start: %s",
			     m->failure->text);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until a stop signal; an error when the workers cannot be kept alive. */
static int keep_alive(struct master *m, struct osc_error *e)
{
	for (;;) {
		uint64_t look = adapt(m), ready;
		int signo, ret;

		if (!replace_dead(m))
			return fail_at_start(m, e);
		ret = say_ready(m, &ready, e);
		if (ret)
			return ret;
		look = earlier(look, earlier(ready, next_replacement(m)));
		signo = next_signal(look);
		if (signo == SIGCHLD)
			reap(m);
		else if (signo && signo != OSC_BOARD_ASK)
			break;
	}
	/* A stop may come while they still try. */
	return !m->alive && m->failure->text[0] ? fail_at_start(m, e) : 0;
}

static void end_workers(struct master *m, struct osc_server_report *report)
{
	uint64_t now = osc_clock_ns();
	uint64_t end = now + m->server->config->grace_ns + OVERTIME_NS;
	uint64_t same_until = now + OSC_SERVER_SAME_STOP_NS;

	/* Only then do the workers close them for good, when they are empty. */
	for (unsigned int i = 0; i < m->server->nr_listeners; i++) {
		osc_listen_stop(m->server->listeners[i]);
		close(m->server->listeners[i]);
	}
	signal_all(m, SIGTERM);
	for (reap(m); m->alive; reap(m)) {
		int signo = next_signal(end);

		if (signo == SIGCHLD || signo == OSC_BOARD_ASK ||
		    (signo && osc_clock_ns() < same_until))
			continue;
		report->forced |= signo != 0;
		signal_all(m, SIGKILL);
		end = UINT64_MAX;
	}
}

static void count_cut(struct master *m, struct osc_server_report *report)
{
	struct osc_account_snapshot books;

	osc_account_sum(m->server->account, &books);
	report->cut += books.connections_open;
	for (int i = 0; i < OSC_ACCOUNT_MASTER; i++)
		osc_account_close_open(&m->server->account->slot[i]);
}

/* What the workers share with us, beside the books. */
static int set_up_group(struct master *m, struct osc_error *e)
{
	const struct osc_server_config *config = m->server->config;

	m->server->is_set_up =
		mmap(NULL, m->count * sizeof(*m->server->is_set_up),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->server->is_set_up == MAP_FAILED)
		return osc_server_no_page(e);
	for (unsigned int i = 0; i < m->count; i++)
		m->worker[i].wanted = !config->engine->grows;
	if (config->serialised) {
		m->server->accept_lock =
			memfd_create("accept lock", MFD_CLOEXEC);
		if (m->server->accept_lock < 0)
			return osc_error_set(e, errno,
					     "cannot make a lock to accept by: "
					     "%s",
					     strerror(errno));
	}
	if (!config->engine->grows)
		return 0;
	m->board = osc_board_new(m->count, config->spare_min);
	if (!m->board)
		return osc_server_no_page(e);
	m->server->board = m->board;
	return 0;
}

int osc_supervise(struct osc_server *server, unsigned int count,
		  struct osc_server_report *report, struct osc_error *e)
{
	struct master *m = calloc(1, sizeof(*m) + count * sizeof(m->worker[0]));
	int ret = 0;

	if (!m)
		return osc_error_set(e, ENOMEM,
				     "cannot mind %u workers: out of memory; "
				     "try fewer --workers",
				     count);
	m->failure = mmap(NULL, sizeof(*m->failure), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->failure == MAP_FAILED) {
		free(m);
		return osc_server_no_page(e);
	}
	m->server = server;
	m->count = count;
	m->self = getpid();
	m->books.slot = &server->account->slot[OSC_ACCOUNT_MASTER];
	m->books.exclusive = true;
	ret = set_up_group(m, e);
	if (!ret)
		ret = keep_alive(m, e);
	end_workers(m, report);
	count_cut(m, report);
	munmap(m->failure, sizeof(*m->failure));
	free(m);
	return ret;
}
