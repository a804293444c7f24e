// SPDX-License-Identifier: GPL-2.0-or-later
/* The pure rules of the load: URLs, failures, the verdict. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "load/failures.h"
#include "load/host.h"
#include "load/load.h"
#include "load/mix.h"
#include "load/outcome.h"
#include "load/slo.h"
#include "load/sweep.h"
#include "load/url.h"
#include "load/validity.h"

static void urls_are_taken_apart(void **unused)
{
	static const struct {
		const char *text, *host, *authority, *target;
		unsigned int port;
		bool tls;
	} rows[] = {
		{ "http://a", "a", "a", "/", 80, false },
		{ "http://a:8080", "a", "a:8080", "/", 8080, false },
		{ "HTTP://a.b/c/d?e=f#g", "a.b", "a.b", "/c/d?e=f", 80, false },
		{ "http://a?q", "a", "a", "/?q", 80, false },
		{ "http://[::1]:81/x", "::1", "[::1]:81", "/x", 81, false },
		{ "http://[::1]", "::1", "[::1]", "/", 80, false },
		{ "https://a", "a", "a", "/", 443, true },
		{ "HTTPS://a:80/x", "a", "a:80", "/x", 80, true },
		/* An empty port, the port with zeros, a name from the root. */
		{ "http://a:/x", "a", "a", "/x", 80, false },
		{ "https://[::1]:", "::1", "[::1]", "/", 443, true },
		{ "http://a:080/x", "a", "a:80", "/x", 80, false },
		{ "http://a.b.:81/x", "a.b.", "a.b.:81", "/x", 81, false },
		/* A zone is of this host alone (RFC 6874). */
		{ "http://[fe80::1%25eth0]:81/x", "fe80::1%eth0",
		  "[fe80::1]:81", "/x", 81, false },
		{ "http://[fe80::1%eth0]/", "fe80::1%eth0", "[fe80::1]", "/",
		  80, false },
		{ "http://[fe80::1%2525]/", "fe80::1%25", "[fe80::1]", "/", 80,
		  false },
		{ "http://[::1]:8080/", "::1", "[::1]:8080", "/", 8080, false },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_url u;

		assert_int_equal(osc_url_parse(rows[i].text, &u, NULL), 0);
		assert_string_equal(u.host, rows[i].host);
		assert_string_equal(u.authority, rows[i].authority);
		assert_string_equal(u.target, rows[i].target);
		assert_int_equal(u.port, rows[i].port);
		assert_int_equal(u.tls, rows[i].tls);
	}
}

static void wrong_urls_are_usage_errors(void **unused)
{
	static const char *const rows[] = {
		"",
		"a",
		"ftp://a",
		"https://",
		"httpss://a",
		"http://",
		"http:///x",
		"http://a::80/",
		"http://::1/",
		"http://::1:80/",
		"http://[a]/",
		"http://[fe80::1%]/",
		"http://[fe80::1%25]:1/",
		"http://[%25eth0]/",
		"http://a:0",
		"http://a:65536",
		"http://a:8x",
		"http://u@a/",
		"http://[::1",
		"http://[::1]80",
		"http://a/ b",
		"http://a/\r\nX: y",
		"http://[]/",
		"http://a:-1/",
		"http://:80/",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_error e = { 0 };
		struct osc_url u;

		if (!osc_url_parse(rows[i], &u, &e))
			fail_msg("'%s' was taken", rows[i]);
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		assert_non_null(strstr(e.text, "try "));
	}
}

