/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pages.h - memory that faults once for each of its pages. */
#ifndef OSC_TEST_PAGES_H
#define OSC_TEST_PAGES_H

#include <stddef.h>

/*
 * size bytes of private anonymous memory, never in huge pages: to touch, and to
 * munmap(). NULL with errno.
 */
char *pages_map(size_t size);

#endif
