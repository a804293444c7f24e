// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * message.c - messages that are nearly right: what a parser gets wrong is a
 * length, a type or a value at its bounds, and only what passes the policy
 * reaches the code behind it.
 */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/osconcepts.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "osconcepts_spec.h"

#define DEPTH_MAX 3

/* xorshift64* by Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled" (2016).
 */
uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1dULL;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	/* Never 0, and not alike for seeds in a row. */
	rng->state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	if (!rng->state)
		rng->state = 1;
	for (int i = 0; i < 8; i++)
		rng_next(rng);
}

uint32_t rng_below(struct rng *rng, uint32_t below)
{
	return (uint32_t)((rng_next(rng) >> 32) * below >> 32);
}

bool rng_once_in(struct rng *rng, uint32_t times)
{
	return !rng_below(rng, times);
}

/* True once in a number of times, in a message that need not be well formed. */
static bool wrongly(struct maker *k, uint32_t once_in)
{
	return !k->is_tame && rng_once_in(&k->rng, once_in);
}

static uint8_t *reserve(struct message *m, uint32_t len)
{
	uint8_t *at = m->bytes + m->len;

	if (len > MESSAGE_MAX - m->len)
		return NULL;
	m->len += len;
	return at;
}

static void append(struct message *m, const void *data, uint32_t len)
{
	uint8_t *at = reserve(m, len);

	if (at)
		memcpy(at, data, len);
}

static void append_noise(struct maker *k, struct message *m, uint32_t len)
{
	uint8_t *at = reserve(m, len);

	for (uint32_t i = 0; at && i < len; i++)
		at[i] = (uint8_t)rng_next(&k->rng);
}

static uint32_t some_u32(struct maker *k)
{
	static const uint32_t bounds[] = { 0,	     1,		2,
					   3,	     4,		0x7f,
					   0xff,     0xffff,	65535u,
					   65536u,   1u << 22,	0x7fffffff,
					   1u << 31, UINT32_MAX };

	if (k->is_tame && rng_once_in(&k->rng, 3))
		return rng_below(&k->rng, 4); /* flags, a level */
	switch (rng_below(&k->rng, k->is_tame ? 2 : 4)) {
	case 3:
		return (uint32_t)rng_next(&k->rng);
	case 2:
		return bounds[rng_below(&k->rng, COUNT(bounds))];
	case 1:
		return PID_NAME + rng_below(&k->rng, KNOWN_PIDS);
	}
	/* An ID of a target, perhaps. */
	return 1 + rng_below(&k->rng, 64);
}

static void append_string(struct maker *k, struct message *m,
			  const char *const *words)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz_-%n ";
	unsigned int count = 0;

	while (words && words[count])
		count++;
	if (count && !wrongly(k, 4)) {
		const char *word = words[rng_below(&k->rng, count)];

		/* Once in a while without its end. */
		append(m, word, (uint32_t)strlen(word) + !wrongly(k, 8));
		return;
	}
	for (uint32_t i = rng_below(&k->rng, 40); i; i--)
		append(m, &text[rng_below(&k->rng, sizeof(text) - 1)], 1);
	if (!wrongly(k, 3))
		append(m, "", 1);
}

static void append_attributes(struct maker *k, struct message *m,
			      const struct fuzz_command *c, unsigned int depth);

static void append_value(struct maker *k, struct message *m,
			 const struct fuzz_attribute *a, unsigned int depth)
{
	const struct fuzz_command inside = { .set = a->nested,
					     .in_set = a->in_nested };
	uint64_t value = some_u32(k);

	switch (a->kind) {
	case KIND_PAD:
	case KIND_FLAG:
		break;
	case KIND_U32:
		append(m, &value, 4);
		break;
	case KIND_U64:
		if (wrongly(k, 2))
			value |= rng_next(&k->rng) << 32;
		append(m, &value, 8);
		break;
	case KIND_STRING:
		append_string(k, m, a->words);
		break;
	case KIND_NEST:
		if (depth < DEPTH_MAX && a->nested)
			append_attributes(k, m, &inside, depth + 1);
		break;
	case KIND_BINARY:
		append_noise(k, m, rng_below(&k->rng, 64));
		break;
	}
}