static void a_zone_is_that_of_the_address(void **unused)
{
	const struct sockaddr_in6 *a;
	struct osc_addresses addresses;
	struct osc_error e = { 0 };
	struct osc_url u;

	(void)unused;
	assert_int_equal(osc_url_parse("http://[fe80::1%25lo]:81/", &u, NULL),
			 0);
	assert_int_equal(osc_url_resolve(&u, &addresses, NULL), 0);
	assert_int_equal(addresses.n, 1);
	a = (const struct sockaddr_in6 *)&addresses.address[0];
	assert_int_equal(a->sin6_family, AF_INET6);
	assert_int_equal(a->sin6_scope_id, if_nametoindex("lo"));
	assert_int_equal(ntohs(a->sin6_port), 81);
	assert_int_equal(osc_url_parse("http://[fe80::1%25none0]/", &u, NULL),
			 0);
	assert_true(osc_url_resolve(&u, &addresses, &e) < 0);
	assert_non_null(strstr(e.text, "'fe80::1%none0': there is no interface "
				       "'none0'; see 'ip link'"));
}

static void urls_have_their_weight_of_the_turns(void **unused)
{
	static const struct {
		unsigned int n;
		const char *weights, *order;
	} rows[] = {
		{ 1, NULL, "a" },	{ 1, "7", "a" },
		{ 3, NULL, "abc" },	{ 2, "3,1", "aaba" },
		{ 2, "30,10", "aaba" }, { 3, "5,1,1", "aabacaa" },
		{ 3, "4,4,4", "abc" },	{ 3, "2,3,5", "cbacbccabc" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_mix m = { .n = rows[i].n };
		uint8_t order[OSC_MIX_TURNS];
		uint32_t turns;

		if (rows[i].weights)
			assert_int_equal(osc_mix_parse_weights(rows[i].weights,
							       &m, NULL),
					 0);
		turns = osc_mix_order(&m, order);
		assert_int_equal(turns, strlen(rows[i].order));
		for (uint32_t t = 0; t < turns; t++)
			assert_int_equal(order[t] + 'a', rows[i].order[t]);
	}
}

static void weights_that_fit_nothing_are_usage_errors(void **unused)
{
	static const struct {
		unsigned int n;
		bool any_server;
		const char *weights, *second, *why; /* NULL: it is right */
	} rows[] = {
		{ 2, false, "3,1", "http://A:80/x", NULL },
		{ 2, false, "3", "http://a/x", "one for each URL" },
		{ 2, false, "3,1,1", "http://a/x", "one for each URL" },
		{ 2, false, "999,1", "http://a/x", NULL },
		{ 2, false, "999,2", "http://a/x", "rounder" },
		{ 2, false, "1000,1000", "http://a/x", NULL },
		{ 2, false, "3,1", "http://a:81/x", "one server" },
		{ 2, false, "3,1", "http://b/x", "one server" },
		{ 2, true, "3,1", "http://b/x", NULL },
		{ 2, false, "3,1", "https://a:80/x", "http and https" },
		{ 2, true, "3,1", "https://a/x", "http and https" },
		{ 2, false, "3,0", "http://a/x", "from 1 to 1000" },
		{ 2, false, "3,", "http://a/x", "from 1 to 1000" },
		{ 2, false, "", "http://a/x", "from 1 to 1000" },
		{ 2, false, "3;1", "http://a/x", "from 1 to 1000" },
		{ 2, false, "1,11111111111111111", "http://a/x", "try 3,1" },
	};
	struct osc_url urls[2];
	struct osc_error e;
	int ret;

	(void)unused;
	assert_int_equal(osc_url_parse("http://a/", &urls[0], NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct osc_mix m = { .urls = urls, .n = rows[i].n };

		e = (struct osc_error){ 0 };
		assert_int_equal(osc_url_parse(rows[i].second, &urls[1], NULL),
				 0);
		ret = osc_mix_parse_weights(rows[i].weights, &m, &e) ?:
			      osc_mix_check(&m, rows[i].any_server, &e);
		assert_int_equal(!ret, !rows[i].why);
		if (!rows[i].why)
			continue;
		assert_int_equal(e.exit_code, OSC_EXIT_USAGE);
		assert_non_null(strstr(e.text, rows[i].why));
	}
}

static void failures_are_counted_by_kind(void **unused)
{
	static struct osc_failures a, b;
	char name[64];

	(void)unused;
	osc_failures_add(&a, OSC_LOAD_CONNECT, ECONNREFUSED, 2, 50);
	osc_failures_add(&b, OSC_LOAD_CONNECT, ECONNREFUSED, 1, 20);
	osc_failures_add(&b, OSC_LOAD_CONNECT, ECONNREFUSED, 1, 90);
	osc_failures_add(&b, OSC_LOAD_STATUS, 404, 5, 30);
	osc_failures_merge(&a, &b);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.rows[0].count, 4);
	assert_int_equal(a.rows[0].first_ns, 20);
	assert_int_equal(a.rows[0].last_ns, 90);
	assert_int_equal(osc_failures_total(&a), 9);
	assert_string_equal(osc_failure_name(&a.rows[0], name, sizeof(name)),
			    "connect.ECONNREFUSED");
	assert_string_equal(osc_failure_name(&a.rows[1], name, sizeof(name)),
			    "status.404");
}

static void no_failure_is_lost_when_kinds_are_many(void **unused)
{
	static struct osc_failures f;

	(void)unused;
	for (int i = 0; i < 500; i++)
		osc_failures_add(&f, OSC_LOAD_STATUS, i, 1, 1);
	assert_int_equal(f.n, OSC_FAILURES_MAX);
	assert_int_equal(osc_failures_total(&f), 500);
}

static void every_failure_has_a_hint(void **unused)
{
	(void)unused;
	for (int phase = 0; phase < OSC_NR_LOAD_PHASES; phase++) {
		for (int code = 0; code < 600; code++) {
			struct osc_failure f = {
				.phase = (enum osc_load_phase)phase,
				.code = code,
			};

			assert_non_null(osc_failure_hint(&f));
		}
	}
}

static enum osc_verdict judge(struct osc_validity_facts f)
{
	struct osc_validity v;

	osc_validity_judge(&f, &v);
	/* A verdict has reasons, and only then. */
	assert_int_equal(v.n > 0, v.verdict != OSC_VALID);
	assert_true(v.n <= OSC_VALIDITY_REASONS);
	return v.verdict;
}

#define GOOD                                                                  \
	.open = true, .requests = 10000, .attempts = 10000, .cpu_share = 0.5, \
	.wait_share = 0.01, .rate_kept = 1, .lag_p99_us = 10,                 \
	.latency_p99_us = 500
#define JUDGE(...) judge((struct osc_validity_facts){ GOOD, __VA_ARGS__ })

#pragma GCC diagnostic ignored "-Woverride-init"

static void each_threshold_moves_the_verdict(void **unused)
{
	(void)unused;
	assert_int_equal(JUDGE(.errors = 0), OSC_VALID);
	assert_int_equal(JUDGE(.errors = 10), OSC_VALID);
	assert_int_equal(JUDGE(.errors = 11), OSC_SUSPECT);
	assert_int_equal(JUDGE(.errors = 101), OSC_INVALID);
	assert_int_equal(JUDGE(.cpu_share = 0.95), OSC_VALID);
	assert_int_equal(JUDGE(.cpu_share = 0.96), OSC_SUSPECT);
	assert_int_equal(JUDGE(.wait_share = 0.06), OSC_SUSPECT);
	assert_int_equal(JUDGE(.wait_share = 0.21), OSC_INVALID);
	assert_int_equal(JUDGE(.rate_kept = 0.98), OSC_SUSPECT);
	assert_int_equal(JUDGE(.rate_kept = 0.94), OSC_INVALID);
	assert_int_equal(JUDGE(.lag_p99_us = 90), OSC_VALID);
	assert_int_equal(JUDGE(.lag_p99_us = 110), OSC_SUSPECT);
	assert_int_equal(JUDGE(.lag_p99_us = 300), OSC_INVALID);
	assert_int_equal(JUDGE(.steal_share = 0.01), OSC_VALID);
	assert_int_equal(JUDGE(.steal_share = 0.02), OSC_SUSPECT);
	assert_int_equal(JUDGE(.steal_share = 0.11), OSC_INVALID);
	assert_int_equal(JUDGE(.drops_share = 0.001), OSC_VALID);
	assert_int_equal(JUDGE(.drops_share = 0.002), OSC_SUSPECT);
	assert_int_equal(JUDGE(.retransmits_share = 0.001), OSC_VALID);
	assert_int_equal(JUDGE(.retransmits_share = 0.002), OSC_SUSPECT);
	assert_int_equal(JUDGE(.ports_share = 0.9), OSC_VALID);
	assert_int_equal(JUDGE(.ports_share = 0.91), OSC_SUSPECT);
	assert_int_equal(JUDGE(.requests = 0), OSC_INVALID);
	assert_int_equal(JUDGE(.requests = 99), OSC_SUSPECT);
	assert_int_equal(JUDGE(.partial = true), OSC_SUSPECT);
	assert_int_equal(JUDGE(.gave_up = true), OSC_INVALID);
	assert_int_equal(JUDGE(.connections = 9, .due = 9), OSC_VALID);
	assert_int_equal(JUDGE(.connections = 9, .due = 8), OSC_SUSPECT);
}

static void rate_and_lag_are_matters_of_the_open_loop(void **unused)
{
	(void)unused;
	assert_int_equal(JUDGE(.open = false, .rate_kept = 0.1), OSC_VALID);
	assert_int_equal(JUDGE(.open = false, .lag_p99_us = 400), OSC_VALID);
}

/* What a run at a fixed rate says of the rate, or NULL. */
static const char *said_of_rate(struct osc_load_result *r)
{
	osc_load_judge(r, 10 * OSC_NS_PER_S);
	for (unsigned int i = 0; i < r->validity.n; i++) {
		if (strstr(r->validity.why[i], "asked rate"))
			return r->validity.why[i];
	}
	return NULL;
}

static void a_burst_may_take_until_the_next(void **unused)
{
	struct osc_load_config c;
	struct osc_load_result r = { .config = &c };

	(void)unused;
	osc_load_defaults(&c);
	c.arrivals = (struct osc_arrivals){ .kind = OSC_ARRIVAL_BURST,
					    .burst = 100,
					    .rate = 100 };
	osc_load_stats_init(&r.stats);
	r.stats.attempts = 1000;
	r.stats.last_intended_ns = 9 * OSC_NS_PER_S;
	r.stats.last_sent_ns = r.stats.last_intended_ns + OSC_NS_PER_S / 2;
	assert_null(said_of_rate(&r));
	r.stats.last_sent_ns += OSC_NS_PER_S;
	assert_non_null(said_of_rate(&r));
	osc_load_result_free(&r);
}

static void a_last_request_within_a_gap_is_on_time(void **unused)
{
	/* In ms: the last request, when it was due and when it was sent. */
	static const struct {
		uint64_t sent, unsent, due_ms, sent_ms;
		bool kept;
	} rows[] = {
		{ 1, 0, 0, 5, true },
		{ 1, 0, 0, 400, true },
		{ 1, 9, 0, 5, false },
		{ 10, 0, 0, 400, true },
		{ 2, 0, 1000, 1400, true },
		{ 10, 0, 900, 920, true },
		{ 10, 0, 900, 999, true },
		{ 10, 0, 900, 1100, false },
		{ 10, 1, 900, 900, false },
		{ 100, 0, 990, 999, true },
		{ 100, 0, 990, 1090, false },
		{ 100000, 0, 5000, 5009, true },
		{ 100000, 0, 5000, 6000, false },
	};
	struct osc_load_config c;

	(void)unused;
	osc_load_defaults(&c);
	c.arrivals.rate = 10;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t from = OSC_NS_PER_S;
		struct osc_load_result r = {
			.config = &c,
			.start_ns = from,
			.measure_ns = from,
		};
		const char *text;

		osc_load_stats_init(&r.stats);
		r.stats.attempts = rows[i].sent;
		r.stats.unsent = rows[i].unsent;
		r.stats.last_intended_ns =
			from + rows[i].due_ms * OSC_NS_PER_MS;
		r.stats.last_sent_ns = from + rows[i].sent_ms * OSC_NS_PER_MS;
		text = said_of_rate(&r);
		assert_int_equal(!text, rows[i].kept);
		/* Requests that were not sent are named where there are some. */
		if (text)
			assert_int_equal(strstr(text, "not sent") != NULL,
					 rows[i].unsent > 0);
		osc_load_result_free(&r);
	}
}

