/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * streams.h - the three standard streams: open from the first moment, and
 * written to the end. Each main() begins with osc_streams_open and returns
 * what osc_streams_finish says.
 */
#ifndef OSC_LIB_STREAMS_H
#define OSC_LIB_STREAMS_H

struct osc_error;

/*
 * Occupies those of the descriptors 0, 1 and 2 that are closed, so that no
 * file or socket of ours gets such a number and then receives our messages.
 * Reading from one and writing to one still fail with EBADF, here and in
 * child processes. 0 or -errno.
 */
int osc_streams_open(void);

/*
 * Flushes standard output and standard error. Returns `code`, the exit code so
 * far; OSC_EXIT_FAILED when output was lost. A closed pipe is no loss: its
 * reader wanted no more. e->err is 0 unless the loss is still to be reported.
 */
int osc_streams_finish(int code, struct osc_error *e);

#endif
