// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/board.h"

#include <sys/mman.h>
#include <unistd.h>

struct osc_board *osc_board_new(unsigned int size, unsigned int least_idle)
{
	struct osc_board *b;

	b = mmap(NULL, sizeof(*b) + size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return NULL;
	b->master = getpid();
	b->size = size;
	b->least_idle = least_idle;
	return b;
}

unsigned int osc_board_nr_idle(const struct osc_board *b, unsigned int most)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->size && n < most; i++)
		n += atomic_load_explicit(&b->state[i], memory_order_relaxed) ==
		     OSC_BOARD_IDLE;
	return n;
}

bool osc_board_busy(struct osc_board *b, unsigned int index)
{
	atomic_store(&b->state[index], OSC_BOARD_BUSY);
	if (atomic_load(&b->full))
		return osc_board_nr_idle(b, 1);
	if (!atomic_load(&b->asked) &&
	    osc_board_nr_idle(b, b->least_idle) < b->least_idle &&
	    !atomic_exchange(&b->asked, true))
		kill(b->master, OSC_BOARD_ASK);
	return true;
}

void osc_board_idle(struct osc_board *b, unsigned int index)
{
	atomic_store(&b->state[index], OSC_BOARD_IDLE);
}
