// SPDX-License-Identifier: GPL-2.0-or-later
/* load_files.c - what `osconcepts load` is given in files, or standard input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/load.h"
#include "load/arrivals.h"

/* "-" is standard input, once. NULL with the error set. */
static FILE *open_input(const char *option, const char *path,
			struct osc_error *e)
{
	static bool taken;
	FILE *in;

	if (!strcmp(path, "-")) {
		if (taken)
			osc_load_bad(
				e, option, path,
				"another option has read standard input; try a "
				"file");
		in = taken ? NULL : stdin;
		taken = true;
		return in;
	}
	in = fopen(path, "re");
	if (!in)
		osc_error_set(e, errno,
			      "%s: cannot read %s: %s; try another file, or - "
			      "for standard input",
			      option, path, strerror(errno));
	return in;
}

static void close_input(FILE *in)
{
	if (in != stdin)
		fclose(in);
}

/* Kept for as long as we run. */
int osc_load_read_trace(const char *path, struct osc_load_config *c,
			struct osc_error *e)
{
	FILE *in;
	int ret;

	if (c->arrivals.nr_trace)
		return osc_load_bad(e, "--trace", path, "there is one already");
	in = open_input("--trace", path, e);
	if (!in)
		return -e->err;
	ret = osc_arrivals_read_trace(in, in == stdin ? "standard input" : path,
				      &c->arrivals, e);
	close_input(in);
	return ret;
}

/*
 * All of a file, for as long as we run; one byte more than the most tells that it
 * is too long. Mapped, so that no other command carries room for it.
 */
static int read_body(const char *path, struct osc_load_config *c,
		     struct osc_error *e)
{
	const size_t most = OSC_LOAD_BODIES_MAX + 1;
	FILE *in = open_input("--body", path, e);
	char *body;
	int err = 0;

	if (!in)
		return -e->err;
	body = mmap(NULL, most, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (body == MAP_FAILED) {
		close_input(in);
		return osc_error_set(e, ENOMEM, "--body: no memory for %s",
				     path);
	}
	errno = 0;
	c->body_len = fread(body, 1, most, in);
	if (ferror(in))
		err = errno ? errno : EIO;
	close_input(in);
	if (err)
		return osc_error_set(e, err,
				     "--body: cannot read %s: %s; try another "
				     "file",
				     path, strerror(err));
	c->body = body;
	return 0;
}

int osc_load_parse_body(const char *text, struct osc_load_config *c,
			struct osc_error *e)
{
	if (*text == '@')
		return read_body(text + 1, c, e);
	c->body = text;
	c->body_len = strlen(text);
	return 0;
}
