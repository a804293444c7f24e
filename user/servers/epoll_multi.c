// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll_multi.c - the loop of epoll.c once per CPU, at home there, each with a
 * listener of its own (SO_REUSEPORT): they share nothing, and a connection
 * stays where the hash of its addresses has put it.
 */
#include <sched.h>

#include "lib/cpus.h"
#include "servers/engine.h"

/* The allowed CPU of that rank; where there are more loops than CPUs, again. */
static int nth_cpu(const cpu_set_t *allowed, unsigned int n)
{
	unsigned int left = n % (unsigned int)CPU_COUNT(allowed);
	int cpu = 0;

	while (!CPU_ISSET(cpu, allowed) || left--)
		cpu++;
	return cpu;
}

int osc_engine_event_per_cpu(struct osc_server *server, unsigned int index,
			     struct osc_server_report *report,
			     struct osc_error *e)
{
	cpu_set_t allowed, home;

	/* Where that cannot be, the scheduler finds a place. */
	if (!osc_cpus_allowed(&allowed, NULL)) {
		CPU_ZERO(&home);
		CPU_SET(nth_cpu(&allowed, index), &home);
		(void)sched_setaffinity(0, sizeof(home), &home);
	}
	return osc_engine_event(server, index, report, e);
}
