// SPDX-License-Identifier: GPL-2.0
#include <linux/percpu.h>
#include <linux/rbtree.h>
#include <linux/string.h>

#include "layout.h"
#include "target.h"
#include "tracepoint.h"

/* Of an epitem; it has more in every kernel. */
#define WORDS 12

/* As in 6.1 and 6.12, where ffd takes two words. */
struct item {
	struct rb_node rbn;
	struct list_head rdllink;
	void *next;
	void *ffd[2];
	void *pwqlist;
	void *ep;
};

unsigned int osc_layout_word = offsetof(struct item, ep) / sizeof(void *);
DEFINE_STATIC_KEY_TRUE(osc_layout_unproven);

/* The registration may be freed before the next wakeup. */
struct copy {
	const void *word[WORDS];
};

static DEFINE_PER_CPU(struct copy, last_item);
static bool hidden;
static bool proven; /* set once */
static bool has_moved; /* what came before was attributed by another word */

/**
 * osc_layout_note() - remember a registration whose callback is running
 * @item: address of the epitem
 *
 * Context: a direct call, so every register is kept; interrupts off.
 */
OSC_DIRECT noinline notrace void osc_layout_note(const void *const *item)
{
	struct copy *copy = raw_cpu_ptr(&last_item);
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		copy->word[i] = READ_ONCE(item[i]);
}

/**
 * osc_layout_prove() - look where the last registration names an instance
 * @wait: first argument of ep_autoremove_wake_function
 *
 * The wakeup may come from elsewhere than from that callback. Then no word is
 * the address of the instance: no other field than ep points to its beginning.
 *
 * Context: a direct call, so every register is kept; interrupts off.
 */
OSC_DIRECT noinline notrace void osc_layout_prove(const void *wait)
{
	const void *instance = osc_layout_waited(wait);
	const struct copy *copy = raw_cpu_ptr(&last_item);
	unsigned int i;

	if (READ_ONCE(proven) || hidden)
		return;
	for (i = 0; i < WORDS && copy->word[i] != instance; i++)
		;
	if (i == WORDS)
		return;
	if (i != READ_ONCE(osc_layout_word)) {
		WRITE_ONCE(has_moved, true);
		WRITE_ONCE(osc_layout_word, i);
	}
	WRITE_ONCE(proven, true);
	/* The key is switched off where sleeping is allowed. */
	osc_target_kick(true);
}

/**
 * osc_layout_is_proven() - whether callbacks are attributed from now on
 *
 * Context: any.
 * Return: true when they are.
 */
bool osc_layout_is_proven(void)
{
	return READ_ONCE(proven);
}

/**
 * osc_layout_is_settled() - whether targets know what was attributed before
 *
 * Context: under osc_targets_lock.
 * Return: true when no callback is in doubt for want of a proof.
 */
bool osc_layout_is_settled(void)
{
	return READ_ONCE(proven) && (!READ_ONCE(has_moved) ||
				     !static_key_enabled(&osc_layout_unproven));
}

/**
 * osc_layout_settle() - have the hooks stop looking for a proof, once there is one
 *
 * Context: may sleep, under osc_targets_lock.
 * Return: true, once, when what was attributed before was not all.
 */
bool osc_layout_settle(void)
{
	if (!READ_ONCE(proven) || !static_key_enabled(&osc_layout_unproven))
		return false;
	static_branch_disable(&osc_layout_unproven);
	return READ_ONCE(has_moved);
}

/**
 * osc_layout_init() - begin without a proof
 */
void osc_layout_init(void)
{
	/* To see what the module does where ep is not found. */
	hidden = osc_hidden("eventpoll");
	if (hidden)
		osc_layout_word = 0;
}
