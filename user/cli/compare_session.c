// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other end of the daemon's socket. A daemon of our own is started at one
 * end of a socket pair: it ends with us, however we end, and takes its servers
 * along.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/compare.h"
#include "lib/clock.h"
#include "lib/output.h"
#include "lib/program.h"

/* How often a wait looks whether a signal asked us to stop. */
#define LOOK_NS (200 * OSC_NS_PER_MS)
#define ANSWER_NS (30 * OSC_NS_PER_S)
/* The daemon has limits of its own for each phase; beyond them it hangs. */
#define SLACK_NS (60 * OSC_NS_PER_S)
/* Where our daemon finds its end of the pair. */
#define CLIENT_FD 3

static const char *const kind_names[] = {
	[OSC_COUNTERS_AUTO] = "auto",
	[OSC_COUNTERS_MODULE] = "module",
	[OSC_COUNTERS_PROCFS] = "procfs",
};

static int start_daemon(struct osc_session *s, struct osc_error *e)
{
	char path[4096];
	const char *argv[] = { path, "--client-fd", "3", NULL };
	struct osc_child_fd fd = { .child = CLIENT_FD };
	struct osc_child_options o = {
		.argv = argv,
		.flags = OSC_CHILD_STDIN_NULL | OSC_CHILD_GROUP,
		.fds = &fd,
		.nr_fds = 1,
	};
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return osc_error_set(e, errno, "cannot make a socket pair: %s",
				     strerror(errno));
	osc_program_beside("osconceptsd", path, sizeof(path));
	fd.parent = ends[1];
	ret = osc_child_start(&s->daemon, &o, e);
	close(ends[1]);
	if (ret) {
		close(ends[0]);
		return ret;
	}
	osc_control_adopt(&s->control, ends[0]);
	return 0;
}

/* The error that the daemon answered with, as ours. */
static int refused(const json_t *answer, struct osc_error *e)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));
	int code = (int)json_integer_value(json_object_get(error, "exit_code"));
	int err = (int)json_integer_value(json_object_get(error, "errno"));

	return osc_error_set_exit(
		e, code > 0 && code < 128 ? code : OSC_EXIT_FAILED, err, "%s",
		text  ?:
			"osconceptsd refuses, without a "
			"reason");
}

static bool stopped(const struct osc_session *s)
{
	return s->stop && *s->stop;
}

/*
 * The answer to request `id`; events and answers to what was given up are
 * passed over, and a sign of life each: only a silence of more than timeout_ns
 * ends the wait. -EINTR when we are to stop and `heed` it.
 */
static int await(struct osc_session *s, int id, uint64_t timeout_ns, bool heed,
		 json_t **answer, struct osc_error *e)
{
	uint64_t deadline = osc_clock_ns() + timeout_ns;
	json_t *m;

	for (;;) {
		int ret = osc_control_receive(&s->control, LOOK_NS, &m, e);

		if (heed && stopped(s)) {
			if (!ret)
				json_decref(m);
			return osc_error_set(e, EINTR, "stopped by a signal");
		}
		if (ret == -EINTR ||
		    (ret == -ETIMEDOUT && osc_clock_ns() < deadline))
			continue;
		if (ret == -ETIMEDOUT) {
			s->silent = true;
			return osc_error_set(
				e, ETIMEDOUT,
				"osconceptsd has said nothing for %llu"
				" s; see whether it hangs, try to restart it",
				timeout_ns / OSC_NS_PER_S);
		}
		if (ret)
			return ret;
		deadline = osc_clock_ns() + timeout_ns;
		if (!json_object_get(m, "event") &&
		    json_integer_value(json_object_get(m, "id")) == id)
			break;
		json_decref(m);
	}
	if (json_is_true(json_object_get(m, "ok"))) {
		*answer = m;
		return 0;
	}
	refused(m, e);
	json_decref(m);
	return -e->err;
}

static int ask(struct osc_session *s, json_t *request, int *id,
	       struct osc_error *e)
{
	*id = ++s->next_id;
	if (request && json_object_set_new(request, "id", json_integer(*id))) {
		json_decref(request);
		request = NULL;
	}
	return osc_control_send(&s->control, request, e);
}

static int hello(struct osc_session *s, enum osc_counters_kind kind,
		 struct osc_error *e)
{
	const char *schema, *source;
	json_t *answer;
	int id, ret = ask(s,
			  json_pack("{s:s, s:s}", "op", "hello", "source",
				    kind_names[kind]),
			  &id, e);

	if (!ret)
		ret = await(s, id, ANSWER_NS, true, &answer, e);
	if (ret)
		return ret;
	schema = json_string_value(json_object_get(answer, "schema"));
	source = json_string_value(json_object_get(answer, "source"));
	if (!schema || strcmp(schema, OSC_CONTROL_SCHEMA) || !source)
		ret = osc_error_set(e, EPROTO,
				    "cannot work with this osconceptsd: it "
				    "speaks '%.40s', not " OSC_CONTROL_SCHEMA
				    "; try one of this version",
				    schema ?: "nothing known");
	else
		snprintf(s->source, sizeof(s->source), "%s", source);
	json_decref(answer);
	return ret;
}

int osc_session_open(struct osc_session *s,
		     const struct osc_compare_settings *set,
		     struct osc_error *e)
{
	const volatile sig_atomic_t *stop = s->stop;
	int ret;

