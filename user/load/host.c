// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/host.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/procfs.h"

/* The place of a word among those of a line, from 0; or -1. */
static int place_of(const char *line, const char *word)
{
	size_t length = strlen(word);
	int place = 0;

	while (*line && *line != '\n') {
		size_t n = strcspn(line, " \n");

		if (n == length && !strncmp(line, word, n))
			return place;
		line += n;
		line += strspn(line, " ");
		place++;
	}
	return -1;
}

static uint64_t value_at(const char *line, int place)
{
	char *end;
	unsigned long long value;

	while (place--) {
		line += strcspn(line, " \n");
		if (*line != ' ')
			return OSC_HOST_UNKNOWN;
		line++;
	}
	value = strtoull(line, &end, 10);
	return end > line ? value : OSC_HOST_UNKNOWN;
}

/* The line after this one; NULL: there is none. */
static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end && end[1] ? end + 1 : NULL;
}

uint64_t osc_host_field(const char *text, const char *group, const char *name)
{
	size_t length = strlen(group);

	for (const char *line = text; line; line = next_line(line)) {
		const char *values = next_line(line);
		int place;

		if (strncmp(line, group, length) || line[length] != ':')
			continue;
		place = place_of(line, name);
		if (place < 0 || !values || strncmp(values, group, length))
			return OSC_HOST_UNKNOWN;
		return value_at(values, place);
	}
	return OSC_HOST_UNKNOWN;
}

/* user nice system idle iowait irq softirq steal; guests are in user. */
bool osc_host_steal(const char *text, uint64_t *steal, uint64_t *all)
{
	enum { STEAL = 7 };

	if (strncmp(text, "cpu  ", 5) != 0)
		return false;
	*all = 0;
	for (int i = 0; i <= STEAL; i++) {
		*steal = value_at(text + 5, i);
		if (*steal == OSC_HOST_UNKNOWN)
			return false;
		*all += *steal;
	}
	return true;
}

void osc_host_read(struct osc_host_counts *c)
{
	char *text;

	*c = (struct osc_host_counts)OSC_HOST_COUNTS_UNKNOWN;
	if (!osc_procfs_slurp("/proc/stat", &text)) {
		if (!osc_host_steal(text, &c->steal_ticks, &c->cpu_ticks))
			c->cpu_ticks = OSC_HOST_UNKNOWN;
		free(text);
	}
	if (!osc_procfs_slurp("/proc/net/netstat", &text)) {
		c->listen_overflows =
			osc_host_field(text, "TcpExt", "ListenOverflows");
		c->listen_drops = osc_host_field(text, "TcpExt", "ListenDrops");
		free(text);
	}
	if (!osc_procfs_slurp("/proc/net/snmp", &text)) {
		c->segments_sent = osc_host_field(text, "Tcp", "OutSegs");
		c->retransmits = osc_host_field(text, "Tcp", "RetransSegs");
		free(text);
	}
}

static uint64_t between(uint64_t from, uint64_t to)
{
	if (from == OSC_HOST_UNKNOWN || to == OSC_HOST_UNKNOWN || to < from)
		return OSC_HOST_UNKNOWN;
	return to - from;
}

struct osc_host osc_host_between(const struct osc_host_counts *from,
				 const struct osc_host_counts *to)
{
	uint64_t all = between(from->cpu_ticks, to->cpu_ticks);
	uint64_t steal = between(from->steal_ticks, to->steal_ticks);

	return (struct osc_host){
		.steal_share = all == OSC_HOST_UNKNOWN ||
					       steal == OSC_HOST_UNKNOWN ?
				       -1 :
			       all ? (double)steal / (double)all :
				     0,
		.listen_overflows =
			between(from->listen_overflows, to->listen_overflows),
		.listen_drops = between(from->listen_drops, to->listen_drops),
		.segments_sent =
			between(from->segments_sent, to->segments_sent),
		.retransmits = between(from->retransmits, to->retransmits),
		.ports = OSC_HOST_UNKNOWN,
		.ports_waiting = OSC_HOST_UNKNOWN,
	};
}

uint64_t osc_host_ports(void)
{
	uint64_t ports = OSC_HOST_UNKNOWN;
	unsigned int first, last;
	char *text;

	if (osc_procfs_slurp("/proc/sys/net/ipv4/ip_local_port_range", &text))
		return ports;
	if (sscanf(text, "%u %u", &first, &last) == 2 && last >= first)
		ports = last - first + 1;
	free(text);
	return ports;
}

uint64_t osc_host_waiting(const char *text,
			  const struct sockaddr_storage *server)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)server;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)server;
	char other[64];
	uint64_t n = 0;

	/* The kernel prints the words of an address as its own integers. */
	if (server->ss_family == AF_INET) {
		snprintf(other, sizeof(other), " %08" PRIX32 ":%04X 06 ",
			 in->sin_addr.s_addr, ntohs(in->sin_port));
	} else {
		const uint32_t *word = in6->sin6_addr.s6_addr32;

		snprintf(other, sizeof(other),
			 " %08" PRIX32 "%08" PRIX32 "%08" PRIX32 "%08" PRIX32
			 ":%04X 06 ",
			 word[0], word[1], word[2], word[3],
			 ntohs(in6->sin6_port));
	}
	while ((text = strstr(text, other))) {
		text += strlen(other);
		n++;
	}
	return n;
}

uint64_t osc_host_ports_waiting(const struct sockaddr_storage *server)
{
	uint64_t n = OSC_HOST_UNKNOWN;
	char *text;

	if (server->ss_family != AF_INET && server->ss_family != AF_INET6)
		return 0;
	if (osc_procfs_slurp(server->ss_family == AF_INET ? "/proc/net/tcp" :
							    "/proc/net/tcp6",
			     &text))
		return n;
	n = osc_host_waiting(text, server);
	free(text);
	return n;
}

json_t *osc_host_count_json(uint64_t n)
{
	return n == OSC_HOST_UNKNOWN ? json_null() :
				       json_integer((json_int_t)n);
}

json_t *osc_host_json(const struct osc_host *h)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o}", "system_listen_overflows",
		osc_host_count_json(h->listen_overflows), "system_listen_drops",
		osc_host_count_json(h->listen_drops), "system_segments_sent",
		osc_host_count_json(h->segments_sent), "system_retransmits",
		osc_host_count_json(h->retransmits), "local_ports",
		osc_host_count_json(h->ports), "ports_waiting",
		osc_host_count_json(h->ports_waiting));
}
