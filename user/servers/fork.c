// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fork.c - a process per connection. The first process accepts and forks; the
 * child serves its one connection and exits. A child that dies takes nothing
 * with it but its connection, so there is no master to replace anything.
 */
#include <unistd.h>

#include "lib/error.h"
#include "servers/accept.h"
#include "servers/children.h"
#include "servers/engine.h"

struct fork_engine {
	struct osc_children children;
	struct osc_acceptor acceptor;
	unsigned int next_slot;
};

static void called(const struct fork_engine *f)
{
	osc_books_add(&f->children.service.books, OSC_ACCOUNT_CALLS, 1);
}

static int start(void *engine, int fd)
{
	struct fork_engine *f = engine;
	pid_t pid = osc_children_fork(&f->children);

	if (pid < 0)
		return pid;
	if (!pid) {
		osc_acceptor_leave(&f->acceptor);
		osc_child_serve(&f->children, fd, f->next_slot);
		_exit(OSC_EXIT_OK);
	}
	close(fd);
	called(f);
	f->next_slot++;
	return 0;
}

static unsigned int active(void *engine)
{
	return ((struct fork_engine *)engine)->children.active;
}

static void tend(void *engine)
{
	osc_children_reap(&((struct fork_engine *)engine)->children);
}

/* Closed is counted here, since one that was killed could not do it. */
static void ended(void *engine, unsigned int index)
{
	struct fork_engine *f = engine;

	(void)index;
	osc_books_add(&f->children.service.books, OSC_ACCOUNT_CLOSES, 1);
}

int osc_engine_fork(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e)
{
	struct fork_engine f = {
		.children = { .engine = &f, .ended = ended },
		.acceptor = {
			.server = server,
			.service = &f.children.service,
			.listener = server->listeners[0],
			.wake_fd = -1,
			.limit = server->workers,
			.stop = &osc_children_stopped,
			.engine = &f,
			.active = active,
			.start = start,
			.tend = tend,
		},
	};
	struct osc_acceptor *a = &f.acceptor;
	int ret = osc_children_set_up(&f.children, server, index, e);

	if (ret)
		return ret;
	osc_children_waiting_mask(&a->waiting_mask);
	ret = osc_acceptor_run(a, e);
	osc_children_drain(&f.children, a, NULL, report);
	osc_children_destroy(&f.children);
	return ret;
}
