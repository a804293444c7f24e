/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pingpong.h - a byte that goes to another thread and back, so that each of the
 * two blocks once a round. Steps of a process of work.h.
 */
#ifndef OSC_TEST_PINGPONG_H
#define OSC_TEST_PINGPONG_H

#include "work.h"

#define PINGPONG_ROUNDS 2000

void pingpong_start(struct work_shared *shared);
/* PINGPONG_ROUNDS rounds. */
void pingpong_play(struct work_shared *shared);

#endif
