// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/module.h"

#include <errno.h>
#include <linux/osconcepts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/module_msg.h"
#include "lib/netlink.h"
#include "lib/procfs_cpus.h"
#include "lib/program.h"

/* A list that changes with every look is given up after so many. */
#define DUMP_TRIES 32

struct osc_module {
	struct osc_netlink *nl;
	struct osc_netlink_family family;
	uint32_t dropped; /* of the notifications, as last told */
	bool lost; /* told since the last one that was received */
	uint16_t control; /* family that tells of families; 0: not subscribed */
	bool unloaded;
};

/* Room for a command with the path of the program. */
#define HINT_SIZE 256

/* What to try after a refusal, by errno; in text, of size bytes. */
static const char *hint(int err, char *text, size_t size)
{
	const char *osc = osc_program();

	*text = '\0';
	if (err == EPERM || err == EACCES)
		return "; try sudo, or a process of your own";
	if (err == ESRCH)
		return "; try ps -e";
	if (err == ENOENT)
		snprintf(text, size, "; try %s targets", osc);
	else if (err == ENOSPC)
		snprintf(text, size, "; try %s targets del", osc);
	else if (err == EBUSY)
		snprintf(text, size, "; try sudo %s targets, which shows it",
			 osc);
	return text;
}

int osc_module_missing(const char *what, struct osc_error *e)
{
	return osc_error_set_exit(
		e, OSC_EXIT_MISSING, ENOENT,
		"cannot %s: the module osconcepts is not loaded; try: %s", what,
		osc_program_load_module());
}

/*
 * The kernel's ENOENT is for a target that is not there, or for the family. One
 * that was loaded again has another number.
 */
static bool is_unloaded(const struct osc_module *m, struct osc_netlink *nl)
{
	struct osc_netlink_family family;
	int ret = osc_netlink_family(nl, OSCONCEPTS_FAMILY_NAME, &family, NULL);

	return ret == -ENOENT || (!ret && family.id != m->family.id);
}

/* Something that is needed is missing here: a right, a feature. */
static enum osc_exit exit_of(int err)
{
	bool missing = err == EPERM || err == EACCES || err == EOPNOTSUPP ||
		       err == ENODEV;

	return missing ? OSC_EXIT_MISSING : OSC_EXIT_FAILED;
}

static int unloaded(const char *doing, struct osc_error *e)
{
	return osc_error_set_exit(
		e, OSC_EXIT_MISSING, ENODEV,
		"cannot %s: the module osconcepts has been unloaded; try: %s",
		doing, osc_program_load_module());
}

/* A refusal by the module, or the kernel in its place, as an error. */
static int refused(struct osc_module *m, int ret, const char *doing,
		   const char *why, const char *hint, struct osc_error *e)
{
	if (ret == -ENOENT && is_unloaded(m, m->nl))
		return unloaded(doing, e);
	return osc_error_set_exit(e, exit_of(-ret), -ret, "cannot %s: %s%s",
				  doing, why, hint);
}

int osc_module_check_version(uint32_t version, struct osc_error *e)
{
	if (version == OSCONCEPTS_FAMILY_VERSION)
		return 0;
	return osc_error_set_exit(
		e, OSC_EXIT_MISSING, EPROTONOSUPPORT,
		"cannot use the module: module of another version: it speaks "
		"%u and this program %u; try: sudo rmmod osconcepts && %s",
		version, OSCONCEPTS_FAMILY_VERSION, osc_program_load_module());
}

int osc_module_open(struct osc_module **out, struct osc_error *e)
{
	struct osc_module *m = calloc(1, sizeof(*m));
	int ret;

	*out = NULL;
	if (!m)
		return osc_error_set(e, ENOMEM,
				     "cannot open the module: out of memory");
	ret = osc_netlink_open(&m->nl, e);
	/* A kernel without netlink has no module of ours either. */
	if (ret == -EPROTONOSUPPORT || ret == -EAFNOSUPPORT)
		ret = -ENOENT;
	if (!ret)
		ret = osc_netlink_family(m->nl, OSCONCEPTS_FAMILY_NAME,
					 &m->family, e);
	if (!ret)
		ret = osc_module_check_version(m->family.version, e);
	if (ret) {
		osc_module_close(m);
		return ret;
	}
	*out = m;
	return 0;
}

