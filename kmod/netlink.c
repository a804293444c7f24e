// SPDX-License-Identifier: GPL-2.0
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>

/* Made from the specification; its groups are static, hence not a header. */
#include "netlink_gen.c"
#include "compat.h"
#include "epoll.h"
#include "netlink.h"
#include "netlink_put.h"
#include "reader.h"
#include "source.h"
#include "target.h"
#include "timing.h"

static struct genl_multicast_group groups[ARRAY_SIZE(osconcepts_nl_mcgrps)];

static struct genl_family family __ro_after_init = {
	.name = OSCONCEPTS_FAMILY_NAME,
	.version = OSCONCEPTS_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = osconcepts_nl_ops,
	.n_ops = ARRAY_SIZE(osconcepts_nl_ops),
	/* All operations: headers are checked in full. */
	.resv_start_op = OSCONCEPTS_CMD_SOURCE_GET,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/* Open: the family's groups may be written to. */
static DEFINE_MUTEX(notify_lock);
static bool open;

/* A reply that is being filled. */
struct reply {
	struct sk_buff *skb;
	void *header;
};

static int reply_begin(struct reply *reply, struct genl_info *info)
{
	reply->skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply->skb)
		return -ENOMEM;
	reply->header = genlmsg_put_reply(reply->skb, info, &family, 0,
					  info->genlhdr->cmd);
	if (reply->header)
		return 0;
	nlmsg_free(reply->skb);
	return -EMSGSIZE;
}

static int reply_end(struct reply *reply, struct genl_info *info, int error)
{
	if (error) {
		nlmsg_free(reply->skb);
		return error;
	}
	genlmsg_end(reply->skb, reply->header);
	return genlmsg_reply(reply->skb, info);
}

int osconcepts_nl_source_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[OSCONCEPTS_A_SOURCE_NAME];
	const struct osc_source *source;
	struct reply reply;
	unsigned int i;
	int ret;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "needs the name of a source");
		return -EINVAL;
	}
	for (i = 0; (source = osc_source_at(i)); i++) {
		if (!nla_strcmp(name, source->name))
			break;
	}
	if (!source) {
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "no source has this name");
		return -ENOENT;
	}
	ret = reply_begin(&reply, info);
	if (ret)
		return ret;
	return reply_end(&reply, info, osc_put_source(reply.skb, source));
}

/*
 * One message of a dump. Returns false when it did not fit, so that the dump
 * goes on with it in the next buffer.
 */
static bool dump_one(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		     int (*put)(struct sk_buff *skb, const void *item),
		     const void *item)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				   cb->nlh->nlmsg_seq, &family, NLM_F_MULTI,
				   cmd);

	if (!header)
		return false;
	if (put(skb, item)) {
		genlmsg_cancel(skb, header);
		return false;
	}
	genl_dump_check_consistent(cb, header);
	genlmsg_end(skb, header);
	return true;
}

/* A dump is of everything; silently ignoring a filter would mislead. */
static int refuse_attributes(struct netlink_callback *cb, int max)
{
	struct nlattr **attrs = osc_dump_attrs(cb);
	int i;

	for (i = 1; attrs && i <= max; i++) {
		if (!attrs[i])
			continue;
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[i],
				    "dumps take no attributes");
		return -EINVAL;
	}
	return 0;
}

static int put_source_item(struct sk_buff *skb, const void *item)
{
	return osc_put_source(skb, item);
}

int osconcepts_nl_source_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	const struct osc_source *source;

	if (refuse_attributes(cb, OSCONCEPTS_A_SOURCE_NAME))
		return -EINVAL;
	for (; (source = osc_source_at(cb->args[0])); cb->args[0]++) {
		if (!dump_one(skb, cb, OSCONCEPTS_CMD_SOURCE_GET,
			      put_source_item, source))
			break;
	}
	return skb->len;
}

int osconcepts_nl_totals_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[OSCONCEPTS_A_TOTALS_CPU];
	struct reply reply;
	int cpu = -1;
	int ret;

	if (attr) {
		if (nla_get_u32(attr) >= nr_cpu_ids ||
		    !cpu_possible(nla_get_u32(attr))) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr,
					    "no CPU has this number");
			return -ENOENT;
		}
		cpu = nla_get_u32(attr);
	}
	ret = reply_begin(&reply, info);
	if (ret)
		return ret;
	return reply_end(&reply, info, osc_put_totals(reply.skb, cpu));
}

