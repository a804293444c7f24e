/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * series.h - the time series of a run: a line of JSON for each interval, as
 * Documentation/load-series.schema.json describes it. An interval may be put
 * together from several slices, of which somebody else wants each.
 */
#ifndef OSC_LOAD_SERIES_H
#define OSC_LOAD_SERIES_H

#include <jansson.h>
#include <stdio.h>

#include "load/host.h"
#include "load/load.h"

struct osc_error;

struct osc_series {
	FILE *out; /* NULL: none is wanted */
	uint64_t interval_ns;
	uint64_t next_ns; /* when the interval ends */
	struct osc_load_interval sum; /* of its slices */
	struct osc_host_counts before;
};

/* Adds what follows to the interval before it. */
void osc_load_interval_add(struct osc_load_interval *to,
			   const struct osc_load_interval *from);

/* osconcepts-load-series/1, of intervals of interval_ns; NULL without memory. */
json_t *osc_load_interval_json(const struct osc_load_interval *i,
			       uint64_t interval_ns,
			       const struct osc_load_result *so_far,
			       const struct osc_host *host);

void osc_series_begin(struct osc_series *s, FILE *out, uint64_t interval_ns,
		      uint64_t start_ns);
/*
 * One slice more, collected for the moment now_ns. Writes the interval when that
 * is its end. -EPIPE when nobody reads any more.
 */
int osc_series_add(struct osc_series *s, const struct osc_load_interval *slice,
		   const struct osc_load_result *so_far, uint64_t now_ns,
		   struct osc_error *e);
/* The last slice of a run that has ended: writes what there is. */
int osc_series_end(struct osc_series *s, const struct osc_load_interval *slice,
		   const struct osc_load_result *so_far, struct osc_error *e);

#endif
