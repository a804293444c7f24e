/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's init: init.c sets the machine up, run.c runs the command. */
#ifndef OSC_VM_INIT_H
#define OSC_VM_INIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* What the host asked for; the strings live as long as the machine. */
struct command {
	bool tty; /* run it on a terminal of its own */
	bool input; /* it has a standard input */
	uint32_t rows, columns;
	const char *cwd, *out;
	const char *modules_from, *modules_to; /* link of /lib/modules */
	char **argv, **envp;
};

/* The port to the host; -1 before it is open. */
extern int port;

/* Tell host and log, end the machine. */
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

void send_frame(enum wire_type type, const void *data, size_t length);
void receive_command(struct command *c);

/* Returns the exit status as a shell shows it. */
uint32_t run(const struct command *c);

#endif
