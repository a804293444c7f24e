/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - what the server and the load generator have in common on io_uring:
 * to set up a ring, to lend it buffers, to hand over and wait. Who asks for what
 * is theirs.
 */
#ifndef OSC_LIB_RING_H
#define OSC_LIB_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct osc_error;

/* Whether there is an io_uring for us; the error says why not. */
int osc_ring_check(struct osc_error *e);

/*
 * For one thread, the one that calls it. Of completions beyond cq_entries the
 * kernel keeps a list, at some cost. Returns 0 or -errno.
 */
int osc_ring_open(struct io_uring *ring, unsigned int entries,
		  unsigned int cq_entries);

/* NULL: the kernel takes no more. What was asked for before is handed over. */
struct io_uring_sqe *osc_ring_request(struct io_uring *ring, uint64_t name);

/*
 * Hands over what was asked for and waits for a completion, at most `timeout`
 * (NULL: for ever; 0: not). Returns 0, also when the time is over, or -errno.
 */
int osc_ring_wait(struct io_uring *ring, const struct timespec *timeout);

/*
 * Buffers for what the kernel receives. It takes them in turn, all of those that
 * it has: few stay in the caches, and so it is given no more than it needs.
 */
struct osc_ring_lent {
	struct io_uring_buf_ring *ring;
	char *buffers;
	unsigned int count; /* at most; a power of two */
	unsigned int given;
	unsigned int bytes; /* of one */
	int returned; /* and not yet lent again */
	bool short_of; /* this round */
};

/* Group 0 of the ring; a few. Returns 0 or -errno. */
int osc_ring_lend(struct io_uring *ring, struct osc_ring_lent *lent,
		  unsigned int count, unsigned int bytes);
/* A completion has told of none being left: twice as many, once in a round. */
void osc_ring_lend_more(struct osc_ring_lent *lent);
void osc_ring_unlend(struct osc_ring_lent *lent);

/* The buffer that a completion brought. */
static inline unsigned int osc_ring_buffer_id(const struct io_uring_cqe *cqe)
{
	return cqe->flags >> IORING_CQE_BUFFER_SHIFT;
}

static inline char *osc_ring_buffer(const struct osc_ring_lent *lent,
				    unsigned int id)
{
	return lent->buffers + (size_t)id * lent->bytes;
}

/* It has been read; the kernel has it again after osc_ring_lend_again(). */
static inline void osc_ring_return(struct osc_ring_lent *lent, unsigned int id)
{
	io_uring_buf_ring_add(lent->ring, osc_ring_buffer(lent, id),
			      lent->bytes, (unsigned short)id,
			      io_uring_buf_ring_mask(lent->count),
			      lent->returned++);
}

static inline void osc_ring_lend_again(struct osc_ring_lent *lent)
{
	io_uring_buf_ring_advance(lent->ring, lent->returned);
	lent->returned = 0;
	lent->short_of = false;
}

#endif
