// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A follower belongs to the server it follows, and ends with that, with its
 * client, or with its last sample.
 */
#include "daemon/follow.h"

#include <errno.h>
#include <stdlib.h>

#include "correlate/run.h"
#include "lib/error.h"

struct osc_follow {
	struct osc_hosted *server;
	struct osc_ticket ticket;
	struct osc_timer timer;
	struct osc_samples samples;
	uint64_t left; /* intervals still to come */
};

static void follow_free(struct osc_follow *f)
{
	f->server->follow = NULL;
	osc_timer_close(&f->server->d->loop, &f->timer);
	osc_samples_free(&f->samples);
	free(f);
}

static void follow_fail(struct osc_follow *f, const struct osc_error *e)
{
	struct osc_daemon *d = f->server->d;
	struct osc_ticket t = f->ticket;

	follow_free(f);
	osc_client_refuse(d, &t, e);
}

static void follow_finish(struct osc_follow *f)
{
	struct osc_daemon *d = f->server->d;
	struct osc_ticket t = f->ticket;
	json_t *answer = json_pack("{s:b, s:i, s:I, s:o}", "ok", 1, "server",
				   (int)f->server->number, "samples",
				   (json_int_t)f->samples.n, "correlation",
				   osc_samples_correlation(&f->samples));

	follow_free(f);
	osc_client_answer(d, &t, answer);
}

static int take_sample(struct osc_follow *f, struct osc_error *e)
{
	struct osc_sample s;
	int ret = osc_hosted_sample(f->server, &s, e);

	if (ret)
		return ret;
	if (osc_samples_add(&f->samples, &s))
		return osc_error_set(e, ENOMEM,
				     "cannot keep a sample: out of memory; try "
				     "a longer interval");
	osc_sample_announce(f->server->d, &f->ticket, &f->samples);
	return 0;
}

static void on_tick(void *arg)
{
	struct osc_follow *f = arg;
	struct osc_error e;

	if (take_sample(f, &e))
		follow_fail(f, &e);
	else if (!--f->left)
		follow_finish(f);
}

int osc_follow_start(struct osc_hosted *s, const struct osc_ticket *t,
		     uint64_t interval_ns, uint64_t count, struct osc_error *e)
{
	struct osc_follow *f;
	int ret;

	if (s->follow)
		return osc_error_set(e, EBUSY,
				     "server %u is followed already; try again "
				     "when that has ended",
				     s->number);
	f = calloc(1, sizeof(*f));
	if (!f)
		return osc_error_set(e, ENOMEM,
				     "cannot follow a server: out of memory");
	f->server = s;
	f->left = count;
	f->ticket = *t;
	s->follow = f;
	ret = osc_timer_open(&s->d->loop, &f->timer, on_tick, f, e);
	if (!ret)
		ret = osc_timer_set(&f->timer, interval_ns, interval_ns, e);
	if (!ret)
		ret = take_sample(f, e);
	if (ret)
		follow_free(f);
	return ret;
}

void osc_follow_end(struct osc_hosted *s)
{
	if (s->follow)
		follow_finish(s->follow);
}

void osc_follow_drop(struct osc_daemon *d, unsigned int client)
{
	struct osc_error e;

	for (struct osc_hosted *s = d->hosted; s; s = s->next) {
		if (!s->follow || s->follow->ticket.client != client)
			continue;
		osc_error_set(&e, ECANCELED, "its client has gone away");
		follow_fail(s->follow, &e);
	}
}
