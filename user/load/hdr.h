/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hdr.h - histograms in the form of HdrHistogram, which its tools and plotters
 * read: the V2 encoding, compressed, in a log of version 1.3. Nothing is lost:
 * its slots with two significant digits are those of lib/hist.h.
 *
 * https://github.com/HdrHistogram/HdrHistogram (AbstractHistogram.java,
 * ZigZagEncoding.java, HistogramLogWriter.java)
 */
#ifndef OSC_LOAD_HDR_H
#define OSC_LOAD_HDR_H

#include <stdio.h>

#include "lib/hist.h"

struct osc_load_result;

/* In base64, to be freed; NULL without memory. Empty histograms too. */
char *osc_hdr_encode(const struct osc_hist *h);

/*
 * A log of two lines, tagged "latency" and "service". Returns 0 or -ENOMEM; see
 * ferror(out) for the rest.
 */
int osc_hdr_write(const struct osc_load_result *r, FILE *out);

#endif
