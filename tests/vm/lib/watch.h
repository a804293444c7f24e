/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.h - targets of a test which has no use for an error about them. */
#ifndef OSC_TEST_WATCH_H
#define OSC_TEST_WATCH_H

#include "nl.h"

/* Each ends the program when the kernel refuses it. */
void watch_add(struct nl *nl, pid_t pid, uint32_t flags, struct target *target);
void watch_get(struct nl *nl, struct target *target);

/* Get until live tasks are in it, for a while. */
void watch_settled(struct nl *nl, struct target *target, uint64_t live);

#endif
