// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hold.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/books.h"
#include "daemon/stacks.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/procfs.h"

#define KIB 1024ull
/* What a turn of the loop opens or closes, before others have theirs. */
#define TURN_NS (10 * OSC_NS_PER_MS)

/* --- connections */

static int open_one(const struct addrinfo *to)
{
	int fd = socket(to->ai_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, to->ai_addr, to->ai_addrlen) && errno != EINPROGRESS) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

/* A numeric address of any family. */
static struct addrinfo *resolve(const char *address, unsigned int port)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST |
						   AI_NUMERICSERV };
	struct addrinfo *found;
	char service[12];

	snprintf(service, sizeof(service), "%u", port);
	return getaddrinfo(address, service, &want, &found) ? NULL : found;
}

int osc_hold_open(struct osc_hold *h, const char *address, unsigned int port,
		  size_t n, struct osc_error *e)
{
	int *more = reallocarray(h->fd, n, sizeof(*h->fd));
	uint64_t end = osc_clock_ns() + TURN_NS;
	struct addrinfo *to;
	int ret = 0;

	if (!more)
		return osc_error_set(e, ENOMEM, "out of memory");
	h->fd = more;
	to = resolve(address, port);
	if (!to)
		return osc_error_set(e, EADDRNOTAVAIL,
				     "cannot use the address '%s'", address);
	do {
		int fd = open_one(to);

		if (fd < 0)
			ret = osc_error_set(e, -fd, "connection %zu of %zu: %s",
					    h->n + 1, n, strerror(-fd));
		else
			h->fd[h->n++] = fd;
	} while (!ret && h->n < n && osc_clock_ns() < end);
	freeaddrinfo(to);
	return ret;
}

static void close_until(struct osc_hold *h, uint64_t end)
{
	while (h->n && osc_clock_ns() < end)
		close(h->fd[--h->n]);
	if (h->n)
		return;
	free(h->fd);
	h->fd = NULL;
}

bool osc_hold_close_some(struct osc_hold *h)
{
	close_until(h, osc_clock_ns() + TURN_NS);
	return !h->n;
}

void osc_hold_close(struct osc_hold *h)
{
	close_until(h, UINT64_MAX);
}

/* --- memory */

/* "KEY:   N kB" at the beginning of a line, in bytes. */
static int field(const char *text, const char *key, uint64_t *bytes)
{
	size_t length = strlen(key);
	const char *line = text;
	uint64_t kib;

	while (line && strncmp(line, key, length)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || sscanf(line + length, " %" SCNu64 " kB", &kib) != 1)
		return -EPROTO;
	*bytes = kib * KIB;
	return 0;
}

/* Those n fields of a file. */
static int read_fields(const char *path, const char *const *keys, size_t n,
		       uint64_t *bytes)
{
	char *text;
	int ret = osc_procfs_slurp(path, &text);

	if (ret)
		return ret;
	for (size_t i = 0; !ret && i < n; i++)
		ret = field(text, keys[i], &bytes[i]);
	free(text);
	return ret;
}

static int read_field(const char *path, const char *key, uint64_t *bytes)
{
	return read_fields(path, &key, 1, bytes);
}

static int add_process(pid_t pid, void *memory)
{
	/*
	 * Without the pages of files: the part of one that a process has changes
	 * with who else maps it, and of a connection none is.
	 */
	static const char *const keys[] = { "Pss_Anon:", "Pss_Shmem:",
					    "AnonHugePages:" };
	struct osc_memory *m = memory;
	uint64_t of[3], tables;
	char path[48];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	ret = read_fields(path, keys, 3, of);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!ret)
		ret = read_field(path, "VmPTE:", &tables);
	if (ret)
		return ret;
	m->pss += of[0] + of[1];
	m->huge += of[2];
	m->page_tables += tables;
	return 0;
}

static int add_task(pid_t pid, pid_t tid, void *memory)
{
	struct osc_memory *m = memory;

	(void)pid;
	(void)tid;
	m->kernel_stacks++;
	return 0;
}

/*
 * The kernel does not say how large a stack is, but what all of them take and
 * how many tasks there are; a few are kept for the next, and some tasks have
 * none any more: it is the power of two next to what comes to each.
 */
static int stack_bytes(uint64_t *bytes)
{
	unsigned long long tasks;
	uint64_t all, size = KIB;
	char *text;
	int ret = read_field("/proc/meminfo", "KernelStack:", &all);

	if (!ret)
		ret = osc_procfs_slurp("/proc/loadavg", &text);
	if (ret)
		return ret;
	/* "0.42 0.31 0.24 2/134 4711" */
	if (sscanf(text, "%*f %*f %*f %*u/%llu", &tasks) != 1 || !tasks)
		ret = -EPROTO;
	free(text);
	while (!ret && size + size / 2 < all / tasks)
		size *= 2;
	*bytes = size;
	return ret;
}

int osc_slab_read(uint64_t *bytes, struct osc_error *e)
{
	int ret = read_field("/proc/meminfo", "Slab:", bytes);

	return ret ? osc_error_set(e, -ret,
				   "cannot read the memory of the system: %s",
				   strerror(-ret)) :
		     0;
}

int osc_memory_read(pid_t pid, struct osc_memory *out, struct osc_error *e)
{
	const struct osc_tree_visitor v = { add_process, add_task, out };
	uint64_t stack;
	int ret;

	*out = (struct osc_memory){ 0 };
	ret = osc_tree_walk(pid, &v);
	if (!ret)
		ret = stack_bytes(&stack);
	if (ret)
		return osc_tree_error(pid, "the memory of", -ret, e);
	out->kernel_stacks *= stack;
	out->stacks_hidden = osc_stacks_read(pid, &out->user_stacks);
	return osc_slab_read(&out->system_slab, e);
}
