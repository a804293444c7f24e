// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Whatever was to be opened: where descriptors have run out, no other path and
 * no other right would help.
 */
static void hint_of_descriptors(struct osc_error *e)
{
	const char *hint = e->err == EMFILE ?
				   "; try a higher 'ulimit -n'" :
				   "; try again when fewer files are open";
	const char *why = strerror(e->err);
	char *end = strstr(e->text, why);

	if (!end || strstr(e->text, "ulimit"))
		return;
	end += strlen(why);
	snprintf(end, sizeof(e->text) - (size_t)(end - e->text), "%s", hint);
}

static int set(struct osc_error *e, enum osc_exit code, int err,
	       const char *fmt, va_list args)
{
	if (err <= 0)
		err = EIO;
	if (!e)
		return -err;
	e->exit_code = code;
	e->err = err;
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	if (err == EMFILE || err == ENFILE)
		hint_of_descriptors(e);
	return -err;
}

int osc_error_set(struct osc_error *e, int err, const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = set(e, OSC_EXIT_FAILED, err, fmt, args);
	va_end(args);
	return ret;
}

int osc_error_set_exit(struct osc_error *e, enum osc_exit code, int err,
		       const char *fmt, ...)
{
	va_list args;
	int ret;

	va_start(args, fmt);
	ret = set(e, code, err, fmt, args);
	va_end(args);
	return ret;
}
