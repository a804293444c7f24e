// SPDX-License-Identifier: GPL-2.0-or-later
/* loop.c - the rounds of an event loop: wait, serve, time out, accept, end. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/error.h"
#include "lib/reserve.h"
#include "servers/board.h"
#include "servers/engine.h"
#include "servers/event.h"
#include "servers/listen.h"

/* Descriptors that are not connections, with room to spare. */
#define OTHER_DESCRIPTORS 1024

int osc_event_waited(struct osc_event_loop *l, const struct timespec *timeout,
		     int events)
{
	int err = events < 0 ? errno : 0;

	l->now_ns = osc_clock_ns();
	osc_event_count(l, OSC_ACCOUNT_WAITS, 1);
	if (!timeout || timeout->tv_sec || timeout->tv_nsec)
		osc_event_count(l, OSC_ACCOUNT_WAITS_BLOCKED, 1);
	l->told = events > 0;
	l->useful = false;
	if (err)
		return err == EINTR ? 0 : -err;
	osc_event_count(l, OSC_ACCOUNT_WAIT_EVENTS, (uint64_t)events);
	return events;
}

void osc_event_close_fd(struct osc_event_loop *l, int fd)
{
	if (l->backend->forget)
		l->backend->forget(l, fd);
	if (l->backend->close)
		l->backend->close(l, fd);
	else
		close(fd);
	osc_event_called(l);
}

static void run_timers(struct osc_event_loop *l)
{
	const struct osc_timer_entry *first;

	while ((first = osc_timers_first(&l->timers)) &&
	       first->due_ns <= l->now_ns) {
		uint32_t fd = first->id;
		struct osc_event_connection *c = &l->table[fd];

		if (c->deadline_ns > l->now_ns) {
			c->due_ns = c->deadline_ns;
			osc_timers_set(&l->timers, fd, c->due_ns);
		} else {
			/* The next deadline then sets the timer anew. */
			osc_timers_clear(&l->timers, fd);
			c->due_ns = 0;
			osc_event_deadline(l, c);
		}
	}
}

/* Asks for the listener's events, or not, as room and pause have it. */
static int update_listener(struct osc_event_loop *l)
{
	bool want = l->open < l->server->max_connections &&
		    l->pause_until_ns <= l->now_ns;

	if (l->listener < 0 || want == l->listening)
		return 0;
	l->listening = want;
	if (want)
		l->pause_until_ns = 0;
	else
		osc_event_count(l, OSC_ACCOUNT_ACCEPT_PAUSES, 1);
	return l->backend->watch(l, l->listener,
				 want ? OSC_EVENT_IN : OSC_EVENT_NONE, false);
}

static int accept_one(struct osc_event_loop *l)
{
	if (l->backend->accept)
		return l->backend->accept(l);
	osc_event_called(l);
	return osc_listen_accept(l->listener, SOCK_NONBLOCK);
}

static int accept_all(struct osc_event_loop *l)
{
	while (l->open < l->server->max_connections) {
		int fd = accept_one(l);

		if (fd == -EAGAIN)
			return 0;
		if (fd == -EMFILE) {
			l->pause_until_ns =
				l->now_ns + OSC_SERVER_PAUSE_MS * OSC_NS_PER_MS;
			return 0;
		}
		if (fd < 0)
			return fd;
		l->useful = true;
		osc_event_begin(l, fd);
	}
	return 0;
}

/* Those whom the last wait told of, unless another loop was first. */
static int accept_told(struct osc_event_loop *l)
{
	uint32_t open = l->open;
	int ret = accept_all(l);

	if (l->backend->accept)
		return ret;
	osc_event_count(l, OSC_ACCOUNT_ACCEPT_WAKES, 1);
	if (l->open == open)
		osc_event_count(l, OSC_ACCOUNT_ACCEPT_VAIN, 1);
	return ret;
}

/*
 * Takes all that is connected by now, even where there is no room to serve it yet:
 * closing the listener would reset it.
 */
