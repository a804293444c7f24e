// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/module_msg.h"

#include <ctype.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/osconcepts.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/netlink.h"

_Static_assert(OSC_WATCH_BOUND == OSCONCEPTS_TARGET_FLAGS_BOUND &&
		       OSC_WATCH_NO_FOLLOW == OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW,
	       "our flags are handed to the module as they are");
_Static_assert((int)OSC_TIMING_OFF == (int)OSCONCEPTS_TIMING_LEVEL_OFF &&
		       (int)OSC_TIMING_TARGETS ==
			       (int)OSCONCEPTS_TIMING_LEVEL_TARGETS &&
		       (int)OSC_TIMING_ALL == (int)OSCONCEPTS_TIMING_LEVEL_ALL,
	       "our levels are handed to the module as they are");

static const enum mnl_attr_data_type counter_types[OSCONCEPTS_A_COUNTERS_MAX +
						   1] = {
	[OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_CPU_NS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS] = MNL_TYPE_U64,
};

static const struct {
	uint16_t attribute;
	enum osc_counter counter;
} counters[] = {
	{ OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY,
	  OSC_SWITCHES_VOLUNTARY },
	{ OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_INVOLUNTARY,
	  OSC_SWITCHES_INVOLUNTARY },
	{ OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR, OSC_FAULTS_MINOR },
	{ OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MAJOR, OSC_FAULTS_MAJOR },
	{ OSCONCEPTS_A_COUNTERS_EPOLL_CALLBACKS, OSC_EPOLL_CALLBACKS },
	{ OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS, OSC_EPOLL_WAKEUPS },
	{ OSCONCEPTS_A_COUNTERS_CPU_NS, OSC_CPU_NS },
	{ OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS, OSC_RUN_DELAY_NS },
};

static const enum mnl_attr_data_type source_types[OSCONCEPTS_A_SOURCE_MAX + 1] = {
	[OSCONCEPTS_A_SOURCE_NAME] = MNL_TYPE_NUL_STRING,
	[OSCONCEPTS_A_SOURCE_STATE] = MNL_TYPE_U32,
	[OSCONCEPTS_A_SOURCE_VIA] = MNL_TYPE_U32,
	[OSCONCEPTS_A_SOURCE_WHY] = MNL_TYPE_NUL_STRING,
	[OSCONCEPTS_A_SOURCE_HITS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_SOURCE_LOST] = MNL_TYPE_U64,
	[OSCONCEPTS_A_SOURCE_GAPS] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type totals_types[OSCONCEPTS_A_TOTALS_MAX + 1] = {
	[OSCONCEPTS_A_TOTALS_CPU] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TOTALS_COUNTERS] = MNL_TYPE_NESTED,
	[OSCONCEPTS_A_TOTALS_SINCE_NS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TOTALS_TIME_NS] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type target_types[OSCONCEPTS_A_TARGET_MAX + 1] = {
	[OSCONCEPTS_A_TARGET_ID] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_PID] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_FLAGS] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_UID] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_COMM] = MNL_TYPE_NUL_STRING,
	[OSCONCEPTS_A_TARGET_STATE] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_COUNTERS] = MNL_TYPE_NESTED,
	[OSCONCEPTS_A_TARGET_TASKS_LIVE] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_TASKS_EXITED] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_LOST] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_SINCE_NS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_TIME_NS] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_EPOLL_CALLBACKS_UNKNOWN] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TARGET_ROOT_STATE] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TARGET_ROOT_START_NS] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type timing_types[OSCONCEPTS_A_TIMING_MAX + 1] = {
	[OSCONCEPTS_A_TIMING_NAME] = MNL_TYPE_NUL_STRING,
	[OSCONCEPTS_A_TIMING_LEVEL] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TIMING_STATE] = MNL_TYPE_U32,
	[OSCONCEPTS_A_TIMING_WHY] = MNL_TYPE_NUL_STRING,
	[OSCONCEPTS_A_TIMING_LOST] = MNL_TYPE_U64,
	[OSCONCEPTS_A_TIMING_SINCE_NS] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type
	histogram_types[OSCONCEPTS_A_HISTOGRAM_MAX + 1] = {
		[OSCONCEPTS_A_HISTOGRAM_TARGET] = MNL_TYPE_U32,
		[OSCONCEPTS_A_HISTOGRAM_NAME] = MNL_TYPE_NUL_STRING,
		[OSCONCEPTS_A_HISTOGRAM_UNIT] = MNL_TYPE_NUL_STRING,
		[OSCONCEPTS_A_HISTOGRAM_SUB_BITS] = MNL_TYPE_U32,
		[OSCONCEPTS_A_HISTOGRAM_COUNT] = MNL_TYPE_U64,
		[OSCONCEPTS_A_HISTOGRAM_SUM] = MNL_TYPE_U64,
		[OSCONCEPTS_A_HISTOGRAM_USELESS] = MNL_TYPE_U64,
		[OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT] = MNL_TYPE_U32,
		[OSCONCEPTS_A_HISTOGRAM_SINCE_NS] = MNL_TYPE_U64,
		[OSCONCEPTS_A_HISTOGRAM_TIME_NS] = MNL_TYPE_U64,
	};