static void the_unknown_is_not_held_against_it(void **unused)
{
	(void)unused;
	assert_int_equal(JUDGE(.cpu_share = -1, .wait_share = -1,
			       .steal_share = -1, .drops_share = -1,
			       .retransmits_share = -1, .ports_share = -1),
			 OSC_VALID);
}

static void the_first_reason_is_for_the_verdict(void **unused)
{
	struct osc_validity v;

	(void)unused;
	osc_validity_judge(&(struct osc_validity_facts){ .requests = 1000,
							 .attempts = 1000,
							 .partial = true,
							 .wait_share = 0.5,
							 .ports_share = 1 },
			   &v);
	assert_int_equal(v.verdict, OSC_INVALID);
	assert_int_equal(v.n, 3);
	assert_non_null(strstr(v.why[0], "waited 50 %"));
	assert_non_null(strstr(v.why[1], "signal"));
	assert_non_null(strstr(v.why[2], "ports"));
}

static void all_reasons_fit(void **unused)
{
	(void)unused;
	assert_int_equal(judge((struct osc_validity_facts){
				 .open = true,
				 .partial = true,
				 .gave_up = true,
				 .idle = 2,
				 .held = 1,
				 .connections = UINT64_MAX,
				 .errors = UINT64_MAX,
				 .unsent = UINT64_MAX,
				 .cpu_share = 1,
				 .wait_share = 1,
				 .lag_p99_us = 1e9,
				 .latency_p99_us = 1e9,
				 .steal_share = 1,
				 .drops_share = 1e9,
				 .retransmits_share = 1,
				 .ports_share = 10,
			 }),
			 OSC_INVALID);
}

