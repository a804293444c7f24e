/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll_set.h - what the engines on epoll share: the set of a loop. */
#ifndef OSC_SERVERS_EPOLL_SET_H
#define OSC_SERVERS_EPOLL_SET_H

#include "servers/event.h"

/* The parts of a struct osc_event_backend. */
int osc_epoll_open(struct osc_event_loop *l);
int osc_epoll_watch(struct osc_event_loop *l, int fd,
		    enum osc_event_interest interest, bool anew);
/* A connection, once: both directions, by edges. */
int osc_epoll_watch_edges(struct osc_event_loop *l, int fd);
/* A listener that other processes wait for as well: one of them is woken. */
int osc_epoll_watch_exclusive(struct osc_event_loop *l, int fd,
			      enum osc_event_interest interest);
void osc_epoll_forget_exclusive(struct osc_event_loop *l, int fd);
int osc_epoll_wait(struct osc_event_loop *l, const struct timespec *timeout);

#endif
