// SPDX-License-Identifier: GPL-2.0
/*
 * netlink_put.c - what messages hold: the attributes of the specification.
 *
 * nla_put() asks for room and lays out each attribute in three calls, which was
 * a third of what a dump of many targets took. Here an attribute is a few stores
 * at the message's tail, which moves once all of them are there.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/osconcepts.h>
#include <linux/skbuff.h>
#include <linux/string.h>
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

/**
 * struct writer - lays out attributes at the tail of a message
 * @skb: the message, unchanged until writer_end()
 * @at: where the next attribute goes
 * @end: of the room
 * @pad: the attribute that aligns those of 64 bits, where the CPU needs it
 * @full: there was no room for one of them; those after it are left out, too
 */
struct writer {
	struct sk_buff *skb;
	unsigned char *at;
	unsigned char *end;
	int pad;
	bool full;
};

static void writer_begin(struct writer *w, struct sk_buff *skb, int pad)
{
	w->skb = skb;
	w->at = skb_tail_pointer(skb);
	w->end = w->at + skb_tailroom(skb);
	w->pad = pad;
	w->full = false;
}

static int writer_end(struct writer *w)
{
	if (w->full)
		return -EMSGSIZE;
	skb_put(w->skb, w->at - skb_tail_pointer(w->skb));
	return 0;
}

/* The place of an attribute's @size bytes, or NULL. */
static __always_inline void *reserve(struct writer *w, int type, int size)
{
	struct nlattr *attr = (struct nlattr *)w->at;

	if (w->full || w->end - w->at < nla_total_size(size)) {
		w->full = true;
		return NULL;
	}
	attr->nla_type = type;
	attr->nla_len = nla_attr_size(size);
	w->at += nla_total_size(size);
	return nla_data(attr);
}

static __always_inline void put_u32(struct writer *w, int type, u32 value)
{
	u32 *place = reserve(w, type, sizeof(value));

	if (place)
		*place = value;
}

static __always_inline void put_u64(struct writer *w, int type, u64 value)
{
	void *place;

	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) &&
	    IS_ALIGNED((unsigned long)w->at, sizeof(value)))
		reserve(w, w->pad, 0);
	place = reserve(w, type, sizeof(value));
	if (place)
		memcpy(place, &value, sizeof(value));
}

static void put_bytes(struct writer *w, int type, const void *bytes, int size)
{
	void *place = reserve(w, type, size);

	if (!place)
		return;
	memcpy(place, bytes, size);
	memset(place + size, 0, nla_padlen(size));
}

static void put_string(struct writer *w, int type, const char *text)
{
	put_bytes(w, type, text, strlen(text) + 1);
}

