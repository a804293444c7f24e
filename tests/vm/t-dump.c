// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dumps of targets while targets come and go: what stays is in each dump once,
 * and a dump that saw a change says so.
 */
#include "lib/crowd.h"
#include "lib/nl.h"
#include "lib/tap.h"

#define DUMPS 200
#define MOST (CROWD_FIXED + CROWD_CHANGING)

static struct target targets[MOST];

static bool dump(struct crowd *crowd, struct nl *nl)
{
	uint32_t ids[MOST];
	int count = nl_targets(nl, targets, MOST);

	if (count < 0 || count > MOST) {
		tap_note("a dump of %d", count);
		return false;
	}
	for (int i = 0; i < count; i++)
		ids[i] = targets[i].id;
	return crowd_is_in(crowd, ids, count);
}

static void test_at_rest(struct crowd *crowd, struct nl *nl)
{
	tap_ok(dump(crowd, nl), "at rest: every target is in the dump");
	tap_ok(!nl->interrupted, "at rest: the dump is not interrupted");
}

static void test_in_change(struct crowd *crowd, struct nl *nl)
{
	unsigned int wrong = 0, interrupted = 0;

	crowd_change(crowd);
	for (int i = 0; i < DUMPS; i++) {
		if (!dump(crowd, nl))
			wrong++;
		interrupted += nl->interrupted;
	}
	crowd_rest(crowd);
	tap_equal(wrong, 0, "in change: what stays is in each dump, once");
	tap_ok(interrupted > 0, "in change: %u of %d dumps say so", interrupted,
	       DUMPS);
}

int main(void)
{
	struct crowd crowd;
	struct nl nl;

	crowd_start(&crowd);
	nl_open(&nl);
	test_at_rest(&crowd, &nl);
	test_in_change(&crowd, &nl);
	crowd_end(&crowd);
	tap_equal((uint64_t)nl_targets(&nl, targets, MOST), 0,
		  "the changer's bound targets went with it");
	nl_close(&nl);
	return tap_done();
}
