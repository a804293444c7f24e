// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/accept.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/listen.h"

static void count(const struct osc_acceptor *a, enum osc_account_field field)
{
	osc_books_add(&a->service->books, field, 1);
}

void osc_accept_refuse(struct osc_service *service, int fd)
{
	char text[OSC_RESPONSE_MAX];
	struct osc_output out = { .data = text, .size = sizeof(text) };
	ssize_t n;

	osc_exchange_refuse(NULL, service, &out);
	n = send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	osc_books_add(&service->books, OSC_ACCOUNT_WRITES, 1);
	if (n > 0)
		osc_books_add(&service->books, OSC_ACCOUNT_BYTES_OUT,
			      (uint64_t)n);
	/* Unread input would cause a reset; there is nobody to wait for more. */
	n = recv(fd, NULL, OSC_SERVER_INPUT, MSG_DONTWAIT | MSG_TRUNC);
	osc_books_add(&service->books, OSC_ACCOUNT_READS, 1);
	if (n < 0)
		osc_books_add(&service->books, OSC_ACCOUNT_READS_EMPTY, 1);
	else
		osc_books_add(&service->books, OSC_ACCOUNT_BYTES_IN,
			      (uint64_t)n);
	close(fd);
	osc_books_add(&service->books, OSC_ACCOUNT_CALLS, 1);
	osc_books_add(&service->books, OSC_ACCOUNT_CLOSES, 1);
}

static int accept_one(struct osc_acceptor *a)
{
	int fd = osc_listen_accept(a->listener, 0);

	count(a, OSC_ACCOUNT_CALLS);
	if (fd >= 0)
		count(a, OSC_ACCOUNT_ACCEPTS);
	return fd;
}

/* 0, or -EMFILE where it had to be refused. */
static int start(struct osc_acceptor *a, int fd)
{
	if (!a->start(a->engine, fd))
		return 0;
	osc_accept_refuse(a->service, fd);
	return -EMFILE;
}

/* 0: the backlog is empty or the limit is reached; -EMFILE: pause. */
static int accept_all(struct osc_acceptor *a)
{
	int ret = 0;

	while (!ret && a->active(a->engine) < a->limit) {
		int fd = osc_accepted_left(&a->waiting) ?
				 osc_accepted_take(&a->waiting) :
				 accept_one(a);

		if (fd == -EAGAIN)
			return 0;
		ret = fd < 0 ? fd : start(a, fd);
	}
	return ret;
}

static void accept_late(struct osc_acceptor *a)
{
	int fd;

	if (a->listener < 0)
		return;
	while ((fd = accept_one(a)) >= 0)
		osc_accepted_put(&a->waiting, fd);
	/* For some there is no descriptor yet. */
	if (fd == -EMFILE)
		return;
	close(a->listener);
	a->listener = -1;
}

bool osc_acceptor_finish(struct osc_acceptor *a)
{
	accept_late(a);
	while (osc_accepted_left(&a->waiting) &&
	       a->active(a->engine) < a->limit)
		(void)start(a, osc_accepted_take(&a->waiting));
	return osc_accepted_left(&a->waiting) || a->listener >= 0;
}

void osc_acceptor_leave(struct osc_acceptor *a)
{
	if (a->listener >= 0) {
		close(a->listener);
		count(a, OSC_ACCOUNT_CALLS);
	}
	while (osc_accepted_left(&a->waiting)) {
		close(osc_accepted_take(&a->waiting));
		count(a, OSC_ACCOUNT_CALLS);
	}
}

static void wait_for_work(struct osc_acceptor *a, bool accepting,
			  uint64_t pause_until)
{
	struct pollfd pfd[2] = {
		{ .fd = accepting ? a->listener : -1, .events = POLLIN },
		{ .fd = a->wake_fd, .events = POLLIN },
	};
	struct timespec timeout;
	uint64_t now = pause_until ? osc_clock_ns() : 0;
	uint64_t left = pause_until > now ? pause_until - now : 0;
	uint64_t ended;

	timeout.tv_sec = (time_t)(left / OSC_NS_PER_S);
	timeout.tv_nsec = (long)(left % OSC_NS_PER_S);
	/* Interrupted or timed out: the caller looks at everything anyway. */
	pfd[0].revents = pfd[1].revents = 0;
	ppoll(pfd, 2, pause_until ? &timeout : NULL, &a->waiting_mask);
	count(a, OSC_ACCOUNT_CALLS);
	if (pfd[1].revents & POLLIN) {
		count(a, OSC_ACCOUNT_CALLS);
		/* Told once, whatever it holds. */
		(void)!read(a->wake_fd, &ended, sizeof(ended));
	}
	/* Nobody else accepts: there is one. */
	if (pfd[0].revents & POLLIN)
		count(a, OSC_ACCOUNT_ACCEPT_WAKES);
}

/* Then there is nothing to finish. */
static int give_up(struct osc_acceptor *a, const char *what, int ret,
		   struct osc_error *e)
{
	close(a->listener);
	a->listener = -1;
	return osc_error_set(e, -ret, "cannot %s: %s", what, strerror(-ret));
}

int osc_acceptor_run(struct osc_acceptor *a, struct osc_error *e)
{
	uint64_t pause_until = 0;
	bool was_full = false;
	int ret = osc_accepted_open(&a->waiting, (size_t)sysconf(_SC_OPEN_MAX));

	if (ret)
		return give_up(a, "set up a listener", ret, e);
	while (!*a->stop) {
		bool full = a->active(a->engine) >= a->limit;

		if (full && !was_full)
			count(a, OSC_ACCOUNT_ACCEPT_PAUSES);
		was_full = full;
		wait_for_work(a, !full && !pause_until, pause_until);
		a->tend(a->engine);
		if (pause_until && osc_clock_ns() < pause_until)
			continue;
		pause_until = 0;
		ret = accept_all(a);
		if (ret == -EMFILE) {
			count(a, OSC_ACCOUNT_ACCEPT_PAUSES);
			pause_until = osc_clock_ns() +
				      OSC_SERVER_PAUSE_MS * OSC_NS_PER_MS;
		} else if (ret) {
			return give_up(a, "accept connections", ret, e);
		}
	}
	return 0;
}
