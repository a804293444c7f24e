/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module_msg.h - what one message of the module says. Each returns 0, or
 * -EBADMSG for a message that is cut short, holds a value of the wrong size or
 * lacks what it cannot do without. Attributes of a newer module are skipped.
 */
#ifndef OSC_LIB_MODULE_MSG_H
#define OSC_LIB_MODULE_MSG_H

#include <libmnl/libmnl.h>

#include "lib/module.h"

int osc_module_msg_source(const struct nlmsghdr *nlh, struct osc_source *out);
/* cpu is UINT32_MAX in the totals of the whole system. */
int osc_module_msg_totals(const struct nlmsghdr *nlh,
			  struct osc_cpu_counts *out);
int osc_module_msg_target(const struct nlmsghdr *nlh, struct osc_target *out);
int osc_module_msg_timing(const struct nlmsghdr *nlh, struct osc_timing *out);
/* Slots that do not add up to the count are refused, too. */
int osc_module_msg_histogram(const struct nlmsghdr *nlh,
			     struct osc_histogram *out);
/* 1 for a notification of a newer module, to be skipped. */
int osc_module_msg_event(const struct nlmsghdr *nlh, struct osc_event *out);

/* Whether a message of nlctrl says that a family has been unregistered. */
bool osc_module_msg_is_end(const struct nlmsghdr *nlh, uint16_t family);

/* Whether we speak what the module speaks; says what to try if not. */
int osc_module_check_version(uint32_t version, struct osc_error *e);

#endif
