// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One measured run, as a chain of phases:
 *
 *   start   the server comes up as a target
 *   settle  it comes to rest: here counting for the load begins
 *   load    the client works; samples at an interval
 *   rest    the server comes to rest again: counting for the load ends, and
 *           our counters are compared with /proc to the unit
 *   hold    rising numbers of connections are open and idle: what each takes
 *   stop    SIGTERM; the server ends in order
 *   end     its last task makes its last switch: ours against wait4
 *
 * At rest means: no connection is open, every task sleeps, and three readings
 * of ours, two of them around one of /proc, agree.
 */
#include "daemon/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "correlate/run.h"
#include "daemon/books.h"
#include "daemon/holding.h"
#include "daemon/loader.h"
#include "lib/clock.h"
#include "lib/error.h"

/* Some 8 MB of a document. */
#define SAMPLES_MAX 20000
#define LOOK_NS (20 * OSC_NS_PER_MS)
#define REST_NS (5 * OSC_NS_PER_S)
/* A client takes us for hung when a phase is silent for a minute. */
#define PHASE_NS (40 * OSC_NS_PER_S)
#define END_NS (5 * OSC_NS_PER_S)
/* Between two looks at held connections, of which there are many. */
#define HOLD_LOOK_NS (10 * OSC_NS_PER_MS)
/* After this long no larger number of connections is tried. */
#define HOLD_NS (250 * OSC_NS_PER_MS)
/* A server that has slept this long takes no more connections. */
#define HOLD_FULL_NS OSC_NS_PER_S
/* A load for a duration may take that much longer to finish up. */
#define LOAD_SLACK_NS (60 * OSC_NS_PER_S)
#define LOAD_REQUESTS_NS (3600 * OSC_NS_PER_S)

enum phase { START, SETTLE, LOAD, REST, HOLD, STOP, END };

static const char *const phase_names[] = { "start", "settle", "load", "rest",
					   "hold",  "stop",   "end" };

struct osc_run {
	struct osc_daemon *d;
	unsigned int number;
	struct osc_run_options options;
	struct osc_ticket ticket;
	enum phase phase;
	uint64_t phase_ns; /* when it began */
	uint64_t progress, progress_ns; /* of the phase, and when it moved */
	struct osc_hosted *server;
	struct osc_loader load;
	struct osc_timer timer;
	struct osc_counts looked; /* the last look, while coming to rest */
	struct osc_system system_from, system_to;
	struct osc_audit_facts audit;
	struct osc_run_facts facts;
	struct osc_holding holding;
	bool letting_go; /* of the connections that were held */
	json_t *load_document;
};

unsigned int osc_run_client(const struct osc_run *r)
{
	return r->ticket.client;
}

unsigned int osc_run_number(const struct osc_run *r)
{
	return r->number;
}

/* Frees everything, kills what still runs. The ticket was answered. */
static void run_free(struct osc_run *r)
{
	struct osc_daemon *d = r->d;

	osc_loader_close(&r->load);
	if (r->server)
		osc_hosted_free(r->server);
	/* Quick, since the other end is closed. */
	osc_hold_close(&r->holding.connections);
	osc_timer_close(&d->loop, &r->timer);
	osc_samples_free(&r->facts.samples);
	json_decref(r->load_document);
	free(r);
	d->run = NULL;
	osc_daemon_check_end(d);
}

static void run_fail(struct osc_run *r, const struct osc_error *e)
{
	struct osc_daemon *d = r->d;
	struct osc_ticket t = r->ticket;

	run_free(r);
	osc_client_refuse(d, &t, e);
}

void osc_run_cancel(struct osc_run *r, const char *why)
{
	struct osc_error e;

	osc_error_set(&e, ECANCELED, "the run was cancelled: %s", why);
	run_fail(r, &e);
}

static int enter(struct osc_run *r, enum phase phase, uint64_t look_ns,
		 struct osc_error *e)
{
	r->phase = phase;
	r->phase_ns = r->progress_ns = osc_clock_ns();
	r->looked = (struct osc_counts){ 0 };
	osc_client_event(r->d, &r->ticket,
			 json_pack("{s:s, s:i, s:s}", "event", "phase", "run",
				   (int)r->number, "phase",
				   phase_names[phase]));
	return osc_timer_set(&r->timer, look_ns, look_ns, e);
}

static int read_ours(struct osc_run *r, struct osc_counts *c,
		     struct osc_error *e)
{
	return osc_counters_read(r->server->counters, r->server->target, c, e);
}

