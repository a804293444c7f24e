/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nl.h - the netlink family, spoken straight from its documentation: apart
 * from libmnl nothing is shared with the companion, whose mistakes would
 * otherwise be the tests' own.
 */
#ifndef OSC_TEST_NL_H
#define OSC_TEST_NL_H

#include <libmnl/libmnl.h>
#include <linux/osconcepts.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct nl {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t group;
	uint32_t seq;
	char message[256]; /* extack text of the last answer, or "" */
	uint32_t in_the_way; /* target of its cookie, or 0 */
	bool interrupted; /* the last dump carried NLM_F_DUMP_INTR */
};

/* Indexed by OSCONCEPTS_A_COUNTERS_*. */
struct counts {
	uint64_t value[OSCONCEPTS_A_COUNTERS_MAX + 1];
	uint32_t present; /* bit by attribute */
};

struct target {
	uint32_t id, pid, flags, uid, state;
	char comm[64];
	struct counts counts;
	uint64_t tasks_live, tasks_exited, lost, since_ns, time_ns;
	uint64_t callbacks_unknown;
	uint32_t root_state;
	uint64_t root_start_ns;
};

struct source {
	char name[16];
	uint32_t state, via;
	char why[256];
	uint64_t hits, lost;
};

struct totals {
	int64_t cpu; /* -1: the whole system */
	struct counts counts;
	uint64_t since_ns, time_ns;
};

/* Open and resolve the family; ends the program where it is not there. */
void nl_open(struct nl *nl);
/* The same without it: 0 or -errno. */
int nl_try_open(struct nl *nl);
void nl_close(struct nl *nl);

/* Each returns 0 or the kernel's -errno, its extack in nl->message. */
int nl_target_add(struct nl *nl, pid_t pid, uint32_t flags, struct target *out);
int nl_target_get(struct nl *nl, uint32_t id, struct target *out);
int nl_target_del(struct nl *nl, uint32_t id, struct target *out);
int nl_source_get(struct nl *nl, const char *name, struct source *out);
int nl_totals_get(struct nl *nl, struct totals *out);

/* Dumps: up to max entries to out; the number there are or -errno. */
int nl_targets(struct nl *nl, struct target *out, int max);
int nl_sources(struct nl *nl, struct source *out, int max);
int nl_totals_by_cpu(struct nl *nl, struct totals *out, int max);

/* Join the group; then nl_notified() waits for up to timeout_ms and returns
 * the command of the next notification, 0 at the timeout, or -errno.
 */
int nl_subscribe(struct nl *nl);
int nl_notified(struct nl *nl, int timeout_ms, struct target *out);

/* A request header in buf, ready for attributes. */
struct nlmsghdr *nl_request(struct nl *nl, char *buf, uint8_t cmd,
			    uint16_t flags);
/* Send it; each answer is given to cb(nlh, data). 0 or -errno. */
int nl_ask(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);

/* The entries of a dump, each written by take(nlh, entry). */
struct nl_list {
	mnl_cb_t take;
	void *out;
	size_t size; /* of an entry */
	int max, count;
};

/* Send a request for a dump: the number of entries there are or -errno. */
int nl_ask_dump(struct nl *nl, struct nlmsghdr *nlh, struct nl_list *list);

/* The value of a counter, or 0 when absent. */
uint64_t counter(const struct counts *counts, int attribute);

#endif
