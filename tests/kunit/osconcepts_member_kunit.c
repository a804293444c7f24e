// SPDX-License-Identifier: GPL-2.0
/*
 * The table from process to slot (kmod/member.c), as the hooks use it.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/threads.h>

#include "member.h"

#define SPARES_AT_LEAST 1
#define SLOTS 64

static int member_init(struct kunit *test)
{
	osc_member_init();
	return osc_member_refill();
}

static void member_exit(struct kunit *test)
{
	osc_member_reset();
}

static const u32 tgids[] = {
	0,
	1,
	OSC_MEMBER_LEAF - 1,
	OSC_MEMBER_LEAF,
	OSC_MEMBER_LEAF + 1,
	(OSC_MEMBER_LEAVES / 2) * OSC_MEMBER_LEAF,
	PID_MAX_LIMIT - 1,
};

static void empty_table_answers_none(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tgids); i++)
		KUNIT_EXPECT_EQ(test, osc_member_slot(tgids[i]), 0);
}

static void entry_is_found_and_its_neighbours_are_not(struct kunit *test)
{
	unsigned int i;
	u32 tgid;

	for (i = 1; i + 1 < ARRAY_SIZE(tgids); i++) {
		tgid = tgids[i];
		KUNIT_ASSERT_EQ(test, osc_member_refill(), 0);
		KUNIT_ASSERT_EQ(test, osc_member_set(tgid, 7), 0);
		KUNIT_EXPECT_EQ(test, osc_member_slot(tgid), 7);
		KUNIT_EXPECT_EQ(test, osc_member_slot(tgid - 1), 0);
		KUNIT_EXPECT_EQ(test, osc_member_slot(tgid + 1), 0);
		KUNIT_ASSERT_EQ(test, osc_member_set(tgid, 0), 0);
		KUNIT_EXPECT_EQ(test, osc_member_slot(tgid), 0);
	}
}

static void every_tgid_of_a_range_has_its_own_entry(struct kunit *test)
{
	u32 base = 3 * OSC_MEMBER_LEAF;
	unsigned int i;

	for (i = 0; i < OSC_MEMBER_LEAF; i++)
		KUNIT_ASSERT_EQ(test, osc_member_set(base + i, i + 1), 0);
	for (i = 0; i < OSC_MEMBER_LEAF; i++)
		KUNIT_ASSERT_EQ(test, osc_member_slot(base + i), i + 1);
	KUNIT_EXPECT_EQ(test, osc_member_slot(base - 1), 0);
	KUNIT_EXPECT_EQ(test, osc_member_slot(base + OSC_MEMBER_LEAF), 0);
}

static void greatest_slot_is_kept_whole(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, osc_member_set(5, U16_MAX), 0);
	KUNIT_EXPECT_EQ(test, osc_member_slot(5), U16_MAX);
}

/* The fork hook writes a 0 for each process outside of all trees. */
static void writing_none_needs_no_memory(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < OSC_MEMBER_LEAVES; i++)
		KUNIT_ASSERT_EQ(test, osc_member_set(i * OSC_MEMBER_LEAF, 0),
				0);
	/* Not one spare was used up for them. */
	KUNIT_EXPECT_EQ(test, osc_member_set(9, 1), 0);
}

static void used_up_spares_are_an_error_until_refilled(struct kunit *test)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < OSC_MEMBER_LEAVES && !ret; i++)
		ret = osc_member_set(i * OSC_MEMBER_LEAF, 1);
	KUNIT_ASSERT_EQ(test, ret, -EAGAIN);
	KUNIT_EXPECT_TRUE(test, osc_member_is_low);
	i--;
	KUNIT_EXPECT_GE(test, i, SPARES_AT_LEAST);
	KUNIT_EXPECT_EQ(test, osc_member_slot(i * OSC_MEMBER_LEAF), 0);
	/* Ranges that have their memory go on. */
	KUNIT_EXPECT_EQ(test, osc_member_set(0, 2), 0);
	KUNIT_ASSERT_EQ(test, osc_member_refill(), 0);
	KUNIT_EXPECT_FALSE(test, osc_member_is_low);
	KUNIT_EXPECT_EQ(test, osc_member_set(i * OSC_MEMBER_LEAF, 1), 0);
	KUNIT_EXPECT_EQ(test, osc_member_slot(i * OSC_MEMBER_LEAF), 1);
}

static void forgetting_drops_the_retired_slots_only(struct kunit *test)
{
	DECLARE_BITMAP(retired, SLOTS) = {};

	KUNIT_ASSERT_EQ(test, osc_member_set(10, 3), 0);
	KUNIT_ASSERT_EQ(test, osc_member_set(11, 4), 0);
	KUNIT_ASSERT_EQ(test, osc_member_set(OSC_MEMBER_LEAF + 10, 3), 0);
	__set_bit(3, retired);
	osc_member_forget(retired);
	KUNIT_EXPECT_EQ(test, osc_member_slot(10), 0);
	KUNIT_EXPECT_EQ(test, osc_member_slot(11), 4);
	KUNIT_EXPECT_EQ(test, osc_member_slot(OSC_MEMBER_LEAF + 10), 0);
}

static void a_slots_processes_are_handed_to_another(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i < 100; i++)
		KUNIT_ASSERT_EQ(test, osc_member_set(i, 1 + i % 3), 0);
	osc_member_replace(2, 3);
	for (i = 1; i < 100; i++)
		KUNIT_ASSERT_EQ(test, osc_member_slot(i), i % 3 == 0 ? 1 : 3);
	KUNIT_EXPECT_EQ(test, osc_member_slot(100), 0);
}

static void reset_table_is_as_new(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, osc_member_set(10, 3), 0);
	osc_member_reset();
	KUNIT_EXPECT_EQ(test, osc_member_slot(10), 0);
	KUNIT_EXPECT_EQ(test, osc_member_set(10, 3), -EAGAIN);
	KUNIT_ASSERT_EQ(test, osc_member_refill(), 0);
	KUNIT_EXPECT_EQ(test, osc_member_set(10, 3), 0);
}

static struct kunit_case osconcepts_member_cases[] = {
	KUNIT_CASE(empty_table_answers_none),
	KUNIT_CASE(entry_is_found_and_its_neighbours_are_not),
	KUNIT_CASE(every_tgid_of_a_range_has_its_own_entry),
	KUNIT_CASE(greatest_slot_is_kept_whole),
	KUNIT_CASE(writing_none_needs_no_memory),
	KUNIT_CASE(used_up_spares_are_an_error_until_refilled),
	KUNIT_CASE(forgetting_drops_the_retired_slots_only),
	KUNIT_CASE(a_slots_processes_are_handed_to_another),
	KUNIT_CASE(reset_table_is_as_new),
	{}
};

static struct kunit_suite osconcepts_member_suite = {
	.name = "osconcepts_member",
	.init = member_init,
	.exit = member_exit,
	.test_cases = osconcepts_member_cases,
};

kunit_test_suite(osconcepts_member_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts member table");
MODULE_LICENSE("GPL");
