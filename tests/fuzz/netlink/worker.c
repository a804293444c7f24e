// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * worker.c - one user of the family: several sockets that come and go, among
 * processes that come and go, or a reader of /proc/osconcepts.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/osconcepts.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../vm/lib/nobody.h"
#include "../../vm/lib/sleeper.h"
#include "fuzz.h"

#define SOCKETS 4
#define ANSWERS_MAX 64 /* of one message, before the next is sent */
#define ANSWER_BYTES (64U << 10)

/* Switching a timing on or off takes as long as thousands of messages. */
#define SLOW_ONCE_IN 64

/* The CPUs are for the others: a read costs as much as many messages. */
#define READ_PAUSE_US 200000

struct user {
	const struct worker *worker;
	struct maker maker;
	struct rng rng; /* what is done besides messages */
	struct kcov kcov;
	int sockets[SOCKETS];
	uint64_t digest; /* of what has been made to be sent */
	bool is_ours; /* the message just sent: for the family */
};

static int open_socket(struct user *u)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		return -1;
	if (bind(fd, (const void *)&any, sizeof(any))) {
		close(fd);
		return -1;
	}
	/* Without effect where refused: that is a socket too. */
	if (rng_once_in(&u->rng, 2))
		setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	if (rng_once_in(&u->rng, 4))
		setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (rng_once_in(&u->rng, 4))
		setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
			   sizeof(on));
	if (rng_once_in(&u->rng, 4))
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			   &u->worker->group, sizeof(u->worker->group));
	return fd;
}

static int reopen_socket(struct user *u, unsigned int i)
{
	if (u->sockets[i] >= 0)
		close(u->sockets[i]);
	u->sockets[i] = open_socket(u);
	return u->sockets[i] < 0 ? -1 : 0;
}

/*
 * Never the first: in a PID namespace of its own, all would end with it; nor
 * the last, which is this process.
 */
static void replace_process(struct user *u)
{
	pid_t *pid = &u->maker.pids[1 + rng_below(&u->rng, KNOWN_PIDS - 2)];

	if (*pid > 0)
		sleeper_end(*pid);
	*pid = sleeper_start();
}

/* The first one is shown. */
static void malformed(struct tally *tally, const char *what, int value)
{
	if (!atomic_fetch_add(&tally->malformed, 1))
		snprintf(tally->first, sizeof(tally->first), "%s (%d)", what,
			 value);
}

static void check_attributes(struct tally *tally, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	const char *end = mnl_nlmsg_get_payload_tail(nlh);
	const char *at =
		mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr));

	while (at < end) {
		attr = (const void *)at;
		if (!mnl_attr_ok(attr, (int)(end - at))) {
			malformed(tally, "an attribute is cut off",
				  (int)(end - at));
			return;
		}
		at = (const char *)mnl_attr_next(attr);
	}
}

/* The error for the message just sent, 0 for none; -1: says nothing of it. */
static int check_answer(const struct user *u, const struct nlmsghdr *nlh,
			uint32_t seq)
{
	struct tally *tally = u->worker->tally;
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

	atomic_fetch_add(&tally->answers, 1);
	if (nlh->nlmsg_type == u->worker->family) {
		check_attributes(tally, nlh);
		/* How a dump went is said at its end. */
		return nlh->nlmsg_seq == seq &&
				       !(nlh->nlmsg_flags & NLM_F_MULTI) ?
			       0 :
			       -1;
	}
	/* Other families answer for themselves. */
	if (nlh->nlmsg_seq != seq || !u->is_ours ||
	    (nlh->nlmsg_type != NLMSG_ERROR && nlh->nlmsg_type != NLMSG_DONE))
		return -1;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(error->error) ||
	    error->error > 0 || error->error <= -ERRNO_MAX) {
		malformed(tally, "no error number", error->error);
		return -1;
	}
	return -error->error;
}

