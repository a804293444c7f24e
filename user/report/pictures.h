/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pictures.h - a metric of all models as a picture. */
#ifndef OSC_REPORT_PICTURES_H
#define OSC_REPORT_PICTURES_H

#include <stdio.h>

#include "report/doc.h"
#include "report/metrics.h"

/* Bars under all loads, where connections are not varied. */
void bars_figure(FILE *out, const struct doc *doc, const struct metric *metric,
		 double most);

/*
 * Curves over the number of connections, under the loads that have the rest in
 * common with that of the group `first`. Nothing where none has the metric, or
 * all have 0. 0 or -ENOMEM.
 */
int curves_figure(FILE *out, const struct doc *doc, size_t first,
		  const struct metric *metric);

#endif
