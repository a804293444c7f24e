// SPDX-License-Identifier: GPL-2.0-or-later
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int count, failed;

static bool result(bool ok, const char *name, va_list args)
{
	char text[200];

	vsnprintf(text, sizeof(text), name, args);
	if (!ok)
		failed++;
	printf("%sok %u - %s\n", ok ? "" : "not ", ++count, text);
	fflush(stdout);
	return ok;
}

bool tap_ok(bool ok, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	result(ok, name, args);
	va_end(args);
	return ok;
}

bool tap_equal(uint64_t got, uint64_t want, const char *name, ...)
{
	va_list args;

	if (got != want)
		tap_note("got %" PRIu64 ", want %" PRIu64, got, want);
	va_start(args, name);
	result(got == want, name, args);
	va_end(args);
	return got == want;
}

bool tap_between(uint64_t low, uint64_t got, uint64_t high, const char *name,
		 ...)
{
	bool ok = low <= got && got <= high;
	va_list args;

	if (!ok)
		tap_note("got %" PRIu64 ", want %" PRIu64 " to %" PRIu64, got,
			 low, high);
	va_start(args, name);
	result(ok, name, args);
	va_end(args);
	return ok;
}

void tap_skip(const char *name, const char *why, ...)
{
	char text[200];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	printf("ok %u - %s # SKIP %s\n", ++count, name, text);
	fflush(stdout);
}

void tap_note(const char *text, ...)
{
	va_list args;

	printf("# ");
	va_start(args, text);
	vprintf(text, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void tap_bail(const char *what)
{
	printf("not ok %u - %s: %s\n", ++count, what, strerror(errno));
	failed++;
	exit(tap_done());
}

int tap_done(void)
{
	printf("1..%u\n", count);
	fflush(stdout);
	return failed ? 1 : 0;
}
