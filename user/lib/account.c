// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/account.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/guard.h"
#include "lib/outfile.h"
#include "lib/program.h"

static const char *const names[OSC_NR_ACCOUNT] = {
	[OSC_ACCOUNT_ACCEPTS] = "accepts",
	[OSC_ACCOUNT_CLOSES] = "closes",
	[OSC_ACCOUNT_REQUESTS] = "requests",
	[OSC_ACCOUNT_RESPONSES_2XX] = "responses_2xx",
	[OSC_ACCOUNT_RESPONSES_4XX] = "responses_4xx",
	[OSC_ACCOUNT_RESPONSES_5XX] = "responses_5xx",
	[OSC_ACCOUNT_BYTES_IN] = "bytes_in",
	[OSC_ACCOUNT_BYTES_OUT] = "bytes_out",
	[OSC_ACCOUNT_FORKS] = "forks",
	[OSC_ACCOUNT_THREADS_CREATED] = "threads_created",
	[OSC_ACCOUNT_WORKER_EXITS] = "worker_exits",
	[OSC_ACCOUNT_WORKER_DEATHS] = "worker_deaths",
	[OSC_ACCOUNT_WAITS] = "waits",
	[OSC_ACCOUNT_WAITS_BLOCKED] = "waits_blocked",
	[OSC_ACCOUNT_WAIT_EVENTS] = "wait_events",
	[OSC_ACCOUNT_ACCEPT_PAUSES] = "accept_pauses",
	[OSC_ACCOUNT_REFUSED] = "refused",
	[OSC_ACCOUNT_TIMEOUTS] = "timeouts",
	[OSC_ACCOUNT_READS] = "reads",
	[OSC_ACCOUNT_READS_EMPTY] = "reads_empty",
	[OSC_ACCOUNT_WRITES] = "writes",
	[OSC_ACCOUNT_CALLS] = "calls",
	[OSC_ACCOUNT_WAITS_USELESS] = "waits_useless",
	[OSC_ACCOUNT_ACCEPT_WAKES] = "accept_wakes",
	[OSC_ACCOUNT_ACCEPT_VAIN] = "accept_vain",
	[OSC_ACCOUNT_BYTES_PAGES] = "bytes_pages",
};

const char *osc_account_name(enum osc_account_field field)
{
	return names[field];
}

static void fill(struct osc_account *a, const char *model)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	a->version = OSC_ACCOUNT_VERSION;
	a->bytes = sizeof(*a);
	snprintf(a->model, sizeof(a->model), "%s", model);
	a->pid = getpid();
	a->start_monotonic_ns = osc_clock_ns();
	a->start_realtime_ns =
		(uint64_t)now.tv_sec * OSC_NS_PER_S + (uint64_t)now.tv_nsec;
	/* Last: a reader that finds the magic finds the rest. */
	__atomic_store_n(&a->magic, OSC_ACCOUNT_MAGIC, __ATOMIC_RELEASE);
}

/* fd -1: for this process and its children alone */
static int map(int fd, struct osc_account **out, struct osc_error *e)
{
	struct osc_account *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
				     MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0),
				     fd, 0);

	int ret;

	if (a == MAP_FAILED)
		return osc_error_set(e, errno,
				     "account: cannot map %zu bytes: %s; try "
				     "a path on another file system",
				     sizeof(*a), strerror(errno));
	ret = fd < 0 ? 0 : osc_guard_add(a, sizeof(*a));
	if (ret) {
		munmap(a, sizeof(*a));
		return osc_error_set(e, -ret, "account: cannot guard it: %s",
				     strerror(-ret));
	}
	*out = a;
	return 0;
}

int osc_account_create(const char *path, const char *model,
		       struct osc_account **out, struct osc_error *e)
{
	struct osc_outfile file = { 0 };
	struct osc_account *a = NULL;
	int ret;

	/* With all its blocks: no write into it can meet a full disk. */
	if (path) {
		ret = osc_outfile_open_mapped(&file, "account file", path,
					      sizeof(*a), e);
		if (ret)
			return ret;
	}
	ret = map(path ? fileno(file.file) : -1, &a, e);
	if (ret) {
		osc_outfile_abandon(&file);
		return ret;
	}
	fill(a, model);
	ret = path ? osc_outfile_commit(&file, e) : 0;
	if (ret) {
		osc_account_destroy(a);
		return ret;
	}
	*out = a;
	return 0;
}

void osc_account_destroy(struct osc_account *a)
{
	if (!a)
		return;
	osc_guard_remove(a);
	munmap(a, sizeof(*a));
}

