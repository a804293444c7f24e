// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be asked of the daemon: one table, one function a request. Each
 * either answers its ticket at once, or hands it to what will.
 * Documentation/control-protocol.md is the contract.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "correlate/run.h"
#include "daemon/calibrate.h"
#include "daemon/follow.h"
#include "daemon/request.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/control.h"
#include "lib/counters_output.h"
#include "lib/error.h"
#include "lib/nearest.h"
#include "lib/output.h"
#include "lib/standing.h"
#include "lib/version.h"

#define FOLLOW_MAX 100000

struct op {
	const char *name;
	/* Answers or takes over the ticket, unless it fails. */
	int (*run)(struct osc_daemon *d, const json_t *request,
		   struct osc_ticket *t, struct osc_error *e);
};

static int answer(struct osc_daemon *d, struct osc_ticket *t, json_t *fields)
{
	if (fields && json_object_set_new(fields, "ok", json_true())) {
		json_decref(fields);
		fields = NULL;
	}
	osc_client_answer(d, t, fields);
	return 0;
}

static int op_hello(struct osc_daemon *d, const json_t *request,
		    struct osc_ticket *t, struct osc_error *e)
{
	enum osc_counters_kind kind;
	const char *wanted = NULL;
	const struct osc_member members[] = {
		{ "source", OSC_MEMBER_TEXT, false, &wanted },
	};
	struct osc_counters *c;
	char source[16];
	int ret = osc_request_read(request, members,
				   sizeof(members) / sizeof(*members), e);

	if (!ret)
		ret = osc_request_source(wanted, &kind, e);
	if (!ret)
		ret = osc_counters_open(
			&c, kind == OSC_COUNTERS_AUTO ? d->kind : kind, e);
	if (ret)
		return ret;
	snprintf(source, sizeof(source), "%s", osc_counters_source(c));
	osc_counters_close(c);
	return answer(d, t,
		      json_pack("{s:s, s:s, s:i, s:i, s:o}", "schema",
				OSC_CONTROL_SCHEMA, "version", OSC_VERSION,
				"pid", (int)getpid(), "uid", (int)geteuid(),
				"source", osc_json_text(source)));
}

/* A server started by a request; its ticket until it is ready. */
struct started {
	struct osc_ticket ticket;
	struct osc_ticket stopping;
	bool asked, stop_asked;
};

static json_t *hosted_document(const struct osc_hosted *s)
{
	return json_pack("{s:i, s:o, s:s, s:i, s:i, s:o, s:o}", "server",
			 (int)s->number, "model",
			 osc_json_text(s->options.model), "state",
			 osc_hosted_state_name(s), "pid", (int)s->child.pid,
			 "port", (int)s->port, "url", osc_json_text(s->url),
			 "source",
			 osc_json_text(osc_counters_source(s->counters)));
}

static void on_started(struct osc_hosted *s, void *arg)
{
	struct started *started = arg;

	if (!started->asked)
		return;
	started->asked = false;
	answer(s->d, &started->ticket, hosted_document(s));
}

static void on_ended(struct osc_hosted *s, void *arg)
{
	struct started *started = arg;
	struct osc_daemon *d = s->d;
	bool wanted = started->stop_asked || d->ending;
	struct osc_error e = { 0 };
	bool in_order;

	osc_follow_end(s);
	in_order = !osc_hosted_reap(s, &e) && wanted && !*s->why.text &&
		   !osc_child_exit_code(&s->child);
	osc_hosted_obituary(s, &e);
	if (started->asked)
		osc_client_refuse(d, &started->ticket, &e);
	else if (!in_order && !started->stop_asked)
		osc_text_say(stderr, "osconceptsd: server %u: %s", s->number,
			     e.text);
	if (started->stop_asked && in_order)
		answer(d, &started->stopping,
		       json_pack("{s:i}", "server", (int)s->number));
	else if (started->stop_asked)
		osc_client_refuse(d, &started->stopping, &e);
	osc_hosted_free(s);
	free(started);
	osc_daemon_check_end(d);
}

