// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * primer.c - for those who see such a page for the first time: what the models
 * are, what the counters count, what this run shows and what it cannot, and which
 * commands go on from here.
 */
#include <math.h>
#include <string.h>

#include "lib/emulated.h"
#include "report/doc.h"
#include "report/html.h"
#include "report/sections.h"

struct term {
	const char *name, *meaning;
};

/* The models of `osconcepts serve --list`, in its order. */
static const struct term models[] = {
	{ "iterative",
	  "One process that serves one connection after the other. All others "
	  "wait." },
	{ "fork",
	  "A new process for each connection. The kernel copies the page tables "
	  "at fork(), and copies a page when one of the two writes to it." },
	{ "prefork",
	  "Processes that are made before the connections come. Each serves one "
	  "connection at a time." },
	{ "prefork-fdpass",
	  "One process accepts connections and passes their descriptors to "
	  "others, made before, over a Unix socket." },
	{ "thread",
	  "A new thread for each connection. Threads share the memory of their "
	  "process, so a thread costs less to make than a process." },
	{ "pool",
	  "One thread accepts connections and puts them in a queue; a number of "
	  "threads take them from it." },
	{ "leader",
	  "Threads that take turns: one waits for the next connection, and the "
	  "next takes its place when it goes to serve it." },
	{ "pool-event",
	  "One thread watches idle connections with epoll; threads of a pool "
	  "serve those that have a request." },
	{ "select",
	  "One thread for all connections. select() gets a bit for each of them "
	  "with each call, and the kernel looks at each." },
	{ "poll",
	  "One thread for all connections. poll() gets a list of them with each "
	  "call, and the kernel looks at each." },
	{ "epoll",
	  "One thread for all connections. The kernel keeps the list of them, "
	  "and epoll_wait() returns only those that have data." },
	{ "epoll-et",
	  "As epoll, edge-triggered: a connection is returned when data comes, "
	  "not as long as data is there." },
	{ "epoll-multi",
	  "As epoll, with a process for each CPU. Each has a listening socket of "
	  "its own, and the kernel spreads connections over them." },
	{ "epoll-shared",
	  "As epoll, with a process for each CPU. They share one listening "
	  "socket, and the kernel wakes one of them." },
	{ "uring",
	  "A process for each CPU. It leaves reads and writes in a ring for the "
	  "kernel (io_uring), which does them and tells when they are done." },
	{ "epoll-offload",
	  "As epoll, with threads beside it for requests that compute, so that "
	  "the event loop stays free." },
	{ "prefork-epoll",
	  "A process for each CPU with an edge-triggered epoll, one listening "
	  "socket for all. nginx works like this." },
};

static const struct term counters[] = {
	{ "Voluntary switch",
	  "A task cannot go on: it waits for a request, a lock or a child. It "
	  "gives its CPU away, and the kernel runs another task." },
	{ "Involuntary switch",
	  "A task could go on, but the kernel gives its CPU to another task, "
	  "since its time slice is over or the other is more urgent." },
	{ "Minor page fault",
	  "A task uses a page of memory that its page table does not have yet. "
	  "The kernel adds it, without reading a disk." },
	{ "epoll wakeup",
	  "Data came for a connection, and the kernel woke a task that slept in "
	  "epoll_wait()." },
};

const char *report_model_meaning(const char *model)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		if (!strcmp(models[i].name, model))
			return models[i].meaning;
	}
	return NULL;
}

static void term(FILE *out, const char *name, const char *meaning)
{
	html_element(out, "dt", NULL, name);
	html_element(out, "dd", NULL, meaning);
}

static bool model_begins(const struct doc *doc, size_t group)
{
	for (size_t i = 0; i < group; i++) {
		if (doc->groups[i].model_index ==
		    doc->groups[group].model_index)
			return false;
	}
	return true;
}

static void explain_models(FILE *out, const struct doc *doc)
{
	html_element(out, "h2", NULL, "What is compared");
	html_element(
		out, "p", "note",
		"One HTTP server under several models: the way in which it "
		"uses processes, threads and system calls to serve many "
		"connections at once. Mode keepalive: a connection carries "
		"many requests. Mode close: each request has a connection "
		"of its own.");
	html_open(out, "dl", "class", "meaning", NULL);
	for (size_t i = 0; i < doc->nr_groups; i++) {
		const char *model = doc->groups[i].model;
		const char *meaning = report_model_meaning(model);

		if (meaning && model_begins(doc, i))
			term(out, model, meaning);
	}
	html_close(out, "dl");
	html_element(out, "h3", NULL, "What is counted");
	html_open(out, "dl", "class", "meaning", NULL);
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		term(out, counters[i].name, counters[i].meaning);
	html_close(out, "dl");
}

/* Fewer runs cannot give an interval of 95 %: correlate/stats.h. */
#define RUNS_MIN 6

static void limits(FILE *out, const struct doc *doc)
{
	const json_t *config = json_object_get(doc->root, "config");
	bool samples = !strcmp(doc_string(doc->root, "source"), "procfs");

	html_element(out, "h3", NULL,
		     "What this run shows, and what it cannot");
	html_open(out, "ul", NULL);
	if (samples)
		html_element(out, "li", NULL,
			     "Counts are samples of /proc, without epoll: load "
			     "the module to have them exact.");
	else
		html_element(out, "li", NULL,
			     "Counts per request and per connection are exact: "
			     "each run compares them with an independent "
			     "source.");
	if (osc_emulated_is(doc->root))
		html_element(out, "li", NULL, OSC_EMULATED_NOTE(" "));
	else
		html_element(
			out, "li", NULL,
			"Times are those of this machine, with client and "
			"server side by side on it. A network between them "
			"adds delays, and other work takes CPU time.");
	if (!strcmp(doc_string(config, "path"), "/") &&
	    !doc->varied[DOC_WORK] && !doc->varied[DOC_IO])
		html_element(out, "li", NULL,
			     "A request asks for a few bytes and computes "
			     "nothing. Where requests compute or wait, another "
			     "model may be the better one.");
	if (doc_number(config, "runs") < RUNS_MIN)
		html_element(
			out, "li", NULL,
			"There are fewer than six runs of each: too few to "
			"say which model has less of something.");
	html_close(out, "ul");
}

static void go_on(FILE *out)
{
	static const struct term commands[] = {
		{ "osconcepts lesson",
		  "Short experiments, each with a question: a fast URL beside a "
		  "slow one; select, poll and epoll with 900 idle "
		  "connections." },
		{ "osconcepts serve --list",
		  "All models, and well-known servers that work like them." },
		{ "osconcepts compare --models all --work 1ms",
		  "The same comparison with other models, and with requests that "
		  "compute for 1 ms." },
		{ "osconcepts stat -p PID",
		  "The same counters of a program that runs already." },
	};

	html_element(out, "h3", NULL, "Where to go on");
	html_open(out, "dl", "class", "meaning", NULL);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		html_open(out, "dt", NULL);
		html_element(out, "code", NULL, commands[i].name);
		html_close(out, "dt");
		html_element(out, "dd", NULL, commands[i].meaning);
	}
	html_close(out, "dl");
}

int section_primer(FILE *out, const struct doc *doc)
{
	explain_models(out, doc);
	limits(out, doc);
	go_on(out);
	return 0;
}
