// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/parse.h"

int osc_cli_open_process(pid_t pid, int *fd, struct osc_error *e)
{
	*fd = pidfd_open(pid, 0);
	/* One that has ended is as one that ends now. */
	if (*fd < 0 && errno == ESRCH)
		*fd = eventfd(1, EFD_CLOEXEC);
	if (*fd < 0)
		return osc_error_set(e, errno, "cannot wait for process %d: %s",
				     (int)pid, strerror(errno));
	return 0;
}

int osc_cli_check_process(pid_t pid, int fd, struct osc_error *e)
{
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	int n;

	do {
		n = poll(&ended, 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return osc_error_set(e, errno, "cannot wait for process %d: %s",
				     (int)pid, strerror(errno));
	if (n)
		return osc_error_set(e, ESRCH,
				     "cannot watch process %d: it has ended "
				     "already; try ps -e",
				     (int)pid);
	return 0;
}

static int remaining_ms(uint64_t until_ns)
{
	uint64_t now = osc_clock_ns(), ms;

	if (until_ns == UINT64_MAX)
		return -1;
	if (now >= until_ns)
		return 0;
	ms = (until_ns - now + OSC_NS_PER_MS - 1) / OSC_NS_PER_MS;
	return ms > 1000000 ? 1000000 : (int)ms;
}

static bool take_signal(int fd, struct osc_cli_signal *signal)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return false;
	signal->number = (int)info.ssi_signo;
	signal->from_terminal = info.ssi_code == SI_KERNEL;
	return true;
}

int osc_cli_wait(int signal_fd, int fd, uint64_t until_ns,
		 struct osc_cli_signal *signal, struct osc_error *e)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	for (;;) {
		int ms = remaining_ms(until_ns);
		int n = poll(fds, 2, ms);

		if (n < 0 && errno != EINTR)
			return osc_error_set(e, errno, "cannot wait: %s",
					     strerror(errno));
		if (n > 0 && fds[0].revents && take_signal(signal_fd, signal))
			return OSC_CLI_SIGNAL;
		if (n > 0 && fds[1].revents)
			return OSC_CLI_READY;
		if (!n && !ms)
			return OSC_CLI_TIME;
	}
}

uint64_t osc_cli_next_report(uint64_t last_ns, uint64_t interval_ns,
			     uint64_t now_ns)
{
	uint64_t next = last_ns + interval_ns;
	uint64_t earliest = now_ns + interval_ns / 2;

	if (next < earliest)
		next += (earliest - next + interval_ns - 1) / interval_ns *
			interval_ns;
	return next;
}

int osc_cli_parse_duration(const char *text, uint64_t *ns, struct osc_error *e)
{
	return osc_parse_duration_ns("--duration", text, OSC_NS_PER_MS,
				     86400 * OSC_NS_PER_S, ns, e);
}

int osc_cli_parse_interval(const char *text, uint64_t *ns, struct osc_error *e)
{
	const uint64_t min = 10 * OSC_NS_PER_MS, max = 3600 * OSC_NS_PER_S;
	char with_unit[32];

	/* Whoever writes half a second so means no milliseconds. */
	if (!text[strspn(text, "0123456789.")] && strchr(text, '.'))
		return osc_error_set_exit(
			e, OSC_EXIT_USAGE, EINVAL,
			"--interval '%s': has no unit, and a number alone is "
			"in milliseconds; try 500ms or 0.5s",
			text);
	if (text[strspn(text, "0123456789")] || !*text)
		return osc_parse_duration_ns("--interval", text, min, max, ns,
					     e);
	/* As perf stat has it, a number alone is in milliseconds. */
	snprintf(with_unit, sizeof(with_unit), "%.24sms", text);
	return osc_parse_duration_ns("--interval", with_unit, min, max, ns, e);
}

int osc_cli_end(const char *command, int ret, const struct osc_error *e)
{
	if (ret == -EPIPE)
		return OSC_EXIT_OK;
	if (ret)
		return osc_cli_fail(command, e);
	return OSC_EXIT_OK;
}
