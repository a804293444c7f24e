// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epoll.c - the event loop on level-triggered epoll. A connection is registered
 * once, when it is accepted; in steady state a request costs one wait shared
 * with others, one read and one write.
 *
 * epoll-multi is the same once per CPU, at home there, each loop with a listener
 * of its own (SO_REUSEPORT): they share nothing, and a connection stays where
 * the hash of its addresses has put it.
 */
#include "servers/epoll_set.h"

const struct osc_event_backend osc_event_epoll = {
	.open = osc_epoll_open,
	.watch = osc_epoll_watch,
	.wait = osc_epoll_wait,
};
