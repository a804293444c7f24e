// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The audit's table. Three moments are compared: at rest (the load is over,
 * no task of the server runs, two readings of ours around /proc's agree), at
 * the end (the whole tree has made its last switch), and the whole system
 * between two readings. Where an identity is not plain from its row, the
 * comment at the row's function gives it.
 */
#include "correlate/audit.h"

#include <string.h>

#include "lib/output.h"

#define US_NS 1000ull

static bool is_model(const struct osc_audit_facts *f, const char *model)
{
	return !strcmp(f->model, model);
}

static bool is_one_of(const struct osc_audit_facts *f,
		      const char *const *models)
{
	while (*models && !is_model(f, *models))
		models++;
	return *models;
}

/* The module's counter at rest, or false where it counts no such thing. */
static bool at_rest(const struct osc_audit_facts *f, enum osc_counter n,
		    struct osc_audit_row *row)
{
	row->kernel = f->rest.value[n];
	return f->module && f->rested && osc_counts_have(&f->rest, n);
}

static bool at_end(const struct osc_audit_facts *f, enum osc_counter n,
		   struct osc_audit_row *row)
{
	row->kernel = f->last.value[n];
	return f->module && osc_counts_have(&f->last, n);
}

static bool take_rest(const struct osc_audit_facts *f,
		      struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ f->rested, 1, 0 };
	return true;
}

/*
 * At rest the switches of live tasks are in /proc to the unit. Those of the
 * dead are not there at all, so equality holds only while nothing has ended.
 */
static bool take_voluntary(const struct osc_audit_facts *f,
			   struct osc_audit_row *row)
{
	row->independent = f->rest_tree.voluntary - f->base.voluntary;
	return !f->rest.tasks_exited && at_rest(f, OSC_SWITCHES_VOLUNTARY, row);
}

static bool take_involuntary(const struct osc_audit_facts *f,
			     struct osc_audit_row *row)
{
	row->independent = f->rest_tree.involuntary - f->base.involuntary;
	return !f->rest.tasks_exited &&
	       at_rest(f, OSC_SWITCHES_INVOLUNTARY, row);
}

static bool take_voluntary_live(const struct osc_audit_facts *f,
				struct osc_audit_row *row)
{
	row->independent = f->rest_tree.voluntary - f->base.voluntary;
	return f->rest.tasks_exited && at_rest(f, OSC_SWITCHES_VOLUNTARY, row);
}

/*
 * A task faults no more once it has given up its memory, which is before its
 * parent can wait for it: faults are equal also over the dead.
 */
static bool take_minor(const struct osc_audit_facts *f,
		       struct osc_audit_row *row)
{
	row->independent = f->rest_tree.minor - f->base.minor;
	return at_rest(f, OSC_FAULTS_MINOR, row);
}

static bool take_major(const struct osc_audit_facts *f,
		       struct osc_audit_row *row)
{
	row->independent = f->rest_tree.major - f->base.major;
	return at_rest(f, OSC_FAULTS_MAJOR, row);
}

static bool take_tasks_live(const struct osc_audit_facts *f,
			    struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ f->rest.tasks_live, f->rest_tree.tasks,
				       0 };
	return f->module && f->rested;
}

/* Every task of the tree but the first was made by the server, which counts
 * them: none was missed and none belongs to somebody else.
 */
static bool take_tasks(const struct osc_audit_facts *f,
		       struct osc_audit_row *row)
{
	const uint64_t *a = f->rest_account.value;

	row->kernel = f->rest.tasks_live + f->rest.tasks_exited;
	row->independent =
		1 + a[OSC_ACCOUNT_FORKS] + a[OSC_ACCOUNT_THREADS_CREATED];
	return f->module && f->rested;
}

/* A forked child is folded in once it is dead; the server has waited for it. */
static bool take_exited(const struct osc_audit_facts *f,
			struct osc_audit_row *row)
{
	const uint64_t *a = f->rest_account.value;

	row->kernel = f->rest.tasks_exited;
	row->independent =
		a[OSC_ACCOUNT_WORKER_EXITS] + a[OSC_ACCOUNT_WORKER_DEATHS];
	return f->module && f->rested && is_model(f, "fork");
}

static uint64_t since(long now, uint64_t base)
{
	return (uint64_t)now > base ? (uint64_t)now - base : 0;
}

/*
 * wait4 may read a dying task before its very last switch, which is voluntary,
 * and a thread that nobody waits for is always read before it.
 */
