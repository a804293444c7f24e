/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * board.h - where the workers of a group that grows and shrinks say whether
 * they have a connection, for their master to see. In shared memory.
 */
#ifndef OSC_SERVERS_BOARD_H
#define OSC_SERVERS_BOARD_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum osc_board_state {
	OSC_BOARD_ABSENT,
	OSC_BOARD_IDLE, /* also: about to start */
	OSC_BOARD_BUSY,
};

/* To the master: fewer are idle than should be. */
#define OSC_BOARD_ASK SIGUSR1
/* To a worker or a child: end with your connections, or now. */
#define OSC_BOARD_RETIRE SIGUSR1

struct osc_board {
	pid_t master;
	unsigned int size;
	unsigned int least_idle;
	atomic_bool full; /* there can be no more workers */
	atomic_bool asked; /* somebody has, and the master has not looked */
	_Atomic unsigned char state[]; /* enum osc_board_state, by worker */
};

/* Of `size` workers, all absent; for ever. Returns NULL with errno set. */
struct osc_board *osc_board_new(unsigned int size, unsigned int least_idle);

/* How many are idle, counted up to `most`. */
unsigned int osc_board_nr_idle(const struct osc_board *b, unsigned int most);

/*
 * A worker has a connection now: asks for others where too few are idle.
 * Returns false when nobody is left to accept, and nobody will come.
 */
bool osc_board_busy(struct osc_board *b, unsigned int index);
/* It has none any more. */
void osc_board_idle(struct osc_board *b, unsigned int index);

#endif
