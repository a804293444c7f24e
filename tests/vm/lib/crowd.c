// SPDX-License-Identifier: GPL-2.0-or-later
#include "crowd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sleeper.h"
#include "tap.h"

void crowd_start(struct crowd *crowd)
{
	struct target target;

	nl_open(&crowd->nl);
	crowd->changer = 0;
	fflush(stdout);
	for (int i = 0; i < CROWD_FIXED + CROWD_CHANGING; i++)
		crowd->pids[i] = sleeper_start();
	for (int i = 0; i < CROWD_FIXED; i++) {
		if (nl_target_add(&crowd->nl, crowd->pids[i], 0, &target))
			tap_bail("a target of the crowd");
		crowd->ids[i] = target.id;
	}
}

static _Noreturn void add_and_remove(const pid_t *pids)
{
	struct target target;
	struct nl nl;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	nl_open(&nl);
	for (int i = 0;; i = (i + 1) % CROWD_CHANGING) {
		if (!nl_target_add(&nl, pids[i], OSCONCEPTS_TARGET_FLAGS_BOUND,
				   &target))
			nl_target_del(&nl, target.id, NULL);
	}
}

void crowd_change(struct crowd *crowd)
{
	fflush(stdout);
	crowd->changer = fork();
	if (crowd->changer < 0)
		tap_bail("fork");
	if (!crowd->changer)
		add_and_remove(crowd->pids + CROWD_FIXED);
}

void crowd_rest(struct crowd *crowd)
{
	kill(crowd->changer, SIGKILL);
	waitpid(crowd->changer, NULL, 0);
	crowd->changer = 0;
}

void crowd_end(struct crowd *crowd)
{
	if (crowd->changer)
		crowd_rest(crowd);
	for (int i = 0; i < CROWD_FIXED; i++)
		nl_target_del(&crowd->nl, crowd->ids[i], NULL);
	for (int i = 0; i < CROWD_FIXED + CROWD_CHANGING; i++)
		kill(crowd->pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	nl_close(&crowd->nl);
}

bool crowd_is_in(const struct crowd *crowd, const uint32_t *ids, int count)
{
	int at = 0;

	for (int i = 0; i < count; i++) {
		if (i && ids[i] <= ids[i - 1]) {
			tap_note("id %u follows %u", ids[i], ids[i - 1]);
			return false;
		}
		if (at < CROWD_FIXED && ids[i] == crowd->ids[at])
			at++;
	}
	if (at < CROWD_FIXED)
		tap_note("id %u is missing among %d", crowd->ids[at], count);
	return at == CROWD_FIXED;
}
