/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OSC_EPOLL_H
#define OSC_EPOLL_H

#include <linux/jump_label.h>
#include <linux/types.h>

#include "hook.h"

struct task_struct;

/* On: wakeups are timed. */
DECLARE_STATIC_KEY_FALSE(osc_epoll_timed);

int osc_epoll_check(void);
bool osc_epoll_has_wakeups(void);
bool osc_epoll_has_callbacks(void);
void osc_epoll_look(void);
const char *osc_epoll_silencer(void);
u64 osc_epoll_gaps(bool over);

void osc_epoll_switched_out(const struct task_struct *task, unsigned long slot);
void osc_epoll_switched_in(const struct task_struct *task, unsigned long slot);
void osc_epoll_time_forget(u32 tid);
OSC_DIRECT void osc_epoll_woken(const struct task_struct *waiter,
				unsigned long slot);

#endif /* OSC_EPOLL_H */
