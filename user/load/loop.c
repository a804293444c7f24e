// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/clock.h"

/* Deadlines are looked through at most that often. */
#define SCAN_NS (5 * OSC_NS_PER_MS)
/* So many connections are opened before we look who is. */
#define OPEN_AT_ONCE 64
/* How long it may take until a thread knows that all connections are held. */
#define LOOK_NS OSC_NS_PER_MS
/*
 * After the end, requests that were due before it are still sent for this long: the
 * thread may have been preempted, or all connections busy. A server that keeps up
 * needs less; the queue of one that does not stays, and counts as unsent.
 */
#define GRACE_NS (200 * OSC_NS_PER_MS)
/* So long nobody listens before we say so: a server may be starting. */
#define NOBODY_NS (250 * OSC_NS_PER_MS)

void osc_loop_expect(struct osc_loop *loop, uint64_t deadline_ns)
{
	if (deadline_ns < loop->scan_ns)
		loop->scan_ns = deadline_ns;
}

/* is_over() of the open loop. */
static bool open_is_over(struct osc_loop *loop, uint64_t now)
{
	if (loop->end_ns == UINT64_MAX)
		return false;
	if (loop->schedule.next_ns >= loop->end_ns)
		return !loop->config->idle || now >= loop->end_ns;
	if (now < loop->end_ns)
		return false;
	if (!loop->grace_ns)
		loop->grace_ns = now + GRACE_NS;
	return now >= loop->grace_ns;
}

/* No more requests are to be taken from the schedule or the budget. */
static inline bool is_over(struct osc_loop *loop, uint64_t now)
{
	if (!loop->budget)
		return true;
	return osc_load_is_open(loop->config) ? open_is_over(loop, now) :
						now >= loop->end_ns;
}

static inline bool may_take(struct osc_loop *loop, uint64_t now)
{
	if (!loop->retired && is_over(loop, now))
		loop->retired = true;
	return !loop->retired;
}

static void take(struct osc_loop *loop, struct osc_load_connection *c,
		 uint64_t intended_ns)
{
	loop->stats->last_intended_ns = intended_ns;
	if (loop->budget != UINT64_MAX)
		loop->budget--;
	osc_connection_take(loop, c, intended_ns);
}

static void push_room(struct osc_loop *loop, struct osc_load_connection *c,
		      uint64_t now)
{
	uint32_t at = loop->room_head + loop->nr_room;

	if (c->listed)
		return;
	if (!loop->nr_room)
		loop->room_since_ns = now;
	loop->room[at < loop->nr ? at : at - loop->nr] =
		(uint32_t)(c - loop->connections);
	loop->nr_room++;
	c->listed = true;
}

/* First come first served, so that all connections stay in use. */
static struct osc_load_connection *pop_room(struct osc_loop *loop)
{
	struct osc_load_connection *c =
		&loop->connections[loop->room[loop->room_head]];

	if (++loop->room_head == loop->nr)
		loop->room_head = 0;
	loop->nr_room--;
	c->listed = false;
	return c;
}

/* Ours are open, or are not to be had. The last thread says when all are held. */
static void ready_to_hold(struct osc_loop *loop, uint64_t now)
{
	struct osc_holding *h = loop->holding;

	loop->untried = 0;
	loop->look_ns = now;
	if (atomic_fetch_sub(&h->opening, 1) == 1)
		atomic_store(&h->since_ns, now + 2 * LOOK_NS);
}

/* From that moment on, if it is known. */
static void hold(struct osc_loop *loop, uint64_t now)
{
	const struct osc_load_config *config = loop->config;
	uint64_t since = atomic_load(&loop->holding->since_ns);

	if (!since) {
		loop->look_ns = now + LOOK_NS;
		return;
	}
	loop->look_ns = UINT64_MAX;
	loop->measure_ns = since;
	loop->end_ns = since + config->duration_ns;
	if (osc_load_is_open(config))
		osc_schedule_init(&loop->schedule, &config->arrivals,
				  loop->index, config->threads, since);
}

void osc_loop_tried(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now)
{
	if (c->tried)
		return;
	c->tried = true;
	loop->untried--;
	if (loop->config->idle && !loop->untried)
		ready_to_hold(loop, now);
}

/*
 * This connection has nothing more to send and is to be closed: with a worker per
 * connection, it would keep others from the server. ENDING: the server closes it.
 */
static bool is_done(const struct osc_loop *loop,
		    const struct osc_load_connection *c)
{
	return loop->retired && !c->inflight && !loop->config->idle &&
	       c->state != OSC_LOAD_ENDING;
}

