// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/arrivals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/parse.h"

#define RATE_MAX 10000000u
#define BURST_MAX 1000000000u
/* As long as a run may take. */
#define TRACE_NS_MAX (30 * 86400 * OSC_NS_PER_S)
#define TRACE_FIRST 1024

/* "A:B:60s", cut in three. */
static int parse_ramp(const char *text, struct osc_arrivals *a,
		      struct osc_error *e)
{
	char from[24] = "", to[24] = "", within[24] = "";
	int end = 0;
	int ret;

	if (sscanf(text, "%23[^:]:%23[^:]:%23[^:]%n", from, to, within, &end) !=
		    3 ||
	    text[end])
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--rate '%s': it is neither a rate nor "
			"a ramp; try 1000, or 100:1000:60s",
			text);
	ret = osc_parse_u64("--rate", from, 0, RATE_MAX, &a->ramp_from, e);
	if (!ret)
		ret = osc_parse_u64("--rate", to, 1, RATE_MAX, &a->rate, e);
	if (!ret)
		ret = osc_parse_duration_ns("--rate", within, OSC_NS_PER_MS,
					    TRACE_NS_MAX, &a->ramp_ns, e);
	return ret;
}

int osc_arrivals_parse_rate(const char *text, struct osc_arrivals *a,
			    struct osc_error *e)
{
	a->ramp_from = a->ramp_ns = 0;
	if (strchr(text, ':'))
		return parse_ramp(text, a, e);
	return osc_parse_u64("--rate", text, 1, RATE_MAX, &a->rate, e);
}

int osc_arrivals_parse_kind(const char *text, struct osc_arrivals *a,
			    struct osc_error *e)
{
	static const char burst[] = "burst:";
	static const char *const kinds[] = {
		[OSC_ARRIVAL_CONSTANT] = "constant",
		[OSC_ARRIVAL_POISSON] = "poisson",
		[OSC_ARRIVAL_BURST] = "burst:100",
		NULL,
	};
	int kind;

	if (!strncmp(text, burst, strlen(burst))) {
		a->kind = OSC_ARRIVAL_BURST;
		return osc_parse_u64("--arrival burst", text + strlen(burst), 1,
				     BURST_MAX, &a->burst, e);
	}
	kind = osc_parse_word("--arrival", text, kinds, e);
	if (kind >= 0)
		a->kind = (enum osc_arrival)kind;
	return kind < 0 ? kind : 0;
}

struct trace {
	const char *name;
	uint64_t line;
	uint64_t *at_ns;
	uint64_t n, room;
};

static int bad_line(const struct trace *t, const char *why, struct osc_error *e)
{
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--trace %s, line %" PRIu64 ": %s", t->name,
				  t->line, why);
}

static int append(struct trace *t, uint64_t at_ns, struct osc_error *e)
{
	if (t->n == t->room) {
		uint64_t room = t->room ? 2 * t->room : TRACE_FIRST;
		uint64_t *more =
			reallocarray(t->at_ns, room, sizeof(*t->at_ns));

		if (!more)
			return osc_error_set(e, ENOMEM,
					     "--trace %s: %" PRIu64
					     " requests are too many: out of "
					     "memory",
					     t->name, t->n);
		t->at_ns = more;
		t->room = room;
	}
	t->at_ns[t->n++] = at_ns;
	return 0;
}

static int take_line(struct trace *t, char *text, size_t len,
		     struct osc_error *e)
{
	uint64_t at_ns;

	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	if (!len || *text == '#')
		return 0;
	if (strlen(text) != len ||
	    osc_parse_duration_ns("", text, 0, TRACE_NS_MAX, &at_ns, NULL))
		return bad_line(t,
				"not a time since the start, up to 30 days; "
				"try seconds as in 0.250000001",
				e);
	if (t->n && at_ns < t->at_ns[t->n - 1])
		return bad_line(t, "earlier than the one before; try sort -n",
				e);
	return append(t, at_ns, e);
}

int osc_arrivals_read_trace(FILE *in, const char *name, struct osc_arrivals *a,
			    struct osc_error *e)
{
	struct trace t = { .name = name };
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int ret = 0;

	errno = 0;
	while (!ret && (len = getline(&text, &size, in)) >= 0) {
		t.line++;
		ret = take_line(&t, text, (size_t)len, e);
	}
	if (!ret && !feof(in))
		ret = osc_error_set(e, errno, "--trace: cannot read %s: %s",
				    name, strerror(errno ?: EIO));
	else if (!ret && !t.n)
		ret = osc_error_set_exit(e, OSC_EXIT_USAGE, ENODATA,
					 "--trace %s: no time is in it; try a "
					 "line for each request, as 0.25",
					 name);
	free(text);
	if (ret) {
		free(t.at_ns);
		return ret;
	}
	a->trace_ns = t.at_ns;
	a->nr_trace = t.n;
	return 0;
}

static const char *name_of(const struct osc_arrivals *a)
{
	static const char *const names[] = {
		[OSC_ARRIVAL_CONSTANT] = "constant",
		[OSC_ARRIVAL_POISSON] = "poisson",
		[OSC_ARRIVAL_BURST] = "burst",
	};

	return a->nr_trace ? "trace" : names[a->kind];
}

char *osc_arrivals_text(const struct osc_arrivals *a, char *buf, size_t size)
{
	char count[32], time[24], kind[48];

	if (a->nr_trace) {
		snprintf(buf, size, "by a trace of %s requests",
			 osc_format_count(a->nr_trace, count, sizeof(count)));
		return buf;
	}
	if (a->kind == OSC_ARRIVAL_BURST)
		snprintf(kind, sizeof(kind), "bursts of %" PRIu64, a->burst);
	else
		snprintf(kind, sizeof(kind), "%s", name_of(a));
	if (a->ramp_ns)
		snprintf(buf, size,
			 "from %" PRIu64 " to %" PRIu64
			 " requests/s within %s (%s)",
			 a->ramp_from, a->rate,
			 osc_format_ns((double)a->ramp_ns, time, sizeof(time)),
			 kind);
	else
		snprintf(buf, size, "at %" PRIu64 " requests/s (%s)", a->rate,
			 kind);
	return buf;
}

static json_t *integer_or_null(uint64_t value, bool asked)
{
	return asked ? json_integer((json_int_t)value) : json_null();
}

static json_t *ramp_json(const struct osc_arrivals *a)
{
	if (!a->ramp_ns)
		return json_null();
	return json_pack("{s:I, s:I, s:f}", "from", (json_int_t)a->ramp_from,
			 "to", (json_int_t)a->rate, "duration_s",
			 (double)a->ramp_ns / OSC_NS_PER_S);
}

static json_t *trace_json(const struct osc_arrivals *a)
{
	if (!a->nr_trace)
		return json_null();
	return json_pack("{s:I, s:f}", "requests", (json_int_t)a->nr_trace,
			 "duration_s",
			 (double)a->trace_ns[a->nr_trace - 1] / OSC_NS_PER_S);
}

json_t *osc_arrivals_json(const struct osc_arrivals *a)
{
	bool any = osc_arrivals_any(a);

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "rate",
			 integer_or_null(a->rate, a->rate), "arrival",
			 any ? osc_json_text(name_of(a)) : json_null(), "burst",
			 integer_or_null(a->burst,
					 a->kind == OSC_ARRIVAL_BURST),
			 "ramp", ramp_json(a), "trace", trace_json(a));
}