static int put_cpu_item(struct sk_buff *skb, const void *item)
{
	return osc_put_totals(skb, *(const int *)item);
}

int osconcepts_nl_totals_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	int cpu;

	if (refuse_attributes(cb, OSCONCEPTS_A_TOTALS_CPU))
		return -EINVAL;
	for (cpu = cpumask_next((int)cb->args[0] - 1, cpu_possible_mask);
	     cpu < nr_cpu_ids; cpu = cpumask_next(cpu, cpu_possible_mask)) {
		if (!dump_one(skb, cb, OSCONCEPTS_CMD_TOTALS_GET, put_cpu_item,
			      &cpu))
			break;
		cb->args[0] = cpu + 1;
	}
	return skb->len;
}

int osconcepts_nl_target_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *pid = info->attrs[OSCONCEPTS_A_TARGET_PID];
	struct nlattr *flags = info->attrs[OSCONCEPTS_A_TARGET_FLAGS];
	struct osc_target_request request = {};
	struct osc_target_view view;
	struct osc_reader reader;
	struct reply reply;
	int ret;

	if (!pid) {
		NL_SET_ERR_MSG(info->extack, "needs the pid of a process");
		return -EINVAL;
	}
	osc_reader_of_message(skb, &reader);
	request.reader = &reader;
	request.pid = nla_get_u32(pid);
	request.flags = flags ? nla_get_u32(flags) : 0;
	request.net = genl_info_net(info);
	request.portid = info->snd_portid;
	ret = reply_begin(&reply, info);
	if (ret)
		return ret;
	ret = osc_target_add(&request, &view, info->extack);
	if (ret)
		NL_SET_BAD_ATTR(info->extack, pid);
	else
		ret = osc_put_target(reply.skb, &view, current_user_ns());
	return reply_end(&reply, info, ret);
}

static int target_by_id(struct sk_buff *skb, struct genl_info *info,
			int (*act)(u32 id, const struct osc_reader *reader,
				   struct osc_target_view *view))
{
	struct nlattr *id = info->attrs[OSCONCEPTS_A_TARGET_ID];
	struct osc_target_view view;
	struct osc_reader reader;
	struct reply reply;
	int ret;

	if (!id) {
		NL_SET_ERR_MSG(info->extack, "needs the id of a target");
		return -EINVAL;
	}
	osc_reader_of_message(skb, &reader);
	ret = reply_begin(&reply, info);
	if (ret)
		return ret;
	ret = act(nla_get_u32(id), &reader, &view);
	if (ret)
		NL_SET_ERR_MSG_ATTR(info->extack, id,
				    "no such target, or another user's");
	else
		ret = osc_put_target(reply.skb, &view, current_user_ns());
	return reply_end(&reply, info, ret);
}

int osconcepts_nl_target_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return target_by_id(skb, info, osc_target_del);
}

int osconcepts_nl_target_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return target_by_id(skb, info, osc_target_get);
}

static int put_target_item(struct sk_buff *skb, const void *item)
{
	return osc_put_target(skb, item, current_user_ns());
}

/* Where a walk ends, found once; kept plus one, 0 being not yet. */
static u32 last_of_walk(long *kept)
{
	if (!*kept)
		*kept = (long)osc_target_last() + 1;
	return *kept - 1;
}

int osconcepts_nl_target_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	struct osc_target_view view;
	struct osc_reader reader;
	u32 id = max(cb->args[0], 1L);
	u32 last;

	if (refuse_attributes(cb, OSCONCEPTS_A_TARGET_ID))
		return -EINVAL;
	osc_reader_of_message(cb->skb, &reader);
	last = last_of_walk(&cb->args[1]);
	if (!cb->args[0])
		osc_epoll_look();
	/* One that comes or goes meanwhile sets NLM_F_DUMP_INTR. */
	cb->seq = osc_target_generation();
	while (osc_target_next(&id, last, &reader, &view)) {
		if (!dump_one(skb, cb, OSCONCEPTS_CMD_TARGET_GET,
			      put_target_item, &view))
			break;
		cb->args[0] = ++id;
	}
	return skb->len;
}

