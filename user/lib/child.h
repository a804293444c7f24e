/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h - the one way to run a child.
 *
 * A gated child waits, already a process of its own, before its program
 * starts: the caller can make it a target first and miss nothing. A program
 * that cannot be executed is an error of start (or release) with the child's
 * errno, not a child that ends with 127.
 */
#ifndef OSC_LIB_CHILD_H
#define OSC_LIB_CHILD_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct osc_error;

enum osc_child_flags {
	OSC_CHILD_GATE = 1, /* wait for osc_child_release before exec */
	OSC_CHILD_STDIN_NULL = 2,
	OSC_CHILD_CAPTURE = 4, /* its stdout can be read from child.out */
	OSC_CHILD_GROUP = 8, /* leads a process group, signalled as a whole */
	/* Killed when the *thread* that started it ends: start long-lived
	 * children from a thread that lives as long.
	 */
	OSC_CHILD_PDEATHSIG = 16,
};

/* `parent` is open in the child as descriptor `child`, across the exec. */
struct osc_child_fd {
	int parent;
	int child;
};

#define OSC_CHILD_FDS_MAX 16

struct osc_child_options {
	const char *const *argv; /* NULL-terminated, argv[0] by PATH */
	unsigned int flags;
	const struct osc_child_fd *fds; /* may also name 0, 1 and 2 */
	size_t nr_fds;
	const cpu_set_t *cpus; /* NULL: as ours */
};

struct osc_child {
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it has ended */
	int out; /* OSC_CHILD_CAPTURE: read end of its stdout, or -1 */
	bool ended; /* reaped: status and usage hold */
	int status; /* as of wait4 */
	struct rusage usage; /* with that of the children it waited for */
	/* private */
	int gate;
	int report;
	bool group;
	char program[64]; /* for error texts */
};

#define OSC_CHILD_NONE                                            \
	{                                                         \
		.pidfd = -1, .out = -1, .gate = -1, .report = -1, \
	}

/* A gated child sleeps at its gate when this returns: its counts stand still. */
int osc_child_start(struct osc_child *c, const struct osc_child_options *o,
		    struct osc_error *e);

/* Opens the gate; returns when the program runs, or could not be run. */
int osc_child_release(struct osc_child *c, struct osc_error *e);

#define OSC_CHILD_FOREVER UINT64_MAX

/*
 * Waits until it has ended but leaves it a zombie, whose books can still be
 * read in /proc. -ETIMEDOUT after timeout_ns; -EINTR when a signal came.
 */
int osc_child_await(struct osc_child *c, uint64_t timeout_ns,
		    struct osc_error *e);

/* await, then reaps: c->status and c->usage are set. Once is enough. */
int osc_child_wait(struct osc_child *c, uint64_t timeout_ns,
		   struct osc_error *e);

/* Sends sig to the child, or to its group when it leads one. */
int osc_child_kill(struct osc_child *c, int sig, struct osc_error *e);

/* SIGTERM, and SIGKILL after grace_ns; reaps. Fine on one that has ended. */
int osc_child_stop(struct osc_child *c, uint64_t grace_ns, struct osc_error *e);

/*
 * Reads all of a captured stdout into *text, which the caller frees: until
 * its end, at most max bytes and timeout_ns. Always NUL-terminated.
 */
int osc_child_output(struct osc_child *c, size_t max, uint64_t timeout_ns,
		     char **text, size_t *length, struct osc_error *e);

/* Kills and reaps what still runs, closes the descriptors. Fine on NONE. */
void osc_child_close(struct osc_child *c);

/* The exit code a shell would give: its own, or 128 + the signal. */
int osc_child_exit_code(const struct osc_child *c);

#endif
