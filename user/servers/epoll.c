// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll.c - one loop over many connections, level-triggered. A connection is
 * registered once, when it is accepted; in steady state a request costs one
 * wait shared with others, one read and one write.
 *
 * An idle connection is a record in a table by descriptor and owns no buffer:
 * the loop has one for input and one for output, and only what is left over
 * when a connection has to wait in mid-request is copied aside.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/engine.h"
#include "servers/listen.h"
#include "servers/server.h"
#include "servers/timers.h"

#define EVENTS_MAX 512
/* A stream yields to the other connections after so much. */
#define STREAM_TURN (1 << 20)
/* Descriptors that are not connections, with room to spare. */
#define OTHER_DESCRIPTORS 1024

#define TAG_LISTENER UINT64_MAX
#define TAG_SIGNAL (UINT64_MAX - 1)

enum state { FREE, READING, WRITING, SLEEPING, LINGERING };

/* What a connection keeps while it waits in the middle of something. */
struct kept {
	struct osc_exchange exchange;
	uint64_t progress; /* bytes taken since the write deadline was set */
	uint32_t in_len;
	uint32_t out_len;
	uint32_t out_at;
	char data[]; /* output, then input */
};

struct connection {
	uint64_t deadline_ns; /* moved with each request, at no cost */
	uint64_t due_ns; /* when the timer looks at deadline_ns; <= it */
	struct kept *kept;
	uint32_t interest; /* EPOLLIN, EPOLLOUT or 0, as registered */
	uint8_t state;
};

/* With its timer's 16 + 4 bytes, all the memory of an idle connection. */
_Static_assert(sizeof(struct connection) == 32, "two to a cache line");
_Static_assert(sizeof(struct connection) + sizeof(struct osc_timer_entry) +
			       sizeof(uint32_t) <=
		       128,
	       "an idle connection owns at most 128 bytes");

struct loop {
	struct osc_server *server;
	const struct osc_server_config *config;
	struct osc_service service;
	atomic_bool draining;
	int epfd;
	int listener; /* -1: closed */
	int signal_fd;
	bool listening; /* the listener's events are asked for */
	uint64_t now_ns; /* when the last wait ended */
	uint64_t pause_until_ns; /* no accepting before; 0: no pause */
	uint64_t last_call_ns; /* then idle connections end; 0: not draining */
	uint64_t end_ns; /* then all do */
	struct connection *table; /* by descriptor */
	uint32_t table_size;
	uint32_t open;
	struct osc_timers timers;
	struct osc_output out;
	char input[OSC_SERVER_INPUT];
	char output[OSC_SERVER_OUTPUT];
};

enum written { WRITTEN, BLOCKED, BROKEN };

static void count(const struct loop *l, enum osc_account_field field,
		  uint64_t n)
{
	osc_books_add(&l->service.books, field, n);
}

static uint32_t fd_of(const struct loop *l, const struct connection *c)
{
	return (uint32_t)(c - l->table);
}

static void close_connection(struct loop *l, struct connection *c)
{
	uint32_t fd = fd_of(l, c);

	osc_timers_clear(&l->timers, fd);
	free(c->kept);
	memset(c, 0, sizeof(*c));
	/* Also takes it out of the epoll set. */
	close((int)fd);
	l->open--;
	l->pause_until_ns = 0;
	count(l, OSC_ACCOUNT_CLOSES, 1);
}

/*
 * Mostly moves the deadline alone: the timer, set for an earlier one, finds
 * that when it fires and is set anew.
 */
static void set_deadline(struct loop *l, struct connection *c, uint64_t ns)
{
	c->deadline_ns = ns;
	if (c->due_ns && c->due_ns <= ns)
		return;
	c->due_ns = ns;
	osc_timers_set(&l->timers, fd_of(l, c), ns);
}

static bool set_interest(struct loop *l, struct connection *c,
			 uint32_t interest)
{
	struct epoll_event event = { .events = interest,
				     .data.u64 = fd_of(l, c) };

	if (c->interest == interest)
		return true;
	c->interest = interest;
	return !epoll_ctl(l->epfd, EPOLL_CTL_MOD, (int)fd_of(l, c), &event);
}