static int check_answers(const struct user *u, const void *buf, int len,
			 uint32_t seq)
{
	const struct nlmsghdr *nlh = buf;
	int error = -1, one;

	while (len >= (int)MNL_NLMSG_HDRLEN) {
		if (!mnl_nlmsg_ok(nlh, len)) {
			malformed(u->worker->tally, "a message is cut off",
				  len);
			break;
		}
		one = check_answer(u, nlh, seq);
		if (one >= 0)
			error = one;
		nlh = mnl_nlmsg_next(nlh, &len);
	}
	return error;
}

static int receive(const struct user *u, int fd, uint32_t seq)
{
	static char buf[ANSWER_BYTES];
	int error = -1, one;
	ssize_t len;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (len <= 0)
			break;
		one = check_answers(u, buf, (int)len, seq);
		if (one >= 0)
			error = one;
	}
	return error;
}

static void book(struct tally *tally, const struct message *m, int error)
{
	unsigned int command = message_command(m);

	if (command == fuzz_nr_commands)
		command = COMMANDS_MAX;
	if (error < 0)
		atomic_fetch_add(&tally->unanswered[command], 1);
	else
		atomic_fetch_add(&tally->answered[command][error], 1);
}

static void note_coverage(struct user *u, const struct message *m)
{
	if (!u->worker->has_coverage)
		return;
	if (kcov_mark(&u->kcov) && u->worker->keep_dir)
		/* What is not kept is found again. */
		(void)corpus_save(u->worker->keep_dir, m);
	/* Also what the next one's forks, exits and closed sockets run. */
	kcov_reset(&u->kcov);
}

static void send_one(struct user *u, const struct message *m)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct tally *tally = u->worker->tally;
	unsigned int i = rng_below(&u->rng, SOCKETS);
	bool reads = !rng_once_in(&u->rng, 16), is_sent;
	struct message sent;
	uint32_t seq = 0;
	int error = -1;

	u->digest = message_hash(u->digest, m);
	message_resolve(&u->maker, m, &sent);
	u->is_ours = message_is_for_family(m);
	if (m->len >= NLMSG_HDRLEN)
		memcpy(&seq, m->bytes + offsetof(struct nlmsghdr, nlmsg_seq),
		       sizeof(seq));
	is_sent = sendto(u->sockets[i], sent.bytes, sent.len, MSG_DONTWAIT,
			 (const void *)&kernel, sizeof(kernel)) >= 0;
	/* Or it is found full by the next, or closed in the middle of a dump. */
	if (reads)
		error = receive(u, u->sockets[i], seq);
	note_coverage(u, m);
	atomic_fetch_add(&tally->messages, 1);
	if (is_sent)
		book(tally, m, error);
	else
		atomic_fetch_add(&tally->refused, 1);
}

static bool is_slow(const struct message *m)
{
	unsigned int i = message_command(m);

	return i < fuzz_nr_commands &&
	       fuzz_commands[i].cmd == OSCONCEPTS_CMD_TIMING_SET;
}

static int step(struct user *u)
{
	struct message m;

	if (rng_once_in(&u->rng, 256))
		replace_process(u);
	if (rng_once_in(&u->rng, 256) &&
	    reopen_socket(u, rng_below(&u->rng, SOCKETS)))
		return -1;
	message_make(&u->maker, &m);
	if (u->worker->role == ROLE_ROOT && is_slow(&m) &&
	    !rng_once_in(&u->rng, SLOW_ONCE_IN))
		m.bytes[NLMSG_HDRLEN] = OSCONCEPTS_CMD_TIMING_GET;
	send_one(u, &m);
	return 0;
}

static int enter_namespaces(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID);
}

static int become(const struct worker *w)
{
	if (w->role == ROLE_NOBODY || w->role == ROLE_READER_NOBODY)
		become_nobody();
	if (w->role == ROLE_NAMESPACES)
		return enter_namespaces();
	return 0;
}

