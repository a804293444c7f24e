// SPDX-License-Identifier: GPL-2.0
/*
 * The table from epoll registration to slot (kmod/epitem.c). Keys are addresses
 * that are only compared, so any number will do.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/module.h>

#include "epitem.h"
#include "slot.h"
#include "target.h"

#define SLOTS 64
#define GREATEST_SLOT (U16_MAX - 1)
#define ITEM_BYTES 128

static const void *key_at(unsigned long i)
{
	return (const void *)(0x100000UL + i * ITEM_BYTES);
}

/* Whoever has a slot; nobody looks inside. */
static struct osc_target owner;

static int epitem_init(struct kunit *test)
{
	unsigned int slot;
	int ret;

	ret = osc_slots_init(U16_MAX / 2);
	if (ret)
		return ret;
	ret = osc_epitem_alloc();
	if (ret) {
		osc_slots_exit();
		return ret;
	}
	for (slot = 1; slot < SLOTS; slot++)
		osc_slot_publish(slot, &owner);
	osc_slot_publish(GREATEST_SLOT, &owner);
	return 0;
}

static void epitem_exit(struct kunit *test)
{
	osc_epitem_free();
	osc_slots_exit();
}

static void unknown_key_is_nobodys(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(1)), 0);
	/* An empty entry must not be taken for the key NULL's. */
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(NULL), 0);
}

static void key_is_found_with_its_slot(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(1), 5), 0);
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(2), GREATEST_SLOT), 0);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(1)), 5);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(2)), GREATEST_SLOT);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(3)), 0);
}

/* The memory of a registration is used again, by anybody. */
static void later_owner_replaces_the_earlier(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(1), 5), 0);
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(1), 6), 0);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(1)), 6);
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(1), 0), 0);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(1)), 0);
}

/* Finds the first ways + 1 keys that share a bucket. */
static void fill_a_bucket(struct kunit *test, unsigned long *keys)
{
	const u64 *bucket = osc_epitem_bucket(key_at(0));
	unsigned int found = 0;
	unsigned long i;

	for (i = 0; found <= OSC_EPITEM_WAYS; i++) {
		if (osc_epitem_bucket(key_at(i)) == bucket)
			keys[found++] = i;
	}
}

static void full_bucket_refuses_and_keeps_the_others(struct kunit *test)
{
	unsigned long keys[OSC_EPITEM_WAYS + 1];
	unsigned int i;

	fill_a_bucket(test, keys);
	for (i = 0; i < OSC_EPITEM_WAYS; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(keys[i]), i + 1),
				0);
	KUNIT_EXPECT_EQ(test, osc_epitem_set(key_at(keys[i]), 9), -ENOSPC);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[i])), 0);
	/* To be nobody's is always possible. */
	KUNIT_EXPECT_EQ(test, osc_epitem_set(key_at(keys[i]), 0), 0);
	for (i = 0; i < OSC_EPITEM_WAYS; i++)
		KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[i])), i + 1);
	/* A place that is given up is there for the next. */
	KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(keys[1]), 0), 0);
	KUNIT_EXPECT_EQ(test, osc_epitem_set(key_at(keys[OSC_EPITEM_WAYS]), 9),
			0);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[OSC_EPITEM_WAYS])),
			9);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[0])), 1);
}

static void removed_target_makes_room(struct kunit *test)
{
	unsigned long keys[OSC_EPITEM_WAYS + 1];
	unsigned int i;

	fill_a_bucket(test, keys);
	for (i = 0; i < OSC_EPITEM_WAYS; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(keys[i]), i + 1),
				0);
	osc_slot_retire(2);
	KUNIT_EXPECT_EQ(test, osc_epitem_set(key_at(keys[i]), 9), 0);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[i])), 9);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[0])), 1);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(keys[1])), 0);
}

static void forgetting_drops_the_retired_slots_only(struct kunit *test)
{
	DECLARE_BITMAP(retired, SLOTS) = {};
	unsigned int i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(i), 1 + i % 2), 0);
	__set_bit(1, retired);
	osc_epitem_forget(retired);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_slot(key_at(i)),
				i % 2 ? 2 : 0);
}

static void a_slots_registrations_are_handed_to_another(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 99; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_set(key_at(i), 1 + i % 3), 0);
	osc_epitem_replace(2, 3);
	for (i = 0; i < 99; i++)
		KUNIT_ASSERT_EQ(test, osc_epitem_slot(key_at(i)),
				i % 3 == 0 ? 1 : 3);
	KUNIT_EXPECT_EQ(test, osc_epitem_slot(key_at(99)), 0);
}

static struct kunit_case osconcepts_epitem_cases[] = {
	KUNIT_CASE(unknown_key_is_nobodys),
	KUNIT_CASE(key_is_found_with_its_slot),
	KUNIT_CASE(later_owner_replaces_the_earlier),
	KUNIT_CASE(full_bucket_refuses_and_keeps_the_others),
	KUNIT_CASE(removed_target_makes_room),
	KUNIT_CASE(forgetting_drops_the_retired_slots_only),
	KUNIT_CASE(a_slots_registrations_are_handed_to_another),
	{}
};

static struct kunit_suite osconcepts_epitem_suite = {
	.name = "osconcepts_epitem",
	.init = epitem_init,
	.exit = epitem_exit,
	.test_cases = osconcepts_epitem_cases,
};

kunit_test_suite(osconcepts_epitem_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts table of epoll registrations");
MODULE_LICENSE("GPL");
