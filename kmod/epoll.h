/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OSC_EPOLL_H
#define OSC_EPOLL_H

#include <linux/types.h>

int osc_epoll_check(void);
bool osc_epoll_has_wakeups(void);
bool osc_epoll_has_callbacks(void);

#endif /* OSC_EPOLL_H */
