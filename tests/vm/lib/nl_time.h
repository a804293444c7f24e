/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nl_time.h - timings and their histograms over netlink. */
#ifndef OSC_TEST_NL_TIME_H
#define OSC_TEST_NL_TIME_H

#include <linux/osconcepts_hist.h>

#include "nl.h"

struct timing {
	char name[16];
	uint32_t level, state;
	uint64_t lost, since_ns;
};

#define TIME_SLOTS OSC_HIST_SLOTS(2)

struct histogram {
	uint32_t target;
	char name[32];
	uint64_t count, sum, useless;
	uint64_t slots[TIME_SLOTS];
	uint64_t in_slots; /* their sum */
};

/* Each returns 0 or the kernel's -errno, its extack in nl->message. */
int nl_timing_set(struct nl *nl, const char *name, uint32_t level);
int nl_timing_get(struct nl *nl, const char *name, struct timing *out);
int nl_histogram_get(struct nl *nl, uint32_t target, const char *name,
		     struct histogram *out);

/* Dumps: up to max entries to out; the number there are or -errno. */
int nl_timings(struct nl *nl, struct timing *out, int max);
/* Of one target when only is not negative. */
int nl_histograms(struct nl *nl, int64_t only, struct histogram *out, int max);

#endif