static unsigned int nr_hosted(const struct osc_daemon *d)
{
	unsigned int n = 0;

	for (const struct osc_hosted *s = d->hosted; s; s = s->next)
		n++;
	return n;
}

static int check_ending(const struct osc_daemon *d, struct osc_error *e)
{
	if (d->ending)
		return osc_error_set(e, ESHUTDOWN,
				     "cannot start anything: osconceptsd is "
				     "about to end; try to start another");
	return 0;
}

static int op_start(struct osc_daemon *d, const json_t *request,
		    struct osc_ticket *t, struct osc_error *e)
{
	struct osc_hosted_options o;
	struct osc_server_fields f = { 0 };
	const struct osc_member members[] = {
		{ "model", OSC_MEMBER_TEXT, true, &f.model },
		{ "address", OSC_MEMBER_TEXT, false, &f.address },
		{ "port", OSC_MEMBER_INTEGER, false, &f.port },
		{ "workers", OSC_MEMBER_INTEGER, false, &f.workers },
		{ "server_cpus", OSC_MEMBER_TEXT, false, &f.cpus },
		{ "source", OSC_MEMBER_TEXT, false, &f.source },
	};
	struct started *started;
	int ret = check_ending(d, e);

	if (!ret)
		ret = osc_request_read(request, members,
				       sizeof(members) / sizeof(*members), e);
	if (!ret)
		ret = osc_request_server(&f, &o, e);
	if (!ret && nr_hosted(d) >= OSC_HOSTED_MAX)
		ret = osc_error_set(e, EMFILE,
				    "cannot start a server: %d run already; "
				    "try to stop one",
				    OSC_HOSTED_MAX);
	if (ret)
		return ret;
	started = calloc(1, sizeof(*started));
	if (!started)
		return osc_error_set(e, ENOMEM,
				     "cannot start a server: out of memory");
	if (!osc_hosted_start(d, &o, on_started, on_ended, started, e)) {
		free(started);
		return -e->err;
	}
	started->ticket = *t;
	started->asked = true;
	return 0;
}

/* A run's own server is not for others to stop. */
static bool is_ours(const struct osc_hosted *s)
{
	return s->ended == on_ended;
}

static int find_server(struct osc_daemon *d, json_int_t number,
		       struct osc_hosted **s, struct osc_error *e)
{
	*s = number < 0 || number > UINT_MAX ?
		     NULL :
		     osc_hosted_find(d, (unsigned int)number);
	if (*s && is_ours(*s))
		return 0;
	return osc_error_set(e, ESRCH,
			     "there is no server %" JSON_INTEGER_FORMAT
			     "; try the op 'list'",
			     number);
}

/* The server of a request that names nothing else. */
static int take_server_alone(struct osc_daemon *d, const json_t *request,
			     struct osc_hosted **s, struct osc_error *e)
{
	json_int_t number = 0;
	const struct osc_member members[] = {
		{ "server", OSC_MEMBER_INTEGER, true, &number },
	};
	int ret = osc_request_read(request, members,
				   sizeof(members) / sizeof(*members), e);

	return ret ? ret : find_server(d, number, s, e);
}

static int check_ready(const struct osc_hosted *s, struct osc_error *e)
{
	if (s->state == OSC_HOSTED_READY)
		return 0;
	return osc_error_set(e, EAGAIN, "server %u is %s", s->number,
			     osc_hosted_state_name(s));
}

static int op_stop(struct osc_daemon *d, const json_t *request,
		   struct osc_ticket *t, struct osc_error *e)
{
	struct osc_hosted *s;
	struct started *started;
	int ret = take_server_alone(d, request, &s, e);

	if (ret)
		return ret;
	started = s->arg;
	if (started->stop_asked)
		return osc_error_set(e, EALREADY,
				     "server %u is being stopped already",
				     s->number);
	started->stop_asked = true;
	started->stopping = *t;
	osc_hosted_stop(s);
	return 0;
}

static int op_list(struct osc_daemon *d, const json_t *request,
		   struct osc_ticket *t, struct osc_error *e)
{
	int ret = osc_request_read(request, NULL, 0, e);
	json_t *all;