void osc_module_close(struct osc_module *m)
{
	if (!m)
		return;
	osc_netlink_close(m->nl);
	free(m);
}

/* A list as it grows; parse makes one element of one message. */
struct list {
	void *data;
	size_t n, room, size;
	int (*parse)(const struct nlmsghdr *nlh, void *out);
	const uint32_t *target; /* of histograms: only those of this one */
};

static int append(const struct nlmsghdr *nlh, void *arg)
{
	struct list *list = arg;
	int ret;

	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		void *more = reallocarray(list->data, room, list->size);

		if (!more)
			return -ENOMEM;
		list->data = more;
		list->room = room;
	}
	ret = list->parse(nlh, (char *)list->data + list->n * list->size);
	if (!ret)
		list->n++;
	return ret;
}

static int dump(struct osc_module *m, uint8_t command, struct list *list,
		const char *what, struct osc_error *e)
{
	char why[OSC_NETLINK_WHY_SIZE];
	char doing[64];
	int ret = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && ret == -EAGAIN; i++) {
		struct nlmsghdr *nlh = osc_netlink_begin(m->nl, &m->family,
							 command, NLM_F_DUMP);

		if (list->target)
			mnl_attr_put_u32(nlh, OSCONCEPTS_A_HISTOGRAM_TARGET,
					 *list->target);
		list->n = 0;
		ret = osc_netlink_request(m->nl, nlh, append, list, why);
	}
	if (!ret)
		return 0;
	free(list->data);
	list->data = NULL;
	snprintf(doing, sizeof(doing), "list the %s", what);
	if (ret == -EOPNOTSUPP)
		return osc_error_set_exit(
			e, OSC_EXIT_MISSING, EOPNOTSUPP,
			"cannot list the %s: the module is older than this "
			"program; try: sudo rmmod osconcepts && sudo insmod "
			"build/kmod/$(uname -r)/osconcepts.ko",
			what);
	if (ret == -EAGAIN)
		return osc_error_set(e, EAGAIN,
				     "cannot list the %s: they change faster "
				     "than they can be listed; try again",
				     what);
	return refused(m, ret, doing, why, "", e);
}

static int parse_source(const struct nlmsghdr *nlh, void *out)
{
	return osc_module_msg_source(nlh, out);
}

static int parse_totals(const struct nlmsghdr *nlh, void *out)
{
	return osc_module_msg_totals(nlh, out);
}

static int parse_target(const struct nlmsghdr *nlh, void *out)
{
	return osc_module_msg_target(nlh, out);
}

int osc_module_sources(struct osc_module *m, struct osc_source **out, size_t *n,
		       struct osc_error *e)
{
	struct list list = { .size = sizeof(**out), .parse = parse_source };
	int ret = dump(m, OSCONCEPTS_CMD_SOURCE_GET, &list, "sources", e);

	*out = list.data;
	*n = ret ? 0 : list.n;
	return ret;
}

int osc_module_cpus(struct osc_module *m, struct osc_cpu_counts **out,
		    size_t *n, struct osc_error *e)
{
	struct list list = { .size = sizeof(**out), .parse = parse_totals };
	struct osc_procfs_cpus cpus;
	int ret = dump(m, OSCONCEPTS_CMD_TOTALS_GET, &list, "CPUs", e);

	*out = list.data;
	*n = ret ? 0 : list.n;
	if (!ret && !osc_procfs_cpus_read(&cpus)) {
		for (size_t i = 0; i < *n; i++)
			osc_procfs_cpus_add_one(&cpus, (*out)[i].cpu,
						&(*out)[i].counts);
		osc_procfs_cpus_free(&cpus);
	}
	return ret;
}

int osc_module_targets(struct osc_module *m, struct osc_target **out, size_t *n,
		       struct osc_error *e)
{
	struct list list = { .size = sizeof(**out), .parse = parse_target };
	int ret = dump(m, OSCONCEPTS_CMD_TARGET_GET, &list, "targets", e);