static void accept_late(struct osc_event_loop *l)
{
	int fd;

	while ((fd = accept_one(l)) >= 0)
		osc_accepted_put(&l->late, fd);
	/* For some there is no descriptor yet. Else it has nothing more to give. */
	if (fd == -EMFILE) {
		l->pause_until_ns =
			l->now_ns + OSC_SERVER_PAUSE_MS * OSC_NS_PER_MS;
		return;
	}
	osc_event_close_fd(l, l->listener);
	l->table[l->listener].state = OSC_EVENT_FREE;
	l->listener = -1;
	l->listening = false;
}

/* Each has a while to say what it wants, as those before the stop had. */
static void begin_late(struct osc_event_loop *l)
{
	uint64_t last_call = l->now_ns + OSC_SERVER_LAST_CALL_NS;

	while (osc_accepted_left(&l->late) &&
	       l->open < l->server->max_connections) {
		osc_event_begin(l, osc_accepted_take(&l->late));
		l->last_call_ns = last_call < l->end_ns ? last_call : l->end_ns;
	}
}

static void begin_drain(struct osc_event_loop *l)
{
	struct signalfd_siginfo info;

	do
		osc_event_called(l);
	while (read(l->signal_fd, &info, sizeof(info)) > 0);
	if (l->last_call_ns)
		return;
	atomic_store(&l->draining, true);
	l->last_call_ns = l->now_ns + OSC_SERVER_LAST_CALL_NS;
	l->end_ns = l->now_ns + l->config->grace_ns;
	accept_late(l);
}

/* A request that has come in time is answered; whoever is silent is closed. */
static void close_idle(struct osc_event_loop *l)
{
	for (uint32_t fd = 0; fd < l->table_size && l->open; fd++) {
		struct osc_event_connection *c = &l->table[fd];

		if (c->state != OSC_EVENT_READING || c->kept)
			continue;
		osc_event_readable(l, c);
		if (c->state == OSC_EVENT_READING && !c->kept)
			osc_event_end(l, c);
	}
	l->last_call_ns = l->end_ns;
}

/* Those that what was told before suffices for. */
static void run_pending(struct osc_event_loop *l)
{
	uint32_t nr = l->nr_pending;

	if (!nr)
		return;
	for (uint32_t i = 0; i < nr; i++)
		osc_event_go_on(l, &l->table[l->pending[i]]);
	/* What they have added is for the next round. */
	l->nr_pending -= nr;
	memmove(l->pending, l->pending + nr,
		l->nr_pending * sizeof(*l->pending));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a && a < b ? a : b;
}

static int wait_events(struct osc_event_loop *l)
{
	const struct osc_timer_entry *first = osc_timers_first(&l->timers);
	uint64_t until = first ? first->due_ns : UINT64_MAX;
	struct timespec timeout;
	uint64_t left;

	until = earlier(l->pause_until_ns, until);
	until = earlier(l->last_call_ns, until);
	until = earlier(l->end_ns, until);
	/* Else never 0, which would be a look and not a wait. */
	left = l->nr_pending ? 0 : until > l->now_ns ? until - l->now_ns : 1;
	timeout.tv_sec = (time_t)(left / OSC_NS_PER_S);
	timeout.tv_nsec = (long)(left % OSC_NS_PER_S);
	return l->backend->wait(
		l, until == UINT64_MAX && !l->nr_pending ? NULL : &timeout);
}

/*
 * One round. Accepting comes last: until then no descriptor that this round
 * has an event for can have been closed and given to a new connection.
 */
static int run_round(struct osc_event_loop *l)
{
	int ret;

	l->accept_ready = false;
	l->stop_ready = false;
	ret = wait_events(l);
	if (ret)
		return ret;
	run_pending(l);
	run_timers(l);
	if (l->last_call_ns && l->last_call_ns < l->end_ns &&
	    l->now_ns >= l->last_call_ns)
		close_idle(l);
	if (l->stop_ready)
		begin_drain(l);
	else if (l->accept_ready && l->listener >= 0 && l->end_ns)
		accept_late(l);
	else if (l->accept_ready && l->listener >= 0)
		ret = accept_told(l);
	begin_late(l);
	/* Completions are no readiness: each has brought something. */
	if (l->told && !l->useful && !l->backend->read)
		osc_event_count(l, OSC_ACCOUNT_WAITS_USELESS, 1);
	return ret ? ret : update_listener(l);
}

