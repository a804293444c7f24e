// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/failures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "load/response.h"
#include "load/tls.h"

static const char *const phase_names[OSC_NR_LOAD_PHASES] = {
	[OSC_LOAD_CONNECT] = "connect",
	[OSC_LOAD_TLS] = "tls",
	[OSC_LOAD_CERTIFICATE] = "certificate",
	[OSC_LOAD_WRITE] = "write",
	[OSC_LOAD_READ] = "read",
	[OSC_LOAD_TIMEOUT] = "timeout",
	[OSC_LOAD_PARSE] = "parse",
	[OSC_LOAD_STATUS] = "status",
	[OSC_LOAD_LENGTH] = "length",
};

static const char *const timeout_names[OSC_NR_TIMEOUTS] = {
	[OSC_TIMEOUT_RESPONSE] = "response",
	[OSC_TIMEOUT_CONNECT] = "connect",
	[OSC_TIMEOUT_TLS] = "tls",
	[OSC_TIMEOUT_CLOSE] = "close",
};

#define ANY (-1)

/* The first row that fits; adding a hint is a row. */
static const struct hint {
	enum osc_load_phase phase;
	int code;
	const char *text;
} hints[] = {
	{ OSC_LOAD_CONNECT, ECONNREFUSED,
	  "nobody listens there; start the server or check host and port" },
	{ OSC_LOAD_CONNECT, EADDRNOTAVAIL,
	  "all local ports to this address are taken; open fewer connections a "
	  "second, give more addresses with --src or widen "
	  "net.ipv4.ip_local_port_range" },
	{ OSC_LOAD_CONNECT, EMFILE,
	  "no descriptors left; use fewer --connections or raise ulimit -n" },
	{ OSC_LOAD_CONNECT, ENFILE,
	  "the system has no descriptors left; see fs.file-max" },
	{ OSC_LOAD_CONNECT, ENETUNREACH, "no route; check the address" },
	{ OSC_LOAD_CONNECT, EHOSTUNREACH, "no route; check the address" },
	{ OSC_LOAD_CONNECT, ANY, "check the address and the server's log" },
	{ OSC_LOAD_TLS, OSC_TLS_CLOSED,
	  "the server closed the connection in the handshake; see its log" },
	{ OSC_LOAD_TLS, OSC_TLS_UNREAD,
	  "the server asks for more TLS messages than it reads; see its log" },
	{ OSC_LOAD_TLS, OSC_TLS_NO_TLS,
	  "the server speaks no TLS there; try http:// or another port" },
	{ OSC_LOAD_TLS, ANY, "see the server's log and openssl s_client" },
	{ OSC_LOAD_CERTIFICATE, ANY,
	  "name its authority with --cacert or its name with --servername; "
	  "--insecure takes any" },
	{ OSC_LOAD_READ, 0,
	  "the server closed the connection instead of answering; see its log "
	  "and its keep-alive limits" },
	{ OSC_LOAD_READ, ECONNRESET,
	  "the server cut the connection; see whether it died or refuses so "
	  "many" },
	{ OSC_LOAD_READ, ANY, "see the server's log" },
	{ OSC_LOAD_WRITE, ANY, "the server closed early; see its log" },
	{ OSC_LOAD_TIMEOUT, OSC_TIMEOUT_CONNECT,
	  "no connection within --timeout; the server's backlog may be full" },
	{ OSC_LOAD_TIMEOUT, OSC_TIMEOUT_TLS,
	  "connected, but the TLS handshake did not end within --timeout; see "
	  "whether the server speaks TLS there" },
	{ OSC_LOAD_TIMEOUT, OSC_TIMEOUT_CLOSE,
	  "the server said that it would close the connection, and does not; "
	  "try it without --requests-per-connection" },
	{ OSC_LOAD_TIMEOUT, ANY,
	  "no answer within --timeout; the server is stuck or overloaded" },
	{ OSC_LOAD_PARSE, OSC_RESPONSE_TRUNCATED,
	  "the server closed in the middle of an answer; see its log" },
	{ OSC_LOAD_PARSE, OSC_RESPONSE_NO_CLOSE_NOTIFY,
	  "TLS ended without close_notify, so the body may be cut; see the "
	  "server's log" },
	{ OSC_LOAD_PARSE, OSC_RESPONSE_UNSOLICITED,
	  "the server sent what no request had asked for, such as a 408 to a "
	  "connection that is idle; see its log and its time-outs" },
	{ OSC_LOAD_PARSE, ANY, "not valid HTTP/1.1; look with curl -v" },
	{ OSC_LOAD_STATUS, ANY,
	  "look with curl -v, or say --expect-status when it is wanted" },
	{ OSC_LOAD_LENGTH, ANY,
	  "not the body that --expect-length asks for; look with curl -v" },
};

