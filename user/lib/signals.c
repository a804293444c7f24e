// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "lib/error.h"

int osc_signals_open(struct osc_error *e)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return osc_error_set(e, errno, "cannot block signals: %s",
				     strerror(errno));
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return osc_error_set(e, errno, "cannot wait for signals: %s",
				     strerror(errno));
	return fd;
}
