// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

/* Second number of schedstat: time runnable without a CPU. */
static bool read_wait(uint64_t *wait_ns)
{
	char text[96];
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%*u %" SCNu64, wait_ns) == 1;
}

void osc_usage_read(struct osc_usage *u)
{
	struct timespec ts;

	u->taken = true;
	u->at_ns = osc_clock_ns();
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	u->cpu_ns = (uint64_t)ts.tv_sec * OSC_NS_PER_S + (uint64_t)ts.tv_nsec;
	u->has_wait = read_wait(&u->wait_ns);
}

static double share(double part, double wall)
{
	return part < wall ? part / wall : 1;
}

struct osc_shares osc_usage_shares(const struct osc_usage *from,
				   const struct osc_usage *to)
{
	struct osc_shares shares = { .cpu = -1, .wait = -1 };
	double wall = (double)(to->at_ns - from->at_ns);

	if (!from->taken || !to->taken || wall <= 0)
		return shares;
	/* The clocks are read one after the other, and a wait that began
	 * before is added when it ends: a thread has no more than all.
	 */
	shares.cpu = share((double)(to->cpu_ns - from->cpu_ns), wall);
	if (from->has_wait && to->has_wait)
		shares.wait =
			share((double)(to->wait_ns - from->wait_ns), wall);
	return shares;
}

void osc_shares_merge(struct osc_shares *to, const struct osc_shares *from)
{
	if (from->cpu > to->cpu)
		to->cpu = from->cpu;
	if (from->wait > to->wait)
		to->wait = from->wait;
}