static int attributes(const struct nlmsghdr *nlh,
		      const enum mnl_attr_data_type *types, uint16_t max,
		      const struct nlattr **table)
{
	size_t length = mnl_nlmsg_get_payload_len(nlh);

	if (length < GENL_HDRLEN)
		return -EBADMSG;
	return osc_netlink_attributes(mnl_nlmsg_get_payload_offset(nlh,
								   GENL_HDRLEN),
				      length - GENL_HDRLEN, types, max, table);
}

static uint64_t u64_or_0(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u64(attr) : 0;
}

static uint32_t u32_or_0(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

/* A process may call itself anything, escape sequences included. */
static void copy_text(char *out, size_t size, const struct nlattr *attr)
{
	snprintf(out, size, "%s", attr ? mnl_attr_get_str(attr) : "");
	for (; *out; out++) {
		if (iscntrl((unsigned char)*out))
			*out = '?';
	}
}

/* The module tells the time with the clock that counts a suspended machine. */
static uint64_t monotonic(const struct nlattr *boottime)
{
	struct timespec ts;
	uint64_t boot, slept;

	if (!boottime)
		return osc_clock_ns();
	clock_gettime(CLOCK_BOOTTIME, &ts);
	boot = (uint64_t)ts.tv_sec * OSC_NS_PER_S + (uint64_t)ts.tv_nsec;
	slept = boot - osc_clock_ns();
	/* Under a microsecond is the time between the two readings. */
	if ((int64_t)slept < (int64_t)OSC_NS_PER_US)
		slept = 0;
	return mnl_attr_get_u64(boottime) - slept;
}

static int take_counters(const struct nlattr *nest, struct osc_counts *out)
{
	const struct nlattr *table[OSCONCEPTS_A_COUNTERS_MAX + 1];
	int ret;

	out->backend = OSC_BACKEND_MODULE;
	if (!nest)
		return -EBADMSG;
	ret = osc_netlink_attributes(mnl_attr_get_payload(nest),
				     mnl_attr_get_payload_len(nest),
				     counter_types, OSCONCEPTS_A_COUNTERS_MAX,
				     table);
	if (ret)
		return ret;
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		const struct nlattr *attr = table[counters[i].attribute];

		if (attr)
			osc_counts_set(out, counters[i].counter,
				       mnl_attr_get_u64(attr));
	}
	if (osc_counts_have(out, OSC_SWITCHES_VOLUNTARY) &&
	    osc_counts_have(out, OSC_SWITCHES_INVOLUNTARY))
		osc_counts_set(out, OSC_SWITCHES,
			       out->value[OSC_SWITCHES_VOLUNTARY] +
				       out->value[OSC_SWITCHES_INVOLUNTARY]);
	return 0;
}

