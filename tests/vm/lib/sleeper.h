/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sleeper.h - a process that does nothing, to be watched. */
#ifndef OSC_TEST_SLEEPER_H
#define OSC_TEST_SLEEPER_H

#include <sys/types.h>

/* Ends the program when it cannot be made; ends with the program. */
pid_t sleeper_start(void);
void sleeper_end(pid_t pid);

#endif
