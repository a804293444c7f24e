/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - one measured run: what the kernel counted, what the server and the
 * client counted, joined per request and over time.
 */
#ifndef OSC_CORRELATE_RUN_H
#define OSC_CORRELATE_RUN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "correlate/held.h"
#include "lib/account.h"
#include "lib/counters.h"

struct osc_error;

struct osc_sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	struct osc_counts counts;
	uint64_t requests, accepts, bytes_out; /* the server's account */
	uint64_t account[OSC_NR_ACCOUNT]; /* all of it */
};

struct osc_samples {
	struct osc_sample *at;
	size_t n, capacity;
};

/* -ENOMEM, with nothing changed. */
int osc_samples_add(struct osc_samples *s, const struct osc_sample *one);
/* Leaves out every other one, but neither the first nor the last. */
void osc_samples_thin(struct osc_samples *s);
void osc_samples_free(struct osc_samples *s);
/* How often a counter or the account was lower than in the sample before. */
uint64_t osc_samples_decreases(const struct osc_samples *s);

struct osc_run_facts {
	const char *model, *mode;
	const json_t *load; /* an osconcepts-load/1 document */
	const json_t *audit;
	/* From before the first connection to when the server rested again. */
	struct osc_counts before, after;
	struct osc_account_snapshot account_before, account_after;
	struct osc_samples samples; /* during the load */
	struct osc_held_facts held; /* after it */
};

/* {t_s, requests, connections, bytes_out, counter…}; t_s from start_ns. */
json_t *osc_sample_document(const struct osc_sample *s, uint64_t start_ns);

/* {n, counter: Pearson's r of its rate with that of requests, or null}. */
json_t *osc_samples_correlation(const struct osc_samples *s);

/* One element of "runs" of an osconcepts-compare/3 document. */
json_t *osc_run_document(const struct osc_run_facts *f, struct osc_error *e);

#endif