	*out = list.data;
	*n = ret ? 0 : list.n;
	return ret;
}

/* The one element that answers a request which is no dump. */
struct one {
	void *out;
	bool found;
	int (*parse)(const struct nlmsghdr *nlh, void *out);
};

static int take_one(const struct nlmsghdr *nlh, void *arg)
{
	struct one *one = arg;

	one->found = true;
	return one->parse(nlh, one->out);
}

static int ask(struct osc_module *m, struct nlmsghdr *nlh, struct one *one,
	       char why[OSC_NETLINK_WHY_SIZE])
{
	int ret = osc_netlink_request(m->nl, nlh, take_one, one, why);

	if (!ret && !one->found) {
		strcpy(why, "the module said nothing");
		ret = -EBADMSG;
	}
	return ret;
}

int osc_module_totals(struct osc_module *m, struct osc_counts *out,
		      struct osc_error *e)
{
	struct nlmsghdr *nlh = osc_netlink_begin(m->nl, &m->family,
						 OSCONCEPTS_CMD_TOTALS_GET, 0);
	struct osc_cpu_counts totals;
	struct osc_procfs_cpus cpus;
	struct one one = { .out = &totals, .parse = parse_totals };
	char why[OSC_NETLINK_WHY_SIZE];
	int ret = ask(m, nlh, &one, why);

	if (ret)
		return refused(m, ret, "read the totals", why, "", e);
	*out = totals.counts;
	if (!osc_procfs_cpus_read(&cpus))
		osc_procfs_cpus_add(&cpus, out);
	osc_procfs_cpus_free(&cpus);
	return 0;
}

/* Another target is in the way; we may see it. */
static int in_the_way(struct osc_module *m, uint32_t id, pid_t pid,
		      const char *why, struct osc_error *e)
{
	struct osc_target target;
	int ret = osc_module_get(m, id, &target, e);

	if (ret)
		return ret;
	return osc_error_set(e, EBUSY,
			     "cannot watch process %d: %s: target %u (process "
			     "%d, %s, added by uid %u); try %s targets del %u",
			     (int)pid, why, id, (int)target.pid, target.comm,
			     target.uid, osc_program(), id);
}

int osc_module_add(struct osc_module *m, pid_t pid, unsigned int flags,
		   struct osc_target *out, struct osc_error *e)
{
	struct nlmsghdr *nlh = osc_netlink_begin(m->nl, &m->family,
						 OSCONCEPTS_CMD_TARGET_ADD, 0);
	struct osc_target target;
	struct one one = { .out = &target, .parse = parse_target };
	char why[OSC_NETLINK_WHY_SIZE], try[HINT_SIZE], doing[64];
	uint32_t other;
	int ret;

	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_PID, (uint32_t)pid);
	if (flags)
		mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_FLAGS, flags);
	ret = ask(m, nlh, &one, why);
	other = osc_netlink_cookie(m->nl);
	if (ret == -EBUSY && other)
		return in_the_way(m, other, pid, why, e);
	snprintf(doing, sizeof(doing), "watch process %d", (int)pid);
	if (ret)
		return refused(m, ret, doing, why, hint(-ret, try, sizeof(try)),
			       e);
	if (out)
		*out = target;
	return 0;
}

/* get and del: a target named, a target answered. */
static int by_id(struct osc_module *m, uint8_t command, const char *verb,
		 uint32_t id, struct osc_target *out, struct osc_error *e)
{
	struct nlmsghdr *nlh = osc_netlink_begin(m->nl, &m->family, command, 0);
	struct osc_target target;
	struct one one = { .out = &target, .parse = parse_target };
	char why[OSC_NETLINK_WHY_SIZE], try[HINT_SIZE], doing[64];
	int ret;

	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TARGET_ID, id);
	ret = ask(m, nlh, &one, why);
	snprintf(doing, sizeof(doing), "%s target %u", verb, id);
	if (ret)
		return refused(m, ret, doing, why, hint(-ret, try, sizeof(try)),
			       e);
	if (out)
		*out = target;
	return 0;
}

