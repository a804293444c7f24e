/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemon.h - what the files of the daemon share. */
#ifndef OSC_DAEMON_DAEMON_H
#define OSC_DAEMON_DAEMON_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "daemon/reactor.h"
#include "lib/counters.h"

struct osc_client;
struct osc_error;
struct osc_run;
struct osc_hosted;

#define OSC_HOSTED_MAX 64

struct osc_daemon {
	struct osc_reactor loop;
	struct osc_source signals;
	enum osc_counters_kind kind; /* what "auto" in a request means */
	char osconcepts[PATH_MAX]; /* the program that serves and loads */

	/* listen.c */
	struct osc_source listener;
	struct osc_timer resume; /* takes clients again after a pause */
	bool short_of; /* descriptors or memory, and the log says so */
	char socket_path[108]; /* "" when it has none */
	int lock; /* held while the socket file is ours */
	gid_t group; /* may connect besides our user and root; -1: none */

	/* clients.c */
	bool one_client; /* ends with the client it was started for */
	struct osc_client *clients;
	unsigned int last_client;

	/* hosted.c */
	struct osc_hosted *hosted;
	unsigned int last_hosted;

	struct osc_run *run; /* the one under way, or NULL */
	unsigned int last_run;
	bool ending; /* SIGTERM or shutdown: stop everything, then return */
};

/* To whom an answer is owed, even where it takes a while. */
struct osc_ticket {
	unsigned int client; /* by number: it may have gone */
	json_t *id; /* as the request gave it, or NULL */
};

/* Stops the run and every server; the loop ends when they have. */
void osc_daemon_end(struct osc_daemon *d);
/* Called when something has ended: lets the loop end when it was the last. */
void osc_daemon_check_end(struct osc_daemon *d);

/* listen.c */
int osc_listen_on(struct osc_daemon *d, const char *path, mode_t mode,
		  struct osc_error *e);
/* Removes the socket file, and the lock last. */
void osc_listen_end(struct osc_daemon *d);

/* clients.c; add and adopt take over fd, unless they fail. */
bool osc_clients_full(const struct osc_daemon *d);
int osc_clients_add(struct osc_daemon *d, int fd, struct osc_error *e);
int osc_clients_adopt(struct osc_daemon *d, int fd, struct osc_error *e);
void osc_clients_close(struct osc_daemon *d);
void osc_clients_sweep(struct osc_daemon *d);
/* False when the client has gone. Each ticket is answered or refused once. */
bool osc_ticket_take(struct osc_daemon *d, unsigned int client, json_t *id,
		     struct osc_ticket *t);
/* Both take the reference to their document; a client gone is no error. */
void osc_client_answer(struct osc_daemon *d, struct osc_ticket *t,
		       json_t *answer);
void osc_client_event(struct osc_daemon *d, const struct osc_ticket *t,
		      json_t *event);
/* Answers with the error. */
void osc_client_refuse(struct osc_daemon *d, struct osc_ticket *t,
		       const struct osc_error *e);

/* ops.c: one request, which is answered now or by the ticket later. */
void osc_ops_handle(struct osc_daemon *d, unsigned int client,
		    const json_t *request);

#endif
