// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fork.c - a process per connection. The first process accepts and forks; the
 * child serves its one connection and exits. A child that dies takes nothing
 * with it but its connection, so there is no master to replace anything.
 */
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/error.h"
#include "servers/children.h"
#include "servers/engine.h"

/* On the page that a child has to touch anyway: the first one's books. */
#define SLOTS (4096 / sizeof(struct osc_account_slot))

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
		osc_child_serve(&f->children, fd, f->next_slot % SLOTS);
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

/*
 * What the program is linked with and no child ever calls: tables, JSON, statistics.
 * All symbols are bound when it starts, so that nothing looks there for one.
 */
static bool is_needless(const char *path)
{
	static const char *const names[] = { "/libgsl",	      "/libjansson",
					     "/libsmartcols", "/libnettle",
					     "/libmnl",	      "/liburing",
					     "/libz.",	      "/libm." };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(path, names[i]))
			return true;
	}
	return false;
}

/* Where it cannot be, forking costs more, and that is all. */
static int leave_out(struct dl_phdr_info *object, size_t size, void *unused)
{
	uintptr_t from = UINTPTR_MAX, to = 0;

	(void)size;
	(void)unused;
	if (!is_needless(object->dlpi_name))
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		uintptr_t at = object->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		from = at < from ? at : from;
		to = at + part->p_memsz > to ? at + part->p_memsz : to;
	}
	from &= -(uintptr_t)getpagesize();
	if (from < to)
		(void)madvise((void *)from, to - from, MADV_DONTFORK);
	return 0;
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

	dl_iterate_phdr(leave_out, NULL);
	return osc_children_run(&f.children, server, index, report, e);
}
