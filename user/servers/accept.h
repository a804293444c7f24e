/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.h - the main loop of the engines that give each connection a process
 * or a thread: wait, accept, start, until told to stop.
 */
#ifndef OSC_SERVERS_ACCEPT_H
#define OSC_SERVERS_ACCEPT_H

#include <signal.h>

#include "servers/accepted.h"
#include "servers/server.h"

struct osc_acceptor {
	const struct osc_server *server;
	struct osc_service *service; /* to refuse with */
	int listener;
	int wake_fd; /* readable when a connection has ended; -1: a signal says */
	unsigned int
		limit; /* connections at once; the rest wait in the backlog */
	sigset_t waiting_mask; /* signals that may end the wait are not in it */
	const volatile sig_atomic_t *stop;
	void *engine;
	/* Connections being served. */
	unsigned int (*active)(void *engine);
	/* Takes fd over, or returns -errno and leaves it. */
	int (*start)(void *engine, int fd);
	/* After each wait: sees to the connections that have ended. */
	void (*tend)(void *engine);
	/* Accepted, and not started: were there at the stop, or came back. */
	struct osc_accepted waiting;
};

/* Runs until *stop. Fails when the listener is broken, or without memory. */
int osc_acceptor_run(struct osc_acceptor *a, struct osc_error *e);

/*
 * From the stop on, whenever a connection may have ended: takes all that were
 * connected by then, closes the listener, which would reset them, and starts as
 * many as there is room for. False: none is left to be started.
 */
bool osc_acceptor_finish(struct osc_acceptor *a);

/* In a child: closes the listener, and the connections that are not its own. */
void osc_acceptor_leave(struct osc_acceptor *a);

/*
 * No process or thread to be had for it: says so, rather than let the client
 * wait, and closes it.
 */
void osc_accept_refuse(struct osc_service *service, int fd);

#endif
