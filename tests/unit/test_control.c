// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/control.h"
#include "lib/error.h"

struct pair {
	struct osc_control control;
	int peer;
};

static int open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	int ends[2];

	if (!p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	osc_control_adopt(&p->control, ends[0]);
	p->peer = ends[1];
	*state = p;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	osc_control_close(&p->control);
	if (p->peer >= 0)
		close(p->peer);
	free(p);
	return 0;
}

static void say(const struct pair *p, const char *text)
{
	assert_int_equal(write(p->peer, text, strlen(text)), strlen(text));
}

static void a_message_is_one_line_there_and_back(void **state)
{
	struct pair *p = *state;
	struct osc_error e;
	char text[64] = "";
	json_t *m;

	assert_int_equal(osc_control_send(&p->control,
					  json_pack("{s:s}", "op", "list"), &e),
			 0);
	assert_int_equal(read(p->peer, text, sizeof(text) - 1), 14);
	assert_string_equal(text, "{\"op\":\"list\"}\n");
	/* In pieces, and two at once. */
	say(p, "{\"a\":");
	assert_int_equal(osc_control_receive(&p->control, 0, &m, &e),
			 -ETIMEDOUT);
	say(p, "1}\n{\"a\":2}\n{\"a\"");
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(osc_control_receive(&p->control, 1000000000,
						     &m, &e),
				 0);
		assert_int_equal(json_integer_value(json_object_get(m, "a")),
				 i);
		json_decref(m);
	}
	assert_int_equal(osc_control_receive(&p->control, 0, &m, &e),
			 -ETIMEDOUT);
}

static void what_is_no_message_is_an_error(void **state)
{
	static const char *const bad[] = {
		"hello\n", "[1]\n", "{\"a\":1,\"a\":2}\n", "\n", "\xff\n",
	};
	struct pair *p = *state;
	struct osc_error e;
	json_t *m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		say(p, bad[i]);
		assert_int_equal(osc_control_receive(&p->control, 1000000000,
						     &m, &e),
				 -EPROTO);
	}
	close(p->peer);
	p->peer = -1;
	assert_int_equal(osc_control_receive(&p->control, 1000000000, &m, &e),
			 -ECONNRESET);
	assert_non_null(strstr(e.text, "gone away"));
	assert_true(osc_control_send(&p->control, json_object(), &e) < 0);
}

static void a_line_has_a_greatest_length(void **state)
{
	struct pair *p = *state;
	struct osc_lines l = { .max = 4 };
	char *line;
	size_t length;

	say(p, "1234\n12345\n");
	assert_int_equal(osc_lines_fill(&l, p->control.fd), 1);
	assert_int_equal(osc_lines_next(&l, &line, &length), 1);
	assert_string_equal(line, "1234");
	assert_int_equal(l.length, 6);
	assert_int_equal(osc_lines_next(&l, &line, &length), -EMSGSIZE);
	osc_lines_free(&l);
	/* Also while its end is still to come. */
	say(p, "123456789");
	assert_int_equal(osc_lines_fill(&l, p->control.fd), 1);
	assert_int_equal(osc_lines_next(&l, &line, &length), -EMSGSIZE);
	osc_lines_free(&l);
}

static void long_lines_arrive_whole(void **state)
{
	struct pair *p = *state;
	struct osc_lines l = { .max = 1 << 20 };
	static char text[300000];
	size_t sent = 0, length = 0;
	char *line = NULL;
	int ret = 0;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	while (!ret) {
		ssize_t n = send(p->peer, text + sent, sizeof(text) - sent,
				 MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		assert_int_equal(osc_lines_fill(&l, p->control.fd), 1);
		ret = osc_lines_next(&l, &line, &length);
	}
	assert_int_equal(ret, 1);
	assert_int_equal(length, sizeof(text) - 1);
	assert_int_equal(strlen(line), length);
	osc_lines_free(&l);
}

static void bytes_without_end_do_not_put_off_the_end_of_a_wait(void **state)
{
	struct pair *p = *state;
	static char text[65536];
	struct osc_error e;
	int waiting = 0;
	json_t *m;

	memset(text, 'x', sizeof(text));
	while (send(p->peer, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(osc_control_receive(&p->control, 0, &m, &e),
			 -ETIMEDOUT);
	/* It is the time that has ended the wait, not the bytes. */
	assert_int_equal(ioctl(p->control.fd, FIONREAD, &waiting), 0);
	assert_true(waiting > 0);
}

static void a_missing_daemon_is_told_with_what_to_do(void **state)
{
	struct osc_control c;
	struct osc_error e;
	char path[200];

	(void)state;
	assert_int_equal(osc_control_connect(&c, "/nonexistent/sock", &e),
			 -ENOENT);
	assert_int_equal(e.exit_code, OSC_EXIT_MISSING);
	assert_non_null(strstr(e.text, "osconceptsd"));
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(osc_control_connect(&c, path, &e), -ENAMETOOLONG);
}

static void the_default_socket_follows_the_user(void **state)
{
	struct osc_error e;
	char path[108], tiny[10];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	assert_int_equal(osc_control_path(path, sizeof(path), &e), 0);
	if (geteuid())
		assert_string_equal(path,
				    "/run/user/7/osconcepts/control.sock");
	else
		assert_string_equal(path, "/run/osconcepts/control.sock");
	assert_int_equal(osc_control_path(tiny, sizeof(tiny), &e),
			 -ENAMETOOLONG);
	unsetenv("XDG_RUNTIME_DIR");
	if (geteuid())
		assert_int_equal(osc_control_path(path, sizeof(path), &e),
				 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_message_is_one_line_there_and_back, open_pair,
			close_pair),
		cmocka_unit_test_setup_teardown(what_is_no_message_is_an_error,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(a_line_has_a_greatest_length,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(
			bytes_without_end_do_not_put_off_the_end_of_a_wait,
			open_pair, close_pair),
		cmocka_unit_test_setup_teardown(long_lines_arrive_whole,
						open_pair, close_pair),
		cmocka_unit_test(a_missing_daemon_is_told_with_what_to_do),
		cmocka_unit_test(the_default_socket_follows_the_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
