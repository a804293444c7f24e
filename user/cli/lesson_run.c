// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lesson_run.c - the runs of a lesson: osconceptsd starts the server of a model on
 * its CPUs and reads its counters, the load generator runs on others, and the
 * server is stopped. Each round has every model once, beginning one further on.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli/compare.h"
#include "cli/lesson.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/output.h"
#include "lib/program.h"

#define DOCUMENT_MAX (16u << 20)
#define WORDS 24
/* A load may take that much longer than its duration: to connect, to end. */
#define SLACK_NS (30 * OSC_NS_PER_S)
#define OPEN_NS (20 * OSC_NS_PER_S)
#define LOOK_NS (20 * OSC_NS_PER_MS)
/* Of the requests that a rate asks for. */
#define LOAD_MIN 0.9
/* Of a process that holds the connections: what it has open beside them. */
#define SPARE_FDS 64
#define GRACE_NS (5 * OSC_NS_PER_S)

volatile sig_atomic_t osc_lesson_load;

/* One server, of one run. */
struct bench {
	struct osc_lesson_result *r;
	struct osc_session session;
	const volatile sig_atomic_t *stop;
	json_int_t server;
	const char *url;
	json_t *started; /* owns the URL */
};

struct words {
	const char *argv[WORDS];
	char program[4096], urls[2][160], number[3][24];
	size_t n;
};

static void word(struct words *w, const char *text)
{
	w->argv[w->n++] = text;
	w->argv[w->n] = NULL;
}

static void number(struct words *w, const char *option, size_t slot,
		   uint64_t value, const char *unit)
{
	snprintf(w->number[slot], sizeof(w->number[slot]), "%" PRIu64 "%s",
		 value, unit);
	word(w, option);
	word(w, w->number[slot]);
}

static void begin_words(const struct bench *b, struct words *w)
{
	const struct osc_lesson *l = b->r->set->lesson;

	w->n = 0;
	osc_program_beside("osconcepts", w->program, sizeof(w->program));
	word(w, w->program);
	word(w, "load");
	for (size_t i = 0; i < 2 && l->paths[i]; i++) {
		snprintf(w->urls[i], sizeof(w->urls[i]), "%s%s", b->url,
			 l->paths[i]);
		word(w, w->urls[i]);
	}
	word(w, "--json");
	word(w, "--no-progress");
	if (*b->r->client_cpus) {
		word(w, "--cpus");
		word(w, b->r->client_cpus);
	}
}

static int start_load(const struct words *w, struct osc_child *c,
		      struct osc_error *e)
{
	const struct osc_child_options o = {
		.argv = w->argv,
		.flags = OSC_CHILD_STDIN_NULL | OSC_CHILD_CAPTURE |
			 OSC_CHILD_GROUP | OSC_CHILD_PDEATHSIG,
	};

	return osc_child_start(c, &o, e);
}

static int check_stop(const struct bench *b, struct osc_error *e)
{
	return *b->stop ? osc_error_set(e, EINTR, "stopped by a signal") : 0;
}

/* Its document, a new reference; of a run that is not valid, too. */
static int load(struct bench *b, json_t **document, struct osc_error *e)
{
	const struct osc_lesson_settings *set = b->r->set;
	struct osc_child c = OSC_CHILD_NONE;
	struct words w;
	char *text = NULL;
	int code, ret;

	begin_words(b, &w);
	number(&w, "--connections", 0, set->lesson->connections, "");
	number(&w, "--duration", 1, set->duration_ns, "ns");
	if (set->lesson->rate)
		number(&w, "--rate", 2, set->lesson->rate, "");
	ret = start_load(&w, &c, e);
	if (ret)
		return ret;
	osc_lesson_load = c.pid;
	ret = check_stop(b, e);
	if (!ret)
		ret = osc_child_output(&c, DOCUMENT_MAX,
				       set->duration_ns + SLACK_NS, &text, NULL,
				       e);
	if (!ret)
		ret = osc_child_wait(&c, SLACK_NS, e);
	osc_lesson_load = 0;
	if (!ret)
		ret = check_stop(b, e);
	code = ret ? 0 : osc_child_exit_code(&c);
	osc_child_close(&c);
	*document = ret ? NULL : json_loads(text, 0, NULL);
	free(text);
	if (ret || ((!code || code == OSC_EXIT_INVALID) && *document))
		return ret;
	json_decref(*document);
	*document = NULL;
	return osc_error_set_exit(e, code == OSC_EXIT_MISSING ? code : 1,
				  EPROTO,
				  "the load generator ended with exit code %d "
				  "and no result; its message is above",
				  code);
}

static int sample(struct bench *b, json_t **answer, struct osc_error *e)
{
	return osc_session_ask(&b->session,
			       json_pack("{s:s, s:I}", "op", "sample", "server",
					 b->server),
			       answer, e);
}

static json_int_t in_account(const json_t *sample, const char *key)
{
	return json_integer_value(
		json_object_get(json_object_get(sample, "account"), key));
}

