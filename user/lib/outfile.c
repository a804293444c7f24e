// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"

/* As many as the kernel follows. */
#define LINKS_MAX 40

static int cannot(struct osc_error *e, const char *what, const char *path,
		  int err)
{
	const char *hint = "try another path";

	if (err == EACCES || err == EPERM || err == EROFS)
		hint = "try a path in a directory you may write to";
	else if (err == ENOENT && *path)
		hint = "try a path in a directory that exists";
	else if (err == ENOSPC || err == EDQUOT)
		hint = "make room, or try another place";
	else if (err == EFBIG)
		hint = "try a higher ulimit -f";

	return osc_error_set(e, err, "%s '%s': %s; %s", what, path,
			     strerror(err), hint);
}

/*
 * Of a new file, or of one in place of another. The owner and the group are
 * ours, so that no bit beyond read and write may come from the old file, and
 * none that the umask forbids.
 */
static mode_t new_mode(mode_t old)
{
	mode_t mask = umask(0);

	umask(mask);
	return old & 0666 & ~mask;
}

/*
 * The number of the open descriptor of ours that a path names; -1: none. Opened
 * by its path a file would be written from its beginning, over what another
 * has written through the descriptor.
 */
static int own_descriptor(const char *path)
{
	static const char *const names[] = { "/dev/fd/", "/proc/self/fd/" };

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t length = strlen(names[i]);
		char *end;
		long fd;

		if (strncmp(path, names[i], length))
			continue;
		fd = strtol(path + length, &end, 10);
		if (end != path + length && !*end && fd >= 0 && fd <= INT_MAX)
			return (int)fd;
	}
	return -1;
}

/* Where the name in `path` begins, behind the directory. */
static char *name_in(char *path)
{
	char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void directory_of(const char *path, char directory[PATH_MAX])
{
	char *name;

	strcpy(directory, path);
	name = name_in(directory);
	if (name == directory)
		strcpy(directory, ".");
	else if (name == directory + 1)
		*name = '\0'; /* the slash is the directory */
	else
		name[-1] = '\0';
}

/*
 * A link that anybody could have made, such as one in /tmp, may lead to any
 * file of ours. The kernel's fs.protected_symlinks has the same rule.
 */
static bool may_follow(const char *path, const struct stat *link)
{
	char directory[PATH_MAX];
	struct stat st;

	directory_of(path, directory);
	if (stat(directory, &st))
		return false;
	return link->st_uid == geteuid() || link->st_uid == st.st_uid ||
	       !(st.st_mode & S_IWOTH);
}

/* Replaces a link by what it names. 0 or errno. */
static int follow(char path[PATH_MAX])
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *at;

	if (n < 0)
		return errno;
	target[n] = '\0';
	at = *target == '/' ? path : name_in(path);
	if ((size_t)(at - path) + (size_t)n >= PATH_MAX)
		return ENAMETOOLONG;
	strcpy(at, target);
	return 0;
}

static int begin(struct osc_outfile *o, const char *what, const char *path,
		 struct osc_error *e)
{
	struct stat st;
	int err = 0;

	*o = (struct osc_outfile){ .what = what };
	if (!*path || strlen(path) >= sizeof(o->path))
		return cannot(e, what, path, *path ? ENAMETOOLONG : ENOENT);
	strcpy(o->path, path);
	for (int n = 0; !err && own_descriptor(o->path) < 0 &&
			!lstat(o->path, &st) && S_ISLNK(st.st_mode);
	     n++) {
		if (!may_follow(o->path, &st))
			return osc_error_set(e, EACCES,
					     "%s '%s': a symbolic link of "
					     "another user, in a directory "
					     "that anybody may write to; try "
					     "another path",
					     what, o->path);
		err = n < LINKS_MAX ? follow(o->path) : ELOOP;
	}
	return err ? cannot(e, what, path, err) : 0;
}

/* A file without a name, which goes with its last descriptor; or -1. */
static int open_unnamed(const char *path)
{
	char directory[PATH_MAX];

	/* Through this it gets its name. */
	if (access("/proc/self/fd", X_OK))
		return -1;
	directory_of(path, directory);
	return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* A file of `size` bytes, all with their blocks, in the same directory. */
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
	fd = open_unnamed(o->path);
	o->unnamed = fd >= 0;
	/* Not all file systems have such files. */
	if (fd < 0)
		fd = mkostemp(o->temporary, O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		*o->temporary = '\0';
		return cannot(e, o->what, o->path, err);
	}
	err = size ? posix_fallocate(fd, 0, (off_t)size) : 0;
	if (!err && fchmod(fd, mode))
		err = errno;
	o->file = err ? NULL : fdopen(fd, "w");
	if (o->file)
		return 0;
	if (!err)
		err = errno;
	close(fd);
	if (!o->unnamed)
		unlink(o->temporary);
	*o->temporary = '\0';
	return cannot(e, o->what, o->path, err);
}

