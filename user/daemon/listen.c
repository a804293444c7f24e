// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket's name: who may have it, who may come in by it, and what
 * becomes of one that a dead daemon left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "lib/bars.h"
#include "lib/clock.h"
#include "lib/error.h"

#define BACKLOG 32
/* Between two attempts to accept while descriptors or memory are short. */
#define PAUSE_NS (200 * OSC_NS_PER_MS)

static bool allowed(const struct osc_daemon *d, int fd)
{
	gid_t groups[NGROUPS_MAX];
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	if (d->group == (gid_t)-1)
		return false;
	if (peer.gid == d->group)
		return true;
	size = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++) {
		if (groups[i] == d->group)
			return true;
	}
	return false;
}

/* A refused client learns why, if it listens at all. */
static void turn_away(int fd, const char *why)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "{\"ok\":false,\"error\":{\"text\":\"cannot serve "
			 "you: %s\",\"exit_code\":1,\"errno\":%d}}\n",
			 why, EACCES);

	(void)!send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void on_resume(void *arg)
{
	struct osc_daemon *d = arg;

	osc_reactor_change(&d->loop, &d->listener, EPOLLIN, NULL);
}

/*
 * Without descriptors or memory the connection stays in the queue, and would
 * be an event at once: the loop leaves the queue alone for a while.
 */
static void pause_accepting(struct osc_daemon *d, int err)
{
	if (!d->short_of)
		osc_text_say(
			stderr,
			"osconceptsd: cannot take a client: %s; clients wait "
			"until there is room; try a higher 'ulimit -n'",
			strerror(err));
	d->short_of = true;
	if (!osc_timer_set(&d->resume, PAUSE_NS, 0, NULL))
		osc_reactor_change(&d->loop, &d->listener, 0, NULL);
}

/*
 * The next client, or -errno. It needs a second descriptor, for its timer: where
 * there is none it stays in the queue.
 */
static int take_client(struct osc_daemon *d)
{
	int timer = fcntl(d->listener.fd, F_DUPFD_CLOEXEC, 0);
	int fd = timer < 0 ? -1 :
			     accept4(d->listener.fd, NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);
	int ret = fd < 0 ? -errno : fd;

	if (timer >= 0)
		close(timer);
	return ret;
}

static void on_connect(void *arg, uint32_t events)
{
	struct osc_daemon *d = arg;
	int fd = take_client(d);
	struct osc_error e;

	(void)events;
	if (fd < 0) {
		if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS ||
		    fd == -ENOMEM)
			pause_accepting(d, -fd);
		return;
	}
	d->short_of = false;
	if (!allowed(d, fd)) {
		turn_away(fd, "you are neither its user, nor root, nor in its "
			      "group; try to start your own osconceptsd");
		return;
	}
	if (osc_clients_full(d)) {
		turn_away(fd, "there are too many clients; try again later");
		return;
	}
	if (osc_clients_add(d, fd, &e))
		turn_away(fd, "it has no descriptor or no memory left; try "
			      "again later");
}

/* The directory of the default socket is ours to make; others must exist. */
static int make_directory(const char *path, struct osc_error *e)
{
	char dir[sizeof(((struct osc_daemon *)0)->socket_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	if (!mkdir(dir, 0755) || errno == EEXIST)
		return 0;
	return osc_error_set(e, errno,
			     "cannot make the directory '%s': %s; try "
			     "--socket PATH",
			     dir, strerror(errno));
}

/*
 * A lock beside the socket tells a living daemon from what a dead one left:
 * whoever holds it may replace the socket file.
 */
static int take_lock(struct osc_daemon *d, const char *path,
		     struct osc_error *e)
{
	char name[sizeof(d->socket_path) + 8];
	struct stat ours, there;

	snprintf(name, sizeof(name), "%s.lock", path);
	for (;;) {
		d->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			       0600);
		if (d->lock < 0)
			return osc_error_set(e, errno,
					     "cannot make '%s': %s; try "
					     "--socket PATH in a directory you "
					     "may write to",
					     name, strerror(errno));
		if (flock(d->lock, LOCK_EX | LOCK_NB))
			break;
		/* The one before us may have removed it before we had it. */
		if (!fstat(d->lock, &ours) && !stat(name, &there) &&
		    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
			return 0;
		close(d->lock);
	}
	close(d->lock);
	d->lock = -1;
	return osc_error_set(e, EADDRINUSE,
			     "cannot listen on '%s': another osconceptsd does; "
			     "try another --socket, or stop that one",
			     path);
}

static int remove_stale(const char *path, struct osc_error *e)
{
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return osc_error_set(e, EEXIST,
				     "cannot listen on '%s': it exists and is "
				     "not a socket; try another --socket",
				     path);
	if (unlink(path))
		return osc_error_set(e, errno,
				     "cannot remove the stale socket '%s': %s",
				     path, strerror(errno));
	return 0;
}

static int bind_socket(struct osc_daemon *d, const char *path, mode_t mode,
		       struct osc_error *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int ret;

	if (fd < 0)
		return osc_error_set(e, errno, "cannot make a socket: %s",
				     strerror(errno));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	/* Nobody else may connect before the mode is what was asked for. */
	mask = umask(0177);
	ret = bind(fd, (const struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
	umask(mask);
	if (ret) {
		close(fd);
		return osc_error_set(e, -ret,
				     "cannot listen on '%s': %s; try --socket "
				     "PATH",
				     path, strerror(-ret));
	}
	snprintf(d->socket_path, sizeof(d->socket_path), "%s", path);
	if ((d->group != (gid_t)-1 && chown(path, (uid_t)-1, d->group)) ||
	    chmod(path, mode) || listen(fd, BACKLOG)) {
		ret = osc_error_set(e, errno, "cannot listen on '%s': %s", path,
				    strerror(errno));
	} else {
		ret = osc_timer_open(&d->loop, &d->resume, on_resume, d, e);
		if (!ret)
			ret = osc_reactor_add(&d->loop, &d->listener, fd,
					      EPOLLIN, on_connect, d, e);
	}
	if (ret)
		close(fd);
	return ret;
}

/* While we hold it: whoever comes next makes a lock of their own. */
static void drop_lock(struct osc_daemon *d, const char *path)
{
	char name[sizeof(d->socket_path) + 8];

	snprintf(name, sizeof(name), "%s.lock", path);
	unlink(name);
	close(d->lock);
	d->lock = -1;
}

int osc_listen_on(struct osc_daemon *d, const char *path, mode_t mode,
		  struct osc_error *e)
{
	int ret;

	if (strlen(path) >= sizeof(d->socket_path))
		return osc_error_set(e, ENAMETOOLONG,
				     "cannot listen on '%s': longer than a "
				     "socket's name may be; try a shorter one",
				     path);
	ret = make_directory(path, e);
	if (!ret)
		ret = take_lock(d, path, e);
	if (!ret)
		ret = remove_stale(path, e);
	if (!ret)
		ret = bind_socket(d, path, mode, e);
	/* The file there is not ours, but the lock beside it is. */
	if (ret && d->lock >= 0 && !*d->socket_path)
		drop_lock(d, path);
	return ret;
}

void osc_listen_end(struct osc_daemon *d)
{
	int fd = d->listener.fd;

	osc_timer_close(&d->loop, &d->resume);
	osc_reactor_remove(&d->loop, &d->listener);
	if (fd >= 0)
		close(fd);
	if (*d->socket_path) {
		unlink(d->socket_path);
		drop_lock(d, d->socket_path);
	}
}
