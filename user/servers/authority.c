// SPDX-License-Identifier: GPL-2.0-or-later
#include "servers/authority.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

/* What the characters of a URI may be part of. */
enum {
	NAME = 1, /* unreserved or sub-delims: a registered name */
	HEX = 2,
	DIGIT = 4,
};

static const unsigned char kinds[256] = {
	['0' ... '9'] = NAME | HEX | DIGIT,
	['a' ... 'f'] = NAME | HEX,
	['A' ... 'F'] = NAME | HEX,
	['g' ... 'z'] = NAME,
	['G' ... 'Z'] = NAME,
	['-'] = NAME,
	['.'] = NAME,
	['_'] = NAME,
	['~'] = NAME,
	['!'] = NAME,
	['$'] = NAME,
	['&'] = NAME,
	['\''] = NAME,
	['('] = NAME,
	[')'] = NAME,
	['*'] = NAME,
	['+'] = NAME,
	[','] = NAME,
	[';'] = NAME,
	['='] = NAME,
};

static bool is(char c, unsigned int kind)
{
	return kinds[(unsigned char)c] & kind;
}

/* Length of a registered name, which IPv4 addresses are, too; -1: a bad one. */
static ssize_t name_length(const char *t, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (is(t[i], NAME))
			i++;
		else if (t[i] != '%')
			break;
		else if (len - i < 3 || !is(t[i + 1], HEX) ||
			 !is(t[i + 2], HEX))
			return -1;
		else
			i += 3;
	}
	return (ssize_t)i;
}

/* "v1.x:y": an address of a kind to come. */
static bool is_future_address(const char *t, size_t len)
{
	size_t i = 1, digits;

	if (!len || (t[0] != 'v' && t[0] != 'V'))
		return false;
	while (i < len && is(t[i], HEX))
		i++;
	digits = i - 1;
	if (!digits || i == len || t[i++] != '.' || i == len)
		return false;
	while (i < len && (is(t[i], NAME) || t[i] == ':'))
		i++;
	return i == len;
}

/* Between brackets. Zone identifiers are for one host alone (RFC 6874, 4). */
static bool is_address(const char *t, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (is_future_address(t, len))
		return true;
	if (!len || len >= sizeof(text) || memchr(t, '\0', len))
		return false;
	memcpy(text, t, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static ssize_t host_length(const char *t, size_t len)
{
	const char *end;

	if (!len || t[0] != '[')
		return name_length(t, len);
	end = memchr(t, ']', len);
	if (!end || !is_address(t + 1, (size_t)(end - t) - 1))
		return -1;
	return end + 1 - t;
}

ssize_t osc_authority_length(const char *t, size_t len)
{
	ssize_t host = host_length(t, len);
	unsigned int port = 0;
	size_t i;

	if (host <= 0)
		return -1;
	i = (size_t)host;
	if (i < len && t[i] == ':') {
		for (i++; i < len && is(t[i], DIGIT) && port <= 65535; i++)
			port = port * 10 + (unsigned int)(t[i] - '0');
	}
	if (port > 65535 || (i < len && t[i] != '/' && t[i] != '?'))
		return -1;
	return (ssize_t)i;
}
