// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/error.h"
#include "lib/reserve.h"

#define GROUP 0
#define FIRST 64 /* buffers */

int osc_ring_open(struct io_uring *ring, unsigned int entries,
		  unsigned int cq_entries)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = cq_entries,
	};
	int ret = io_uring_queue_init_params(entries, ring, &p);

	/* Linux 6.0 has all but the last. */
	if (ret != -EINVAL)
		return ret;
	p = (struct io_uring_params){
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_COOP_TASKRUN,
		.cq_entries = cq_entries,
	};
	return io_uring_queue_init_params(entries, ring, &p);
}

int osc_ring_check(struct osc_error *e)
{
	struct io_uring ring;
	int ret = osc_ring_open(&ring, 1, 2);

	if (!ret) {
		io_uring_queue_exit(&ring);
		return 0;
	}
	return osc_error_set(
		e, -ret, "%s: %s",
		ret == -ENOSYS ? "this kernel has no io_uring" :
		ret == -EINVAL ? "its io_uring is older than Linux 6.0" :
		ret == -EPERM || ret == -EACCES ?
				 "io_uring is forbidden here, by "
				 "kernel.io_uring_disabled or a filter" :
				 "io_uring cannot be set up",
		strerror(-ret));
}

struct io_uring_sqe *osc_ring_request(struct io_uring *ring, uint64_t name)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe && io_uring_submit(ring) >= 0)
		sqe = io_uring_get_sqe(ring);
	if (sqe)
		io_uring_sqe_set_data64(sqe, name);
	return sqe;
}

int osc_ring_wait(struct io_uring *ring, const struct timespec *timeout)
{
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	int ret;

	if (timeout && !timeout->tv_sec && !timeout->tv_nsec) {
		ret = io_uring_submit_and_get_events(ring);
	} else {
		if (timeout)
			ts = (struct __kernel_timespec){
				.tv_sec = timeout->tv_sec,
				.tv_nsec = timeout->tv_nsec
			};
		ret = io_uring_submit_and_wait_timeout(
			ring, &cqe, 1, timeout ? &ts : NULL, NULL);
	}
	/* Too many completions at once: the caller is here to take them. */
	if (ret >= 0 || ret == -ETIME || ret == -EAGAIN || ret == -EBUSY)
		return 0;
	return ret;
}

int osc_ring_lend(struct io_uring *ring, struct osc_ring_lent *lent,
		  unsigned int count, unsigned int bytes)
{
	struct io_uring_buf_reg reg = { .ring_entries = count, .bgid = GROUP };
	int ret;

	*lent = (struct osc_ring_lent){ .count = count, .bytes = bytes };
	lent->ring = osc_reserve(count * sizeof(struct io_uring_buf));
	lent->buffers = osc_reserve((size_t)count * bytes);
	if (!lent->ring || !lent->buffers)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)lent->ring;
	ret = io_uring_register_buf_ring(ring, &reg, 0);
	if (ret)
		return ret;
	io_uring_buf_ring_init(lent->ring);
	while (lent->given < count && lent->given < FIRST)
		osc_ring_return(lent, lent->given++);
	osc_ring_lend_again(lent);
	return 0;
}

void osc_ring_lend_more(struct osc_ring_lent *lent)
{
	unsigned int most = 2 * lent->given;

	if (lent->short_of)
		return;
	lent->short_of = true;
	while (lent->given < lent->count && lent->given < most)
		osc_ring_return(lent, lent->given++);
}

void osc_ring_unlend(struct osc_ring_lent *lent)
{
	if (lent->ring)
		munmap(lent->ring, lent->count * sizeof(struct io_uring_buf));
	if (lent->buffers)
		munmap(lent->buffers, (size_t)lent->count * lent->bytes);
}