static const char *state_name(uint32_t state)
{
	static const char *const states[] = {
		[OSCONCEPTS_SOURCE_STATE_UNAVAILABLE] = "unavailable",
		[OSCONCEPTS_SOURCE_STATE_OFF] = "off",
		[OSCONCEPTS_SOURCE_STATE_ON] = "on",
		[OSCONCEPTS_SOURCE_STATE_SILENCED] = "silenced",
	};

	return state < sizeof(states) / sizeof(*states) ? states[state] :
							  "unknown";
}

int osc_module_msg_source(const struct nlmsghdr *nlh, struct osc_source *out)
{
	static const char *const vias[] = {
		[OSCONCEPTS_VIA_NOTHING] = "nothing",
		[OSCONCEPTS_VIA_FIELDS] = "fields",
		[OSCONCEPTS_VIA_TRACEPOINT] = "tracepoint",
		[OSCONCEPTS_VIA_DIRECT] = "direct",
		[OSCONCEPTS_VIA_FTRACE] = "ftrace",
		[OSCONCEPTS_VIA_KPROBE] = "kprobe",
	};
	const struct nlattr *table[OSCONCEPTS_A_SOURCE_MAX + 1];
	int ret = attributes(nlh, source_types, OSCONCEPTS_A_SOURCE_MAX, table);
	uint32_t via;

	if (ret)
		return ret;
	if (!table[OSCONCEPTS_A_SOURCE_NAME] ||
	    !table[OSCONCEPTS_A_SOURCE_STATE])
		return -EBADMSG;
	via = u32_or_0(table[OSCONCEPTS_A_SOURCE_VIA]);
	*out = (struct osc_source){
		.state = state_name(
			mnl_attr_get_u32(table[OSCONCEPTS_A_SOURCE_STATE])),
		.via = via < sizeof(vias) / sizeof(*vias) ? vias[via] :
							    "unknown",
		.hits = u64_or_0(table[OSCONCEPTS_A_SOURCE_HITS]),
		.lost = u64_or_0(table[OSCONCEPTS_A_SOURCE_LOST]),
		.gaps = u64_or_0(table[OSCONCEPTS_A_SOURCE_GAPS]),
	};
	copy_text(out->name, sizeof(out->name),
		  table[OSCONCEPTS_A_SOURCE_NAME]);
	copy_text(out->why, sizeof(out->why), table[OSCONCEPTS_A_SOURCE_WHY]);
	return 0;
}

int osc_module_msg_totals(const struct nlmsghdr *nlh,
			  struct osc_cpu_counts *out)
{
	const struct nlattr *table[OSCONCEPTS_A_TOTALS_MAX + 1];
	int ret = attributes(nlh, totals_types, OSCONCEPTS_A_TOTALS_MAX, table);

	if (ret)
		return ret;
	*out = (struct osc_cpu_counts){
		.cpu = table[OSCONCEPTS_A_TOTALS_CPU] ?
			       mnl_attr_get_u32(
				       table[OSCONCEPTS_A_TOTALS_CPU]) :
			       UINT32_MAX,
		.counts.time_ns = monotonic(table[OSCONCEPTS_A_TOTALS_TIME_NS]),
	};
	return take_counters(table[OSCONCEPTS_A_TOTALS_COUNTERS], &out->counts);
}

/* A module that does not say it: as far as the tree tells. */
static bool root_lives(const struct nlattr *const *table)
{
	const struct nlattr *state = table[OSCONCEPTS_A_TARGET_ROOT_STATE];

	if (!state)
		state = table[OSCONCEPTS_A_TARGET_STATE];
	return u32_or_0(state) == OSCONCEPTS_TARGET_STATE_LIVE;
}