static uint16_t wrong_length(struct maker *k, uint16_t len)
{
	switch (rng_below(&k->rng, 5)) {
	case 0:
		return (uint16_t)rng_below(&k->rng, 4);
	case 1:
		return len - 1;
	case 2:
		return len + 1;
	case 3:
		return UINT16_MAX;
	}
	return (uint16_t)rng_next(&k->rng);
}

static void append_attribute(struct maker *k, struct message *m,
			     const struct fuzz_attribute *a, unsigned int depth)
{
	uint32_t start = m->len;
	struct nlattr head = { .nla_type = a->type };

	if (!reserve(m, sizeof(head)))
		return;
	if (wrongly(k, 16))
		append_noise(k, m, rng_below(&k->rng, 12));
	else
		append_value(k, m, a, depth);
	head.nla_len = (uint16_t)(m->len - start);
	if (a->kind == KIND_NEST || wrongly(k, 24))
		head.nla_type |= NLA_F_NESTED;
	if (wrongly(k, 48))
		head.nla_type |= NLA_F_NET_BYTEORDER;
	if (wrongly(k, 32))
		head.nla_type = (uint16_t)rng_next(&k->rng);
	if (wrongly(k, 24))
		head.nla_len = wrong_length(k, head.nla_len);
	memcpy(m->bytes + start, &head, sizeof(head));
	while (m->len % NLA_ALIGNTO && reserve(m, 1))
		m->bytes[m->len - 1] = 0;
}

static const struct fuzz_attribute *pick(struct maker *k,
					 const struct fuzz_command *c)
{
	uint16_t wanted;

	if (!c->in_request || rng_once_in(&k->rng, 5))
		return &c->set[rng_below(&k->rng, c->in_set)];
	wanted = c->request[rng_below(&k->rng, c->in_request)];
	for (unsigned int i = 0; i < c->in_set; i++) {
		if (c->set[i].type == wanted)
			return &c->set[i];
	}
	return &c->set[0];
}

/* What a request has: each once, or not. */
static void append_request(struct maker *k, struct message *m,
			   const struct fuzz_command *c)
{
	for (unsigned int i = 0; i < c->in_set; i++) {
		for (unsigned int j = 0; j < c->in_request; j++) {
			if (c->set[i].type == c->request[j] &&
			    !rng_once_in(&k->rng, 4))
				append_attribute(k, m, &c->set[i], 0);
		}
	}
}

static void append_attributes(struct maker *k, struct message *m,
			      const struct fuzz_command *c, unsigned int depth)
{
	unsigned int count = rng_below(&k->rng, 4);

	if (!depth && !wrongly(k, 3)) {
		append_request(k, m, c);
		count = wrongly(k, 8);
	}
	/* Others, duplicates, in any order. */
	while (count--)
		append_attribute(k, m, pick(k, c), depth);
}

static void begin(struct maker *k, struct message *m, uint8_t cmd)
{
	struct nlmsghdr nlh = {
		.nlmsg_type = FAMILY_NAME,
		.nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_seq = (uint32_t)rng_next(&k->rng),
	};
	struct genlmsghdr genl = { .cmd = cmd, .version = 1 };

	if (!rng_once_in(&k->rng, 4))
		nlh.nlmsg_flags |= NLM_F_ACK;
	if (rng_once_in(&k->rng, 4))
		nlh.nlmsg_flags |= NLM_F_DUMP;
	if (wrongly(k, 32))
		nlh.nlmsg_flags = (uint16_t)rng_next(&k->rng);
	if (wrongly(k, 64))
		nlh.nlmsg_type =
			(uint16_t)(NLMSG_MIN_TYPE + rng_below(&k->rng, 32));
	if (wrongly(k, 32)) {
		genl.version = (uint8_t)rng_next(&k->rng);
		genl.reserved = (uint16_t)rng_next(&k->rng);
	}
	m->len = 0;
	append(m, &nlh, sizeof(nlh));
	append(m, &genl, sizeof(genl));
}

