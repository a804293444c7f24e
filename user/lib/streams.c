// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"

int osc_streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int new;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/*
		 * A path descriptor can be neither read nor written. One of
		 * /dev/null could be opened again, as /dev/stdout, and would
		 * then swallow the output.
		 */
		new = open("/", O_PATH);
		if (new != fd)
			return new < 0 ? -errno : -EBADF;
	}
	return 0;
}

/* Why an earlier write failed: errno has changed since. */
static int reason(FILE *f)
{
	struct pollfd p = { .fd = fileno(f), .events = POLLOUT };

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR))
		return EPIPE;
	return write(p.fd, "", 0) < 0 ? errno : EIO;
}

/* 0, or the errno of what was lost, now or before. */
static int flush(FILE *f)
{
	if (fflush(f))
		return errno;
	return ferror(f) ? reason(f) : 0;
}

int osc_streams_finish(int code, struct osc_error *e)
{
	/* The command has failed for this very reason, and has said so. */
	bool reported = code == OSC_EXIT_FAILED && ferror(stdout);
	int out = flush(stdout), err = flush(stderr);

	e->err = 0;
	if (out && out != EPIPE) {
		if (!reported)
			osc_error_set(e, out, "cannot write the output: %s",
				      strerror(out));
		return OSC_EXIT_FAILED;
	}
	/* No message can say that the messages were lost. */
	if (err && err != EPIPE && code == OSC_EXIT_OK)
		return OSC_EXIT_FAILED;
	return code;
}
