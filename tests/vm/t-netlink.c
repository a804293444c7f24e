// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bad input on the netlink socket: each kind is refused with its error and a
 * sentence, and some thousand messages of garbage do no harm.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/tap.h"

#define FUZZ_MESSAGES 6000

/* --- one bad message of each kind */

struct bad {
	const char *name;
	uint8_t cmd;
	uint16_t flags;
	/* One attribute; none when size is -1. */
	uint16_t type;
	int size;
	uint32_t value;
	int error;
	bool silent; /* the netlink core refuses it without a sentence */
};

static const struct bad bad_messages[] = {
	{ "target-add without a pid", OSCONCEPTS_CMD_TARGET_ADD, .size = -1,
	  .error = EINVAL },
	{ "target-add of pid 0", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_PID, .size = 4, .value = 0,
	  .error = ERANGE },
	{ "target-add of a pid beyond any", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_PID, .size = 4, .value = UINT32_MAX,
	  .error = ESRCH },
	{ "target-add of a pid of one byte", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_PID, .size = 1, .error = EINVAL },
	{ "target-add of a pid of no bytes", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_PID, .size = 0, .error = EINVAL },
	{ "target-add with unknown flags", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_FLAGS, .size = 4, .value = 0x80,
	  .error = EINVAL },
	{ "target-add with an attribute of a reply", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_TASKS_LIVE, .size = 8, .error = EINVAL },
	{ "target-add with an unknown attribute", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = 999, .size = 4, .error = EINVAL },
	{ "target-add with a nested pid", OSCONCEPTS_CMD_TARGET_ADD,
	  .type = OSCONCEPTS_A_TARGET_PID | NLA_F_NESTED, .size = 4, .value = 1,
	  .error = EINVAL },
	{ "target-get without an id", OSCONCEPTS_CMD_TARGET_GET, .size = -1,
	  .error = EINVAL },
	{ "target-get of id 0", OSCONCEPTS_CMD_TARGET_GET,
	  .type = OSCONCEPTS_A_TARGET_ID, .size = 4, .value = 0,
	  .error = ERANGE },
	{ "target-get of an unknown id", OSCONCEPTS_CMD_TARGET_GET,
	  .type = OSCONCEPTS_A_TARGET_ID, .size = 4, .value = 0x7fffffff,
	  .error = ENOENT },
	{ "target-del of id 0", OSCONCEPTS_CMD_TARGET_DEL,
	  .type = OSCONCEPTS_A_TARGET_ID, .size = 4, .value = 0,
	  .error = ERANGE },
	{ "target-del of an unknown id", OSCONCEPTS_CMD_TARGET_DEL,
	  .type = OSCONCEPTS_A_TARGET_ID, .size = 4, .value = UINT32_MAX,
	  .error = ENOENT },
	{ "source-get without a name", OSCONCEPTS_CMD_SOURCE_GET, .size = -1,
	  .error = EINVAL },
	{ "source-get of an unknown name", OSCONCEPTS_CMD_SOURCE_GET,
	  .type = OSCONCEPTS_A_SOURCE_NAME, .size = 4,
	  .value = 0x006f6f66 /* "foo" */, .error = ENOENT },
	{ "source-get of a name without an end", OSCONCEPTS_CMD_SOURCE_GET,
	  .type = OSCONCEPTS_A_SOURCE_NAME, .size = 4, .value = 0x6f6f6f66,
	  .error = EINVAL },
	{ "source-get of a name too long", OSCONCEPTS_CMD_SOURCE_GET,
	  .type = OSCONCEPTS_A_SOURCE_NAME, .size = 200, .value = 0x6f6f6f66,
	  .error = EINVAL },
	{ "totals-get of an unknown CPU", OSCONCEPTS_CMD_TOTALS_GET,
	  .type = OSCONCEPTS_A_TOTALS_CPU, .size = 4, .value = UINT32_MAX,
	  .error = ENOENT },
	{ "a dump of target-add", OSCONCEPTS_CMD_TARGET_ADD, NLM_F_DUMP,
	  .size = -1, .error = EOPNOTSUPP, .silent = true },
	{ "a notification as a request", OSCONCEPTS_CMD_TARGET_ADD_NTF,
	  .size = -1, .error = EOPNOTSUPP, .silent = true },
	{ "an unknown operation", 200, .size = -1, .error = EOPNOTSUPP,
	  .silent = true },
};

static struct nlmsghdr *build(struct nl *nl, char *buf, const struct bad *bad)
{
	struct nlmsghdr *nlh = nl_request(nl, buf, bad->cmd, bad->flags);
	char payload[256];

	if (bad->size < 0)
		return nlh;
	memset(payload, 'x', sizeof(payload));
	memcpy(payload, &bad->value, sizeof(bad->value));
	mnl_attr_put(nlh, bad->type, (size_t)bad->size, payload);
	return nlh;
}

