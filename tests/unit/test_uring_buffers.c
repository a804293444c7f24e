// SPDX-License-Identifier: GPL-2.0-or-later
/* What the io_uring loop keeps: connections and input in their order, output until
 * it is sent, and no more of it than is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "servers/accepted.h"
#include "servers/server.h"
#include "servers/uring_buffers.h"

static void connections_are_taken_in_their_order(void **state)
{
	struct osc_accepted a;
	int put = 0, taken = 0;

	(void)state;
	assert_int_equal(osc_accepted_open(&a, 7), 0);
	srand(1);
	for (int round = 0; round < 10000; round++) {
		while (put - taken < 7 && rand() % 8)
			osc_accepted_put(&a, put++);
		while (osc_accepted_left(&a) && rand() % 8)
			assert_int_equal(osc_accepted_take(&a), taken++);
		assert_int_equal(osc_accepted_left(&a), put - taken);
	}
	assert_true(taken > 10000);
	munmap(a.fd, a.room * sizeof(*a.fd));
}

static void input_comes_out_in_its_order_and_leaves_nothing(void **state)
{
	struct osc_ahead *a = NULL;
	unsigned char in[97], out[61];
	unsigned int written = 0, read = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 10000; round++) {
		size_t n = (size_t)rand() % sizeof(in) + 1;

		for (size_t i = 0; i < n; i++)
			in[i] = (unsigned char)written++;
		assert_int_equal(osc_ahead_add(&a, (char *)in, n), 0);
		/* Now and then all of it, or it would never be freed. */
		while (a && (rand() % 4 || round % 100 == 99)) {
			n = osc_ahead_read(&a, out,
					   (size_t)rand() % sizeof(out) + 1);
			assert_true(n);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(out[i], read++ % 256);
		}
		assert_int_equal(osc_ahead_left(a), written - read);
	}
	assert_null(a);
}

static void what_many_had_at_once_is_given_back(void **state)
{
	struct osc_sendings all = { .most = 8 };
	struct osc_sending *s[24];

	(void)state;
	for (size_t i = 0; i < 24; i++) {
		s[i] = osc_sendings_take(&all);
		assert_non_null(s[i]);
	}
	for (size_t i = 0; i < 24; i++)
		osc_sendings_put(&all, s[i]);
	assert_int_equal(all.nr_spare, 8);
	/* As many are really there, and the next is new. */
	for (size_t i = 0; i < 9; i++) {
		s[i] = osc_sendings_take(&all);
		assert_non_null(s[i]);
	}
	assert_int_equal(all.nr_spare, 0);
	assert_null(all.spare);
	for (size_t i = 0; i < 9; i++)
		free(s[i]);
}

static void long_output_is_taken_in_parts(void **state)
{
	static char text[2 * OSC_SERVER_PROGRESS];
	struct iovec iov[3];
	struct osc_sending s;

	(void)state;
	memset(text, 'x', sizeof(text));
	iov[0] = (struct iovec){ text, sizeof(text) };
	assert_int_equal(osc_sending_fill(&s, iov, 1, true), OSC_SENDING_BYTES);
	assert_int_equal(s.message.msg_iovlen, 1);
	/* The caller's may change. */
	text[0] = 'y';
	assert_int_equal(*(char *)s.message.msg_iov->iov_base, 'x');
	iov[0].iov_len = 3;
	assert_int_equal(osc_sending_fill(&s, iov, 1, true), 3);

	iov[0] = (struct iovec){ text, OSC_SERVER_PROGRESS - 10 };
	iov[1] = (struct iovec){ text, 100 };
	iov[2] = (struct iovec){ text, 100 };
	assert_int_equal(osc_sending_fill(&s, iov, 3, false),
			 OSC_SERVER_PROGRESS);
	assert_int_equal(s.message.msg_iovlen, 2);
	assert_ptr_equal(s.message.msg_iov[1].iov_base, text);
	assert_int_equal(s.message.msg_iov[1].iov_len, 10);
}

static void a_head_is_copied_and_what_is_behind_it_is_not(void **state)
{
	char head[2 * OSC_SENDING_BYTES] = "HTTP";
	static const char body[] = "body";
	struct iovec iov[2] = { { head, 4 }, { (char *)body, 4 } };
	struct osc_sending s;

	(void)state;
	assert_int_equal(osc_sending_fill(&s, iov, 2, true), 8);
	assert_int_equal(s.message.msg_iovlen, 2);
	assert_ptr_equal(s.message.msg_iov[1].iov_base, body);
	head[0] = 'x';
	assert_memory_equal(s.message.msg_iov[0].iov_base, "HTTP", 4);
	/* Of a longer one there is a part only, and nothing may follow that. */
	iov[0].iov_len = sizeof(head);
	assert_int_equal(osc_sending_fill(&s, iov, 2, true), OSC_SENDING_BYTES);
	assert_int_equal(s.message.msg_iovlen, 1);
}

static void what_was_sent_is_sent_no_more(void **state)
{
	struct iovec iov[3] = { { "head", 4 }, { "body", 4 }, { "end", 3 } };
	struct osc_sending s;

	(void)state;
	osc_sending_fill(&s, iov, 3, true);
	assert_false(osc_sending_sent(&s, 0));
	assert_false(osc_sending_sent(&s, 6));
	assert_int_equal(s.message.msg_iovlen, 2);
	assert_memory_equal(s.message.msg_iov[0].iov_base, "dy", 2);
	assert_int_equal(s.message.msg_iov[0].iov_len, 2);
	assert_false(osc_sending_sent(&s, 2));
	assert_int_equal(s.message.msg_iov[0].iov_len, 3);
	assert_true(osc_sending_sent(&s, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_taken_in_their_order),
		cmocka_unit_test(
			input_comes_out_in_its_order_and_leaves_nothing),
		cmocka_unit_test(what_many_had_at_once_is_given_back),
		cmocka_unit_test(long_output_is_taken_in_parts),
		cmocka_unit_test(a_head_is_copied_and_what_is_behind_it_is_not),
		cmocka_unit_test(what_was_sent_is_sent_no_more),
	};

	return cmocka_run_group_tests_name("uring_buffers", tests, NULL, NULL);
}