/*
 * Copies aside what the connection needs when it goes on: the exchange, the
 * input not yet used and the output not yet taken. Old contents are replaced.
 */
static bool keep(struct loop *l, struct connection *c,
		 const struct osc_exchange *x, const char *in, size_t in_len)
{
	struct kept *k = malloc(sizeof(*k) + l->out.len + in_len);

	if (!k)
		return false;
	k->exchange = *x;
	k->progress = 0;
	k->in_len = (uint32_t)in_len;
	k->out_len = (uint32_t)l->out.len;
	k->out_at = 0;
	memcpy(k->data, l->out.data, l->out.len);
	memcpy(k->data + l->out.len, in, in_len);
	free(c->kept);
	c->kept = k;
	l->out.len = 0;
	return true;
}

/* Puts kept input back to the front of the loop's buffer. */
static size_t restore(struct loop *l, const struct connection *c,
		      struct osc_exchange *x)
{
	const struct kept *k = c->kept;

	if (!k) {
		memset(x, 0, sizeof(*x));
		return 0;
	}
	*x = k->exchange;
	memcpy(l->input, k->data + k->out_len, k->in_len);
	return k->in_len;
}

/* Writes the loop's output; what the socket does not take stays in it. */
static enum written flush(struct loop *l, struct connection *c)
{
	ssize_t n;

	if (!l->out.len)
		return WRITTEN;
	n = write((int)fd_of(l, c), l->out.data, l->out.len);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return BLOCKED;
		l->out.len = 0;
		return BROKEN;
	}
	count(l, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
	l->out.len -= (size_t)n;
	if (!l->out.len)
		return WRITTEN;
	memmove(l->out.data, l->out.data + n, l->out.len);
	return BLOCKED;
}

/* Writes the body of /bytes/N as far as it goes, *bytes in all. */
static enum written stream(struct loop *l, struct connection *c,
			   struct osc_exchange *x, uint64_t *bytes)
{
	struct iovec iov[OSC_RESPONSE_IOV];