/* Of what moves when a task runs. Time does not: it is read, not booked. */
static bool at_one(const struct osc_counts *a, const struct osc_counts *b)
{
	static const enum osc_counter moving[] = {
		OSC_SWITCHES_VOLUNTARY, OSC_SWITCHES_INVOLUNTARY,
		OSC_FAULTS_MINOR,	OSC_FAULTS_MAJOR,
		OSC_EPOLL_CALLBACKS,	OSC_EPOLL_WAKEUPS,
	};

	for (size_t i = 0; i < sizeof(moving) / sizeof(*moving); i++) {
		if (a->value[moving[i]] != b->value[moving[i]])
			return false;
	}
	return a->present && a->present == b->present &&
	       a->tasks_live == b->tasks_live &&
	       a->tasks_exited == b->tasks_exited;
}

struct look {
	struct osc_counts counts;
	struct osc_tree tree;
	struct osc_account_snapshot account;
	bool asleep; /* nothing of it moves, whatever is open */
	bool rested;
};

/* One attempt to find the server at rest. */
static int look_at(struct osc_run *r, struct look *l, struct osc_error *e)
{
	struct osc_counts first;
	int ret = read_ours(r, &first, e);

	if (!ret)
		ret = osc_tree_read(r->server->child.pid, &l->tree, e);
	if (!ret)
		ret = osc_hosted_read(r->server, &l->account, &l->counts, e);
	if (ret)
		return ret;
	l->asleep = !l->tree.awake && at_one(&first, &l->counts) &&
		    at_one(&first, &r->looked);
	l->rested = l->asleep && !l->account.connections_open;
	r->looked = l->counts;
	return 0;
}

/*
 * Whether to go on waiting: as long as something moves, since a pool that
 * shrinks or a fork for each connection takes its time on a busy machine.
 */
static bool has_time(struct osc_run *r, uint64_t progress)
{
	uint64_t now = osc_clock_ns();

	if (progress != r->progress) {
		r->progress = progress;
		r->progress_ns = now;
	}
	return now - r->progress_ns < REST_NS && now - r->phase_ns < PHASE_NS;
}

/* Moves with each task that comes, and with each that ends. */
static uint64_t tasks_of(const struct look *l)
{
	return l->counts.tasks_live + 2 * l->counts.tasks_exited;
}

static int look_less_often(struct osc_run *r, struct osc_error *e)
{
	r->options.interval_ns *= 2;
	return osc_timer_set(&r->timer, r->options.interval_ns,
			     r->options.interval_ns, e);
}

static int take_sample(struct osc_run *r, struct osc_error *e)
{
	struct osc_samples *all = &r->facts.samples;
	struct osc_sample s;
	int ret = osc_hosted_sample(r->server, &s, e);

	/* Left out: the next one has what was done meanwhile, too. */
	if (ret == -E2BIG)
		return look_less_often(r, e);
	if (ret)
		return ret;
	if (osc_samples_add(all, &s))
		return osc_error_set(e, ENOMEM,
				     "cannot keep a sample: out of memory; "
				     "try a longer interval");
	osc_sample_announce(r->d, &r->ticket, all);
	if (all->n < SAMPLES_MAX)
		return 0;
	/* A run longer than was thought: fewer samples say as much. */
	osc_samples_thin(all);
	return look_less_often(r, e);
}

static void on_load_ended(void *arg);

static int begin_load(struct osc_run *r, const struct look *l,
		      struct osc_error *e)
{
	const struct osc_run_options *o = &r->options;
	char url[sizeof(r->server->url) + sizeof(o->path)];
	struct osc_loader_options load = {
		.url = url,
		.connections = o->connections,
		.requests = o->requests,
		.duration_ns = o->duration_ns,
		.close = !strcmp(o->mode, "close"),
		.cpus = o->client_pinned ? &o->client_cpus : NULL,
		.limit_ns = o->requests ? LOAD_REQUESTS_NS :
					  o->duration_ns + LOAD_SLACK_NS,
	};
	int ret;

	snprintf(url, sizeof(url), "%s%s", r->server->url, o->path);
	r->facts.before = l->counts;
	r->facts.account_before = l->account;
	ret = osc_system_read(r->server->counters, &r->system_from, e);
	if (!ret)
		ret = enter(r, LOAD, o->interval_ns, e);
	if (!ret)
		ret = take_sample(r, e);
	if (!ret)
		ret = osc_loader_start(r->d, &r->load, &load, on_load_ended, r,
				       e);
	return ret;
}

