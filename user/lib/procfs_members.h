/* SPDX-License-Identifier: GPL-2.0-or-later */
/* procfs_members.h - which processes belong to a tree, and their threads. */
#ifndef OSC_LIB_PROCFS_MEMBERS_H
#define OSC_LIB_PROCFS_MEMBERS_H

#include <stdbool.h>

#include "lib/procfs.h"

typedef bool osc_procfs_is_known(const struct osc_procfs_task *leader,
				 const void *arg);

/*
 * Appends the threads of the processes that `is_known` names, and of all their
 * descendants; with `only`, of this process alone. -errno; a process that ends
 * meanwhile is left out. tasks->most limits the processes that are looked at,
 * too.
 */
int osc_procfs_members(pid_t only, osc_procfs_is_known *is_known,
		       const void *arg, struct osc_procfs_tasks *tasks);

#endif