/* Silently ignoring what looks like a filter would mislead. */
static const struct bad filtered_dumps[] = {
	{ "a dump of one source", OSCONCEPTS_CMD_SOURCE_GET, NLM_F_DUMP,
	  OSCONCEPTS_A_SOURCE_NAME, .size = 7, .value = 0x75736f6e /* "nosu" */,
	  .error = EINVAL },
	{ "a dump of one CPU's totals", OSCONCEPTS_CMD_TOTALS_GET, NLM_F_DUMP,
	  OSCONCEPTS_A_TOTALS_CPU, .size = 4, .value = 99999, .error = EINVAL },
	{ "a dump of one target", OSCONCEPTS_CMD_TARGET_GET, NLM_F_DUMP,
	  OSCONCEPTS_A_TARGET_ID, .size = 4, .value = 1, .error = EINVAL },
};

static int count_one(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	++*(unsigned int *)data;
	return MNL_CB_OK;
}

static void test_filtered_dumps(struct nl *nl)
{
	static const char sentence[] = "dumps take no attributes";
	const size_t number = sizeof(filtered_dumps) / sizeof(*filtered_dumps);
	char buf[1024];

	for (size_t i = 0; i < number; i++) {
		const struct bad *bad = &filtered_dumps[i];
		struct nlmsghdr *nlh =
			nl_request(nl, buf, bad->cmd, bad->flags);
		char payload[8] = "nosuch";
		unsigned int entries = 0;
		int rc;

		if (bad->size == 4)
			memcpy(payload, &bad->value, sizeof(bad->value));
		mnl_attr_put(nlh, bad->type, (size_t)bad->size, payload);
		rc = nl_ask(nl, nlh, count_one, &entries);
		tap_equal((uint64_t)-rc, (uint64_t)bad->error, "%s: %s",
			  bad->name, strerror(bad->error));
		tap_equal(entries, 0, "%s: has no entries", bad->name);
		tap_ok(!strcmp(nl->message, sentence), "%s: \"%s\"", bad->name,
		       nl->message);
	}
}

static void test_bad_messages(struct nl *nl)
{
	char buf[1024];

	for (size_t i = 0; i < sizeof(bad_messages) / sizeof(*bad_messages);
	     i++) {
		const struct bad *bad = &bad_messages[i];
		int rc = nl_ask(nl, build(nl, buf, bad), NULL, NULL);

		tap_equal((uint64_t)-rc, (uint64_t)bad->error, "%s: %s",
			  bad->name, strerror(bad->error));
		if (!bad->silent)
			tap_ok(nl->message[0], "%s: \"%s\"", bad->name,
			       nl->message);
	}
}

/* --- messages whose frame is broken */

static void test_broken_frames(struct nl *nl)
{
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh;
	struct nlattr *attr;
	static char buf[32768];
	int rc;

	nlh = nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);
	nlh->nlmsg_len = NLMSG_HDRLEN;
	tap_equal((uint64_t)-nl_ask(nl, nlh, NULL, NULL), EINVAL,
		  "no generic netlink header: refused");

	nlh = nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);
	genl = mnl_nlmsg_get_payload(nlh);
	genl->reserved = 7;
	rc = nl_ask(nl, nlh, NULL, NULL);
	tap_equal((uint64_t)-rc, EINVAL, "reserved bits set: refused");

	nlh = nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_PID, (uint32_t)getpid());
	attr = mnl_nlmsg_get_payload_offset(nlh, GENL_HDRLEN);
	attr->nla_len = 400;
	rc = nl_ask(nl, nlh, NULL, NULL);
	tap_equal((uint64_t)-rc, EINVAL,
		  "an attribute longer than the message: refused");

	nlh = nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_PID, (uint32_t)getpid());
	nlh->nlmsg_len += 2;
	rc = nl_ask(nl, nlh, NULL, NULL);
	tap_equal((uint64_t)-rc, EINVAL, "bytes behind the last: refused");

	nlh = nl_request(nl, buf, OSCONCEPTS_CMD_TARGET_ADD, 0);
	while (nlh->nlmsg_len < sizeof(buf) - 64)
		mnl_attr_put_u32(nlh, 500, 0);
	rc = nl_ask(nl, nlh, NULL, NULL);
	tap_equal((uint64_t)-rc, EINVAL, "30,000 bytes of attributes: refused");
}

/* --- garbage */

static uint64_t random_state = 88172645463325252ull;

/* xorshift64: the same garbage in each run. */
static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint32_t below(uint32_t limit)
{
	return (uint32_t)(random_u64() % limit);
}

