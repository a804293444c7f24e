// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/slo.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/parse.h"

static int bad(const char *text, const char *why, struct osc_error *e)
{
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--slo '%s': %s; try p99=5ms or max=1s", text,
				  why);
}

/* "50" or "99.9": digits with at most one point between them. */
static bool parse_percent(const char *text, double *percent)
{
	double place = 1, value = 0;
	const char *p = text;
	bool point = false;

	for (; *p; p++) {
		if (*p == '.' && !point && p > text && p[1]) {
			point = true;
		} else if (*p < '0' || *p > '9') {
			return false;
		} else if (point) {
			place /= 10;
			value += place * (*p - '0');
		} else {
			value = value * 10 + (*p - '0');
		}
	}
	*percent = value;
	return p > text && value > 0 && value < 100;
}

int osc_slo_parse(const char *text, struct osc_slo *slo, struct osc_error *e)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;

	if (!len || len >= sizeof(slo->name))
		return bad(text, "it names no percentile", e);
	memcpy(slo->name, text, len);
	slo->name[len] = '\0';
	slo->percent = 100;
	if (strcmp(slo->name, "max") != 0 &&
	    (slo->name[0] != 'p' ||
	     !parse_percent(slo->name + 1, &slo->percent)))
		return bad(text, "it names no percentile below 100", e);
	return osc_parse_duration_ns("--slo", equals + 1, 1,
				     86400 * OSC_NS_PER_S, &slo->limit_ns, e);
}
