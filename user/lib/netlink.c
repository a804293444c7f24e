// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/error.h"

/* Larger than any message the kernel builds (32 KiB for a dump). */
#define RECEIVE_SIZE 65536
#define REQUEST_SIZE 1024
/* Room for a burst of notifications while the reader prints. */
#define SOCKET_BUFFER (1 << 20)
/* An answer that has not ended by then has none: a long dump takes a second. */
#define ANSWER_NS (60 * OSC_NS_PER_S)
/* Messages of other processes that are passed over at a time. */
#define STRANGERS_MAX 64

struct osc_netlink {
	struct mnl_socket *socket;
	uint32_t seq;
	uint32_t portid;
	uint32_t cookie; /* of the last refusal */
	/* Aligned as the headers read in them must be. */
	_Alignas(NLMSG_ALIGNTO) char request[REQUEST_SIZE];
	_Alignas(8) char receive[RECEIVE_SIZE];
};

static void set_options(struct osc_netlink *nl)
{
	const struct timeval look = { .tv_sec = 1 };
	int on = 1, size = SOCKET_BUFFER;

	/* Refused by older kernels: then refusals come without a reason, and
	 * dumps unchecked, but they come.
	 */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on,
			      sizeof(on));
	/* An error need not repeat the request. */
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	/* How often a request looks whether its time is up. */
	setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO,
		   &look, sizeof(look));
	setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVBUF, &size,
		   sizeof(size));
}

int osc_netlink_open(struct osc_netlink **out, struct osc_error *e)
{
	struct osc_netlink *nl = calloc(1, sizeof(*nl));

	*out = NULL;
	if (!nl)
		return osc_error_set(e, ENOMEM,
				     "cannot open netlink: out of memory");
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket ||
	    mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;

		osc_netlink_close(nl);
		return osc_error_set(e, err, "cannot open netlink: %s",
				     strerror(err));
	}
	nl->portid = mnl_socket_get_portid(nl->socket);
	nl->seq = (uint32_t)time(NULL);
	set_options(nl);
	*out = nl;
	return 0;
}

void osc_netlink_close(struct osc_netlink *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
}

int osc_netlink_fd(const struct osc_netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

/* Strings must end inside; numbers must have their size; 0 checks nothing. */
static bool has_type(const struct nlattr *attr, enum mnl_attr_data_type type)
{
	static const uint16_t sizes[] = {
		[MNL_TYPE_U8] = 1,
		[MNL_TYPE_U16] = 2,
		[MNL_TYPE_U32] = 4,
		[MNL_TYPE_U64] = 8,
	};
	uint16_t length = mnl_attr_get_payload_len(attr);

	if (type == MNL_TYPE_NUL_STRING)
		return length &&
		       memchr(mnl_attr_get_payload(attr), '\0', length);
	if (type < sizeof(sizes) / sizeof(*sizes) && sizes[type])
		return length == sizes[type];
	return true;
}

int osc_netlink_attributes(const void *attr, size_t length,
			   const enum mnl_attr_data_type *types, uint16_t max,
			   const struct nlattr **table)
{
	const char *p = attr;

	memset(table, 0, ((size_t)max + 1) * sizeof(*table));
	while (length >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const void *)p;
		uint16_t type = mnl_attr_get_type(a);
		size_t step;

		if (a->nla_len < sizeof(*a) || a->nla_len > length)
			return -EBADMSG;
		if (type <= max) {
			if (!has_type(a, types[type]))
				return -EBADMSG;
			table[type] = a;
		}
		step = MNL_ALIGN(a->nla_len);
		if (step > length)
			step = length;
		p += step;
		length -= step;
	}
	return length ? -EBADMSG : 0;
}

/* The reason in an extended ack, if the kernel gave one. */
static void take_why(struct osc_netlink_answer *a, const struct nlmsghdr *nlh,
		     size_t skip, int err)
{
	static const enum mnl_attr_data_type types[NLMSGERR_ATTR_COOKIE + 1] = {
		[NLMSGERR_ATTR_MSG] = MNL_TYPE_NUL_STRING,
	};
	const struct nlattr *table[NLMSGERR_ATTR_COOKIE + 1];
	const struct nlattr *cookie;
	size_t length = mnl_nlmsg_get_payload_len(nlh);

	snprintf(a->why, sizeof(a->why), "%s", strerror(err));
	skip = MNL_ALIGN(skip);
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || skip > length)
		return;
	if (osc_netlink_attributes(
		    (const char *)mnl_nlmsg_get_payload(nlh) + skip,
		    length - skip, types, NLMSGERR_ATTR_COOKIE, table))
		return;
	cookie = table[NLMSGERR_ATTR_COOKIE];
	if (cookie && mnl_attr_get_payload_len(cookie) == sizeof(uint32_t))
		a->cookie = mnl_attr_get_u32(cookie);
	if (table[NLMSGERR_ATTR_MSG])
		snprintf(a->why, sizeof(a->why), "%s",
			 mnl_attr_get_str(table[NLMSGERR_ATTR_MSG]));
}

