/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.h - the transport: generic netlink requests, dumps and multicast on
 * libmnl. It knows messages, not their meaning (module.h does).
 */
#ifndef OSC_LIB_NETLINK_H
#define OSC_LIB_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_error;
struct osc_netlink; /* a socket and its buffers; for one thread at a time */

/* Takes one message of the family; not 0 ends the exchange with that. */
typedef int (*osc_netlink_fn)(const struct nlmsghdr *nlh, void *arg);

int osc_netlink_open(struct osc_netlink **out, struct osc_error *e);
void osc_netlink_close(struct osc_netlink *nl);
int osc_netlink_fd(const struct osc_netlink *nl);

#define OSC_NETLINK_GROUPS_MAX 8

struct osc_netlink_family {
	uint16_t id;
	uint32_t version;
	size_t nr_groups;
	struct {
		char name[16];
		uint32_t id;
	} groups[OSC_NETLINK_GROUPS_MAX];
};

/* -ENOENT, without an error text, when the kernel has no such family. */
int osc_netlink_family(struct osc_netlink *nl, const char *name,
		       struct osc_netlink_family *out, struct osc_error *e);

/*
 * Begins a request in the handle's buffer; the caller adds attributes with
 * mnl_attr_put_* and hands it to osc_netlink_request. flags: NLM_F_DUMP or 0.
 */
struct nlmsghdr *osc_netlink_begin(struct osc_netlink *nl,
				   const struct osc_netlink_family *family,
				   uint8_t command, uint16_t flags);

/*
 * Sends it, hands each message of the answer to fn and waits for its end.
 * A refusal returns the kernel's -errno with its reason (the extended ack's
 * text, or strerror) in why. -EAGAIN: a dump that changed while it was made;
 * forget what fn was given and ask again.
 */
#define OSC_NETLINK_WHY_SIZE 256
int osc_netlink_request(struct osc_netlink *nl, struct nlmsghdr *request,
			osc_netlink_fn fn, void *arg,
			char why[OSC_NETLINK_WHY_SIZE]);

/*
 * What the last refusal points at (the cookie of the extended ack, if it is a
 * number of 32 bits), or 0.
 */
uint32_t osc_netlink_cookie(const struct osc_netlink *nl);

int osc_netlink_join(struct osc_netlink *nl, uint32_t group);

/*
 * One message of a multicast group that was joined, without waiting: 0,
 * -EAGAIN when there is none, -ENOBUFS when some were lost, or what fn gave.
 */
int osc_netlink_receive(struct osc_netlink *nl, osc_netlink_fn fn, void *arg);

/*
 * How many messages the kernel could not put into the socket since it was
 * opened, modulo 2^32; 0 where it does not say.
 */
uint32_t osc_netlink_dropped(const struct osc_netlink *nl);

/*
 * The part that reads an answer, apart from any socket so that tests can feed
 * it what a broken kernel might send. 0: go on; 1: the answer is complete;
 * -errno: refused, or not an answer that can be trusted (-EBADMSG).
 */
struct osc_netlink_answer {
	uint32_t seq, portid; /* of the request: all others are skipped */
	osc_netlink_fn fn;
	void *arg;
	bool interrupted; /* a dump that changed meanwhile */
	uint32_t cookie; /* of a refusal, or 0 */
	char why[OSC_NETLINK_WHY_SIZE];
};

int osc_netlink_feed(struct osc_netlink_answer *a, const void *buf,
		     size_t length);

/*
 * Attributes [attr, attr + length) into table[0..max] by type. Those beyond
 * max are of a newer kernel and skipped. -EBADMSG when one overruns its frame
 * or has not the size its type (types[0..max]) demands.
 */
int osc_netlink_attributes(const void *attr, size_t length,
			   const enum mnl_attr_data_type *types, uint16_t max,
			   const struct nlattr **table);

#endif
