// SPDX-License-Identifier: GPL-2.0-or-later
#include "nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

uint64_t counter(const struct counts *counts, int attribute)
{
	return counts->value[attribute];
}

struct nlmsghdr *nl_request(struct nl *nl, char *buf, uint8_t cmd,
			    uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = OSCONCEPTS_FAMILY_VERSION;
	return nlh;
}

/* The text that the kernel gives with an error: behind its copy of ours, or
 * behind the result of a dump.
 */
static void take_message(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	size_t offset = sizeof(*error);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (nlh->nlmsg_type == NLMSG_DONE)
		offset = sizeof(int);
	else if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += error->msg.nlmsg_len - sizeof(error->msg);
	mnl_attr_for_each(attr, nlh, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(nl->message, sizeof(nl->message), "%s",
				 mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_COOKIE)
			nl->in_the_way = mnl_attr_get_u32(attr);
	}
}

/* One message of an answer: 1 more to come, 0 the end, -errno. */
static int take(struct nl *nl, const struct nlmsghdr *nlh, mnl_cb_t cb,
		void *data)
{
	const struct nlmsgerr *error;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		nl->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_DONE:
		take_message(nl, nlh);
		return *(const int *)mnl_nlmsg_get_payload(nlh);
	case NLMSG_ERROR:
		error = mnl_nlmsg_get_payload(nlh);
		take_message(nl, nlh);
		return error->error;
	}
	if (cb)
		cb(nlh, data);
	return 1;
}

int nl_ask(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
	static _Alignas(8) char buf[65536];
	const struct nlmsghdr *answer;
	ssize_t received;
	int left, rc;

	nl->message[0] = '\0';
	nl->in_the_way = 0;
	nl->interrupted = false;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		received = mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));
		if (received < 0)
			return -errno;
		left = (int)received;
		for (answer = (void *)buf; mnl_nlmsg_ok(answer, left);
		     answer = mnl_nlmsg_next(answer, &left)) {
			if (answer->nlmsg_seq != nlh->nlmsg_seq)
				continue;
			rc = take(nl, answer, cb, data);
			if (rc <= 0)
				return rc;
		}
	}
}

static int take_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *group, *field;
	struct nl *nl = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr) mnl_attr_for_each_nested(
			field, group) if (mnl_attr_get_type(field) ==
					  CTRL_ATTR_MCAST_GRP_ID)
			nl->group = mnl_attr_get_u32(field);
	}
	return MNL_CB_OK;
}

int nl_try_open(struct nl *nl)
{
	char buf[256];
	struct nlmsghdr *nlh;
	int on = 1, rc;

	memset(nl, 0, sizeof(*nl));
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on,
				  sizeof(on)) < 0 ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on,
				  sizeof(on)) < 0) {
		rc = -errno;
		nl_close(nl);
		return rc;
	}
	nl->family = GENL_ID_CTRL;
	nlh = nl_request(nl, buf, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, OSCONCEPTS_FAMILY_NAME);
	rc = nl_ask(nl, nlh, take_family, nl);
	if (rc)
		nl_close(nl);
	return rc;
}

void nl_open(struct nl *nl)
{
	int rc = nl_try_open(nl);

	if (!rc)
		return;
	errno = -rc;
	tap_bail("the netlink family cannot be opened");
}

void nl_close(struct nl *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

static uint64_t get_u64(const struct nlattr *attr)
{
	uint64_t value;

	/* The payload may be aligned to 4 bytes only. */
	memcpy(&value, mnl_attr_get_payload(attr), sizeof(value));
	return value;
}

static void take_counts(const struct nlattr *nest, struct counts *out)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == OSCONCEPTS_A_COUNTERS_PAD ||
		    type > OSCONCEPTS_A_COUNTERS_MAX)
			continue;
		out->value[type] = get_u64(attr);
		out->present |= 1U << type;
	}
}

static void take_target_attr(const struct nlattr *attr, struct target *out)
{
	switch (mnl_attr_get_type(attr)) {
	case OSCONCEPTS_A_TARGET_ID:
		out->id = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_PID:
		out->pid = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_FLAGS:
		out->flags = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_UID:
		out->uid = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_COMM:
		snprintf(out->comm, sizeof(out->comm), "%s",
			 mnl_attr_get_str(attr));
		break;
	case OSCONCEPTS_A_TARGET_STATE:
		out->state = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_COUNTERS:
		take_counts(attr, &out->counts);
		break;
	case OSCONCEPTS_A_TARGET_TASKS_LIVE:
		out->tasks_live = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_TASKS_EXITED:
		out->tasks_exited = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_LOST:
		out->lost = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_SINCE_NS:
		out->since_ns = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_TIME_NS:
		out->time_ns = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_EPOLL_CALLBACKS_UNKNOWN:
		out->callbacks_unknown = get_u64(attr);
		break;
	case OSCONCEPTS_A_TARGET_ROOT_STATE:
		out->root_state = mnl_attr_get_u32(attr);
		break;
	case OSCONCEPTS_A_TARGET_ROOT_START_NS:
		out->root_start_ns = get_u64(attr);
		break;
	}
}

static int take_target(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	struct target *out = data;

	memset(out, 0, sizeof(*out));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		take_target_attr(attr, out);
	return MNL_CB_OK;
}

