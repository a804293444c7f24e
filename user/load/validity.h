/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validity.h - may the numbers be trusted? The one rule, over numbers alone.
 *
 *   valid    the numbers tell of the server
 *   suspect  they may reflect the client or chance; read the reasons
 *   invalid  they must not be used; the command exits 4
 *
 * The thresholds have names and stand here, so that they can be argued with.
 */
#ifndef OSC_LOAD_VALIDITY_H
#define OSC_LOAD_VALIDITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the time a thread of ours could have run: beyond, we set the pace. */
#define OSC_VALIDITY_BUSY 0.95
/* Of the run, waiting for a CPU while others had it: it is in the latency. */
#define OSC_VALIDITY_WAIT_SUSPECT 0.05
#define OSC_VALIDITY_WAIT_INVALID 0.20
/* Of the requests. */
#define OSC_VALIDITY_ERRORS_SUSPECT 0.001
#define OSC_VALIDITY_ERRORS_INVALID 0.01
/* Open loop, of the rate asked for: with less, latency is that of a growing
 * queue, and every percentile depends on how long the run was.
 */
#define OSC_VALIDITY_RATE_SUSPECT 0.99
#define OSC_VALIDITY_RATE_INVALID 0.95
/* Open loop, how late we ourselves sent, at the 99th percentile, against the
 * latency there; below the floor it does not matter.
 */
#define OSC_VALIDITY_LAG_FLOOR_US 100.0
#define OSC_VALIDITY_LAG_SUSPECT 0.10
#define OSC_VALIDITY_LAG_INVALID 0.50
/* Of the time of all CPUs, taken by the hypervisor for others. Ours were perhaps
 * hit alone, so less of it counts than of our own wait.
 */
#define OSC_VALIDITY_STEAL_SUSPECT 0.01
#define OSC_VALIDITY_STEAL_INVALID 0.10
/* Of the connections opened, and of the segments sent: lost, and made up for
 * 200 ms or a second later. Who lost them the system does not say.
 */
#define OSC_VALIDITY_DROPS_SUSPECT 0.001
#define OSC_VALIDITY_RETRANSMITS_SUSPECT 0.001
/* Of the local ports to one server: to find a free one becomes a search, and
 * soon there is none.
 */
#define OSC_VALIDITY_PORTS_SUSPECT 0.9
/* With fewer answers there is no 99th percentile. */
#define OSC_VALIDITY_FEW 100

enum osc_verdict { OSC_VALID, OSC_SUSPECT, OSC_INVALID };

struct osc_validity_facts {
	bool open;
	uint64_t idle; /* connections that were to be held; 0: it is no matter */
	uint64_t held; /* of these, to the end */
	uint64_t connections;
	uint64_t due; /* of these, to be opened before the end, as was asked */
	bool partial; /* stopped by a signal */
	bool gave_up; /* the server was gone before all requests were made */
	uint64_t requests; /* answered */
	uint64_t attempts; /* requests sent, answered or not */
	uint64_t errors;
	uint64_t unsent; /* due and never sent */
	double cpu_share; /* of the busiest thread; negative: unknown */
	double wait_share; /* of the thread that waited most; negative: unknown */
	double rate_kept; /* open: sent when due, of the asked; 1 is all */
	double lag_p99_us, latency_p99_us; /* open */
	/* Of the host; negative: unknown. */
	double steal_share; /* of all CPUs' time */
	double drops_share; /* connection attempts, of those that were made */
	double retransmits_share; /* of the segments sent */
	double ports_share; /* taken, of the local ports */
};

#define OSC_VALIDITY_REASONS 14

struct osc_validity {
	enum osc_verdict verdict;
	unsigned int n;
	char why[OSC_VALIDITY_REASONS][160];
};

const char *osc_verdict_name(enum osc_verdict verdict);
/* As people read it, in capitals. */
const char *osc_verdict_word(enum osc_verdict verdict);

/* The rule. The first reason is one that the verdict is for. */
void osc_validity_judge(const struct osc_validity_facts *f,
			struct osc_validity *out);

/* {verdict, why: []}; NULL without memory. */
json_t *osc_validity_json(const struct osc_validity *v);

#endif
