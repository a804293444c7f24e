// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/nearest.h"

#define SHORTS_MAX 64

/* "--modle=epoll" is about "modle". */
static size_t name_length(const char *name)
{
	return strcspn(name, "=");
}

static int bad(struct osc_error *e, const char *option, const char *why)
{
	osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL, "%.*s: %s",
			   (int)name_length(option), option, why);
	return '?';
}

/* The long options that begin with name, "--models or --modes"; their number. */
static size_t beginning(const char *name, const struct option *longs,
			char *text, size_t size)
{
	size_t length = name_length(name), n = 0, used = 0;

	*text = '\0';
	for (; longs->name; longs++) {
		if (strncmp(longs->name, name, length))
			continue;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used,
						 "%s--%s", n ? " or " : "",
						 longs->name);
		n++;
	}
	return n;
}

static int unknown_long(const char *word, const struct option *longs,
			struct osc_error *e)
{
	const char *name = word + 2;
	struct osc_nearest near;
	char text[256], why[300];

	if (beginning(name, longs, text, sizeof(text)) > 1) {
		snprintf(why, sizeof(why), "it may be %s", text);
		return bad(e, word, why);
	}
	osc_nearest_begin(&near, name, name_length(name));
	for (; longs->name; longs++)
		osc_nearest_offer(&near, longs->name);
	snprintf(why, sizeof(why), "there is no such option%s%s",
		 near.best ? "; try --" : "", near.best ?: "");
	return bad(e, word, why);
}

/* The next word that is an option, or NULL. In order: no word before it is none. */
static const char *next_option(int argc, char **argv, bool in_order)
{
	for (int i = optind ? optind : 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1])
			return argv[i];
		if (in_order)
			return NULL;
	}
	return NULL;
}

/* "-duration" would be -d with the value "uration". */
static bool lacks_hyphen(const char *word, const struct option *longs)
{
	size_t length;

	if (!word || word[1] == '-' || !word[2])
		return false;
	length = name_length(word + 1);
	for (; longs->name; longs++) {
		if (strlen(longs->name) == length &&
		    !strncmp(longs->name, word + 1, length))
			return true;
	}
	return false;
}

int osc_options_next(int argc, char **argv, const char *shorts,
		     const struct option *longs, struct osc_error *e)
{
	bool in_order = *shorts == '+' || *shorts == '-';
	const char *word = next_option(argc, argv, in_order);
	char with_colon[SHORTS_MAX], option[] = "-?";
	int c;

	if (lacks_hyphen(word, longs)) {
		osc_error_set_exit(e, OSC_EXIT_USAGE, EINVAL,
				   "%s: there is no such option; try -%s", word,
				   word);
		return '?';
	}
	/* Behind the sign for the order: a missing value is ':', not '?'. */
	snprintf(with_colon, sizeof(with_colon), "%.*s:%s", in_order, shorts,
		 shorts + in_order);
	opterr = 0;
	c = getopt_long(argc, argv, with_colon, longs, NULL);
	if (c != '?' && c != ':')
		return c;
	word = argv[optind - 1];
	option[1] = (char)optopt;
	if (c == ':')
		return bad(e, strncmp(word, "--", 2) ? option : word,
			   "its value is missing");
	/* 0 for a long option that is unknown or ambiguous. */
	if (!optopt)
		return unknown_long(word, longs, e);
	if (!strncmp(word, "--", 2) && strchr(word, '='))
		return bad(e, word, "it takes no value");
	return bad(e, option, "there is no such option");
}
