/* SPDX-License-Identifier: GPL-2.0-or-later */
/* url.h - http[s]://host[:port][/path][?query], and the addresses of its host. */
#ifndef OSC_LOAD_URL_H
#define OSC_LOAD_URL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct osc_error;

#define OSC_URL_HOST 256
#define OSC_URL_TARGET 4096
#define OSC_URL_ADDRESSES 8

struct osc_url {
	char host[OSC_URL_HOST]; /* without brackets; "fe80::1%eth0" with a zone */
	char authority[OSC_URL_HOST + 8]; /* for the Host field: no zone */
	char target[OSC_URL_TARGET]; /* path and query, at least "/" */
	uint16_t port;
	bool tls; /* https */
};

int osc_url_parse(const char *text, struct osc_url *url, struct osc_error *e);

struct osc_addresses {
	struct sockaddr_storage address[OSC_URL_ADDRESSES];
	socklen_t length[OSC_URL_ADDRESSES];
	unsigned int n; /* in the order to try them */
};

/* The socket in the file system instead. */
int osc_url_unix(const char *path, struct osc_addresses *out,
		 struct osc_error *e);

int osc_url_resolve(const struct osc_url *url, struct osc_addresses *out,
		    struct osc_error *e);

/* As numbers, or the path of a socket. */
#define OSC_ADDRESS_TEXT 128

/* "127.0.0.1", "fe80::1%eth0", "/run/x.sock"; returns buf, of OSC_ADDRESS_TEXT. */
char *osc_address_text(const struct osc_addresses *a, unsigned int i,
		       char *buf);

#endif