/* The timing that a request names, or a negative error. */
static int timing_of(struct genl_info *info)
{
	struct nlattr *name = info->attrs[OSCONCEPTS_A_TIMING_NAME];
	int timing;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "needs the name of a timing");
		return -EINVAL;
	}
	timing = osc_timing_find(nla_data(name));
	if (timing < 0)
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "no timing has this name");
	return timing;
}

static int reply_timing(struct genl_info *info, unsigned int timing)
{
	struct reply reply;
	int ret;

	ret = reply_begin(&reply, info);
	if (ret)
		return ret;
	return reply_end(&reply, info, osc_put_timing(reply.skb, timing));
}

int osconcepts_nl_timing_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	int timing = timing_of(info);

	return timing < 0 ? timing : reply_timing(info, timing);
}

static int put_timing_item(struct sk_buff *skb, const void *item)
{
	return osc_put_timing(skb, *(const unsigned int *)item);
}

int osconcepts_nl_timing_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	unsigned int timing;

	if (refuse_attributes(cb, OSCONCEPTS_A_TIMING_NAME))
		return -EINVAL;
	for (timing = cb->args[0]; timing < OSC_NR_TIMINGS; timing++) {
		if (!dump_one(skb, cb, OSCONCEPTS_CMD_TIMING_GET,
			      put_timing_item, &timing))
			break;
		cb->args[0] = timing + 1;
	}
	return skb->len;
}

int osconcepts_nl_timing_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *level = info->attrs[OSCONCEPTS_A_TIMING_LEVEL];
	struct osc_reader reader;
	int timing, ret;

	osc_reader_of_message(skb, &reader);
	if (!reader.privileged) {
		NL_SET_ERR_MSG(info->extack, "needs CAP_PERFMON on the host");
		return -EPERM;
	}
	timing = timing_of(info);
	if (timing < 0)
		return timing;
	if (!level) {
		NL_SET_ERR_MSG(info->extack, "needs a level");
		return -EINVAL;
	}
	ret = osc_timing_set(timing, nla_get_u32(level), info->extack);
	return ret ?: reply_timing(info, timing);
}

static int histogram_of(struct genl_info *info)
{
	struct nlattr *name = info->attrs[OSCONCEPTS_A_HISTOGRAM_NAME];
	int i;

	if (!name) {
		NL_SET_ERR_MSG(info->extack, "needs the name of a histogram");
		return -EINVAL;
	}
	for (i = 0; i < OSC_NR_HISTOGRAMS; i++) {
		if (!nla_strcmp(name, osc_histogram_names[i]))
			return i;
	}
	NL_SET_ERR_MSG_ATTR(info->extack, name, "no histogram has this name");
	return -ENOENT;
}

int osconcepts_nl_histogram_get_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct nlattr *target = info->attrs[OSCONCEPTS_A_HISTOGRAM_TARGET];
	struct osc_histogram_view *view;
	struct osc_reader reader;
	struct reply reply;
	int histogram, ret;

	histogram = histogram_of(info);
	if (histogram < 0)
		return histogram;
	view = kmalloc(sizeof(*view), GFP_KERNEL);
	if (!view)
		return -ENOMEM;
	osc_reader_of_message(skb, &reader);
	ret = reply_begin(&reply, info);
	if (ret)
		goto free;
	if (osc_target_histogram(target ? nla_get_u32(target) : 0, &reader,
				 histogram, view)) {
		ret = osc_put_histogram(reply.skb, view);
	} else {
		NL_SET_ERR_MSG(info->extack,
			       "no such target, another user's, or not timed");
		ret = -ENOENT;
	}
	ret = reply_end(&reply, info, ret);
free:
	kfree(view);
	return ret;
}

static int put_histogram_item(struct sk_buff *skb, const void *item)
{
	return osc_put_histogram(skb, item);
}

/*
 * Where a dump of histograms is: args[0] is the next target, 0 for the whole
 * system, args[1] its next histogram, args[2] set at the end, and args[3] where
 * the walk ends. Returns false when the message does not fit.
 */
static bool dump_histograms_of(struct sk_buff *skb, struct netlink_callback *cb,
			       const struct osc_reader *reader,
			       struct osc_histogram_view *view)
{
	for (; cb->args[1] < OSC_NR_HISTOGRAMS; cb->args[1]++) {
		if (!osc_target_histogram(cb->args[0], reader, cb->args[1],
					  view))
			continue;
		if (!dump_one(skb, cb, OSCONCEPTS_CMD_HISTOGRAM_GET,
			      put_histogram_item, view))
			return false;
	}
	cb->args[1] = 0;
	return true;
}

