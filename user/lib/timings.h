/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timings.h - what the module times (module.h reads and switches it): the kinds
 * of timing, and their histograms as raw slots of linux/osconcepts_hist.h.
 *
 * hist.h keeps 7 sub-bits with an exact least and greatest value; the module
 * keeps 2 and neither of these. A percentile is therefore a slot here, shown
 * with both its bounds, and never one number.
 */
#ifndef OSC_LIB_TIMINGS_H
#define OSC_LIB_TIMINGS_H

#include <linux/osconcepts_hist.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osc_error;

/* Whose events are timed. In this order: each includes the one before. */
enum osc_timing_level {
	OSC_TIMING_OFF,
	OSC_TIMING_TARGETS,
	OSC_TIMING_ALL,
};

struct osc_timing {
	char name[16]; /* sched, off_cpu, fault, epoll, epoll_return */
	uint32_t level; /* enum osc_timing_level, or a newer module's */
	const char *state; /* unavailable, off, on, silenced */
	char why[256]; /* "" when there is nothing to say */
	uint64_t lost; /* events untimed since it was switched on */
	uint64_t since_ns; /* CLOCK_BOOTTIME, 0 while off */
};

#define OSC_TIMES_SUB_BITS_MAX 2
#define OSC_TIMES_SLOTS OSC_HIST_SLOTS(OSC_TIMES_SUB_BITS_MAX)

struct osc_histogram {
	uint32_t target; /* 0 for the whole system */
	char name[32];
	char unit[8];
	uint32_t sub_bits;
	uint64_t count, sum;
	bool has_useless;
	uint64_t useless; /* events that are in no slot */
	uint64_t since_ns, time_ns; /* CLOCK_BOOTTIME */
	uint64_t slots[OSC_TIMES_SLOTS];
};

/* What is known of a kind of timing, whatever module is loaded. */
#define OSC_TIMING_HISTOGRAMS 2
struct osc_timing_kind {
	const char *name;
	const char *source; /* whose events they are */
	struct {
		const char *name; /* NULL: it has only one */
		const char *meaning;
	} histogram[OSC_TIMING_HISTOGRAMS];
};

#define OSC_NR_TIMING_KINDS 5
extern const struct osc_timing_kind osc_timing_kinds[OSC_NR_TIMING_KINDS];

/* NULL for one of a newer module. */
const struct osc_timing_kind *osc_timing_kind(const char *timing);
const struct osc_timing_kind *osc_timing_kind_of(const char *histogram);
const char *osc_histogram_meaning(const char *histogram);

/* "off", "targets", "all", or "unknown". */
const char *osc_timing_level_name(uint32_t level);

/*
 * "sched,fault_major": names of timings and of histograms, as a set. what names
 * the flag in the error, which is OSC_EXIT_USAGE.
 */
typedef uint32_t osc_histogram_set; /* a bit a histogram; 0 has all */
int osc_histogram_set_parse(const char *what, const char *text,
			    osc_histogram_set *out, struct osc_error *e);
/* All of one kind's. */
osc_histogram_set osc_histogram_set_of(const struct osc_timing_kind *kind);
bool osc_histogram_set_has(osc_histogram_set set, const char *histogram);
/* At least one of the timing's. */
bool osc_histogram_set_has_timing(osc_histogram_set set, const char *timing);

/* NAME=LEVEL, as typed. */
struct osc_timing_wish {
	const struct osc_timing_kind *kind;
	enum osc_timing_level level;
};

/*
 * No level typed is `otherwise`; where that is negative it is an error. A default
 * means that something is to be timed: then an error does not suggest "off".
 */
int osc_timing_wish_parse(const char *what, const char *text, int otherwise,
			  struct osc_timing_wish *out, struct osc_error *e);

/*
 * The slot of the least recorded value that at least `percent` of all do not
 * exceed. Nothing recorded is -1.
 */
int osc_histogram_percentile(const struct osc_histogram *h, double percent);

/*
 * What came in between two readings of one histogram. One that was begun anew
 * in between, or that was not there before (NULL), is taken as it is.
 */
void osc_histogram_since(const struct osc_histogram *now,
			 const struct osc_histogram *before,
			 struct osc_histogram *out);

#endif
