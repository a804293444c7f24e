// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/osconcepts.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/osconcepts.h>

/* OSCONCEPTS_CMD_SOURCE_GET - do */
const struct nla_policy osconcepts_source_get_nl_policy[OSCONCEPTS_A_SOURCE_NAME + 1] = {
	[OSCONCEPTS_A_SOURCE_NAME] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* OSCONCEPTS_CMD_TOTALS_GET - do */
const struct nla_policy osconcepts_totals_get_nl_policy[OSCONCEPTS_A_TOTALS_CPU + 1] = {
	[OSCONCEPTS_A_TOTALS_CPU] = { .type = NLA_U32, },
};

/* OSCONCEPTS_CMD_TARGET_ADD - do */
const struct nla_policy osconcepts_target_add_nl_policy[OSCONCEPTS_A_TARGET_FLAGS + 1] = {
	[OSCONCEPTS_A_TARGET_PID] = NLA_POLICY_MIN(NLA_U32, 1),
	[OSCONCEPTS_A_TARGET_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x3),
};

/* OSCONCEPTS_CMD_TARGET_DEL - do */
const struct nla_policy osconcepts_target_del_nl_policy[OSCONCEPTS_A_TARGET_ID + 1] = {
	[OSCONCEPTS_A_TARGET_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* OSCONCEPTS_CMD_TARGET_GET - do */
const struct nla_policy osconcepts_target_get_nl_policy[OSCONCEPTS_A_TARGET_ID + 1] = {
	[OSCONCEPTS_A_TARGET_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* OSCONCEPTS_CMD_TIMING_GET - do */
const struct nla_policy osconcepts_timing_get_nl_policy[OSCONCEPTS_A_TIMING_NAME + 1] = {
	[OSCONCEPTS_A_TIMING_NAME] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* OSCONCEPTS_CMD_TIMING_SET - do */
const struct nla_policy osconcepts_timing_set_nl_policy[OSCONCEPTS_A_TIMING_LEVEL + 1] = {
	[OSCONCEPTS_A_TIMING_NAME] = { .type = NLA_NUL_STRING, .len = 15, },
	[OSCONCEPTS_A_TIMING_LEVEL] = NLA_POLICY_MAX(NLA_U32, 2),
};

/* OSCONCEPTS_CMD_HISTOGRAM_GET - do */
const struct nla_policy osconcepts_histogram_get_nl_policy[OSCONCEPTS_A_HISTOGRAM_NAME + 1] = {
	[OSCONCEPTS_A_HISTOGRAM_TARGET] = { .type = NLA_U32, },
	[OSCONCEPTS_A_HISTOGRAM_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* Ops table for osconcepts */
const struct genl_ops osconcepts_nl_ops[8] = {
	{
		.cmd		= OSCONCEPTS_CMD_SOURCE_GET,
		.doit		= osconcepts_nl_source_get_doit,
		.dumpit		= osconcepts_nl_source_get_dumpit,
		.policy		= osconcepts_source_get_nl_policy,
		.maxattr	= OSCONCEPTS_A_SOURCE_NAME,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TOTALS_GET,
		.doit		= osconcepts_nl_totals_get_doit,
		.dumpit		= osconcepts_nl_totals_get_dumpit,
		.policy		= osconcepts_totals_get_nl_policy,
		.maxattr	= OSCONCEPTS_A_TOTALS_CPU,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TARGET_ADD,
		.doit		= osconcepts_nl_target_add_doit,
		.policy		= osconcepts_target_add_nl_policy,
		.maxattr	= OSCONCEPTS_A_TARGET_FLAGS,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TARGET_DEL,
		.doit		= osconcepts_nl_target_del_doit,
		.policy		= osconcepts_target_del_nl_policy,
		.maxattr	= OSCONCEPTS_A_TARGET_ID,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TARGET_GET,
		.doit		= osconcepts_nl_target_get_doit,
		.dumpit		= osconcepts_nl_target_get_dumpit,
		.policy		= osconcepts_target_get_nl_policy,
		.maxattr	= OSCONCEPTS_A_TARGET_ID,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TIMING_GET,
		.doit		= osconcepts_nl_timing_get_doit,
		.dumpit		= osconcepts_nl_timing_get_dumpit,
		.policy		= osconcepts_timing_get_nl_policy,
		.maxattr	= OSCONCEPTS_A_TIMING_NAME,
	},
	{
		.cmd		= OSCONCEPTS_CMD_TIMING_SET,
		.doit		= osconcepts_nl_timing_set_doit,
		.policy		= osconcepts_timing_set_nl_policy,
		.maxattr	= OSCONCEPTS_A_TIMING_LEVEL,
	},
	{
		.cmd		= OSCONCEPTS_CMD_HISTOGRAM_GET,
		.doit		= osconcepts_nl_histogram_get_doit,
		.dumpit		= osconcepts_nl_histogram_get_dumpit,
		.policy		= osconcepts_histogram_get_nl_policy,
		.maxattr	= OSCONCEPTS_A_HISTOGRAM_NAME,
	},
};

static const struct genl_multicast_group osconcepts_nl_mcgrps[] = {
	[OSCONCEPTS_NLGRP_TARGETS] = { "targets", },
};