/* Until the server has taken all of them. */
static int await_idle(struct bench *b, struct osc_child *holder,
		      struct osc_error *e)
{
	unsigned int wanted = b->r->set->lesson->idle;
	uint64_t end = osc_clock_ns() + OPEN_NS;
	json_int_t open = 0;

	while (osc_clock_ns() < end) {
		json_t *answer;
		int ret = check_stop(b, e);

		if (!ret)
			ret = sample(b, &answer, e);
		if (ret)
			return ret;
		open = in_account(answer, "connections_open");
		json_decref(answer);
		if (open >= (json_int_t)wanted)
			return 0;
		if (osc_child_await(holder, LOOK_NS, NULL) == 0)
			break;
	}
	return osc_error_set_exit(e, OSC_EXIT_MISSING, EMFILE,
				  "cannot hold %u idle connections: only "
				  "%" JSON_INTEGER_FORMAT
				  " were opened; see the "
				  "message above, or try an idle machine",
				  wanted, open);
}

static int hold_idle(struct bench *b, struct osc_child *holder,
		     struct osc_error *e)
{
	const struct osc_lesson *l = b->r->set->lesson;
	struct words w;
	int ret;

	if (!l->idle)
		return 0;
	begin_words(b, &w);
	number(&w, "--idle", 0, l->idle, "");
	number(&w, "--duration", 1, 3600, "s");
	ret = start_load(&w, holder, e);
	return ret ? ret : await_idle(b, holder, e);
}