static int run_user(const struct worker *w)
{
	static struct user user;
	struct user *u = &user;
	unsigned int i;

	u->worker = w;
	rng_seed(&u->maker.rng, w->seed * 64 + 2 * w->number);
	rng_seed(&u->rng, w->seed * 64 + 2 * w->number + 1);
	u->maker.family = w->family;
	u->maker.corpus = w->corpus;
	u->maker.in_corpus = w->in_corpus;
	if (w->has_coverage &&
	    (kcov_open(&u->kcov, w->tally->seen) || kcov_start(&u->kcov))) {
		perror("kcov");
		return 1;
	}
	if (become(w)) {
		perror("namespaces");
		return 1;
	}
	for (i = 0; i < KNOWN_PIDS - 1; i++)
		u->maker.pids[i] = sleeper_start();
	u->maker.pids[i] = getpid();
	for (i = 0; i < SOCKETS; i++) {
		u->sockets[i] = -1;
		if (reopen_socket(u, i)) {
			perror("socket");
			return 1;
		}
	}
	for (uint64_t n = 0; n < w->messages && !atomic_load(&w->tally->stop);
	     n++) {
		if (step(u)) {
			perror("socket");
			return 1;
		}
	}
	atomic_fetch_xor(&w->tally->digest, u->digest);
	/* The first of a PID namespace ends when the others have been reaped. */
	for (i = KNOWN_PIDS - 1; i--;)
		sleeper_end(u->maker.pids[i]);
	return 0;
}

static bool is_text(const char *text, ssize_t len)
{
	for (ssize_t i = 0; i < len; i++) {
		if (text[i] != '\n' && ((unsigned char)text[i] < ' '))
			return false;
	}
	return true;
}

/* Within the file, about its end or a page's, or nowhere near. */
static off_t some_offset(struct rng *rng, uint32_t size)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return rng_below(rng, size + 1);
	case 1:
		return (off_t)size + rng_below(rng, 128) - rng_below(rng, 64);
	case 2:
		return (rng_below(rng, size / 4096 + 2) + 1) * 4096 -
		       rng_below(rng, 64);
	}
	return (off_t)(rng_next(rng) >> 1);
}

static ssize_t read_some(struct tally *tally, struct rng *rng, int fd,
			 off_t offset)
{
	static char text[64 << 10];
	size_t size =
		1 + rng_below(rng, rng_once_in(rng, 2) ? 64 : sizeof(text));
	ssize_t len = offset < 0 ? read(fd, text, size) :
				   pread(fd, text, size, offset);

	atomic_fetch_add(&tally->reads, 1);
	if (len > 0 && !is_text(text, len))
		atomic_fetch_add(&tally->bad_reads, 1);
	return len;
}

/* From its beginning, in pieces; its size, or less where that is enough. */
static uint32_t read_pieces(struct tally *tally, struct rng *rng, int fd)
{
	uint32_t size = 0;
	ssize_t len;

	do {
		len = read_some(tally, rng, fd, -1);
		if (len > 0)
			size += (uint32_t)len;
	} while (len > 0 && size < (1u << 20) && !rng_once_in(rng, 256));
	return size;
}

static int run_reader(const struct worker *w)
{
	uint32_t size = 0;
	struct rng rng;
	int fd;

	become(w);
	rng_seed(&rng, w->seed * 64 + 2 * w->number);
	while (!atomic_load(&w->tally->stop)) {
		fd = open("/proc/osconcepts", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return 1;
		if (rng_once_in(&rng, 4))
			size = read_pieces(w->tally, &rng, fd);
		for (unsigned int i = rng_below(&rng, 8); i; i--)
			read_some(w->tally, &rng, fd, some_offset(&rng, size));
		close(fd);
		usleep(READ_PAUSE_US);
	}
	return 0;
}

int worker_run(const struct worker *w)
{
	/* Whoever started us says when to stop, and none outlives it. */
	signal(SIGINT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return w->role < ROLE_READER ? run_user(w) : run_reader(w);
}
