// SPDX-License-Identifier: GPL-2.0-or-later
#include "pages.h"

#include <errno.h>
#include <sys/mman.h>

char *pages_map(size_t size)
{
	char *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	/* A kernel without huge pages, as one for PREEMPT_RT, knows no advice. */
	if (madvise(pages, size, MADV_NOHUGEPAGE) && errno != EINVAL) {
		munmap(pages, size);
		return NULL;
	}
	return pages;
}
