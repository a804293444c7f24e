// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/send.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

bool osc_piece_next(struct osc_piece *p, const struct osc_exchange *x,
		    const struct osc_output *out, int file)
{
	bool pages = file >= 0 && x->stream_left >= OSC_SEND_PAGES_MIN;

	p->more = pages && out->len;
	if (pages && !out->len) {
		p->nr = 0;
		p->file = file;
		p->at = osc_response_file_at(x->route.n, x->stream_left);
		p->size = x->stream_left < OSC_SEND_PAGES_MAX ?
				  x->stream_left :
				  OSC_SEND_PAGES_MAX;
		return true;
	}
	if (p->more) {
		p->iov[0] = (struct iovec){ out->data, out->len };
		p->nr = 1;
		p->size = out->len;
		return true;
	}
	p->nr = osc_exchange_pieces(x, out, p->iov, &p->size);
	return p->nr;
}

static ssize_t send_pages(const struct osc_piece *p, int fd,
			  const struct osc_books *books)
{
	off_t at = p->at;
	ssize_t n = sendfile(fd, p->file, &at, p->size);

	if (n > 0)
		osc_books_add(books, OSC_ACCOUNT_BYTES_PAGES, (uint64_t)n);
	return n;
}

ssize_t osc_piece_send(const struct osc_piece *p, int fd,
		       const struct osc_books *books)
{
	ssize_t n;

	if (!p->nr)
		n = send_pages(p, fd, books);
	else if (p->more)
		n = send(fd, p->iov->iov_base, p->iov->iov_len, MSG_MORE);
	else if (p->nr == 1)
		n = write(fd, p->iov->iov_base, p->iov->iov_len);
	else
		n = writev(fd, p->iov, p->nr);
	osc_books_add(books, OSC_ACCOUNT_WRITES, 1);
	if (n > 0)
		osc_books_add(books, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
	return n;
}
