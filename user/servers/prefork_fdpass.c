// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prefork_fdpass.c - the first process accepts, and passes each descriptor to a
 * child that is idle (SCM_RIGHTS). Nobody else waits for the listener, and the
 * first process knows who is busy. Children stay; where none is idle another one
 * is forked, up to the limit, before the next connection is accepted.
 *
 * W. R. Stevens, UNIX Network Programming, volume 1: "TCP Preforked Server,
 * Descriptor Passing".
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/reserve.h"
#include "servers/children.h"
#include "servers/engine.h"

/* A cache line: one child writes it, the first process reads it. */
struct cell {
	_Alignas(64) atomic_bool busy;
};

struct worker {
	int socket; /* our end … */
	int theirs; /* … and the child's, for what it dies without taking */
	struct cell *cell;
};

/* What children and the first process share. */
struct shared {
	/* Wants to be told of the next child that is idle. */
	_Alignas(64) atomic_bool waiting;
	struct cell cell[];
};

struct fdpass {
	struct osc_children children;
	struct shared *shared;
	struct worker *worker; /* as children.pid */
	struct cell **spare; /* nobody's cells */
	unsigned int nr_spare;
	unsigned int next; /* where to look for an idle one */
};

static void called(const struct fdpass *p, uint64_t times)
{
	osc_books_add(&p->children.service.books, OSC_ACCOUNT_CALLS, times);
}

/* --- passing */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int pass(int socket, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union control control = {
		.header = {
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)),
		},
	};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/*
 * A descriptor; -EAGAIN: a signal has come, or there is none now; -EPIPE: there
 * will be none.
 */
static int receive(int socket, int flags)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union control control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	int fd;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	/* Without descriptors left here, the kernel has closed it. */
	if (!n || message.msg_flags & MSG_CTRUNC || !CMSG_FIRSTHDR(&message))
		return n ? -EMFILE : -EPIPE;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* --- in the child */

static void tell_idle(struct fdpass *p, struct cell *cell)
{
	static const uint64_t one = 1;

	atomic_store(&cell->busy, false);
	if (!atomic_exchange(&p->shared->waiting, false))
		return;
	called(p, 1);
	/* Cannot fail: as many as there are children do not reach 2^64. */
	if (write(p->children.wake_fd, &one, sizeof(one)) < 0)
		_exit(OSC_EXIT_FAILED);
}

/* Until the first process has closed its end, and nothing is left in ours. */
static void __attribute__((noreturn))
be_child(struct fdpass *p, int socket, struct cell *cell)
{
	unsigned int slot = (unsigned int)(cell - p->shared->cell);
	int fd;

	while ((fd = receive(socket, 0)) != -EPIPE) {
		if (fd == -EAGAIN)
			continue;
		if (fd < 0)
			_exit(OSC_EXIT_FAILED);
		osc_child_serve(&p->children, fd, slot);
		close(fd);
		/* That, and what it was received by. */
		called(p, 2);
		osc_books_add(&p->children.service.books, OSC_ACCOUNT_CLOSES,
			      1);
		tell_idle(p, cell);
	}
	_exit(OSC_EXIT_OK);
}

/* --- in the first process */

/* A child's two descriptors, and one is left for the connection to come. */
static int make_ends(int ends[2])
{
	int spare, err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	spare = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
	if (spare >= 0) {
		close(spare);
		return 0;
	}
	err = errno;
	close(ends[0]);
	close(ends[1]);
	return -err;
}

static int add_child(struct fdpass *p)
{
	struct cell *cell = p->spare[p->nr_spare - 1];
	unsigned int index = p->children.active;
	int ends[2], ret = make_ends(ends);
	pid_t pid;

	if (ret)
		return ret;
	pid = osc_children_fork(&p->children);
	if (!pid) {
		for (unsigned int i = 0; i < index; i++) {
			close(p->worker[i].socket);
			close(p->worker[i].theirs);
		}
		close(ends[0]);
		be_child(p, ends[1], cell);
	}
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return pid;
	}
	p->nr_spare--;
	p->worker[index] = (struct worker){ .socket = ends[0],
					    .theirs = ends[1],
					    .cell = cell };
	return 0;
}