int osc_module_get(struct osc_module *m, uint32_t id, struct osc_target *out,
		   struct osc_error *e)
{
	return by_id(m, OSCONCEPTS_CMD_TARGET_GET, "read", id, out, e);
}

int osc_module_del(struct osc_module *m, uint32_t id, struct osc_target *out,
		   struct osc_error *e)
{
	return by_id(m, OSCONCEPTS_CMD_TARGET_DEL, "remove", id, out, e);
}

static int parse_timing(const struct nlmsghdr *nlh, void *out)
{
	return osc_module_msg_timing(nlh, out);
}

static int parse_histogram(const struct nlmsghdr *nlh, void *out)
{
	return osc_module_msg_histogram(nlh, out);
}

int osc_module_timings(struct osc_module *m, struct osc_timing **out, size_t *n,
		       struct osc_error *e)
{
	struct list list = { .size = sizeof(**out), .parse = parse_timing };
	int ret = dump(m, OSCONCEPTS_CMD_TIMING_GET, &list, "timings", e);

	*out = list.data;
	*n = ret ? 0 : list.n;
	return ret;
}

int osc_module_histograms(struct osc_module *m, const uint32_t *only,
			  struct osc_histogram **out, size_t *n,
			  struct osc_error *e)
{
	struct list list = { .size = sizeof(**out),
			     .parse = parse_histogram,
			     .target = only };
	int ret = dump(m, OSCONCEPTS_CMD_HISTOGRAM_GET, &list, "histograms", e);

	*out = list.data;
	*n = ret ? 0 : list.n;
	return ret;
}

int osc_module_timing_set(struct osc_module *m, const char *name,
			  enum osc_timing_level level, struct osc_timing *out,
			  struct osc_error *e)
{
	struct nlmsghdr *nlh = osc_netlink_begin(m->nl, &m->family,
						 OSCONCEPTS_CMD_TIMING_SET, 0);
	struct osc_timing timing;
	struct one one = { .out = &timing, .parse = parse_timing };
	char why[OSC_NETLINK_WHY_SIZE], doing[96];
	int ret;

	mnl_attr_put_strz(nlh, OSCONCEPTS_A_TIMING_NAME, name);
	mnl_attr_put_u32(nlh, OSCONCEPTS_A_TIMING_LEVEL, level);
	ret = ask(m, nlh, &one, why);
	snprintf(doing, sizeof(doing), "switch the timing %s to %s%s", name,
		 osc_timing_level_name(level),
		 ret == -EOPNOTSUPP ? ": unavailable here" : "");
	if (ret)
		return refused(m, ret, doing, why,
			       ret == -EPERM ? "; try sudo" : "", e);
	if (out)
		*out = timing;
	return 0;
}

static int join(struct osc_module *m, const struct osc_netlink_family *family,
		const char *group)
{
	for (size_t i = 0; i < family->nr_groups; i++) {
		if (!strcmp(family->groups[i].name, group))
			return osc_netlink_join(m->nl, family->groups[i].id);
	}
	return -ENOENT;
}

int osc_module_subscribe(struct osc_module *m, struct osc_error *e)
{
	struct osc_netlink_family control;
	int ret = osc_netlink_family(m->nl, "nlctrl", &control, e);

	if (ret)
		return ret;
	/* It tells when the module is unloaded: our own group just ends. */
	ret = join(m, &control, "notify");
	if (!ret)
		ret = join(m, &m->family, OSCONCEPTS_MCGRP_TARGETS);
	m->control = control.id;
	if (ret == -EPERM || ret == -EACCES)
		return osc_error_set_exit(
			e, OSC_EXIT_MISSING, -ret,
			"cannot hear notifications: the group '%s' needs "
			"CAP_SYS_ADMIN; try sudo",
			OSCONCEPTS_MCGRP_TARGETS);
	return ret ? refused(m, ret, "hear notifications", strerror(-ret), "",
			     e) :
		     0;
}

int osc_module_fd(const struct osc_module *m)
{
	return osc_netlink_fd(m->nl);
}

struct taker {
	struct osc_module *m;
	struct osc_event *out;
};

