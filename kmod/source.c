// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "source.h"

const char *const osc_counter_names[OSC_NR_COUNTERS] = {
	[OSC_VOLUNTARY] = "context_switches_voluntary",
	[OSC_INVOLUNTARY] = "context_switches_involuntary",
	[OSC_FAULTS_MINOR] = "page_faults_minor",
	[OSC_FAULTS_MAJOR] = "page_faults_major",
	[OSC_EPOLL_CALLBACKS] = "epoll_callbacks",
	[OSC_EPOLL_WAKEUPS] = "epoll_wakeups",
	[OSC_CPU_NS] = "cpu_ns",
	[OSC_RUN_DELAY_NS] = "run_delay_ns",
};

static const struct osc_source *const sources[] = {
	&osc_sched_source,
	&osc_fault_source,
	&osc_epoll_source,
};

/**
 * osc_source_at() - walk the sources
 * @index: from 0
 *
 * Return: the source, or NULL past the last one.
 */
const struct osc_source *osc_source_at(unsigned int index)
{
	return index < ARRAY_SIZE(sources) ? sources[index] : NULL;
}

/**
 * osc_sources_attach() - start whatever this kernel allows
 *
 * A source that cannot count does not keep the module from loading: it says in
 * its status what is missing, and once in the log.
 */
void osc_sources_attach(void)
{
	struct osc_source_status status;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		if (!sources[i]->attach())
			continue;
		sources[i]->status(&status);
		pr_notice("source %s is unavailable: %s\n", sources[i]->name,
			  status.why);
	}
}

/**
 * osc_sources_detach() - stop all of them, in reverse
 */
void osc_sources_detach(void)
{
	unsigned int i = ARRAY_SIZE(sources);

	while (i--)
		sources[i]->detach();
}

/**
 * osc_totals_read() - what the sources have counted
 * @counts: overwritten
 * @cpu: a possible CPU, or -1 for the whole system
 *
 * The counters are not read at one instant; each only grows.
 */
void osc_totals_read(struct osc_counts *counts, int cpu)
{
	unsigned int i;

	memset(counts, 0, sizeof(*counts));
	for (i = 0; i < ARRAY_SIZE(sources); i++)
		sources[i]->read(counts, cpu);
}
