// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the module's messages mean, and what is refused. Messages are built
 * here, so that the tests need no module and can send what none would. The
 * transport is tried on the kernel's own family, nlctrl.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/osconcepts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"
#include "lib/module_msg.h"
#include "lib/netlink.h"

#define SEQ 7
#define PORT 4711

static _Alignas(8) char buf[8192];
static struct nlmsghdr *nlh;
static struct osc_error e;

static struct nlmsghdr *begin_at(void *at, uint16_t type, uint8_t command)
{
	struct genlmsghdr *genl;

	nlh = mnl_nlmsg_put_header(at);
	nlh->nlmsg_type = type;
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

static void begin(uint8_t command)
{
	memset(buf, 0, sizeof(buf));
	begin_at(buf, 40, command);
}

/* Every counter is its attribute's number times ten. */
static void put_counters(uint16_t nest)
{
	struct nlattr *n = mnl_attr_nest_start(nlh, nest);

	for (int i = OSCONCEPTS_A_COUNTERS_PAD + 1;
	     i <= OSCONCEPTS_A_COUNTERS_MAX; i++)
		mnl_attr_put_u64(nlh, (uint16_t)i, (uint64_t)i * 10);
	mnl_attr_nest_end(nlh, n);
}

static void put_target(void)
{
	begin(OSCONCEPTS_CMD_TARGET_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, 3);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_PID, 812);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_FLAGS,
			 OSCONCEPTS_TARGET_FLAGS_NO_FOLLOW);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_UID, 1000);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TARGET_COMM, "nginx");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_STATE,
			 OSCONCEPTS_TARGET_STATE_EXITED);
	put_counters(OSCONCEPTS_A_TARGET_COUNTERS);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TARGET_TASKS_LIVE, 1);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TARGET_TASKS_EXITED, 2);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TARGET_LOST, 4);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TARGET_EPOLL_CALLBACKS_UNKNOWN, 7);
}

static void reads_a_target(void **state)
{
	struct osc_target t;

	(void)state;
	put_target();
	assert_int_equal(osc_module_msg_target(nlh, &t), 0);
	assert_int_equal(t.id, 3);
	assert_int_equal(t.pid, 812);
	assert_int_equal(t.uid, 1000);
	assert_int_equal(t.flags, OSC_WATCH_NO_FOLLOW);
	assert_string_equal(t.comm, "nginx");
	assert_true(t.exited);
	assert_false(t.root_lives);
	assert_int_equal(t.counts.tasks_live, 1);
	assert_int_equal(t.counts.tasks_exited, 2);
	assert_int_equal(t.counts.lost, 4);
	assert_int_equal(t.counts.callbacks_unknown, 7);
	assert_int_equal(t.counts.value[OSC_SWITCHES_VOLUNTARY],
			 10 * OSCONCEPTS_A_COUNTERS_CONTEXT_SWITCHES_VOLUNTARY);
	assert_int_equal(t.counts.value[OSC_EPOLL_WAKEUPS],
			 10 * OSCONCEPTS_A_COUNTERS_EPOLL_WAKEUPS);
	assert_int_equal(t.counts.value[OSC_RUN_DELAY_NS],
			 10 * OSCONCEPTS_A_COUNTERS_RUN_DELAY_NS);
	/* The sum of the two kinds is ours. */
	assert_int_equal(t.counts.value[OSC_SWITCHES],
			 t.counts.value[OSC_SWITCHES_VOLUNTARY] +
				 t.counts.value[OSC_SWITCHES_INVOLUNTARY]);
	assert_int_equal(t.counts.present, (1u << OSC_NR_COUNTERS) - 1);
}

/* The children of a root that has ended live on: its PID may be another's. */
static void a_tree_without_its_root_says_so(void **state)
{
	struct osc_target t;

	(void)state;
	put_target();
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_STATE,
			 OSCONCEPTS_TARGET_STATE_LIVE);
	assert_int_equal(osc_module_msg_target(nlh, &t), 0);
	assert_true(t.root_lives);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ROOT_STATE,
			 OSCONCEPTS_TARGET_STATE_EXITED);
	assert_int_equal(osc_module_msg_target(nlh, &t), 0);
	assert_false(t.exited);
	assert_false(t.root_lives);
}

