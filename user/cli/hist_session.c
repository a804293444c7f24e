// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/hist_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wait.h"
#include "lib/error.h"
#include "lib/nearest.h"
#include "lib/program.h"
#include "lib/target_find.h"

/*
 * The process is opened first: should it end before it is watched, and another
 * be given its PID, it is told from that one.
 */
static int watch_pid(struct osc_hist_session *s, uint32_t pid,
		     struct osc_error *e)
{
	struct osc_target target;
	int ret = osc_cli_open_process((pid_t)pid, &s->pidfd, e);

	if (!ret)
		ret = osc_module_add(s->m, (pid_t)pid, OSC_WATCH_BOUND, &target,
				     e);
	if (!ret)
		ret = osc_cli_check_process((pid_t)pid, s->pidfd, e);
	if (ret)
		return ret;
	s->id = target.id;
	return 0;
}

static void suggest(struct osc_error *e, const char *what)
{
	size_t used = strlen(e->text);

	snprintf(e->text + used, sizeof(e->text) - used, "%s", what);
}

static bool is_like_system(const char *word)
{
	struct osc_nearest near;

	osc_nearest_begin(&near, word, strlen(word));
	osc_nearest_offer(&near, "system");
	return near.best;
}

int osc_hist_find_target(struct osc_hist_session *s, const char *word,
			 bool watch, struct osc_error *e)
{
	struct osc_target found;
	uint32_t number;
	int ret;

	s->only = true;
	s->id = 0;
	if (!strcmp(word, "system") || !strcmp(word, "0"))
		return 0;
	ret = osc_target_word("--target", word, &number, e);
	if (!ret)
		ret = osc_target_find(s->m, word, &found, e);
	if (!ret)
		s->id = found.id;
	if (ret == -ENOENT && number && watch)
		return watch_pid(s, number, e);
	if (ret == -ENOENT && number)
		suggest(e, ", or --duration to watch the process for a time");
	else if (ret == -ENOENT && is_like_system(word))
		suggest(e, ", or system");
	return ret;
}

static const struct osc_timing *find_timing(const struct osc_timing *timings,
					    size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(timings[i].name, name))
			return &timings[i];
	}
	return NULL;
}

static int switch_one(struct osc_hist_session *s,
		      const struct osc_timing_wish *wish,
		      const struct osc_timing *now, struct osc_error *e)
{
	const char *name = wish->kind->name;
	struct osc_timing set;
	int ret;

	if (now && now->level >= wish->level)
		return 0;
	if (now && now->level)
		return osc_error_set(
			e, EBUSY,
			"cannot time %s for all: it is timed for targets, and "
			"another level would drop what was measured; try "
			"%s timings %s=all",
			name, osc_program(), name);
	ret = osc_module_timing_set(s->m, name, wish->level, &set, e);
	if (ret)
		return ret;
	s->on[s->nr_on].name = name;
	s->on[s->nr_on++].since_ns = set.since_ns;
	return 0;
}

int osc_hist_switch_on(struct osc_hist_session *s,
		       const struct osc_timing_wish *wishes, size_t n,
		       struct osc_error *e)
{
	struct osc_timing *timings;
	size_t nr;
	int ret;

	if (!n)
		return 0;
	ret = osc_module_timings(s->m, &timings, &nr, e);
	for (size_t i = 0; !ret && i < n; i++)
		ret = switch_one(s, &wishes[i],
				 find_timing(timings, nr, wishes[i].kind->name),
				 e);
	free(timings);
	return ret;
}

int osc_hist_restore(struct osc_hist_session *s, struct osc_error *e)
{
	struct osc_timing *timings;
	size_t nr, n = s->nr_on;
	int ret;

	s->nr_on = 0;
	if (!n)
		return 0;
	ret = osc_module_timings(s->m, &timings, &nr, e);
	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		const struct osc_timing *now =
			find_timing(timings, nr, s->on[i].name);
		int failed = 0;

		/* Begun anew: by somebody who wants it. */
		if (now && now->since_ns == s->on[i].since_ns)
			failed = osc_module_timing_set(s->m, s->on[i].name,
						       OSC_TIMING_OFF, NULL, e);
		ret = ret ? ret : failed;
	}
	free(timings);
	return ret;
}

int osc_hist_look(struct osc_hist_session *s, struct osc_hist_look *out,
		  struct osc_error *e)
{
	int ret;

	*out = (struct osc_hist_look){ 0 };
	ret = osc_module_histograms(s->m, s->only ? &s->id : NULL,
				    &out->histogram, &out->nr_histograms, e);
	if (!ret)
		ret = osc_module_timings(s->m, &out->timing, &out->nr_timings,
					 e);
	if (!ret)
		ret = osc_module_sources(s->m, &out->source, &out->nr_sources,
					 e);
	if (!ret)
		ret = osc_module_targets(s->m, &out->target, &out->nr_targets,
					 e);
	if (ret)
		osc_hist_look_free(out);
	return ret;
}

void osc_hist_look_free(struct osc_hist_look *look)
{
	free(look->histogram);
	free(look->timing);
	free(look->source);
	free(look->target);
	*look = (struct osc_hist_look){ 0 };
}