	*bytes = 0;
	while (x->stream_left && *bytes < STREAM_TURN) {
		int nr = osc_response_pattern(iov, x->route.n, x->stream_left);
		ssize_t n = writev((int)fd_of(l, c), iov, nr);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? BLOCKED :
								   BROKEN;
		count(l, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
		x->stream_left -= (uint64_t)n;
		*bytes += (uint64_t)n;
	}
	return x->stream_left ? BLOCKED : WRITTEN;
}

/*
 * Waits for the socket to take more. The deadline moves only when a good piece
 * was taken, so that a client cannot buy time byte by byte.
 */
static void wait_writable(struct loop *l, struct connection *c,
			  const struct osc_exchange *x, const char *in,
			  size_t in_len, uint64_t progress)
{
	bool anew = c->state != WRITING;

	if (!anew)
		progress += c->kept->progress;
	if (!keep(l, c, x, in, in_len) || !set_interest(l, c, EPOLLOUT)) {
		close_connection(l, c);
		return;
	}
	c->state = WRITING;
	if (anew || progress >= OSC_SERVER_PROGRESS)
		set_deadline(l, c, l->now_ns + l->config->write_timeout_ns);
	else
		c->kept->progress = progress;
}

static void wait_readable(struct loop *l, struct connection *c,
			  const struct osc_exchange *x, const char *in,
			  size_t in_len)
{
	/* A request that was being read already keeps its deadline. */
	bool anew = c->state != READING || !c->kept || x->renewed;

	if (in_len || !osc_exchange_is_idle(x)) {
		if (!keep(l, c, x, in, in_len)) {
			close_connection(l, c);
			return;
		}
		if (anew)
			set_deadline(l, c,
				     l->now_ns + l->config->header_timeout_ns);
	} else {
		free(c->kept);
		c->kept = NULL;
		set_deadline(l, c, l->now_ns + l->config->idle_timeout_ns);
	}
	c->state = READING;
	if (!set_interest(l, c, EPOLLIN))
		close_connection(l, c);
}

static void begin_sleep(struct loop *l, struct connection *c,
			const struct osc_exchange *x, const char *in,
			size_t in_len)
{
	if (!keep(l, c, x, in, in_len)) {
		close_connection(l, c);
		return;
	}
	c->state = SLEEPING;
	set_deadline(l, c, osc_clock_ns() + x->route.n * OSC_NS_PER_US);
}

/* As in blocking.c: unread input must not destroy the last answer. */
static void begin_linger(struct loop *l, struct connection *c)
{
	shutdown((int)fd_of(l, c), SHUT_WR);
	free(c->kept);
	c->kept = NULL;
	c->state = LINGERING;
	set_deadline(l, c, l->now_ns + OSC_SERVER_LINGER_NS);
	if (!set_interest(l, c, EPOLLIN))
		close_connection(l, c);
}

/* Runs the exchange over l->input[0..have) until the connection must wait. */
static void drive(struct loop *l, struct connection *c, struct osc_exchange *x,
		  size_t have)
{
	const char *in = l->input;
	enum written written = WRITTEN;
	enum osc_next next;
	uint64_t progress = 0;
	size_t used;

	for (;;) {
		next = osc_exchange_run(x, &l->service, in, have, &used,
					&l->out);
		in += used;
		have -= used;
		written = flush(l, c);
		if (written == WRITTEN && next == OSC_NEXT_STREAM)
			written = stream(l, c, x, &progress);
		if (written == BROKEN) {
			close_connection(l, c);
			return;
		}
		if (written == BLOCKED) {
			wait_writable(l, c, x, in, have, progress);
			return;
		}
		switch (next) {
		case OSC_NEXT_READ:
			wait_readable(l, c, x, in, have);
			return;
		case OSC_NEXT_SLEEP:
			begin_sleep(l, c, x, in, have);
			return;
		case OSC_NEXT_CLOSE:
			close_connection(l, c);
			return;
		case OSC_NEXT_LINGER:
			begin_linger(l, c);
			return;
		case OSC_NEXT_WRITE:
		case OSC_NEXT_STREAM:
			break;
		}
	}
}

static void on_readable(struct loop *l, struct connection *c)
{
	struct osc_exchange x;
	size_t have = restore(l, c, &x);
	ssize_t n = read((int)fd_of(l, c), l->input + have,
			 sizeof(l->input) - have);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_connection(l, c);
		return;
	}
	count(l, OSC_ACCOUNT_BYTES_IN, (uint64_t)n);
	drive(l, c, &x, have + (size_t)n);
}

static void on_writable(struct loop *l, struct connection *c)
{
	struct kept *k = c->kept;
	struct osc_exchange x;
	size_t have;

	if (k->out_at < k->out_len) {
		ssize_t n = write((int)fd_of(l, c), k->data + k->out_at,
				  k->out_len - k->out_at);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				close_connection(l, c);
			return;
		}
		count(l, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
		k->out_at += (uint32_t)n;
		/* At most OSC_SERVER_OUTPUT, within one write timeout. */
		if (k->out_at < k->out_len)
			return;
	}
	have = restore(l, c, &x);
	drive(l, c, &x, have);
}