void osc_loop_offer(struct osc_loop *loop, struct osc_load_connection *c,
		    uint64_t now)
{
	bool taken = false;

	if (is_done(loop, c)) {
		osc_connection_retire(loop, c);
		return;
	}
	if (!osc_connection_has_room(loop, c))
		return;
	if (osc_load_is_open(loop->config)) {
		push_room(loop, c, now);
		return;
	}
	if (loop->config->idle)
		return;
	while (osc_connection_has_room(loop, c) && may_take(loop, now)) {
		take(loop, c, now);
		taken = true;
	}
	if (taken)
		osc_connection_go(loop, c, now);
	else if (is_done(loop, c))
		osc_connection_retire(loop, c);
}

void osc_loop_woke(struct osc_loop *loop, uint64_t until)
{
	uint64_t now;

	if (!osc_load_is_open(loop->config) || !loop->nr_room)
		return;
	now = osc_clock_ns();
	if (now > until && now > loop->schedule.next_ns)
		loop->late_until_ns = now;
}

/*
 * So late is a request by our own doing: since it was due, while the thread did
 * not run; and from when there was a connection for it. What it waited for that
 * beyond the thread's absence is the server's.
 */
static uint64_t lag_of(const struct osc_loop *loop, uint64_t intended,
		       uint64_t now)
{
	uint64_t could = intended, absent = 0;

	if (could < loop->late_until_ns) {
		absent = loop->late_until_ns - could;
		could = loop->late_until_ns;
	}
	if (could < loop->room_since_ns)
		could = loop->room_since_ns;
	return absent + (now > could ? now - could : 0);
}

/* As far as connections have room. Each is sent a while after the one before. */
static void dispatch(struct osc_loop *loop, uint64_t now)
{
	struct osc_schedule *s = &loop->schedule;

	while (loop->nr_room && s->next_ns <= now &&
	       s->next_ns < loop->end_ns && may_take(loop, now)) {
		struct osc_load_connection *c = pop_room(loop);
		uint64_t intended;

		if (!osc_connection_has_room(loop, c))
			continue;
		intended = osc_schedule_take(s);
		if (intended >= loop->measure_ns)
			osc_hist_record(&loop->stats->lag,
					lag_of(loop, intended, now));
		take(loop, c, intended);
		osc_connection_go(loop, c, now);
		now = osc_clock_ns();
		if (osc_connection_has_room(loop, c))
			push_room(loop, c, now);
	}
	may_take(loop, now);
}

/* Of the time measured until now. */
static struct osc_shares shares_now(const struct osc_loop *loop,
				    const struct osc_usage *now)
{
	return loop->concluded ? loop->shares :
				 osc_usage_shares(&loop->from, now);
}

/* Of the time that was measured; the wait for the last answers is not load. */
static void conclude_usage(struct osc_loop *loop)
{
	struct osc_usage now;

	osc_usage_read(&now);
	loop->shares = shares_now(loop, &now);
	loop->concluded = true;
}

static uint64_t count_open(const struct osc_loop *loop)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < loop->nr; i++)
		n += loop->connections[i].state == OSC_LOAD_OPEN;
	return n;
}

/* The time is over: requests that are due and have not begun are dropped. */
static void abandon_unsent(struct osc_loop *loop)
{
	for (uint32_t i = 0; i < loop->nr; i++) {
		struct osc_load_connection *c = &loop->connections[i];

		if (osc_connection_unbegun(loop, c))
			osc_connection_retire(loop, c);
	}
	if (!osc_load_is_open(loop->config))
		return;
	while (loop->schedule.next_ns < loop->end_ns) {
		loop->stats->missed += osc_schedule_take(&loop->schedule) >=
				       loop->measure_ns;
		loop->stats->unsent++;
	}
}

/* No more requests are taken; those in flight go on. */
static void conclude(struct osc_loop *loop)
{
	if (loop->io->send_all)
		loop->io->send_all(loop);
	conclude_usage(loop);
	loop->stats->held = count_open(loop);
	if (loop->end_ns != UINT64_MAX)
		abandon_unsent(loop);
	for (uint32_t i = 0; i < loop->nr; i++) {
		struct osc_load_connection *c = &loop->connections[i];

		if (is_done(loop, c))
			osc_connection_retire(loop, c);
	}
}

/* Acts on every deadline that has passed and finds the next. */
static void scan(struct osc_loop *loop, uint64_t now)
{
	loop->scan_ns = UINT64_MAX;
	for (uint32_t i = 0; i < loop->nr; i++) {
		struct osc_load_connection *c = &loop->connections[i];

		if (c->deadline_ns <= now) {
			c->deadline_ns = UINT64_MAX;
			osc_connection_late(loop, c, now);
		}
		if (c->deadline_ns < loop->scan_ns)
			loop->scan_ns = c->deadline_ns;
	}
	if (loop->scan_ns < now + SCAN_NS)
		loop->scan_ns = now + SCAN_NS;
}

