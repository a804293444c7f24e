/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * holding.h - rising numbers of connections that a server holds, and what is
 * read at each: the points of correlate/held.h.
 */
#ifndef OSC_DAEMON_HOLDING_H
#define OSC_DAEMON_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "correlate/held.h"
#include "daemon/hold.h"
#include "daemon/hosted.h"

/* Begins as zeros. The facts point into it. */
struct osc_holding {
	struct osc_hold connections;
	bool opened; /* some were, ever */
	/* private */
	uint64_t ladder[OSC_HELD_LEVELS];
	size_t nr_ladder;
	char why[160]; /* there are no more connections */
	char memory_why[160]; /* memory could not be read */
};

/* Reads the memory of the server before its load. */
void osc_holding_fresh(struct osc_holding *h, const struct osc_hosted *s,
		       struct osc_held_facts *f);
/*
 * Opens the first connections, of a server that had `load` of them; f->before
 * has its counts. False where it cannot: f->why.
 */
bool osc_holding_begin(struct osc_holding *h, const struct osc_hosted *s,
		       uint64_t load, struct osc_held_facts *f);
/* Some of the connections are still to be opened: nothing is read before. */
bool osc_holding_missing(const struct osc_holding *h,
			 const struct osc_held_facts *f);
/* Opens as many of them as a turn of the loop allows. False: f->why. */
bool osc_holding_open(struct osc_holding *h, const struct osc_hosted *s,
		      struct osc_held_facts *f);
/*
 * Takes a reading where the server has all connections open, and opens more of
 * them if they are few yet, or there is time. False where this was the last.
 */
bool osc_holding_take(struct osc_holding *h, const struct osc_hosted *s,
		      uint64_t open, const struct osc_counts *counts,
		      bool has_time, struct osc_held_facts *f);
/* Ends the holding of connections before all were taken, for this reason. */
void osc_holding_end(struct osc_holding *h, struct osc_held_facts *f,
		     const char *why);

#endif
