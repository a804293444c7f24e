/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reader.h - who asks: what they may see and do, and which numbers their
 * processes have for them.
 */
#ifndef OSC_READER_H
#define OSC_READER_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct file;
struct netlink_ext_ack;
struct pid_namespace;
struct sk_buff;
struct task_struct;

/**
 * struct osc_reader - the one at the other end of a surface
 * @uid: INVALID_UID when the socket was opened by somebody else
 * @privileged: has CAP_PERFMON or CAP_SYS_ADMIN on the host
 * @pid_ns: PIDs are shown and taken in this namespace; NULL for a multicast,
 *	which shows those of the host
 */
struct osc_reader {
	kuid_t uid;
	bool privileged;
	struct pid_namespace *pid_ns;
};

void osc_reader_of_file(const struct file *file, struct osc_reader *reader);
void osc_reader_of_message(const struct sk_buff *skb,
			   struct osc_reader *reader);
bool osc_reader_may_see(const struct osc_reader *reader, kuid_t owner,
			bool privileged);
bool osc_owner_may_watch(kuid_t owner, struct task_struct *task);
bool osc_owner_may_watch_current(kuid_t owner);
int osc_reader_find_process(const struct osc_reader *reader, u32 nr,
			    struct task_struct **process,
			    struct netlink_ext_ack *extack);

#endif /* OSC_READER_H */
