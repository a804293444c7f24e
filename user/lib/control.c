// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/program.h"

#define READ_SIZE 65536
/* A daemon that does not take a request in this time is stuck. */
#define SEND_TIMEOUT_NS (10 * OSC_NS_PER_S)
#define SEND_LOOK_MS 10000

int osc_control_path(char *path, size_t size, struct osc_error *e)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	int n;

	if (!geteuid())
		n = snprintf(path, size, "/run/osconcepts/control.sock");
	else if (dir && *dir == '/')
		n = snprintf(path, size, "%s/osconcepts/control.sock", dir);
	else
		return osc_error_set(e, ENOENT,
				     "cannot tell where the control socket is: "
				     "XDG_RUNTIME_DIR is not set; try "
				     "--socket PATH");
	if (n < 0 || (size_t)n >= size ||
	    (size_t)n >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return osc_error_set(e, ENAMETOOLONG,
				     "cannot use the control socket '%.80s...'"
				     ": longer than a socket's name may be; "
				     "try --socket PATH",
				     path);
	return 0;
}

static int make_room(struct osc_lines *l)
{
	size_t capacity = l->capacity;
	char *data;

	if (l->start) {
		memmove(l->data, l->data + l->start, l->length);
		l->start = 0;
	}
	/* One more for the NUL behind a line that ends at the very end. */
	while (capacity < l->length + READ_SIZE + 1)
		capacity = capacity ? 2 * capacity : 2 * READ_SIZE;
	if (capacity == l->capacity)
		return 0;
	data = realloc(l->data, capacity);
	if (!data)
		return -ENOMEM;
	l->data = data;
	l->capacity = capacity;
	return 0;
}

int osc_lines_fill(struct osc_lines *l, int fd)
{
	ssize_t n;
	int ret = make_room(l);

	if (ret)
		return ret;
	do {
		n = read(fd, l->data + l->length, READ_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	l->length += (size_t)n;
	return n > 0;
}

int osc_lines_next(struct osc_lines *l, char **line, size_t *length)
{
	char *first = l->data ? l->data + l->start : NULL;
	char *end = first ? memchr(first + l->searched, '\n',
				   l->length - l->searched) :
			    NULL;

	if (!end) {
		l->searched = l->length;
		return l->length > l->max ? -EMSGSIZE : 0;
	}
	l->searched = 0;
	*length = (size_t)(end - first);
	if (*length > l->max)
		return -EMSGSIZE;
	*end = '\0';
	*line = first;
	l->start += *length + 1;
	l->length -= *length + 1;
	return 1;
}

void osc_lines_free(struct osc_lines *l)
{
	free(l->data);
	*l = (struct osc_lines){ .max = l->max };
}

void osc_control_adopt(struct osc_control *c, int fd)
{
	*c = (struct osc_control){ .fd = fd,
				   .in = { .max = OSC_CONTROL_REPLY_MAX } };
}

static int unreachable(const char *path, int err, struct osc_error *e)
{
	char quoted[OSC_QUOTED_SIZE(
		sizeof(((struct sockaddr_un *)0)->sun_path))];

	if (err == EACCES)
		return osc_error_set_exit(e, OSC_EXIT_MISSING, err,
					  "cannot reach osconceptsd at '%s': "
					  "%s; try to become a member of its "
					  "group",
					  path, strerror(err));
	osc_program_quote(path, quoted);
	return osc_error_set_exit(e, OSC_EXIT_MISSING, err,
				  "cannot reach osconceptsd at '%s': %s; try "
				  "to start one: %s --socket %s",
				  path, strerror(err), osc_program_daemon(),
				  quoted);
}

int osc_control_connect(struct osc_control *c, const char *path,
			struct osc_error *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	c->fd = -1;
	if (strlen(path) >= sizeof(a.sun_path))
		return osc_error_set(e, ENAMETOOLONG,
				     "cannot use the control socket '%s': "
				     "longer than a socket's name may be; try "
				     "a shorter path",
				     path);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return osc_error_set(e, errno, "cannot make a socket: %s",
				     strerror(errno));
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a))) {
		int err = errno;

		close(fd);
		return unreachable(path, err, e);
	}
	osc_control_adopt(c, fd);
	return 0;
}

