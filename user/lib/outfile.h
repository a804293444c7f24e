/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outfile.h - a result file that appears whole or not at all, and whose place
 * is found wanting before the work begins, not after it.
 */
#ifndef OSC_LIB_OUTFILE_H
#define OSC_LIB_OUTFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct osc_error;

struct osc_outfile {
	FILE *file; /* write here; NULL: not open */
	char path[PATH_MAX]; /* symbolic links are resolved */
	bool unnamed; /* until commit: a program that is killed leaves nothing */
	char temporary[PATH_MAX]; /* its name beside `path`; "" when it has none */
	const char *what; /* errors begin with this and the path */
};

/*
 * "-" is stdout, and so is /dev/stdout; a name of another of our descriptors,
 * such as /dev/fd/3, is that descriptor: what others write to it is not written
 * over. What is there and is no regular file (a device, a pipe) is written in
 * place. A regular file is replaced with commit, by a file of ours: of the old
 * one's mode it has read and write permission, as far as the umask allows. A
 * symbolic link stays, and the file that it names is replaced; the link of
 * another user in a directory that anybody may write to is refused. Room for
 * `reserve` bytes is taken now.
 */
int osc_outfile_open(struct osc_outfile *o, const char *path, size_t reserve,
		     struct osc_error *e);
bool osc_outfile_is_stdout(const char *path);
/*
 * To be written and read as results come: the same names and links, but the file
 * has its name from now on, and commit only closes it. A regular file of ours is
 * emptied and written in place; one that another user owns, that has a second
 * name or bits beyond read, write and execute is replaced now by a new file.
 * Errors begin with `what`.
 */
int osc_outfile_stream(struct osc_outfile *o, const char *what,
		       const char *path, struct osc_error *e);
/*
 * For a file that is to be mapped, so it must be a regular one: whatever else
 * is there is refused and left alone. It has `size` bytes, all of them with
 * their blocks, and only its owner may write to it. Errors begin with `what`.
 */
int osc_outfile_open_mapped(struct osc_outfile *o, const char *what,
			    const char *path, size_t size, struct osc_error *e);
/* Writes out what is buffered and gives the file its name. Closes it. */
int osc_outfile_commit(struct osc_outfile *o, struct osc_error *e);
/* Leaves nothing behind. Fine on one that is not open. */
void osc_outfile_abandon(struct osc_outfile *o);

#endif