static bool take_voluntary_end(const struct osc_audit_facts *f,
			       struct osc_audit_row *row)
{
	row->independent = since(f->usage.ru_nvcsw, f->base.voluntary);
	row->exited = f->last.tasks_exited;
	return at_end(f, OSC_SWITCHES_VOLUNTARY, row);
}

/* And it may be preempted once on its way there. */
static bool take_involuntary_end(const struct osc_audit_facts *f,
				 struct osc_audit_row *row)
{
	row->independent = since(f->usage.ru_nivcsw, f->base.involuntary);
	row->exited = f->last.tasks_exited;
	return at_end(f, OSC_SWITCHES_INVOLUNTARY, row);
}

static bool take_minor_end(const struct osc_audit_facts *f,
			   struct osc_audit_row *row)
{
	row->independent = since(f->usage.ru_minflt, f->base.minor);
	return at_end(f, OSC_FAULTS_MINOR, row);
}

static bool take_major_end(const struct osc_audit_facts *f,
			   struct osc_audit_row *row)
{
	row->independent = since(f->usage.ru_majflt, f->base.major);
	return at_end(f, OSC_FAULTS_MAJOR, row);
}

/*
 * rusage's two times add up to the run time, cut to microseconds each; what a
 * task ran after it was waited for is only in ours.
 */
static bool take_cpu_end(const struct osc_audit_facts *f,
			 struct osc_audit_row *row)
{
	const struct timeval *u = &f->usage.ru_utime, *s = &f->usage.ru_stime;
	uint64_t us = (uint64_t)(u->tv_sec + s->tv_sec) * 1000000 +
		      (uint64_t)(u->tv_usec + s->tv_usec);
	uint64_t ns = us * US_NS;

	row->independent = ns > f->base.cpu_ns ? ns - f->base.cpu_ns : 0;
	return at_end(f, OSC_CPU_NS, row);
}

static bool take_all_exited(const struct osc_audit_facts *f,
			    struct osc_audit_row *row)
{
	const uint64_t *a = f->last_account.value;

	row->kernel = f->last.tasks_exited;
	row->independent =
		1 + a[OSC_ACCOUNT_FORKS] + a[OSC_ACCOUNT_THREADS_CREATED];
	return f->module;
}

/*
 * Servers whose every loop has its own epoll instance and its own descriptors,
 * of which nobody else reads.
 */
static bool is_of_loops_apart(const struct osc_audit_facts *f)
{
	static const char *const models[] = { "epoll", "epoll-et",
					      "epoll-multi", NULL };

	return is_one_of(f, models);
}

/*
 * A waiter is woken for a descriptor that is ready, finds it ready still, and
 * returns. Waits that found something ready at once return without a wakeup.
 */
static bool take_wakeups(const struct osc_audit_facts *f,
			 struct osc_audit_row *row)
{
	row->independent = f->rest_account.value[OSC_ACCOUNT_WAITS];
	return is_of_loops_apart(f) && at_rest(f, OSC_EPOLL_WAKEUPS, row);
}

/*
 * The first request of a connection may be there before its descriptor is
 * registered; each later one arrives on a registered descriptor and calls
 * back, as the client sends it only after the answer to the one before.
 */
static bool take_callbacks(const struct osc_audit_facts *f,
			   struct osc_audit_row *row)
{
	const uint64_t *a = f->rest_account.value;
	uint64_t requests = a[OSC_ACCOUNT_REQUESTS];
	uint64_t accepts = a[OSC_ACCOUNT_ACCEPTS];

	row->independent = requests > accepts ? requests - accepts : 0;
	return is_of_loops_apart(f) && at_rest(f, OSC_EPOLL_CALLBACKS, row);
}

/*
 * These engines and their master know nothing of epoll: what is counted for them
 * belongs to somebody else.
 */
static bool never_in_epoll(const struct osc_audit_facts *f)
{
	static const char *const models[] = { "iterative", "fork", "prefork",
					      "thread",	   "pool", "leader",
					      "select",	   "poll", "uring",
					      NULL };

	return is_one_of(f, models);
}

static bool take_no_callbacks(const struct osc_audit_facts *f,
			      struct osc_audit_row *row)
{
	return never_in_epoll(f) && at_end(f, OSC_EPOLL_CALLBACKS, row);
}

static bool take_no_wakeups(const struct osc_audit_facts *f,
			    struct osc_audit_row *row)
{
	return never_in_epoll(f) && at_end(f, OSC_EPOLL_WAKEUPS, row);
}

static bool bracket_low(const struct osc_audit_facts *f,
			const struct osc_bracket *b, struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ b->inner, b->independent, 0 };
	return f->module && b->present;
}

static bool bracket_high(const struct osc_audit_facts *f,
			 const struct osc_bracket *b, struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ b->outer, b->independent, 0 };
	return f->module && b->present;
}

