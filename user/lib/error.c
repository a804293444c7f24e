// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

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
