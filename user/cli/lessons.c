// SPDX-License-Identifier: GPL-2.0-or-later
/* lessons.c - the table of lessons: a row for each. */
#include <stdio.h>
#include <string.h>

#include "cli/lesson.h"
#include "lib/nearest.h"
#include "lib/program.h"

const struct osc_lesson osc_lessons[] = {
	{
		.name = "slow-url",
		.title = "a fast URL beside one that computes for 5 ms",
		.about = "8 connections ask in turn for / (fast) and for "
			 "/work/5000, which computes for 5 ms (slow). How long "
			 "does the fast one take?",
		.models = { "epoll", "thread", "epoll-offload" },
		.paths = { "/", "/work/5000" },
		.connections = 8,
		.columns = { OSC_LESSON_FAST_P50, OSC_LESSON_FAST_P99,
			     OSC_LESSON_SLOW_P50 },
		.judged = "the median of the fast requests",
		.pairs = { { "epoll", "thread" },
			   { "epoll", "epoll-offload" } },
		.why = "An event loop answers one request after the other: a "
		       "fast one waits until the slow ones before it are done. "
		       "With a thread per connection the scheduler lets the fast "
		       "one run in between. epoll-offload computes in other "
		       "threads, so its loop stays free.",
		.question = "/sleep/5000 waits for 5 ms and computes nothing. "
			    "Does the fast URL wait for it under epoll? Write "
			    "down what you expect, then measure:",
		.measure = { "serve --model epoll --cpus 0 &",
			     "load http://127.0.0.1:8080/ "
			     "http://127.0.0.1:8080/sleep/5000 -c 8 -d 2s" },
	},
	{
		.name = "idle-connections",
		.title = "select, poll and epoll with 900 idle connections",
		.about =
			"900 connections are open and idle; 8 others send 1000 "
			"requests per second in all. How much CPU time does the "
			"server use for a request?",
		.models = { "select", "poll", "epoll" },
		.paths = { "/" },
		.connections = 8,
		.rate = 1000,
		.idle = 900,
		.columns = { OSC_LESSON_CPU_US, OSC_LESSON_CPUS,
			     OSC_LESSON_WAKEUPS },
		.judged = "CPU time per request",
		.pairs = { { "select", "epoll" }, { "poll", "epoll" } },
		.why = "select() and poll() get the list of all connections with "
		       "each call, and the kernel looks at each of them. epoll "
		       "keeps the list in the kernel: epoll_wait() returns only "
		       "the connections that have data.",
		.question =
			"How much do the three differ when no connection is "
			"idle? Write down what you expect, then measure:",
		.measure = { "compare --models select,poll,epoll --modes "
			     "keepalive -c 64" },
	},
	{ .name = NULL },
};
