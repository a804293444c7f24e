// SPDX-License-Identifier: GPL-2.0-or-later
/* osconcepts targets - the process trees that the module watches. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/wait.h"
#include "lib/counters_output.h"
#include "lib/module.h"
#include "lib/nearest.h"
#include "lib/notes.h"
#include "lib/output.h"
#include "lib/parse.h"
#include "lib/target_find.h"

struct request {
	bool json;
	unsigned int flags;
	char **words; /* behind the verb: a PID, or targets */
	size_t n;
};

static void usage(FILE *out)
{
	fputs("Usage: osconcepts targets [list] [options]\n"
	      "       osconcepts targets add PID [options]\n"
	      "       osconcepts targets show WHICH [options]\n"
	      "       osconcepts targets del WHICH... [options]\n"
	      "\n"
	      "Lists and changes the process trees that the module watches. A\n"
	      "target added here stays until it is deleted or the module goes.\n"
	      "WHICH is a target's ID, or the PID or the name of its root process.\n"
	      "\n"
	      "Options:\n"
	      "      --no-follow  add: watch the process without its children\n"
	      "  -j, --json       print JSON\n"
	      "  -h, --help       show this help\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 usage, 77 no module.\n"
	      "See osconcepts-targets(1).\n",
	      out);
}

static json_t *targets_json(const struct osc_target *targets, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		if (json_array_append_new(list, osc_target_json(&targets[i]))) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:s, s:o}", "schema", "osconcepts-targets/1",
			 "targets", list);
}

static int show_table(const struct osc_target *targets, size_t n,
		      struct osc_error *e)
{
	struct osc_table *t = osc_targets_table(targets, n);
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot show the targets: out of memory");
	ret = osc_table_print(t, stdout, e);
	osc_table_free(t);
	return ret;
}

static int show_list(const struct osc_target *targets, size_t n, bool json,
		     struct osc_error *e)
{
	int ret;

	if (json)
		return osc_json_print(targets_json(targets, n), stdout, e);
	ret = show_table(targets, n, e);
	if (!ret)
		osc_targets_notes(targets, n, stdout);
	return ret;
}

static int do_list(struct osc_module *m, const struct request *r,
		   struct osc_error *e)
{
	struct osc_target *targets;
	size_t n;
	int ret = osc_module_targets(m, &targets, &n, e);

	if (!ret)
		ret = show_list(targets, n, r->json, e);
	free(targets);
	return ret;
}

static int do_add(struct osc_module *m, const struct request *r,
		  struct osc_error *e)
{
	struct osc_target target;
	uint64_t pid;
	int ret = osc_parse_u64("pid", r->words[0], 1, INT32_MAX, &pid, e);

	if (!ret)
		ret = osc_module_add(m, (pid_t)pid, r->flags, &target, e);
	return ret ? ret : show_list(&target, 1, r->json, e);
}

/* One counter a line, with its definition: what the list has no room for. */
static int show_one(const struct osc_target *target, struct osc_error *e)
{
	static const struct osc_column columns[] = {
		{ "name", "COUNTER", OSC_COLUMN_TEXT },
		{ "value", "VALUE", OSC_COLUMN_COUNT },
		{ "definition", "MEANING", OSC_COLUMN_TEXT },
	};
	struct osc_table *t =
		osc_table_new(columns, sizeof(columns) / sizeof(*columns));
	struct osc_notes notes = { 0 };
	int ret;

	if (!t)
		return osc_error_set(e, ENOMEM,
				     "cannot show the target: out of memory");
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		char text[OSC_STANDING_TEXT_SIZE];

		osc_table_row(t);
		osc_table_text(t, "name", osc_counter_info[i].name);
		osc_table_text(t, "definition", osc_counter_info[i].definition);
		osc_table_text(t, "value",
			       osc_standing_text(&target->counts,
						 (enum osc_counter)i, text,
						 sizeof(text)));
	}
	osc_notes_counts(&notes, &target->counts, NULL);
	ret = show_table(target, 1, e);
	if (!ret && fputc('\n', stdout) == EOF)
		ret = osc_error_set(e, errno, "cannot write the output: %s",
				    strerror(errno));
	if (!ret)
		ret = osc_table_print(t, stdout, e);
	osc_table_free(t);
	if (!ret)
		osc_notes_print(&notes, stdout);
	return ret;
}

