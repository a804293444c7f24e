/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - shared maps of files that may be truncated while they are mapped. Access
 * to a page behind the end of the file raises SIGBUS, which ends the process. All
 * pages of a guarded map are then replaced by zeroes, in this process, and it goes
 * on. The reader has to check that the contents are valid.
 *
 * Both functions are for programs with a single thread: the table has no lock, and
 * a map must not go while another thread may fault in it. A server with threads
 * guards its map before it starts them, and keeps it.
 */
#ifndef OSC_LIB_GUARD_H
#define OSC_LIB_GUARD_H

#include <stddef.h>

/* Guarded maps at once; a child inherits those of its parent. */
#define OSC_GUARD_MAX 64

/* Returns 0 or -errno. */
int osc_guard_add(void *at, size_t size);
/* Call before munmap(); does nothing when the map is not guarded. */
void osc_guard_remove(const void *at);

#endif
