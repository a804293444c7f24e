// SPDX-License-Identifier: GPL-2.0
/*
 * The slots of targets (kmod/slot.c): handed out once, and again only when the
 * tables of the hooks have forgotten them.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "current.h"
#include "instance.h"
#include "member.h"
#include "slot.h"
#include "target.h"

#define MAX_TARGETS 4
/* As many slots as slot.c makes of it, without slot 0. */
#define NR_SLOTS (2 * MAX_TARGETS)

/* Nothing is timed here. */
void osc_current_refresh(void)
{
}

static int slot_init(struct kunit *test)
{
	int ret;

	osc_member_init();
	ret = osc_member_refill();
	if (!ret)
		ret = osc_instance_alloc();
	if (!ret)
		ret = osc_slots_init(MAX_TARGETS);
	return ret;
}

static void slot_exit(struct kunit *test)
{
	osc_slots_exit();
	osc_instance_free();
	osc_member_reset();
}

static void each_slot_is_handed_out_once(struct kunit *test)
{
	DECLARE_BITMAP(seen, NR_SLOTS + 1) = {};
	unsigned int i;
	u16 slot;

	for (i = 0; i < NR_SLOTS; i++) {
		slot = osc_slot_take();
		KUNIT_ASSERT_NE_MSG(test, slot, 0, "0 means none");
		KUNIT_ASSERT_LE(test, slot, NR_SLOTS);
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(slot, seen));
	}
	KUNIT_EXPECT_EQ(test, osc_slot_take(), 0);
}

static void retired_slot_waits_until_no_other_is_left(struct kunit *test)
{
	u16 first = osc_slot_take();
	unsigned int i;

	osc_slot_retire(first);
	for (i = 1; i < NR_SLOTS; i++)
		KUNIT_ASSERT_NE(test, osc_slot_take(), first);
	KUNIT_EXPECT_EQ(test, osc_slot_take(), first);
}

/* Else the new target would be given the tasks and descriptors of the old. */
static void slot_is_forgotten_before_it_is_used_again(struct kunit *test)
{
	const void *key = (const void *)0x100000UL;
	u16 first = osc_slot_take(), second = osc_slot_take();
	unsigned int i;

	KUNIT_ASSERT_EQ(test, osc_member_set(10, first), 0);
	KUNIT_ASSERT_EQ(test, osc_member_set(11, second), 0);
	KUNIT_ASSERT_EQ(test, osc_instance_add(key, first), 0);
	osc_slot_retire(first);
	for (i = 2; i < NR_SLOTS; i++)
		osc_slot_take();
	/* Not yet: it costs a pass over the tables. */
	KUNIT_EXPECT_EQ(test, osc_member_slot(10), first);
	KUNIT_EXPECT_EQ(test, osc_slot_take(), first);
	KUNIT_EXPECT_EQ(test, osc_member_slot(10), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key), 0);
	KUNIT_EXPECT_EQ(test, osc_member_slot(11), second);
}

static void published_target_is_seen_until_it_retires(struct kunit *test)
{
	struct osc_target *target =
		kunit_kzalloc(test, sizeof(*target), GFP_KERNEL);
	u16 slot = osc_slot_take();

	KUNIT_ASSERT_NOT_NULL(test, target);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(osc_slots[slot]));
	osc_slot_publish(slot, target);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(osc_slots[slot]), target);
	osc_slot_retire(slot);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(osc_slots[slot]));
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(osc_slots[0]));
}

static void first_owner_that_shows_is_the_owner(struct kunit *test)
{
	u16 slot = osc_slot_take();

	KUNIT_EXPECT_FALSE(test, osc_slot_is_used(slot));
	osc_slot_seek(slot, NULL);
	KUNIT_EXPECT_TRUE(test, osc_slot_is_used(slot));
	osc_slot_decide(slot, 3);
	osc_slot_decide(slot, OSC_OWNER_FOREIGN);
	KUNIT_EXPECT_EQ(test, osc_slot_owners[slot], 3);
	KUNIT_EXPECT_FALSE(test, osc_slot_is_used(slot));
	osc_slot_retire(slot);
	KUNIT_EXPECT_EQ(test, osc_slot_owners[slot], 0);
}

static void reset_gives_back_the_retired_only(struct kunit *test)
{
	u16 kept = osc_slot_take(), given = osc_slot_take();

	osc_slot_retire(given);
	osc_slots_reset();
	KUNIT_EXPECT_EQ(test, osc_slot_take(), given);
	KUNIT_EXPECT_NE(test, osc_slot_take(), kept);
}

static struct kunit_case osconcepts_slot_cases[] = {
	KUNIT_CASE(each_slot_is_handed_out_once),
	KUNIT_CASE(retired_slot_waits_until_no_other_is_left),
	KUNIT_CASE(slot_is_forgotten_before_it_is_used_again),
	KUNIT_CASE(published_target_is_seen_until_it_retires),
	KUNIT_CASE(first_owner_that_shows_is_the_owner),
	KUNIT_CASE(reset_gives_back_the_retired_only),
	{}
};

static struct kunit_suite osconcepts_slot_suite = {
	.name = "osconcepts_slot",
	.init = slot_init,
	.exit = slot_exit,
	.test_cases = osconcepts_slot_cases,
};

kunit_test_suite(osconcepts_slot_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts slots");
MODULE_LICENSE("GPL");