static void the_hosts_books_are_read_by_name(void **unused)
{
	static const char text[] = "Ip: InReceives\nIp: 3\n"
				   "TcpExt: TW ListenOverflows ListenDrops\n"
				   "TcpExt: 7 8 9\n"
				   "TcpExtra: ListenDrops\nTcpExtra: 1\n"
				   "Tcp: MaxConn OutSegs\nTcp: -1 5\n"
				   "Half: A B\nHalf: 1\nCut: A\n";

	(void)unused;
	assert_int_equal(osc_host_field(text, "TcpExt", "ListenDrops"), 9);
	assert_int_equal(osc_host_field(text, "TcpExt", "TW"), 7);
	assert_int_equal(osc_host_field(text, "Tcp", "OutSegs"), 5);
	assert_int_equal(osc_host_field(text, "TcpExt", "Listen"),
			 OSC_HOST_UNKNOWN);
	assert_int_equal(osc_host_field(text, "Udp", "OutSegs"),
			 OSC_HOST_UNKNOWN);
	assert_int_equal(osc_host_field(text, "Half", "B"), OSC_HOST_UNKNOWN);
	assert_int_equal(osc_host_field(text, "Cut", "A"), OSC_HOST_UNKNOWN);
	assert_int_equal(osc_host_field("", "Tcp", "A"), OSC_HOST_UNKNOWN);
}