/* 1 for one that is not for us. */
static int take_event(const struct nlmsghdr *nlh, void *arg)
{
	struct taker *taker = arg;
	struct osc_module *m = taker->m;

	if (nlh->nlmsg_type == m->control) {
		m->unloaded |= osc_module_msg_is_end(nlh, m->family.id);
		return 1;
	}
	return osc_module_msg_event(nlh, taker->out);
}

/* Among what was lost there may be that the module was unloaded. */
static bool was_unloaded(struct osc_module *m)
{
	struct osc_netlink *other;
	bool unloaded;

	if (osc_netlink_open(&other, NULL))
		return false;
	unloaded = is_unloaded(m, other);
	osc_netlink_close(other);
	return unloaded;
}

static bool take_dropped(struct osc_module *m, struct osc_event *out)
{
	uint32_t dropped = osc_netlink_dropped(m->nl) - m->dropped;

	if (!dropped)
		return false;
	m->dropped += dropped;
	m->lost = true;
	m->unloaded |= was_unloaded(m);
	*out = (struct osc_event){ .kind = OSC_EVENT_LOST, .lost = dropped };
	return true;
}

/* So many notifications that are not known here are passed over in a call. */
#define KNOWN_WITHIN 64

int osc_module_next(struct osc_module *m, struct osc_event *out,
		    struct osc_error *e)
{
	struct taker taker = { .m = m, .out = out };
	int ret = -EAGAIN;

	*out = (struct osc_event){ 0 };
	/*
	 * 1 is a notification that is not known here. -ENOBUFS comes once for
	 * all that are dropped until the socket is empty: their number tells. It
	 * also comes for one that the kernel had no memory to make.
	 */
	for (int left = KNOWN_WITHIN; left; left--) {
		if (take_dropped(m, out))
			return 0;
		if (m->unloaded)
			return unloaded("hear notifications", e);
		ret = osc_netlink_receive(m->nl, take_event, &taker);
		if (ret == -ENOBUFS && take_dropped(m, out))
			return 0;
		if (ret == -ENOBUFS && !m->lost) {
			m->lost = true;
			m->unloaded |= was_unloaded(m);
			*out = (struct osc_event){ .kind = OSC_EVENT_LOST,
						   .lost = 1 };
			return 0;
		}
		if (ret != 1 && ret != -ENOBUFS)
			break;
	}
	if (!ret)
		m->lost = false;
	/* The caller looks at its signals and timers before the next. */
	if (ret == 1 || ret == -ENOBUFS)
		ret = -EAGAIN;
	if (ret && ret != -EAGAIN)
		return osc_error_set(e, -ret, "cannot hear notifications: %s",
				     strerror(-ret));
	return ret;
}

/* The interface of counters.h. */

static int module_open(void **state, struct osc_error *e)
{
	struct osc_module *m;
	int ret = osc_module_open(&m, e);

	*state = m;
	return ret;
}

static void module_close(void *state)
{
	osc_module_close(state);
}

static int module_totals(void *state, struct osc_counts *out,
			 struct osc_error *e)
{
	return osc_module_totals(state, out, e);
}

static int module_watch(void *state, pid_t pid, unsigned int flags,
			uint32_t *id, struct osc_error *e)
{
	struct osc_target target;
	/* It follows orphans in any case. */
	int ret = osc_module_add(state, pid, flags & ~OSC_WATCH_ORPHANS,
				 &target, e);

	if (!ret)
		*id = target.id;
	return ret;
}

static int module_read(void *state, uint32_t id, struct osc_counts *out,
		       struct osc_error *e)
{
	struct osc_target target;
	int ret = osc_module_get(state, id, &target, e);

	if (!ret)
		*out = target.counts;
	return ret;
}

static int module_unwatch(void *state, uint32_t id, struct osc_error *e)
{
	return osc_module_del(state, id, NULL, e);
}

const struct osc_counters_ops osc_module_ops = {
	.name = "module",
	.open = module_open,
	.close = module_close,
	.totals = module_totals,
	.watch = module_watch,
	.read = module_read,
	.unwatch = module_unwatch,
};
