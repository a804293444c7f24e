/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - a fuzzer of the netlink family, that knows its specification.
 *
 * Messages come from a seed alone: from the specification (message.c), or from
 * one of the corpus or one sent before, changed. What the kernel answers never
 * decides what is sent, and what differs from run to run stands in them by
 * name until they are sent, so that a seed replays a run.
 */
#ifndef OSC_FUZZ_NETLINK_H
#define OSC_FUZZ_NETLINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum fuzz_kind {
	KIND_PAD,
	KIND_U32,
	KIND_U64,
	KIND_STRING,
	KIND_NEST,
	KIND_BINARY,
	KIND_FLAG,
};

struct fuzz_attribute {
	uint16_t type;
	enum fuzz_kind kind;
	const char *const *words; /* that mean something, or NULL */
	const struct fuzz_attribute *nested; /* or NULL */
	unsigned int in_nested;
};

struct fuzz_command {
	uint8_t cmd;
	const char *name;
	const struct fuzz_attribute *set;
	unsigned int in_set;
	const uint16_t *request; /* attributes that a request has */
	unsigned int in_request;
};

/* Made from the specification. */
extern const struct fuzz_command fuzz_commands[];
extern const unsigned int fuzz_nr_commands;

/* --- random numbers */

struct rng {
	uint64_t state;
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* 0 to below - 1. */
uint32_t rng_below(struct rng *rng, uint32_t below);
/* True once in a number of times. */
bool rng_once_in(struct rng *rng, uint32_t times);

/* --- messages */

#define MESSAGE_MAX 1024
#define KNOWN_PIDS 8

struct message {
	uint32_t len;
	/* Netlink's messages are aligned to four bytes. */
	uint8_t bytes[MESSAGE_MAX] __attribute__((aligned(4)));
};

/*
 * Names, in a message that has been made or kept: of the family, whose number
 * is another one in each boot, and of the first of the PIDs.
 */
#define FAMILY_NAME 0xfa31
#define PID_NAME 0x5eed1d00u

/* What messages are made with; pids are of processes that come and go. */
struct maker {
	struct rng rng;
	bool is_tame; /* the message being made: well formed, that is */
	uint16_t family;
	pid_t pids[KNOWN_PIDS];
	const struct message *corpus;
	size_t in_corpus;
	struct message recent[64];
	unsigned int in_recent;
};

/* The next message, with names. */
void message_make(struct maker *k, struct message *m);
/* The same with numbers, as it is sent. */
void message_resolve(const struct maker *k, const struct message *m,
		     struct message *sent);
/* Of a message with names. */
bool message_is_for_family(const struct message *m);
/*
 * The command of a message with names, by the specification, or
 * fuzz_nr_commands for another one.
 */
unsigned int message_command(const struct message *m);
/* Of all messages so far and this one, in order; 0 before the first. */
uint64_t message_hash(uint64_t before, const struct message *m);

/* --- coverage of the module's text, from /sys/kernel/debug/kcov */

#define COVER_MAX (1U << 19) /* bytes of text */

struct kcov {
	int fd;
	unsigned long *area;
	unsigned long text; /* where the module's text begins */
	atomic_uchar *seen; /* by offset; shared by all workers */
};

/* -1 with errno where the kernel has none. As root. */
int kcov_open(struct kcov *kcov, atomic_uchar *seen);
/* For this thread, from now on. */
int kcov_start(struct kcov *kcov);
void kcov_reset(struct kcov *kcov);
/* Marks what has run since kcov_reset(); how much of it was new. */
unsigned int kcov_mark(struct kcov *kcov);

/* --- the corpus: a file for each message that reached new code */

/* *messages is the caller's to free; -1 with errno. */
ssize_t corpus_load(const char *dir, struct message **messages);
int corpus_save(const char *dir, const struct message *m);

/* --- workers */

#define ERRNO_MAX 134
#define COMMANDS_MAX 16

enum role {
	ROLE_ROOT,
	ROLE_NOBODY,
	ROLE_NAMESPACES, /* of its own: user, net and pid */
	/* Of /proc/osconcepts, at any offset and size. */
	ROLE_READER,
	ROLE_READER_TOO,
	ROLE_READER_NOBODY,
	NR_ROLES,
};

/* Shared by all workers. */
struct tally {
	/* By command and error; the last row is of no command of the family. */
	atomic_ulong answered[COMMANDS_MAX + 1][ERRNO_MAX];
	atomic_ulong unanswered[COMMANDS_MAX + 1]; /* or not read */
	atomic_ulong messages;
	atomic_ulong refused; /* by the socket, before the family saw them */
	atomic_ulong answers;
	atomic_ulong malformed; /* answers that are no netlink */
	char first[64]; /* of them: what is wrong with it */
	atomic_ulong reads;
	atomic_ulong bad_reads;
	atomic_bool stop;
	atomic_ulong digest; /* over what all workers sent */
	atomic_uchar seen[COVER_MAX];
};

struct worker {
	enum role role;
	unsigned int number;
	uint64_t seed;
	uint64_t messages;
	bool has_coverage;
	const char *keep_dir;
	const struct message *corpus;
	size_t in_corpus;
	uint16_t family;
	uint32_t group;
	struct tally *tally;
};

/* Runs in a process of its own; its exit status. */
int worker_run(const struct worker *w);

#endif