static void steal_is_the_eighth_and_part_of_all(void **unused)
{
	uint64_t steal, all;

	(void)unused;
	/* What guests have used is in user and nice already. */
	assert_true(osc_host_steal("cpu  10 20 30 40 5 6 7 8 900 900\ncpu0 1",
				   &steal, &all));
	assert_int_equal(steal, 8);
	assert_int_equal(all, 126);
	assert_false(osc_host_steal("cpu  10 20 30\n", &steal, &all));
	assert_false(osc_host_steal("intr 1", &steal, &all));
}

static void a_span_of_the_unknown_is_unknown(void **unused)
{
	struct osc_host_counts a = { 10, 1000, 1, 2, 3, 4 };
	struct osc_host_counts b = { 20, 1200, 1, 5, OSC_HOST_UNKNOWN, 3 };
	struct osc_host h = osc_host_between(&a, &b);

	(void)unused;
	assert_float_equal(h.steal_share, 0.05, 1e-9);
	assert_int_equal(h.listen_overflows, 0);
	assert_int_equal(h.listen_drops, 3);
	assert_int_equal(h.segments_sent, OSC_HOST_UNKNOWN);
	assert_int_equal(h.retransmits, OSC_HOST_UNKNOWN);
	b.steal_ticks = OSC_HOST_UNKNOWN;
	assert_true(osc_host_between(&a, &b).steal_share < 0);
}