static bool take_switches_low(const struct osc_audit_facts *f,
			      struct osc_audit_row *row)
{
	return bracket_low(f, &f->switches, row);
}

static bool take_switches_high(const struct osc_audit_facts *f,
			       struct osc_audit_row *row)
{
	return bracket_high(f, &f->switches, row);
}

static bool take_faults_low(const struct osc_audit_facts *f,
			    struct osc_audit_row *row)
{
	return bracket_low(f, &f->faults, row);
}

static bool take_faults_high(const struct osc_audit_facts *f,
			     struct osc_audit_row *row)
{
	return bracket_high(f, &f->faults, row);
}

static bool take_majors_low(const struct osc_audit_facts *f,
			    struct osc_audit_row *row)
{
	return bracket_low(f, &f->faults_major, row);
}

static bool take_majors_high(const struct osc_audit_facts *f,
			     struct osc_audit_row *row)
{
	return bracket_high(f, &f->faults_major, row);
}

/* A connection may be accepted before its client knows that it is open. */
static bool take_accepts(const struct osc_audit_facts *f,
			 struct osc_audit_row *row)
{
	row->kernel = f->last_account.value[OSC_ACCOUNT_ACCEPTS];
	row->independent = f->load.connections_opened;
	row->exited = f->load.unopened + f->load.errors;
	return true;
}

static bool take_requests(const struct osc_audit_facts *f,
			  struct osc_audit_row *row)
{
	row->kernel = f->last_account.value[OSC_ACCOUNT_REQUESTS];
	row->independent = f->load.requests;
	row->exited = f->load.unanswered + f->load.errors;
	return true;
}

static bool take_lost(const struct osc_audit_facts *f,
		      struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ f->last.lost, 0, 0 };
	return f->module;
}

static bool take_decreases(const struct osc_audit_facts *f,
			   struct osc_audit_row *row)
{
	*row = (struct osc_audit_row){ f->decreases, 0, 0 };
	return true;
}

const struct osc_audit_rule osc_audit_rules[] = {
	{ "quiescent_points", "1: two equal readings around one of /proc",
	  OSC_EQUAL, take_rest },
	{ "context_switches_voluntary",
	  "/proc/PID/task/TID/status of every task, at rest", OSC_EQUAL,
	  take_voluntary },
	{ "context_switches_involuntary",
	  "/proc/PID/task/TID/status of every task, at rest", OSC_EQUAL,
	  take_involuntary },
	{ "context_switches_voluntary",
	  "/proc/PID/task/TID/status of the tasks alive, at rest", OSC_AT_LEAST,
	  take_voluntary_live },
	{ "page_faults_minor", "/proc/PID/stat minflt and cminflt, at rest",
	  OSC_EQUAL, take_minor },
	{ "page_faults_major", "/proc/PID/stat majflt and cmajflt, at rest",
	  OSC_EQUAL, take_major },
	{ "tasks_live", "entries of /proc/PID/task, at rest", OSC_EQUAL,
	  take_tasks_live },
	{ "tasks", "1 + the server's count of its forks and threads", OSC_EQUAL,
	  take_tasks },
	{ "tasks_exited", "children the server has waited for, at rest",
	  OSC_EQUAL, take_exited },
	{ "epoll_wakeups", "the server's count of epoll_wait returns",
	  OSC_AT_MOST, take_wakeups },
	{ "epoll_callbacks",
	  "the server's count of requests but a connection's first",
	  OSC_AT_LEAST, take_callbacks },
	{ "epoll_callbacks", "0: the model does without epoll", OSC_EQUAL,
	  take_no_callbacks },
	{ "epoll_wakeups", "0: the model does without epoll", OSC_EQUAL,
	  take_no_wakeups },
	{ "context_switches_voluntary", "wait4: ru_nvcsw of the whole tree",
	  OSC_WITHIN, take_voluntary_end },
	{ "context_switches_involuntary", "wait4: ru_nivcsw of the whole tree",
	  OSC_WITHIN, take_involuntary_end },
	{ "page_faults_minor", "wait4: ru_minflt of the whole tree", OSC_EQUAL,
	  take_minor_end },
	{ "page_faults_major", "wait4: ru_majflt of the whole tree", OSC_EQUAL,
	  take_major_end },
	{ "cpu_ns", "wait4: ru_utime + ru_stime of the whole tree",
	  OSC_AT_LEAST, take_cpu_end },
	{ "tasks_exited", "1 + the server's count of its forks and threads",
	  OSC_EQUAL, take_all_exited },
	{ "lost", "0", OSC_EQUAL, take_lost },
	{ "system_context_switches_inner", "/proc/stat ctxt, read around ours",
	  OSC_AT_MOST, take_switches_low },
	{ "system_context_switches_outer", "/proc/stat ctxt, read inside ours",
	  OSC_AT_LEAST, take_switches_high },
	{ "system_page_faults_inner", "/proc/vmstat pgfault, read around ours",
	  OSC_AT_MOST, take_faults_low },
	{ "system_page_faults_outer", "/proc/vmstat pgfault, read inside ours",
	  OSC_AT_LEAST, take_faults_high },
	{ "system_page_faults_major_inner",
	  "/proc/vmstat pgmajfault, read around ours", OSC_AT_MOST,
	  take_majors_low },
	{ "system_page_faults_major_outer",
	  "/proc/vmstat pgmajfault, read inside ours", OSC_AT_LEAST,
	  take_majors_high },
	{ "server_accepts",
	  "the client's count of connections; some may be on their way when it stops",
	  OSC_WITHIN, take_accepts },
	{ "server_requests",
	  "the client's count of answers, and what it did not wait for",
	  OSC_WITHIN, take_requests },
	{ "decreases", "0: counters never run backwards between samples",
	  OSC_EQUAL, take_decreases },
};
const size_t osc_audit_nr_rules =
	sizeof(osc_audit_rules) / sizeof(*osc_audit_rules);

