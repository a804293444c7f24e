// SPDX-License-Identifier: GPL-2.0-or-later
/* hist_report.c - what `osconcepts hist` prints. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/hist_session.h"
#include "lib/emulated.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/platform.h"
#include "lib/program.h"
#include "lib/timings_output.h"

static const struct osc_histogram *earlier(const struct osc_hist_look *before,
					   const struct osc_histogram *h)
{
	for (size_t i = 0; before && i < before->nr_histograms; i++) {
		const struct osc_histogram *b = &before->histogram[i];

		if (b->target == h->target && !strcmp(b->name, h->name))
			return b;
	}
	return NULL;
}

static const struct osc_target *target_of(const struct osc_hist_look *look,
					  uint32_t id)
{
	for (size_t i = 0; i < look->nr_targets; i++) {
		if (look->target[i].id == id)
			return &look->target[i];
	}
	return NULL;
}

static void draw(const struct osc_hist_report *r, const struct osc_histogram *h,
		 const struct osc_bars *bars)
{
	const struct osc_target *target = target_of(r->now, h->target);
	char whose[96] = "the whole system";

	if (target)
		snprintf(whose, sizeof(whose), "target %u, %s[%d]%s",
			 target->id, target->comm, (int)target->pid,
			 target->exited ? ", ended" : "");
	else if (h->target)
		snprintf(whose, sizeof(whose), "target %u", h->target);
	osc_histogram_draw(h, whose, bars, stdout);
	fputc('\n', stdout);
}

static void print_timing_note(const struct osc_timing *t, unsigned int columns)
{
	if (!strcmp(t->state, "off"))
		osc_text_line(stdout, columns,
			      "%s is not timed; try: %s timings %s=targets",
			      t->name, osc_program(), t->name);
	else if (strcmp(t->state, "on"))
		osc_text_line(stdout, columns, "%s is %s: %s", t->name,
			      t->state, t->why);
	if (t->lost)
		osc_text_line(stdout, columns, "%s: %llu events went untimed.",
			      t->name, (unsigned long long)t->lost);
}

/* Some timing that is asked for has its events from this source. */
static bool is_needed(const struct osc_hist_report *r,
		      const struct osc_source *source)
{
	for (size_t i = 0; i < OSC_NR_TIMING_KINDS; i++) {
		const struct osc_timing_kind *kind = &osc_timing_kinds[i];

		if (!strcmp(kind->source, source->name) &&
		    osc_histogram_set_has_timing(r->set, kind->name))
			return true;
	}
	return false;
}

static void print_notes(const struct osc_hist_report *r)
{
	const struct osc_hist_look *now = r->now;
	unsigned int columns = osc_bars_for(stdout).columns;

	for (size_t i = 0; i < now->nr_timings; i++) {
		if (osc_histogram_set_has_timing(r->set, now->timing[i].name))
			print_timing_note(&now->timing[i], columns);
	}
	for (size_t i = 0; i < now->nr_sources; i++) {
		const struct osc_source *source = &now->source[i];

		if (!strcmp(source->state, "silenced") && is_needed(r, source))
			osc_text_line(stdout, columns,
				      "The source %s is silenced, and nothing "
				      "comes from it: %s",
				      source->name, source->why);
	}
	if (osc_platform_emulated())
		osc_text_fold(OSC_EMULATED_NOTE(" "), columns, stdout);
}

/* Of those asked for the one that says most: on, else off, else neither. */
static const struct osc_timing *telling(const struct osc_hist_report *r)
{
	const struct osc_timing *best = NULL;
	int most = -1;

	for (size_t i = 0; i < r->now->nr_timings; i++) {
		const struct osc_timing *t = &r->now->timing[i];
		int value = !strcmp(t->state, "on")  ? 2 :
			    !strcmp(t->state, "off") ? 1 :
						       0;

		if (!osc_histogram_set_has_timing(r->set, t->name) ||
		    value <= most)
			continue;
		most = value;
		best = t;
	}
	return best;
}

