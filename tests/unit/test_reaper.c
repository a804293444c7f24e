// SPDX-License-Identifier: GPL-2.0-or-later
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/child.h"
#include "lib/error.h"
#include "lib/reaper.h"

static struct osc_error e;

static void start(struct osc_child *c)
{
	const struct osc_child_options o = {
		.argv = (const char *const[]){ "sleep", "1000", NULL },
		.flags = OSC_CHILD_PDEATHSIG,
	};

	if (osc_child_start(c, &o, &e))
		fail_msg("%s", e.text);
}

static bool is_readable(const struct osc_reaper *r)
{
	struct pollfd fd = { .fd = r->fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void
a_child_that_ends_while_orphans_are_collected_is_not_missed(void **state)
{
	struct osc_reaper r = OSC_REAPER_NONE;
	struct osc_child c;

	(void)state;
	assert_int_equal(osc_reaper_open(&r, &e), 0);
	start(&c);
	assert_false(osc_reaper_has_ended(&r, &c));
	assert_int_equal(osc_child_kill(&c, SIGKILL, &e), 0);
	assert_int_equal(osc_child_await(&c, OSC_CHILD_FOREVER, &e), 0);
	assert_int_equal(osc_reaper_collect(&r, &c, &e), 0);
	/* It is still there, and will be asked for. */
	assert_true(is_readable(&r));
	assert_true(osc_reaper_has_ended(&r, &c));
	assert_false(is_readable(&r));
	assert_int_equal(osc_reaper_wait(&r, &c, &e), 0);
	assert_true(c.ended);
	osc_child_close(&c);
	osc_reaper_close(&r);
}

static void a_stranger_is_forgotten_when_it_has_ended(void **state)
{
	struct osc_reaper r = OSC_REAPER_NONE;
	struct osc_child stranger, c;
	struct osc_left left;
	siginfo_t info;

	(void)state;
	start(&stranger);
	assert_int_equal(osc_reaper_open(&r, &e), 0);
	start(&c);
	assert_int_equal(r.nr_strangers, 1);
	assert_int_equal(osc_reaper_left(&r, &left, 1), 1);
	assert_int_equal(left.pid, c.pid);
	assert_int_equal(kill(stranger.pid, SIGKILL), 0);
	assert_int_equal(
		waitid(P_PID, (id_t)stranger.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(osc_reaper_collect(&r, &c, &e), 0);
	/* Its number may be an orphan's from now on, its usage is not ours. */
	assert_int_equal(r.nr_strangers, 0);
	assert_int_equal(r.usage.value[OSC_SWITCHES], 0);
	stranger.ended = true;
	osc_child_close(&stranger);
	osc_child_close(&c);
	osc_reaper_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_child_that_ends_while_orphans_are_collected_is_not_missed),
		cmocka_unit_test(a_stranger_is_forgotten_when_it_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
