/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iov.h - what is left of a list of pieces when some of it has been written. */
#ifndef OSC_LIB_IOV_H
#define OSC_LIB_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* Steps over the first n bytes of the *nr pieces. True: nothing is left. */
static inline bool osc_iov_skip(struct iovec **iov, size_t *nr, size_t n)
{
	while (*nr && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (!*nr)
		return true;
	(*iov)->iov_base = (char *)(*iov)->iov_base + n;
	(*iov)->iov_len -= n;
	return false;
}

#endif
