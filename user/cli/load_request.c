// SPDX-License-Identifier: GPL-2.0-or-later
/* load_request.c - what `osconcepts load` is to ask for: URLs, method, fields. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/load.h"

int osc_load_bad(struct osc_error *e, const char *what, const char *text,
		 const char *why)
{
	return osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL, "%s '%s': %s",
				  what, text, why);
}

/* They live as long as we run. */
int osc_load_add_url(const char *text, struct osc_load_config *c,
		     struct osc_error *e)
{
	static struct osc_url urls[OSC_MIX_URLS];
	int ret;

	if (c->mix.n == OSC_MIX_URLS)
		return osc_load_bad(e, "URL", text,
				    "there are 64 already, that is the most");
	ret = osc_url_parse(text, &urls[c->mix.n], e);
	if (ret)
		return ret;
	c->mix.urls = urls;
	c->mix.n++;
	return 0;
}

/* A method's letters: "token" of RFC 9110, of which these do. */
int osc_load_parse_method(const char *text, struct osc_load_config *c,
			  struct osc_error *e)
{
	if (!*text ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(text))
		return osc_load_bad(e, "--method", text,
				    "try GET or POST, in capitals");
	c->method = text;
	return 0;
}

/* In the value of a field a tab is a blank (RFC 9110, 5.5). */
static bool has_control(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < ' ' && *text != '\t') ||
		    *text == 0x7f)
			return true;
	}
	return false;
}

int osc_load_parse_header(const char *text, struct osc_load_config *c,
			  struct osc_error *e)
{
	static const char *const ours[] = {
		"host:", "connection:", "content-length:", "transfer-encoding:"
	};
	const char *colon = strchr(text, ':');

	if (!colon || colon == text || has_control(text) ||
	    memchr(text, ' ', (size_t)(colon - text)) ||
	    memchr(text, '\t', (size_t)(colon - text)))
		return osc_load_bad(e, "--header", text,
				    "try 'Name: value', without control bytes");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (!strncasecmp(text, ours[i], strlen(ours[i])))
			return osc_load_bad(
				e, "--header", text,
				"this field is the load generator's own");
	}
	if (c->nr_headers == OSC_LOAD_HEADERS)
		return osc_load_bad(e, "--header", text,
				    "there are too many already");
	c->headers[c->nr_headers++] = text;
	return 0;
}
