// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/target_find.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/nearest.h"
#include "lib/parse.h"
#include "lib/program.h"

static bool is_number(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

int osc_target_word(const char *what, const char *word, uint32_t *number,
		    struct osc_error *e)
{
	uint64_t value = 0;
	int ret = 0;

	/* No PID is larger, nor will an ID get there. */
	if (is_number(word) || !*word)
		ret = osc_parse_u64(what, word, 1, INT32_MAX, &value, e);
	*number = (uint32_t)value;
	return ret;
}

/* Of targets of equal standing the one that no running command will remove. */
enum rank { RANK_NONE, RANK_ENDED, RANK_BOUND, RANK_LIVE };

static enum rank rank_of(const struct osc_target *t)
{
	if (!t->root_lives)
		return RANK_ENDED;
	return t->flags & OSC_WATCH_BOUND ? RANK_BOUND : RANK_LIVE;
}

static bool is_called(const struct osc_target *t, const char *word,
		      uint32_t pid)
{
	return pid ? t->pid == (pid_t)pid : !strcmp(t->comm, word);
}

struct matches {
	const struct osc_target *first;
	enum rank rank;
	size_t n;
	char ids[128]; /* "3, 5 and 8" */
};

static void add_match(struct matches *m, const struct osc_target *t)
{
	size_t used = strlen(m->ids);

	if (rank_of(t) > m->rank) {
		*m = (struct matches){ .rank = rank_of(t) };
		used = 0;
	}
	if (rank_of(t) < m->rank)
		return;
	if (!m->n++)
		m->first = t;
	if (used < sizeof(m->ids) - 12)
		snprintf(m->ids + used, sizeof(m->ids) - used, "%s%u",
			 used ? ", " : "", t->id);
}

int osc_target_match(const struct osc_target *targets, size_t n,
		     const char *word, bool pid_is_used,
		     const struct osc_target **out, struct osc_error *e)
{
	struct matches m = { 0 };
	struct osc_nearest near;
	uint32_t number;
	int ret = osc_target_word("target", word, &number, e);

	*out = NULL;
	osc_nearest_begin(&near, word, strlen(word));
	for (size_t i = 0; !ret && i < n; i++) {
		/* An ID goes first: it names one target for ever. */
		if (number && targets[i].id == number) {
			*out = &targets[i];
			return 0;
		}
		if (is_called(&targets[i], word, number))
			add_match(&m, &targets[i]);
		if (!number)
			osc_nearest_offer(&near, targets[i].comm);
	}
	if (ret)
		return ret;
	if (m.n > 1)
		return osc_error_set(e, EEXIST,
				     "cannot find the target '%s': the targets "
				     "%s all have this %s; try one of these "
				     "IDs",
				     word, m.ids, number ? "PID" : "name");
	if (!m.n && near.best)
		return osc_error_set(e, ENOENT,
				     "cannot find the target '%s': none has "
				     "this name; try %s",
				     word, near.best);
	if (!m.n || (number && m.rank == RANK_ENDED && pid_is_used))
		return osc_error_set(
			e, ENOENT,
			"cannot find the target '%s': none has this %s%s%s; "
			"try %s targets",
			word, number ? "ID or PID" : "name",
			m.n ? ": a process that has ended had it in target " :
			      "",
			m.ids, osc_program());
	*out = m.first;
	return 0;
}

static bool is_used(uint32_t pid)
{
	return pid && (!kill((pid_t)pid, 0) || errno != ESRCH);
}

int osc_target_find(struct osc_module *m, const char *word,
		    struct osc_target *out, struct osc_error *e)
{
	const struct osc_target *found;
	struct osc_target *targets;
	uint32_t number;
	size_t n;
	int ret = osc_target_word("target", word, &number, e);

	if (ret)
		return ret;
	/* Without the list, which may be long. */
	if (number) {
		ret = osc_module_get(m, number, out, e);
		if (ret != -ENOENT)
			return ret;
	}
	ret = osc_module_targets(m, &targets, &n, e);
	if (ret)
		return ret;
	ret = osc_target_match(targets, n, word, is_used(number), &found, e);
	if (!ret)
		*out = *found;
	free(targets);
	return ret;
}