bool osc_loop_hopeless(struct osc_loop *loop, uint64_t now)
{
	uint64_t since;

	if (loop->reached &&
	    !atomic_load_explicit(loop->found, memory_order_relaxed))
		atomic_store_explicit(loop->found, true, memory_order_relaxed);
	if (!loop->connect_error) {
		loop->refused_ns = UINT64_MAX;
		return false;
	}
	if (loop->refused_ns == UINT64_MAX)
		loop->refused_ns = now;
	since = loop->last_success_ns > loop->refused_ns ?
			loop->last_success_ns :
			loop->refused_ns;
	if (!atomic_load_explicit(loop->found, memory_order_relaxed))
		return now - since > NOBODY_NS;
	return loop->end_ns == UINT64_MAX &&
	       now - since > loop->config->timeout_ns;
}

static void gauge(const struct osc_loop *loop, struct osc_load_gauges *g)
{
	*g = (struct osc_load_gauges){ 0 };
	osc_usage_read(&g->usage);
	g->at_ns = g->usage.at_ns;
	g->shares = shares_now(loop, &g->usage);
	g->measure_ns = loop->measure_ns;
	for (uint32_t i = 0; i < loop->nr; i++) {
		const struct osc_load_connection *c = &loop->connections[i];

		g->open += c->state == OSC_LOAD_OPEN ||
			   c->state == OSC_LOAD_ENDING;
		g->in_flight += c->sent;
	}
}

/* At the same moments in all threads, so that what they tell fits together. */
static void publish(struct osc_loop *loop, uint64_t now)
{
	struct osc_load_gauges gauges;

	while (loop->publish_ns <= now)
		loop->publish_ns += loop->config->slice_ns;
	if (!osc_handover_possible(&loop->handover))
		return;
	gauge(loop, &gauges);
	osc_handover_give(&loop->handover, &loop->stats, &gauges);
}

/*
 * If a name has several addresses, the first connection finds the one that works,
 * and the others wait for that.
 */
static bool is_scouting(const struct osc_loop *loop)
{
	return loop->addresses->n > 1 && loop->opened == 1 &&
	       !loop->connections[0].tried;
}

/*
 * Connections are opened, all or as many as are due by now; in the open loop
 * before requests are due.
 */
static void begin(struct osc_loop *loop, uint64_t now)
{
	bool paced = osc_arrivals_any(&loop->config->openings);
	bool early = loop->config->idle ||
		     (osc_load_is_open(loop->config) &&
		      loop->config->requests_per_connection != 1);

	for (unsigned int n = 0;
	     n < OPEN_AT_ONCE && loop->opened < loop->nr &&
	     !is_scouting(loop) && (!paced || loop->openings.next_ns <= now);
	     n++) {
		struct osc_load_connection *c =
			&loop->connections[loop->opened++];

		if (paced)
			osc_schedule_take(&loop->openings);
		if (early)
			osc_connection_open(loop, c, now);
		else
			osc_loop_offer(loop, c, now);
	}
}

/* All that happens by the clock. False when the run is over. */
static bool tick(struct osc_loop *loop, uint64_t now)
{
	if (now >= loop->look_ns)
		hold(loop, now);
	if (!loop->from.taken && now >= loop->measure_ns)
		osc_usage_read(&loop->from);
	if (now >= loop->scan_ns)
		scan(loop, now);
	if (now >= loop->publish_ns)
		publish(loop, now);
	if (osc_loop_hopeless(loop, now)) {
		loop->stats->gave_up = true;
		return false;
	}
	if (loop->opened < loop->nr && !loop->retired)
		begin(loop, now);
	if (osc_load_is_open(loop->config))
		dispatch(loop, now);
	else
		may_take(loop, now);
	if (loop->retired && !loop->concluded)
		conclude(loop);
	return !loop->retired || loop->outstanding;
}

static uint64_t next_moment(const struct osc_loop *loop)
{
	uint64_t until = loop->scan_ns;

	if (loop->publish_ns < until)
		until = loop->publish_ns;
	if (loop->look_ns < until)
		until = loop->look_ns;
	if (!loop->from.taken && loop->measure_ns < until)
		until = loop->measure_ns;
	if (loop->retired)
		return until;
	if (loop->grace_ns)
		until = loop->grace_ns < until ? loop->grace_ns : until;
	else if (loop->end_ns < until)
		until = loop->end_ns;
	if (loop->opened < loop->nr && !is_scouting(loop) &&
	    loop->openings.next_ns < until)
		until = loop->openings.next_ns;
	if (loop->nr_room && loop->schedule.next_ns < until)
		until = loop->schedule.next_ns;
	return until;
}