/* Only those that wait, and only those whose other end is the server. */
static void ports_that_wait_are_those_to_the_server(void **unused)
{
	static const char four[] =
		"  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 \n"
		"  1: 0100007F:1F90 0100007F:8000 06 00000000:00000000 \n"
		"  2: 0100007F:8001 0100007F:1F90 06 00000000:00000000 \n"
		"  3: 0200007F:8001 0100007F:1F90 06 00000000:00000000 \n"
		"  4: 0100007F:8002 0100007F:1F90 01 00000000:00000000 \n"
		"  5: 0100007F:8003 0100007F:1F91 06 00000000:00000000 \n";
	static const char six[] =
		"  0: 00000000000000000000000001000000:8000 "
		"00000000000000000000000001000000:1F90 06 00000000:0000 \n";
	struct sockaddr_storage to = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&to;

	(void)unused;
	*in = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_port = htons(8080),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(osc_host_waiting(four, &to), 2);
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_port = htons(8080),
				      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	assert_int_equal(osc_host_waiting(six, &to), 1);
	assert_int_equal(osc_host_waiting(four, &to), 0);
}

static void a_threshold_is_about_all_requests(void **unused)
{
	static struct osc_hist h;
	struct osc_slo slo;

	(void)unused;
	osc_hist_init(&h);
	assert_int_equal(osc_slo_parse("p99.9=5ms", &slo, NULL), 0);
	assert_string_equal(slo.name, "p99.9");
	assert_float_equal(slo.percent, 99.9, 1e-9);
	assert_int_equal(slo.limit_ns, 5 * OSC_NS_PER_MS);
	/* Nothing answered: not met. */
	assert_int_equal(osc_slo_value(&slo, &h, 0), UINT64_MAX);
	for (int i = 0; i < 999; i++)
		osc_hist_record(&h, 100);
	assert_int_equal(osc_slo_value(&slo, &h, 0), 100);
	assert_int_equal(osc_slo_value(&slo, &h, 1), 100);
	/* Two of 1001 have failed: more than 0.1 %. */
	assert_int_equal(osc_slo_value(&slo, &h, 2), UINT64_MAX);
	assert_int_equal(osc_slo_parse("max=1s", &slo, NULL), 0);
	assert_int_equal(osc_slo_value(&slo, &h, 0), 100);
	assert_int_equal(osc_slo_value(&slo, &h, 1), UINT64_MAX);
}

static void steps_are_equal_and_end_at_the_top(void **unused)
{
	(void)unused;
	assert_int_equal(osc_sweep_rate(1000, 0, 4), 250);
	assert_int_equal(osc_sweep_rate(1000, 3, 4), 1000);
	assert_int_equal(osc_sweep_rate(1000, 1, 3), 667);
	assert_int_equal(osc_sweep_rate(1, 0, 10), 1);
}