const char *osc_relation_text(enum osc_relation relation)
{
	static const char *const texts[] = {
		[OSC_EQUAL] = "kernel == independent",
		[OSC_AT_LEAST] = "kernel >= independent",
		[OSC_AT_MOST] = "kernel <= independent + exited",
		[OSC_WITHIN] = "independent <= kernel <= independent + exited",
	};

	return texts[relation];
}

bool osc_audit_holds(enum osc_relation relation,
		     const struct osc_audit_row *row)
{
	bool at_least = row->kernel >= row->independent;
	/* A difference cannot overflow where the sum could. */
	bool at_most = !at_least ||
		       row->kernel - row->independent <= row->exited;

	switch (relation) {
	case OSC_EQUAL:
		return row->kernel == row->independent;
	case OSC_AT_LEAST:
		return at_least;
	case OSC_AT_MOST:
		return at_most;
	case OSC_WITHIN:
		return at_least && at_most;
	}
	return false;
}

static json_t *row_document(const char *counter, const char *oracle,
			    enum osc_relation relation,
			    const struct osc_audit_row *row)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:b}", "counter",
			 osc_json_text(counter), "kernel",
			 (json_int_t)row->kernel, "independent",
			 (json_int_t)row->independent, "exited",
			 (json_int_t)row->exited, "relation",
			 osc_json_text(osc_relation_text(relation)), "oracle",
			 osc_json_text(oracle), "ok",
			 osc_audit_holds(relation, row));
}

json_t *osc_audit(const struct osc_audit_facts *f)
{
	json_t *audit = json_array();

	for (size_t i = 0; audit && i < osc_audit_nr_rules; i++) {
		const struct osc_audit_rule *rule = &osc_audit_rules[i];
		struct osc_audit_row row = { 0 };

		if (!rule->take(f, &row))
			continue;
		if (json_array_append_new(
			    audit, row_document(rule->counter, rule->oracle,
						rule->relation, &row))) {
			json_decref(audit);
			audit = NULL;
		}
	}
	return audit;
}

json_t *osc_audit_calibration(const struct osc_counts *counted, uint64_t done)
{
	static const enum osc_counter counters[] = { OSC_EPOLL_CALLBACKS,
						     OSC_EPOLL_WAKEUPS };
	json_t *audit = json_array();

	for (size_t i = 0; audit && i < sizeof(counters) / sizeof(*counters);
	     i++) {
		/* One that is not counted has the value 0, and fails. */
		struct osc_audit_row row = { counted->value[counters[i]], done,
					     0 };

		if (json_array_append_new(
			    audit,
			    row_document(osc_counter_info[counters[i]].name,
					 "writes of a calibrating process, each "
					 "taken by a thread blocked in "
					 "epoll_wait",
					 OSC_EQUAL, &row))) {
			json_decref(audit);
			audit = NULL;
		}
	}
	return audit;
}

void osc_audit_count(const json_t *audit, size_t *rows, size_t *failed)
{
	const json_t *row;
	size_t i;

	*rows = json_array_size(audit);
	*failed = 0;
	json_array_foreach(audit, i, row) {
		if (!json_is_true(json_object_get(row, "ok")))
			(*failed)++;
	}
}
