// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket. A client is somebody we do not trust to be quick, to
 * read what we send, or to stay: everything it can make us hold is bounded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/follow.h"
#include "daemon/run.h"
#include "lib/clock.h"
#include "lib/control.h"
#include "lib/error.h"
#include "lib/output.h"

#define CLIENTS_MAX 32
/*
 * A client that has not read this much gets no progress, and no request of it
 * is handled. One answer may be more: that to a run.
 */
#define BACKLOG_MAX (1u << 20)
/* What one turn of the loop does for a client, before others have theirs. */
#define TURN_REQUESTS 16
#define TURN_NS (10 * OSC_NS_PER_MS)
/*
 * Disconnected as not reading: a client that, in this time, neither takes all
 * of its backlog nor this many bytes of it.
 */
#define STALL_NS (10 * OSC_NS_PER_S)
#define STALL_BYTES (64u << 10)
/* A larger buffer is not kept when all of it has been sent. */
#define KEEP_MAX (64u << 10)

struct osc_client {
	struct osc_client *next;
	struct osc_daemon *d;
	unsigned int number;
	int fd;
	struct osc_source source;
	uint32_t events; /* that the loop waits for */
	struct osc_lines in;
	bool waiting; /* requests in `in` wait for another turn */
	char *out;
	size_t out_start, out_length, out_capacity;
	struct osc_timer stall;
	bool timed; /* `stall` is set; since then: */
	bool took_all; /* it was not blocked, once at least */
	size_t sent; /* bytes */
	unsigned int owed; /* answers still to come */
	bool input_ended; /* it sends no more, but may still wait for answers */
	bool last_words; /* closed once `out` is written; nothing is read */
	bool dead; /* freed between handlers */
};

static unsigned int nr_clients(const struct osc_daemon *d)
{
	unsigned int n = 0;

	for (const struct osc_client *c = d->clients; c; c = c->next)
		n++;
	return n;
}

static struct osc_client *find(struct osc_daemon *d, unsigned int number)
{
	for (struct osc_client *c = d->clients; c; c = c->next) {
		if (c->number == number && !c->dead)
			return c;
	}
	return NULL;
}

/* The memory stays until osc_clients_sweep: callers up the stack use it. */
static void bury(struct osc_client *c)
{
	if (c->dead)
		return;
	c->dead = true;
	osc_reactor_remove(&c->d->loop, &c->source);
	osc_timer_close(&c->d->loop, &c->stall);
	close(c->fd);
	c->fd = -1;
}

static void free_client(struct osc_client *c)
{
	bury(c);
	osc_lines_free(&c->in);
	free(c->out);
	free(c);
}

void osc_clients_sweep(struct osc_daemon *d)
{
	struct osc_client **link = &d->clients;
	struct osc_client *c;

	while ((c = *link)) {
		if (!c->dead) {
			link = &c->next;
			continue;
		}
		*link = c->next;
		if (d->run && osc_run_client(d->run) == c->number)
			osc_run_cancel(d->run, "its client has gone away");
		osc_follow_drop(d, c->number);
		if (d->one_client)
			osc_daemon_end(d);
		free_client(c);
	}
}

/* Whether something waits until the client reads. */
static bool blocked(const struct osc_client *c)
{
	return c->out_length || c->waiting;
}

static uint32_t wanted(const struct osc_client *c)
{
	bool paused = c->last_words || c->input_ended || c->waiting ||
		      c->out_length > BACKLOG_MAX;

	/* A socket that can be written is another turn for what waits. */
	return (paused ? 0 : EPOLLIN) | (blocked(c) ? EPOLLOUT : 0);
}

static int set_stall(struct osc_client *c)
{
	c->timed = true;
	c->took_all = false;
	c->sent = 0;
	return osc_timer_set(&c->stall, STALL_NS, 0, NULL);
}

/* What the loop is to wait for, after anything has changed. */
static void update(struct osc_client *c)
{
	uint32_t events = wanted(c);
	int ret = 0;

	if (events != c->events)
		ret = osc_reactor_change(&c->d->loop, &c->source, events, NULL);
	c->events = events;
	if (!blocked(c))
		c->took_all = true;
	else if (!ret && !c->timed)
		ret = set_stall(c);
	if (ret)
		bury(c);
}