static void a_counter_that_is_absent_is_not_zero(void **state)
{
	struct osc_cpu_counts t;
	struct nlattr *nest;

	(void)state;
	begin(OSCONCEPTS_CMD_TOTALS_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TOTALS_CPU, 5);
	nest = mnl_attr_nest_start(nlh, OSCONCEPTS_A_TOTALS_COUNTERS);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_COUNTERS_PAGE_FAULTS_MINOR, 9);
	mnl_attr_nest_end(nlh, nest);
	assert_int_equal(osc_module_msg_totals(nlh, &t), 0);
	assert_int_equal(t.cpu, 5);
	assert_int_equal(t.counts.present, 1u << OSC_FAULTS_MINOR);
	assert_int_equal(t.counts.value[OSC_FAULTS_MINOR], 9);
}

static void totals_of_the_system_have_no_cpu(void **state)
{
	struct osc_cpu_counts t;

	(void)state;
	begin(OSCONCEPTS_CMD_TOTALS_GET);
	put_counters(OSCONCEPTS_A_TOTALS_COUNTERS);
	assert_int_equal(osc_module_msg_totals(nlh, &t), 0);
	assert_true(t.cpu == UINT32_MAX);
}

static void reads_a_source_and_names_what_is_new(void **state)
{
	struct osc_source s;

	(void)state;
	begin(OSCONCEPTS_CMD_SOURCE_GET);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_SOURCE_NAME, "epoll");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_SOURCE_STATE,
			 OSCONCEPTS_SOURCE_STATE_UNAVAILABLE);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_SOURCE_VIA, 99);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_SOURCE_WHY, "no such function");
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_SOURCE_HITS, 1ull << 40);
	assert_int_equal(osc_module_msg_source(nlh, &s), 0);
	assert_string_equal(s.name, "epoll");
	assert_string_equal(s.state, "unavailable");
	assert_string_equal(s.via, "unknown");
	assert_string_equal(s.why, "no such function");
	assert_true(s.hits == 1ull << 40);
	assert_int_equal(s.lost, 0);
}

static void a_source_that_was_silenced_says_so(void **state)
{
	struct osc_source s;

	(void)state;
	begin(OSCONCEPTS_CMD_SOURCE_GET);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_SOURCE_NAME, "epoll");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_SOURCE_STATE,
			 OSCONCEPTS_SOURCE_STATE_SILENCED);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_SOURCE_WHY, "ftrace_enabled=0");
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_SOURCE_GAPS, 3);
	assert_int_equal(osc_module_msg_source(nlh, &s), 0);
	assert_string_equal(s.state, "silenced");
	assert_string_equal(s.why, "ftrace_enabled=0");
	assert_int_equal(s.gaps, 3);
}

static void reads_a_timing(void **state)
{
	struct osc_timing t;

	(void)state;
	begin(OSCONCEPTS_CMD_TIMING_GET);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TIMING_NAME, "off_cpu");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TIMING_LEVEL,
			 OSCONCEPTS_TIMING_LEVEL_ALL);
	assert_int_equal(osc_module_msg_timing(nlh, &t), -EBADMSG);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TIMING_STATE,
			 OSCONCEPTS_SOURCE_STATE_ON);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TIMING_LOST, 12);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TIMING_SINCE_NS, 99);
	assert_int_equal(osc_module_msg_timing(nlh, &t), 0);
	assert_string_equal(t.name, "off_cpu");
	assert_int_equal(t.level, OSC_TIMING_ALL);
	assert_string_equal(t.state, "on");
	assert_string_equal(t.why, "");
	assert_int_equal(t.lost, 12);
	assert_int_equal(t.since_ns, 99);
}

static void put_histogram(uint32_t sub_bits, uint64_t n, uint32_t first,
			  size_t length)
{
	static const uint64_t slots[OSC_TIMES_SLOTS + 1] = { 3, 0, 4 };

	begin(OSCONCEPTS_CMD_HISTOGRAM_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_TARGET, 5);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_HISTOGRAM_NAME, "time_slice");
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_HISTOGRAM_UNIT, "ns");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_SUB_BITS, sub_bits);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_COUNT, n);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_SUM, 7000);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_FIRST_SLOT, first);
	mnl_attr_put(nlh, OSCONCEPTS_A_HISTOGRAM_SLOTS, length, slots);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_SINCE_NS, 10);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_TIME_NS, 20);
}

