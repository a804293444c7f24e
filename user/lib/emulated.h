/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emulated.h - what holds on a CPU that is emulated, the same wherever it is said:
 * counts are exact, and times are neither compared nor drawn. Two programs on an
 * emulator differ by what is slow to emulate (changes of page tables, system
 * calls), not by what is slow on a CPU: even their order may be another.
 */
#ifndef OSC_LIB_EMULATED_H
#define OSC_LIB_EMULATED_H

#include <jansson.h>
#include <stdbool.h>

/* `br` is what stands between its two lines: a space, or a line feed. */
#define OSC_EMULATED_NOTE(br)                                             \
	"The CPU is emulated: counts are exact, but times and rates say " \
	"nothing about" br "real hardware, not even which of two is faster."

/*
 * A new reference to an osconcepts-compare/3 document, without its times and rates
 * and, in the summary, what speaks against them, if it was made on an emulated CPU; NULL without memory.
 */
json_t *osc_emulated_without_times(const json_t *document);
bool osc_emulated_is(const json_t *document);

#endif
