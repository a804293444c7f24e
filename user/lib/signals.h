/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signals.h - the signals that ask a program to end, as a descriptor. */
#ifndef OSC_LIB_SIGNALS_H
#define OSC_LIB_SIGNALS_H

struct osc_error;

/*
 * Blocks SIGINT, SIGTERM and SIGHUP and returns a non-blocking signalfd for
 * them, which the caller closes; or -errno. Call before threads are started.
 * A child does not inherit the block: osc_child_start() undoes it.
 */
int osc_signals_open(struct osc_error *e);

#endif