void osc_loop_dispatch(struct osc_loop *loop)
{
	if (osc_load_is_open(loop->config) && loop->nr_room && !loop->retired)
		dispatch(loop, osc_clock_ns());
}

/* Until the end of the run. Returns 0, or -errno of the engine. */
static int go_round(struct osc_loop *loop)
{
	uint64_t now = osc_clock_ns();
	int ret = loop->io->begin(loop);

	if (ret)
		return ret;
	begin(loop, now);
	while (!atomic_load_explicit(loop->stop, memory_order_relaxed) &&
	       tick(loop, now)) {
		ret = loop->io->wait(loop, now, next_moment(loop));
		if (ret)
			return ret;
		now = osc_clock_ns();
	}
	return 0;
}

void osc_loop_run(struct osc_loop *loop)
{
	struct osc_load_gauges gauges;
	int ret;

	/* Waits end when asked, not up to 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	ret = go_round(loop);
	if (ret)
		osc_error_set(&loop->error, -ret,
			      "cannot wait for connections: %s",
			      strerror(-ret));
	/* The others need not wait for what will not be. */
	if (loop->config->idle && loop->untried)
		ready_to_hold(loop, osc_clock_ns());
	if (!loop->concluded) {
		conclude_usage(loop);
		loop->stats->held = count_open(loop);
	}
	if (loop->stats->gave_up && loop->budget != UINT64_MAX) {
		loop->stats->unsent += loop->budget;
		loop->stats->missed += loop->budget;
	}
	for (uint32_t i = 0; i < loop->nr; i++)
		osc_connection_retire(loop, &loop->connections[i]);
	gauge(loop, &gauges);
	osc_handover_end(&loop->handover, &gauges);
}

int osc_loop_init(struct osc_loop *loop, struct osc_error *e)
{
	size_t stamps = (size_t)loop->nr * loop->config->pipeline;

	loop->io = loop->config->engine == OSC_LOAD_URING ? &osc_load_io_uring :
							    &osc_load_io_epoll;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake < 0)
		return osc_error_set(e, errno,
				     "cannot set up an event loop: %s",
				     strerror(errno));
	loop->connections = calloc(loop->nr, sizeof(*loop->connections));
	loop->stamps = calloc(stamps, sizeof(*loop->stamps));
	loop->room = calloc(loop->nr, sizeof(*loop->room));
	if (loop->tls) {
		loop->sessions = calloc(loop->nr, sizeof(*loop->sessions));
		loop->secure = malloc(OSC_SECURE_BYTES);
	}
	loop->stats = osc_load_stats_new(loop->config->mix.n);
	if (loop->config->slice_ns)
		loop->handover.other = osc_load_stats_new(loop->config->mix.n);
	if (!loop->connections || !loop->stamps || !loop->room ||
	    (loop->tls && (!loop->sessions || !loop->secure)) || !loop->stats ||
	    (loop->config->slice_ns && !loop->handover.other))
		return osc_error_set(e, ENOMEM,
				     "cannot set up %" PRIu32
				     " connections: out of memory; try fewer "
				     "--connections",
				     loop->nr);
	for (uint32_t i = 0; i < loop->nr; i++) {
		loop->connections[i].fd = -1;
		loop->connections[i].deadline_ns = UINT64_MAX;
	}
	loop->head_only = !strcasecmp(loop->config->method, "HEAD");
	loop->untried = loop->nr;
	loop->look_ns = UINT64_MAX;
	loop->scan_ns = UINT64_MAX;
	loop->publish_ns = loop->config->slice_ns ?
				   loop->start_ns + loop->config->slice_ns :
				   UINT64_MAX;
	loop->last_success_ns = loop->start_ns;
	loop->refused_ns = UINT64_MAX;
	return loop->io->open(loop, e);
}

void osc_loop_free(struct osc_loop *loop)
{
	loop->io->close(loop);
	if (loop->wake >= 0)
		close(loop->wake);
	free(loop->connections);
	free(loop->stamps);
	free(loop->room);
	for (uint32_t i = 0; loop->sessions && i < loop->nr; i++)
		osc_tls_end(&loop->sessions[i]);
	free(loop->sessions);
	free(loop->secure);
	osc_load_stats_free(loop->stats);
	osc_load_stats_free(loop->handover.other);
}