static void set_length(struct maker *k, struct message *m)
{
	uint32_t len = m->len;

	if (wrongly(k, 48))
		append_noise(k, m, 1 + rng_below(&k->rng, 24));
	if (wrongly(k, 48))
		len = rng_below(&k->rng, m->len + 24);
	memcpy(m->bytes, &len, sizeof(len));
}

static void from_specification(struct maker *k, struct message *m)
{
	const struct fuzz_command *c =
		&fuzz_commands[rng_below(&k->rng, fuzz_nr_commands)];

	k->is_tame = rng_once_in(&k->rng, 3);
	begin(k, m, wrongly(k, 32) ? (uint8_t)rng_next(&k->rng) : c->cmd);
	append_attributes(k, m, c, 0);
	set_length(k, m);
}

/* Whatever else it becomes, it is for the family. */
static void change(struct maker *k, struct message *m)
{
	const uint16_t type = FAMILY_NAME;

	for (uint32_t i = 1 + rng_below(&k->rng, 4); i && m->len; i--) {
		uint8_t *at = &m->bytes[rng_below(&k->rng, m->len)];

		*at = rng_once_in(&k->rng, 2) ?
			      (uint8_t)rng_next(&k->rng) :
			      *at ^ (uint8_t)(1u << rng_below(&k->rng, 8));
	}
	if (m->len >= NLMSG_HDRLEN)
		memcpy(m->bytes + offsetof(struct nlmsghdr, nlmsg_type), &type,
		       sizeof(type));
}

static void from_an_earlier_one(struct maker *k, struct message *m)
{
	if (k->in_corpus && rng_once_in(&k->rng, 2))
		*m = k->corpus[rng_below(&k->rng, (uint32_t)k->in_corpus)];
	else
		*m = k->recent[rng_below(&k->rng, k->in_recent)];
	change(k, m);
}

void message_make(struct maker *k, struct message *m)
{
	if ((k->in_recent || k->in_corpus) && rng_once_in(&k->rng, 5)) {
		if (!k->in_recent)
			k->recent[k->in_recent++] = k->corpus[0];
		from_an_earlier_one(k, m);
	} else {
		from_specification(k, m);
	}
	if (k->in_recent < COUNT(k->recent))
		k->recent[k->in_recent++] = *m;
	else
		k->recent[rng_below(&k->rng, COUNT(k->recent))] = *m;
}

void message_resolve(const struct maker *k, const struct message *m,
		     struct message *sent)
{
	struct nlmsghdr *nlh = (void *)sent->bytes;

	*sent = *m;
	if (m->len < NLMSG_HDRLEN)
		return;
	if (nlh->nlmsg_type == FAMILY_NAME)
		nlh->nlmsg_type = k->family;
	/* Values of attributes are aligned, also those of 64 bits. */
	for (uint32_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + 4 <= m->len;
	     at += 4) {
		uint32_t *value = (void *)&sent->bytes[at];

		if (*value - PID_NAME < KNOWN_PIDS)
			*value = (uint32_t)k->pids[*value - PID_NAME];
	}
}

/* FNV-1a, as in http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t message_hash(uint64_t before, const struct message *m)
{
	uint64_t hash = before ? before : 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < m->len; i++)
		hash = (hash ^ m->bytes[i]) * 0x100000001b3ULL;
	/* Where one ends and the next begins counts too. */
	return (hash ^ m->len) * 0x100000001b3ULL;
}

bool message_is_for_family(const struct message *m)
{
	const struct nlmsghdr *nlh = (const void *)m->bytes;

	return m->len >= NLMSG_HDRLEN && nlh->nlmsg_type == FAMILY_NAME;
}

unsigned int message_command(const struct message *m)
{
	const struct genlmsghdr *genl = (const void *)(m->bytes + NLMSG_HDRLEN);
	unsigned int i = 0;

	if (m->len < NLMSG_HDRLEN + sizeof(*genl) || !message_is_for_family(m))
		return fuzz_nr_commands;
	while (i < fuzz_nr_commands && fuzz_commands[i].cmd != genl->cmd)
		i++;
	return i;
}
