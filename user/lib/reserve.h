/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reserve.h - room for large tables of which little is used. */
#ifndef OSC_LIB_RESERVE_H
#define OSC_LIB_RESERVE_H

#include <stddef.h>
#include <sys/mman.h>

/* Zero pages that take no memory until they are written, for munmap(); or NULL. */
static inline void *osc_reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

#endif