static void reads_a_histogram(void **state)
{
	struct osc_histogram h;

	(void)state;
	put_histogram(2, 7, 60, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), 0);
	assert_int_equal(h.target, 5);
	assert_string_equal(h.name, "time_slice");
	assert_string_equal(h.unit, "ns");
	assert_int_equal(h.count, 7);
	assert_int_equal(h.sum, 7000);
	assert_int_equal(h.slots[60], 3);
	assert_int_equal(h.slots[62], 4);
	assert_false(h.has_useless);
	assert_int_equal(h.time_ns - h.since_ns, 10);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_USELESS, 0);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), 0);
	assert_true(h.has_useless);
	/* The last slot there is. */
	put_histogram(2, 7, OSC_TIMES_SLOTS - 3, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), 0);
	assert_int_equal(h.slots[OSC_TIMES_SLOTS - 1], 4);
}

static void a_histogram_without_slots_is_empty(void **state)
{
	struct osc_histogram h;

	(void)state;
	begin(OSCONCEPTS_CMD_HISTOGRAM_GET);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_HISTOGRAM_NAME, "time_slice");
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_HISTOGRAM_UNIT, "ns");
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_SUB_BITS, 2);
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_HISTOGRAM_COUNT, 0);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), 0);
	assert_int_equal(h.target, 0);
	assert_int_equal(h.count, 0);
}

