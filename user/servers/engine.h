/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h - the table of engines: one file and one row each. An engine turns
 * a listening socket into answered requests in its own way of waiting.
 */
#ifndef OSC_SERVERS_ENGINE_H
#define OSC_SERVERS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

struct osc_error;
struct osc_event_backend;
struct osc_server;
struct osc_server_report;

struct osc_engine {
	const char *name;
	const char *family; /* process, thread, event */
	const char *summary; /* one sentence */
	const char *works_like; /* a real server that works so */
	const char *workers_are; /* what --workers counts */
	unsigned int workers_default; /* 0: one per CPU it may use */
	unsigned int workers_max;
	/* Numbers of descriptors end here, by the interface; 0: nowhere. */
	unsigned int descriptors_max;
	/* Takes several connections in one process, each with a descriptor. */
	bool shares_descriptors;
	/* Workers are processes that a master forks and replaces; otherwise
	 * the first process runs the engine itself.
	 */
	bool supervised;
	/* Each worker is such a process; otherwise there is one. */
	bool process_each;
	/* They come and go, so that some are idle; `workers` is the most. */
	bool grows;
	/*
	 * One connection at a time: the next waits until it has ended, which
	 * it does with its first answer.
	 */
	bool one_at_a_time;
	/* Each of them has a listener of its own. */
	bool listener_each;
	/* Each of them stays on a CPU of its own. */
	bool at_home;
	/*
	 * It books all the system calls that it makes. Where it locks, forks or
	 * makes threads, the C library makes others beneath.
	 */
	bool books_all_calls;
	/*
	 * Whether this kernel has what it needs; NULL: all have. And who works
	 * most like it where not. Returns 0, or -errno with the reason in e.
	 */
	int (*check)(struct osc_error *e);
	const char *fallback;
	/* Of a loop over many connections: how it waits. */
	const struct osc_event_backend *backend;
	/*
	 * Serves until told to stop, and returns when nothing is in flight.
	 * Supervised: in worker `index`, told by SIGTERM. Otherwise in the
	 * first process, which then also minds the grace and the report.
	 */
	int (*run)(struct osc_server *server, unsigned int index,
		   struct osc_server_report *report, struct osc_error *e);
};

#define OSC_ENGINE_SELECT_FDS 1024

/* Ends with a row without a name. */
extern const struct osc_engine osc_engines[];

/* NULL when there is none of that name. */
const struct osc_engine *osc_engine_find(const char *name);

/*
 * What to try where no model is called so: the one that is spelt most like it,
 * and the list; in text, which is returned.
 */
#define OSC_ENGINE_HINT_SIZE 256
const char *osc_engine_hint(const char *name, char *text, size_t size);

int osc_engine_fork(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e);
int osc_engine_prefork_fdpass(struct osc_server *server, unsigned int index,
			      struct osc_server_report *report,
			      struct osc_error *e);
int osc_engine_thread(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e);
/* One connection after another, in each worker. */
int osc_engine_sequential(struct osc_server *server, unsigned int index,
			  struct osc_server_report *report,
			  struct osc_error *e);
int osc_engine_pool(struct osc_server *server, unsigned int index,
		    struct osc_server_report *report, struct osc_error *e);
/* Threads for requests, one that keeps the idle connections. */
int osc_engine_pool_event(struct osc_server *server, unsigned int index,
			  struct osc_server_report *report,
			  struct osc_error *e);
int osc_engine_leader(struct osc_server *server, unsigned int index,
		      struct osc_server_report *report, struct osc_error *e);
/* A loop over many connections, by the engine's backend. */
int osc_engine_event(struct osc_server *server, unsigned int index,
		     struct osc_server_report *report, struct osc_error *e);

#endif