int osc_event_watch_special(struct osc_event_loop *l, int fd,
			    enum osc_event_state state)
{
	if ((uint32_t)fd >= l->table_size)
		return -EMFILE;
	l->table[fd].state = (uint8_t)state;
	return l->backend->watch(l, fd, OSC_EVENT_IN, true);
}

static int set_up(struct osc_event_loop *l)
{
	sigset_t stop;
	int ret;

	l->table_size = l->server->max_connections + OTHER_DESCRIPTORS;
	/* What the kernel accepts by itself may be any descriptor. */
	if (l->backend->accept)
		l->table_size = (uint32_t)sysconf(_SC_OPEN_MAX);
	l->table = osc_reserve(l->table_size * sizeof(*l->table));
	if (!l->table)
		return -ENOMEM;
	if (l->backend->edge) {
		/* Twice: a descriptor may be closed and used again meanwhile. */
		l->pending =
			osc_reserve(2 * l->table_size * sizeof(*l->pending));
		if (!l->pending)
			return -ENOMEM;
	}
	ret = osc_timers_init(&l->timers, l->table_size);
	if (!ret)
		ret = osc_accepted_open(&l->late,
					(size_t)sysconf(_SC_OPEN_MAX));
	if (ret)
		return ret;
	ret = l->backend->open(l);
	if (ret)
		return ret;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, OSC_BOARD_RETIRE);
	l->signal_fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd < 0)
		return -errno;
	l->listening = true;
	l->out.data = l->output;
	l->out.size = sizeof(l->output);
	ret = osc_event_watch_special(l, l->listener, OSC_EVENT_LISTENER);
	return ret ? ret :
		     osc_event_watch_special(l, l->signal_fd, OSC_EVENT_SIGNAL);
}

/*
 * To the allowed CPU of that rank; where there are more loops than CPUs, to one
 * that has a loop already. Where that cannot be, the scheduler finds a place.
 */
static void go_home(unsigned int rank)
{
	cpu_set_t allowed, home;
	unsigned int left;
	int cpu = 0;

	if (osc_cpus_allowed(&allowed, NULL))
		return;
	left = rank % (unsigned int)CPU_COUNT(&allowed);
	while (!CPU_ISSET(cpu, &allowed) || left--)
		cpu++;
	CPU_ZERO(&home);
	CPU_SET(cpu, &home);
	(void)sched_setaffinity(0, sizeof(home), &home);
}

/* Somebody is there who has not been answered, and there is time to. */
static bool has_work(const struct osc_event_loop *l)
{
	return (l->open || osc_accepted_left(&l->late) || l->listener >= 0) &&
	       l->now_ns < l->end_ns;
}

/* The process ends with the loop: what it holds is not given back apart. */
int osc_engine_event(struct osc_server *server, unsigned int index,
		     struct osc_server_report *report, struct osc_error *e)
{
	/* Static: one loop in a process, and too large for a stack. */
	static struct osc_event_loop loop;
	struct osc_event_loop *l = &loop;
	int ret;

	(void)report; /* the master's: what is left open is what was cut */
	if (server->config->engine->at_home)
		go_home(index);
	l->backend = server->config->engine->backend;
	l->server = server;
	l->config = server->config;
	l->listener = osc_server_listener(server, index);
	osc_server_service(server, index, true, &l->draining, &l->service);
	l->service.work_apart = l->backend->work;
	/* A ring would have a thread of the kernel pass pages on (splice). */
	if (l->backend->write)
		l->service.body_file = -1;
	ret = set_up(l);
	if (ret)
		return osc_error_set(
			e, -ret,
			"cannot set up the event loop: %s; see the "
			"limits of 'ulimit -a'",
			strerror(-ret));
	osc_server_is_set_up(server, index);
	l->now_ns = osc_clock_ns();
	while (!ret && (!l->end_ns || has_work(l)))
		ret = run_round(l);
	/* They were accepted, and are cut as those that are open. */
	osc_event_count(l, OSC_ACCOUNT_ACCEPTS, osc_accepted_left(&l->late));
	if (ret)
		return osc_error_set(e, -ret, "the event loop failed: %s",
				     strerror(-ret));
	return 0;
}
