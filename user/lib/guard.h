/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - shared maps of files that somebody may cut meanwhile. A page behind the
 * end of its file raises SIGBUS; of a guarded map all pages are zeroes from then
 * on, in this process, and nobody dies of it. Whoever reads has to look whether
 * what is there makes sense.
 */
#ifndef OSC_LIB_GUARD_H
#define OSC_LIB_GUARD_H

#include <stddef.h>

/* At most this many at once; a child has those of its parent. */
#define OSC_GUARD_MAX 64

/* Returns 0 or -errno. Not from two threads at once. */
int osc_guard_add(void *at, size_t size);
/* Before it is unmapped. Nothing where there is none. */
void osc_guard_remove(const void *at);

#endif
