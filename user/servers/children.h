/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * children.h - what the engines share whose first process accepts and has its
 * children serve: forking, counting, and the orderly end.
 */
#ifndef OSC_SERVERS_CHILDREN_H
#define OSC_SERVERS_CHILDREN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "servers/accept.h"
#include "servers/server.h"

struct osc_error;

struct osc_children {
	struct osc_server *server;
	struct osc_service service;
	pid_t self;
	/* Those alive, `active` of them; not in the children, so that a fork
	 * does not make it copied.
	 */
	pid_t *pid;
	size_t pid_bytes;
	unsigned int active;
	void *engine;
	/*
	 * A child has ended: what there is about the last of `active` takes
	 * the place of `index`. NULL: nothing.
	 */
	void (*ended)(void *engine, unsigned int index);
};

/* The first process was told to stop. */
extern volatile sig_atomic_t osc_children_stopped;

/* At most server->workers of them. Stop signals and SIGCHLD stay blocked. */
int osc_children_set_up(struct osc_children *c, struct osc_server *server,
			unsigned int index, struct osc_error *e);
void osc_children_destroy(struct osc_children *c);

/*
 * As fork(), or -errno. The child ends with the first process, and hears its
 * signals from here on.
 */
pid_t osc_children_fork(struct osc_children *c);

/* In a child: serves a connection; its books are the slot's. Closes nothing. */
void osc_child_serve(struct osc_children *c, int fd, unsigned int slot);

/* Takes those that have ended; counts them. */
void osc_children_reap(struct osc_children *c);

/* The signals to wait with: those of the end, and of children, come through. */
void osc_children_waiting_mask(sigset_t *mask);

/*
 * Ends them: SIGTERM, then SIGHUP for the idle, and at the end SIGKILL; those of
 * the acceptor's that came late are served meanwhile. `done`: there are no more
 * of these. NULL: nobody has to be told.
 */
void osc_children_drain(struct osc_children *c, struct osc_acceptor *a,
			void (*done)(void *engine),
			struct osc_server_report *report);

#endif
