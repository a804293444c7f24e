// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts timings - what the module times, and switching it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/wait.h"
#include "lib/module.h"
#include "lib/output.h"
#include "lib/timings_output.h"

static void usage(FILE *out)
{
	fputs("Usage: osconcepts timings [options] [NAME=LEVEL...]\n"
	      "\n"
	      "Shows what the module times, or switches it: NAME is sched, off_cpu,\n"
	      "fault, epoll or epoll_return; LEVEL is off, targets (the events of\n"
	      "targets) or all (those of the whole system too). Another level than\n"
	      "before drops what was measured. 'osconcepts hist' shows the times.\n"
	      "\n"
	      "Options:\n"
	      "  -j, --json  print JSON\n"
	      "  -h, --help  show this help\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 77 no module, no right, or\n"
	      "not possible here. See osconcepts-timings(1).\n",
	      out);
}

static struct osc_table *make_table(const struct osc_timing *timings, size_t n)
{
	static const struct osc_column columns[] = {
		{ "name", "NAME", OSC_COLUMN_TEXT },
		{ "level", "LEVEL", OSC_COLUMN_TEXT },
		{ "state", "STATE", OSC_COLUMN_TEXT },
		{ "lost", "LOST", OSC_COLUMN_COUNT },
		{ "histograms", "HISTOGRAMS", OSC_COLUMN_TEXT },
		{ "why", "WHY", OSC_COLUMN_TEXT },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; t && i < n; i++) {
		const struct osc_timing_kind *kind =
			osc_timing_kind(timings[i].name);
		char names[80];

		osc_table_row(t);
		osc_table_text(t, "name", timings[i].name);
		osc_table_text(t, "level",
			       osc_timing_level_name(timings[i].level));
		osc_table_text(t, "state", timings[i].state);
		osc_table_u64(t, "lost", timings[i].lost);
		if (kind) {
			bool two = kind->histogram[1].name;

			snprintf(names, sizeof(names), "%s%s%s",
				 kind->histogram[0].name, two ? ", " : "",
				 two ? kind->histogram[1].name : "");
			osc_table_text(t, "histograms", names);
		}
		if (timings[i].why[0])
			osc_table_text(t, "why", timings[i].why);
	}
	return t;
}

static int show(struct osc_module *m, bool json, struct osc_error *e)
{
	struct osc_timing *timings;
	struct osc_table *t;
	size_t n;
	int ret = osc_module_timings(m, &timings, &n, e);

	if (ret)
		return ret;
	if (json) {
		ret = osc_json_print(json_pack("{s:s, s:o}", "schema",
					       "osconcepts-timings/1",
					       "timings",
					       osc_timings_json(timings, n)),
				     stdout, e);
	} else {
		t = make_table(timings, n);
		ret = t ? osc_table_print(t, stdout, e) :
			  osc_error_set(e, ENOMEM,
					"cannot show the timings: out of "
					"memory");
		osc_table_free(t);
	}
	free(timings);
	return ret;
}

/* All words are read before the module is asked for anything. */
static int parse_wishes(char **words, size_t n, struct osc_timing_wish **out,
			struct osc_error *e)
{
	int ret = 0;

	*out = calloc(n + 1, sizeof(**out));
	if (!*out)
		return osc_error_set(e, ENOMEM,
				     "cannot use timings: out of memory");
	for (size_t i = 0; !ret && i < n; i++)
		ret = osc_timing_wish_parse("timing", words[i], -1, &(*out)[i],
					    e);
	return ret;
}

static int run(char **words, size_t n, bool json)
{
	struct osc_timing_wish *wishes;
	struct osc_module *m = NULL;
	struct osc_error e = { 0 };
	int ret = parse_wishes(words, n, &wishes, &e);

	if (!ret)
		ret = osc_module_open(&m, &e);
	if (ret == -ENOENT)
		ret = osc_module_missing("use timings", &e);
	for (size_t i = 0; !ret && i < n; i++)
		ret = osc_module_timing_set(m, wishes[i].kind->name,
					    wishes[i].level, NULL, &e);
	if (!ret)
		ret = show(m, json, &e);
	osc_module_close(m);
	free(wishes);
	return osc_cli_end("timings", ret, &e);
}

int cmd_timings(int argc, char **argv)
{
	bool json;
	int code;

	if (!osc_cli_json_option("timings", argc, argv, usage, &json, &code))
		return code;
	return run(argv + optind, (size_t)(argc - optind), json);
}