static void dump_histograms(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct osc_reader *reader,
			    struct osc_histogram_view *view)
{
	struct nlattr **attrs = osc_dump_attrs(cb);
	struct nlattr *only = attrs ? attrs[OSCONCEPTS_A_HISTOGRAM_TARGET] :
				      NULL;
	u32 last, id;

	if (only && !cb->args[0])
		cb->args[0] = nla_get_u32(only);
	last = last_of_walk(&cb->args[3]);
	while (dump_histograms_of(skb, cb, reader, view)) {
		id = cb->args[0] + 1;
		if (only || !osc_target_find_next(&id, last, reader)) {
			cb->args[2] = 1;
			break;
		}
		cb->args[0] = id;
	}
}

int osconcepts_nl_histogram_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb)
{
	struct nlattr **attrs = osc_dump_attrs(cb);
	struct osc_histogram_view *view;
	struct osc_reader reader;

	if (attrs && attrs[OSCONCEPTS_A_HISTOGRAM_NAME]) {
		NL_SET_ERR_MSG_ATTR(cb->extack,
				    attrs[OSCONCEPTS_A_HISTOGRAM_NAME],
				    "dumps take a target only");
		return -EINVAL;
	}
	if (cb->args[2])
		return 0;
	view = kmalloc(sizeof(*view), GFP_KERNEL);
	if (!view)
		return -ENOMEM;
	osc_reader_of_message(cb->skb, &reader);
	cb->seq = osc_target_generation();
	dump_histograms(skb, cb, &reader, view);
	kfree(view);
	return skb->len;
}

static void multicast(u8 command, const struct osc_target_view *view)
{
	struct sk_buff *skb;
	void *header;

	if (!genl_has_listeners(&family, &init_net, OSCONCEPTS_NLGRP_TARGETS))
		return;
	skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		goto lost;
	header = genlmsg_put(skb, 0, 0, &family, 0, command);
	if (!header || osc_put_target(skb, view, &init_user_ns)) {
		nlmsg_free(skb);
		goto lost;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast(&family, skb, 0, OSCONCEPTS_NLGRP_TARGETS,
			  GFP_KERNEL);
	return;

lost:
	genl_set_err(&family, &init_net, 0, OSCONCEPTS_NLGRP_TARGETS, -ENOBUFS);
}

/**
 * osc_netlink_notify() - tell the group that a target came, ended or went
 * @command: one of the OSCONCEPTS_CMD_TARGET_*_NTF
 * @view: the target, with PIDs of the initial namespace
 *
 * Those who miss it for lack of memory or buffer find ENOBUFS on their socket.
 * Only the initial network namespace is told: the numbers are the host's.
 *
 * Context: may sleep.
 */
void osc_netlink_notify(u8 command, const struct osc_target_view *view)
{
	mutex_lock(&notify_lock);
	if (open)
		multicast(command, view);
	mutex_unlock(&notify_lock);
}

static int on_socket(struct notifier_block *block, unsigned long event,
		     void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC)
		osc_target_unbind(notify->net, notify->portid);
	return NOTIFY_DONE;
}

static struct notifier_block socket_notifier = {
	.notifier_call = on_socket,
};

/**
 * osc_netlink_init() - open the family
 *
 * Return: 0 or an error.
 */
int __init osc_netlink_init(void)
{
	unsigned int i;
	int ret;

	/* Notifications name other people's processes. */
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		groups[i] = osconcepts_nl_mcgrps[i];
		groups[i].flags = GENL_MCAST_CAP_SYS_ADMIN;
	}
	ret = netlink_register_notifier(&socket_notifier);
	if (ret)
		return ret;
	ret = genl_register_family(&family);
	if (ret)
		netlink_unregister_notifier(&socket_notifier);
	open = !ret;
	return ret;
}

/**
 * osc_netlink_exit() - close the family; no operation runs when this returns
 */
void osc_netlink_exit(void)
{
	/* After that the group's number may be another family's. */
	mutex_lock(&notify_lock);
	open = false;
	mutex_unlock(&notify_lock);
	genl_unregister_family(&family);
	netlink_unregister_notifier(&socket_notifier);
}
