// SPDX-License-Identifier: GPL-2.0-or-later
#include "correlate/run.h"

#include <errno.h>
#include <linux/osconcepts_hist.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/calls.h"
#include "correlate/stats.h"
#include "correlate/steady.h"
#include "lib/clock.h"
#include "lib/counters_output.h"
#include "lib/error.h"
#include "lib/output.h"
#include "lib/rates.h"
#include "lib/standing.h"

int osc_samples_add(struct osc_samples *s, const struct osc_sample *one)
{
	if (s->n == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 64;
		struct osc_sample *at = realloc(s->at, capacity * sizeof(*at));

		if (!at)
			return -ENOMEM;
		s->at = at;
		s->capacity = capacity;
	}
	s->at[s->n++] = *one;
	return 0;
}

void osc_samples_thin(struct osc_samples *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (i % 2 == 0 || i == s->n - 1)
			s->at[n++] = s->at[i];
	}
	s->n = n;
}

void osc_samples_free(struct osc_samples *s)
{
	free(s->at);
	*s = (struct osc_samples){ 0 };
}

uint64_t osc_samples_decreases(const struct osc_samples *s)
{
	uint64_t found = 0;

	for (size_t i = 1; i < s->n; i++) {
		const struct osc_sample *a = &s->at[i - 1], *b = &s->at[i];

		for (int c = 0; c < OSC_NR_COUNTERS; c++)
			found += osc_counts_have(&a->counts, c) &&
				 b->counts.value[c] < a->counts.value[c];
		found += b->counts.tasks_exited < a->counts.tasks_exited;
		found += b->requests < a->requests;
		found += b->accepts < a->accepts;
	}
	return found;
}

json_t *osc_sample_document(const struct osc_sample *s, uint64_t start_ns)
{
	json_t *o = json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "t_s",
			      (double)(s->time_ns - start_ns) / OSC_NS_PER_S,
			      "requests", (json_int_t)s->requests,
			      "connections", (json_int_t)s->accepts,
			      "bytes_out", (json_int_t)s->bytes_out,
			      "tasks_live", (json_int_t)s->counts.tasks_live,
			      "tasks_exited",
			      (json_int_t)s->counts.tasks_exited, "lost",
			      (json_int_t)s->counts.lost);
	json_t *counts = osc_counts_json(&s->counts);

	if (!o || !counts || json_object_update(o, counts)) {
		json_decref(o);
		o = NULL;
	}
	json_decref(counts);
	return o;
}

struct correlating {
	struct osc_reading *readings;
	struct osc_rate *rates;
	double *x, *y;
};

static double value_of(const struct osc_sample *s, int counter)
{
	return counter < 0 ? (double)s->requests :
			     (double)s->counts.value[counter];
}

/*
 * Of requests (-1) or a counter, over the intervals that `s` gives: the same for
 * all of them that are in each sample.
 */
static size_t rates_of(const struct osc_samples *s, int counter,
		       struct correlating *c, double *out)
{
	size_t n;

	for (size_t i = 0; i < s->n; i++)
		c->readings[i] = (struct osc_reading){
			.t_s = (double)(s->at[i].time_ns - s->at[0].time_ns) /
			       OSC_NS_PER_S,
			.value = value_of(&s->at[i], counter),
			.most = INFINITY,
		};
	n = osc_rates(c->readings, s->n, 0, c->rates);
	for (size_t i = 0; i < n; i++)
		out[i] = c->rates[i].per_s;
	return n;
}

static bool in_each(const struct osc_samples *s, enum osc_counter c)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!osc_counts_have(&s->at[i].counts, c))
			return false;
	}
	return s->n;
}

/* Pearson's r over the intervals between samples, or null. */
static json_t *correlation_of(const struct osc_samples *s, enum osc_counter c,
			      size_t n, struct correlating *with)
{
	double r;

	if (!in_each(s, c) || rates_of(s, c, with, with->y) != n)
		return json_null();
	return osc_correlation(with->x, with->y, n, &r) ? json_real(r) :
							  json_null();
}

