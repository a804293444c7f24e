// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>

#include "lib/error.h"

#define ALL_END                                           \
	{                                                 \
		[OSC_SIGNAL_SERVE] = OSC_SIGNAL_ENDS,     \
		[OSC_SIGNAL_WORKER] = OSC_SIGNAL_IGNORED, \
		[OSC_SIGNAL_LOAD] = OSC_SIGNAL_ENDS_128,  \
		[OSC_SIGNAL_COMPARE] = OSC_SIGNAL_ENDS_1, \
		[OSC_SIGNAL_WATCH] = OSC_SIGNAL_ENDS,     \
		[OSC_SIGNAL_DAEMON] = OSC_SIGNAL_ENDS,    \
	}
#define ALL_IGNORE                                                       \
	{                                                                \
		[0 ... OSC_NR_SIGNAL_PROGRAMS - 1] = OSC_SIGNAL_IGNORED, \
	}

const struct osc_signal_row osc_signal_rows[] = {
	{ SIGHUP, "SIGHUP", ALL_END },
	{ SIGINT, "SIGINT", ALL_END },
	{ SIGTERM,
	  "SIGTERM",
	  {
		  [OSC_SIGNAL_SERVE] = OSC_SIGNAL_ENDS,
		  [OSC_SIGNAL_WORKER] = OSC_SIGNAL_RETIRES,
		  [OSC_SIGNAL_LOAD] = OSC_SIGNAL_ENDS_128,
		  [OSC_SIGNAL_COMPARE] = OSC_SIGNAL_ENDS_1,
		  [OSC_SIGNAL_WATCH] = OSC_SIGNAL_ENDS,
		  [OSC_SIGNAL_DAEMON] = OSC_SIGNAL_ENDS,
	  } },
	/* A write that fails is an error to report. */
	{ SIGPIPE, "SIGPIPE", ALL_IGNORE },
	{ SIGXFSZ, "SIGXFSZ", ALL_IGNORE },
	/* Between a server's processes. */
	{ SIGUSR1,
	  "SIGUSR1",
	  {
		  [OSC_SIGNAL_SERVE] = OSC_SIGNAL_IGNORED,
		  [OSC_SIGNAL_WORKER] = OSC_SIGNAL_RETIRES,
	  } },
	{ SIGALRM,
	  "SIGALRM",
	  {
		  [OSC_SIGNAL_SERVE] = OSC_SIGNAL_IGNORED,
		  [OSC_SIGNAL_WORKER] = OSC_SIGNAL_IGNORED,
	  } },
	{ 0, NULL, { 0 } },
};

static const char *const effect_texts[OSC_NR_SIGNAL_EFFECTS] = {
	[OSC_SIGNAL_DEFAULT] = "default", [OSC_SIGNAL_IGNORED] = "ignored",
	[OSC_SIGNAL_ENDS] = "ends, 0",	  [OSC_SIGNAL_ENDS_128] = "ends, 128+N",
	[OSC_SIGNAL_ENDS_1] = "ends, 1",  [OSC_SIGNAL_RETIRES] = "retires",
};

/* Of those that osc_signals_start() has set or asked for. */
static struct sigaction before[NSIG];
static bool known[NSIG];

const char *osc_signal_effect_text(enum osc_signal_effect effect)
{
	return effect_texts[effect];
}

static bool all_ignore(const struct osc_signal_row *row)
{
	for (int p = 0; p < OSC_NR_SIGNAL_PROGRAMS; p++) {
		if (row->effect[p] != OSC_SIGNAL_IGNORED)
			return false;
	}
	return true;
}

void osc_signals_start(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (const struct osc_signal_row *r = osc_signal_rows; r->name; r++) {
		if (known[r->number])
			continue;
		known[r->number] = !sigaction(r->number,
					      all_ignore(r) ? &ignore : NULL,
					      &before[r->number]);
	}
}

bool osc_signal_stays_ignored(int signo)
{
	return (signo == SIGHUP || signo == SIGINT) && known[signo] &&
	       before[signo].sa_handler == SIG_IGN;
}

void osc_signals_of_end(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	if (!osc_signal_stays_ignored(SIGINT))
		sigaddset(set, SIGINT);
	if (!osc_signal_stays_ignored(SIGHUP))
		sigaddset(set, SIGHUP);
}

void osc_signals_restore(void)
{
	for (const struct osc_signal_row *r = osc_signal_rows; r->name; r++) {
		if (known[r->number])
			(void)sigaction(r->number, &before[r->number], NULL);
	}
}

int osc_signals_open(struct osc_error *e)
{
	sigset_t set;
	int fd;

	osc_signals_of_end(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return osc_error_set(e, errno, "cannot block signals: %s",
				     strerror(errno));
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return osc_error_set(e, errno, "cannot wait for signals: %s",
				     strerror(errno));
	return fd;
}
