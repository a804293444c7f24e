/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.h - what a path means. The resources are few and each costs one known
 * thing: bytes, time on the CPU, or time asleep.
 */
#ifndef OSC_SERVERS_ROUTE_H
#define OSC_SERVERS_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#define OSC_ROUTE_BYTES_MAX (1ull << 30)
#define OSC_ROUTE_WORK_MAX_US 1000000ull
#define OSC_ROUTE_SLEEP_MAX_US 60000000ull

enum osc_route_kind {
	OSC_ROUTE_HELLO, /* / : 13 bytes of text */
	OSC_ROUTE_BYTES, /* /bytes/N : a body of N bytes */
	/* /work/N : N us of the thread's CPU time, then text;
	 * /work/N/sleep/M : M us without the CPU in between
	 */
	OSC_ROUTE_WORK,
	OSC_ROUTE_SLEEP, /* /sleep/N : N us without the CPU, then text */
	OSC_ROUTE_ERROR,
};

struct osc_route {
	uint64_t n;
	uint32_t then_sleep_us; /* after the work */
	uint16_t status;
	uint8_t kind;
};

/* target: as in the request line; a scheme, a host and a query are skipped. */
struct osc_route osc_route_find(const char *target, size_t len);

/* Spends `us` of the calling thread's CPU time. */
void osc_route_work(uint64_t us);

#endif
