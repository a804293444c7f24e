/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.h - the client's own addresses. From one address there are some 28,000
 * connections to a server's address and port (ip_local_port_range): more need
 * more of them. Of 127.0.0.0/8 all are this machine's.
 */
#ifndef OSC_LOAD_SOURCE_H
#define OSC_LOAD_SOURCE_H

#include <stdint.h>

struct osc_error;

struct osc_sources {
	uint32_t first; /* IPv4, in the host's order */
	uint32_t count; /* 0: the kernel chooses */
};

/* "127.0.0.2" or "127.0.0.2-127.0.0.40". */
int osc_sources_parse(const char *text, struct osc_sources *s,
		      struct osc_error *e);

/*
 * Whether those that `connections` of them take in turn are this host's, so that
 * a foreign one is told before the load and not taken for a lack of ports.
 */
int osc_sources_check(const struct osc_sources *s, uint64_t connections,
		      struct osc_error *e);

/*
 * Gives the socket the address of the i-th connection; the port is chosen when
 * it connects, so that one port serves many destinations. Returns 0 or -errno.
 */
int osc_sources_bind(const struct osc_sources *s, uint64_t i, int fd);

#endif