/* The end of a request: 1, or the refusal. */
static int take_error(struct osc_netlink_answer *a, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error) || error->error > 0)
		return -EBADMSG;
	if (!error->error)
		return 1;
	/* The request is repeated in it, unless the flag says otherwise. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) &&
	    error->msg.nlmsg_len > sizeof(error->msg))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	take_why(a, nlh, skip, -error->error);
	return error->error;
}

/* The end of a dump, with an errno. */
static int take_done(struct osc_netlink_answer *a, const struct nlmsghdr *nlh)
{
	int err;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(err))
		return 1;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	if (err > 0)
		return -EBADMSG;
	if (err)
		take_why(a, nlh, sizeof(err), -err);
	return err ? err : 1;
}

static int take_message(struct osc_netlink_answer *a,
			const struct nlmsghdr *nlh)
{
	/* Left from a request that was given up. */
	if (nlh->nlmsg_seq != a->seq || nlh->nlmsg_pid != a->portid)
		return 0;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return 0;
	case NLMSG_ERROR:
		return take_error(a, nlh);
	case NLMSG_DONE:
		return take_done(a, nlh);
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	return a->fn ? a->fn(nlh, a->arg) : 0;
}

int osc_netlink_feed(struct osc_netlink_answer *a, const void *buf,
		     size_t length)
{
	const struct nlmsghdr *nlh = buf;
	int left, ret = 0;

	if (length > INT32_MAX)
		return -EBADMSG;
	left = (int)length;
	while (!ret && mnl_nlmsg_ok(nlh, left)) {
		ret = take_message(a, nlh);
		nlh = mnl_nlmsg_next(nlh, &left);
	}
	/* A header that promises more than there is. */
	if (!ret && left > 0)
		ret = -EBADMSG;
	if (ret < 0 && !a->why[0])
		snprintf(a->why, sizeof(a->why), "%s",
			 ret == -EBADMSG ?
				 "the kernel's answer makes no sense" :
				 strerror(-ret));
	return ret;
}

/*
 * One datagram, from the kernel and whole; its length, or -errno. -EAGAIN when
 * there is none, or nothing but those of others for a while.
 */
static ssize_t receive(struct osc_netlink *nl, int flags)
{
	for (int left = STRANGERS_MAX; left; left--) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { nl->receive, sizeof(nl->receive) };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		ssize_t n = recvmsg(mnl_socket_get_fd(nl->socket), &msg, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* Only port 0 is the kernel: root may write to us, too. */
		if (msg.msg_namelen != sizeof(from) || from.nl_pid)
			continue;
		return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
	return -EAGAIN;
}

struct nlmsghdr *osc_netlink_begin(struct osc_netlink *nl,
				   const struct osc_netlink_family *family,
				   uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->request);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family->id;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = (uint8_t)family->version;
	return nlh;
}

static int send_request(struct osc_netlink *nl, const struct nlmsghdr *nlh)
{
	ssize_t n;

	do {
		n = mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int osc_netlink_request(struct osc_netlink *nl, struct nlmsghdr *request,
			osc_netlink_fn fn, void *arg,
			char why[OSC_NETLINK_WHY_SIZE])
{
	struct osc_netlink_answer a = { .seq = request->nlmsg_seq,
					.portid = nl->portid,
					.fn = fn,
					.arg = arg };
	uint64_t end = osc_clock_ns() + ANSWER_NS;
	int ret = send_request(nl, request);

	while (!ret) {
		ssize_t n = receive(nl, 0);

		if (n >= 0)
			ret = osc_netlink_feed(&a, nl->receive, (size_t)n);
		else if (n != -EAGAIN)
			ret = (int)n;
		/* Also of an answer that has no end. */
		if (!ret && osc_clock_ns() >= end)
			ret = -ETIMEDOUT;
	}
	if (ret == 1)
		ret = a.interrupted ? -EAGAIN : 0;
	nl->cookie = ret ? a.cookie : 0;
	if (ret)
		snprintf(why, OSC_NETLINK_WHY_SIZE, "%s",
			 a.why[0] ? a.why : strerror(-ret));
	return ret;
}

uint32_t osc_netlink_cookie(const struct osc_netlink *nl)
{
	return nl->cookie;
}

int osc_netlink_join(struct osc_netlink *nl, uint32_t group)
{
	return mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &group,
				     sizeof(group)) < 0 ?
		       -errno :
		       0;
}

int osc_netlink_receive(struct osc_netlink *nl, osc_netlink_fn fn, void *arg)
{
	/* The kernel sends notifications with no sequence and no port. */
	struct osc_netlink_answer a = { .fn = fn, .arg = arg };
	ssize_t n = receive(nl, MSG_DONTWAIT);

	return n < 0 ? (int)n : osc_netlink_feed(&a, nl->receive, (size_t)n);
}

uint32_t osc_netlink_dropped(const struct osc_netlink *nl)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(osc_netlink_fd(nl), SOL_SOCKET, SO_MEMINFO, info, &size))
		return 0;
	return info[SK_MEMINFO_DROPS];
}

