// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

int osc_cpus_allowed(cpu_set_t *out, struct osc_error *e)
{
	if (sched_getaffinity(0, sizeof(*out), out))
		return osc_error_set(e, errno,
				     "cannot tell which CPUs are ours: %s",
				     strerror(errno));
	return 0;
}

/* One number; moves *p behind it. -1 when there is none a CPU could have. */
static int number(const char **p)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)**p))
		return -1;
	errno = 0;
	v = strtol(*p, &end, 10);
	if (errno || v >= CPU_SETSIZE)
		return -1;
	*p = end;
	return (int)v;
}

static int add_range(const char **p, cpu_set_t *out)
{
	int first = number(p), last = first;

	if (first >= 0 && **p == '-') {
		(*p)++;
		last = number(p);
	}
	if (first < 0 || last < first)
		return -EINVAL;
	for (int i = first; i <= last; i++)
		CPU_SET(i, out);
	return 0;
}

int osc_cpus_parse(const char *what, const char *text, cpu_set_t *out,
		   struct osc_error *e)
{
	const char *p = text;
	cpu_set_t allowed;
	char list[128];
	int ret = osc_cpus_allowed(&allowed, e);

	if (ret)
		return ret;
	CPU_ZERO(out);
	do {
		ret = add_range(&p, out);
	} while (!ret && *p == ',' && *++p);
	if (ret || *p || (p > text && p[-1] == ','))
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"%s '%s': not a list of CPUs; try 0,2-3", what, text);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, out) && !CPU_ISSET(i, &allowed))
			return osc_error_set_exit(
				e, OSC_EXIT_USAGE, EINVAL,
				"%s '%s': CPU %d is not ours to use; try some "
				"of %s",
				what, text, i,
				osc_cpus_format(&allowed, list, sizeof(list)));
	}
	return 0;
}

char *osc_cpus_format(const cpu_set_t *set, char *buf, size_t size)
{
	size_t used = 0;

	if (size)
		*buf = '\0';
	for (int i = 0; i < CPU_SETSIZE && used < size; i++) {
		int first = i, n;

		if (!CPU_ISSET(i, set))
			continue;
		while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, set))
			i++;
		n = snprintf(buf + used, size - used,
			     i > first ? "%s%d-%d" : "%s%d", used ? "," : "",
			     first, i);
		used += n > 0 ? (size_t)n : size;
	}
	return buf;
}
