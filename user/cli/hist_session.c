// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/hist_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/wait.h"
#include "lib/error.h"
#include "lib/parse.h"

static bool is_number(const char *word, uint32_t *out)
{
	uint64_t value;

	if (osc_parse_u64("", word, 1, INT32_MAX, &value, NULL))
		return false;
	*out = (uint32_t)value;
	return true;
}

/* An ID goes before a PID: it names one target for ever. */
static const struct osc_target *by_number(const struct osc_target *targets,
					  size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (targets[i].id == number)
			return &targets[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (targets[i].pid == (pid_t)number)
			return &targets[i];
	}
	return NULL;
}

static int by_name(const struct osc_target *targets, size_t n, const char *name,
		   const struct osc_target **out, struct osc_error *e)
{
	*out = NULL;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(targets[i].comm, name))
			continue;
		if (*out)
			return osc_error_set(
				e, EEXIST,
				"cannot find the target '%s': %u and %u are "
				"called so; try one of these numbers",
				name, (*out)->id, targets[i].id);
		*out = &targets[i];
	}
	return 0;
}

static int no_target(const char *word, bool number, struct osc_error *e)
{
	return osc_error_set(
		e, ENOENT,
		"cannot find the target '%s': none has this %s; try osconcepts "
		"targets%s",
		word, number ? "ID or PID" : "name",
		number ? ", or --duration to watch it for a time" : "");
}

static int watch_pid(struct osc_hist_session *s, uint32_t pid,
		     struct osc_error *e)
{
	struct osc_target target;
	int ret = osc_module_add(s->m, (pid_t)pid, OSC_WATCH_BOUND, &target, e);

	if (ret)
		return ret;
	s->id = target.id;
	/* It may have ended in between; its times are there all the same. */
	return osc_cli_open_process((pid_t)pid, &s->pidfd, e);
}

int osc_hist_find_target(struct osc_hist_session *s, const char *word,
			 bool watch, struct osc_error *e)
{
	const struct osc_target *found = NULL;
	struct osc_target *targets;
	uint32_t number = 0;
	bool numeric = is_number(word, &number);
	size_t n;
	int ret;

	s->only = true;
	s->id = 0;
	if (!strcmp(word, "system") || !strcmp(word, "0"))
		return 0;
	ret = osc_module_targets(s->m, &targets, &n, e);
	if (ret)
		return ret;
	if (numeric)
		found = by_number(targets, n, number);
	else
		ret = by_name(targets, n, word, &found, e);
	if (found)
		s->id = found->id;
	free(targets);
	if (ret || s->id)
		return ret;
	return numeric && watch ? watch_pid(s, number, e) :
				  no_target(word, numeric, e);
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
			"osconcepts timings %s=all",
			name, name);
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
