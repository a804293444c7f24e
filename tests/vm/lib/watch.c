// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <errno.h>
#include <unistd.h>

#include "tap.h"

void watch_add(struct nl *nl, pid_t pid, uint32_t flags, struct target *target)
{
	int rc = nl_target_add(nl, pid, flags, target);

	if (!rc)
		return;
	tap_note("extack: %s", nl->message);
	errno = -rc;
	tap_bail("the target cannot be added");
}

void watch_get(struct nl *nl, struct target *target)
{
	int rc = nl_target_get(nl, target->id, target);

	if (!rc)
		return;
	tap_note("extack: %s", nl->message);
	errno = -rc;
	tap_bail("the target cannot be read");
}

/* Dead tasks may still be on their way out when their parent has reaped them;
 * each get folds what is final.
 */
void watch_settled(struct nl *nl, struct target *target, uint64_t live)
{
	for (int i = 0; i < 500; i++) {
		watch_get(nl, target);
		if (target->tasks_live == live)
			return;
		usleep(10000);
	}
}