static void a_histogram_that_makes_no_sense_is_refused(void **state)
{
	struct osc_histogram h;

	(void)state;
	/* Slots that do not add up, or are no whole numbers. */
	put_histogram(2, 8, 60, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	put_histogram(2, 7, 60, 28);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	/* Beyond the last slot, by a step and by an overflow. */
	put_histogram(2, 7, OSC_TIMES_SLOTS - 2, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	put_histogram(2, 7, UINT32_MAX, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	put_histogram(2, 7, 0, (OSC_TIMES_SLOTS + 1) * sizeof(uint64_t));
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	/* A width of slots that is not known. */
	put_histogram(3, 7, 60, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
	put_histogram(UINT32_MAX, 7, 60, 24);
	assert_int_equal(osc_module_msg_histogram(nlh, &h), -EBADMSG);
}

static void attributes_of_a_newer_module_are_skipped(void **state)
{
	struct osc_target t;

	(void)state;
	put_target();
	mnl_attr_put_u64(nlh, OSCONCEPTS_A_TARGET_MAX + 1, 1);
	mnl_attr_put_strz(nlh, 500, "what is this");
	assert_int_equal(osc_module_msg_target(nlh, &t), 0);
	assert_int_equal(t.id, 3);
}

static void a_name_cannot_steer_the_terminal(void **state)
{
	struct osc_target t;

	(void)state;
	begin(OSCONCEPTS_CMD_TARGET_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, 3);
	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TARGET_COMM, "a\033[2Jb");
	put_counters(OSCONCEPTS_A_TARGET_COUNTERS);
	assert_int_equal(osc_module_msg_target(nlh, &t), 0);
	assert_string_equal(t.comm, "a?[2Jb");
}

static void a_target_without_number_or_counters_is_refused(void **state)
{
	struct osc_target t;

	(void)state;
	begin(OSCONCEPTS_CMD_TARGET_GET);
	put_counters(OSCONCEPTS_A_TARGET_COUNTERS);
	assert_int_equal(osc_module_msg_target(nlh, &t), -EBADMSG);
	begin(OSCONCEPTS_CMD_TARGET_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, 3);
	assert_int_equal(osc_module_msg_target(nlh, &t), -EBADMSG);
}

static void a_value_of_the_wrong_size_is_refused(void **state)
{
	struct osc_target t;

	(void)state;
	begin(OSCONCEPTS_CMD_TARGET_GET);
	mnl_attr_put_u16(nlh, OSCONCEPTS_A_TARGET_ID, 3);
	put_counters(OSCONCEPTS_A_TARGET_COUNTERS);
	assert_int_equal(osc_module_msg_target(nlh, &t), -EBADMSG);
	/* A name without its end. */
	begin(OSCONCEPTS_CMD_TARGET_GET);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, 3);
	mnl_attr_put(nlh, OSCONCEPTS_A_TARGET_COMM, 4, "abcd");
	put_counters(OSCONCEPTS_A_TARGET_COUNTERS);
	assert_int_equal(osc_module_msg_target(nlh, &t), -EBADMSG);
}

/* Whatever the length and whichever byte is wrong: an answer or a refusal. */
static void a_message_cut_or_damaged_anywhere_does_no_harm(void **state)
{
	_Alignas(8) char copy[sizeof(buf)];
	struct osc_target t;
	uint32_t length;

	(void)state;
	put_target();
	length = nlh->nlmsg_len;
	for (uint32_t n = NLMSG_HDRLEN; n < length; n++) {
		/* Of its own size, so that a sanitizer sees the end. */
		char *cut = test_malloc(n);

		memcpy(cut, buf, n);
		((struct nlmsghdr *)cut)->nlmsg_len = n;
		osc_module_msg_target((struct nlmsghdr *)cut, &t);
		test_free(cut);
	}
	for (uint32_t n = NLMSG_HDRLEN + GENL_HDRLEN; n < length; n++) {
		memcpy(copy, buf, sizeof(copy));
		copy[n] ^= (char)0xff;
		osc_module_msg_target((struct nlmsghdr *)copy, &t);
	}
}

static void events_have_their_kind_and_new_ones_are_skipped(void **state)
{
	struct osc_event event;
	struct genlmsghdr *genl;

	(void)state;
	put_target();
	genl = mnl_nlmsg_get_payload(nlh);
	genl->cmd = OSCONCEPTS_CMD_TARGET_EXIT_NTF;
	/* All of it is filled in, also what only another kind has. */
	memset(&event, 0xa5, sizeof(event));
	assert_int_equal(osc_module_msg_event(nlh, &event), 0);
	assert_int_equal(event.kind, OSC_EVENT_EXIT);
	assert_int_equal(event.lost, 0);
	assert_int_equal(event.target.id, 3);
	genl->cmd = OSCONCEPTS_CMD_MAX + 1;
	assert_int_equal(osc_module_msg_event(nlh, &event), 1);
}

static int count(const struct nlmsghdr *message, void *arg)
{
	(void)message;
	(*(int *)arg)++;
	return 0;
}

static size_t error_message(int err, const char *why)
{
	struct nlmsgerr *error;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT;
	nlh->nlmsg_flags = NLM_F_CAPPED;
	error = mnl_nlmsg_put_extra_header(nlh, sizeof(*error));
	error->error = err;
	error->msg.nlmsg_len = 64;
	if (why) {
		nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, why);
	}
	return nlh->nlmsg_len;
}

static struct osc_netlink_answer answer(int *seen)
{
	*seen = 0;
	return (struct osc_netlink_answer){
		.seq = SEQ, .portid = PORT, .fn = count, .arg = seen
	};
}

static void an_ack_ends_the_answer(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);

	(void)state;
	assert_int_equal(osc_netlink_feed(&a, buf, error_message(0, NULL)), 1);
	assert_int_equal(seen, 0);
}

static void a_refusal_carries_the_kernels_reason(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);

	(void)state;
	assert_int_equal(osc_netlink_feed(&a, buf,
					  error_message(-EPERM, "not yours")),
			 -EPERM);
	assert_string_equal(a.why, "not yours");
	a = answer(&seen);
	assert_int_equal(osc_netlink_feed(&a, buf, error_message(-EPERM, NULL)),
			 -EPERM);
	assert_string_equal(a.why, strerror(EPERM));
}