/* In place of the XXXXXX something that no other file has. Returns 0 or errno. */
static int give_name(struct osc_outfile *o)
{
	char *end = o->temporary + strlen(o->temporary) - strlen("XXXXXX");
	char held[32];
	unsigned int random;

	snprintf(held, sizeof(held), "/proc/self/fd/%d", fileno(o->file));
	for (int tries = 0; tries < 100; tries++) {
		if (getrandom(&random, sizeof(random), 0) !=
		    (ssize_t)sizeof(random))
			return errno ? errno : EIO;
		sprintf(end, "%06x", random & 0xffffff);
		if (!linkat(AT_FDCWD, held, AT_FDCWD, o->temporary,
			    AT_SYMLINK_FOLLOW)) {
			o->unnamed = false;
			return 0;
		}
		if (errno != EEXIST)
			return errno;
	}
	return EEXIST;
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

bool osc_outfile_is_stdout(const char *path)
{
	return own_descriptor(path) == STDOUT_FILENO;
}

static FILE *open_own(int fd)
{
	FILE *file;
	int copy;

	if (fd == STDOUT_FILENO)
		return stdout;
	if (fd == STDERR_FILENO)
		return stderr;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	file = copy < 0 ? NULL : fdopen(copy, "w");
	if (!file && copy >= 0)
		close(copy);
	return file;
}

static bool is_shared(const FILE *file)
{
	return file == stdout || file == stderr;
}

/*
 * A regular file that another user owns, that has another name or special bits
 * is not written to: a new file takes its name. Opened first and then looked at,
 * so that nobody can exchange it in between. -1: errno says why.
 */
static int open_in_place(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	mode_t mode = 0666;
	struct stat st;
	int err;

	if (fd < 0 && errno != ENOENT)
		return -1;
	if (fd >= 0) {
		err = fstat(fd, &st) ? errno : 0;
		if (!err && !S_ISREG(st.st_mode))
			return fd;
		if (!err && st.st_uid == geteuid() && st.st_nlink == 1 &&
		    !(st.st_mode & 07000)) {
			if (!ftruncate(fd, 0))
				return fd;
			err = errno;
		} else if (!err) {
			mode &= st.st_mode;
			err = unlink(path) ? errno : 0;
		}
		close(fd);
		if (err) {
			errno = err;
			return -1;
		}
	}
	/* The umask is taken from the mode. */
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

int osc_outfile_stream(struct osc_outfile *o, const char *what,
		       const char *path, struct osc_error *e)
{
	int fd, err, ret = begin(o, what, path, e);

	if (ret)
		return ret;
	if (own_descriptor(o->path) >= 0) {
		o->file = open_own(own_descriptor(o->path));
		return o->file ? 0 : cannot(e, what, path, errno);
	}
	fd = open_in_place(o->path);
	if (fd < 0)
		return cannot(e, what, path, errno);
	o->file = fdopen(fd, "w");
	if (o->file)
		return 0;
	err = errno;
	close(fd);
	return cannot(e, what, path, err);
}

int osc_outfile_open(struct osc_outfile *o, const char *path, size_t reserve,
		     struct osc_error *e)
{
	int ret = begin(o, "cannot write", path, e);
	struct stat st;

	if (ret)
		return ret;
	if (own_descriptor(o->path) >= 0) {
		o->file = open_own(own_descriptor(o->path));
		return o->file ? 0 : cannot(e, o->what, path, errno);
	}
	if (stat(o->path, &st))
		return open_empty(o, reserve, new_mode(0666), e);
	if (!S_ISREG(st.st_mode)) {
		o->file = fopen(o->path, "we");
		return o->file ? 0 : cannot(e, o->what, path, errno);
	}
	if (access(o->path, W_OK))
		return cannot(e, o->what, path, errno);
	return open_empty(o, reserve, new_mode(st.st_mode), e);
}

int osc_outfile_open_mapped(struct osc_outfile *o, const char *what,
			    const char *path, size_t size, struct osc_error *e)
{
	int ret = begin(o, what, path, e);
	struct stat st;

	if (ret)
		return ret;
	if (own_descriptor(o->path) >= 0)
		return osc_error_set(e, EINVAL,
				     "%s '%s': an open descriptor cannot be "
				     "mapped; try another path",
				     what, path);
	if (stat(o->path, &st))
		return open_temporary(o, size, new_mode(0644), e);
	if (!S_ISREG(st.st_mode))
		return osc_error_set(e, EINVAL,
				     "%s '%s': not a regular file; try another "
				     "path",
				     what, path);
	if (access(o->path, W_OK))
		return cannot(e, what, path, errno);
	/* Whoever may write may also truncate, and a page is then lost. */
	return open_temporary(o, size, new_mode(st.st_mode & ~0022), e);
}

int osc_outfile_commit(struct osc_outfile *o, struct osc_error *e)
{
	int err = 0;

	if (fflush(o->file) || ferror(o->file))
		err = errno ?: EIO;
	if (*o->temporary && !err && fsync(fileno(o->file)))
		err = errno;
	if (o->unnamed && !err)
		err = give_name(o);
	if (!is_shared(o->file) && fclose(o->file) && !err)
		err = errno;
	o->file = NULL;
	if (*o->temporary && !err && rename(o->temporary, o->path))
		err = errno;
	if (*o->temporary && err && !o->unnamed)
		unlink(o->temporary);
	*o->temporary = '\0';
	return err ? cannot(e, o->what, o->path, err) : 0;
}

void osc_outfile_abandon(struct osc_outfile *o)
{
	if (o->file && !is_shared(o->file))
		fclose(o->file);
	o->file = NULL;
	if (*o->temporary && !o->unnamed)
		unlink(o->temporary);
	*o->temporary = '\0';
}
