/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server.h - a server from its configuration to its orderly end. */
#ifndef OSC_SERVERS_SERVER_H
#define OSC_SERVERS_SERVER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/account.h"
#include "servers/exchange.h"
#include "servers/http.h"

struct osc_board;
struct osc_closing;
struct osc_engine;
struct osc_error;

/* Input is read, and output made, in pieces of these sizes. */
#define OSC_SERVER_INPUT (16 << 10)
#define OSC_SERVER_OUTPUT (32 << 10)
/* A piece of a body that a client must take within the write timeout. */
#define OSC_SERVER_PROGRESS (64 << 10)
/*
 * How long input after a last answer is discarded when the client takes nothing of
 * that answer, and how many bytes of it.
 */
#define OSC_SERVER_LINGER_NS (2 * OSC_NS_PER_S)
#define OSC_SERVER_LINGER_BYTES (16 << 20)
/* After SIGTERM, idle connections may still send a request for so long. */
#define OSC_SERVER_LAST_CALL_NS (200 * OSC_NS_PER_MS)
/*
 * A stop signal that follows another within so long is the same one, sent to
 * the process and to its group (timeout, a terminal); a later one means "now".
 */
#define OSC_SERVER_SAME_STOP_NS (200 * OSC_NS_PER_MS)
/* Accepting pauses for so long when descriptors or memory have run out. */
#define OSC_SERVER_PAUSE_MS 100

struct osc_server_config {
	const struct osc_engine *engine;
	const char *address; /* numeric, IPv4 or IPv6 */
	uint16_t port; /* 0: any free one */
	int backlog;
	unsigned int workers; /* 0: the engine's default */
	unsigned int max_connections; /* 0: what the descriptors allow */
	/* Of a group that grows and shrinks: how many are to be idle. */
	unsigned int spare_min, spare_max;
	bool serialised; /* such workers accept by a lock, one at a time */
	struct osc_http_limits limits;
	uint64_t header_timeout_ns; /* from a request's first byte to its last */
	uint64_t idle_timeout_ns; /* before a request's first byte */
	uint64_t write_timeout_ns; /* for each OSC_SERVER_PROGRESS bytes */
	uint64_t grace_ns; /* from SIGTERM to the end of what is in flight */
	const char *account_path; /* NULL: no file */
	int ready_fd; /* gets "PORT\n"; -1: none */
	bool has_cpus;
	cpu_set_t cpus;
};

/* What is known when the server listens. */
struct osc_server_start {
	const struct osc_server_config *config;
	char url[80];
	uint16_t port;
	unsigned int workers;
	unsigned int max_connections;
};

/* A running server, as its engine sees it. */
struct osc_server {
	const struct osc_server_config *config;
	struct osc_server_start start;
	int (*started)(const struct osc_server_start *start,
		       struct osc_error *e);
	struct osc_account *account;
	int *listeners; /* non-blocking; one, or one per worker */
	unsigned int nr_listeners;
	unsigned int workers;
	unsigned int max_connections; /* at once, in one process */
	atomic_bool *is_set_up; /* by worker, where there is a master */
	struct osc_board *board; /* of a group that grows and shrinks */
	struct osc_closing *closing;
	int body_file; /* osc_response_file(); negative: none */
	int accept_lock; /* a file whose lock allows to accept; -1: none */
	sigset_t old_mask; /* of signals, from before the start */
};

struct osc_server_report {
	struct osc_account_snapshot account;
	uint64_t cut; /* connections that the grace did not suffice for */
	bool forced; /* ended by a second signal */
	bool account_lost; /* its file was cut: the numbers mean nothing */
};

/* The configuration of `osconcepts serve` without options. */
void osc_server_defaults(struct osc_server_config *config);

/*
 * Serves until SIGTERM, SIGINT or SIGHUP, and returns when all that was in
 * flight is finished and every child is gone. started() is called once, when
 * connections are welcome; an error of it is the end. Changes the process:
 * signal mask and handlers, affinity, the limit of descriptors; meant to be its
 * main work. Stop signals stay blocked: the one that stopped it may come twice,
 * as from timeout(1), and is not to end what the caller still prints.
 */
int osc_server_run(const struct osc_server_config *config,
		   int (*started)(const struct osc_server_start *start,
				  struct osc_error *e),
		   struct osc_server_report *report, struct osc_error *e);

/* How long a blocking engine waits in one call that writes. */
static inline uint64_t
osc_server_write_wait(const struct osc_server_config *config)
{
	return config->write_timeout_ns / 8;
}

/* Where worker `index` accepts: its own listener, or the one of all. */
int osc_server_listener(const struct osc_server *server, unsigned int index);

/*
 * Says that connections are welcome: by started(), then by the ready
 * descriptor. Called once, by the first process. A worker is set up by then.
 */
int osc_server_ready(struct osc_server *server, struct osc_error *e);

/* After mmap() or similar has failed to give the processes a page to share. */
int osc_server_no_page(struct osc_error *e);

/* Called by a worker that is set up and begins to serve. */
static inline void osc_server_is_set_up(const struct osc_server *server,
					unsigned int index)
{
	atomic_store(&server->is_set_up[index], true);
}

/* The part of the limits, cache and books for one process or loop. */
void osc_server_service(const struct osc_server *server, unsigned int slot,
			bool exclusive, const atomic_bool *draining,
			struct osc_service *out);

#endif
