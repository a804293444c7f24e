/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netlink.h - the generic netlink family; specification in
 * Documentation/netlink/specs/osconcepts.yaml.
 */
#ifndef OSC_NETLINK_H
#define OSC_NETLINK_H

#include <linux/types.h>

struct osc_target_view;

int osc_netlink_init(void);
void osc_netlink_exit(void);
void osc_netlink_notify(u8 command, const struct osc_target_view *view);

#endif /* OSC_NETLINK_H */