int osc_module_msg_target(const struct nlmsghdr *nlh, struct osc_target *out)
{
	const struct nlattr *table[OSCONCEPTS_A_TARGET_MAX + 1];
	int ret = attributes(nlh, target_types, OSCONCEPTS_A_TARGET_MAX, table);

	if (ret)
		return ret;
	*out = (struct osc_target){
		.id = u32_or_0(table[OSCONCEPTS_A_TARGET_ID]),
		.pid = (pid_t)u32_or_0(table[OSCONCEPTS_A_TARGET_PID]),
		.flags = u32_or_0(table[OSCONCEPTS_A_TARGET_FLAGS]),
		.uid = u32_or_0(table[OSCONCEPTS_A_TARGET_UID]),
		.exited = u32_or_0(table[OSCONCEPTS_A_TARGET_STATE]) ==
			  OSCONCEPTS_TARGET_STATE_EXITED,
		.root_lives = root_lives(table),
		.since_ns = monotonic(table[OSCONCEPTS_A_TARGET_SINCE_NS]),
		.counts = {
			.callbacks_unknown = u64_or_0(
				table[OSCONCEPTS_A_TARGET_EPOLL_CALLBACKS_UNKNOWN]),
			.time_ns = monotonic(table[OSCONCEPTS_A_TARGET_TIME_NS]),
			.tasks_live = u64_or_0(
				table[OSCONCEPTS_A_TARGET_TASKS_LIVE]),
			.tasks_exited = u64_or_0(
				table[OSCONCEPTS_A_TARGET_TASKS_EXITED]),
			.lost = u64_or_0(table[OSCONCEPTS_A_TARGET_LOST]),
		},
	};
	/* No target has number 0: a message without one names none. */
	if (!out->id)
		return -EBADMSG;
	copy_text(out->comm, sizeof(out->comm),
		  table[OSCONCEPTS_A_TARGET_COMM]);
	osc_counts_missed(&out->counts, out->counts.lost);
	return take_counters(table[OSCONCEPTS_A_TARGET_COUNTERS], &out->counts);
}

int osc_module_msg_timing(const struct nlmsghdr *nlh, struct osc_timing *out)
{
	const struct nlattr *table[OSCONCEPTS_A_TIMING_MAX + 1];
	int ret = attributes(nlh, timing_types, OSCONCEPTS_A_TIMING_MAX, table);

	if (ret)
		return ret;
	if (!table[OSCONCEPTS_A_TIMING_NAME] ||
	    !table[OSCONCEPTS_A_TIMING_LEVEL] ||
	    !table[OSCONCEPTS_A_TIMING_STATE])
		return -EBADMSG;
	*out = (struct osc_timing){
		.level = mnl_attr_get_u32(table[OSCONCEPTS_A_TIMING_LEVEL]),
		.state = state_name(
			mnl_attr_get_u32(table[OSCONCEPTS_A_TIMING_STATE])),
		.lost = u64_or_0(table[OSCONCEPTS_A_TIMING_LOST]),
		.since_ns = u64_or_0(table[OSCONCEPTS_A_TIMING_SINCE_NS]),
	};
	copy_text(out->name, sizeof(out->name),
		  table[OSCONCEPTS_A_TIMING_NAME]);
	copy_text(out->why, sizeof(out->why), table[OSCONCEPTS_A_TIMING_WHY]);
	return 0;
}

/* The slots must be whole, be some that there are, and add up to the count. */
static int take_slots(const struct nlattr *slots, uint32_t first,
		      struct osc_histogram *out)
{
	size_t length = slots ? mnl_attr_get_payload_len(slots) : 0;
	size_t n = length / sizeof(*out->slots);
	uint64_t count = 0;

	if (length % sizeof(*out->slots) ||
	    n > (size_t)OSC_HIST_SLOTS(out->sub_bits) ||
	    first > OSC_HIST_SLOTS(out->sub_bits) - n)
		return -EBADMSG;
	if (n)
		memcpy(out->slots + first, mnl_attr_get_payload(slots), length);
	for (size_t i = 0; i < n; i++)
		count += out->slots[first + i];
	return count == out->count ? 0 : -EBADMSG;
}