static int take_source(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	struct source *out = data;

	memset(out, 0, sizeof(*out));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		switch (mnl_attr_get_type(attr)) {
		case OSCONCEPTS_A_SOURCE_NAME:
			snprintf(out->name, sizeof(out->name), "%s",
				 mnl_attr_get_str(attr));
			break;
		case OSCONCEPTS_A_SOURCE_STATE:
			out->state = mnl_attr_get_u32(attr);
			break;
		case OSCONCEPTS_A_SOURCE_VIA:
			out->via = mnl_attr_get_u32(attr);
			break;
		case OSCONCEPTS_A_SOURCE_WHY:
			snprintf(out->why, sizeof(out->why), "%s",
				 mnl_attr_get_str(attr));
			break;
		case OSCONCEPTS_A_SOURCE_HITS:
			out->hits = get_u64(attr);
			break;
		case OSCONCEPTS_A_SOURCE_LOST:
			out->lost = get_u64(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

static int take_totals(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	struct totals *out = data;

	memset(out, 0, sizeof(*out));
	out->cpu = -1;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		switch (mnl_attr_get_type(attr)) {
		case OSCONCEPTS_A_TOTALS_CPU:
			out->cpu = mnl_attr_get_u32(attr);
			break;
		case OSCONCEPTS_A_TOTALS_COUNTERS:
			take_counts(attr, &out->counts);
			break;
		case OSCONCEPTS_A_TOTALS_SINCE_NS:
			out->since_ns = get_u64(attr);
			break;
		case OSCONCEPTS_A_TOTALS_TIME_NS:
			out->time_ns = get_u64(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

static int ask_target(struct nl *nl, uint8_t cmd, uint32_t id,
		      struct target *out)
{
	struct target scratch;
	char buf[128];
	struct nlmsghdr *nlh = nl_request(nl, buf, cmd, 0);

	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, id);
	return nl_ask(nl, nlh, take_target, out ? out : &scratch);
}

int nl_target_add(struct nl *nl, pid_t pid, uint32_t flags, struct target *out)
{
	struct target scratch;
	char buf[128];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);

	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_PID, (uint32_t)pid);
	if (flags)
		mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_FLAGS, flags);
	return nl_ask(nl, nlh, take_target, out ? out : &scratch);
}

int nl_target_get(struct nl *nl, uint32_t id, struct target *out)
{
	return ask_target(nl, OSCONCEPTS_CMD_TARGET_GET, id, out);
}

int nl_target_del(struct nl *nl, uint32_t id, struct target *out)
{
	return ask_target(nl, OSCONCEPTS_CMD_TARGET_DEL, id, out);
}

int nl_source_get(struct nl *nl, const char *name, struct source *out)
{
	char buf[128];
	struct nlmsghdr *nlh =
		nl_request(nl, buf, OSCONCEPTS_CMD_SOURCE_GET, 0);

	mnl_attr_put_strz(nlh, OSCONCEPTS_A_SOURCE_NAME, name);
	return nl_ask(nl, nlh, take_source, out);
}

int nl_totals_get(struct nl *nl, struct totals *out)
{
	char buf[128];

	return nl_ask(nl, nl_request(nl, buf, OSCONCEPTS_CMD_TOTALS_GET, 0),
		      take_totals, out);
}

static int take_one(const struct nlmsghdr *nlh, void *data)
{
	struct nl_list *list = data;

	if (list->count < list->max)
		list->take(nlh, (char *)list->out +
					list->size * (size_t)list->count);
	list->count++;
	return MNL_CB_OK;
}

int nl_ask_dump(struct nl *nl, struct nlmsghdr *nlh, struct nl_list *list)
{
	int rc = nl_ask(nl, nlh, take_one, list);

	return rc ? rc : list->count;
}

static int dump_all(struct nl *nl, uint8_t cmd, struct nl_list *list)
{
	char buf[128];

	return nl_ask_dump(nl, nl_request(nl, buf, cmd, NLM_F_DUMP), list);
}

int nl_targets(struct nl *nl, struct target *out, int max)
{
	struct nl_list list = { take_target, out, sizeof(*out), max, 0 };

	return dump_all(nl, OSCONCEPTS_CMD_TARGET_GET, &list);
}

int nl_sources(struct nl *nl, struct source *out, int max)
{
	struct nl_list list = { take_source, out, sizeof(*out), max, 0 };

	return dump_all(nl, OSCONCEPTS_CMD_SOURCE_GET, &list);
}

int nl_totals_by_cpu(struct nl *nl, struct totals *out, int max)
{
	struct nl_list list = { take_totals, out, sizeof(*out), max, 0 };

	return dump_all(nl, OSCONCEPTS_CMD_TOTALS_GET, &list);
}

int nl_subscribe(struct nl *nl)
{
	int group = (int)nl->group;

	return mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &group,
				     sizeof(group)) < 0 ?
		       -errno :
		       0;
}

int nl_notified(struct nl *nl, int timeout_ms, struct target *out)
{
	struct pollfd ready = { .fd = mnl_socket_get_fd(nl->socket),
				.events = POLLIN };
	static _Alignas(8) char buf[16384];
	const struct nlmsghdr *nlh = (void *)buf;
	const struct genlmsghdr *genl;
	int rc = poll(&ready, 1, timeout_ms);

	if (rc <= 0)
		return rc < 0 ? -errno : 0;
	rc = (int)mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));
	if (rc < 0)
		return -errno;
	if (!mnl_nlmsg_ok(nlh, rc) || nlh->nlmsg_type != nl->family)
		return -EPROTO;
	take_target(nlh, out);
	genl = mnl_nlmsg_get_payload(nlh);
	return genl->cmd;
}
