// SPDX-License-Identifier: GPL-2.0
/*
 * The slot formula of the histograms. Raw slots cross the ABI, so every
 * boundary of every slot is checked, for every number of sub-bits.
 */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>

#include <linux/osconcepts_hist.h>

#define SUB_BITS_MAX 16

/* One failed slot says enough: an assertion ends the case. */
static void slots_join_without_gap_or_overlap(struct kunit *test)
{
	unsigned int bits, slot;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		KUNIT_ASSERT_EQ(test, osc_hist_lower(0, bits), 0ULL);
		for (slot = 1; slot < OSC_HIST_SLOTS(bits); slot++)
			KUNIT_ASSERT_EQ_MSG(test, osc_hist_lower(slot, bits),
					    osc_hist_upper(slot - 1, bits) + 1,
					    "slot %u, %u sub-bits", slot, bits);
	}
}

static void both_bounds_lie_in_their_slot(struct kunit *test)
{
	unsigned int bits, slot, got;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		for (slot = 0; slot < OSC_HIST_SLOTS(bits); slot++) {
			got = osc_hist_slot(osc_hist_lower(slot, bits), bits);
			KUNIT_ASSERT_EQ_MSG(test, got, slot,
					    "lower bound, %u sub-bits", bits);
			got = osc_hist_slot(osc_hist_upper(slot, bits), bits);
			KUNIT_ASSERT_EQ_MSG(test, got, slot,
					    "upper bound, %u sub-bits", bits);
		}
	}
}

static void last_slot_ends_at_the_greatest_value(struct kunit *test)
{
	unsigned int bits;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		KUNIT_EXPECT_EQ(test,
				osc_hist_upper(OSC_HIST_SLOTS(bits) - 1, bits),
				U64_MAX);
		KUNIT_EXPECT_EQ(test, osc_hist_slot(U64_MAX, bits),
				OSC_HIST_SLOTS(bits) - 1);
	}
}

static void small_values_have_a_slot_each(struct kunit *test)
{
	unsigned int bits;
	u64 value;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		for (value = 0; value < 1ULL << bits; value++) {
			KUNIT_ASSERT_EQ(test, osc_hist_slot(value, bits),
					value);
			KUNIT_ASSERT_EQ(test, osc_hist_lower(value, bits),
					value);
			KUNIT_ASSERT_EQ(test, osc_hist_upper(value, bits),
					value);
		}
	}
}

/* Steps of about 1 %, so that every slot of 6 sub-bits is met. */
static void greater_value_never_has_smaller_slot(struct kunit *test)
{
	unsigned int bits, slot, last;
	u64 value, step;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		last = 0;
		for (value = 0; value < U64_MAX - U64_MAX / 128;
		     value += step) {
			step = max(value / 128, 1ULL);
			slot = osc_hist_slot(value, bits);
			KUNIT_ASSERT_GE_MSG(test, slot, last, "value %llu",
					    value);
			KUNIT_ASSERT_GE(test, value,
					osc_hist_lower(slot, bits));
			KUNIT_ASSERT_LE(test, value,
					osc_hist_upper(slot, bits));
			last = slot;
		}
	}
}

static void width_is_within_the_promised_share(struct kunit *test)
{
	unsigned int bits, slot;
	u64 lower, width;

	for (bits = 0; bits <= SUB_BITS_MAX; bits++) {
		for (slot = 1U << bits; slot < OSC_HIST_SLOTS(bits); slot++) {
			lower = osc_hist_lower(slot, bits);
			width = osc_hist_upper(slot, bits) - lower + 1;
			KUNIT_ASSERT_LE_MSG(test, width, lower >> bits,
					    "slot %u, %u sub-bits", slot, bits);
		}
	}
}

/* Values worked out by hand: the formula may not change under a reader. */
struct known_slot {
	u64 value;
	unsigned int sub_bits;
	unsigned int slot;
};

static const struct known_slot known_slots[] = {
	{ .value = 0, .sub_bits = 0, .slot = 0 },
	{ .value = 1, .sub_bits = 0, .slot = 1 },
	{ .value = 2, .sub_bits = 0, .slot = 2 },
	{ .value = 3, .sub_bits = 0, .slot = 2 },
	{ .value = 4, .sub_bits = 0, .slot = 3 },
	{ .value = 1ULL << 63, .sub_bits = 0, .slot = 64 },
	{ .value = 3, .sub_bits = 2, .slot = 3 },
	{ .value = 4, .sub_bits = 2, .slot = 4 },
	{ .value = 7, .sub_bits = 2, .slot = 7 },
	{ .value = 8, .sub_bits = 2, .slot = 8 },
	{ .value = 9, .sub_bits = 2, .slot = 8 },
	{ .value = 10, .sub_bits = 2, .slot = 9 },
	{ .value = 1000, .sub_bits = 2, .slot = 35 },
	{ .value = 1000, .sub_bits = 7, .slot = 506 },
};

static void known_slot_desc(const struct known_slot *known, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "value %llu with %u sub-bits",
		 known->value, known->sub_bits);
}

KUNIT_ARRAY_PARAM(known_slot, known_slots, known_slot_desc);

static void known_value_has_its_slot(struct kunit *test)
{
	const struct known_slot *known = test->param_value;

	KUNIT_EXPECT_EQ(test, osc_hist_slot(known->value, known->sub_bits),
			known->slot);
}

static struct kunit_case osconcepts_hist_cases[] = {
	KUNIT_CASE(slots_join_without_gap_or_overlap),
	KUNIT_CASE(both_bounds_lie_in_their_slot),
	KUNIT_CASE(last_slot_ends_at_the_greatest_value),
	KUNIT_CASE(small_values_have_a_slot_each),
	KUNIT_CASE(greater_value_never_has_smaller_slot),
	KUNIT_CASE(width_is_within_the_promised_share),
	KUNIT_CASE_PARAM(known_value_has_its_slot, known_slot_gen_params),
	{}
};

static struct kunit_suite osconcepts_hist_suite = {
	.name = "osconcepts_hist",
	.test_cases = osconcepts_hist_cases,
};

kunit_test_suite(osconcepts_hist_suite);

MODULE_DESCRIPTION("KUnit suite of the osconcepts histogram slots");
MODULE_LICENSE("GPL");
