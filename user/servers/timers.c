// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/timers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/reserve.h"

int osc_timers_init(struct osc_timers *t, uint32_t size)
{
	memset(t, 0, sizeof(*t));
	t->size = size;
	t->heap = osc_reserve(size * sizeof(*t->heap));
	t->position = osc_reserve(size * sizeof(*t->position));
	if (t->heap && t->position)
		return 0;
	osc_timers_destroy(t);
	return -ENOMEM;
}

void osc_timers_destroy(struct osc_timers *t)
{
	if (t->heap)
		munmap(t->heap, t->size * sizeof(*t->heap));
	if (t->position)
		munmap(t->position, t->size * sizeof(*t->position));
	memset(t, 0, sizeof(*t));
}

static void place(struct osc_timers *t, uint32_t at,
		  const struct osc_timer_entry *entry)
{
	t->heap[at] = *entry;
	t->position[entry->id] = at + 1;
}

static void sift_up(struct osc_timers *t, uint32_t at)
{
	const struct osc_timer_entry entry = t->heap[at];

	while (at) {
		uint32_t parent = (at - 1) / 2;

		if (t->heap[parent].due_ns <= entry.due_ns)
			break;
		place(t, at, &t->heap[parent]);
		at = parent;
	}
	place(t, at, &entry);
}

static void sift_down(struct osc_timers *t, uint32_t at)
{
	const struct osc_timer_entry entry = t->heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= t->count)
			break;
		if (child + 1 < t->count &&
		    t->heap[child + 1].due_ns < t->heap[child].due_ns)
			child++;
		if (entry.due_ns <= t->heap[child].due_ns)
			break;
		place(t, at, &t->heap[child]);
		at = child;
	}
	place(t, at, &entry);
}

void osc_timers_set(struct osc_timers *t, uint32_t id, uint64_t due_ns)
{
	uint32_t at;

	if (t->position[id]) {
		at = t->position[id] - 1;
	} else {
		at = t->count++;
		t->heap[at].id = id;
		t->heap[at].due_ns = UINT64_MAX;
	}
	if (due_ns < t->heap[at].due_ns) {
		t->heap[at].due_ns = due_ns;
		sift_up(t, at);
	} else {
		t->heap[at].due_ns = due_ns;
		sift_down(t, at);
	}
}

void osc_timers_clear(struct osc_timers *t, uint32_t id)
{
	uint32_t at;

	if (!t->position[id])
		return;
	at = t->position[id] - 1;
	t->position[id] = 0;
	if (at == --t->count)
		return;
	place(t, at, &t->heap[t->count]);
	sift_up(t, at);
	sift_down(t, t->position[t->heap[at].id] - 1);
}
