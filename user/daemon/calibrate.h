/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calibrate.h - what a source counts of what is known beforehand. */
#ifndef OSC_DAEMON_CALIBRATE_H
#define OSC_DAEMON_CALIBRATE_H

#include <jansson.h>

#include "lib/counters.h"

struct osc_error;

/*
 * Has the source count a process of known doings; *rows, a new reference, are
 * as an audit's, and none where it does not count epoll at all. Takes
 * milliseconds; ten seconds where the process hangs, and then fails.
 */
int osc_calibrate(enum osc_counters_kind kind, json_t **rows,
		  struct osc_error *e);

#endif
