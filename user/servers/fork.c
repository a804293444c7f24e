// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fork.c - a process per connection. The first process accepts and forks; the
 * child serves its one connection and exits. A child that dies takes nothing
 * with it but its connection, so there is no master to replace anything.
 */
#include <unistd.h>

#include "lib/error.h"
#include "servers/children.h"
#include "servers/engine.h"

struct fork_engine {
	struct osc_children children;
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
	static const struct osc_children_ops ops = {
		.active = active,
		.start = start,
		.ended = ended,
	};
	struct fork_engine f = {
		.children = { .ops = &ops, .engine = &f, .wake_fd = -1 },
	};

	return osc_children_run(&f.children, server, index, report, e);
}