/* The target that is in the way; a cookie of another size is not ours. */
static void a_refusal_may_point_at_something(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);

	(void)state;
	error_message(-EBUSY, "in the way");
	mnl_attr_put_u32(nlh, NLMSGERR_ATTR_COOKIE, 812);
	assert_int_equal(osc_netlink_feed(&a, buf, nlh->nlmsg_len), -EBUSY);
	assert_string_equal(a.why, "in the way");
	assert_int_equal(a.cookie, 812);
	a = answer(&seen);
	error_message(-EBUSY, "in the way");
	mnl_attr_put_u64(nlh, NLMSGERR_ATTR_COOKIE, 812);
	assert_int_equal(osc_netlink_feed(&a, buf, nlh->nlmsg_len), -EBUSY);
	assert_string_equal(a.why, "in the way");
	assert_int_equal(a.cookie, 0);
}

/* What nlctrl tells of families: of ours that it has gone, nothing else. */
static void the_end_of_a_family_is_told_from_other_news(void **state)
{
	(void)state;
	begin(CTRL_CMD_DELFAMILY);
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, 40);
	assert_true(osc_module_msg_is_end(nlh, 40));
	assert_false(osc_module_msg_is_end(nlh, 41));
	begin(CTRL_CMD_NEWFAMILY);
	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, 40);
	assert_false(osc_module_msg_is_end(nlh, 40));
	begin(CTRL_CMD_DELFAMILY);
	assert_false(osc_module_msg_is_end(nlh, 40));
	mnl_attr_put_u32(nlh, CTRL_ATTR_FAMILY_ID, 40);
	assert_false(osc_module_msg_is_end(nlh, 40));
}

static void
a_refusal_that_repeats_the_request_has_its_reason_behind(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);
	struct nlmsgerr *error;
	size_t length;

	(void)state;
	error_message(-EINVAL, NULL);
	nlh->nlmsg_flags = NLM_F_ACK_TLVS;
	error = mnl_nlmsg_get_payload(nlh);
	/* A request with 4 bytes behind its header. */
	error->msg.nlmsg_len = sizeof(error->msg) + 4;
	mnl_nlmsg_put_extra_header(nlh, 4);
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "behind");
	length = nlh->nlmsg_len;
	assert_int_equal(osc_netlink_feed(&a, buf, length), -EINVAL);
	assert_string_equal(a.why, "behind");
	/* One that claims to repeat more than it holds. */
	error->msg.nlmsg_len = 1u << 31;
	a = answer(&seen);
	assert_int_equal(osc_netlink_feed(&a, buf, length), -EINVAL);
	assert_string_equal(a.why, strerror(EINVAL));
}

static void answers_to_others_are_skipped(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);
	size_t length = error_message(-EPERM, NULL);

	(void)state;
	nlh->nlmsg_seq = SEQ - 1;
	assert_int_equal(osc_netlink_feed(&a, buf, length), 0);
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT + 1;
	assert_int_equal(osc_netlink_feed(&a, buf, length), 0);
	put_target();
	nlh->nlmsg_pid = 0;
	assert_int_equal(osc_netlink_feed(&a, buf, nlh->nlmsg_len), 0);
	assert_int_equal(seen, 0);
}

static void a_dump_that_changed_is_marked(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);
	size_t length;

	(void)state;
	put_target();
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	length = nlh->nlmsg_len;
	nlh = mnl_nlmsg_put_header(buf + length);
	nlh->nlmsg_type = NLMSG_DONE;
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT;
	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = 0;
	assert_int_equal(osc_netlink_feed(&a, buf, length + nlh->nlmsg_len), 1);
	assert_true(a.interrupted);
	assert_int_equal(seen, 1);
}

static void a_dump_can_end_in_an_error(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);

	(void)state;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = NLMSG_DONE;
	nlh->nlmsg_flags = NLM_F_ACK_TLVS;
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT;
	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = -ENOMEM;
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "too many");
	assert_int_equal(osc_netlink_feed(&a, buf, nlh->nlmsg_len), -ENOMEM);
	assert_string_equal(a.why, "too many");
}

