// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/engine.h"

#include <string.h>

#include "servers/event.h"

/* What loops over many connections have in common. */
#define LOOPS                                                                \
	.family = "event", .workers_are = "processes with a loop each",      \
	.workers_max = 1024, .shares_descriptors = true, .supervised = true, \
	.process_each = true

const struct osc_engine osc_engines[] = {
	{
		.name = "fork",
		.family = "process",
		.summary = "a process per connection",
		.works_like = "OpenSSH's sshd, PostgreSQL, inetd",
		.workers_are = "children at once",
		.workers_default = 4096,
		.workers_max = 1 << 20,
		.run = osc_engine_fork,
	},
	{
		.name = "thread",
		.family = "thread",
		.summary = "a thread per connection",
		.works_like = "MySQL, Apache Tomcat's blocking connector",
		.workers_are = "threads at once",
		.workers_default = 4096,
		.workers_max = 1 << 20,
		.shares_descriptors = true,
		.supervised = true,
		.run = osc_engine_thread,
	},
	{
		.name = "select",
		LOOPS,
		.summary = "one loop over many connections, by bits of select",
		.works_like = "thttpd, ircd of old",
		.workers_default = 1,
		.descriptors_max = OSC_ENGINE_SELECT_FDS,
		.listener_each = true,
		.backend = &osc_event_select,
		.run = osc_engine_event,
	},
	{
		.name = "poll",
		LOOPS,
		.summary =
			"one loop over many connections, by the list of poll",
		.works_like = "Squid's and lighttpd's portable fallback",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_poll,
		.run = osc_engine_event,
	},
	{
		.name = "epoll",
		LOOPS,
		.summary = "one loop over many connections, level-triggered",
		.works_like = "Redis; with more workers, lwan",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_epoll,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-et",
		LOOPS,
		.summary = "one loop over many connections, edge-triggered",
		.works_like = "one worker of nginx",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_epoll_et,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-multi",
		LOOPS,
		.summary = "a loop per CPU, a listener each (SO_REUSEPORT)",
		.works_like = "Envoy, nginx with 'listen ... reuseport'",
		.listener_each = true,
		.backend = &osc_event_epoll,
		.run = osc_engine_epoll_multi,
	},
	{
		.name = "epoll-shared",
		LOOPS,
		.summary = "a loop per CPU, one listener (EPOLLEXCLUSIVE)",
		.works_like = "nginx as it comes",
		.backend = &osc_event_epoll_shared,
		.run = osc_engine_event,
	},
	{ .name = NULL },
};

const struct osc_engine *osc_engine_find(const char *name)
{
	for (const struct osc_engine *e = osc_engines; e->name; e++) {
		if (!strcmp(e->name, name))
			return e;
	}
	return NULL;
}