static double in_url(const json_t *document, size_t nth, const char *key)
{
	const json_t *url =
		json_array_get(json_object_get(document, "urls"), nth);
	const json_t *v =
		json_object_get(json_object_get(url, "latency_us"), key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* Growth of a counter of the kernel's; NaN where it is not exact, or not there. */
static double grown(const json_t *before, const json_t *after, const char *key)
{
	const json_t *a =
		json_object_get(json_object_get(before, "kernel"), key);
	const json_t *b =
		json_object_get(json_object_get(after, "kernel"), key);

	return json_is_number(a) && json_is_number(b) ?
		       json_number_value(b) - json_number_value(a) :
		       NAN;
}

static void read_run(const json_t *before, const json_t *after,
		     const json_t *document, struct osc_lesson_run *run)
{
	const json_t *validity = json_object_get(document, "validity");
	const char *verdict =
		json_string_value(json_object_get(validity, "verdict"));
	const char *why = json_string_value(
		json_array_get(json_object_get(validity, "why"), 0));
	double requests = (double)(in_account(after, "requests") -
				   in_account(before, "requests"));
	double seconds =
		(double)(json_integer_value(json_object_get(after, "time_ns")) -
			 json_integer_value(
				 json_object_get(before, "time_ns"))) /
		OSC_NS_PER_S;
	double cpu_ns = grown(before, after, "cpu_ns");

	*run = (struct osc_lesson_run){
		.valid = verdict && strcmp(verdict, "invalid"),
		.value = {
			[OSC_LESSON_FAST_P50] = in_url(document, 0, "p50"),
			[OSC_LESSON_FAST_P99] = in_url(document, 0, "p99"),
			[OSC_LESSON_SLOW_P50] = in_url(document, 1, "p50"),
			[OSC_LESSON_CPU_US] =
				requests > 0 ? cpu_ns / 1e3 / requests : NAN,
			[OSC_LESSON_CPUS] =
				seconds > 0 ? cpu_ns / 1e9 / seconds : NAN,
			[OSC_LESSON_WAKEUPS] =
				requests > 0 ? grown(before, after,
						     "epoll_wakeups") /
						       requests :
					       NAN,
		},
	};
	/* Without its advice, which is for a person who typed that command. */
	snprintf(run->why, sizeof(run->why), "%s", why ?: "");
	run->why[strcspn(run->why, ";")] = '\0';
}

/* Another load than was asked for is another experiment. */
static void check_load(const struct osc_lesson_settings *set,
		       const json_t *document, struct osc_lesson_run *run)
{
	double done = (double)json_integer_value(
		json_object_get(document, "requests"));
	double asked = (double)set->lesson->rate * (double)set->duration_ns /
		       OSC_NS_PER_S;

	if (done >= LOAD_MIN * asked)
		return;
	run->valid = false;
	for (size_t i = 0; i < OSC_NR_LESSON_METRICS; i++)
		run->value[i] = NAN;
	snprintf(run->why, sizeof(run->why),
		 "only %.0f of %.0f requests were answered", done, asked);
}

static int measure_server(struct bench *b, struct osc_lesson_run *run,
			  struct osc_error *e)
{
	json_t *before = NULL, *after = NULL, *document = NULL;
	struct osc_child holder = OSC_CHILD_NONE;
	int ret = hold_idle(b, &holder, e);

	if (!ret)
		ret = sample(b, &before, e);
	if (!ret)
		ret = load(b, &document, e);
	if (!ret)
		ret = sample(b, &after, e);
	if (!ret)
		read_run(before, after, document, run);
	if (!ret)
		check_load(b->r->set, document, run);
	if (holder.pid > 0 &&
	    osc_child_stop(&holder, GRACE_NS, ret ? NULL : e) && !ret)
		ret = -e->err;
	osc_child_close(&holder);
	json_decref(before);
	json_decref(after);
	json_decref(document);
	return ret;
}

static int start_server(struct bench *b, const char *model, struct osc_error *e)
{
	json_t *request = json_pack("{s:s, s:o}", "op", "start", "model",
				    osc_json_text(model));
	int ret;

	if (request && *b->r->server_cpus &&
	    json_object_set_new(request, "server_cpus",
				osc_json_text(b->r->server_cpus))) {
		json_decref(request);
		request = NULL;
	}
	ret = osc_session_ask(&b->session, request, &b->started, e);
	if (ret)
		return ret;
	b->server = json_integer_value(json_object_get(b->started, "server"));
	b->url = json_string_value(json_object_get(b->started, "url"));
	if (b->url)
		return 0;
	json_decref(b->started);
	b->started = NULL;
	return osc_error_set(e, EPROTO,
			     "cannot read what osconceptsd sent: it has no "
			     "URL; try one of this version");
}

static int run_one(struct bench *b, const char *model,
		   struct osc_lesson_run *run, struct osc_error *e)
{
	json_t *answer = NULL;
	int ret = check_stop(b, e);

	if (!ret)
		ret = start_server(b, model, e);
	if (ret)
		return ret;
	ret = measure_server(b, run, e);
	/* One that is left behind after a failure ends with the session. */
	if (!ret)
		ret = osc_session_ask(&b->session,
				      json_pack("{s:s, s:I}", "op", "stop",
						"server", b->server),
				      &answer, e);
	json_decref(answer);
	json_decref(b->started);
	b->started = NULL;
	return ret;
}

/* The client and the server raise their soft limits to the hard one. */
static int check_descriptors(const struct osc_lesson *l, struct osc_error *e)
{
	rlim_t need = (rlim_t)l->idle + l->connections + SPARE_FDS;
	struct rlimit limit;

	if (!l->idle)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return osc_error_set(e, errno,
				     "cannot read the limit of descriptors: %s",
				     strerror(errno));
	if (limit.rlim_max >= need)
		return 0;
	return osc_error_set_exit(
		e, OSC_EXIT_MISSING, EMFILE,
		"cannot hold %u idle connections: the limit "
		"of descriptors (RLIMIT_NOFILE) is %llu, %llu "
		"are needed; try 'ulimit -n %llu'",
		l->idle, (unsigned long long)limit.rlim_max,
		(unsigned long long)need, (unsigned long long)need);
}

static void say_run(const struct osc_lesson_settings *set, size_t done,
		    size_t all, const char *model, uint64_t begun_ns)
{
	double each =
		osc_clock_seconds(begun_ns, osc_clock_ns()) / (double)done;

	if (set->progress)
		fprintf(stderr, "[%zu/%zu] %-14s %3.0f s left\n", done, all,
			model, each * (double)(all - done));
}

static int run_rounds(struct bench *b, struct osc_error *e)
{
	const struct osc_lesson_settings *set = b->r->set;
	size_t all = set->runs * OSC_LESSON_MODELS, done = 0;
	uint64_t begun = osc_clock_ns();
	int ret;

	for (size_t round = 0; round < set->runs; round++) {
		for (size_t i = 0; i < OSC_LESSON_MODELS; i++) {
			size_t m = (round + i) % OSC_LESSON_MODELS;
			const char *model = set->lesson->models[m];

			ret = run_one(b, model, &b->r->run[m][round], e);
			if (ret)
				return ret;
			say_run(set, ++done, all, model, begun);
		}
		b->r->runs++;
	}
	return 0;
}

int osc_lesson_measure(struct osc_lesson_result *r,
		       const volatile sig_atomic_t *stop, struct osc_error *e)
{
	struct osc_compare_settings s = { 0 };
	struct bench b = { .r = r, .session = { .stop = stop }, .stop = stop };
	int ret = check_descriptors(r->set->lesson, e);

	if (!ret)
		ret = osc_compare_part_cpus(&s, e);
	if (!ret)
		ret = osc_session_open(&b.session, &s, e);
	if (ret)
		return ret;
	snprintf(r->server_cpus, sizeof(r->server_cpus), "%s", s.server_cpus);
	snprintf(r->client_cpus, sizeof(r->client_cpus), "%s", s.client_cpus);
	snprintf(r->source, sizeof(r->source), "%s", b.session.source);
	if (r->set->progress)
		osc_text_say(
			stderr,
			"%s: %d models x %" PRIu64
			" runs, source %s, servers on CPUs %s, client on %s",
			r->set->lesson->name, OSC_LESSON_MODELS, r->set->runs,
			r->source, *r->server_cpus ? r->server_cpus : "any",
			*r->client_cpus ? r->client_cpus : "any");
	ret = run_rounds(&b, e);
	json_decref(b.started);
	osc_session_close(&b.session);
	return ret;
}
