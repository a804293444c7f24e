/* SPDX-License-Identifier: GPL-2.0-or-later */
/* authority.h - the "host:port" of a Host field and of an absolute URI. */
#ifndef OSC_SERVERS_AUTHORITY_H
#define OSC_SERVERS_AUTHORITY_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Length of the authority at the start of text, which ends at the first of "/?"
 * or after `len` bytes; -1 when it does not match RFC 3986, 3.2.2 and 3.2.3, has
 * an empty host (RFC 9110, 4.2.1), user information (4.2.4) or a port above 65535.
 */
ssize_t osc_authority_length(const char *text, size_t len);

#endif