static void answers_that_make_no_sense_are_refused(void **state)
{
	int seen;
	struct osc_netlink_answer a = answer(&seen);
	size_t length;

	(void)state;
	/* A header alone, a message longer than what came, a bare header. */
	put_target();
	length = nlh->nlmsg_len;
	assert_int_equal(osc_netlink_feed(&a, buf, length - 4), -EBADMSG);
	assert_int_equal(osc_netlink_feed(&a, buf, 8), -EBADMSG);
	nlh->nlmsg_len = 3;
	assert_int_equal(osc_netlink_feed(&a, buf, length), -EBADMSG);
	nlh->nlmsg_len = NLMSG_HDRLEN;
	assert_int_equal(osc_netlink_feed(&a, buf, NLMSG_HDRLEN), -EBADMSG);
	/* An error that is none, and one that is cut. */
	length = error_message(EPERM, NULL);
	assert_int_equal(osc_netlink_feed(&a, buf, length), -EBADMSG);
	error_message(-EPERM, NULL);
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;
	assert_int_equal(osc_netlink_feed(&a, buf, NLMSG_HDRLEN + 4), -EBADMSG);
	assert_non_null(strstr(a.why, "no sense"));
	assert_int_equal(seen, 0);
}

static struct osc_netlink *open_netlink(void)
{
	struct osc_netlink *nl;

	if (osc_netlink_open(&nl, &e))
		fail_msg("%s", e.text);
	return nl;
}

static void finds_a_family_and_its_groups(void **state)
{
	struct osc_netlink *nl = open_netlink();
	struct osc_netlink_family family;

	(void)state;
	assert_int_equal(osc_netlink_family(nl, "nlctrl", &family, &e), 0);
	assert_int_equal(family.id, GENL_ID_CTRL);
	assert_true(family.version > 0);
	assert_int_equal(family.nr_groups, 1);
	assert_string_equal(family.groups[0].name, "notify");
	assert_int_equal(osc_netlink_family(nl, "no such thing", &family, &e),
			 -ENOENT);
	osc_netlink_close(nl);
}

static void dumps_a_real_family(void **state)
{
	const struct osc_netlink_family control = { .id = GENL_ID_CTRL,
						    .version = 2 };
	struct osc_netlink *nl = open_netlink();
	char why[OSC_NETLINK_WHY_SIZE];
	int n = 0;

	(void)state;
	assert_int_equal(
		osc_netlink_request(nl,
				    osc_netlink_begin(nl, &control,
						      CTRL_CMD_GETFAMILY,
						      NLM_F_DUMP),
				    count, &n, why),
		0);
	assert_true(n >= 1);
	osc_netlink_close(nl);
}

static void a_real_refusal_says_why(void **state)
{
	const struct osc_netlink_family control = { .id = GENL_ID_CTRL,
						    .version = 2 };
	struct osc_netlink *nl = open_netlink();
	char why[OSC_NETLINK_WHY_SIZE] = "";
	int n = 0;

	(void)state;
	assert_true(osc_netlink_request(nl,
					osc_netlink_begin(nl, &control, 200, 0),
					count, &n, why) < 0);
	assert_true(why[0] != '\0');
	assert_int_equal(n, 0);
	/* The handle is as good as before. */
	assert_int_equal(
		osc_netlink_request(nl,
				    osc_netlink_begin(nl, &control,
						      CTRL_CMD_GETFAMILY,
						      NLM_F_DUMP),
				    count, &n, why),
		0);
	assert_int_equal(osc_netlink_receive(nl, count, &n), -EAGAIN);
	osc_netlink_close(nl);
}

