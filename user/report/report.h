/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/report - report.html: one page a person looks at, made from compare.json
 * alone. It calls only user/lib; `osconcepts compare --html` calls it. Reading
 * order: report.c (the page as a table of sections), doc.h (safe reading of the
 * document), metrics.h (what is shown of it), html.h, svg.h and table.h (how it
 * is written), then one file per group of sections.
 *
 * The page stands by itself: no script, no network, no font but the reader's.
 */
#ifndef OSC_REPORT_REPORT_H
#define OSC_REPORT_REPORT_H

#include <jansson.h>
#include <stdio.h>

struct osc_error;

/*
 * Writes the page for an osconcepts-compare/3 document. What the document
 * lacks is shown as missing; only a document of another kind, want of memory
 * and a failing `out` are errors. `out` is flushed, not closed.
 */
int osc_report_html(const json_t *compare, FILE *out, struct osc_error *e);

#endif