static int settle(struct osc_run *r, struct osc_error *e)
{
	struct look l;
	int ret = look_at(r, &l, e);

	if (ret)
		return ret;
	/* One that never rests is measured all the same: what it does by
   * itself is little, and the audit will not find it at rest either.
   */
	if (!l.rested && has_time(r, tasks_of(&l)))
		return 0;
	osc_holding_fresh(&r->holding, r->server, &r->facts.held);
	return begin_load(r, &l, e);
}

static int begin_stop(struct osc_run *r, struct osc_error *e)
{
	int ret = enter(r, STOP, 0, e);

	if (!ret)
		osc_hosted_stop(r->server);
	return ret;
}

/* Counting for the load has ended: nothing of this is in its counts. */
static int begin_hold(struct osc_run *r, struct osc_error *e)
{
	r->facts.held.before = r->audit.rest;
	if (!osc_holding_begin(&r->holding, r->server, r->options.connections,
			       &r->facts.held)) {
		osc_hold_close(&r->holding.connections);
		return begin_stop(r, e);
	}
	return enter(r, HOLD, HOLD_LOOK_NS, e);
}

/* Whether to go on waiting for connections to be taken, and for rest. */
static bool holding_has_time(struct osc_run *r, const struct look *l, bool all)
{
	bool has = has_time(r, l->account.connections_open);

	return has && (all || !l->asleep ||
		       osc_clock_ns() - r->progress_ns < HOLD_FULL_NS);
}

/* Closes the connections, in as many turns as it takes. */
static int let_go(struct osc_run *r, struct osc_error *e)
{
	r->letting_go = true;
	return osc_hold_close_some(&r->holding.connections) ? begin_stop(r, e) :
							      0;
}

/* Opens some of the connections that are still missing. */
static int hold_more(struct osc_run *r, struct osc_error *e)
{
	r->progress_ns = osc_clock_ns();
	if (r->progress_ns - r->phase_ns >= PHASE_NS)
		osc_holding_end(&r->holding, &r->facts.held,
				"it takes too long to open the connections; "
				"try a less busy machine");
	else if (osc_holding_open(&r->holding, r->server, &r->facts.held))
		return 0;
	return let_go(r, e);
}

static int hold(struct osc_run *r, struct osc_error *e)
{
	uint64_t open;
	struct look l;
	bool all;
	int ret;

	if (r->letting_go)
		return let_go(r, e);
	if (osc_holding_missing(&r->holding, &r->facts.held))
		return hold_more(r, e);
	ret = look_at(r, &l, e);
	/* The connections left no descriptor, or made too many tasks to read:
	 * the run goes on without them.
	 */
	if (ret == -EMFILE || ret == -ENFILE || ret == -E2BIG) {
		osc_holding_end(&r->holding, &r->facts.held, e->text);
		return let_go(r, e);
	}
	if (ret)
		return ret;
	open = l.account.connections_open;
	all = open == r->holding.connections.n;
	if (!(all && l.asleep) && holding_has_time(r, &l, all))
		return 0;
	if (osc_holding_take(&r->holding, r->server, open, &l.counts,
			     osc_clock_ns() - r->phase_ns < HOLD_NS,
			     &r->facts.held))
		return 0;
	return let_go(r, e);
}

