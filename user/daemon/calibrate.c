// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server's own account bounds its epoll counts from one side only: a counter
 * that stands still would pass. So the counters are first shown a process
 * whose counts are known to the unit, our own program in another role.
 */
#include "daemon/calibrate.h"

#include <errno.h>

#include "correlate/audit.h"
#include "daemon/books.h"
#include "daemon/exercise.h"
#include "lib/child.h"
#include "lib/clock.h"
#include "lib/error.h"

/* Over in milliseconds; an emulated machine that shares its CPUs takes seconds. */
#define LIMIT_NS (60 * OSC_NS_PER_S)

/* Watched from before its program starts to when it has ended. */
static int exercise(struct osc_counters *c, struct osc_counts *counted,
		    struct osc_error *e)
{
	static const char *const argv[] = { "/proc/self/exe", "--exercise",
					    NULL };
	struct osc_child_options o = {
		.argv = argv,
		.flags = OSC_CHILD_GATE | OSC_CHILD_STDIN_NULL |
			 OSC_CHILD_GROUP | OSC_CHILD_PDEATHSIG,
	};
	struct osc_child child = OSC_CHILD_NONE;
	struct osc_tree base;
	uint32_t target;
	int ret = osc_child_start(&child, &o, e);

	if (!ret)
		ret = osc_tree_watch(c, child.pid, &target, &base, e);
	if (!ret)
		ret = osc_child_release(&child, e);
	if (!ret)
		ret = osc_child_wait(&child, LIMIT_NS, e);
	if (!ret && osc_child_exit_code(&child))
		ret = osc_error_set(e, ECHILD,
				    "cannot calibrate: the process that shows "
				    "known counts ended with exit code %d; try "
				    "a less busy machine",
				    osc_child_exit_code(&child));
	if (!ret)
		ret = osc_counters_read(c, target, counted, e);
	osc_child_close(&child);
	return ret;
}

int osc_calibrate(enum osc_counters_kind kind, json_t **rows,
		  struct osc_error *e)
{
	struct osc_counts counted;
	struct osc_counters *c;
	int ret = osc_counters_open(&c, kind, e);

	if (ret)
		return ret;
	*rows = NULL;
	if (osc_counters_module(c)) {
		ret = exercise(c, &counted, e);
		if (!ret)
			*rows = osc_audit_calibration(&counted,
						      OSC_EXERCISE_ROUNDS);
	} else {
		*rows = json_array();
	}
	osc_counters_close(c);
	if (!ret && !*rows)
		ret = osc_error_set(e, ENOMEM,
				    "cannot calibrate: out of memory");
	return ret;
}