static void the_knee_is_where_power_is_greatest(void **unused)
{
	/* 1/latency falls from the third on faster than the rate rises. */
	struct osc_sweep_step steps[] = {
		{ .rps = 100, .mean_ns = 100, .answered = 9, .slos_met = true },
		{ .rps = 200, .mean_ns = 110, .answered = 9, .slos_met = true },
		{ .rps = 300, .mean_ns = 120, .answered = 9, .slos_met = true },
		{ .rps = 400, .mean_ns = 300, .answered = 9 },
		{ .rps = 410, .mean_ns = 900, .answered = 9, .slos_met = true },
	};

	(void)unused;
	assert_int_equal(osc_sweep_knee(steps, 5), 2);
	assert_true(osc_sweep_beyond(steps, 5, 2));
	assert_int_equal(osc_sweep_capacity(steps, 5), 2);
	/* What cannot be trusted tells nothing. */
	steps[2].verdict = OSC_INVALID;
	assert_int_equal(osc_sweep_knee(steps, 5), 1);
	assert_int_equal(osc_sweep_capacity(steps, 5), 1);
	steps[1].verdict = OSC_SUSPECT;
	assert_int_equal(osc_sweep_knee(steps, 5), 1);
	steps[0].answered = 0;
	assert_int_equal(osc_sweep_capacity(steps, 5), -1);
	assert_int_equal(osc_sweep_knee(steps, 1), -1);
	assert_int_equal(osc_sweep_knee(steps, 0), -1);
}

static void a_knee_is_none_before_a_step_beyond_was_seen(void **unused)
{
	struct osc_sweep_step steps[] = {
		{ .rate = 100, .rps = 100, .mean_ns = 100, .answered = 9 },
		{ .rate = 200, .rps = 200, .mean_ns = 110, .answered = 9 },
		{ .rate = 300,
		  .rps = 299,
		  .verdict = OSC_INVALID,
		  .answered = 9 },
	};

	(void)unused;
	assert_int_equal(osc_sweep_knee(steps, 2), 1);
	assert_false(osc_sweep_beyond(steps, 2, 1));
	/* It may be the client's fault, and the load was borne. */
	assert_int_equal(osc_sweep_knee(steps, 3), 1);
	assert_false(osc_sweep_beyond(steps, 3, 1));
	/* It was not borne. */
	steps[2].rps = 284;
	assert_true(osc_sweep_beyond(steps, 3, 1));
	/* No step tells anything. */
	assert_false(osc_sweep_beyond(steps, 0, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(the_hosts_books_are_read_by_name),
		cmocka_unit_test(steal_is_the_eighth_and_part_of_all),
		cmocka_unit_test(a_span_of_the_unknown_is_unknown),
		cmocka_unit_test(ports_that_wait_are_those_to_the_server),
		cmocka_unit_test(a_threshold_is_about_all_requests),
		cmocka_unit_test(steps_are_equal_and_end_at_the_top),
		cmocka_unit_test(the_knee_is_where_power_is_greatest),
		cmocka_unit_test(a_knee_is_none_before_a_step_beyond_was_seen),
		cmocka_unit_test(wrong_urls_are_usage_errors),
		cmocka_unit_test(a_zone_is_that_of_the_address),
		cmocka_unit_test(urls_have_their_weight_of_the_turns),
		cmocka_unit_test(weights_that_fit_nothing_are_usage_errors),
		cmocka_unit_test(failures_are_counted_by_kind),
		cmocka_unit_test(no_failure_is_lost_when_kinds_are_many),
		cmocka_unit_test(every_failure_has_a_hint),
		cmocka_unit_test(each_threshold_moves_the_verdict),
		cmocka_unit_test(rate_and_lag_are_matters_of_the_open_loop),
		cmocka_unit_test(a_last_request_within_a_gap_is_on_time),
		cmocka_unit_test(a_burst_may_take_until_the_next),
		cmocka_unit_test(the_unknown_is_not_held_against_it),
		cmocka_unit_test(the_first_reason_is_for_the_verdict),
		cmocka_unit_test(all_reasons_fit),
	};

	return cmocka_run_group_tests_name("load_rules", tests, NULL, NULL);
}
