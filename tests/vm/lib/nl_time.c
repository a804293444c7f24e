// SPDX-License-Identifier: GPL-2.0-or-later
#include "nl_time.h"

#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>

static uint64_t get_u64(const struct nlattr *attr)
{
	uint64_t value;

	memcpy(&value, mnl_attr_get_payload(attr), sizeof(value));
	return value;
}

static void take_timing_attr(const struct nlattr *attr, struct timing *out)
{
	switch (mnl_attr_get_type(attr)) {
	case OSCONCEPTS_A_TIMING_NAME:
		snprintf(out->name, sizeof(out->name), "%s",
			 mnl_attr_get_str(attr));
		break;
	case OSCONCEPTS_A_TIMING_LEVEL:
		out->level = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TIMING_STATE:
		out->state = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TIMING_LOST:
		out->lost = get_u64(attr);
		break;
	case OSCONCEPTS_A_TIMING_SINCE_NS:
		out->since_ns = get_u64(attr);
		break;
	}
}

static int take_timing(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	memset(data, 0, sizeof(struct timing));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		take_timing_attr(attr, data);
	return MNL_CB_OK;
}

int nl_timing_set(struct nl *nl, const char *name, uint32_t level)
{
	char buf[256];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_TIMING_SET, 0);

	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TIMING_NAME, name);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TIMING_LEVEL, level);
	return nl_ask(nl, nlh, NULL, NULL);
}

int nl_timing_get(struct nl *nl, const char *name, struct timing *out)
{
	char buf[256];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_TIMING_GET, 0);

	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TIMING_NAME, name);
	return nl_ask(nl, nlh, take_timing, out);
}

int nl_timings(struct nl *nl, struct timing *out, int max)
{
	struct nl_list list = { take_timing, out, sizeof(*out), max, 0 };
	char buf[256];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_TIMING_GET, NLM_F_DUMP);

	return nl_ask_dump(nl, nlh, &list);
}

static void take_slots(const struct nlattr *attr, unsigned int first,
		       struct histogram *out)
{
	size_t count = mnl_attr_get_payload_len(attr) / sizeof(uint64_t);

	for (size_t i = 0; i < count && first + i < TIME_SLOTS; i++) {
		memcpy(&out->slots[first + i],
		       (const char *)mnl_attr_get_payload(attr) +
			       i * sizeof(uint64_t),
		       sizeof(uint64_t));
		out->in_slots += out->slots[first + i];
	}
}

static int take_histogram(const struct nlmsghdr *nlh, void *data)
{
	struct histogram *out = data;
	const struct nlattr *attr;
	unsigned int first = 0;

	memset(out, 0, sizeof(*out));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		switch (mnl_attr_get_type(attr)) {
		case OSCONCEPTS_A_HISTOGRAM_TARGET:
			out->target = mnl_attr_get_u32(attr);
			break;
		case OSCONCEPTS_A_HISTOGRAM_NAME:
			snprintf(out->name, sizeof(out->name), "%s",
				 mnl_attr_get_str(attr));
			break;
		case OSCONCEPTS_A_HISTOGRAM_COUNT:
			out->count = get_u64(attr);
			break;
		case OSCONCEPTS_A_HISTOGRAM_SUM:
			out->sum = get_u64(attr);
			break;
		case OSCONCEPTS_A_HISTOGRAM_USELESS:
			out->useless = get_u64(attr);
			break;
		case OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT:
			first = mnl_attr_get_u32(attr);
			break;
		case OSCONCEPTS_A_HISTOGRAM_SLOTS:
			take_slots(attr, first, out);
			break;
		}
	}
	return MNL_CB_OK;
}

int nl_histogram_get(struct nl *nl, uint32_t target, const char *name,
		     struct histogram *out)
{
	char buf[256];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_HISTOGRAM_GET, 0);

	if (target)
		mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_TARGET, target);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_HISTOGRAM_NAME, name);
	return nl_ask(nl, nlh, take_histogram, out);
}

int nl_histograms(struct nl *nl, int64_t only, struct histogram *out, int max)
{
	struct nl_list list = { take_histogram, out, sizeof(*out), max, 0 };
	char buf[256];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_HISTOGRAM_GET, NLM_F_DUMP);

	if (only >= 0)
		mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_TARGET,
				 (uint32_t)only);
	return nl_ask_dump(nl, nlh, &list);
}
