// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/request.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/cpus.h"
#include "lib/error.h"
#include "lib/nearest.h"
#include "lib/parse.h"
#include "servers/engine.h"
#include "servers/listen.h"

#define CONNECTIONS_MAX 1000000
#define REQUESTS_MAX 1000000000000
#define DURATION_MAX_S 86400.0

int osc_request_bad(struct osc_error *e, const char *what)
{
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "cannot take the request: %s; see "
				  "osconceptsd(8)",
				  what);
}

static const char *kind_of(const json_t *v)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a text",      [JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a real number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	       [JSON_NULL] = "null",
	};

	return kinds[json_typeof(v)];
}

static int read_member(const struct osc_member *m, const json_t *v,
		       struct osc_error *e)
{
	static const char *const wanted[] = { "a text", "an integer",
					      "a number" };

	if (m->type == OSC_MEMBER_TEXT && json_is_string(v))
		*(const char **)m->out = json_string_value(v);
	else if (m->type == OSC_MEMBER_INTEGER && json_is_integer(v))
		*(json_int_t *)m->out = json_integer_value(v);
	else if (m->type == OSC_MEMBER_NUMBER && json_is_number(v))
		*(double *)m->out = json_number_value(v);
	else
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "cannot take the request: '%s' must "
					  "be %s, not %s; see osconceptsd(8)",
					  m->key, wanted[m->type], kind_of(v));
	return 0;
}

static bool is_known(const char *key, const struct osc_member *members,
		     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(members[i].key, key))
			return true;
	}
	return !strcmp(key, "op") || !strcmp(key, "id");
}

static int no_member(const char *key, const struct osc_member *members,
		     size_t n, struct osc_error *e)
{
	struct osc_nearest near;

	osc_nearest_begin(&near, key, strlen(key));
	for (size_t i = 0; i < n; i++)
		osc_nearest_offer(&near, members[i].key);
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "cannot take the request: this op has no "
				  "member '%.40s'; try %s, or see "
				  "osconceptsd(8)",
				  key, near.best ?: "without it");
}

int osc_request_read(const json_t *request, const struct osc_member *members,
		     size_t n, struct osc_error *e)
{
	const char *key;
	json_t *v;
	int ret = 0;

	json_object_foreach((json_t *)request, key, v) {
		if (!is_known(key, members, n))
			return no_member(key, members, n, e);
	}
	for (size_t i = 0; !ret && i < n; i++) {
		v = json_object_get(request, members[i].key);
		if (v)
			ret = read_member(&members[i], v, e);
		else if (members[i].required)
			ret = osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
						 "cannot take the request: "
						 "this op needs a member '%s'; "
						 "see osconceptsd(8)",
						 members[i].key);
	}
	return ret;
}

static int copy_text(char *out, size_t size, const char *text, const char *what,
		     struct osc_error *e)
{
	if (strlen(text) >= size)
		return osc_request_bad(e, what);
	strcpy(out, text);
	return 0;
}

/* CPUs of an option; absent: not pinned. */
static int take_cpus(const char *what, const char *text, cpu_set_t *out,
		     bool *pinned, struct osc_error *e)
{
	*pinned = text;
	return text ? osc_cpus_parse(what, text, out, e) : 0;
}

int osc_request_source(const char *text, enum osc_counters_kind *out,
		       struct osc_error *e)
{
	*out = OSC_COUNTERS_AUTO;
	return text ? osc_counters_kind_parse(text, out, e) : 0;
}

int osc_request_server(const struct osc_server_fields *f,
		       struct osc_hosted_options *o, struct osc_error *e)
{
	char text[OSC_ENGINE_HINT_SIZE];
	int ret;

	*o = (struct osc_hosted_options){ 0 };
	if (f->port < 0 || f->port > 65535)
		return osc_request_bad(e, "port must lie between 0 and 65535");
	if (f->workers < 0 || f->workers > 4096)
		return osc_request_bad(e,
				       "workers must lie between 0 and 4096");
	if (f->address && !osc_listen_is_address(f->address))
		return osc_request_bad(e, "address must be numeric, such as "
					  "127.0.0.1, 0.0.0.0 or ::1");
	o->port = (unsigned int)f->port;
	o->workers = (unsigned int)f->workers;
	if (!osc_engine_find(f->model))
		return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
					  "cannot take the request: there is "
					  "no model '%.40s'; try %s",
					  f->model,
					  osc_engine_hint(f->model, text,
							  sizeof(text)));
	ret = copy_text(o->model, sizeof(o->model), f->model,
			"model is too long", e);
	if (!ret)
		ret = copy_text(o->address, sizeof(o->address),
				f->address ?: "127.0.0.1",
				"address is too long", e);
	if (!ret)
		ret = take_cpus("server_cpus", f->cpus, &o->cpus, &o->pinned,
				e);
	if (!ret)
		ret = osc_request_source(f->source, &o->source, e);
	return ret;
}

static int take_path(const char *path, struct osc_run_options *o,
		     struct osc_error *e)
{
	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return osc_request_bad(
				e, "path holds a blank or a byte beyond ASCII; "
				   "try %20 for a blank");
	}
	if (*path != '/')
		return osc_request_bad(e, "path must begin with /");
	return copy_text(o->path, sizeof(o->path), path, "path is too long", e);
}

int osc_request_run(const struct osc_run_fields *f, struct osc_run_options *o,
		    struct osc_error *e)
{
	static const char *const modes[] = { "keepalive", "close", NULL };
	int ret = osc_parse_word("mode", f->mode, modes, e);

	if (ret < 0)
		return ret;
	if (f->connections < 1 || f->connections > CONNECTIONS_MAX)
		return osc_request_bad(
			e, "connections must lie between 1 and 1000000");
	if (f->requests < 0 || f->requests > REQUESTS_MAX)
		return osc_request_bad(e,
				       "requests must lie between 0 and 10^12");
	/* Written so that NaN is refused too. */
	if (!(f->requests > 0) == !(f->duration_s > 0) ||
	    !(f->duration_s <= DURATION_MAX_S))
		return osc_request_bad(
			e, "give either requests or duration_s, which is "
			   "at most a day");
	if (!(f->interval_s >= OSC_INTERVAL_MIN_S &&
	      f->interval_s <= OSC_INTERVAL_MAX_S))
		return osc_request_bad(
			e, "interval_s must lie between 0.01 and 3600");
	strcpy(o->mode, f->mode);
	o->connections = (uint64_t)f->connections;
	o->requests = (uint64_t)f->requests;
	o->duration_ns = (uint64_t)llround(f->duration_s * OSC_NS_PER_S);
	o->interval_ns = (uint64_t)llround(f->interval_s * OSC_NS_PER_S);
	ret = take_path(f->path, o, e);
	if (!ret)
		ret = take_cpus("client_cpus", f->client_cpus, &o->client_cpus,
				&o->client_pinned, e);
	return ret;
}
