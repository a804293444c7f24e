// SPDX-License-Identifier: GPL-2.0-or-later
#include "nobody.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

void become_user(uid_t uid)
{
	if (setgid(uid) || setuid(uid))
		_exit(NOT_BECOME);
	/* Changing identity made us undumpable; a login would start a program
	 * and be dumpable again.
	 */
	prctl(PR_SET_DUMPABLE, 1);
}

void become_nobody(void)
{
	become_user(NOBODY);
}

int as_nobody(int (*check)(pid_t victim), pid_t victim)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		tap_bail("fork");
	if (!pid) {
		become_nobody();
		_exit(check(victim));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 255;
	return WEXITSTATUS(status);
}