static void on_lingering(struct loop *l, struct connection *c)
{
	ssize_t n = read((int)fd_of(l, c), l->input, sizeof(l->input));

	if (n > 0)
		count(l, OSC_ACCOUNT_BYTES_IN, (uint64_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_connection(l, c);
}

static void on_event(struct loop *l, struct connection *c, uint32_t events)
{
	switch (c->state) {
	case READING:
		on_readable(l, c);
		break;
	case WRITING:
		on_writable(l, c);
		break;
	case LINGERING:
		on_lingering(l, c);
		break;
	case SLEEPING:
		/* Level-triggered input would wake us again and again. */
		if (events & (EPOLLERR | EPOLLHUP) || !set_interest(l, c, 0))
			close_connection(l, c);
		break;
	case FREE:
		break;
	}
}

static void on_deadline(struct loop *l, struct connection *c)
{
	struct osc_exchange x;
	size_t have;

	if (c->state == SLEEPING) {
		have = restore(l, c, &x);
		x.slept = true;
		drive(l, c, &x, have);
		return;
	}
	if (c->state != LINGERING)
		count(l, OSC_ACCOUNT_TIMEOUTS, 1);
	if (c->state != READING || !c->kept) {
		close_connection(l, c);
		return;
	}
	osc_exchange_timeout(&l->service, &l->out);
	if (flush(l, c) == WRITTEN) {
		begin_linger(l, c);
	} else {
		l->out.len = 0;
		close_connection(l, c);
	}
}

static void run_timers(struct loop *l)
{
	const struct osc_timer_entry *first;

	while ((first = osc_timers_first(&l->timers)) &&
	       first->due_ns <= l->now_ns) {
		struct connection *c = &l->table[first->id];

		if (c->deadline_ns > l->now_ns) {
			c->due_ns = c->deadline_ns;
			osc_timers_set(&l->timers, first->id, c->due_ns);
		} else {
			/* Makes the next set_deadline set the timer. */
			osc_timers_clear(&l->timers, first->id);
			c->due_ns = 0;
			on_deadline(l, c);
		}
	}
}

static void add_connection(struct loop *l, int fd)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.u64 = (uint64_t)fd };
	struct connection *c;

	count(l, OSC_ACCOUNT_ACCEPTS, 1);
	if ((uint32_t)fd >= l->table_size ||
	    epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &event)) {
		close(fd);
		count(l, OSC_ACCOUNT_CLOSES, 1);
		count(l, OSC_ACCOUNT_REFUSED, 1);
		return;
	}
	l->open++;
	c = &l->table[fd];
	c->state = READING;
	c->interest = EPOLLIN;
	set_deadline(l, c, l->now_ns + l->config->idle_timeout_ns);
}

/* Asks for the listener's events, or not, as room and pause have it. */
static int update_listener(struct loop *l)
{
	bool want = l->open < l->server->max_connections &&
		    l->pause_until_ns <= l->now_ns;
	struct epoll_event event = { .events = want ? EPOLLIN : 0,
				     .data.u64 = TAG_LISTENER };

	if (l->listener < 0 || want == l->listening)
		return 0;
	l->listening = want;
	l->pause_until_ns = want ? 0 : l->pause_until_ns;
	if (!want)
		count(l, OSC_ACCOUNT_ACCEPT_PAUSES, 1);
	return epoll_ctl(l->epfd, EPOLL_CTL_MOD, l->listener, &event) ? -errno :
									0;
}

static int accept_all(struct loop *l)
{
	while (l->open < l->server->max_connections) {
		int fd = osc_listen_accept(l->listener, SOCK_NONBLOCK);

		if (fd == -EAGAIN)
			return 0;
		if (fd == -EMFILE) {
			l->pause_until_ns =
				l->now_ns + OSC_SERVER_PAUSE_MS * OSC_NS_PER_MS;
			return 0;
		}
		if (fd < 0)
			return fd;
		add_connection(l, fd);
	}
	return 0;
}

/* Takes what is connected by now; closing the listener would reset it. */
static void begin_drain(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) > 0)
		;
	if (l->last_call_ns)
		return;
	atomic_store(&l->draining, true);
	l->last_call_ns = l->now_ns + OSC_SERVER_LAST_CALL_NS;
	l->end_ns = l->now_ns + l->config->grace_ns;
	accept_all(l);
	close(l->listener);
	l->listener = -1;
}

/* A request that has come in time is answered; whoever is silent is closed. */
static void close_idle(struct loop *l)
{
	for (uint32_t fd = 0; fd < l->table_size && l->open; fd++) {
		struct connection *c = &l->table[fd];

		if (c->state != READING || c->kept)
			continue;
		on_readable(l, c);
		if (c->state == READING && !c->kept)
			close_connection(l, c);
	}
	l->last_call_ns = l->end_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a && a < b ? a : b;
}