	*s = (struct osc_session){
		.control = { .fd = -1 },
		.daemon = OSC_CHILD_NONE,
		.stop = stop,
	};
	ret = set->socket ? osc_control_connect(&s->control, set->socket, e) :
			    start_daemon(s, e);
	if (!ret)
		ret = hello(s, set->source, e);
	if (ret)
		osc_session_close(s);
	return ret;
}

int osc_session_ask(struct osc_session *s, json_t *request, json_t **answer,
		    struct osc_error *e)
{
	int id, ret = ask(s, request, &id, e);

	return ret ? ret : await(s, id, ANSWER_NS, true, answer, e);
}

int osc_session_calibrate(struct osc_session *s,
			  const struct osc_compare_settings *set, json_t **rows,
			  struct osc_error *e)
{
	json_t *answer;
	int id, ret = ask(s,
			  json_pack("{s:s, s:s}", "op", "calibrate", "source",
				    kind_names[set->source]),
			  &id, e);

	if (!ret)
		ret = await(s, id, ANSWER_NS, true, &answer, e);
	if (ret)
		return ret;
	*rows = json_incref(json_object_get(answer, "calibration"));
	json_decref(answer);
	if (json_is_array(*rows))
		return 0;
	json_decref(*rows);
	*rows = NULL;
	return osc_error_set(e, EPROTO,
			     "cannot read what osconceptsd sent: it has no "
			     "calibration; try one of this version");
}

static bool set_text(json_t *o, const char *key, const char *text)
{
	return !*text || !json_object_set_new(o, key, osc_json_text(text));
}

static json_t *run_request(const struct osc_compare_settings *set,
			   const struct osc_compare_item *item)
{
	char path[64];
	json_t *o = json_pack(
		"{s:s, s:o, s:o, s:o, s:I, s:f, s:s}", "op", "run", "model",
		osc_json_text(item->model), "mode", osc_json_text(item->mode),
		"path",
		osc_json_text(osc_compare_path(set, item, path, sizeof(path))),
		"connections", (json_int_t)item->connections, "interval_s",
		(double)set->interval_ns / OSC_NS_PER_S, "source",
		kind_names[set->source]);
	bool ok = o && set_text(o, "server_cpus", set->server_cpus) &&
		  set_text(o, "client_cpus", set->client_cpus);
	if (ok && set->workers)
		ok = !json_object_set_new(
			o, "workers", json_integer((json_int_t)set->workers));
	if (ok && set->requests)
		ok = !json_object_set_new(
			o, "requests", json_integer((json_int_t)set->requests));
	else if (ok)
		ok = !json_object_set_new(
			o, "duration_s",
			json_real((double)set->duration_ns / OSC_NS_PER_S));
	if (ok)
		return o;
	json_decref(o);
	return NULL;
}

/* Waits for the run to be gone, so that nothing of it is left when we are. */
static void cancel(struct osc_session *s, int run_id)
{
	struct osc_error ignored;
	json_t *answer = NULL;
	int id;

	if (ask(s, json_pack("{s:s}", "op", "cancel"), &id, &ignored))
		return;
	if (!await(s, run_id, ANSWER_NS, false, &answer, &ignored))
		json_decref(answer);
}

/*
 * The load generator advises its own user. Ours cannot give it flags: what it
 * calls --cpus is our --client-cpus.
 */
static int name_our_flags(json_t *run)
{
	static const char theirs[] = "try --cpus";
	json_t *why = json_object_get(run, "why"), *reason;
	size_t i;

	json_array_foreach(why, i, reason) {
		const char *text = json_string_value(reason);
		const char *at = text ? strstr(text, theirs) : NULL;
		json_t *ours;

		if (!at)
			continue;
		ours = osc_json_format("%.*stry --client-cpus%s",
				       (int)(at - text), text,
				       at + strlen(theirs));
		if (json_array_set_new(why, i, ours))
			return -ENOMEM;
	}
	return 0;
}

/*
 * How long a run may be silent. A phase other than the load is shorter than
 * the slack; in the load the next sample comes after the interval, or its end
 * before.
 */
static uint64_t silence_ns(const struct osc_compare_settings *set)
{
	uint64_t next = set->interval_ns;

	if (!set->requests && set->duration_ns < next)
		next = set->duration_ns;
	return next + SLACK_NS;
}

int osc_session_run(struct osc_session *s,
		    const struct osc_compare_settings *set,
		    const struct osc_compare_item *item, json_t **run,
		    struct osc_error *e)
{
	json_t *answer;
	int id, ret = ask(s, run_request(set, item), &id, e);

	if (!ret)
		ret = await(s, id, silence_ns(set), true, &answer, e);
	if (ret == -EINTR && stopped(s))
		cancel(s, id);
	if (ret)
		return ret;
	*run = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	if (json_is_object(*run) && !name_our_flags(*run) &&
	    !osc_compare_mark(*run, item))
		return 0;
	json_decref(*run);
	return osc_error_set(e, EPROTO,
			     "cannot read what osconceptsd sent: it has no "
			     "result");
}

void osc_session_close(struct osc_session *s)
{
	/* It sees our end of the pair close, stops what it runs, and ends. */
	osc_control_close(&s->control);
	/* One that hangs sees nothing; what it started dies with it. */
	if (s->daemon.pid > 0 && s->silent)
		osc_child_kill(&s->daemon, SIGKILL, NULL);
	if (s->daemon.pid > 0 &&
	    osc_child_wait(&s->daemon, ANSWER_NS, NULL) == -ETIMEDOUT)
		osc_child_stop(&s->daemon, ANSWER_NS, NULL);
	osc_child_close(&s->daemon);
}
