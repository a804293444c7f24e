/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait.h - what a command that runs until Ctrl-C waits for: a signal, a
 * descriptor, a moment.
 */
#ifndef OSC_CLI_WAIT_H
#define OSC_CLI_WAIT_H

#include <stdint.h>
#include <sys/types.h>

struct osc_error;

enum osc_cli_event {
	OSC_CLI_TIME, /* the moment has come */
	OSC_CLI_READY, /* fd can be read */
	OSC_CLI_SIGNAL,
};

struct osc_cli_signal {
	int number;
	int from_terminal; /* then the whole foreground group has it */
};

/*
 * until_ns on osc_clock_ns's clock, UINT64_MAX for never; fd -1 for none; a
 * signal goes before all else and is described in *signal. -errno on failure.
 */
int osc_cli_wait(int signal_fd, int fd, uint64_t until_ns,
		 struct osc_cli_signal *signal, struct osc_error *e);

/*
 * The moment of the next of reports at regular moments, of which `last_ns` was
 * that of the last: one that is at least half an interval away. Who was stopped for
 * a while does not make up for the reports of that time, all at once.
 */
uint64_t osc_cli_next_report(uint64_t last_ns, uint64_t interval_ns,
			     uint64_t now_ns);

/*
 * *fd can be read when the process has ended, also where there is none any more,
 * and is the caller's to close. -errno on failure.
 */
int osc_cli_open_process(pid_t pid, int *fd, struct osc_error *e);

/*
 * -ESRCH when the process behind fd has ended. Whoever opens a process, does
 * something by its PID and then asks this, did it to that process and not to
 * one that was given the PID meanwhile.
 */
int osc_cli_check_process(pid_t pid, int fd, struct osc_error *e);

/*
 * --duration and --interval of the commands that report over a span, as typed: a
 * time from 1 ms to a day, and one from 10 ms to an hour, which without a unit
 * is in milliseconds.
 */
int osc_cli_parse_duration(const char *text, uint64_t *ns, struct osc_error *e);
int osc_cli_parse_interval(const char *text, uint64_t *ns, struct osc_error *e);

/* The end of most commands: 0 checks the output, -EPIPE is a reader that has
 * seen enough, all else is printed. Returns the exit code.
 */
int osc_cli_end(const char *command, int ret, const struct osc_error *e);

#endif
