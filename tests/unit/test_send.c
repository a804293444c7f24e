// SPDX-License-Identifier: GPL-2.0-or-later
/* Which call sends what, and that a body is the same bytes by whichever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "servers/send.h"

#define HEAD "a head\n"

struct world {
	struct osc_exchange exchange;
	struct osc_output out;
	struct osc_account_slot slot;
	struct osc_books books;
	int file;
	int socket[2];
	size_t got;
	char head[sizeof(HEAD)];
	char text[1 << 20];
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	*state = w;
	w->books = (struct osc_books){ .slot = &w->slot, .exclusive = true };
	w->file = osc_response_file();
	return w->file < 0 ||
	       socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->socket);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	close(w->file);
	close(w->socket[0]);
	close(w->socket[1]);
	free(w);
	return 0;
}

static uint64_t booked(const struct world *w, enum osc_account_field field)
{
	return atomic_load(&w->slot.value[field]);
}

static void begin(struct world *w, uint64_t total)
{
	memset(&w->slot, 0, sizeof(w->slot));
	w->exchange.route.n = total;
	w->exchange.stream_left = total;
	memcpy(w->head, HEAD, sizeof(HEAD));
	w->out = (struct osc_output){ .data = w->head,
				      .len = strlen(HEAD),
				      .size = sizeof(w->head) };
	w->got = 0;
}

static void receive(struct world *w)
{
	ssize_t n;

	while ((n = read(w->socket[1], w->text + w->got,
			 sizeof(w->text) - w->got)) > 0)
		w->got += (size_t)n;
}

/* As an engine does; what the socket does not take is left for the next call. */
static void send_all(struct world *w, int file)
{
	struct osc_piece p;

	while (osc_piece_next(&p, &w->exchange, &w->out, file)) {
		ssize_t n = osc_piece_send(&p, w->socket[0], &w->books);

		receive(w);
		if (n > 0)
			osc_exchange_written(&w->exchange, &w->out, (size_t)n);
	}
}

static void assert_is_pattern(const char *text, size_t len)
{
	static const char line[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

	for (size_t i = 0; i < len; i++)
		assert_int_equal(text[i], line[i % 64]);
}

static void pages_are_the_same_bytes(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 4097, 32767, 32768, 65537, 102400, 131073, 200000, 1000000
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(w, sizes[i]);
		send_all(w, w->file);
		assert_int_equal(w->got, strlen(HEAD) + sizes[i]);
		assert_memory_equal(w->text, HEAD, strlen(HEAD));
		assert_is_pattern(w->text + strlen(HEAD), sizes[i]);
		assert_int_equal(booked(w, OSC_ACCOUNT_BYTES_OUT), w->got);
		assert_int_equal(booked(w, OSC_ACCOUNT_BYTES_PAGES) > 0,
				 sizes[i] >= OSC_SEND_PAGES_MIN);
		assert_true(booked(w, OSC_ACCOUNT_BYTES_PAGES) <= sizes[i]);
	}
}

static void without_a_file_all_is_written(void **state)
{
	struct world *w = *state;

	begin(w, 1000000);
	send_all(w, -1);
	assert_is_pattern(w->text + strlen(HEAD), 1000000);
	assert_int_equal(booked(w, OSC_ACCOUNT_BYTES_PAGES), 0);
}

static void a_head_says_that_pages_follow(void **state)
{
	struct world *w = *state;
	struct osc_piece p;

	begin(w, 200000);
	assert_true(osc_piece_next(&p, &w->exchange, &w->out, w->file));
	assert_int_equal(p.size, strlen(HEAD));
	assert_true(p.more);
	osc_exchange_written(&w->exchange, &w->out, p.size);
	assert_true(osc_piece_next(&p, &w->exchange, &w->out, w->file));
	assert_true(p.pages);
	assert_int_equal(p.size, OSC_RESPONSE_PAGES);
	assert_false(p.more);
	/* Half a page was taken: on from there, as far as the file goes. */
	osc_exchange_written(&w->exchange, &w->out, 2048);
	assert_true(osc_piece_next(&p, &w->exchange, &w->out, w->file));
	assert_int_equal(p.at, 2048);
	assert_true(p.at + (off_t)p.size <= lseek(w->file, 0, SEEK_END));
	/* What is left is short: it is written. */
	osc_exchange_written(&w->exchange, &w->out, 200000 - 2048 - 10000);
	assert_true(osc_piece_next(&p, &w->exchange, &w->out, w->file));
	assert_true(p.nr > 0);
	assert_int_equal(p.size, 10000);
}

static void a_short_body_goes_with_its_head(void **state)
{
	struct world *w = *state;
	struct osc_piece p;

	begin(w, OSC_SEND_PAGES_MIN - 1);
	assert_true(osc_piece_next(&p, &w->exchange, &w->out, w->file));
	assert_false(p.more);
	assert_int_equal(p.size, strlen(HEAD) + OSC_SEND_PAGES_MIN - 1);
}

static void a_short_call_fills_the_socket_but_of_pages(void **state)
{
	struct osc_piece p = { .size = 100 };

	(void)state;
	assert_false(osc_piece_fills(&p, 100));
	assert_true(osc_piece_fills(&p, 99));
	p.pages = true;
	assert_false(osc_piece_fills(&p, 99));
	errno = EAGAIN;
	assert_true(osc_piece_fills(&p, -1));
	errno = EINTR;
	assert_false(osc_piece_fills(&p, -1));
}

static void nobody_changes_the_file(void **state)
{
	struct world *w = *state;

	assert_int_equal(pwrite(w->file, "x", 1, 0), -1);
	assert_int_equal(ftruncate(w->file, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_are_the_same_bytes,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_file_all_is_written,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_head_says_that_pages_follow,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_short_body_goes_with_its_head,
						set_up, tear_down),
		cmocka_unit_test(a_short_call_fills_the_socket_but_of_pages),
		cmocka_unit_test_setup_teardown(nobody_changes_the_file, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
