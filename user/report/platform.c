// SPDX-License-Identifier: GPL-2.0-or-later
/* platform.c - on what it was measured, and how to read each number. */
#include <string.h>

#include "report/doc.h"
#include "report/html.h"
#include "report/metrics.h"
#include "report/sections.h"

static struct html_number plain(const json_t *value)
{
	return json_is_integer(value) ?
		       html_count(json_number_value(value)) :
		       html_round(html_value(json_number_value(value)));
}

/* Any JSON value as words; a list as its members. */
static void value_text(FILE *out, const char *key, const json_t *value)
{
	json_t *item;
	size_t i;

	if (json_is_string(value))
		html_text(out, json_string_value(value));
	else if (json_is_boolean(value))
		html_text(out, json_is_true(value) ? "yes" : "no");
	else if (json_is_number(value) && !strcmp(key, "memory_bytes"))
		html_text(
			out,
			html_round(html_bytes(json_number_value(value))).text);
	else if (json_is_number(value))
		html_text(out, plain(value).text);
	else if (json_is_array(value) && json_array_size(value) > 0)
		json_array_foreach(value, i, item) {
			html_text(out, i ? ", " : "");
			html_text(out, json_is_string(item) ?
					       json_string_value(item) :
					       "…");
		}
	else
		html_text(out, HTML_MISSING);
}

/* "cpu_model" as "cpu model": the document's own word, readable. */
static void key_text(FILE *out, const char *key)
{
	char words[64];
	size_t i;

	for (i = 0; key[i] && i + 1 < sizeof(words); i++)
		words[i] = key[i] == '_' ? ' ' : key[i];
	words[i] = '\0';
	html_text(out, words);
}

static void member(FILE *out, const char *key, const json_t *value)
{
	html_open(out, "div", NULL);
	html_open(out, "dt", NULL);
	key_text(out, key);
	html_close(out, "dt");
	html_open(out, "dd", NULL);
	value_text(out, key, value);
	html_close(out, "dd");
	html_close(out, "div");
}

/* The members of an object that are not objects themselves. */
static void members(FILE *out, const json_t *object)
{
	const char *key;
	json_t *value;

	html_open(out, "dl", "class", "pairs", NULL);
	/* jansson reads through an iterator that wants no const */
	json_object_foreach((json_t *)object, key, value) {
		if (!json_is_object(value))
			member(out, key, value);
	}
	html_close(out, "dl");
}

int section_platform(FILE *out, const struct doc *doc)
{
	const json_t *platform = json_object_get(doc->root, "platform");
	const json_t *mitigations = json_object_get(platform, "mitigations");

	html_element(out, "h2", NULL, "Platform and settings");
	members(out, platform);
	html_element(out, "h3", NULL, "Asked for");
	members(out, json_object_get(doc->root, "config"));
	if (!json_object_size(mitigations))
		return 0;
	html_open(out, "details", NULL);
	html_element(out, "summary", NULL, "CPU mitigations");
	members(out, mitigations);
	html_close(out, "details");
	return 0;
}

int section_meaning(FILE *out, const struct doc *doc)
{
	(void)doc; /* the same for every document */
	html_element(out, "h2", NULL, "How to read each number");
	html_open(out, "dl", "class", "meaning", NULL);
	for (size_t i = 0; i < METRIC_NR; i++) {
		struct metric metric = metric_at(i);

		html_element(out, "dt", NULL, metric.label);
		html_element(out, "dd", NULL, metric.meaning);
	}
	html_close(out, "dl");
	return 0;
}
