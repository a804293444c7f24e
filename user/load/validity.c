// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/validity.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/output.h"

const char *osc_verdict_word(enum osc_verdict verdict)
{
	static const char *const words[] = { "VALID", "SUSPECT", "INVALID" };

	return words[verdict];
}

const char *osc_verdict_name(enum osc_verdict verdict)
{
	static const char *const names[] = { "valid", "suspect", "invalid" };

	return names[verdict];
}

static void say(struct osc_validity *v, enum osc_verdict verdict,
		const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(struct osc_validity *v, enum osc_verdict verdict,
		const char *fmt, ...)
{
	unsigned int at = v->n++;
	va_list args;

	if (verdict > v->verdict) {
		v->verdict = verdict;
		memmove(v->why[1], v->why[0], at * sizeof(v->why[0]));
		at = 0;
	}
	va_start(args, fmt);
	vsnprintf(v->why[at], sizeof(v->why[0]), fmt, args);
	va_end(args);
}

/* The verdict of a share that ought to be small. */
static enum osc_verdict grade(double share, double suspect, double invalid)
{
	if (share > invalid)
		return OSC_INVALID;
	return share > suspect ? OSC_SUSPECT : OSC_VALID;
}

static void judge_answers(const struct osc_validity_facts *f,
			  struct osc_validity *out)
{
	/* A connection that could not be made is an error, not an attempt. */
	uint64_t all = f->attempts > f->errors ? f->attempts : f->errors;
	double failed = all ? (double)f->errors / (double)all : 0;
	enum osc_verdict v = grade(failed, OSC_VALIDITY_ERRORS_SUSPECT,
				   OSC_VALIDITY_ERRORS_INVALID);

	if (f->held < f->idle)
		say(out, OSC_INVALID,
		    "only %" PRIu64 " of %" PRIu64
		    " connections were held to the end",
		    f->held, f->idle);
	if (f->due < f->connections)
		say(out, OSC_SUSPECT,
		    "only %" PRIu64 " of %" PRIu64
		    " connections were to be opened before the end: it was "
		    "shorter than asked of --ramp or --connect-rate",
		    f->due, f->connections);
	if (!f->requests && (f->open || !f->idle))
		say(out, OSC_INVALID, "no request was answered");
	else if (f->requests && f->requests < OSC_VALIDITY_FEW)
		say(out, OSC_SUSPECT,
		    "only %" PRIu64 " answers: too few for percentiles",
		    f->requests);
	if (v)
		say(out, v, "%.3g %% of the requests failed", failed * 100);
	if (f->gave_up)
		say(out, OSC_INVALID,
		    "the server could not be reached any more; %" PRIu64
		    " requests were not made",
		    f->unsent);
	if (f->partial)
		say(out, OSC_SUSPECT, "stopped early by a signal");
}

static void judge_client(const struct osc_validity_facts *f,
			 struct osc_validity *out)
{
	enum osc_verdict v = grade(f->wait_share, OSC_VALIDITY_WAIT_SUSPECT,
				   OSC_VALIDITY_WAIT_INVALID);

	if (f->cpu_share > OSC_VALIDITY_BUSY)
		say(out, OSC_SUSPECT,
		    "the client was %.0f %% busy: the limit may be the client's, "
		    "not the server's",
		    f->cpu_share * 100);
	if (v)
		say(out, v,
		    "the client waited %.0f %% of the run for a CPU: others had "
		    "it; try --cpus",
		    f->wait_share * 100);
}

static void judge_host(const struct osc_validity_facts *f,
		       struct osc_validity *out)
{
	enum osc_verdict v = grade(f->steal_share, OSC_VALIDITY_STEAL_SUSPECT,
				   OSC_VALIDITY_STEAL_INVALID);

	if (v)
		say(out, v,
		    "the hypervisor gave %.2g %% of this machine's CPU time to "
		    "others",
		    f->steal_share * 100);
	if (f->drops_share > OSC_VALIDITY_DROPS_SUSPECT)
		say(out, OSC_SUSPECT,
		    "listeners of this machine dropped %.3g %% as many "
		    "connections as were opened; try a larger backlog",
		    f->drops_share * 100);
	if (f->retransmits_share > OSC_VALIDITY_RETRANSMITS_SUSPECT)
		say(out, OSC_SUSPECT,
		    "%.2g %% of the segments that this machine sent were sent "
		    "again",
		    f->retransmits_share * 100);
	if (f->ports_share > OSC_VALIDITY_PORTS_SUSPECT)
		say(out, OSC_SUSPECT,
		    "%.0f %% of the local ports were taken; widen "
		    "net.ipv4.ip_local_port_range or try --src",
		    f->ports_share * 100);
}

static void judge_rate(const struct osc_validity_facts *f,
		       struct osc_validity *out)
{
	double missed = 1 - f->rate_kept;
	double lag = f->latency_p99_us > 0 ? f->lag_p99_us / f->latency_p99_us :
					     0;
	enum osc_verdict v;

	v = grade(missed, 1 - OSC_VALIDITY_RATE_SUSPECT,
		  1 - OSC_VALIDITY_RATE_INVALID);
	if (v && !f->unsent)
		say(out, v,
		    "only %.3g %% of the asked rate was kept: latency is that "
		    "of a growing queue",
		    f->rate_kept * 100);
	else if (v)
		say(out, v,
		    "only %.3g %% of the asked rate was kept, %" PRIu64
		    " requests due were not sent: latency is that of a growing "
		    "queue",
		    f->rate_kept * 100, f->unsent);
	v = grade(lag, OSC_VALIDITY_LAG_SUSPECT, OSC_VALIDITY_LAG_INVALID);
	if (v && f->lag_p99_us > OSC_VALIDITY_LAG_FLOOR_US)
		say(out, v,
		    "the client itself sent %.0f us late (p99), %.0f %% of the "
		    "latency",
		    f->lag_p99_us, lag * 100);
}

void osc_validity_judge(const struct osc_validity_facts *f,
			struct osc_validity *out)
{
	*out = (struct osc_validity){ .verdict = OSC_VALID };
	judge_answers(f, out);
	judge_client(f, out);
	judge_host(f, out);
	if (f->open)
		judge_rate(f, out);
}

json_t *osc_validity_json(const struct osc_validity *v)
{
	json_t *why = json_array();
	int failed = !why;

	for (unsigned int i = 0; i < v->n; i++)
		failed |= json_array_append_new(why, osc_json_text(v->why[i]));
	if (!failed)
		return json_pack("{s:s, s:o}", "verdict",
				 osc_verdict_name(v->verdict), "why", why);
	json_decref(why);
	return NULL;
}
