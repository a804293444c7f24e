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

/* What an engine does with its connections and children. */
struct osc_children_ops {
	/* As in struct osc_acceptor. */
	unsigned int (*active)(void *engine);
	int (*start)(void *engine, int fd);
	/*
	 * A child has ended: what there is about the last of `active` takes
	 * the place of `index`.
	 */
	void (*ended)(void *engine, unsigned int index);
	/* No more connections come. NULL: nobody has to be told. */
	void (*done)(void *engine);
};

struct osc_children {
	const struct osc_children_ops *ops;
	void *engine;
	int wake_fd; /* as in struct osc_acceptor */
	/* The engine sets those above. */
	struct osc_acceptor acceptor;
	struct osc_server *server;
	struct osc_service service;
	pid_t self;
	/* Those alive, `active` of them; not in the children, so that a fork
	 * does not make it copied.
	 */
	pid_t *pid;
	size_t pid_bytes;
	unsigned int active;
};

/*
 * Accepts until it is told to stop, then ends the children, at most
 * server->workers of them: SIGTERM, then OSC_BOARD_RETIRE for the idle, and at the end
 * SIGKILL; connections that came late are served meanwhile. Stop signals and
 * SIGCHLD are blocked on entry.
 */
int osc_children_run(struct osc_children *c, struct osc_server *server,
		     unsigned int index, struct osc_server_report *report,
		     struct osc_error *e);

/*
 * As fork(), or -errno. The child ends with the first process, hears its
 * signals from here on, and has left the acceptor.
 */
pid_t osc_children_fork(struct osc_children *c);

/* In a child: serves a connection; its books are the slot's. Closes nothing. */
void osc_child_serve(struct osc_children *c, int fd, unsigned int slot);

#endif
