/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - what this host's own books say of the time of a run: whether the
 * hypervisor took CPU time away, whether connections or segments were lost,
 * whether local ports ran short. All but the last are of everybody here (of this
 * network namespace), so they cast doubt and prove nothing.
 */
#ifndef OSC_LOAD_HOST_H
#define OSC_LOAD_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A count that nobody tells. */
#define OSC_HOST_UNKNOWN UINT64_MAX

/* Since boot. */
struct osc_host_counts {
	uint64_t steal_ticks, cpu_ticks; /* of all CPUs, idle ones too */
	uint64_t listen_overflows; /* a listener's queue was full … */
	uint64_t listen_drops; /* … or, with these, a handshake failed */
	uint64_t segments_sent, retransmits;
};

#define OSC_HOST_COUNTS_UNKNOWN                                               \
	{                                                                     \
		OSC_HOST_UNKNOWN, OSC_HOST_UNKNOWN, OSC_HOST_UNKNOWN,         \
			OSC_HOST_UNKNOWN, OSC_HOST_UNKNOWN, OSC_HOST_UNKNOWN, \
	}

/* Over a run. */
struct osc_host {
	double steal_share; /* of all CPUs; negative: unknown */
	uint64_t listen_overflows, listen_drops;
	uint64_t segments_sent, retransmits;
	/* Local ports per address; those of ours that wait to be used again. */
	uint64_t ports, ports_waiting;
};

void osc_host_read(struct osc_host_counts *counts);
struct osc_host osc_host_between(const struct osc_host_counts *from,
				 const struct osc_host_counts *to);
/* As many as /proc/sys/net/ipv4/ip_local_port_range has. */
uint64_t osc_host_ports(void);
/* Closed by us first, so that each holds its port for a minute. */
uint64_t osc_host_ports_waiting(const struct sockaddr_storage *server);

/* null where it is OSC_HOST_UNKNOWN. */
json_t *osc_host_count_json(uint64_t n);
/* {system_listen_drops, …}; NULL without memory. */
json_t *osc_host_json(const struct osc_host *h);

/* The texts of the kernel, for the functions above. */

/* "GROUP: NAME …" and below it "GROUP: VALUE …", as in /proc/net/snmp. */
uint64_t osc_host_field(const char *text, const char *group, const char *name);
/* The first line of /proc/stat; false: it has no such. */
bool osc_host_steal(const char *text, uint64_t *steal, uint64_t *all);
/* Of /proc/net/tcp or tcp6: lines in TIME_WAIT whose other end is that. */
uint64_t osc_host_waiting(const char *text,
			  const struct sockaddr_storage *server);

#endif
