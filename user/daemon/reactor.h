/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user/daemon - osconceptsd: runs servers as targets, samples their counters,
 * measures runs and answers on a control socket. It may call every room but
 * cli/; nothing calls it. In reading order: main.c, listen.c and clients.c
 * (the socket), ops.c and request.c (what can be asked), hosted.c and loader.c
 * (the children), run.c (one measured run), books.c (what the audit compares
 * with), follow.c (samples of a server that somebody else loads).
 *
 * reactor.h - one thread, one epoll. Handlers never block for long: whatever
 * takes time is a descriptor or a timer here.
 */
#ifndef OSC_DAEMON_REACTOR_H
#define OSC_DAEMON_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

struct osc_error;

typedef void osc_reactor_fn(void *arg, uint32_t events);

/* A descriptor that the loop watches; its owner closes it. */
struct osc_source {
	int fd; /* -1: not watched */
	osc_reactor_fn *fn;
	void *arg;
};

#define OSC_SOURCE_NONE  \
	{                \
		.fd = -1 \
	}

struct osc_reactor {
	int epoll;
	bool done; /* set by a handler: osc_reactor_run returns */
	/* Called between handlers: the place to free what one of them ended. */
	void (*between)(void *arg);
	void *arg;
};

int osc_reactor_open(struct osc_reactor *l, struct osc_error *e);
void osc_reactor_close(struct osc_reactor *l);
int osc_reactor_run(struct osc_reactor *l, struct osc_error *e);

int osc_reactor_add(struct osc_reactor *l, struct osc_source *s, int fd,
		    uint32_t events, osc_reactor_fn *fn, void *arg,
		    struct osc_error *e);
int osc_reactor_change(struct osc_reactor *l, struct osc_source *s,
		       uint32_t events, struct osc_error *e);
/* Fine on one that is not watched; after it no handler of s is called. */
void osc_reactor_remove(struct osc_reactor *l, struct osc_source *s);

/* A timer of the loop: a timerfd that it owns. */
struct osc_timer {
	struct osc_source source;
	void (*fn)(void *arg);
	void *arg;
};

#define OSC_TIMER_NONE                    \
	{                                 \
		.source = OSC_SOURCE_NONE \
	}

int osc_timer_open(struct osc_reactor *l, struct osc_timer *t,
		   void (*fn)(void *arg), void *arg, struct osc_error *e);
/* first_ns 0 stops it; every_ns 0: once. */
int osc_timer_set(struct osc_timer *t, uint64_t first_ns, uint64_t every_ns,
		  struct osc_error *e);
void osc_timer_close(struct osc_reactor *l, struct osc_timer *t);

#endif