/* Likely and unlikely values of each field in about equal parts. */
static uint32_t interesting(void)
{
	static const uint32_t values[] = {
		0, 1, 2, 3, 4, 0x7fffffff, UINT32_MAX, 0x80000000
	};

	switch (below(4)) {
	case 0:
		return (uint32_t)random_u64();
	case 1:
		return (uint32_t)getpid();
	default:
		return values[below(sizeof(values) / sizeof(*values))];
	}
}

static void put_garbage(struct nlmsghdr *nlh)
{
	uint16_t type = (uint16_t)below(below(4) ? 5 : 20);
	char payload[512];
	uint32_t value = interesting();

	for (size_t i = 0; i < sizeof(payload); i += sizeof(uint64_t)) {
		uint64_t noise = random_u64();

		memcpy(payload + i, &noise, sizeof(noise));
	}
	memcpy(payload, &value, sizeof(value));
	if (!below(8))
		type |= NLA_F_NESTED;
	mnl_attr_put(nlh, type, below(3) ? 4 : below(sizeof(payload)), payload);
}

static size_t garbage(struct nl *nl, char *buf, size_t size)
{
	static const uint16_t flags[] = { 0, NLM_F_DUMP, NLM_F_ROOT,
					  NLM_F_ECHO | NLM_F_CREATE };
	struct nlmsghdr *nlh =
		nl_request(nl, buf, (uint8_t)below(12), flags[below(4)]);

	for (uint32_t n = below(5); n && nlh->nlmsg_len + 600 < size; n--)
		put_garbage(nlh);
	/* Break the frame now and then: a byte, or the length. */
	if (!below(6))
		buf[below(nlh->nlmsg_len)] ^= (char)(1u << below(8));
	if (!below(6))
		nlh->nlmsg_len = below(nlh->nlmsg_len + 16);
	/* Never somebody else's family: 0x10 and below rule the network. */
	if (below(50))
		nlh->nlmsg_type = nl->family;
	else
		nlh->nlmsg_type = NLMSG_NOOP;
	return nlh->nlmsg_len < 8 ? 8 : nlh->nlmsg_len;
}

static void drain(struct nl *nl)
{
	static char buf[65536];

	while (recv(mnl_socket_get_fd(nl->socket), buf, sizeof(buf),
		    MSG_DONTWAIT) > 0)
		;
}

static void remove_all(struct nl *nl)
{
	static struct target targets[64];
	int count = nl_targets(nl, targets, 64);

	for (int i = 0; i < count && i < 64; i++)
		nl_target_del(nl, targets[i].id, NULL);
}

static void test_garbage(void)
{
	struct totals totals;
	struct nl nl, fresh;
	static char buf[8192];
	unsigned int sent = 0;

	nl_open(&nl);
	for (int i = 0; i < FUZZ_MESSAGES; i++) {
		size_t size = garbage(&nl, buf, sizeof(buf));

		if (send(mnl_socket_get_fd(nl.socket), buf, size, 0) > 0)
			sent++;
		drain(&nl);
	}
	nl_close(&nl);
	tap_ok(sent > FUZZ_MESSAGES / 2, "garbage: %u messages went in", sent);
	nl_open(&fresh);
	remove_all(&fresh);
	tap_equal((uint64_t)nl_targets(&fresh, NULL, 0), 0,
		  "garbage: what it added can be removed");
	tap_ok(!nl_totals_get(&fresh, &totals) && totals.counts.present,
	       "garbage: the family answers as before");
	nl_close(&fresh);
}

static void test_good_messages(struct nl *nl)
{
	struct totals totals, cpus[64];
	struct source source, sources[8];
	uint64_t sum = 0;
	int count;

	count = nl_sources(nl, sources, 8);
	tap_equal((uint64_t)count, 3, "a dump has three sources");
	for (int i = 0; i < count && i < 3; i++) {
		tap_ok(!nl_source_get(nl, sources[i].name, &source) &&
			       source.state == sources[i].state,
		       "source %s can be got by name", sources[i].name);
		tap_ok(source.state == OSCONCEPTS_SOURCE_STATE_ON &&
			       source.via != OSCONCEPTS_VIA_NOTHING,
		       "source %s counts (%s)", source.name, source.why);
	}
	count = nl_totals_by_cpu(nl, cpus, 64);
	tap_ok(count >= 1, "a dump has the totals of %d CPUs", count);
	for (int i = 0; i < count && i < 64; i++)
		sum += counter(
			&cpus[i].counts,
			OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY);
	if (nl_totals_get(nl, &totals))
		tap_bail("totals");
	tap_between(1, sum,
		    counter(&totals.counts,
			    OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY),
		    "the CPUs' sum is at most the totals read after it");
}

int main(void)
{
	struct nl nl;

	nl_open(&nl);
	test_good_messages(&nl);
	test_bad_messages(&nl);
	test_filtered_dumps(&nl);
	test_broken_frames(&nl);
	nl_close(&nl);
	test_garbage();
	return tap_done();
}
