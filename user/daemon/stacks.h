/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stacks.h - what the stacks of a tree's tasks take of its memory. */
#ifndef OSC_DAEMON_STACKS_H
#define OSC_DAEMON_STACKS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * PSS of the mappings that the stack pointers of a process, its descendants
 * and all of their threads lie in. No mapping is marked as a stack, so all have
 * to sleep: of a task that runs the kernel does not tell the pointer, -EAGAIN.
 * -EACCES or -EPERM where it is not told to us, -ENOENT where to nobody.
 */
int osc_stacks_read(pid_t pid, uint64_t *bytes);

#endif
