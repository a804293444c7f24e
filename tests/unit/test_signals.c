// SPDX-License-Identifier: GPL-2.0-or-later
/* What programs do at signals: the table in the manual page is the one in the
 * code, and what was ignored at the start stays so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/signals.h"

#define PAGE "Documentation/man/osconcepts.1"

static char page[1 << 16];

static int read_page(void **state)
{
	FILE *f = fopen(PAGE, "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	return n ? 0 : -1;
}

/* ".It Dv SIGHUP Ta ends, 0 Ta ignored …": a row of the page. */
static void print_row(const struct osc_signal_row *r, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, ".It Dv %s", r->name);

	for (int p = 0; p < OSC_NR_SIGNAL_PROGRAMS; p++)
		n += (size_t)snprintf(out + n, size - n, " Ta %s",
				      osc_signal_effect_text(r->effect[p]));
	snprintf(out + n, size - n, "\n");
}

static void the_manual_page_has_the_same_table(void **state)
{
	unsigned int rows = 0, in_page = 0;
	char row[200];

	(void)state;
	for (const struct osc_signal_row *r = osc_signal_rows; r->name; r++) {
		print_row(r, row, sizeof(row));
		if (!strstr(page, row))
			fail_msg("%s lacks: %s", PAGE, row);
		rows++;
	}
	for (const char *at = page; (at = strstr(at, "\n.It Dv SIG")); at++)
		in_page++;
	assert_int_equal(in_page, rows);
}

static void every_program_s_page_refers_to_it(void **state)
{
	static const char *const pages[] = {
		"-serve.1", "-load.1", "-sweep.1",   "-compare.1", "-stat.1",
		"-watch.1", "-hist.1", "-monitor.1", "d.8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char name[80];
		char text[1 << 16];
		FILE *f;
		size_t n;

		snprintf(name, sizeof(name), "Documentation/man/osconcepts%s",
			 pages[i]);
		f = fopen(name, "r");
		assert_non_null(f);
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[n] = '\0';
		if (!strstr(text, "SIGNALS in\n.Xr osconcepts 1"))
			fail_msg("%s does not refer to " PAGE, name);
	}
}

/* Both stay ignored, or neither; SIGTERM ends a program in any case. */
static int child(bool ignored)
{
	sigset_t set;

	signal(SIGHUP, ignored ? SIG_IGN : SIG_DFL);
	signal(SIGINT, ignored ? SIG_IGN : SIG_DFL);
	signal(SIGTERM, SIG_IGN);
	osc_signals_start();
	osc_signals_of_end(&set);
	return sigismember(&set, SIGTERM) &&
	       sigismember(&set, SIGHUP) == !ignored &&
	       sigismember(&set, SIGINT) == !ignored &&
	       osc_signal_stays_ignored(SIGHUP) == ignored &&
	       osc_signal_stays_ignored(SIGINT) == ignored &&
	       !osc_signal_stays_ignored(SIGTERM);
}

static void what_was_ignored_at_the_start_stays_so(void **state)
{
	(void)state;
	for (int ignored = 0; ignored < 2; ignored++) {
		int status = 0;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			_exit(child(ignored) ? 0 : 1);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void another_program_finds_what_we_found(void **state)
{
	struct sigaction now;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	osc_signals_start();
	/* A second start does not forget it. */
	osc_signals_start();
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	assert_int_equal(sigaction(SIGXFSZ, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	osc_signals_restore();
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
	assert_int_equal(sigaction(SIGXFSZ, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_page_has_the_same_table),
		cmocka_unit_test(every_program_s_page_refers_to_it),
		cmocka_unit_test(what_was_ignored_at_the_start_stays_so),
		cmocka_unit_test(another_program_finds_what_we_found),
	};

	return cmocka_run_group_tests_name("signals", tests, read_page, NULL);
}
