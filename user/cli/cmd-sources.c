// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts sources - what the module counts, how, and what it misses. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/wait.h"
#include "lib/module.h"
#include "lib/output.h"

static void usage(FILE *out)
{
	fputs("Usage: osconcepts sources [options]\n"
	      "\n"
	      "Shows what the module counts, how, and what it has missed.\n"
	      "\n"
	      "Options:\n"
	      "  -j, --json  print JSON\n"
	      "  -h, --help  show this help\n"
	      "\n"
	      "Exit status: 0 shown, 1 failed, 2 usage, 77 no module.\n"
	      "See osconcepts-sources(1).\n",
	      out);
}

static struct osc_table *make_table(const struct osc_source *sources, size_t n)
{
	static const struct osc_column columns[] = {
		{ "name", "NAME", OSC_COLUMN_TEXT },
		{ "state", "STATE", OSC_COLUMN_TEXT },
		{ "via", "VIA", OSC_COLUMN_TEXT },
		{ "hits", "HITS", OSC_COLUMN_COUNT },
		{ "lost", "LOST", OSC_COLUMN_COUNT },
		{ "gaps", "GAPS", OSC_COLUMN_COUNT },
		{ "why", "WHY", OSC_COLUMN_TEXT },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; t && i < n; i++) {
		osc_table_row(t);
		osc_table_text(t, "name", sources[i].name);
		osc_table_text(t, "state", sources[i].state);
		osc_table_text(t, "via", sources[i].via);
		osc_table_u64(t, "hits", sources[i].hits);
		osc_table_u64(t, "lost", sources[i].lost);
		osc_table_u64(t, "gaps", sources[i].gaps);
		if (sources[i].why[0])
			osc_table_text(t, "why", sources[i].why);
	}
	return t;
}

static int show(const struct osc_source *sources, size_t n, bool json,
		struct osc_error *e)
{
	struct osc_table *t = make_table(sources, n);
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot show the sources: out of memory");
	if (json)
		ret = osc_json_print(json_pack("{s:s, s:o}", "schema",
					       "osconcepts-sources/1",
					       "sources", osc_table_json(t)),
				     stdout, e);
	else
		ret = osc_table_print(t, stdout, e);
	osc_table_free(t);
	return ret;
}

int cmd_sources(int argc, char **argv)
{
	struct osc_source *sources = NULL;
	struct osc_module *m = NULL;
	struct osc_error e = { 0 };
	bool json;
	size_t n = 0;
	int code, ret;

	if (!osc_cli_json_option("sources", argc, argv, usage, &json, &code))
		return code;
	if (optind < argc)
		return osc_cli_unexpected("sources", argv[optind]);
	ret = osc_module_open(&m, &e);
	if (ret == -ENOENT)
		ret = osc_module_missing("show the sources", &e);
	if (!ret)
		ret = osc_module_sources(m, &sources, &n, &e);
	if (!ret)
		ret = show(sources, n, json, &e);
	free(sources);
	osc_module_close(m);
	return osc_cli_end("sources", ret, &e);
}
