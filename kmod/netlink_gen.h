/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/osconcepts.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_OSCONCEPTS_GEN_H
#define _LINUX_OSCONCEPTS_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/osconcepts.h>

extern const struct nla_policy osconcepts_source_get_nl_policy[OSCONCEPTS_A_SOURCE_NAME + 1];

extern const struct nla_policy osconcepts_totals_get_nl_policy[OSCONCEPTS_A_TOTALS_CPU + 1];

extern const struct nla_policy osconcepts_target_add_nl_policy[OSCONCEPTS_A_TARGET_FLAGS + 1];

extern const struct nla_policy osconcepts_target_del_nl_policy[OSCONCEPTS_A_TARGET_ID + 1];

extern const struct nla_policy osconcepts_target_get_nl_policy[OSCONCEPTS_A_TARGET_ID + 1];

extern const struct nla_policy osconcepts_timing_get_nl_policy[OSCONCEPTS_A_TIMING_NAME + 1];

extern const struct nla_policy osconcepts_timing_set_nl_policy[OSCONCEPTS_A_TIMING_LEVEL + 1];

extern const struct nla_policy osconcepts_histogram_get_nl_policy[OSCONCEPTS_A_HISTOGRAM_NAME + 1];

/* Ops table for osconcepts */
extern const struct genl_ops osconcepts_nl_ops[8];

int osconcepts_nl_source_get_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_source_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int osconcepts_nl_totals_get_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_totals_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int osconcepts_nl_target_add_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_target_del_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_target_get_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_target_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int osconcepts_nl_timing_get_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_timing_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int osconcepts_nl_timing_set_doit(struct sk_buff *skb, struct genl_info *info);
int osconcepts_nl_histogram_get_doit(struct sk_buff *skb,
				     struct genl_info *info);
int osconcepts_nl_histogram_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb);

enum {
	OSCONCEPTS_NLGRP_TARGETS,
};

#endif /* _LINUX_OSCONCEPTS_GEN_H */
