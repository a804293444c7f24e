// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/books.h"
#include "lib/procfs.h"

#define KIB 1024ull

/* Where a task's stack has grown to. */
struct pointer {
	pid_t pid;
	uint64_t at;
};

struct pointers {
	struct pointer *p;
	size_t n, room;
};

static int append(struct pointers *all, pid_t pid, uint64_t at)
{
	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct pointer *more =
			reallocarray(all->p, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->p = more;
		all->room = room;
	}
	all->p[all->n++] = (struct pointer){ pid, at };
	return 0;
}

/* "NUMBER ARGUMENT… SP PC"; outside of a system call "-1 SP PC" */
static int parse_pointer(const char *text, uint64_t *at)
{
	const char *pc = strrchr(text, ' '), *sp = pc;

	if (!strncmp(text, "running", 7))
		return -EAGAIN;
	while (sp && sp > text && sp[-1] != ' ')
		sp--;
	return sp && sscanf(sp, "%" SCNx64, at) == 1 ? 0 : -EPROTO;
}

static int add_task(pid_t pid, pid_t tid, void *pointers)
{
	char path[64], *text;
	uint64_t at;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid,
		 (int)tid);
	ret = osc_procfs_slurp(path, &text);
	if (ret)
		return ret;
	ret = parse_pointer(text, &at);
	free(text);
	/* One that has ended has none, nor has a worker of io_uring. */
	return ret || !at ? ret : append(pointers, pid, at);
}

static int by_process_and_place(const void *a, const void *b)
{
	const struct pointer *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/*
 * smaps lists mappings by their place, as the n pointers into them are sorted:
 * "START-END …", and below it what is known of it, "Pss: N kB" among it.
 */
static uint64_t pss_of_pointed(const char *smaps, const struct pointer *p,
			       size_t n)
{
	const char *line = smaps;
	uint64_t bytes = 0, start, end, kib;
	bool pointed = false;

	while (line && *line) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2) {
			for (; n && p->at < start; n--)
				p++;
			pointed = n && p->at < end;
		} else if (pointed &&
			   sscanf(line, "Pss: %" SCNu64 " kB", &kib) == 1) {
			bytes += kib * KIB;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return bytes;
}

static int add_process(const struct pointer *p, size_t n, uint64_t *bytes)
{
	char path[40], *text;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)p->pid);
	ret = osc_procfs_slurp(path, &text);
	if (ret)
		return ret;
	*bytes += pss_of_pointed(text, p, n);
	free(text);
	return 0;
}

int osc_stacks_read(pid_t pid, uint64_t *bytes)
{
	struct pointers all = { 0 };
	const struct osc_tree_visitor v = { NULL, add_task, &all };
	int ret = osc_tree_walk(pid, &v);

	*bytes = 0;
	if (!ret && all.n)
		qsort(all.p, all.n, sizeof(*all.p), by_process_and_place);
	for (size_t i = 0, n; !ret && i < all.n; i += n) {
		for (n = 1; i + n < all.n && all.p[i + n].pid == all.p[i].pid;)
			n++;
		ret = add_process(&all.p[i], n, bytes);
	}
	free(all.p);
	return ret;
}
