// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

static struct {
	_Atomic uintptr_t at; /* 0: free */
	size_t size;
} guarded[OSC_GUARD_MAX];

static bool replace(uintptr_t at)
{
	for (size_t i = 0; i < OSC_GUARD_MAX; i++) {
		uintptr_t start = atomic_load(&guarded[i].at);

		if (!start || at < start || at - start >= guarded[i].size)
			continue;
		return mmap((void *)start, guarded[i].size,
			    PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
			    0) != MAP_FAILED;
	}
	return false;
}

/* Anything else ends the process, as without us. */
static void on_bus_error(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code <= 0 || !replace((uintptr_t)info->si_addr)) {
		signal(signo, SIG_DFL);
		raise(signo);
	}
	errno = saved;
}

int osc_guard_add(void *at, size_t size)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO,
	};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, NULL))
		return -errno;
	for (size_t i = 0; i < OSC_GUARD_MAX; i++) {
		if (atomic_load(&guarded[i].at))
			continue;
		guarded[i].size = size;
		atomic_store(&guarded[i].at, (uintptr_t)at);
		return 0;
	}
	return -ENOSPC;
}

void osc_guard_remove(const void *at)
{
	for (size_t i = 0; i < OSC_GUARD_MAX; i++) {
		if (atomic_load(&guarded[i].at) == (uintptr_t)at)
			atomic_store(&guarded[i].at, 0);
	}
}
