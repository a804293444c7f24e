/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host (run.py) and guest (init.c) say to each other over one virtio
 * serial port: frames of a type, a length and that many bytes. One port keeps
 * the order: WIRE_EXIT comes after the last byte of output.
 */
#ifndef OSC_VM_WIRE_H
#define OSC_VM_WIRE_H

#include <stdint.h>

#define WIRE_PORT "osconcepts" /* name of the virtio serial port */
#define WIRE_END "osconcepts-vm: end" /* last line of the guest's log */

enum wire_type {
	/* host to guest */
	WIRE_COMMAND = 'C', /* NUL-ended strings, see run.py:command_blob() */
	WIRE_INPUT = 'I', /* bytes of standard input; none: end of file */
	WIRE_SIGNAL = 'S', /* uint32: for the command's process group */
	WIRE_SIZE = 'W', /* uint32 rows, uint32 columns of the terminal */
	/* guest to host */
	WIRE_READY = 'R', /* the guest is up and waits for the command */
	WIRE_OUTPUT = 'O', /* bytes of standard output */
	WIRE_ERROR = 'E', /* bytes of standard error */
	WIRE_TAKEN = 'A', /* the last WIRE_INPUT is used up, send the next */
	WIRE_EXIT = 'X', /* uint32: exit status as a shell shows it */
	WIRE_FAILED = 'F', /* text: why the guest cannot go on */
};

struct wire_head {
	uint32_t type, length; /* little endian, as both ends are x86 */
};
_Static_assert(sizeof(struct wire_head) == 8, "run.py packs '<II'");

/* Bytes of output or input in one frame. */
#define WIRE_DATA_MAX 32768
/* Bytes of any frame: the command with its arguments and environment. */
#define WIRE_FRAME_MAX (4 << 20)

#endif
