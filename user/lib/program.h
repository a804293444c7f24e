/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.h - where our programs and the module's file are, so that a hint
 * names a command that works as it stands: from any directory, installed or
 * run from a build directory.
 */
#ifndef OSC_LIB_PROGRAM_H
#define OSC_LIB_PROGRAM_H

#include <stddef.h>

/*
 * How a shell finds `osconcepts`: that name where PATH leads to the one beside
 * the running program, its path as a shell takes it otherwise. The text lives for ever.
 */
const char *osc_program(void);

/* The same for `osconceptsd`. */
const char *osc_program_daemon(void);

/* For a path of so many bytes, each with a backslash; a line feed takes five. */
#define OSC_QUOTED_SIZE(bytes) (5 * (bytes) + 1)

/* The path as a word of a shell's command line. */
void osc_program_quote(const char *path, char *out);

/*
 * The program of that name in the directory of the running one, as in a build
 * directory and in an installation; the bare name where there is none, for
 * execvp() to find.
 */
void osc_program_beside(const char *name, char *path, size_t size);

/*
 * The command that loads the module into the running kernel: modprobe where it
 * is installed, insmod of the file in the build directory, or how to build it.
 * The text lives for ever.
 */
const char *osc_program_load_module(void);

#endif