static int do_show(struct osc_module *m, const struct request *r,
		   struct osc_error *e)
{
	struct osc_target target;
	int ret = osc_target_find(m, r->words[0], &target, e);

	if (ret)
		return ret;
	return r->json ? show_list(&target, 1, true, e) : show_one(&target, e);
}

/* All that are meant, before any is removed: a name may be another's then. */
static int find_all(struct osc_module *m, const struct request *r,
		    struct osc_target *found, struct osc_error *e)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->n; i++)
		ret = osc_target_find(m, r->words[i], &found[i], e);
	return ret;
}

static int do_del(struct osc_module *m, const struct request *r,
		  struct osc_error *e)
{
	struct osc_target *target = calloc(r->n, sizeof(*target));
	size_t n = 0;
	int ret;

	if (!target)
		return osc_error_set(e, ENOMEM,
				     "cannot remove targets: out of memory");
	ret = find_all(m, r, target, e);
	while (!ret && n < r->n) {
		ret = osc_module_del(m, target[n].id, &target[n], e);
		n += !ret;
	}
	/* What was removed is shown even when the next one failed: these
	 * counts are nowhere else.
	 */
	if (n) {
		int shown = show_list(target, n, r->json, ret ? NULL : e);

		ret = ret ? ret : shown;
	}
	free(target);
	return ret;
}

static const struct verb {
	const char *name;
	int min, max; /* how many words follow */
	const char *what; /* they are */
	int (*run)(struct osc_module *m, const struct request *r,
		   struct osc_error *e);
} verbs[] = {
	{ "list", 0, 0, "", do_list },
	{ "add", 1, 1, "pid", do_add },
	{ "show", 1, 1, "target", do_show },
	{ "del", 1, 4096, "target", do_del },
};

static const struct verb *find_verb(const char *name, struct osc_error *e)
{
	const char *names[sizeof(verbs) / sizeof(*verbs) + 1] = { NULL };
	char known[64];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
			   "'%.60s': there is no such verb; try %s", name,
			   osc_nearest_try(name, strlen(name), names, known,
					   sizeof(known)));
	return NULL;
}

static int check_words(const struct verb *verb, char **argv, size_t n,
		       struct osc_error *e)
{
	if (n < (size_t)verb->min)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "%s: no %s was given", verb->name,
					  verb->what);
	if (n > (size_t)verb->max)
		return osc_error_set_exit(e, OSC_EXIT_USAGE, E2BIG,
					  "%s: unexpected '%s'", verb->name,
					  argv[verb->max]);
	return 0;
}

/* All words are read before the module is asked for anything. */
static int check_numbers(const struct verb *verb, const struct request *r,
			 struct osc_error *e)
{
	uint64_t pid;
	uint32_t number;
	int ret = 0;

	if (!strcmp(verb->what, "pid"))
		return osc_parse_u64("pid", r->words[0], 1, INT32_MAX, &pid, e);
	for (size_t i = 0; !ret && i < r->n; i++)
		ret = osc_target_word(verb->what, r->words[i], &number, e);
	return ret;
}

static int run(const struct verb *verb, const struct request *r)
{
	struct osc_module *m = NULL;
	struct osc_error e = { 0 };
	int ret = check_numbers(verb, r, &e);

	if (!ret)
		ret = osc_module_open(&m, &e);
	if (ret == -ENOENT)
		ret = osc_module_missing("use targets", &e);
	if (!ret)
		ret = verb->run(m, r, &e);
	osc_module_close(m);
	return osc_cli_end("targets", ret, &e);
}

int cmd_targets(int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-follow", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct request r = { 0 };
	struct osc_error e = { 0 };
	const struct verb *verb;
	int c;

	while ((c = osc_cli_getopt(argc, argv, "jh", options)) != -1) {
		switch (c) {
		case 'n':
			r.flags |= OSC_WATCH_NO_FOLLOW;
			break;
		case 'j':
			r.json = true;
			break;
		case 'h':
			usage(stdout);
			return OSC_EXIT_OK;
		default:
			return osc_cli_usage("targets");
		}
	}
	if (optind < argc) {
		r.words = argv + optind + 1;
		r.n = (size_t)(argc - optind - 1);
	}
	verb = find_verb(optind < argc ? argv[optind] : "list", &e);
	if (!verb || check_words(verb, argv + optind + 1, r.n, &e)) {
		osc_cli_fail("targets", &e);
		return osc_cli_usage("targets");
	}
	return run(verb, &r);
}
