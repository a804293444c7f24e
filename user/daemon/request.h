/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request.h - what a client wrote, checked and made into our own options. */
#ifndef OSC_DAEMON_REQUEST_H
#define OSC_DAEMON_REQUEST_H

#include "daemon/run.h"

#define OSC_INTERVAL_MIN_S 0.01
#define OSC_INTERVAL_MAX_S 3600.0

/* The members that describe a server, in start and run alike; NULL: not given. */
struct osc_server_fields {
	const char *model, *address, *cpus, *source;
	json_int_t port, workers;
};

/* The members of a run beyond its server's. */
struct osc_run_fields {
	const char *mode, *path, *client_cpus;
	json_int_t connections, requests;
	double duration_s, interval_s;
};

/* "cannot take the request: what", an error of usage. */
int osc_request_bad(struct osc_error *e, const char *what);

enum osc_member_type {
	OSC_MEMBER_TEXT, /* out: const char * */
	OSC_MEMBER_INTEGER, /* json_int_t */
	OSC_MEMBER_NUMBER, /* double */
};

/* A member that an op knows. */
struct osc_member {
	const char *key;
	enum osc_member_type type;
	bool required; /* otherwise *out stays where it is absent */
	void *out;
};

/*
 * Reads an op's members; "op" and "id" are everybody's. Others are refused, so
 * that a misspelt one is not overlooked. Texts belong to the request.
 */
int osc_request_read(const json_t *request, const struct osc_member *members,
		     size_t n, struct osc_error *e);

int osc_request_source(const char *text, enum osc_counters_kind *out,
		       struct osc_error *e);
int osc_request_server(const struct osc_server_fields *f,
		       struct osc_hosted_options *o, struct osc_error *e);
int osc_request_run(const struct osc_run_fields *f, struct osc_run_options *o,
		    struct osc_error *e);

#endif
