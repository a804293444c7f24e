// SPDX-License-Identifier: GPL-2.0
/*
 * netlink_put.c - what messages hold: the attributes of the specification.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/osconcepts.h>
#include <linux/uidgid.h>
#include <net/netlink.h>

#include "main.h"
#include "netlink_put.h"
#include "source.h"
#include "target.h"
#include "timing.h"

static const int counter_attributes[OSC_NR_COUNTERS] = {
	[OSC_VOLUNTARY] = OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY,
	[OSC_INVOLUNTARY] = OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY,
	[OSC_FAULTS_MINOR] = OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR,
	[OSC_FAULTS_MAJOR] = OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR,
	[OSC_EPOLL_CALLBACKS] = OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS,
	[OSC_EPOLL_WAKEUPS] = OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS,
	[OSC_CPU_NS] = OSCONCEPTS_A_COUNTERS_CPU_NS,
	[OSC_RUN_DELAY_NS] = OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS,
};

static int put_counts(struct sk_buff *skb, int attribute,
		      const struct osc_counts *counts)
{
	struct nlattr *nest = nla_nest_start(skb, attribute);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < OSC_NR_COUNTERS; i++) {
		if (!(counts->present & BIT(i)))
			continue;
		if (nla_put_u64_64bit(skb, counter_attributes[i],
				      counts->value[i],
				      OSCONCEPTS_A_COUNTERS_PAD)) {
			nla_nest_cancel(skb, nest);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * osc_put_source() - a source and its state
 * @skb: the message, added to
 * @source: one of osc_source_at()
 *
 * Context: may sleep.
 * Return: 0, or -EMSGSIZE when it does not fit.
 */
int osc_put_source(struct sk_buff *skb, const struct osc_source *source)
{
	struct osc_source_status status;

	source->status(&status);
	if (nla_put_string(skb, OSCONCEPTS_A_SOURCE_NAME, source->name) ||
	    nla_put_u32(skb, OSCONCEPTS_A_SOURCE_STATE, status.state) ||
	    nla_put_u32(skb, OSCONCEPTS_A_SOURCE_VIA, status.via) ||
	    (status.why[0] &&
	     nla_put_string(skb, OSCONCEPTS_A_SOURCE_WHY, status.why)) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_SOURCE_HITS, status.hits,
			      OSCONCEPTS_A_SOURCE_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_SOURCE_LOST, status.lost,
			      OSCONCEPTS_A_SOURCE_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_SOURCE_GAPS, status.gaps,
			      OSCONCEPTS_A_SOURCE_PAD) ||
	    (status.gaps &&
	     nla_put_u64_64bit(skb, OSCONCEPTS_A_SOURCE_GAP_SINCE_NS,
			       status.gap_since_ns, OSCONCEPTS_A_SOURCE_PAD)))
		return -EMSGSIZE;
	return 0;
}

/**
 * osc_put_totals() - the counts of the whole system or of a CPU
 * @skb: the message, added to
 * @cpu: its number, or -1 for the whole system
 *
 * Context: may sleep.
 * Return: 0, or -EMSGSIZE when it does not fit.
 */
int osc_put_totals(struct sk_buff *skb, int cpu)
{
	struct osc_counts counts;
	u64 targets, refused;

	osc_totals_read(&counts, cpu);
	osc_targets_count(&targets, &refused);
	if (cpu < 0 &&
	    (nla_put_u64_64bit(skb, OSCONCEPTS_A_TOTALS_TARGETS, targets,
			       OSCONCEPTS_A_TOTALS_PAD) ||
	     nla_put_u64_64bit(skb, OSCONCEPTS_A_TOTALS_TARGETS_REFUSED,
			       refused, OSCONCEPTS_A_TOTALS_PAD)))
		return -EMSGSIZE;
	if ((cpu >= 0 && nla_put_u32(skb, OSCONCEPTS_A_TOTALS_CPU, cpu)) ||
	    put_counts(skb, OSCONCEPTS_A_TOTALS_COUNTERS, &counts) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TOTALS_SINCE_NS, osc_since_ns,
			      OSCONCEPTS_A_TOTALS_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TOTALS_TIME_NS,
			      ktime_get_boottime_ns(), OSCONCEPTS_A_TOTALS_PAD))
		return -EMSGSIZE;
	return 0;
}

/**
 * osc_put_target() - a target
 * @skb: the message, added to
 * @view: as it was read
 * @user_ns: whose user IDs are shown
 *
 * Context: any.
 * Return: 0, or -EMSGSIZE when it does not fit.
 */
