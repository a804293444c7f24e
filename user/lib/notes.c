// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/notes.h"

#include <string.h>

#include "lib/bars.h"
#include "lib/output.h"

static struct osc_note *find(struct osc_notes *notes,
			     enum osc_standing_kind kind, const char *why)
{
	struct osc_note *note;

	for (size_t i = 0; i < notes->n; i++) {
		note = &notes->note[i];
		if (note->kind == kind && !strcmp(note->why, why))
			return note;
	}
	if (notes->n == OSC_NOTES_MAX)
		return NULL;
	note = &notes->note[notes->n++];
	*note = (struct osc_note){ .kind = kind, .why = why };
	return note;
}

void osc_notes_put(struct osc_notes *notes, enum osc_standing_kind kind,
		   const char *why, const char *name)
{
	struct osc_note *note = kind == OSC_EXACT ? NULL :
						    find(notes, kind, why);

	if (!note || note->n == OSC_NOTES_NAMES)
		return;
	for (size_t i = 0; i < note->n; i++) {
		if (!strcmp(note->name[i], name))
			return;
	}
	note->name[note->n++] = name;
}

void osc_notes_counts(struct osc_notes *notes, const struct osc_counts *c,
		      const char *const *names)
{
	for (int i = 0; i < OSC_NR_COUNTERS; i++) {
		struct osc_standing s = osc_standing(c, (enum osc_counter)i);
		const char *name = names ? names[i] : osc_counter_info[i].name;

		if (name)
			osc_notes_put(notes, s.kind, s.why, name);
	}
}

void osc_notes_print(struct osc_notes *notes, FILE *out)
{
	char text[1024];

	for (size_t i = 0; i < notes->n; i++) {
		struct osc_note *note = &notes->note[i];
		size_t length;

		if (note->printed)
			continue;
		note->printed = true;
		length = (size_t)snprintf(text, sizeof(text), "%s",
					  osc_standing_sign(note->kind));
		for (size_t k = 0; k < note->n && length < sizeof(text); k++)
			length += (size_t)snprintf(text + length,
						   sizeof(text) - length,
						   "%s %s", k ? "," : "",
						   note->name[k]);
		if (length < sizeof(text))
			snprintf(text + length, sizeof(text) - length, ": %s.",
				 note->why);
		fputc('\n', out);
		osc_text_fold(text, osc_terminal_columns(out) ?: 80, out);
	}
}
