/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - tables of the summary, a row for each model under each load. A
 * narrow window shows each row as a card, each cell with its label.
 */
#ifndef OSC_REPORT_TABLE_H
#define OSC_REPORT_TABLE_H

#include <stdio.h>

#include "report/doc.h"
#include "report/metrics.h"

void table_open(FILE *out, const char *label);
void table_head_open(FILE *out);
void table_head_close(FILE *out);
/* unit may be NULL. */
void table_heading(FILE *out, const char *class, const char *text,
		   const char *unit);

/* Row by row, those under one load together; `cells` writes what follows. */
void table_rows(FILE *out, const struct doc *doc,
		void (*cells)(FILE *, const struct doc_group *));
void table_close(FILE *out);

void table_cell_open(FILE *out, const char *class, const char *label);
void table_text_cell(FILE *out, const char *class, const char *label,
		     const char *text);
/* A median behind its mark, and below it the spread where there is one. */
void table_spread_cell(FILE *out, const char *heading, const char *unit,
		       struct doc_spread s, number_format *format,
		       const char *mark);

#endif