int osc_put_target(struct sk_buff *skb, const struct osc_target_view *view,
		   struct user_namespace *user_ns)
{
	if (nla_put_u32(skb, OSCONCEPTS_A_TARGET_ID, view->id) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TARGET_PID, view->pid) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TARGET_FLAGS, view->flags) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TARGET_UID,
			from_kuid_munged(user_ns, view->owner)) ||
	    nla_put_string(skb, OSCONCEPTS_A_TARGET_COMM, view->comm) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TARGET_STATE, view->state) ||
	    put_counts(skb, OSCONCEPTS_A_TARGET_COUNTERS, &view->counts) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TARGET_TASKS_LIVE,
			      view->tasks_live, OSCONCEPTS_A_TARGET_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TARGET_TASKS_EXITED,
			      view->tasks_exited, OSCONCEPTS_A_TARGET_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TARGET_LOST, view->lost,
			      OSCONCEPTS_A_TARGET_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TARGET_SINCE_NS, view->since_ns,
			      OSCONCEPTS_A_TARGET_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TARGET_TIME_NS, view->time_ns,
			      OSCONCEPTS_A_TARGET_PAD))
		return -EMSGSIZE;
	return 0;
}

/**
 * osc_put_timing() - how a kind of timing does
 * @skb: the message, added to
 * @timing: an enum osc_timing
 *
 * Context: may sleep.
 * Return: 0, or -EMSGSIZE when it does not fit.
 */
int osc_put_timing(struct sk_buff *skb, unsigned int timing)
{
	struct osc_timing_view view;

	osc_timing_get(timing, &view);
	if (nla_put_string(skb, OSCONCEPTS_A_TIMING_NAME, view.name) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TIMING_LEVEL, view.level) ||
	    nla_put_u32(skb, OSCONCEPTS_A_TIMING_STATE, view.state) ||
	    (view.why &&
	     nla_put_string(skb, OSCONCEPTS_A_TIMING_WHY, view.why)) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_TIMING_LOST, view.lost,
			      OSCONCEPTS_A_TIMING_PAD) ||
	    (view.since_ns &&
	     nla_put_u64_64bit(skb, OSCONCEPTS_A_TIMING_SINCE_NS, view.since_ns,
			       OSCONCEPTS_A_TIMING_PAD)))
		return -EMSGSIZE;
	return 0;
}

static int put_slots(struct sk_buff *skb, const struct osc_histogram_view *view)
{
	if (!view->end)
		return 0;
	return nla_put_u32(skb, OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT, view->first) ?:
		       nla_put(skb, OSCONCEPTS_A_HISTOGRAM_SLOTS,
			       (view->end - view->first) * sizeof(*view->slots),
			       view->slots + view->first);
}

/**
 * osc_put_histogram() - a histogram
 * @skb: the message, added to
 * @view: as it was read
 *
 * Context: any.
 * Return: 0, or -EMSGSIZE when it does not fit.
 */
int osc_put_histogram(struct sk_buff *skb,
		      const struct osc_histogram_view *view)
{
	if ((view->target &&
	     nla_put_u32(skb, OSCONCEPTS_A_HISTOGRAM_TARGET, view->target)) ||
	    nla_put_string(skb, OSCONCEPTS_A_HISTOGRAM_NAME, view->name) ||
	    nla_put_string(skb, OSCONCEPTS_A_HISTOGRAM_UNIT, "ns") ||
	    nla_put_u32(skb, OSCONCEPTS_A_HISTOGRAM_SUB_BITS,
			OSC_TIME_SUB_BITS) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_HISTOGRAM_COUNT, view->count,
			      OSCONCEPTS_A_HISTOGRAM_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_HISTOGRAM_SUM, view->sum,
			      OSCONCEPTS_A_HISTOGRAM_PAD) ||
	    (view->has_useless &&
	     nla_put_u64_64bit(skb, OSCONCEPTS_A_HISTOGRAM_USELESS,
			       view->useless, OSCONCEPTS_A_HISTOGRAM_PAD)) ||
	    put_slots(skb, view) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_HISTOGRAM_SINCE_NS,
			      view->since_ns, OSCONCEPTS_A_HISTOGRAM_PAD) ||
	    nla_put_u64_64bit(skb, OSCONCEPTS_A_HISTOGRAM_TIME_NS,
			      view->time_ns, OSCONCEPTS_A_HISTOGRAM_PAD))
		return -EMSGSIZE;
	return 0;
}