/* The index of an idle child, or how many there are. */
static unsigned int find_idle(struct fdpass *p)
{
	unsigned int n = p->children.active;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = (p->next + i) % n;

		if (!atomic_load(&p->worker[at].cell->busy)) {
			p->next = at;
			return at;
		}
	}
	return n;
}

static bool all_busy(struct fdpass *p)
{
	return find_idle(p) == p->children.active;
}

/*
 * One is idle before anything is accepted. Where there can be no more of them,
 * the next that is idle tells.
 */
static unsigned int active(void *engine)
{
	struct fdpass *p = engine;
	unsigned int limit = p->children.server->workers;

	if (!all_busy(p))
		return 0;
	if (p->children.active < limit && !add_child(p))
		return 0;
	/* Then whoever comes is told that nobody can be had. */
	if (!p->children.active)
		return 0;
	atomic_store(&p->shared->waiting, true);
	return all_busy(p) ? limit : 0;
}

static int start(void *engine, int fd)
{
	struct fdpass *p = engine;
	unsigned int i = find_idle(p);
	int ret;

	if (i == p->children.active)
		return -EAGAIN;
	atomic_store(&p->worker[i].cell->busy, true);
	ret = pass(p->worker[i].socket, fd);
	/* That, and the close. */
	called(p, 2);
	/* Where it is dying, ended() finds the descriptor. */
	if (ret) {
		atomic_store(&p->worker[i].cell->busy, false);
		return ret;
	}
	close(fd);
	return 0;
}

static void ended(void *engine, unsigned int index)
{
	struct fdpass *p = engine;
	struct worker *w = &p->worker[index];
	int fd = receive(w->theirs, MSG_DONTWAIT);

	close(w->socket);
	close(w->theirs);
	if (fd >= 0)
		osc_accepted_put(&p->children.acceptor.waiting, fd);
	/* It took its connection with it. */
	if (atomic_exchange(&w->cell->busy, false) && fd < 0)
		osc_books_add(&p->children.service.books, OSC_ACCOUNT_CLOSES,
			      1);
	p->spare[p->nr_spare++] = w->cell;
	*w = p->worker[p->children.active];
}

/* What was passed is served; then there is nothing more. */
static void pass_no_more(void *engine)
{
	const struct fdpass *p = engine;

	for (unsigned int i = 0; i < p->children.active; i++)
		shutdown(p->worker[i].socket, SHUT_WR);
}

/* Given back by the end of the process. */
static int set_up(struct fdpass *p, unsigned int workers)
{
	p->shared =
		mmap(NULL, sizeof(*p->shared) + workers * sizeof(struct cell),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->shared == MAP_FAILED)
		return -errno;
	p->worker = osc_reserve(workers * sizeof(*p->worker));
	p->spare = osc_reserve(workers * sizeof(*p->spare));
	if (!p->worker || !p->spare)
		return -ENOMEM;
	while (p->nr_spare < workers) {
		p->spare[p->nr_spare] =
			&p->shared->cell[workers - 1 - p->nr_spare];
		p->nr_spare++;
	}
	p->children.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->children.wake_fd < 0 ? -errno : 0;
}

int osc_engine_prefork_fdpass(struct osc_server *server, unsigned int index,
			      struct osc_server_report *report,
			      struct osc_error *e)
{
	static const struct osc_children_ops ops = {
		.active = active,
		.start = start,
		.ended = ended,
		.done = pass_no_more,
	};
	struct fdpass p = { .children = { .ops = &ops, .engine = &p } };
	int ret = set_up(&p, server->workers);

	if (ret)
		return osc_error_set(e, -ret,
				     "cannot share with %u children: %s; try "
				     "fewer --workers",
				     server->workers, strerror(-ret));
	return osc_children_run(&p.children, server, index, report, e);
}