/* In an attribute of their own. */
static void put_counts(struct writer *w, int type,
		       const struct osc_counts *counts)
{
	struct nlattr *nest = (struct nlattr *)w->at;
	int pad = w->pad;
	unsigned int i;

	if (!reserve(w, type | NLA_F_NESTED, 0))
		return;
	w->pad = OSCONCEPTS_A_COUNTERS_PAD;
	for (i = 0; i < OSC_NR_COUNTERS; i++) {
		if (counts->present & BIT(i))
			put_u64(w, counter_attributes[i], counts->value[i]);
	}
	w->pad = pad;
	nest->nla_len = w->at - (unsigned char *)nest;
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
	struct writer w;

	source->status(&status);
	writer_begin(&w, skb, OSCONCEPTS_A_SOURCE_PAD);
	put_string(&w, OSCONCEPTS_A_SOURCE_NAME, source->name);
	put_u32(&w, OSCONCEPTS_A_SOURCE_STATE, status.state);
	put_u32(&w, OSCONCEPTS_A_SOURCE_VIA, status.via);
	if (status.why[0])
		put_string(&w, OSCONCEPTS_A_SOURCE_WHY, status.why);
	put_u64(&w, OSCONCEPTS_A_SOURCE_HITS, status.hits);
	put_u64(&w, OSCONCEPTS_A_SOURCE_LOST, status.lost);
	put_u64(&w, OSCONCEPTS_A_SOURCE_GAPS, status.gaps);
	if (status.gaps)
		put_u64(&w, OSCONCEPTS_A_SOURCE_GAP_SINCE_NS,
			status.gap_since_ns);
	return writer_end(&w);
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
	struct writer w;

	osc_totals_read(&counts, cpu);
	osc_targets_count(&targets, &refused);
	writer_begin(&w, skb, OSCONCEPTS_A_TOTALS_PAD);
	if (cpu < 0) {
		put_u64(&w, OSCONCEPTS_A_TOTALS_TARGETS, targets);
		put_u64(&w, OSCONCEPTS_A_TOTALS_TARGETS_REFUSED, refused);
	} else {
		put_u32(&w, OSCONCEPTS_A_TOTALS_CPU, cpu);
	}
	put_counts(&w, OSCONCEPTS_A_TOTALS_COUNTERS, &counts);
	put_u64(&w, OSCONCEPTS_A_TOTALS_SINCE_NS, osc_since_ns);
	put_u64(&w, OSCONCEPTS_A_TOTALS_TIME_NS, ktime_get_boottime_ns());
	return writer_end(&w);
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
	struct writer w;

	writer_begin(&w, skb, OSCONCEPTS_A_TARGET_PAD);
	put_u32(&w, OSCONCEPTS_A_TARGET_ID, view->id);
	put_u32(&w, OSCONCEPTS_A_TARGET_PID, view->pid);
	put_u32(&w, OSCONCEPTS_A_TARGET_FLAGS, view->flags);
	put_u32(&w, OSCONCEPTS_A_TARGET_UID,
		from_kuid_munged(user_ns, view->owner));
	put_string(&w, OSCONCEPTS_A_TARGET_COMM, view->comm);
	put_u32(&w, OSCONCEPTS_A_TARGET_STATE, view->state);
	put_counts(&w, OSCONCEPTS_A_TARGET_COUNTERS, &view->counts);
	put_u64(&w, OSCONCEPTS_A_TARGET_TASKS_LIVE, view->tasks_live);
	put_u64(&w, OSCONCEPTS_A_TARGET_TASKS_EXITED, view->tasks_exited);
	put_u64(&w, OSCONCEPTS_A_TARGET_LOST, view->lost);
	put_u64(&w, OSCONCEPTS_A_TARGET_SINCE_NS, view->since_ns);
	put_u64(&w, OSCONCEPTS_A_TARGET_TIME_NS, view->time_ns);
	if (view->counts.present & BIT(OSC_EPOLL_CALLBACKS))
		put_u64(&w, OSCONCEPTS_A_TARGET_EPOLL_CALLBACKS_UNKNOWN,
			view->callbacks_unknown);
	put_u32(&w, OSCONCEPTS_A_TARGET_ROOT_STATE, view->root_state);
	put_u64(&w, OSCONCEPTS_A_TARGET_ROOT_START_NS, view->root_start_ns);
	return writer_end(&w);
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
	struct writer w;

	osc_timing_get(timing, &view);
	writer_begin(&w, skb, OSCONCEPTS_A_TIMING_PAD);
	put_string(&w, OSCONCEPTS_A_TIMING_NAME, view.name);
	put_u32(&w, OSCONCEPTS_A_TIMING_LEVEL, view.level);
	put_u32(&w, OSCONCEPTS_A_TIMING_STATE, view.state);
	if (view.why)
		put_string(&w, OSCONCEPTS_A_TIMING_WHY, view.why);
	put_u64(&w, OSCONCEPTS_A_TIMING_LOST, view.lost);
	if (view.since_ns)
		put_u64(&w, OSCONCEPTS_A_TIMING_SINCE_NS, view.since_ns);
	return writer_end(&w);
}

static void put_slots(struct writer *w, const struct osc_histogram_view *view)
{
	if (!view->end)
		return;
	put_u32(w, OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT, view->first);
	put_bytes(w, OSCONCEPTS_A_HISTOGRAM_SLOTS, view->slots + view->first,
		  (view->end - view->first) * sizeof(*view->slots));
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
	struct writer w;

	writer_begin(&w, skb, OSCONCEPTS_A_HISTOGRAM_PAD);
	if (view->target)
		put_u32(&w, OSCONCEPTS_A_HISTOGRAM_TARGET, view->target);
	put_string(&w, OSCONCEPTS_A_HISTOGRAM_NAME, view->name);
	put_string(&w, OSCONCEPTS_A_HISTOGRAM_UNIT, "ns");
	put_u32(&w, OSCONCEPTS_A_HISTOGRAM_SUB_BITS, OSC_TIME_SUB_BITS);
	put_u64(&w, OSCONCEPTS_A_HISTOGRAM_COUNT, view->count);
	put_u64(&w, OSCONCEPTS_A_HISTOGRAM_SUM, view->sum);
	if (view->has_useless)
		put_u64(&w, OSCONCEPTS_A_HISTOGRAM_USELESS, view->useless);
	put_slots(&w, view);
	put_u64(&w, OSCONCEPTS_A_HISTOGRAM_SINCE_NS, view->since_ns);
	put_u64(&w, OSCONCEPTS_A_HISTOGRAM_TIME_NS, view->time_ns);
	return writer_end(&w);
}