static int wait_events(struct loop *l, struct epoll_event *events)
{
	const struct osc_timer_entry *first = osc_timers_first(&l->timers);
	uint64_t until = first ? first->due_ns : UINT64_MAX;
	struct timespec timeout;
	uint64_t left;
	int nr;

	until = earlier(l->pause_until_ns, until);
	until = earlier(l->last_call_ns, until);
	until = earlier(l->end_ns, until);
	left = until > l->now_ns ? until - l->now_ns : 1;
	timeout.tv_sec = (time_t)(left / OSC_NS_PER_S);
	timeout.tv_nsec = (long)(left % OSC_NS_PER_S);
	nr = epoll_pwait2(l->epfd, events, EVENTS_MAX,
			  until == UINT64_MAX ? NULL : &timeout, NULL);
	if (nr < 0 && errno == ENOSYS)
		nr = epoll_wait(l->epfd, events, EVENTS_MAX,
				until == UINT64_MAX ?
					-1 :
					(int)(left / OSC_NS_PER_MS) + 1);
	count(l, OSC_ACCOUNT_EPOLL_WAITS, 1);
	count(l, OSC_ACCOUNT_EPOLL_BLOCKED, 1);
	if (nr > 0)
		count(l, OSC_ACCOUNT_EPOLL_EVENTS, (uint64_t)nr);
	return nr < 0 && errno == EINTR ? 0 : nr;
}

/*
 * One round. The listener and the signal come last: until then no descriptor
 * of this batch can have been given to a new connection.
 */
static int round_of_events(struct loop *l)
{
	struct epoll_event events[EVENTS_MAX];
	bool stop = false, ready = false;
	int nr = wait_events(l, events);
	int ret = 0;

	if (nr < 0)
		return -errno;
	l->now_ns = osc_clock_ns();
	for (int i = 0; i < nr; i++) {
		if (events[i].data.u64 == TAG_LISTENER)
			ready = true;
		else if (events[i].data.u64 == TAG_SIGNAL)
			stop = true;
		else
			on_event(l, &l->table[events[i].data.u64],
				 events[i].events);
	}
	run_timers(l);
	if (stop)
		begin_drain(l);
	else if (ready && l->listener >= 0)
		ret = accept_all(l);
	return ret ? ret : update_listener(l);
}

static int run(struct loop *l)
{
	int ret = 0;

	l->now_ns = osc_clock_ns();
	while (!ret && (!l->end_ns || (l->open && l->now_ns < l->end_ns))) {
		ret = round_of_events(l);
		if (l->last_call_ns && l->last_call_ns < l->end_ns &&
		    l->now_ns >= l->last_call_ns)
			close_idle(l);
	}
	return ret;
}

static int add_special(struct loop *l, int fd, uint64_t tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int set_up(struct loop *l)
{
	sigset_t stop;
	int ret;

	l->table_size = l->server->max_connections + OTHER_DESCRIPTORS;
	l->table = mmap(NULL, l->table_size * sizeof(*l->table),
			PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l->table == MAP_FAILED)
		return -errno;
	ret = osc_timers_init(&l->timers, l->table_size);
	if (ret)
		return ret;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->signal_fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->epfd < 0 || l->signal_fd < 0)
		return -errno;
	l->listening = true;
	l->out.data = l->output;
	l->out.size = sizeof(l->output);
	ret = add_special(l, l->listener, TAG_LISTENER);
	return ret ? ret : add_special(l, l->signal_fd, TAG_SIGNAL);
}

int osc_engine_epoll(struct osc_server *server, unsigned int index,
		     struct osc_server_report *report, struct osc_error *e)
{
	/* Static: one loop in a process, and too large for a stack. */
	static struct loop l;
	int ret;

	(void)report; /* the master's: what is left open is what was cut */
	l.server = server;
	l.config = server->config;
	l.listener = server->listeners[index];
	osc_server_service(server, index, true, &l.draining, &l.service);
	ret = set_up(&l);
	if (ret)
		return osc_error_set(e, -ret,
				     "cannot set up the event loop: %s",
				     strerror(-ret));
	ret = run(&l);
	if (ret)
		return osc_error_set(e, -ret, "the event loop failed: %s",
				     strerror(-ret));
	return 0;
}
