// SPDX-License-Identifier: GPL-2.0-or-later
/* What targets take of the kernel's memory: ten thousand fit into 32 MiB. */
#include <linux/osconcepts_hist.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/nl_time.h"
#include "lib/sleeper.h"
#include "lib/tap.h"

/* Their processes have to fit into the guest, too. */
#define TARGETS 1000
#define MANY 10000
#define LIMIT (32ull << 20)
/* Its slots, the sum, and the useless. */
#define HISTOGRAM ((OSC_HIST_SLOTS(2) + 2) * sizeof(uint64_t))

static pid_t pids[TARGETS];
static uint32_t ids[TARGETS];

static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names))
		names++;
	return *names;
}

/* The sum of these lines of /proc/meminfo. */
static uint64_t memory(const char *const *names)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib, sum = 0;
	char name[64];

	if (!file)
		tap_bail("/proc/meminfo");
	while (fscanf(file, "%63[^:]: %llu kB ", name, &kib) >= 1) {
		if (is_among(name, names))
			sum += kib << 10;
	}
	fclose(file);
	return sum;
}

static uint64_t growth(const char *const *names, uint64_t before)
{
	uint64_t now = memory(names);

	return now > before ? now - before : 0;
}

static void add(struct nl *nl, int from, int to)
{
	struct target target;

	for (int i = from; i < to; i++) {
		if (nl_target_add(nl, pids[i], 0, &target))
			tap_bail("a target");
		ids[i] = target.id;
	}
}

static bool is_instrumented(void)
{
	struct utsname name;

	return !uname(&name) && strstr(name.release, "-osc-");
}

static void test_counts(struct nl *nl)
{
	/* All but stacks and page tables. */
	static const char *const all_kinds[] = { "Slab", "Percpu",
						 "VmallocUsed", NULL };
	uint64_t before = memory(all_kinds), first, all;

	add(nl, 0, 1);
	first = growth(all_kinds, before);
	add(nl, 1, TARGETS);
	all = growth(all_kinds, before);
	tap_note("first target %llu bytes, %d others %llu each",
		 (unsigned long long)first, TARGETS - 1,
		 (unsigned long long)(all - first) / (TARGETS - 1));
	if (is_instrumented())
		tap_skip("within 32 MiB",
			 "KASAN and others keep books of each allocation");
	else
		tap_between(1,
			    first + (all - first) / (TARGETS - 1) * (MANY - 1),
			    LIMIT, "%d targets, as %d are: within 32 MiB", MANY,
			    TARGETS);
}

/* The allocator's own books, twice a histogram, come on top of it once. */
static void test_histograms(struct nl *nl)
{
	static const char *const percpu[] = { "Percpu", NULL };
	uint64_t before = memory(percpu), each;
	uint64_t stated =
		2 * HISTOGRAM * (uint64_t)sysconf(_SC_NPROCESSORS_CONF);

	if (nl_timing_set(nl, "sched", OSCONCEPTS_TIMING_LEVEL_TARGETS))
		tap_bail("sched cannot be timed");
	each = growth(percpu, before) / TARGETS;
	/* Some find a place in what was allocated before. */
	tap_between(stated - stated / 8, each, stated + stated / 8,
		    "two histograms take what is stated for each CPU");
	if (nl_timing_set(nl, "sched", OSCONCEPTS_TIMING_LEVEL_OFF))
		tap_bail("the timing cannot be ended");
	/* Chunks are freed by and by, but for one or two. */
	for (int i = 0;
	     i < 200 && growth(percpu, before) / TARGETS > stated / 2; i++)
		usleep(50000);
	tap_between(0, growth(percpu, before) / TARGETS, stated / 2,
		    "and give it back");
}

int main(void)
{
	struct nl nl;

	fflush(stdout);
	for (int i = 0; i < TARGETS; i++)
		pids[i] = sleeper_start();
	nl_open(&nl);
	test_counts(&nl);
	test_histograms(&nl);
	for (int i = 0; i < TARGETS; i++)
		nl_target_del(&nl, ids[i], NULL);
	for (int i = 0; i < TARGETS; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	nl_close(&nl);
	return tap_done();
}
