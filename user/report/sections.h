/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sections.h - the parts of the page. Each writes its own heading and content
 * and says in words when the document has nothing for it. 0 or -ENOMEM.
 */
#ifndef OSC_REPORT_SECTIONS_H
#define OSC_REPORT_SECTIONS_H

#include <stdio.h>

struct doc;

int section_head(FILE *out, const struct doc *doc); /* overview.c */
int section_primer(FILE *out, const struct doc *doc); /* primer.c */
int section_summary(FILE *out, const struct doc *doc); /* overview.c */
int section_verdicts(FILE *out, const struct doc *doc); /* verdicts.c */
int section_counters(FILE *out, const struct doc *doc); /* costs.c */
int section_calls(FILE *out, const struct doc *doc); /* costs.c */
int section_connections(FILE *out, const struct doc *doc); /* costs.c */
int section_latency(FILE *out, const struct doc *doc); /* latency.c */
int section_timeline(FILE *out, const struct doc *doc); /* timeline.c */
int section_correlation(FILE *out, const struct doc *doc); /* evidence.c */
int section_audit(FILE *out, const struct doc *doc); /* evidence.c */
int section_runs(FILE *out, const struct doc *doc); /* evidence.c */
int section_platform(FILE *out, const struct doc *doc); /* platform.c */
int section_meaning(FILE *out, const struct doc *doc); /* platform.c */

/* What a model of `osconcepts serve` is; NULL for any other name. */
const char *report_model_meaning(const char *model);

extern const char report_style[]; /* style.c */

#endif
