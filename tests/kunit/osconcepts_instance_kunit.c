// SPDX-License-Identifier: GPL-2.0
/*
 * The table from epoll instance to slot (kmod/instance.c). Keys are addresses
 * that are only compared, so any number will do.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>

#include "instance.h"
#include "slot.h"
#include "target.h"

#define SLOTS 64
#define GREATEST_SLOT (OSC_OWNER_LOST - 1)
/* Whose owner is sought. */
#define SOUGHT_SLOT (SLOTS + 1)
#define INSTANCE_BYTES 256

static const void *key_at(unsigned long i)
{
	return (const void *)(0x100000UL + i * INSTANCE_BYTES);
}

/* Whoever has a slot; nobody looks inside. */
static struct osc_target owner;

static int set(const void *key, u16 slot)
{
	u16 before;

	return osc_instance_set(key, slot, &before);
}

static int instance_init(struct kunit *test)
{
	unsigned int slot;
	int ret;

	ret = osc_slots_init(U16_MAX / 2);
	if (ret)
		return ret;
	ret = osc_instance_alloc();
	if (ret) {
		osc_slots_exit();
		return ret;
	}
	for (slot = 1; slot < SLOTS; slot++)
		osc_slot_publish(slot, &owner);
	osc_slot_publish(GREATEST_SLOT, &owner);
	osc_slot_seek(SOUGHT_SLOT, NULL);
	return 0;
}

static void instance_exit(struct kunit *test)
{
	osc_slot_retire(SOUGHT_SLOT);
	osc_instance_free();
	osc_slots_exit();
}

static void unknown_key_is_nobodys(struct kunit *test)
{
	u16 before = 1;

	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_set(key_at(1), 0, &before), 0);
	KUNIT_EXPECT_EQ(test, before, 0);
	/* An empty entry must not be taken for the key NULL's. */
	KUNIT_EXPECT_EQ(test, osc_instance_slot(NULL), 0);
}

static void key_is_found_with_its_slot(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set(key_at(1), 5), 0);
	KUNIT_ASSERT_EQ(test, set(key_at(2), GREATEST_SLOT), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 5);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(2)), GREATEST_SLOT);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(3)), 0);
}

/* The memory of an instance is used again, by anybody. */
static void later_owner_replaces_the_earlier(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, set(key_at(1), 5), 0);
	KUNIT_ASSERT_EQ(test, set(key_at(1), 6), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 6);
	KUNIT_ASSERT_EQ(test, set(key_at(1), 0), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 0);
}

/* Finds the first ways + 1 keys that share a bucket. */
static void fill_a_bucket(struct kunit *test, unsigned long *keys)
{
	const u64 *bucket = osc_instance_bucket(key_at(0));
	unsigned int found = 0;
	unsigned long i;

	for (i = 0; found <= OSC_INSTANCE_WAYS; i++) {
		if (osc_instance_bucket(key_at(i)) == bucket)
			keys[found++] = i;
	}
}

static void full_bucket_refuses_and_keeps_the_others(struct kunit *test)
{
	unsigned long keys[OSC_INSTANCE_WAYS + 1];
	unsigned int i;

	fill_a_bucket(test, keys);
	for (i = 0; i < OSC_INSTANCE_WAYS; i++)
		KUNIT_ASSERT_EQ(test, set(key_at(keys[i]), i + 1), 0);
	KUNIT_EXPECT_EQ(test, set(key_at(keys[i]), 9), -ENOSPC);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[i])), 0);
	/* To be nobody's is always possible. */
	KUNIT_EXPECT_EQ(test, set(key_at(keys[i]), 0), 0);
	for (i = 0; i < OSC_INSTANCE_WAYS; i++)
		KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[i])),
				i + 1);
	/* A place that is given up is there for the next. */
	KUNIT_ASSERT_EQ(test, set(key_at(keys[1]), 0), 0);
	KUNIT_EXPECT_EQ(test, set(key_at(keys[OSC_INSTANCE_WAYS]), 9), 0);
	KUNIT_EXPECT_EQ(test,
			osc_instance_slot(key_at(keys[OSC_INSTANCE_WAYS])), 9);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[0])), 1);
}

