// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"

static int cannot(struct osc_error *e, const char *what, const char *path,
		  int err)
{
	const char *hint = err == ENOSPC || err == EDQUOT ?
				   "make room, or try another place" :
				   "try a path in a directory you may write to";

	return osc_error_set(e, err, "%s '%s': %s; %s", what, path,
			     strerror(err), hint);
}

static mode_t default_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

static int begin(struct osc_outfile *o, const char *what, const char *path,
		 struct osc_error *e)
{
	*o = (struct osc_outfile){ .what = what };
	if (!*path || strlen(path) >= sizeof(o->path))
		return cannot(e, what, path, *path ? ENAMETOOLONG : ENOENT);
	strcpy(o->path, path);
	return 0;
}

/* A file of `size` bytes, all with their blocks, beside the one asked for. */
static int open_temporary(struct osc_outfile *o, size_t size, mode_t mode,
			  struct osc_error *e)
{
	int n = snprintf(o->temporary, sizeof(o->temporary), "%s.XXXXXX",
			 o->path);
	int fd, err;

	if (n < 0 || (size_t)n >= sizeof(o->temporary)) {
		*o->temporary = '\0';
		return cannot(e, o->what, o->path, ENAMETOOLONG);
	}
	fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		*o->temporary = '\0';
		return cannot(e, o->what, o->path, err);
	}
	err = posix_fallocate(fd, 0, (off_t)size);
	if (!err && fchmod(fd, mode))
		err = errno;
	o->file = err ? NULL : fdopen(fd, "w");
	if (o->file)
		return 0;
	if (!err)
		err = errno;
	close(fd);
	unlink(o->temporary);
	*o->temporary = '\0';
	return cannot(e, o->what, o->path, err);
}

/* What is written grows from nothing: no zeroes stay behind it. */
static int open_empty(struct osc_outfile *o, size_t reserve, mode_t mode,
		      struct osc_error *e)
{
	int ret = open_temporary(o, reserve, mode, e);

	if (!ret && ftruncate(fileno(o->file), 0)) {
		ret = cannot(e, o->what, o->path, errno);
		osc_outfile_abandon(o);
	}
	return ret;
}

int osc_outfile_open(struct osc_outfile *o, const char *path, size_t reserve,
		     struct osc_error *e)
{
	int ret = begin(o, "cannot write", path, e);
	struct stat st;

	if (ret)
		return ret;
	if (!strcmp(path, "-")) {
		o->file = stdout;
		return 0;
	}
	if (stat(path, &st))
		return open_empty(o, reserve, default_mode(), e);
	if (S_ISREG(st.st_mode) && !access(path, W_OK))
		return open_empty(o, reserve, st.st_mode & 07777, e);
	/* Also a file that is write-protected: it says so. */
	o->file = fopen(path, S_ISREG(st.st_mode) ? "r+e" : "we");
	return o->file ? 0 : cannot(e, o->what, path, errno);
}

int osc_outfile_open_mapped(struct osc_outfile *o, const char *what,
			    const char *path, size_t size, struct osc_error *e)
{
	int ret = begin(o, what, path, e);
	struct stat st;

	if (ret)
		return ret;
	if (stat(path, &st))
		return open_temporary(o, size, default_mode(), e);
	if (!S_ISREG(st.st_mode))
		return osc_error_set(e, EINVAL,
				     "%s '%s': not a regular file; try another "
				     "path",
				     what, path);
	if (access(path, W_OK))
		return cannot(e, what, path, errno);
	return open_temporary(o, size, st.st_mode & 07777, e);
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
	return err ? cannot(e, o->what, o->path, err) : 0;
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
