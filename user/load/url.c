// SPDX-License-Identifier: GPL-2.0-or-later
#include "load/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "lib/error.h"
#include "lib/parse.h"

static int bad(struct osc_error *e, const char *text, const char *why)
{
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				  "cannot use the URL '%s': %s; try "
				  "http://127.0.0.1:8080/",
				  text, why);
}

/*
 * The zone is written "%25eth0" (RFC 6874) or, as most clients accept, "%eth0".
 * *size is the length of the address before it.
 */
static const char *take_zone(struct osc_url *url, size_t *size)
{
	char *zone = strchr(url->host, '%');

	*size = zone ? (size_t)(zone - url->host) : strlen(url->host);
	if (!memchr(url->host, ':', *size))
		return "in the brackets there is no IPv6 address";
	if (!zone)
		return NULL;
	zone++;
	if (!strncmp(zone, "25", 2))
		memmove(zone, zone + 2, strlen(zone + 2) + 1);
	return *zone ? NULL : "there is no zone after the %";
}

/* Up to `end`, in brackets or not; *rest is behind it. */
static const char *take_host(const char *p, const char *end,
			     struct osc_url *url, const char **rest)
{
	const char *stop = end, *colon, *why = NULL;
	bool in_brackets = *p == '[';
	size_t size;

	if (in_brackets) {
		p++;
		stop = memchr(p, ']', (size_t)(end - p));
		if (!stop)
			return "the '[' has no ']'";
		*rest = stop + 1;
	} else {
		colon = memchr(p, ':', (size_t)(end - p));
		if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			return "an IPv6 address is written in brackets: [::1]";
		if (colon)
			stop = colon;
		*rest = stop;
	}
	if (stop == p)
		return "it names no host";
	if ((size_t)(stop - p) >= sizeof(url->host))
		return "its host is too long";
	size = (size_t)(stop - p);
	memcpy(url->host, p, size);
	url->host[size] = '\0';
	if (in_brackets)
		why = take_zone(url, &size);
	snprintf(url->authority, sizeof(url->authority), "%s%.*s%s",
		 in_brackets ? "[" : "", (int)size, url->host,
		 in_brackets ? "]" : "");
	return why;
}

/* An empty port means the default port of the scheme (RFC 3986, 3.2.3). */
static const char *take_port(const char *p, const char *end,
			     struct osc_url *url)
{
	size_t used = strlen(url->authority);
	char digits[8];
	uint64_t port;

	url->port = url->tls ? 443 : 80;
	if (p == end)
		return NULL;
	if (*p++ != ':')
		return "a ':' and a port must follow the ']'";
	if (p == end)
		return NULL;
	if ((size_t)(end - p) >= sizeof(digits))
		return "its port is not a number from 1 to 65535";
	memcpy(digits, p, (size_t)(end - p));
	digits[end - p] = '\0';
	if (osc_parse_u64("port", digits, 1, 65535, &port, NULL))
		return "its port is not a number from 1 to 65535";
	url->port = (uint16_t)port;
	snprintf(url->authority + used, sizeof(url->authority) - used, ":%u",
		 (unsigned int)url->port);
	return NULL;
}

/* A fragment is the client's own matter and not sent. */
static const char *take_target(const char *p, struct osc_url *url)
{
	int n = snprintf(url->target, sizeof(url->target), "%s%.*s",
			 *p == '/' ? "" : "/", (int)strcspn(p, "#"), p);

	if (n < 0 || (size_t)n >= sizeof(url->target))
		return "it is too long";
	return NULL;
}

int osc_url_parse(const char *text, struct osc_url *url, struct osc_error *e)
{
	const char *p = text, *end, *port, *why;

	for (; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return bad(e, text, "a blank must be written %20");
	}
	url->tls = !strncasecmp(text, "https://", 8);
	if (!url->tls && strncasecmp(text, "http://", 7))
		return bad(e, text,
			   "it does not begin with http:// or https://");
	p = text + (url->tls ? 8 : 7);
	end = p + strcspn(p, "/?#");
	if (memchr(p, '@', (size_t)(end - p)))
		return bad(e, text, "a user in it is not supported");
	why = take_host(p, end, url, &port);
	if (!why)
		why = take_port(port, end, url);
	if (!why)
		why = take_target(end, url);
	return why ? bad(e, text, why) : 0;
}

int osc_url_unix(const char *path, struct osc_addresses *out,
		 struct osc_error *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (!len || len >= sizeof(a.sun_path))
		return osc_error_set_exit(e, OSC_EXIT_USAGE, ENAMETOOLONG,
					  "--unix '%s': a socket's path has 1 "
					  "to %zu bytes; try a shorter one",
					  path, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, len + 1);
	memcpy(&out->address[0], &a, sizeof(a));
	out->length[0] = sizeof(a);
	out->n = 1;
	return 0;
}

/* The zone of an address where it is no interface of this machine, or NULL. */
static const char *unknown_zone(const char *host)
{
	const char *zone = strchr(host, '%');
	char address[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (!zone || (size_t)(zone - host) >= sizeof(address))
		return NULL;
	memcpy(address, host, (size_t)(zone - host));
	address[zone - host] = '\0';
	if (inet_pton(AF_INET6, address, &a) != 1 || if_nametoindex(zone + 1))
		return NULL;
	return zone + 1;
}

static int cannot_resolve(const char *host, int code, struct osc_error *e)
{
	int err = code == EAI_SYSTEM ? errno : EHOSTUNREACH;
	const char *zone = unknown_zone(host);

	if (zone)
		return osc_error_set(e, ENODEV,
				     "cannot resolve '%s': there is no "
				     "interface '%s'; see 'ip link'",
				     host, zone);
	return osc_error_set(
		e, err, "cannot resolve '%s': %s; try its address", host,
		code == EAI_SYSTEM ? strerror(err) : gai_strerror(code));
}

int osc_url_resolve(const struct osc_url *url, struct osc_addresses *out,
		    struct osc_error *e)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct addrinfo *list;
	char port[8];
	int ret;

	snprintf(port, sizeof(port), "%u", (unsigned int)url->port);
	ret = getaddrinfo(url->host, port, &hints, &list);
	if (ret)
		return cannot_resolve(url->host, ret, e);
	out->n = 0;
	for (struct addrinfo *a = list; a && out->n < OSC_URL_ADDRESSES;
	     a = a->ai_next) {
		memcpy(&out->address[out->n], a->ai_addr, a->ai_addrlen);
		out->length[out->n++] = a->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

char *osc_address_text(const struct osc_addresses *a, unsigned int i, char *buf)
{
	const struct sockaddr *at = (const struct sockaddr *)&a->address[i];

	if (at->sa_family == AF_UNIX)
		snprintf(buf, OSC_ADDRESS_TEXT, "%s",
			 ((const struct sockaddr_un *)at)->sun_path);
	else if (getnameinfo(at, a->length[i], buf, OSC_ADDRESS_TEXT, NULL, 0,
			     NI_NUMERICHOST))
		snprintf(buf, OSC_ADDRESS_TEXT, "?");
	return buf;
}
