/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the control socket of osconceptsd: where it is, lines of JSON
 * in and out, and a client's end of it. Documentation/control-protocol.md is
 * the contract.
 */
#ifndef OSC_LIB_CONTROL_H
#define OSC_LIB_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_error;

#define OSC_CONTROL_SCHEMA "osconcepts-control/1"

/* The longest request a client may send, and the longest answer it takes: a
 * run's result carries its samples and histograms.
 */
#define OSC_CONTROL_REQUEST_MAX (64u << 10)
#define OSC_CONTROL_REPLY_MAX (64u << 20)

/*
 * /run/osconcepts/control.sock for root, else control.sock in osconcepts/
 * under $XDG_RUNTIME_DIR. Fails where that is not set or too long.
 */
int osc_control_path(char *path, size_t size, struct osc_error *e);

/* Bytes in, whole lines out. {.max = N} is an empty one. */
struct osc_lines {
	char *data;
	size_t start, length, capacity;
	size_t searched; /* of length: no end of a line is there */
	size_t max; /* longest line */
};

/*
 * Reads once what fd has. 1: something came, 0: the end, -EAGAIN: nothing
 * now, other -errno: broken.
 */
int osc_lines_fill(struct osc_lines *l, int fd);

/*
 * The next whole line, without its newline and NUL-terminated, valid until
 * the next call on l. 1: *line is set, 0: there is none yet, -EMSGSIZE: what
 * has come is longer than a line may be.
 */
int osc_lines_next(struct osc_lines *l, char **line, size_t *length);
void osc_lines_free(struct osc_lines *l);

/* A client's end. */
struct osc_control {
	int fd;
	struct osc_lines in;
};

int osc_control_connect(struct osc_control *c, const char *path,
			struct osc_error *e);
/* Takes a connected socket, which osc_control_close then closes. */
void osc_control_adopt(struct osc_control *c, int fd);

/* Sends one message and gives up the reference, whatever happens. */
int osc_control_send(struct osc_control *c, json_t *message,
		     struct osc_error *e);

/*
 * One message, a new reference. -EINTR when a signal came, -ETIMEDOUT after
 * timeout_ns without a whole one, however many bytes of it have come.
 */
int osc_control_receive(struct osc_control *c, uint64_t timeout_ns,
			json_t **message, struct osc_error *e);
void osc_control_close(struct osc_control *c);

#endif