static int nothing(const struct osc_hist_report *r, struct osc_error *e)
{
	const struct osc_timing *t = telling(r);

	if (!t)
		return osc_error_set_exit(e, OSC_EXIT_MISSING, EOPNOTSUPP,
					  "cannot show histograms: the module "
					  "does not time this");
	if (!strcmp(t->state, "off"))
		return osc_error_set(
			e, ENODATA,
			"cannot show histograms: %s is not timed; try "
			"%s timings %s=targets, or --time %s",
			t->name, osc_program(), t->name, t->name);
	if (strcmp(t->state, "on"))
		return osc_error_set_exit(
			e, OSC_EXIT_MISSING, EOPNOTSUPP,
			"cannot show histograms: %s is %s: %s", t->name,
			t->state, t->why);
	if (r->session->only && !r->session->id)
		return osc_error_set(
			e, ENODATA,
			"cannot show histograms: %s is timed for targets only; "
			"try %s timings %s=all",
			t->name, osc_program(), t->name);
	/* One that is there has them as long as the timing is on. */
	if (r->session->only)
		return osc_error_set(e, ENOENT,
				     "cannot show histograms: target %u is "
				     "gone; try %s targets",
				     r->session->id, osc_program());
	return osc_error_set(
		e, ENODATA,
		"cannot show histograms: %s is timed for targets, "
		"and there is none; try %s targets add, or %s timings %s=all",
		t->name, osc_program(), osc_program(), t->name);
}

int osc_hist_check(const struct osc_hist_report *r, struct osc_error *e)
{
	bool system = r->session->only && !r->session->id;

	for (size_t i = 0; i < r->now->nr_timings; i++) {
		const struct osc_timing *t = &r->now->timing[i];

		if (osc_histogram_set_has_timing(r->set, t->name) &&
		    t->level >= (system ? OSC_TIMING_ALL : OSC_TIMING_TARGETS))
			return 0;
	}
	return nothing(r, e);
}

static json_t *target_json(const struct osc_hist_look *now, uint32_t id)
{
	const struct osc_target *target = target_of(now, id);

	if (!id)
		return json_null();
	return json_pack(
		"{s:I, s:o, s:o}", "id", (json_int_t)id, "pid",
		target && target->pid ? json_integer(target->pid) : json_null(),
		"comm", target ? osc_json_text(target->comm) : json_null());
}

static int add_json(const struct osc_hist_report *r,
		    const struct osc_histogram *h, json_t *list)
{
	json_t *one = osc_histogram_json(h);

	if (json_object_set_new(one, "target",
				target_json(r->now, h->target))) {
		json_decref(one);
		return -ENOMEM;
	}
	return json_array_append_new(list, one) ? -ENOMEM : 0;
}

static json_t *sources_json(const struct osc_hist_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->now->nr_sources; i++) {
		const struct osc_source *s = &r->now->source[i];

		if (json_array_append_new(
			    list, json_pack("{s:o, s:o, s:o}", "name",
					    osc_json_text(s->name), "state",
					    osc_json_text(s->state), "why",
					    s->why[0] ? osc_json_text(s->why) :
							json_null()))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int print_json(const struct osc_hist_report *r, json_t *histograms,
		      struct osc_error *e)
{
	json_t *all = json_pack(
		"{s:o, s:o, s:b, s:o, s:o, s:o}", "schema",
		osc_json_text(r->schema), "platform", osc_platform(),
		"cut_short", r->cut_short, "sources", sources_json(r),
		"timings", osc_timings_json(r->now->timing, r->now->nr_timings),
		"histograms", histograms);

	return r->one_line ? osc_json_print_line(all, stdout, e) :
			     osc_json_print(all, stdout, e);
}

static int print_text(const struct osc_hist_report *r, struct osc_error *e)
{
	print_notes(r);
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return osc_error_set(e, errno, "cannot write the output: %s",
			     strerror(errno));
}

int osc_hist_report(const struct osc_hist_report *r, struct osc_error *e)
{
	struct osc_bars bars = osc_bars_for(stdout);
	json_t *list = r->json ? json_array() : NULL;
	size_t shown = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < r->now->nr_histograms; i++) {
		const struct osc_histogram *now = &r->now->histogram[i];
		struct osc_histogram h;

		if (!osc_histogram_set_has(r->set, now->name))
			continue;
		osc_histogram_since(now, earlier(r->before, now), &h);
		if (r->json)
			ret = add_json(r, &h, list);
		else
			draw(r, &h, &bars);
		shown++;
	}
	if (ret)
		osc_error_set(e, ENOMEM,
			      "cannot show histograms: out of memory");
	else if (!shown)
		ret = nothing(r, e);
	else
		return r->json ? print_json(r, list, e) : print_text(r, e);
	json_decref(list);
	return ret;
}
