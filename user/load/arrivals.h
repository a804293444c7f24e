/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arrivals.h - the arrivals as a person asks for them, and is told of them. */
#ifndef OSC_LOAD_ARRIVALS_H
#define OSC_LOAD_ARRIVALS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "load/schedule.h"

struct osc_error;

/* "1000", or the ramp "A:B:60s". */
int osc_arrivals_parse_rate(const char *text, struct osc_arrivals *a,
			    struct osc_error *e);
/* "constant", "poisson" or "burst:N". */
int osc_arrivals_parse_kind(const char *text, struct osc_arrivals *a,
			    struct osc_error *e);
/*
 * A line for each request: when it is to start, in seconds since the start,
 * sorted. Lines that are empty or begin with # are passed over; `name` and the
 * line are in each error. trace_ns is then to be freed.
 */
int osc_arrivals_read_trace(FILE *in, const char *name, struct osc_arrivals *a,
			    struct osc_error *e);

/* "at 1000 requests/s (constant)"; returns buf. */
char *osc_arrivals_text(const struct osc_arrivals *a, char *buf, size_t size);
/* {rate, arrival, burst, ramp, trace}, null where not asked; NULL without memory. */
json_t *osc_arrivals_json(const struct osc_arrivals *a);

#endif