void osc_failures_add(struct osc_failures *f, enum osc_load_phase phase,
		      int code, uint64_t count, uint64_t now_ns)
{
	struct osc_failure *row = f->rows;

	while (row < f->rows + f->n &&
	       (row->phase != phase || row->code != code))
		row++;
	if (row == f->rows + OSC_FAILURES_MAX)
		row--; /* counted all the same, under the last name */
	if (row == f->rows + f->n) {
		*row = (struct osc_failure){ .phase = phase,
					     .code = code,
					     .first_ns = now_ns };
		f->n++;
	}
	row->count += count;
	if (now_ns < row->first_ns)
		row->first_ns = now_ns;
	if (now_ns > row->last_ns)
		row->last_ns = now_ns;
}

void osc_failures_merge(struct osc_failures *to,
			const struct osc_failures *from)
{
	for (unsigned int i = 0; i < from->n; i++) {
		const struct osc_failure *f = &from->rows[i];

		osc_failures_add(to, f->phase, f->code, f->count, f->last_ns);
		osc_failures_add(to, f->phase, f->code, 0, f->first_ns);
	}
}

uint64_t osc_failures_total(const struct osc_failures *f)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < f->n; i++)
		total += f->rows[i].count;
	return total;
}

/* "tls.wrong-version-number": a library's words, as one. */
static char *join_words(char *text)
{
	for (char *p = text; *p; p++)
		*p = *p == ' ' ? '-' : *p;
	return text;
}

char *osc_failure_name(const struct osc_failure *f, char *buf, size_t size)
{
	const char *phase = phase_names[f->phase], *name = NULL;

	switch (f->phase) {
	case OSC_LOAD_PARSE:
		name = osc_response_error_name(
			(enum osc_response_error)f->code);
		break;
	case OSC_LOAD_TIMEOUT:
		name = timeout_names[f->code];
		break;
	case OSC_LOAD_READ:
		name = f->code ? strerrorname_np(f->code) : "closed";
		break;
	case OSC_LOAD_STATUS:
	case OSC_LOAD_LENGTH:
		break;
	case OSC_LOAD_TLS:
	case OSC_LOAD_CERTIFICATE:
		name = osc_tls_reason(f->phase == OSC_LOAD_CERTIFICATE,
				      f->code);
		break;
	default:
		name = strerrorname_np(f->code);
	}
	if (name)
		snprintf(buf, size, "%s.%s", phase, name);
	else
		snprintf(buf, size, "%s.%d", phase, f->code);
	return join_words(buf);
}

const char *osc_failure_hint(const struct osc_failure *f)
{
	const struct hint *h = hints;

	/* Each phase ends on a row for ANY code. */
	while (h->phase != f->phase || (h->code != ANY && h->code != f->code))
		h++;
	return h->text;
}

json_t *osc_failures_json(const struct osc_failures *f)
{
	json_t *o = json_object();
	int failed = !o;
	char name[64];

	for (unsigned int i = 0; i < f->n; i++)
		failed |= json_object_set_new(
			o, osc_failure_name(&f->rows[i], name, sizeof(name)),
			json_integer((json_int_t)f->rows[i].count));
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}

json_t *osc_failures_details(const struct osc_failures *f, uint64_t start_ns)
{
	json_t *array = json_array();
	int failed = !array;
	char name[64];

	for (unsigned int i = 0; i < f->n; i++) {
		const struct osc_failure *row = &f->rows[i];

		failed |= json_array_append_new(
			array,
			json_pack("{s:s, s:I, s:f, s:f, s:s}", "error",
				  osc_failure_name(row, name, sizeof(name)),
				  "count", (json_int_t)row->count, "first_s",
				  osc_clock_seconds(start_ns, row->first_ns),
				  "last_s",
				  osc_clock_seconds(start_ns, row->last_ns),
				  "hint", osc_failure_hint(row)));
	}
	if (!failed)
		return array;
	json_decref(array);
	return NULL;
}
