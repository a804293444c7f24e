// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"

static int cannot(struct osc_error *e, const char *path, int err)
{
	const char *hint = err == ENOSPC || err == EDQUOT ?
				   "make room, or try another place" :
				   "try a path in a directory you may write to";

	return osc_error_set(e, err, "cannot write '%s': %s; %s", path,
			     strerror(err), hint);
}

/* A file beside the one asked for, with room for what will come. */
static int open_temporary(struct osc_outfile *o, size_t reserve, mode_t mode,
			  struct osc_error *e)
{
	int n = snprintf(o->temporary, sizeof(o->temporary), "%s.XXXXXX",
			 o->path);
	int fd, err;

	if (n < 0 || (size_t)n >= sizeof(o->temporary)) {
		*o->temporary = '\0';
		return cannot(e, o->path, ENAMETOOLONG);
	}
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		*o->temporary = '\0';
		return cannot(e, o->path, err);
	}
	err = posix_fallocate(fd, 0, (off_t)reserve);
	/* Blocks beyond the end stay ours until it is closed. */
	if (!err && (ftruncate(fd, 0) || fchmod(fd, mode)))
		err = errno;
	o->file = err ? NULL : fdopen(fd, "w");
	if (o->file)
		return 0;
	if (!err)
		err = errno;
	close(fd);
	unlink(o->temporary);
	*o->temporary = '\0';
	return cannot(e, o->path, err);
}

int osc_outfile_open(struct osc_outfile *o, const char *path, size_t reserve,
		     struct osc_error *e)
{
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	*o = (struct osc_outfile){ 0 };
	if (!strcmp(path, "-")) {
		strcpy(o->path, "-");
		o->file = stdout;
		return 0;
	}
	if (!*path || strlen(path) >= sizeof(o->path))
		return cannot(e, path, *path ? ENAMETOOLONG : ENOENT);
	strcpy(o->path, path);
	if (stat(path, &st))
		return open_temporary(o, reserve, 0666 & ~mask, e);
	if (S_ISREG(st.st_mode) && !access(path, W_OK))
		return open_temporary(o, reserve, st.st_mode & 07777, e);
	/* Also a file that is write-protected: it says so. */
	o->file = fopen(path, S_ISREG(st.st_mode) ? "r+e" : "we");
	return o->file ? 0 : cannot(e, path, errno);
}

int osc_outfile_commit(struct osc_outfile *o, struct osc_error *e)
{
	int err = 0;

	if (fflush(o->file) || ferror(o->file))
		err = errno ?: EIO;
	if (*o->temporary && !err && fsync(fileno(o->file)))
		err = errno;
	if (o->file != stdout && fclose(o->file) && !err)
		err = errno;
	o->file = NULL;
	if (*o->temporary && !err && rename(o->temporary, o->path))
		err = errno;
	if (*o->temporary && err)
		unlink(o->temporary);
	*o->temporary = '\0';
	return err ? cannot(e, o->path, err) : 0;
}

void osc_outfile_abandon(struct osc_outfile *o)
{
	if (o->file && o->file != stdout)
		fclose(o->file);
	o->file = NULL;
	if (*o->temporary)
		unlink(o->temporary);
	*o->temporary = '\0';
}
