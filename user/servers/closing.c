// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/closing.h"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/account.h"
#include "lib/clock.h"
#include "servers/server.h"

/* Of the connections at once a quarter may linger, up to this number. */
#define LINGERING_MAX 1024

struct osc_closing *osc_closing_new(unsigned int connections)
{
	struct osc_closing *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	c->most = connections / 4;
	if (c->most > LINGERING_MAX)
		c->most = LINGERING_MAX;
	if (!c->most)
		c->most = 1;
	return c;
}

void osc_closing_free(struct osc_closing *c)
{
	if (c)
		munmap(c, sizeof(*c));
}

/* Bytes that the socket holds; 0 where it cannot tell. */
static unsigned int held(int fd, unsigned long queue,
			 const struct osc_books *books)
{
	int n = 0;

	osc_books_add(books, OSC_ACCOUNT_CALLS, 1);
	return ioctl(fd, queue, &n) || n < 0 ? 0 : (unsigned int)n;
}

/*
 * The memory of both queues takes one call. What has been acknowledged has none; a
 * FIN that is not read has some, and is no input.
 */
bool osc_closing_is_safe(int fd, const struct osc_books *books)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(memory);

	osc_books_add(books, OSC_ACCOUNT_CALLS, 1);
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size))
		return !held(fd, SIOCOUTQ, books) && !held(fd, SIOCINQ, books);
	if (memory[SK_MEMINFO_WMEM_QUEUED])
		return false;
	return !memory[SK_MEMINFO_RMEM_ALLOC] || !held(fd, SIOCINQ, books);
}

bool osc_closing_enter(struct osc_closing *c)
{
	unsigned int n = atomic_load(&c->lingering);

	do {
		if (n >= c->most)
			return false;
	} while (!atomic_compare_exchange_weak(&c->lingering, &n, n + 1));
	return true;
}

/* Not below zero: a reset may have come meanwhile. */
void osc_closing_leave(struct osc_closing *c)
{
	unsigned int n = atomic_load(&c->lingering);

	while (n && !atomic_compare_exchange_weak(&c->lingering, &n, n - 1))
		;
}

/* Connections of live workers are not counted either: for a while more linger. */
void osc_closing_reset(struct osc_closing *c)
{
	atomic_store(&c->lingering, 0);
}

void osc_linger_begin(struct osc_linger *g, uint64_t now_ns, uint64_t most_ns,
		      bool to_end)
{
	*g = (struct osc_linger){
		.quiet_ns = now_ns + OSC_SERVER_LINGER_NS,
		.end_ns = now_ns + (most_ns > OSC_SERVER_LINGER_NS ?
					    most_ns :
					    OSC_SERVER_LINGER_NS),
		.unsent = UINT32_MAX,
		.to_end = to_end,
	};
}

bool osc_linger_goes_on(struct osc_linger *g, int fd, uint64_t now_ns,
			const struct osc_books *books)
{
	unsigned int unsent;

	if (g->discarded >= OSC_SERVER_LINGER_BYTES || now_ns >= g->end_ns)
		return false;
	unsent = held(fd, SIOCOUTQ, books);
	if (!unsent && !g->to_end && !held(fd, SIOCINQ, books))
		return false;
	/* The client takes the response, however slowly. */
	if (unsent < g->unsent && g->unsent != UINT32_MAX)
		g->quiet_ns = now_ns + OSC_SERVER_LINGER_NS;
	g->unsent = unsent;
	return now_ns < g->quiet_ns;
}
