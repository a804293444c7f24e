/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loader.h - the load generator as a child: its document when it has ended. */
#ifndef OSC_DAEMON_LOADER_H
#define OSC_DAEMON_LOADER_H

#include <sched.h>

#include "daemon/daemon.h"
#include "lib/child.h"

struct osc_loader_options {
	const char *url;
	uint64_t connections;
	uint64_t requests; /* 0: for duration_ns instead */
	uint64_t duration_ns;
	bool close; /* one request a connection */
	const cpu_set_t *cpus; /* NULL: as ours */
	uint64_t limit_ns; /* ended when it takes longer */
};

struct osc_loader {
	struct osc_daemon *d;
	struct osc_child child;
	struct osc_source out, death;
	struct osc_timer timer;
	char *text;
	size_t length, capacity;
	bool output_ended, late;
	void (*ended)(void *arg);
	void *arg;
};

#define OSC_LOADER_NONE                                            \
	{                                                          \
		.child = OSC_CHILD_NONE, .out = OSC_SOURCE_NONE,   \
		.death = OSC_SOURCE_NONE, .timer = OSC_TIMER_NONE, \
	}

/* `ended` is called once, when it has ended and all it said has come. */
int osc_loader_start(struct osc_daemon *d, struct osc_loader *l,
		     const struct osc_loader_options *o,
		     void (*ended)(void *arg), void *arg, struct osc_error *e);
/* Its document, a new reference; an error where it failed or said nothing. */
int osc_loader_result(struct osc_loader *l, json_t **document,
		      struct osc_error *e);
/* Kills what still runs, without calling back. Fine on NONE. */
void osc_loader_close(struct osc_loader *l);

#endif
