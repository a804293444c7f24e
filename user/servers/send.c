// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/send.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_pages(struct osc_piece *p, const struct osc_exchange *x,
		      int file)
{
	p->pages = true;
	p->more = false;
	p->file = file;
	p->at = osc_response_file_at(x->route.n, x->stream_left);
	p->size = x->stream_left < OSC_RESPONSE_PAGES ? x->stream_left :
							OSC_RESPONSE_PAGES;
}

void osc_piece_text(struct osc_piece *p, char *data, size_t size)
{
	p->size = size;
	p->pages = p->more = false;
	p->nr = 1;
	p->iov[0] = (struct iovec){ data, size };
}

bool osc_piece_next(struct osc_piece *p, const struct osc_exchange *x,
		    const struct osc_output *out, int file)
{
	if (file < 0 || x->stream_left < OSC_SEND_PAGES_MIN) {
		p->pages = p->more = false;
		p->nr = osc_exchange_pieces(x, out, p->iov, &p->size);
		return p->nr;
	}
	if (out->len) {
		osc_piece_text(p, out->data, out->len);
		p->more = true;
	} else {
		set_pages(p, x, file);
	}
	return true;
}

ssize_t osc_piece_send(const struct osc_piece *p, int fd,
		       const struct osc_books *books)
{
	off_t at = p->pages ? p->at : 0;
	ssize_t n;

	if (p->pages)
		n = sendfile(fd, p->file, &at, p->size);
	else if (p->more)
		n = send(fd, p->iov->iov_base, p->iov->iov_len, MSG_MORE);
	else if (p->nr == 1)
		n = write(fd, p->iov->iov_base, p->iov->iov_len);
	else
		n = writev(fd, p->iov, p->nr);
	osc_books_add(books, OSC_ACCOUNT_WRITES, 1);
	if (n > 0)
		osc_books_add(books, OSC_ACCOUNT_BYTES_OUT, (uint64_t)n);
	/* Last, as it is read first: it never seems to be more than all. */
	if (n > 0 && p->pages)
		osc_books_add(books, OSC_ACCOUNT_BYTES_PAGES, (uint64_t)n);
	return n;
}
