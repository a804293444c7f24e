/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failures.h - what went wrong, by phase and cause, with the time of the first
 * and the last, and what a person can do about it.
 */
#ifndef OSC_LOAD_FAILURES_H
#define OSC_LOAD_FAILURES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum osc_load_phase {
	OSC_LOAD_CONNECT, /* code is an errno */
	OSC_LOAD_TLS, /* see osc_tls_reason() */
	OSC_LOAD_CERTIFICATE, /* likewise */
	OSC_LOAD_WRITE, /* an errno */
	OSC_LOAD_READ, /* an errno, or 0: the server closed instead of answering */
	OSC_LOAD_TIMEOUT, /* enum osc_load_timeout: what did not come in time */
	OSC_LOAD_PARSE, /* enum osc_response_error */
	OSC_LOAD_STATUS, /* the status */
	OSC_LOAD_LENGTH, /* bytes of the body, INT_MAX: or more */
	OSC_NR_LOAD_PHASES,
};

enum osc_load_timeout {
	OSC_TIMEOUT_RESPONSE,
	OSC_TIMEOUT_CONNECT,
	OSC_TIMEOUT_TLS, /* connected, and the handshake does not end */
	OSC_TIMEOUT_CLOSE, /* that the server had promised */
	OSC_NR_TIMEOUTS,
};

/* More kinds than that do not happen; the last row would take the rest. */
#define OSC_FAILURES_MAX 64

struct osc_failure {
	enum osc_load_phase phase;
	int code;
	uint64_t count;
	uint64_t first_ns, last_ns;
};

struct osc_failures {
	unsigned int n;
	struct osc_failure rows[OSC_FAILURES_MAX];
};

void osc_failures_add(struct osc_failures *f, enum osc_load_phase phase,
		      int code, uint64_t count, uint64_t now_ns);
void osc_failures_merge(struct osc_failures *to,
			const struct osc_failures *from);
uint64_t osc_failures_total(const struct osc_failures *f);

/* "connect.ECONNREFUSED", "status.404", "timeout.response"; returns buf. */
char *osc_failure_name(const struct osc_failure *f, char *buf, size_t size);
/* What a person can do: never NULL. */
const char *osc_failure_hint(const struct osc_failure *f);

/* {name: count}; NULL without memory. */
json_t *osc_failures_json(const struct osc_failures *f);
/* [{error, count, first_s, last_s, hint}], seconds since start_ns. */
json_t *osc_failures_details(const struct osc_failures *f, uint64_t start_ns);

#endif
