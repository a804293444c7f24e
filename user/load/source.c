// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/error.h"

static bool parse_address(const char *text, size_t len, uint32_t *out)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr a;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

int osc_sources_parse(const char *text, struct osc_sources *s,
		      struct osc_error *e)
{
	size_t len = strcspn(text, "-");
	const char *to = text[len] ? text + len + 1 : text;
	uint32_t last;

	if (parse_address(text, len, &s->first) &&
	    parse_address(to, text[len] ? strlen(to) : len, &last) &&
	    last >= s->first && last - s->first < UINT32_MAX) {
		s->count = last - s->first + 1;
		return 0;
	}
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "--src '%s': it is no IPv4 address or range "
				  "of them; try 127.0.0.2-127.0.0.40",
				  text);
}

int osc_sources_bind(const struct osc_sources *s, uint64_t i, int fd)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(
			s->first + (uint32_t)(s->count ? i % s->count : 0)),
	};
	int one = 1;

	if (!s->count)
		return 0;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
		       sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	return 0;
}

static int check_one(const struct osc_sources *s, uint64_t i)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -errno : osc_sources_bind(s, i, fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

int osc_sources_check(const struct osc_sources *s, uint64_t connections,
		      struct osc_error *e)
{
	for (uint64_t i = 0; i < s->count && i < connections; i++) {
		struct in_addr a = { htonl(s->first + (uint32_t)i) };
		char text[INET_ADDRSTRLEN];
		int ret = check_one(s, i);

		if (!ret)
			continue;
		inet_ntop(AF_INET, &a, text, sizeof(text));
		if (ret == -EADDRNOTAVAIL)
			return osc_error_set(e, -ret,
					     "--src: %s is not one of this "
					     "host's addresses; see ip addr",
					     text);
		return osc_error_set(e, -ret, "--src: cannot use %s: %s", text,
				     strerror(-ret));
	}
	return 0;
}
