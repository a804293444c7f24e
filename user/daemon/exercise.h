/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exercise.h - a process whose epoll counts are known beforehand. */
#ifndef OSC_DAEMON_EXERCISE_H
#define OSC_DAEMON_EXERCISE_H

/* Each is one callback and one wakeup. */
#define OSC_EXERCISE_ROUNDS 200

/* The whole life of the process: its exit code, 0 when every round was so. */
int osc_exercise_run(void);

#endif