/* Writes what the socket takes; what is left waits for EPOLLOUT. */
static void flush(struct osc_client *c)
{
	size_t begun = c->sent;

	while (c->out_length && c->sent - begun < BACKLOG_MAX) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_length,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			bury(c);
			return;
		}
		c->out_start += (size_t)n;
		c->out_length -= (size_t)n;
		c->sent += (size_t)n;
	}
	if (!c->out_length) {
		c->out_start = 0;
		if (c->out_capacity > KEEP_MAX) {
			free(c->out);
			c->out = NULL;
			c->out_capacity = 0;
		}
		if (c->last_words || (c->input_ended && !c->owed)) {
			bury(c);
			return;
		}
	}
	update(c);
}

static bool append(struct osc_client *c, const char *data, size_t size)
{
	size_t needed;

	/* Rarely: a move for each answer would be quadratic. */
	if (c->out_start > c->out_length) {
		memmove(c->out, c->out + c->out_start, c->out_length);
		c->out_start = 0;
	}
	needed = c->out_start + c->out_length + size;
	if (needed > c->out_capacity) {
		char *out = realloc(c->out, needed + needed / 2);

		if (!out)
			return false;
		c->out = out;
		c->out_capacity = needed + needed / 2;
	}
	memcpy(c->out + c->out_start + c->out_length, data, size);
	c->out_length += size;
	return true;
}

static void post(struct osc_client *c, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	bool ok;

	ok = text && c->out_length + strlen(text) < OSC_CONTROL_REPLY_MAX &&
	     append(c, text, strlen(text)) && append(c, "\n", 1);
	free(text);
	/* Half an answer would be worse than none: it sees us close. */
	if (!ok)
		bury(c);
	else
		flush(c);
}

bool osc_ticket_take(struct osc_daemon *d, unsigned int client, json_t *id,
		     struct osc_ticket *t)
{
	struct osc_client *c = find(d, client);

	if (!c)
		return false;
	c->owed++;
	*t = (struct osc_ticket){ .client = client, .id = json_incref(id) };
	return true;
}

static void ticket_drop(struct osc_ticket *t)
{
	json_decref(t->id);
	t->id = NULL;
}

void osc_client_answer(struct osc_daemon *d, struct osc_ticket *t,
		       json_t *answer)
{
	struct osc_client *c = find(d, t->client);

	if (c && answer && t->id && json_object_set(answer, "id", t->id)) {
		json_decref(answer);
		answer = NULL;
	}
	if (c) {
		c->owed--;
		post(c, answer);
	}
	json_decref(answer);
	ticket_drop(t);
}

void osc_client_refuse(struct osc_daemon *d, struct osc_ticket *t,
		       const struct osc_error *e)
{
	json_t *answer = json_pack("{s:b, s:{s:o, s:i, s:i}}", "ok", 0, "error",
				   "text", osc_json_text(e->text), "exit_code",
				   (int)(e->exit_code ?: OSC_EXIT_FAILED),
				   "errno", e->err);

	/* An error text may hold a path, which need not be UTF-8. */
	if (!answer)
		answer = json_pack("{s:b, s:{s:s, s:i, s:i}}", "ok", 0, "error",
				   "text",
				   "cannot say what failed: it has no UTF-8 "
				   "text or no memory was left",
				   "exit_code", OSC_EXIT_FAILED, "errno",
				   e->err);
	osc_client_answer(d, t, answer);
}

void osc_client_event(struct osc_daemon *d, const struct osc_ticket *t,
		      json_t *event)
{
	struct osc_client *c = find(d, t->client);

	if (c && event && c->out_length < BACKLOG_MAX &&
	    (!t->id || !json_object_set(event, "id", t->id)))
		post(c, event);
	json_decref(event);
}

/* Answers to what could not be taken as a request at all. */
static void complain(struct osc_client *c, const char *text)
{
	struct osc_error e = { .exit_code = OSC_EXIT_USAGE, .err = EPROTO };
	struct osc_ticket t;

	if (!osc_ticket_take(c->d, c->number, NULL, &t))
		return;
	snprintf(e.text, sizeof(e.text), "%s", text);
	osc_client_refuse(c->d, &t, &e);
}

/* What is wrong with a line that is no JSON we take. */
static const char *flaw(const json_error_t *why)
{
	switch (json_error_code(why)) {
	case json_error_out_of_memory:
		return "out of memory";
	case json_error_stack_overflow:
		return "it is nested too deeply";
	case json_error_invalid_utf8:
		return "it is not UTF-8";
	case json_error_duplicate_key:
		return "it has a key twice";
	case json_error_numeric_overflow:
		return "it has a number that is too large";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "it has a NUL character in a text";
	case json_error_premature_end_of_input:
		return "it ends in the middle of an object";
	default:
		return "it is not JSON";
	}
}

