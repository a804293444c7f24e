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
		.name = "epoll",
		.family = "event",
		.summary = "one loop over many connections, level-triggered",
		.works_like = "Redis; with more workers, lwan",
		.workers_are = "processes with a loop each",
		.workers_default = 1,
		.workers_max = 1024,
		.shares_descriptors = true,
		.supervised = true,
		.listener_each = true,
		.run = osc_engine_epoll,
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
