// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/engine.h"

#include <stdio.h>
#include <string.h>

#include "lib/nearest.h"
#include "lib/program.h"
#include "lib/ring.h"
#include "servers/event.h"

/* What threads in one process have in common. */
#define THREADS                                               \
	.family = "thread", .workers_are = "threads at once", \
	.workers_max = 1 << 20, .shares_descriptors = true, .supervised = true

/* What loops over many connections have in common. */
#define LOOPS                                                             \
	.workers_are = "processes with a loop each", .workers_max = 1024, \
	.shares_descriptors = true, .supervised = true, .process_each = true

const struct osc_engine osc_engines[] = {
	{
		.name = "iterative",
		.family = "process",
		.summary = "one process, one connection and request at a time",
		.works_like = "Python's http.server, the textbook's first",
		.workers_are = "processes",
		.workers_default = 1,
		.workers_max = 1,
		.supervised = true,
		.one_at_a_time = true,
		.books_all_calls = true,
		.run = osc_engine_sequential,
	},
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
		.name = "prefork",
		.family = "process",
		.summary =
			"processes forked beforehand, a connection at a time",
		.works_like = "Apache's prefork module, PHP-FPM",
		.workers_are = "processes at most",
		.workers_default = 1024,
		.workers_max = 1 << 16,
		.supervised = true,
		.process_each = true,
		.grows = true,
		.books_all_calls = true,
		.run = osc_engine_sequential,
	},
	{
		.name = "prefork-fdpass",
		.family = "process",
		.summary =
			"one process accepts and passes descriptors to others",
		.works_like = "Stevens' descriptor passing, Phusion Passenger",
		.workers_are = "processes at most",
		.workers_default = 1024,
		.workers_max = 1 << 16,
		.run = osc_engine_prefork_fdpass,
	},
	{
		.name = "thread",
		THREADS,
		.summary = "a thread per connection",
		.works_like = "MySQL, Apache Tomcat's blocking connector",
		.workers_default = 4096,
		.run = osc_engine_thread,
	},
	{
		.name = "pool",
		THREADS,
		.summary = "a queue of connections and threads that take them",
		.works_like = "CherryPy's Cheroot, Jetty's blocking connector",
		.workers_default = 1024,
		.run = osc_engine_pool,
	},
	{
		.name = "leader",
		THREADS,
		.summary =
			"threads that take turns in waiting for a connection",
		.works_like = "TAO, Apache's former 'leader' module",
		.workers_default = 1024,
		.run = osc_engine_leader,
	},
	{
		.name = "pool-event",
		THREADS,
		.summary =
			"threads for requests, one that keeps idle connections",
		.works_like = "Apache's event module, Jetty, Tomcat's NIO",
		.workers_default = 1024,
		.run = osc_engine_pool_event,
	},
	{
		.name = "select",
		LOOPS,
		.family = "event",
		.summary = "one event loop using select()",
		.works_like = "thttpd, ircd of old",
		.workers_default = 1,
		.descriptors_max = OSC_ENGINE_SELECT_FDS,
		.listener_each = true,
		.backend = &osc_event_select,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "poll",
		LOOPS,
		.family = "event",
		.summary = "one event loop using poll()",
		.works_like = "Squid's and lighttpd's portable fallback",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_poll,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "epoll",
		LOOPS,
		.family = "event",
		.summary = "one loop over many connections, level-triggered",
		.works_like = "Redis; with more workers, lwan",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_epoll,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-et",
		LOOPS,
		.family = "event",
		.summary = "one loop over many connections, edge-triggered",
		.works_like = "one worker of nginx",
		.workers_default = 1,
		.listener_each = true,
		.backend = &osc_event_epoll_et,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-multi",
		LOOPS,
		.family = "event",
		.summary = "a loop per CPU, a listener each (SO_REUSEPORT)",
		.works_like = "Envoy, nginx with 'listen ... reuseport'",
		.listener_each = true,
		.at_home = true,
		.backend = &osc_event_epoll,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-shared",
		LOOPS,
		.family = "event",
		.summary = "a loop per CPU, one listener (EPOLLEXCLUSIVE)",
		.works_like = "lighttpd with several workers",
		.backend = &osc_event_epoll_shared,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "uring",
		LOOPS,
		.family = "event",
		.summary = "a ring per CPU: the kernel completes (io_uring)",
		.works_like = "Seastar's and Tokio's io_uring reactors",
		.listener_each = true,
		.at_home = true,
		.check = osc_ring_check,
		.fallback = "epoll-multi",
		.backend = &osc_event_uring,
		.books_all_calls = true,
		.run = osc_engine_event,
	},
	{
		.name = "epoll-offload",
		.family = "hybrid",
		.summary = "one loop, and threads for what takes the CPU",
		.works_like = "Node.js with its worker threads, libuv",
		.workers_are = "threads for work",
		.workers_max = 1024,
		.supervised = true,
		.shares_descriptors = true,
		.backend = &osc_event_epoll_offload,
		.run = osc_engine_event,
	},
	{
		.name = "prefork-epoll",
		LOOPS,
		.family = "hybrid",
		.summary = "a worker per CPU, one listener, edge-triggered",
		.works_like = "nginx as it comes",
		.backend = &osc_event_prefork_epoll,
		.books_all_calls = true,
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

const char *osc_engine_hint(const char *name, char *text, size_t size)
{
	struct osc_nearest near;

	osc_nearest_begin(&near, name, strlen(name));
	for (const struct osc_engine *e = osc_engines; e->name; e++)
		osc_nearest_offer(&near, e->name);
	snprintf(text, size, "%s%s'%s serve --list'", near.best ?: "",
		 near.best ? ", or " : "", osc_program());
	return text;
}