json_t *osc_samples_correlation(const struct osc_samples *s)
{
	struct correlating with = {
		.readings = calloc(s->n + 1, sizeof(*with.readings)),
		.rates = calloc(s->n + 1, sizeof(*with.rates)),
		.x = calloc(s->n + 1, sizeof(*with.x)),
		.y = calloc(s->n + 1, sizeof(*with.y)),
	};
	bool ok = with.readings && with.rates && with.x && with.y;
	size_t n = ok ? rates_of(s, -1, &with, with.x) : 0;
	json_t *o = json_pack("{s:I}", "n", (json_int_t)n);

	ok = ok && o;
	for (int c = 0; ok && c < OSC_NR_COUNTERS; c++)
		ok = !json_object_set_new(o, osc_counter_info[c].name,
					  correlation_of(s, c, n, &with));
	free(with.readings);
	free(with.rates);
	free(with.x);
	free(with.y);
	if (!ok) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* What a request costs, and what was done once. */
struct costs {
	uint64_t requests;
	const struct osc_counts *total;
	const struct osc_samples *samples;
	bool marginal; /* by the samples; otherwise the total by the requests */
	struct osc_steady steady;
};

/* NaN where it is not known. */
static double per_request(const struct costs *c, enum osc_counter n)
{
	if (!c->requests || !osc_counts_have(c->total, n))
		return NAN;
	if (c->marginal && in_each(c->samples, n))
		return osc_steady_slope(c->samples, &c->steady, n);
	return (double)c->total->value[n] / (double)c->requests;
}

/* What the marginal costs of all requests do not explain. */
static double fixed(const struct costs *c, enum osc_counter n)
{
	if (!c->marginal || !in_each(c->samples, n))
		return NAN;
	return fmax(0, (double)c->total->value[n] -
			       per_request(c, n) * (double)c->requests);
}

static json_t *real_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Each counter, and CPU time also in microseconds. */
static json_t *each_counter(const struct costs *c,
			    double (*of)(const struct costs *,
					 enum osc_counter))
{
	json_t *o = json_pack("{s:o}", "cpu_us",
			      real_or_null(of(c, OSC_CPU_NS) / 1e3));

	for (int i = 0; o && i < OSC_NR_COUNTERS; i++) {
		if (!json_object_set_new(o, osc_counter_info[i].name,
					 real_or_null(of(c, i))))
			continue;
		json_decref(o);
		o = NULL;
	}
	return o;
}

static json_t *kernel_document(const struct osc_counts *delta,
			       const struct osc_counts *after)
{
	json_t *o = osc_counts_json(delta);

	if (o &&
	    (json_object_set_new(o, "standing", osc_standing_json(delta)) ||
	     json_object_set_new(o, "tasks_live",
				 json_integer((json_int_t)after->tasks_live)) ||
	     json_object_set_new(
		     o, "tasks_exited",
		     json_integer((json_int_t)delta->tasks_exited)) ||
	     json_object_set_new(o, "lost",
				 json_integer((json_int_t)delta->lost)))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* What the server did for the load, by its own account. */
static json_t *server_document(const struct osc_run_facts *f)
{
	json_t *o = json_object();

	for (int i = 0; o && i < OSC_NR_ACCOUNT; i++) {
		uint64_t v =
			f->account_after.value[i] - f->account_before.value[i];

		if (json_object_set_new(o, osc_account_name(i),
					json_integer((json_int_t)v))) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

/* Between the same two samples as the kernel's counters, if there are any. */
static json_t *calls_document(const struct osc_run_facts *f,
			      const struct costs *c)
{
	const struct osc_sample *at = f->samples.at;
	uint64_t answering[OSC_NR_ACCOUNT], whole[OSC_NR_ACCOUNT];

	for (int i = 0; i < OSC_NR_ACCOUNT; i++) {
		whole[i] =
			f->account_after.value[i] - f->account_before.value[i];
		answering[i] = c->marginal ?
				       at[c->steady.last].account[i] -
					       at[c->steady.first].account[i] :
				       whole[i];
	}
	return osc_calls_document(f->model, answering, whole);
}

static json_t *samples_document(const struct osc_samples *s)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < s->n; i++) {
		if (json_array_append_new(
			    a,
			    osc_sample_document(&s->at[i], s->at[0].time_ns))) {
			json_decref(a);
			a = NULL;
		}
	}
	return a;
}

/* A member of the load's document as it is, or null where it has none. */
static json_t *member(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return v ? json_deep_copy(v) : json_null();
}

/*
 * [{le_us, count}] of the load's histogram, whose "slots" are pairs of a slot
 * of osconcepts_hist.h and its count.
 */
static json_t *histogram(const json_t *load)
{
	const json_t *h = json_object_get(load, "histogram");
	unsigned int sub_bits = (unsigned int)json_integer_value(
		json_object_get(h, "sub_bits"));
	json_t *out = json_array();
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(h, "slots"), i, pair) {
		json_int_t slot = json_integer_value(json_array_get(pair, 0));
		json_int_t n = json_integer_value(json_array_get(pair, 1));
		double upper;

		if (sub_bits > 16 || slot < 0 || n <= 0 ||
		    slot >= OSC_HIST_SLOTS(sub_bits))
			continue;
		upper = (double)osc_hist_upper((unsigned int)slot, sub_bits);
		if (json_array_append_new(out,
					  json_pack("{s:f, s:I}", "le_us",
						    upper / 1e3, "count", n))) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static bool say(json_t *why, const char *text)
{
	return !json_array_append_new(why, osc_json_text(text));
}

/*
 * The load generator's verdict, but for what it cannot know. It decides what
 * becomes of the run's times, never of its counts:
 *
 *   valid    they are used
 *   suspect  they are used and marked: they may reflect the client or chance,
 *            as they always do where client and server share a few CPUs, and
 *            a marked number says more than none
 *   invalid  they are withheld: they are known to tell of something else
 *
 * A verdict we do not know vouches for nothing.
 */
static const char *verdict_of(const struct osc_run_facts *f)
{
	const char *said = json_string_value(json_object_get(
		json_object_get(f->load, "validity"), "verdict"));

	if (!said || json_is_true(json_object_get(f->load, "partial")) ||
	    f->account_after.value[OSC_ACCOUNT_WORKER_DEATHS])
		return "invalid";
	if (!strcmp(said, "valid") || !strcmp(said, "suspect"))
		return said;
	return "invalid";
}

/* What there is against the run's times; empty when they are valid. */
static json_t *doubts(const struct osc_run_facts *f, const char *verdict)
{
	const json_t *v = json_object_get(f->load, "validity");
	const json_t *said = json_object_get(v, "why");
	json_t *why = json_is_array(said) ? json_deep_copy(said) : json_array();
	bool ok = why;

	if (ok && json_is_true(json_object_get(f->load, "partial")))
		ok = say(why, "the load generator was stopped early");
	if (ok && f->account_after.value[OSC_ACCOUNT_WORKER_DEATHS])
		ok = say(why, "a worker of the server died");
	if (ok && strcmp(verdict, "valid") && !json_array_size(why))
		ok = say(why, "the load generator does not vouch for it");
	if (ok)
		return why;
	json_decref(why);
	return NULL;
}

json_t *osc_run_document(const struct osc_run_facts *f, struct osc_error *e)
{
	const uint64_t *a = f->account_after.value;
	const uint64_t *b = f->account_before.value;
	uint64_t requests = a[OSC_ACCOUNT_REQUESTS] - b[OSC_ACCOUNT_REQUESTS];
	uint64_t accepts = a[OSC_ACCOUNT_ACCEPTS] - b[OSC_ACCOUNT_ACCEPTS];
	struct osc_counts delta;
	struct costs costs = { .requests = requests,
			       .total = &delta,
			       .samples = &f->samples };
	const char *verdict = verdict_of(f);
	json_t *why = doubts(f, verdict);
	json_t *o;

	osc_counts_since(&f->after, &f->before, &delta);
	costs.marginal = osc_steady_find(&f->samples, &costs.steady);
	o = json_pack("{s:o, s:o, s:I, s:I, s:o, s:b, s:o, s:o, s:o, s:o, s:o,"
		      " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o,"
		      " s:o}",
		      "model", osc_json_text(f->model), "mode",
		      osc_json_text(f->mode), "requests", (json_int_t)requests,
		      "connections", (json_int_t)accepts, "verdict",
		      osc_json_text(verdict), "valid",
		      strcmp(verdict, "invalid"), "why", why, "rps",
		      member(f->load, "rps"), "duration_s",
		      member(f->load, "duration_s"), "errors",
		      member(f->load, "errors"), "latency_us",
		      member(f->load, "latency_us"), "service_us",
		      member(f->load, "service_us"), "latency_histogram",
		      histogram(f->load), "kernel",
		      kernel_document(&delta, &f->after), "server",
		      server_document(f), "calls", calls_document(f, &costs),
		      "held", osc_held_document(&f->held), "per_request",
		      each_counter(&costs, per_request), "marginal",
		      costs.marginal, "fixed", each_counter(&costs, fixed),
		      "correlation", osc_samples_correlation(&f->samples),
		      "samples", samples_document(&f->samples), "audit",
		      json_deep_copy(f->audit));
	if (!o)
		osc_error_set(e, ENOMEM,
			      "cannot write down the run: out of memory");
	return o;
}
