// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * trace.c - the oracle of switches: the scheduler's tracepoints, recorded in an
 * instance of our own and read as text. Who is in the tree follows from the
 * forks, so that nothing is shared with the module's own idea of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exact.h"

#define TRACING "/sys/kernel/tracing"
#define INSTANCE TRACING "/instances/exact"
#define PIDS (1U << 22)

static const char *const events[] = { "sched_switch", "sched_process_fork",
				      "sched_process_exit" };

static uint8_t in_tree[PIDS / 8];

static void add(unsigned long pid)
{
	if (pid < PIDS)
		in_tree[pid / 8] |= (uint8_t)(1 << pid % 8);
}

static bool is_in(unsigned long pid)
{
	return pid < PIDS && in_tree[pid / 8] & 1 << pid % 8;
}

static int switch_events(const char *on)
{
	char path[128];
	int failed = 0;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), INSTANCE "/events/sched/%s/enable",
			 events[i]);
		failed |= exact_write(path, on);
	}
	return failed;
}

int exact_trace_begin(pid_t pid)
{
	char text[16];

	if (access(TRACING "/instances", W_OK) &&
	    mount("exact", TRACING, "tracefs", 0, NULL))
		return -1;
	if (mkdir(INSTANCE, 0755) && errno != EEXIST)
		return -1;
	snprintf(text, sizeof(text), "%d", pid);
	if (exact_write(INSTANCE "/buffer_size_kb", "24576") ||
	    exact_write(INSTANCE "/trace", "") ||
	    exact_write(INSTANCE "/trace_clock", "global") ||
	    exact_write(INSTANCE "/options/event-fork", "1") ||
	    exact_write(INSTANCE "/set_event_pid", text) ||
	    exact_write(INSTANCE "/tracing_on", "1"))
		return -1;
	return switch_events("1");
}

int exact_trace_mark(void)
{
	return exact_write(INSTANCE "/trace_marker", "mark");
}

/* The number behind a word in a line of the trace. */
static unsigned long field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void take_line(const char *line, struct trace *trace)
{
	if (strstr(line, " sched_switch: "))
		trace->switches += is_in(field(line, " prev_pid="));
	else if (strstr(line, " sched_process_exit: "))
		trace->exits += is_in(field(line, " pid="));
	else if (strstr(line, " sched_process_fork: ") &&
		 is_in(field(line, " pid=")))
		add(field(line, " child_pid="));
	else if (strstr(line, " tracing_mark_write: mark") && trace->marks < 2)
		trace->marked[trace->marks++] = trace->switches;
}

static uint64_t lost_on(int cpu)
{
	uint64_t lost = 0, value;
	char path[128], line[128];
	FILE *file;

	snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%d/stats", cpu);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "overrun: %" SCNu64, &value) == 1 ||
		    sscanf(line, "dropped events: %" SCNu64, &value) == 1)
			lost += value;
	}
	fclose(file);
	return lost;
}

void exact_trace_end(pid_t pid, struct trace *trace)
{
	char line[1024];
	FILE *file;

	memset(trace, 0, sizeof(*trace));
	memset(in_tree, 0, sizeof(in_tree));
	add((unsigned long)pid);
	exact_check(exact_write(INSTANCE "/tracing_on", "0") ||
			    switch_events("0"),
		    "the trace cannot be ended");
	file = fopen(INSTANCE "/trace", "re");
	exact_check(!file, "the trace cannot be read");
	while (fgets(line, sizeof(line), file))
		take_line(line, trace);
	fclose(file);
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++)
		trace->lost += lost_on(cpu);
	exact_write(INSTANCE "/trace", "");
}
