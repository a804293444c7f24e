// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/uring_buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "servers/server.h"

size_t osc_ahead_read(struct osc_ahead **ahead, void *buf, size_t size)
{
	struct osc_ahead *a = *ahead;
	size_t left = osc_ahead_left(a);
	size_t n = left < size ? left : size;

	memcpy(buf, a->data + a->at, n);
	a->at += n;
	if (n == left) {
		free(a);
		*ahead = NULL;
	}
	return n;
}

int osc_ahead_add(struct osc_ahead **ahead, const char *data, size_t len)
{
	size_t old = *ahead ? (*ahead)->len : 0;
	struct osc_ahead *a = realloc(*ahead, sizeof(*a) + old + len);

	if (!a)
		return -ENOMEM;
	if (!old)
		a->at = 0;
	memcpy(a->data + old, data, len);
	a->len = old + len;
	*ahead = a;
	return 0;
}

struct osc_sending *osc_sendings_take(struct osc_sendings *all)
{
	struct osc_sending *s = all->spare;

	if (!s)
		return malloc(sizeof(*s));
	all->spare = s->next;
	all->nr_spare--;
	return s;
}

void osc_sendings_put(struct osc_sendings *all, struct osc_sending *s)
{
	if (all->nr_spare == all->most) {
		free(s);
		return;
	}
	s->next = all->spare;
	all->spare = s;
	all->nr_spare++;
}

size_t osc_sending_fill(struct osc_sending *s, const struct iovec *iov, int nr,
			bool passing)
{
	size_t all = 0;
	int i = 0;

	if (passing) {
		all = iov->iov_len < sizeof(s->data) ? iov->iov_len :
						       sizeof(s->data);
		memcpy(s->data, iov->iov_base, all);
		s->iov[i++] = (struct iovec){ s->data, all };
		if (all < iov->iov_len)
			nr = 1;
	}
	for (; i < nr && all < OSC_SERVER_PROGRESS; i++) {
		s->iov[i] = iov[i];
		if (s->iov[i].iov_len > OSC_SERVER_PROGRESS - all)
			s->iov[i].iov_len = OSC_SERVER_PROGRESS - all;
		all += s->iov[i].iov_len;
	}
	s->message =
		(struct msghdr){ .msg_iov = s->iov, .msg_iovlen = (size_t)i };
	return all;
}

bool osc_sending_sent(struct osc_sending *s, size_t n)
{
	struct msghdr *m = &s->message;

	while (m->msg_iovlen && n >= m->msg_iov->iov_len) {
		n -= m->msg_iov->iov_len;
		m->msg_iov++;
		m->msg_iovlen--;
	}
	if (!m->msg_iovlen)
		return true;
	m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + n;
	m->msg_iov->iov_len -= n;
	return false;
}