int osc_module_msg_histogram(const struct nlmsghdr *nlh,
			     struct osc_histogram *out)
{
	const struct nlattr *table[OSCONCEPTS_A_HISTOGRAM_MAX + 1];
	int ret = attributes(nlh, histogram_types, OSCONCEPTS_A_HISTOGRAM_MAX,
			     table);

	if (ret)
		return ret;
	if (!table[OSCONCEPTS_A_HISTOGRAM_NAME] ||
	    !table[OSCONCEPTS_A_HISTOGRAM_UNIT] ||
	    !table[OSCONCEPTS_A_HISTOGRAM_SUB_BITS] ||
	    !table[OSCONCEPTS_A_HISTOGRAM_COUNT])
		return -EBADMSG;
	*out = (struct osc_histogram){
		.target = u32_or_0(table[OSCONCEPTS_A_HISTOGRAM_TARGET]),
		.sub_bits = mnl_attr_get_u32(
			table[OSCONCEPTS_A_HISTOGRAM_SUB_BITS]),
		.count = mnl_attr_get_u64(table[OSCONCEPTS_A_HISTOGRAM_COUNT]),
		.sum = u64_or_0(table[OSCONCEPTS_A_HISTOGRAM_SUM]),
		.has_useless = table[OSCONCEPTS_A_HISTOGRAM_USELESS],
		.useless = u64_or_0(table[OSCONCEPTS_A_HISTOGRAM_USELESS]),
		.since_ns = u64_or_0(table[OSCONCEPTS_A_HISTOGRAM_SINCE_NS]),
		.time_ns = u64_or_0(table[OSCONCEPTS_A_HISTOGRAM_TIME_NS]),
	};
	copy_text(out->name, sizeof(out->name),
		  table[OSCONCEPTS_A_HISTOGRAM_NAME]);
	copy_text(out->unit, sizeof(out->unit),
		  table[OSCONCEPTS_A_HISTOGRAM_UNIT]);
	/* Finer slots than we have room for are not ours to guess. */
	if (out->sub_bits > OSC_TIMES_SUB_BITS_MAX)
		return -EBADMSG;
	return take_slots(table[OSCONCEPTS_A_HISTOGRAM_SLOTS],
			  u32_or_0(table[OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT]),
			  out);
}

int osc_module_msg_event(const struct nlmsghdr *nlh, struct osc_event *out)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	*out = (struct osc_event){ 0 };
	if (mnl_nlmsg_get_payload_len(nlh) < GENL_HDRLEN)
		return -EBADMSG;
	switch (genl->cmd) {
	case OSCONCEPTS_CMD_TARGET_ADD_NTF:
		out->kind = OSC_EVENT_ADD;
		break;
	case OSCONCEPTS_CMD_TARGET_EXIT_NTF:
		out->kind = OSC_EVENT_EXIT;
		break;
	case OSCONCEPTS_CMD_TARGET_DEL_NTF:
		out->kind = OSC_EVENT_DEL;
		break;
	default:
		return 1;
	}
	return osc_module_msg_target(nlh, &out->target);
}

bool osc_module_msg_is_end(const struct nlmsghdr *nlh, uint16_t family)
{
	static const enum mnl_attr_data_type types[CTRL_ATTR_FAMILY_ID + 1] = {
		[CTRL_ATTR_FAMILY_ID] = MNL_TYPE_U16,
	};
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[CTRL_ATTR_FAMILY_ID + 1];

	return !attributes(nlh, types, CTRL_ATTR_FAMILY_ID, table) &&
	       genl->cmd == CTRL_CMD_DELFAMILY && table[CTRL_ATTR_FAMILY_ID] &&
	       mnl_attr_get_u16(table[CTRL_ATTR_FAMILY_ID]) == family;
}
