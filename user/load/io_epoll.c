// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io_epoll.c - the engine on epoll: a connection is registered once,
 * edge-triggered for everything, so each answer costs one receive and each
 * request one send and nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/clock.h"
#include "load/loop.h"

#define EVENTS 256
#define WAKE UINT32_MAX
#define BUFFER_BYTES (64u << 10)

struct poller {
	int epoll;
	size_t received; /* in this round */
	struct epoll_event events[EVENTS];
	char buffer[BUFFER_BYTES];
};

static void shut_down(struct osc_loop *loop)
{
	struct poller *d = loop->io_data;

	if (d && d->epoll >= 0)
		close(d->epoll);
	free(d);
	loop->io_data = NULL;
}

static int set_up(struct osc_loop *loop, struct osc_error *e)
{
	struct poller *d = calloc(1, sizeof(*d));

	loop->io_data = d;
	if (d)
		d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d && d->epoll >= 0)
		return 0;
	return osc_error_set(e, errno, "cannot set up an event loop: %s",
			     strerror(errno));
}

static int begin(struct osc_loop *loop)
{
	const struct poller *d = loop->io_data;
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = WAKE };

	return epoll_ctl(d->epoll, EPOLL_CTL_ADD, loop->wake, &event) ? -errno :
									0;
}

/* EPOLL_CTL_MOD brings the event again if there is data to read. */
static int watch(const struct osc_loop *loop,
		 const struct osc_load_connection *c, int operation)
{
	const struct poller *d = loop->io_data;
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u32 = (uint32_t)(c - loop->connections),
	};

	return epoll_ctl(d->epoll, operation, c->fd, &event) ? -errno : 0;
}

static int connect_to(struct osc_loop *loop, struct osc_load_connection *c,
		      const struct sockaddr *to, socklen_t length)
{
	if (connect(c->fd, to, length) && errno != EINPROGRESS)
		return -errno;
	return watch(loop, c, EPOLL_CTL_ADD);
}

static ssize_t send_parts(int fd, struct iovec *iov, unsigned int n)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };

	/* Nearly always one, and this is the cheaper call. */
	if (n == 1)
		return send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void send_now(struct osc_loop *loop, struct osc_load_connection *c,
		     uint64_t now)
{
	struct iovec iov[2];
	unsigned int parts;

	while ((parts = osc_connection_output(loop, c, iov, now))) {
		ssize_t n = send_parts(c->fd, iov, parts);

		if (n > 0) {
			osc_connection_wrote(loop, c, (size_t)n);
		} else if (errno == EAGAIN) {
			return; /* an event says when there is room */
		} else if (errno != EINTR) {
			osc_connection_broken(loop, c, OSC_LOAD_WRITE, errno,
					      osc_clock_ns());
			return;
		}
	}
}

/* The rest is received in the next round. */
static void receive_later(struct osc_loop *loop, struct osc_load_connection *c)
{
	int ret = watch(loop, c, EPOLL_CTL_MOD);

	if (ret)
		osc_connection_broken(loop, c, OSC_LOAD_READ, -ret,
				      osc_clock_ns());
}

static void receive(struct osc_loop *loop, struct osc_load_connection *c,
		    bool hung_up)
{
	struct poller *d = loop->io_data;

	while (d->received < OSC_ROUND_BYTES) {
		ssize_t n = recv(c->fd, d->buffer, BUFFER_BYTES, 0);
		uint64_t now;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		now = osc_clock_ns();
		if (n < 0)
			osc_connection_broken(loop, c, OSC_LOAD_READ, errno,
					      now);
		else if (!n)
			osc_connection_ended(loop, c, now);
		if (n <= 0 || !osc_connection_received(loop, c, d->buffer,
						       (size_t)n, now))
			return;
		/* Less than asked for: that was all, unless the end follows. */
		if (!hung_up && (size_t)n < BUFFER_BYTES)
			return;
		d->received += (size_t)n;
	}
	receive_later(loop, c);
}

/* Why a connection attempt failed. */
static int socket_error(int fd)
{
	socklen_t length = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length))
		return errno;
	return err ? err : ECONNABORTED;
}

static void on_event(struct osc_loop *loop, struct osc_load_connection *c,
		     uint32_t events)
{
	/* Closed since, while this batch of events was worked on. */
	if (c->fd < 0)
		return;
	if (c->state == OSC_LOAD_CONNECTING) {
		uint64_t now = osc_clock_ns();

		if (events & EPOLLERR) {
			osc_connection_refused(loop, c, socket_error(c->fd),
					       now);
			return;
		}
		if (!(events & (EPOLLOUT | EPOLLIN | EPOLLHUP)))
			return;
		osc_connection_connected(loop, c, now);
	} else if (events & EPOLLOUT && osc_connection_unsent(loop, c)) {
		send_now(loop, c, osc_clock_ns());
	}
	if (c->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		receive(loop, c, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
}

static int wait_for_events(struct osc_loop *loop, uint64_t now, uint64_t until)
{
	struct poller *d = loop->io_data;
	struct timespec ts = osc_loop_time_left(now, until);
	int n = epoll_pwait2(d->epoll, d->events, EVENTS,
			     until == UINT64_MAX ? NULL : &ts, NULL);

	int err = n < 0 ? errno : 0;

	osc_loop_woke(loop, until);
	if (err)
		return err == EINTR ? 0 : -err;
	d->received = 0;
	for (int i = 0; i < n; i++) {
		uint32_t of = d->events[i].data.u32;

		if (of == WAKE)
			continue;
		on_event(loop, &loop->connections[of], d->events[i].events);
		osc_loop_dispatch(loop);
	}
	return 0;
}

const struct osc_load_io osc_load_io_epoll = {
	.open = set_up,
	.begin = begin,
	.close = shut_down,
	.connect = connect_to,
	.send = send_now,
	.wait = wait_for_events,
};
