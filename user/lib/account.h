/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * account.h - the books a server keeps of itself: what it accepted, answered,
 * forked and waited for. The kernel's counters are audited against them, so
 * they are exact: each event is counted once, by the process that caused it,
 * in memory that all processes of the server share and that outlives them.
 *
 * The books are a file of fixed size (osconcepts serve --account FILE) or, with
 * no file, an anonymous shared mapping. A header says whose books they are; the
 * numbers stand in slots, which a reader sums. A slot exists so that writers do
 * not share a cache line: an event loop has one to itself, short-lived children
 * and threads spread over the others.
 */
#ifndef OSC_LIB_ACCOUNT_H
#define OSC_LIB_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct osc_error;

enum osc_account_field {
	OSC_ACCOUNT_ACCEPTS, /* connections taken from the listener */
	OSC_ACCOUNT_CLOSES, /* connections ended, by whichever side */
	OSC_ACCOUNT_REQUESTS, /* answers made = 2xx + 4xx + 5xx */
	OSC_ACCOUNT_RESPONSES_2XX,
	OSC_ACCOUNT_RESPONSES_4XX,
	OSC_ACCOUNT_RESPONSES_5XX,
	OSC_ACCOUNT_BYTES_IN, /* read from connections */
	OSC_ACCOUNT_BYTES_OUT, /* written to connections */
	OSC_ACCOUNT_FORKS, /* successful forks after start-up began */
	OSC_ACCOUNT_THREADS_CREATED,
	OSC_ACCOUNT_WORKER_EXITS, /* children that ended by themselves, status 0 */
	OSC_ACCOUNT_WORKER_DEATHS, /* children ended by a signal or with an error */
	OSC_ACCOUNT_WAITS, /* returns of an event loop's wait: epoll_wait, poll … */
	OSC_ACCOUNT_WAITS_BLOCKED, /* of these, entered with a timeout other than 0 */
	OSC_ACCOUNT_WAIT_EVENTS, /* events that they returned */
	OSC_ACCOUNT_ACCEPT_PAUSES, /* times accepting stopped: a limit was reached */
	OSC_ACCOUNT_REFUSED, /* accepted, answered 503: no child or thread to be had */
	OSC_ACCOUNT_TIMEOUTS, /* connections ended by a time limit */
	/*
	 * System calls: reads, writes, waits and these are all that a
	 * connection costs. Of the server's own code: a lock or a thread of
	 * the C library may make others beneath, and /work has a clock.
	 */
	OSC_ACCOUNT_READS, /* calls that read from a connection */
	OSC_ACCOUNT_READS_EMPTY, /* of these, that found nothing: EAGAIN */
	OSC_ACCOUNT_WRITES, /* calls that write to a connection */
	OSC_ACCOUNT_CALLS, /* all others: accept, close, epoll_ctl, fork … */
	OSC_ACCOUNT_WAITS_USELESS, /* returned events, and nothing came of it */
	OSC_ACCOUNT_ACCEPT_WAKES, /* waits that told of one to be accepted */
	OSC_ACCOUNT_ACCEPT_VAIN, /* of these, that found none: others were first */
	OSC_ACCOUNT_BYTES_PAGES, /* of bytes_out: pages passed on, not copied */
	OSC_NR_ACCOUNT,
};

/* "accepts", "responses_2xx", ...: the words of every JSON document. */
const char *osc_account_name(enum osc_account_field field);

enum osc_account_state {
	OSC_ACCOUNT_STARTING = 0,
	OSC_ACCOUNT_SERVING = 1,
	OSC_ACCOUNT_STOPPED = 2, /* ended in order: the numbers are final */
};

#define OSC_ACCOUNT_MAGIC 0x3174636341435371ull
#define OSC_ACCOUNT_VERSION 3
#define OSC_ACCOUNT_SLOTS 64
/* The master's own slot: workers never write it. */
#define OSC_ACCOUNT_MASTER (OSC_ACCOUNT_SLOTS - 1)
#define OSC_ACCOUNT_MODEL_MAX 32

/* Four cache lines; a child touches one slot, hence one page. */
struct osc_account_slot {
	_Atomic uint64_t value[32];
};

struct osc_account {
	uint64_t magic;
	uint32_t version;
	uint32_t bytes; /* of the whole file */
	char model[OSC_ACCOUNT_MODEL_MAX];
	int32_t pid; /* the server's first process */
	_Atomic uint32_t state; /* enum osc_account_state */
	uint64_t start_monotonic_ns;
	uint64_t start_realtime_ns;
	uint8_t reserved[4096 - 40 - OSC_ACCOUNT_MODEL_MAX];
	struct osc_account_slot slot[OSC_ACCOUNT_SLOTS];
};

_Static_assert(OSC_NR_ACCOUNT <= 32, "a slot holds 32 fields");
_Static_assert(sizeof(struct osc_account_slot) == 256, "slots are 4 lines");
_Static_assert(offsetof(struct osc_account, slot) == 4096,
	       "slots start on a page of their own");
_Static_assert(sizeof(struct osc_account) == 4096 + 64 * 256,
	       "the file's size is part of its format");

/*
 * A writer's place in the books. An exclusive writer is the only one that adds
 * to its slot, and is spared the locked instruction.
 */
struct osc_books {
	struct osc_account_slot *slot;
	bool exclusive;
};

static inline void osc_books_add(const struct osc_books *b,
				 enum osc_account_field field, uint64_t n)
{
	_Atomic uint64_t *v = &b->slot->value[field];

	if (b->exclusive)
		atomic_store_explicit(
			v, atomic_load_explicit(v, memory_order_relaxed) + n,
			memory_order_relaxed);
	else
		atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

/*
 * Makes the books of a new server. A file appears whole, under its name, or not
 * at all; one of that name is replaced, and a server that still writes to it
 * is not disturbed. path NULL: no file.
 */
int osc_account_create(const char *path, const char *model,
		       struct osc_account **out, struct osc_error *e);
void osc_account_destroy(struct osc_account *a);

/*
 * False: the file has been truncated. The writers go on, each in memory of its own,
 * and the sum of the file is not theirs.
 */
bool osc_account_is_intact(const struct osc_account *a);

/* `index` beyond the workers' slots wraps around, and is then not exclusive. */
struct osc_books osc_account_books(struct osc_account *a, unsigned int index,
				   bool exclusive);

/*
 * After a worker died: what its slot shows as open is closed. Only for a slot
 * whose writers are all dead.
 */
void osc_account_close_open(struct osc_account_slot *slot);

struct osc_account_snapshot {
	uint64_t value[OSC_NR_ACCOUNT];
	uint64_t connections_open;
	char model[OSC_ACCOUNT_MODEL_MAX];
	pid_t pid;
	enum osc_account_state state;
	uint64_t start_monotonic_ns;
	uint64_t start_realtime_ns;
};

/* Sums the slots of books that this process has mapped. */
void osc_account_sum(const struct osc_account *a,
		     struct osc_account_snapshot *out);

/* A reader of somebody's books; the server need not live. */
struct osc_account_reader {
	int fd;
	const struct osc_account *map;
};

int osc_account_open(const char *path, struct osc_account_reader *out,
		     struct osc_error *e);
/* Fails, rather than crash, when the file has been cut since it was opened. */
int osc_account_read(const struct osc_account_reader *r,
		     struct osc_account_snapshot *out, struct osc_error *e);
void osc_account_reader_close(struct osc_account_reader *r);

#endif
