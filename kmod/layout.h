/* SPDX-License-Identifier: GPL-2.0 */
/*
 * layout.h - where epoll keeps the address of an instance, in structures that
 * are private to fs/eventpoll.c:
 *
 *	struct eppoll_entry { next; struct epitem *base; wait_queue_entry_t wait;
 *	struct ep_pqueue { poll_table pt; struct epitem *epi; };
 *	struct epitem { rbn; rdllink; next; ffd; pwqlist; struct eventpoll *ep;
 *	struct eventpoll { struct mutex mtx; wait_queue_head_t wq;
 *
 * The first two and the last have been so since epoll came. Where ep is in an
 * epitem differs, so it is proven: a callback that wakes a waiter must name the
 * instance on whose queue the waiter is. Until the first one does, no callback is
 * known to be attributed.
 */
#ifndef OSC_LAYOUT_H
#define OSC_LAYOUT_H

#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/wait.h>

#include "hook.h"

/* Of an epitem, as 64-bit words: the one that is ep. */
extern unsigned int osc_layout_word;

/* On until the place of ep is proven. */
DECLARE_STATIC_KEY_TRUE(osc_layout_unproven);

/**
 * osc_layout_item() - the registration that a readiness callback belongs to
 * @wait: first argument of ep_poll_callback
 *
 * Return: address of the epitem.
 */
static __always_inline const void *const *osc_layout_item(const void *wait)
{
	return ((const void *const *const *)wait)[-1];
}

/**
 * osc_layout_new_item() - the registration that is being made
 * @pt: third argument of ep_ptable_queue_proc
 *
 * Return: address of the epitem, NULL when an earlier allocation has failed.
 */
static __always_inline const void *const *osc_layout_new_item(const void *pt)
{
	return *(const void *const *const *)(pt + sizeof(poll_table));
}

/**
 * osc_layout_instance() - the instance that a registration belongs to
 * @item: address of the epitem
 *
 * Return: address of the eventpoll.
 */
static __always_inline const void *osc_layout_instance(const void *const *item)
{
	return item[READ_ONCE(osc_layout_word)];
}

/**
 * osc_layout_waited() - the instance on whose queue a waiter is
 * @wait: first argument of ep_autoremove_wake_function
 *
 * Whoever is called leaves the queue, so the waiter that is called is the first
 * one: before it is the head.
 *
 * Return: address of the eventpoll.
 */
static __always_inline const void *osc_layout_waited(const void *wait)
{
	const struct wait_queue_entry *entry = wait;

	return (const void *)entry->entry.prev - sizeof(struct mutex) -
	       offsetof(struct wait_queue_head, head);
}

OSC_DIRECT void osc_layout_note(const void *const *item);
OSC_DIRECT void osc_layout_prove(const void *wait);
bool osc_layout_is_proven(void);
bool osc_layout_is_settled(void);
bool osc_layout_settle(void);
void osc_layout_init(void);

#endif /* OSC_LAYOUT_H */