	if (ret)
		return ret;
	all = json_array();
	for (const struct osc_hosted *s = d->hosted; s; s = s->next) {
		if (is_ours(s))
			json_array_append_new(all, hosted_document(s));
	}
	return answer(d, t,
		      json_pack("{s:o, s:o}", "servers", all, "run",
				d->run ? json_integer(osc_run_number(d->run)) :
					 json_null()));
}

static json_t *account_document(const struct osc_account_snapshot *a)
{
	json_t *o = json_pack("{s:I}", "connections_open",
			      (json_int_t)a->connections_open);

	for (int i = 0; o && i < OSC_NR_ACCOUNT; i++)
		json_object_set_new(o, osc_account_name(i),
				    json_integer((json_int_t)a->value[i]));
	return o;
}

static int op_sample(struct osc_daemon *d, const json_t *request,
		     struct osc_ticket *t, struct osc_error *e)
{
	struct osc_account_snapshot account;
	struct osc_counts counts;
	struct osc_hosted *s;
	int ret = take_server_alone(d, request, &s, e);

	if (!ret)
		ret = check_ready(s, e);
	if (!ret)
		ret = osc_hosted_read(s, &account, &counts, e);
	if (ret)
		return ret;
	return answer(d, t,
		      json_pack("{s:i, s:I, s:o, s:o, s:I, s:I, s:I, s:o}",
				"server", (int)s->number, "time_ns",
				(json_int_t)counts.time_ns, "kernel",
				osc_counts_json(&counts), "standing",
				osc_standing_json(&counts), "tasks_live",
				(json_int_t)counts.tasks_live, "tasks_exited",
				(json_int_t)counts.tasks_exited, "lost",
				(json_int_t)counts.lost, "account",
				account_document(&account)));
}

static int op_follow(struct osc_daemon *d, const json_t *request,
		     struct osc_ticket *t, struct osc_error *e)
{
	double interval_s = 1;
	json_int_t number = 0, count = 10;
	struct osc_hosted *s;
	const struct osc_member members[] = {
		{ "server", OSC_MEMBER_INTEGER, true, &number },
		{ "interval_s", OSC_MEMBER_NUMBER, false, &interval_s },
		{ "count", OSC_MEMBER_INTEGER, false, &count },
	};
	int ret = osc_request_read(request, members,
				   sizeof(members) / sizeof(*members), e);

	if (ret)
		return ret;
	if (!(interval_s >= OSC_INTERVAL_MIN_S &&
	      interval_s <= OSC_INTERVAL_MAX_S))
		return osc_request_bad(
			e, "interval_s must lie between 0.01 and 3600");
	if (count < 1 || count > FOLLOW_MAX)
		return osc_request_bad(e,
				       "count must lie between 1 and 100000");
	ret = find_server(d, number, &s, e);
	if (!ret)
		ret = check_ready(s, e);
	if (ret)
		return ret;
	return osc_follow_start(s, t,
				(uint64_t)llround(interval_s * OSC_NS_PER_S),
				(uint64_t)count, e);
}

static int check_idle(const struct osc_daemon *d, struct osc_error *e)
{
	if (d->run)
		return osc_error_set(e, EBUSY,
				     "cannot begin a run: run %u is under way, "
				     "and two would disturb each other; try "
				     "again when it has ended",
				     osc_run_number(d->run));
	return check_ending(d, e);
}

static int op_run(struct osc_daemon *d, const json_t *request,
		  struct osc_ticket *t, struct osc_error *e)
{
	struct osc_run_fields r = { .mode = "keepalive",
				    .path = "/",
				    .connections = 1,
				    .interval_s = 0.1 };
	struct osc_server_fields s = { 0 };
	struct osc_run_options o = { 0 };
	const struct osc_member members[] = {
		{ "model", OSC_MEMBER_TEXT, true, &s.model },
		{ "workers", OSC_MEMBER_INTEGER, false, &s.workers },
		{ "server_cpus", OSC_MEMBER_TEXT, false, &s.cpus },
		{ "source", OSC_MEMBER_TEXT, false, &s.source },
		{ "mode", OSC_MEMBER_TEXT, false, &r.mode },
		{ "path", OSC_MEMBER_TEXT, false, &r.path },
		{ "client_cpus", OSC_MEMBER_TEXT, false, &r.client_cpus },
		{ "connections", OSC_MEMBER_INTEGER, false, &r.connections },
		{ "requests", OSC_MEMBER_INTEGER, false, &r.requests },
		{ "duration_s", OSC_MEMBER_NUMBER, false, &r.duration_s },
		{ "interval_s", OSC_MEMBER_NUMBER, false, &r.interval_s },
	};
	int ret = check_idle(d, e);

