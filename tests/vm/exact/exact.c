// SPDX-License-Identifier: GPL-2.0-or-later
#include "exact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/tap.h"

bool exact_has_swap;

void exact_check(bool failed, const char *what)
{
	if (failed)
		tap_bail(what);
}

unsigned int exact_bomb(void)
{
	const char *text = getenv("OSC_BOMB");

	return text ? (unsigned int)atoi(text) : 5000;
}

void exact_reap(void)
{
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	exact_check(errno != ECHILD, "waitpid");
}

pid_t exact_child(void (*life)(void))
{
	pid_t pid = fork();

	exact_check(pid < 0, "fork");
	if (pid)
		return pid;
	life();
	_exit(0);
}

int exact_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool failed;

	if (fd < 0)
		return -1;
	failed = write(fd, text, strlen(text)) < 0;
	close(fd);
	return failed ? -1 : 0;
}

void exact_make_swap(void)
{
	exact_has_swap = !system("modprobe -q zram") &&
			 !exact_write("/sys/block/zram0/disksize", "64M") &&
			 !system("mkswap -q /dev/zram0 >/dev/null 2>&1") &&
			 !swapon("/dev/zram0", 0);
}
