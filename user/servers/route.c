// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/route.h"

#include <string.h>
#include <time.h>

#include "lib/clock.h"

static const struct {
	const char *prefix;
	uint64_t max;
	enum osc_route_kind kind;
} numbered[] = {
	{ "/bytes/", OSC_ROUTE_BYTES_MAX, OSC_ROUTE_BYTES },
	{ "/work/", OSC_ROUTE_WORK_MAX_US, OSC_ROUTE_WORK },
	{ "/sleep/", OSC_ROUTE_SLEEP_MAX_US, OSC_ROUTE_SLEEP },
};

static struct osc_route error(uint16_t status)
{
	return (struct osc_route){ .status = status, .kind = OSC_ROUTE_ERROR };
}

static struct osc_route number(const char *text, size_t len, uint64_t max,
			       enum osc_route_kind kind)
{
	uint64_t n = 0;

	if (!len || len > 12)
		return error(400);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return error(400);
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n > max)
		return error(400);
	return (struct osc_route){ .n = n, .status = 200, .kind = kind };
}

/* "N" or "N/sleep/M". */
static struct osc_route work(const char *text, size_t len)
{
	static const char then[] = "/sleep/";
	const char *at = memmem(text, len, then, sizeof(then) - 1);
	struct osc_route r = number(text, at ? (size_t)(at - text) : len,
				    OSC_ROUTE_WORK_MAX_US, OSC_ROUTE_WORK);
	struct osc_route sleep;

	if (!at || r.kind == OSC_ROUTE_ERROR)
		return r;
	at += sizeof(then) - 1;
	sleep = number(at, len - (size_t)(at - text), OSC_ROUTE_SLEEP_MAX_US,
		       OSC_ROUTE_SLEEP);
	if (sleep.kind == OSC_ROUTE_ERROR)
		return sleep;
	r.then_sleep_us = (uint32_t)sleep.n;
	return r;
}

struct osc_route osc_route_find(const char *target, size_t len)
{
	const char *query = memchr(target, '?', len);
	const char *path = target;

	if (query)
		len = (size_t)(query - target);
	if (len && target[0] != '/') {
		/* "http://host/path", which proxies send; the parser has seen
		 * the scheme. An empty path is "/".
		 */
		path = len > 7 ? memchr(target + 7, '/', len - 7) : NULL;
		if (path)
			len -= (size_t)(path - target);
		else
			len = 1;
	}
	if (len == 1)
		return (struct osc_route){ .status = 200,
					   .kind = OSC_ROUTE_HELLO };
	for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++) {
		size_t n = strlen(numbered[i].prefix);

		if (len < n || memcmp(path, numbered[i].prefix, n))
			continue;
		if (numbered[i].kind == OSC_ROUTE_WORK)
			return work(path + n, len - n);
		return number(path + n, len - n, numbered[i].max,
			      numbered[i].kind);
	}
	return error(404);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * OSC_NS_PER_S + (uint64_t)ts.tv_nsec;
}

void osc_route_work(uint64_t us)
{
	uint64_t end = thread_cpu_ns() + us * OSC_NS_PER_US;

	while (thread_cpu_ns() < end)
		;
}
