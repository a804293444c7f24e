// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/engine.h"

#include <string.h>

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
		.family = "event",
		.summary = "one loop over many connections, by bits of select",
		.works_like = "thttpd, ircd of old",
		.workers_are = "processes with a loop each",
		.workers_default = 1,
		.workers_max = 1024,
		.descriptors_max = OSC_ENGINE_SELECT_FDS,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.listener_each = true,
		.run = osc_engine_select,
	},
	{
		.name = "poll",
		.family = "event",
		.summary =
			"one loop over many connections, by the list of poll",
		.works_like = "Squid's and lighttpd's portable fallback",
		.workers_are = "processes with a loop each",
		.workers_default = 1,
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.listener_each = true,
		.run = osc_engine_poll,
	},
	{
		.name = "epoll",
		.family = "event",
		.summary = "one loop over many connections, level-triggered",
		.works_like = "Redis; with more workers, lwan",
		.workers_are = "processes with a loop each",
		.workers_default = 1,
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.listener_each = true,
		.run = osc_engine_epoll,
	},
	{
		.name = "epoll-et",
		.family = "event",
		.summary = "one loop over many connections, edge-triggered",
		.works_like = "one worker of nginx",
		.workers_are = "processes with a loop each",
		.workers_default = 1,
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.listener_each = true,
		.run = osc_engine_epoll_et,
	},
	{
		.name = "epoll-multi",
		.family = "event",
		.summary = "a loop per CPU, a listener each (SO_REUSEPORT)",
		.works_like = "Envoy, nginx with 'listen ... reuseport'",
		.workers_are = "processes with a loop each",
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.listener_each = true,
		.run = osc_engine_epoll_multi,
	},
	{
		.name = "epoll-shared",
		.family = "event",
		.summary = "a loop per CPU, one listener (EPOLLEXCLUSIVE)",
		.works_like = "nginx as it comes",
		.workers_are = "processes with a loop each",
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.process_each = true,
		.run = osc_engine_epoll_shared,
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
