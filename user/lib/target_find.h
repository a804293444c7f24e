/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target_find.h - which target a word names. All commands that take a target
 * take the same words: its ID, the PID of its root process, or the name of it.
 *
 * A PID is a process's own only while the process lives; afterwards another
 * process may have it. So a target whose root process lives comes before those
 * whose root process had the PID once, and these count only while no process
 * has it.
 */
#ifndef OSC_LIB_TARGET_FIND_H
#define OSC_LIB_TARGET_FIND_H

#include <stdbool.h>

#include "lib/module.h"

/*
 * Checks a word before the module is asked: of digits only it is an ID or a
 * PID. what names it in the error, which is OSC_EXIT_USAGE. *number is 0 for a
 * name.
 */
int osc_target_word(const char *what, const char *word, uint32_t *number,
		    struct osc_error *e);

/*
 * The target that a word names: 0, -ENOENT when none does, or -EEXIST when
 * several do. pid_is_used: a process has the word as its PID.
 */
int osc_target_match(const struct osc_target *targets, size_t n,
		     const char *word, bool pid_is_used,
		     const struct osc_target **out, struct osc_error *e);

/* The same of the targets that we may see now. */
int osc_target_find(struct osc_module *m, const char *word,
		    struct osc_target *out, struct osc_error *e);

#endif