	if (!ret)
		ret = osc_request_read(request, members,
				       sizeof(members) / sizeof(*members), e);
	if (!ret)
		ret = osc_request_server(&s, &o.server, e);
	if (!ret)
		ret = osc_request_run(&r, &o, e);
	if (!ret)
		ret = osc_run_start(d, &o, t, e);
	return ret;
}

/* A few milliseconds, for which all others wait. */
static int op_calibrate(struct osc_daemon *d, const json_t *request,
			struct osc_ticket *t, struct osc_error *e)
{
	enum osc_counters_kind kind;
	const char *wanted = NULL;
	const struct osc_member members[] = {
		{ "source", OSC_MEMBER_TEXT, false, &wanted },
	};
	json_t *rows;
	int ret = osc_request_read(request, members,
				   sizeof(members) / sizeof(*members), e);

	if (!ret)
		ret = check_idle(d, e);
	if (!ret)
		ret = osc_request_source(wanted, &kind, e);
	if (!ret)
		ret = osc_calibrate(kind == OSC_COUNTERS_AUTO ? d->kind : kind,
				    &rows, e);
	if (ret)
		return ret;
	return answer(d, t, json_pack("{s:o}", "calibration", rows));
}

static int op_cancel(struct osc_daemon *d, const json_t *request,
		     struct osc_ticket *t, struct osc_error *e)
{
	int ret = osc_request_read(request, NULL, 0, e);

	if (ret)
		return ret;
	if (!d->run)
		return osc_error_set(e, ESRCH,
				     "cannot cancel a run: none is under way");
	osc_run_cancel(d->run, "a client asked for it");
	return answer(d, t, json_object());
}

static int op_shutdown(struct osc_daemon *d, const json_t *request,
		       struct osc_ticket *t, struct osc_error *e)
{
	int ret = osc_request_read(request, NULL, 0, e);

	if (ret)
		return ret;
	answer(d, t, json_object());
	osc_daemon_end(d);
	return 0;
}

static const struct op ops[] = {
	{ "hello", op_hello },
	{ "start", op_start },
	{ "list", op_list },
	{ "sample", op_sample },
	{ "follow", op_follow },
	{ "stop", op_stop },
	{ "run", op_run },
	{ "cancel", op_cancel },
	{ "calibrate", op_calibrate },
	{ "shutdown", op_shutdown },
};

static const struct op *find_op(const char *name, struct osc_error *e)
{
	const char *names[sizeof(ops) / sizeof(*ops) + 1] = { NULL };
	char known[128];

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (!strcmp(ops[i].name, name))
			return &ops[i];
		names[i] = ops[i].name;
	}
	osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
			   "cannot take the request: '%.60s' is not an op; try "
			   "%s, or see osconceptsd(8)",
			   name,
			   osc_nearest_try(name, strlen(name), names, known,
					   sizeof(known)));
	return NULL;
}

void osc_ops_handle(struct osc_daemon *d, unsigned int client,
		    const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "op"));
	const struct op *op = NULL;
	struct osc_ticket t;
	struct osc_error e;
	int ret = -EINVAL;

	if (!osc_ticket_take(d, client, json_object_get(request, "id"), &t))
		return;
	if (!name)
		osc_request_bad(&e, "it has no op");
	else
		op = find_op(name, &e);
	if (op)
		ret = op->run(d, request, &t, &e);
	if (ret)
		osc_client_refuse(d, &t, &e);
}