bool osc_account_is_intact(const struct osc_account *a)
{
	return a->magic == OSC_ACCOUNT_MAGIC;
}

struct osc_books osc_account_books(struct osc_account *a, unsigned int index,
				   bool exclusive)
{
	return (struct osc_books){
		.slot = &a->slot[index % OSC_ACCOUNT_MASTER],
		.exclusive = exclusive && index < OSC_ACCOUNT_MASTER,
	};
}

void osc_account_close_open(struct osc_account_slot *slot)
{
	atomic_store(&slot->value[OSC_ACCOUNT_CLOSES],
		     atomic_load(&slot->value[OSC_ACCOUNT_ACCEPTS]));
}

void osc_account_sum(const struct osc_account *a,
		     struct osc_account_snapshot *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->model, a->model, sizeof(out->model));
	out->model[sizeof(out->model) - 1] = '\0';
	out->pid = a->pid;
	out->state = atomic_load(&a->state);
	out->start_monotonic_ns = a->start_monotonic_ns;
	out->start_realtime_ns = a->start_realtime_ns;
	/*
	 * Fields from last to first: an event is counted after the one that
	 * led to it, so no sum shows more closes than accepts.
	 */
	for (int f = OSC_NR_ACCOUNT - 1; f >= 0; f--) {
		for (int s = 0; s < OSC_ACCOUNT_SLOTS; s++)
			out->value[f] += atomic_load_explicit(
				&a->slot[s].value[f], memory_order_acquire);
	}
	if (out->value[OSC_ACCOUNT_ACCEPTS] > out->value[OSC_ACCOUNT_CLOSES])
		out->connections_open = out->value[OSC_ACCOUNT_ACCEPTS] -
					out->value[OSC_ACCOUNT_CLOSES];
}

static int check_size(int fd, const char *what, struct osc_error *e)
{
	struct stat st;

	if (fstat(fd, &st))
		return osc_error_set(e, errno, "account file%s: %s", what,
				     strerror(errno));
	if (st.st_size != (off_t)sizeof(struct osc_account))
		return osc_error_set(e, EINVAL,
				     "account file%s: %jd bytes instead of "
				     "%zu; try the file of a server of this "
				     "version",
				     what, (intmax_t)st.st_size,
				     sizeof(struct osc_account));
	return 0;
}

int osc_account_open(const char *path, struct osc_account_reader *out,
		     struct osc_error *e)
{
	const struct osc_account *a;
	char what[256];
	int fd, ret;

	snprintf(what, sizeof(what), " '%s'", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return osc_error_set(e, errno,
				     "account file%s: %s; try the path given "
				     "to '%s serve --account'",
				     what, strerror(errno), osc_program());
	ret = check_size(fd, what, e);
	if (ret)
		goto close_fd;
	a = mmap(NULL, sizeof(*a), PROT_READ, MAP_SHARED, fd, 0);
	if (a == MAP_FAILED) {
		ret = osc_error_set(e, errno, "account file%s: cannot map: %s",
				    what, strerror(errno));
		goto close_fd;
	}
	ret = osc_guard_add((void *)a, sizeof(*a));
	if (ret) {
		munmap((void *)a, sizeof(*a));
		osc_error_set(e, -ret, "account file%s: cannot guard it: %s",
			      what, strerror(-ret));
		goto close_fd;
	}
	if (a->magic != OSC_ACCOUNT_MAGIC || a->bytes != sizeof(*a) ||
	    a->version != OSC_ACCOUNT_VERSION) {
		ret = osc_error_set(e, EINVAL,
				    "account file%s: not the account of a "
				    "server of this version",
				    what);
		osc_guard_remove(a);
		munmap((void *)a, sizeof(*a));
		goto close_fd;
	}
	out->fd = fd;
	out->map = a;
	return 0;
close_fd:
	close(fd);
	return ret;
}

int osc_account_read(const struct osc_account_reader *r,
		     struct osc_account_snapshot *out, struct osc_error *e)
{
	int ret = check_size(r->fd, "", e);

	if (ret)
		return ret;
	osc_account_sum(r->map, out);
	/* It may have been cut while it was read. */
	ret = check_size(r->fd, "", e);
	if (!ret && !osc_account_is_intact(r->map))
		ret = osc_error_set(e, EINVAL,
				    "account file: cut while it was in use");
	return ret;
}

void osc_account_reader_close(struct osc_account_reader *r)
{
	if (!r->map)
		return;
	osc_guard_remove(r->map);
	munmap((void *)r->map, sizeof(*r->map));
	close(r->fd);
	r->map = NULL;
	r->fd = -1;
}