/* Root may write to our socket: the caller has its turn between. */
static void messages_of_others_are_passed_over_some_at_a_time(void **state)
{
	struct osc_netlink *nl = open_netlink(), *other = open_netlink();
	struct sockaddr_nl to = { .nl_family = AF_NETLINK }, from;
	socklen_t size = sizeof(to);
	const struct nlmsghdr message = { .nlmsg_len = sizeof(message) };
	char byte;
	int n = 0;

	(void)state;
	assert_int_equal(getsockname(osc_netlink_fd(nl), (void *)&to, &size),
			 0);
	for (int i = 0; i < 300; i++) {
		if (sendto(osc_netlink_fd(other), &message, sizeof(message), 0,
			   (const void *)&to, sizeof(to)) < 0)
			skip(); /* not root */
	}
	assert_int_equal(osc_netlink_receive(nl, count, &n), -EAGAIN);
	assert_int_equal(n, 0);
	size = sizeof(from);
	assert_true(recvfrom(osc_netlink_fd(nl), &byte, 1,
			     MSG_PEEK | MSG_DONTWAIT, (void *)&from,
			     &size) >= 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(osc_netlink_receive(nl, count, &n), -EAGAIN);
	assert_true(recvfrom(osc_netlink_fd(nl), &byte, 1,
			     MSG_PEEK | MSG_DONTWAIT, (void *)&from,
			     &size) < 0);
	osc_netlink_close(other);
	osc_netlink_close(nl);
}

static void what_the_callback_says_ends_the_request(void **state)
{
	const struct osc_netlink_family control = { .id = GENL_ID_CTRL,
						    .version = 2 };
	struct osc_netlink *nl = open_netlink();
	struct osc_netlink_family family;
	char why[OSC_NETLINK_WHY_SIZE];

	(void)state;
	assert_int_equal(
		osc_netlink_request(
			nl,
			osc_netlink_begin(nl, &control, CTRL_CMD_GETFAMILY,
					  NLM_F_DUMP),
			(osc_netlink_fn)osc_module_msg_source, &family, why),
		-EBADMSG);
	/* The rest of that answer does not disturb the next. */
	assert_int_equal(osc_netlink_family(nl, "nlctrl", &family, &e), 0);
	osc_netlink_close(nl);
}

static void a_module_of_another_version_is_told(void **state)
{
	(void)state;
	assert_int_equal(
		osc_module_check_version(OSCONCEPTS_FAMILY_VERSION, &e), 0);
	assert_int_equal(osc_module_check_version(OSCONCEPTS_FAMILY_VERSION + 1,
						  &e),
			 -EPROTONOSUPPORT);
	assert_int_equal(e.exit_code, OSC_EXIT_MISSING);
	assert_non_null(strstr(e.text, "module of another version"));
	assert_non_null(strstr(e.text, "; try"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_target),
		cmocka_unit_test(a_tree_without_its_root_says_so),
		cmocka_unit_test(a_counter_that_is_absent_is_not_zero),
		cmocka_unit_test(totals_of_the_system_have_no_cpu),
		cmocka_unit_test(reads_a_source_and_names_what_is_new),
		cmocka_unit_test(a_source_that_was_silenced_says_so),
		cmocka_unit_test(reads_a_timing),
		cmocka_unit_test(reads_a_histogram),
		cmocka_unit_test(a_histogram_without_slots_is_empty),
		cmocka_unit_test(a_histogram_that_makes_no_sense_is_refused),
		cmocka_unit_test(attributes_of_a_newer_module_are_skipped),
		cmocka_unit_test(
			a_target_without_number_or_counters_is_refused),
		cmocka_unit_test(a_name_cannot_steer_the_terminal),
		cmocka_unit_test(a_value_of_the_wrong_size_is_refused),
		cmocka_unit_test(
			a_message_cut_or_damaged_anywhere_does_no_harm),
		cmocka_unit_test(
			events_have_their_kind_and_new_ones_are_skipped),
		cmocka_unit_test(an_ack_ends_the_answer),
		cmocka_unit_test(a_refusal_carries_the_kernels_reason),
		cmocka_unit_test(a_refusal_may_point_at_something),
		cmocka_unit_test(the_end_of_a_family_is_told_from_other_news),
		cmocka_unit_test(
			a_refusal_that_repeats_the_request_has_its_reason_behind),
		cmocka_unit_test(answers_to_others_are_skipped),
		cmocka_unit_test(a_dump_that_changed_is_marked),
		cmocka_unit_test(a_dump_can_end_in_an_error),
		cmocka_unit_test(answers_that_make_no_sense_are_refused),
		cmocka_unit_test(a_module_of_another_version_is_told),
		cmocka_unit_test(finds_a_family_and_its_groups),
		cmocka_unit_test(dumps_a_real_family),
		cmocka_unit_test(a_real_refusal_says_why),
		cmocka_unit_test(
			messages_of_others_are_passed_over_some_at_a_time),
		cmocka_unit_test(what_the_callback_says_ends_the_request),
	};

	return cmocka_run_group_tests_name("module", tests, NULL, NULL);
}
