// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/procfs_cpus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/counters.h"
#include "lib/procfs.h"

static uint64_t tick_ns(void)
{
	return OSC_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
}

static int add_cpu(struct osc_procfs_cpus *c, unsigned int number,
		   uint64_t cpu_ns)
{
	struct osc_procfs_cpu *more =
		reallocarray(c->cpu, c->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	c->cpu = more;
	c->cpu[c->n++] =
		(struct osc_procfs_cpu){ .number = number, .cpu_ns = cpu_ns };
	return 0;
}

/* "cpu  user nice system idle …" of all, and "cpuN …" of each. */
static int take_stat(struct osc_procfs_cpus *c, const char *text)
{
	int ret = 0;

	for (const char *p = text; !ret && !strncmp(p, "cpu", 3);) {
		const char *end = strchr(p, '\n');
		uint64_t user, nice, system, ns;
		unsigned int number;

		if (!end || sscanf(p, "%*s %" SCNu64 " %" SCNu64 " %" SCNu64,
				   &user, &nice, &system) != 3)
			return -EPROTO;
		ns = (user + nice + system) * tick_ns();
		if (p[3] == ' ')
			c->cpu_ns = ns;
		else if (sscanf(p, "cpu%u", &number) == 1)
			ret = add_cpu(c, number, ns);
		p = end + 1;
	}
	return ret;
}

/* "cpuN" and nine numbers, of which the eighth is the run delay. */
static void take_schedstat(struct osc_procfs_cpus *c, const char *text)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		unsigned int number;
		uint64_t delay;

		p += *p == '\n';
		if (sscanf(p, "cpu%u %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
			   &number, &delay) != 2)
			continue;
		for (size_t i = 0; i < c->n; i++) {
			if (c->cpu[i].number == number)
				c->cpu[i].run_delay_ns = delay;
		}
		c->has_delay = 1;
	}
}

int osc_procfs_cpus_read(struct osc_procfs_cpus *out)
{
	char *text;
	int ret;

	*out = (struct osc_procfs_cpus){ 0 };
	ret = osc_procfs_slurp("/proc/stat", &text);
	if (ret)
		return ret;
	ret = take_stat(out, text);
	free(text);
	if (ret) {
		osc_procfs_cpus_free(out);
		return ret;
	}
	/* Not every kernel has it. */
	if (!osc_procfs_slurp("/proc/schedstat", &text)) {
		take_schedstat(out, text);
		free(text);
	}
	return 0;
}

void osc_procfs_cpus_free(struct osc_procfs_cpus *c)
{
	free(c->cpu);
	*c = (struct osc_procfs_cpus){ 0 };
}

static void set(struct osc_counts *counts, uint64_t cpu_ns, size_t cpus,
		const uint64_t *delay_ns)
{
	osc_counts_set(counts, OSC_CPU_NS, cpu_ns);
	/* Each CPU is asked at its ticks; three sums are rounded to them. */
	counts->cpus = (unsigned int)cpus;
	counts->cpu_grain_ns = (cpus + 3) * tick_ns();
	if (delay_ns)
		osc_counts_set(counts, OSC_RUN_DELAY_NS, *delay_ns);
}

void osc_procfs_cpus_add(const struct osc_procfs_cpus *c,
			 struct osc_counts *counts)
{
	uint64_t delay_ns = 0;

	for (size_t i = 0; i < c->n; i++)
		delay_ns += c->cpu[i].run_delay_ns;
	if (c->n)
		set(counts, c->cpu_ns, c->n, c->has_delay ? &delay_ns : NULL);
}

void osc_procfs_cpus_add_one(const struct osc_procfs_cpus *c,
			     unsigned int number, struct osc_counts *counts)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->cpu[i].number == number)
			set(counts, c->cpu[i].cpu_ns, 1,
			    c->has_delay ? &c->cpu[i].run_delay_ns : NULL);
	}
}