static void removed_target_makes_room(struct kunit *test)
{
	unsigned long keys[OSC_INSTANCE_WAYS + 1];
	unsigned int i;

	fill_a_bucket(test, keys);
	for (i = 0; i < OSC_INSTANCE_WAYS; i++)
		KUNIT_ASSERT_EQ(test, set(key_at(keys[i]), i + 1), 0);
	osc_slot_retire(2);
	KUNIT_EXPECT_EQ(test, set(key_at(keys[i]), 9), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[i])), 9);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[0])), 1);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[1])), 0);
}

/* Whoever finds an instance does not take it from its owner. */
static void adding_takes_free_instances_only(struct kunit *test)
{
	u16 before;

	KUNIT_EXPECT_EQ(test, osc_instance_add(key_at(1), 5), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_add(key_at(1), 6), -EEXIST);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 5);
	KUNIT_ASSERT_EQ(test, osc_instance_set(key_at(1), 0, &before), 0);
	KUNIT_EXPECT_EQ(test, before, 5);
	KUNIT_EXPECT_EQ(test, osc_instance_add(key_at(1), 6), 0);
	osc_slot_retire(6);
	KUNIT_EXPECT_EQ(test, osc_instance_add(key_at(1), 7), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 7);
}

static void sought_owner_keeps_its_place(struct kunit *test)
{
	unsigned long keys[OSC_INSTANCE_WAYS + 1];
	unsigned int i;

	fill_a_bucket(test, keys);
	for (i = 0; i < OSC_INSTANCE_WAYS; i++)
		KUNIT_ASSERT_EQ(test, set(key_at(keys[i]), SOUGHT_SLOT), 0);
	KUNIT_EXPECT_EQ(test, set(key_at(keys[i]), 9), -ENOSPC);
	KUNIT_EXPECT_EQ(test, osc_instance_add(key_at(keys[0]), 9), -EEXIST);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[0])), SOUGHT_SLOT);
	/* Once it is known, what still has the slot makes room. */
	osc_slot_decide(SOUGHT_SLOT, 5);
	KUNIT_EXPECT_EQ(test, set(key_at(keys[i]), 9), 0);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(keys[i])), 9);
}

static void moving_needs_the_slot_that_was_seen(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, osc_instance_move(key_at(1), 5, 6));
	KUNIT_ASSERT_EQ(test, set(key_at(1), 5), 0);
	KUNIT_EXPECT_FALSE(test, osc_instance_move(key_at(1), 6, 7));
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 5);
	KUNIT_EXPECT_TRUE(test, osc_instance_move(key_at(1), 5, 6));
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 6);
	KUNIT_EXPECT_TRUE(test, osc_instance_move(key_at(1), 6, 0));
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(1)), 0);
}

static void forgetting_drops_the_retired_slots_only(struct kunit *test)
{
	DECLARE_BITMAP(retired, SLOTS) = {};
	unsigned int i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, set(key_at(i), 1 + i % 2), 0);
	__set_bit(1, retired);
	osc_instance_forget(retired);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, osc_instance_slot(key_at(i)),
				i % 2 ? 2 : 0);
}

static void a_slots_instances_are_handed_to_another(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 99; i++)
		KUNIT_ASSERT_EQ(test, set(key_at(i), 1 + i % 3), 0);
	osc_instance_replace(2, 3);
	for (i = 0; i < 99; i++)
		KUNIT_ASSERT_EQ(test, osc_instance_slot(key_at(i)),
				i % 3 == 0 ? 1 : 3);
	KUNIT_EXPECT_EQ(test, osc_instance_slot(key_at(99)), 0);
}

static struct kunit_case osconcepts_instance_cases[] = {
	KUNIT_CASE(unknown_key_is_nobodys),
	KUNIT_CASE(key_is_found_with_its_slot),
	KUNIT_CASE(later_owner_replaces_the_earlier),
	KUNIT_CASE(full_bucket_refuses_and_keeps_the_others),
	KUNIT_CASE(removed_target_makes_room),
	KUNIT_CASE(adding_takes_free_instances_only),
	KUNIT_CASE(sought_owner_keeps_its_place),
	KUNIT_CASE(moving_needs_the_slot_that_was_seen),
	KUNIT_CASE(forgetting_drops_the_retired_slots_only),
	KUNIT_CASE(a_slots_instances_are_handed_to_another),
	{}
};

static struct kunit_suite osconcepts_instance_suite = {
	.name = "osconcepts_instance",
	.init = instance_init,
	.exit = instance_exit,
	.test_cases = osconcepts_instance_cases,
};

kunit_test_suite(osconcepts_instance_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts table of epoll instances");
MODULE_LICENSE("GPL");