static int rest(struct osc_run *r, struct osc_error *e)
{
	struct look l;
	int ret = look_at(r, &l, e);

	if (ret)
		return ret;
	if (!l.rested && has_time(r, tasks_of(&l)))
		return 0;
	r->audit.rested = l.rested;
	r->audit.rest = r->facts.after = l.counts;
	r->audit.rest_tree = l.tree;
	r->audit.rest_account = r->facts.account_after = l.account;
	ret = osc_system_read(r->server->counters, &r->system_to, e);
	return ret ? ret : begin_hold(r, e);
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void read_load(struct osc_run *r)
{
	const json_t *load = r->load_document, *v;
	struct osc_loaded *l = &r->audit.load;
	const char *key;

	l->requests = number(load, "requests");
	l->connections_opened = number(load, "connections_opened");
	l->unanswered = number(load, "unanswered");
	/* A client that has a number of requests to make opens no connection
	 * for which it has none.
	 */
	l->unopened = r->options.requests ? 0 : r->options.connections;
	json_object_foreach(json_object_get(load, "errors"), key, v)
		l->errors += (uint64_t)json_integer_value(v);
}

/* All facts are in: the documents. NULL and *e when they cannot be made. */
static json_t *conclude(struct osc_run *r, struct osc_error *e)
{
	struct osc_audit_facts *a = &r->audit;
	json_t *audit, *document;

	a->model = r->options.server.model;
	a->module = osc_counters_module(r->server->counters);
	a->base = r->server->base;
	a->usage = r->server->child.usage;
	/* From the rest on there was nobody but those who were held. */
	if (r->holding.opened)
		a->last_account.value[OSC_ACCOUNT_ACCEPTS] =
			a->rest_account.value[OSC_ACCOUNT_ACCEPTS];
	a->decreases = osc_samples_decreases(&r->facts.samples);
	osc_system_brackets(&r->system_from, &r->system_to, a);
	read_load(r);
	audit = osc_audit(a);
	r->facts.model = r->options.server.model;
	r->facts.mode = r->options.mode;
	r->facts.load = r->load_document;
	r->facts.audit = audit;
	document = osc_run_document(&r->facts, e);
	json_decref(audit);
	return document;
}

static int finish(struct osc_run *r, struct osc_error *e)
{
	struct osc_daemon *d = r->d;
	struct osc_ticket t = r->ticket;
	json_t *document = conclude(r, e);

	if (!document)
		return -e->err;
	run_free(r);
	osc_client_answer(d, &t,
			  json_pack("{s:b, s:o}", "ok", 1, "result", document));
	return 0;
}

/* A dying task is out of wait4 before its last switch: ours waits for it. */
static int end(struct osc_run *r, struct osc_error *e)
{
	int ret = read_ours(r, &r->audit.last, e);

	if (ret)
		return ret;
	if (osc_counters_module(r->server->counters) &&
	    r->audit.last.tasks_live && osc_clock_ns() - r->phase_ns < END_NS)
		return 0;
	return finish(r, e);
}

static void on_tick(void *arg)
{
	static int (*const looks[])(struct osc_run *, struct osc_error *) = {
		[SETTLE] = settle, [LOAD] = take_sample, [REST] = rest,
		[HOLD] = hold,	   [END] = end,
	};
	struct osc_run *r = arg;
	struct osc_error e;

	if (looks[r->phase] && looks[r->phase](r, &e))
		run_fail(r, &e);
}

static void on_ready(struct osc_hosted *s, void *arg)
{
	struct osc_run *r = arg;
	struct osc_error e;

	(void)s;
	if (enter(r, SETTLE, LOOK_NS, &e))
		run_fail(r, &e);
}

static void on_load_ended(void *arg)
{
	struct osc_run *r = arg;
	struct osc_error e;
	int ret = take_sample(r, &e);

	if (!ret)
		ret = osc_loader_result(&r->load, &r->load_document, &e);
	if (!ret)
		ret = enter(r, REST, LOOK_NS, &e);
	if (ret)
		run_fail(r, &e);
}

static void on_server_ended(struct osc_hosted *s, void *arg)
{
	struct osc_run *r = arg;
	struct osc_error e = { 0 };
	int ret = osc_account_read(&s->account, &r->audit.last_account, &e);

	if (osc_hosted_reap(s, &e) || r->phase != STOP ||
	    osc_child_exit_code(&s->child) || *s->why.text) {
		osc_hosted_obituary(s, &e);
		run_fail(r, &e);
		return;
	}
	if (!ret)
		ret = enter(r, END, LOOK_NS, &e);
	if (ret)
		run_fail(r, &e);
}

int osc_run_start(struct osc_daemon *d, const struct osc_run_options *o,
		  const struct osc_ticket *t, struct osc_error *e)
{
	struct osc_run *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return osc_error_set(e, ENOMEM,
				     "cannot begin a run: out of memory");
	r->d = d;
	r->number = ++d->last_run;
	r->options = *o;
	r->phase_ns = osc_clock_ns();
	r->load = (struct osc_loader)OSC_LOADER_NONE;
	ret = osc_timer_open(&d->loop, &r->timer, on_tick, r, e);
	if (!ret) {
		r->server = osc_hosted_start(d, &o->server, on_ready,
					     on_server_ended, r, e);
		ret = r->server ? 0 : -e->err;
	}
	if (ret) {
		run_free(r);
		return ret;
	}
	r->ticket = *t;
	d->run = r;
	return 0;
}