static int take_groups(const struct nlattr *groups,
		       struct osc_netlink_family *out)
{
	static const enum mnl_attr_data_type types[CTRL_ATTR_MCAST_GRP_ID + 1] = {
		[CTRL_ATTR_MCAST_GRP_NAME] = MNL_TYPE_NUL_STRING,
		[CTRL_ATTR_MCAST_GRP_ID] = MNL_TYPE_U32,
	};
	const struct nlattr *table[CTRL_ATTR_MCAST_GRP_ID + 1], *group;

	mnl_attr_for_each_nested(group, groups)
	{
		const struct nlattr *name, *id;

		if (osc_netlink_attributes(mnl_attr_get_payload(group),
					   mnl_attr_get_payload_len(group),
					   types, CTRL_ATTR_MCAST_GRP_ID,
					   table))
			return -EBADMSG;
		name = table[CTRL_ATTR_MCAST_GRP_NAME];
		id = table[CTRL_ATTR_MCAST_GRP_ID];
		if (!name || !id || out->nr_groups == OSC_NETLINK_GROUPS_MAX)
			continue;
		snprintf(out->groups[out->nr_groups].name,
			 sizeof(out->groups[0].name), "%s",
			 mnl_attr_get_str(name));
		out->groups[out->nr_groups++].id = mnl_attr_get_u32(id);
	}
	return 0;
}

static int take_family(const struct nlmsghdr *nlh, void *arg)
{
	static const enum mnl_attr_data_type types[CTRL_ATTR_MCAST_GROUPS + 1] = {
		[CTRL_ATTR_FAMILY_ID] = MNL_TYPE_U16,
		[CTRL_ATTR_VERSION] = MNL_TYPE_U32,
	};
	const struct nlattr *table[CTRL_ATTR_MCAST_GROUPS + 1];
	struct osc_netlink_family *out = arg;

	if (osc_netlink_attributes(mnl_nlmsg_get_payload_offset(nlh,
								GENL_HDRLEN),
				   mnl_nlmsg_get_payload_len(nlh) - GENL_HDRLEN,
				   types, CTRL_ATTR_MCAST_GROUPS, table) ||
	    !table[CTRL_ATTR_FAMILY_ID] || !table[CTRL_ATTR_VERSION])
		return -EBADMSG;
	out->id = mnl_attr_get_u16(table[CTRL_ATTR_FAMILY_ID]);
	out->version = mnl_attr_get_u32(table[CTRL_ATTR_VERSION]);
	return table[CTRL_ATTR_MCAST_GROUPS] ?
		       take_groups(table[CTRL_ATTR_MCAST_GROUPS], out) :
		       0;
}

int osc_netlink_family(struct osc_netlink *nl, const char *name,
		       struct osc_netlink_family *out, struct osc_error *e)
{
	static const struct osc_netlink_family control = { .id = GENL_ID_CTRL,
							   .version = 2 };
	struct nlmsghdr *nlh =
		osc_netlink_begin(nl, &control, CTRL_CMD_GETFAMILY, 0);
	char why[OSC_NETLINK_WHY_SIZE];
	int ret;

	*out = (struct osc_netlink_family){ 0 };
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	ret = osc_netlink_request(nl, nlh, take_family, out, why);
	if (!ret && !out->id)
		ret = -ENOENT;
	if (ret && ret != -ENOENT)
		return osc_error_set(e, -ret,
				     "cannot find the netlink family %s: %s",
				     name, why);
	return ret;
}
