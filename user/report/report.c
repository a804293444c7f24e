// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - the page: a table of sections between a head and a foot. */
#include "report/report.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

#include "lib/emulated.h"
#include "lib/error.h"
#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"

#define SCHEMA "osconcepts-compare/3"

static int (*const sections[])(FILE *, const struct doc *) = {
	section_head,	     section_primer,   section_verdicts,
	section_summary,     section_counters, section_calls,
	section_connections, section_latency,  section_timeline,
	section_correlation, section_audit,    section_runs,
	section_platform,    section_meaning,
};

static void page_begin(FILE *out, const struct doc *doc)
{
	const char *kernel =
		doc_string(json_object_get(doc->root, "platform"), "kernel");

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" "
	      "content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      /* whatever slipped through could neither run nor load */
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
	      out);
	html_open(out, "title", NULL);
	html_text(out, "osconcepts compare");
	if (*kernel) {
		html_text(out, " on ");
		html_text(out, kernel);
	}
	html_close(out, "title");
	fputs("<style>\n", out);
	fputs(report_style, out);
	fputs("</style>\n</head>\n<body>\n<main>\n", out);
}

static void page_end(FILE *out)
{
	html_element(out, "footer", NULL,
		     "Written by osconcepts from compare.json alone; the "
		     "document has every number at full precision.");
	fputs("</main>\n</body>\n</html>\n", out);
}

static int write_page(FILE *out, const json_t *compare)
{
	json_t *shown = osc_emulated_without_times(compare);
	struct doc doc;
	int err = shown ? doc_open(&doc, shown) : -ENOMEM;

	if (err) {
		json_decref(shown);
		return err;
	}
	page_begin(out, &doc);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && !err;
	     i++) {
		fputs("<section>\n", out);
		err = sections[i](out, &doc);
		fputs("</section>\n", out);
	}
	page_end(out);
	doc_close(&doc);
	json_decref(shown);
	return err;
}

int osc_report_html(const json_t *compare, FILE *out, struct osc_error *e)
{
	locale_t c, old;
	int err;

	if (strcmp(doc_string(compare, "schema"), SCHEMA))
		return osc_error_set(
			e, EINVAL,
			"cannot make a report: the document is not "
			"of schema " SCHEMA
			"; try the file osconcepts compare --json "
			"wrote");
	/* numbers in CSS and SVG have a point, whatever the reader's language */
	c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	if (!c)
		return osc_error_set(e, errno, "cannot make a report: %s",
				     strerror(errno));
	old = uselocale(c);
	errno = 0;
	err = write_page(out, compare);
	if (!err && (fflush(out) || ferror(out)))
		err = errno ? -errno : -EIO;
	uselocale(old);
	freelocale(c);
	if (err)
		return osc_error_set(e, -err,
				     "cannot write the report: %s; try another "
				     "place with room for it",
				     strerror(-err));
	return 0;
}