static void take_line(struct osc_client *c, const char *line, size_t length)
{
	json_error_t why;
	json_t *request = json_loadb(
		line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

	if (json_is_object(request)) {
		osc_ops_handle(c->d, c->number, request);
	} else {
		char text[160];

		snprintf(text, sizeof(text),
			 "cannot read the request: %s; try one JSON object a "
			 "line",
			 request ? "it is not an object" : flaw(&why));
		complain(c, text);
	}
	json_decref(request);
}

/*
 * Handles requests that have come, as many as this turn allows. No more are
 * read before all of these are handled.
 */
static void take_lines(struct osc_client *c)
{
	uint64_t end = osc_clock_ns() + TURN_NS;
	unsigned int left = TURN_REQUESTS;
	size_t length;
	char *line;
	int ret = 1;

	c->waiting = true;
	while (ret > 0 && left && c->out_length <= BACKLOG_MAX) {
		ret = osc_lines_next(&c->in, &line, &length);
		if (ret > 0 && length)
			take_line(c, line, length);
		if (c->dead)
			return;
		left = osc_clock_ns() < end ? left - 1 : 0;
	}
	c->waiting = ret > 0;
	if (ret < 0) {
		c->last_words = true;
		complain(c, "cannot take the request: it is longer than "
			    "64 KiB");
	} else {
		update(c);
	}
}

static void take_input(struct osc_client *c)
{
	int ret = osc_lines_fill(&c->in, c->fd);

	if (ret == -EAGAIN)
		return;
	if (ret < 0) {
		bury(c);
		return;
	}
	if (!ret) {
		c->input_ended = true;
		flush(c);
		return;
	}
	take_lines(c);
}

static void on_client(void *arg, uint32_t events)
{
	struct osc_client *c = arg;

	if (events & EPOLLOUT)
		flush(c);
	if (c->dead)
		return;
	/* The kernel takes more than it then calls writable. */
	if ((events & EPOLLOUT) && !c->out_length)
		c->took_all = true;
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		bury(c);
	else if (c->waiting)
		take_lines(c);
	else if ((events & EPOLLIN) && (wanted(c) & EPOLLIN))
		take_input(c);
}

static void on_stall(void *arg)
{
	struct osc_client *c = arg;

	c->timed = false;
	if (blocked(c) && !c->took_all && c->sent < STALL_BYTES)
		bury(c);
	else
		update(c);
}

/* When it fails, fd stays open. */
static struct osc_client *add_client(struct osc_daemon *d, int fd,
				     struct osc_error *e)
{
	struct osc_client *c = calloc(1, sizeof(*c));

	if (!c) {
		osc_error_set(e, ENOMEM, "cannot take a client: out of memory");
		return NULL;
	}
	c->d = d;
	c->source.fd = c->stall.source.fd = -1;
	c->in.max = OSC_CONTROL_REQUEST_MAX;
	c->number = ++d->last_client;
	if (osc_timer_open(&d->loop, &c->stall, on_stall, c, e) ||
	    osc_reactor_add(&d->loop, &c->source, fd, EPOLLIN, on_client, c,
			    e)) {
		osc_timer_close(&d->loop, &c->stall);
		free(c);
		return NULL;
	}
	c->fd = fd;
	c->events = EPOLLIN;
	c->next = d->clients;
	d->clients = c;
	return c;
}

bool osc_clients_full(const struct osc_daemon *d)
{
	return nr_clients(d) >= CLIENTS_MAX;
}

int osc_clients_add(struct osc_daemon *d, int fd, struct osc_error *e)
{
	return add_client(d, fd, e) ? 0 : -e->err;
}

int osc_clients_adopt(struct osc_daemon *d, int fd, struct osc_error *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC))
		return osc_error_set(e, errno, "cannot use descriptor %d: %s",
				     fd, strerror(errno));
	d->one_client = true;
	return add_client(d, fd, e) ? 0 : -e->err;
}

void osc_clients_close(struct osc_daemon *d)
{
	while (d->clients) {
		struct osc_client *c = d->clients;

		d->clients = c->next;
		free_client(c);
	}
}
