// SPDX-License-Identifier: GPL-2.0
/*
 * Moments of tasks (kmod/moment.h): what was put is taken once, and what finds
 * no room is counted.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include "moment.h"

static struct osc_moments table;

static int moment_init(struct kunit *test)
{
	return osc_moments_alloc(&table);
}

static void moment_exit(struct kunit *test)
{
	osc_moments_free(&table);
}

static void what_was_put_is_taken_once(struct kunit *test)
{
	struct osc_moment moment;

	KUNIT_EXPECT_FALSE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_EXPECT_EQ(test, osc_moment_put(&table, 7, 1, 100),
			OSC_MOMENT_FREE);
	KUNIT_ASSERT_TRUE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_EXPECT_EQ(test, moment.kind, 1);
	KUNIT_EXPECT_EQ(test, moment.time, 100);
	KUNIT_EXPECT_FALSE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_EXPECT_EQ(test, atomic64_read(&table.lost), 0);
}

static void a_second_moment_replaces_the_first(struct kunit *test)
{
	struct osc_moment moment;

	osc_moment_put(&table, 7, 0, 100);
	KUNIT_EXPECT_EQ(test, osc_moment_put(&table, 7, 1, 200), 7);
	KUNIT_ASSERT_TRUE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_EXPECT_EQ(test, moment.time, 200);
	KUNIT_EXPECT_EQ(test, atomic64_read(&table.lost), 0);
}

static void one_of_two_in_an_entry_is_lost_and_counted(struct kunit *test)
{
	u32 other = 7 + table.mask + 1;
	struct osc_moment moment;

	osc_moment_put(&table, 7, 0, 100);
	KUNIT_EXPECT_EQ(test, osc_moment_put(&table, other, 0, 200), 7);
	KUNIT_EXPECT_EQ(test, atomic64_read(&table.lost), 1);
	KUNIT_EXPECT_FALSE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_ASSERT_TRUE(test, osc_moment_take(&table, other, &moment));
	KUNIT_EXPECT_EQ(test, moment.time, 200);
}

static void a_busy_entry_is_left_alone(struct kunit *test)
{
	struct osc_moment moment;

	table.at[7].tid = OSC_MOMENT_BUSY;
	KUNIT_EXPECT_EQ(test, osc_moment_put(&table, 7, 0, 100),
			OSC_MOMENT_BUSY);
	KUNIT_EXPECT_EQ(test, atomic64_read(&table.lost), 1);
	KUNIT_EXPECT_EQ(test, table.at[7].tid, OSC_MOMENT_BUSY);
	KUNIT_EXPECT_FALSE(test, osc_moment_take(&table, 7, &moment));
}

static void a_forgotten_moment_is_gone(struct kunit *test)
{
	struct osc_moment moment;

	osc_moment_put(&table, 7, 0, 100);
	KUNIT_EXPECT_TRUE(test, osc_moments_forget(&table, 7));
	KUNIT_EXPECT_FALSE(test, osc_moments_forget(&table, 7));
	KUNIT_EXPECT_FALSE(test, osc_moment_take(&table, 7, &moment));
	KUNIT_EXPECT_EQ(test, atomic64_read(&table.lost), 0);
}

static void a_cleared_table_holds_what_is_being_written(struct kunit *test)
{
	osc_moment_put(&table, 7, 0, 100);
	osc_moment_put(&table, table.mask, 0, 100);
	table.at[8].tid = OSC_MOMENT_BUSY;
	osc_moments_clear(&table);
	KUNIT_EXPECT_EQ(test, table.at[7].tid, OSC_MOMENT_FREE);
	KUNIT_EXPECT_EQ(test, table.at[table.mask].tid, OSC_MOMENT_FREE);
	KUNIT_EXPECT_EQ(test, table.at[8].tid, OSC_MOMENT_BUSY);
}

static struct kunit_case moment_cases[] = {
	KUNIT_CASE(what_was_put_is_taken_once),
	KUNIT_CASE(a_second_moment_replaces_the_first),
	KUNIT_CASE(one_of_two_in_an_entry_is_lost_and_counted),
	KUNIT_CASE(a_busy_entry_is_left_alone),
	KUNIT_CASE(a_forgotten_moment_is_gone),
	KUNIT_CASE(a_cleared_table_holds_what_is_being_written),
	{}
};

static struct kunit_suite moment_suite = {
	.name = "osconcepts_moment",
	.init = moment_init,
	.exit = moment_exit,
	.test_cases = moment_cases,
};

kunit_test_suite(moment_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts moments");
MODULE_LICENSE("GPL");