static int write_all(int fd, const char *data, size_t size, struct osc_error *e)
{
	uint64_t end = osc_clock_ns() + SEND_TIMEOUT_NS;

	while (size) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			data += n;
			size -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return osc_error_set(e, errno,
					     "cannot write to osconceptsd: "
					     "%s; see whether it still runs",
					     strerror(errno));
		if (osc_clock_ns() >= end || !poll(&p, 1, SEND_LOOK_MS))
			return osc_error_set(e, ETIMEDOUT,
					     "cannot write to osconceptsd: it "
					     "takes nothing any more; try to "
					     "restart it");
	}
	return 0;
}

int osc_control_send(struct osc_control *c, json_t *message,
		     struct osc_error *e)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	int ret;

	json_decref(message);
	if (!text)
		return osc_error_set(e, ENOMEM,
				     "cannot make a request: out of memory");
	ret = write_all(c->fd, text, strlen(text), e);
	if (!ret)
		ret = write_all(c->fd, "\n", 1, e);
	free(text);
	return ret;
}

static int unanswered(struct osc_error *e)
{
	return osc_error_set(e, ETIMEDOUT,
			     "osconceptsd does not answer; see whether it "
			     "still runs, try to restart it");
}

/* Waits until fd can be read or the time is up. */
static int await_input(int fd, uint64_t deadline, struct osc_error *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = osc_clock_ns();
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec t = { (time_t)(left / OSC_NS_PER_S),
			      (long)(left % OSC_NS_PER_S) };
	int n = ppoll(&p, 1, &t, NULL);

	if (n > 0)
		return 0;
	if (n < 0)
		return osc_error_set(e, errno,
				     "cannot wait for osconceptsd: %s",
				     strerror(errno));
	return unanswered(e);
}

static int parse_message(const char *line, size_t length, json_t **message,
			 struct osc_error *e)
{
	json_error_t why;

	*message = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (json_is_object(*message))
		return 0;
	json_decref(*message);
	*message = NULL;
	return osc_error_set(e, EPROTO,
			     "cannot read what osconceptsd sent: %s; is this "
			     "its control socket, and of this version?",
			     *why.text ? why.text : "not an object");
}

int osc_control_receive(struct osc_control *c, uint64_t timeout_ns,
			json_t **message, struct osc_error *e)
{
	uint64_t now = osc_clock_ns();
	uint64_t deadline = now + timeout_ns < now ? UINT64_MAX :
						     now + timeout_ns;
	bool part = false;
	char *line;
	size_t length;
	int ret;

	for (;;) {
		ret = osc_lines_next(&c->in, &line, &length);
		if (ret > 0)
			return parse_message(line, length, message, e);
		if (ret < 0)
			return osc_error_set(e, -ret,
					     "cannot read what osconceptsd "
					     "sent: longer than %u bytes",
					     OSC_CONTROL_REPLY_MAX);
		/* Bytes that come without end do not put it off. */
		if (part && osc_clock_ns() >= deadline)
			return unanswered(e);
		ret = await_input(c->fd, deadline, e);
		if (ret)
			return ret;
		part = true;
		ret = osc_lines_fill(&c->in, c->fd);
		if (!ret || ret == -ECONNRESET)
			return osc_error_set(e, ECONNRESET,
					     "osconceptsd has gone away; see "
					     "its messages for why");
		if (ret < 0 && ret != -EAGAIN)
			return osc_error_set(e, -ret,
					     "cannot read from osconceptsd: %s",
					     strerror(-ret));
	}
}

void osc_control_close(struct osc_control *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	osc_lines_free(&c->in);
}
