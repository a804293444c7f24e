// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "servers/server.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse_address(const struct osc_server_config *config,
			 union address *a, socklen_t *len, struct osc_error *e)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, config->address, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(config->port);
		*len = sizeof(a->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, config->address, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(config->port);
		*len = sizeof(a->v6);
		return 0;
	}
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--address '%s': not a numeric address; try "
				  "127.0.0.1, 0.0.0.0 or ::1",
				  config->address);
}

bool osc_listen_is_address(const char *text)
{
	struct in6_addr a;

	return inet_pton(AF_INET, text, &a) == 1 ||
	       inet_pton(AF_INET6, text, &a) == 1;
}

static int bind_error(const struct osc_server_config *config, uint16_t port,
		      int err, struct osc_error *e)
{
	const char *hint = "see 'ip address' for the addresses of this machine";

	if (err == EADDRINUSE)
		hint = "try another --port, --port 0 for any free one, or see "
		       "who has it with 'ss -ltnp'";
	else if (err == EACCES)
		hint = "try a --port from 1024 up, or as root";
	else if (err == EADDRNOTAVAIL)
		hint = "try --address 127.0.0.1, or see 'ip address' for the "
		       "addresses of this machine";
	return osc_error_set_exit(
		e, err == EACCES ? OSC_EXIT_MISSING : OSC_EXIT_FAILED, err,
		"cannot listen on %s port %u: %s; %s", config->address, port,
		strerror(err), hint);
}

static int set_flag(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on));
}

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){
		.tv_sec = (time_t)(ns / OSC_NS_PER_S),
		.tv_usec = (suseconds_t)(ns % OSC_NS_PER_S / OSC_NS_PER_US),
	};
}

/*
 * Options that accepted sockets inherit, so that they cost no call for each:
 * the blocking engines wait at most so long in one read or write.
 */
static int set_inherited(int fd, const struct osc_server_config *config)
{
	struct timeval idle = to_timeval(config->idle_timeout_ns);
	struct timeval write = to_timeval(osc_server_write_wait(config));

	if (set_flag(fd, IPPROTO_TCP, TCP_NODELAY) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &write, sizeof(write)))
		return -1;
	return 0;
}

/*
 * The first of a group is bound before it may share its port, so that a port
 * some other server shares is refused all the same.
 */
static int open_one(const struct osc_server_config *config, union address *a,
		    socklen_t len, unsigned int index, bool shared,
		    struct osc_error *e)
{
	uint16_t port = ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port :
							    a->v6.sin6_port);
	int fd, err;

	fd = socket(a->any.sa_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return osc_error_set(e, errno, "cannot make a socket: %s",
				     strerror(errno));
	if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) ||
	    (index && set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) ||
	    bind(fd, &a->any, len) ||
	    (!index && shared && set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) ||
	    set_inherited(fd, config) || listen(fd, config->backlog) ||
	    getsockname(fd, &a->any, &len)) {
		err = errno;
		close(fd);
		return bind_error(config, port, err, e);
	}
	return fd;
}

int osc_listen_open(const struct osc_server_config *config, unsigned int count,
		    int *fds, uint16_t *port, struct osc_error *e)
{
	union address a;
	socklen_t len = 0;
	int ret = parse_address(config, &a, &len, e);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < count; i++) {
		fds[i] = open_one(config, &a, len, i, count > 1, e);
		if (fds[i] < 0) {
			ret = fds[i];
			while (i--)
				close(fds[i]);
			return ret;
		}
	}
	*port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port :
						   a.v6.sin6_port);
	return 0;
}

void osc_listen_url(const char *address, unsigned int port, const char *path,
		    char *out, size_t size)
{
	bool v6 = strchr(address, ':');

	snprintf(out, size, "http://%s%s%s:%u%s", v6 ? "[" : "", address,
		 v6 ? "]" : "", port, path);
}

int osc_listen_error(int err)
{
	switch (err) {
	case EAGAIN:
	case EINTR: /* the listener of those who sleep in accept */
		return -EAGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return -EMFILE;
	case EBADF:
	case EFAULT:
	case EINVAL:
	case ENOTSOCK:
		return -err;
	default:
		/* accept(2): errors of the one connection. */
		return 0;
	}
}

int osc_listen_accept(int listener, int flags)
{
	int fd, ret = 0;

	while (!ret) {
		fd = accept4(listener, NULL, NULL, flags | SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		ret = osc_listen_error(errno);
	}
	return ret;
}

void osc_listen_stop(int listener)
{
	/* Drops a segment with SYN, 2 of the flags in byte 13 of its header. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog filter = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	(void)setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			 sizeof(filter));
}
